"""The scales of the chart: percentages at the left, times below. Pure functions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from claude_meter_tui.output import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_meter_tui.dashboard.widgets.drawn_text import Line

MARGIN = 5
"""`100 ┤`."""
_QUIET = "$meter-countdown"
_FINE_FROM = 10
_STEPS = tuple(timedelta(minutes=minutes) for minutes in (10, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 20160))
_CELLS_A_TICK = 9
_NOW = "now"
RESET = "↻"


def figures(rows: int, top: float) -> dict[int, int]:
    """Which percentage stands at which row, counted from the top: a quarter apart where there is room."""
    shown = (0, 25, 50, 75, 100) if rows >= _FINE_FROM else (0, 50, 100)
    found = {row_of(figure, rows, top): figure for figure in shown}
    return found if top <= 100 else {**found, 0: round(top)}


def row_of(figure: float, rows: int, top: float) -> int:
    """The row whose cells hold this figure's height; the top one for `top`, the lowest for 0."""
    return min(rows - 1, max(0, int((1 - figure / top) * rows)))


def times(start: datetime, end: datetime, now: datetime, plot: int, resets: set[int]) -> Line:
    """The row of times: where it begins and ends, now, resets, and as many full hours or days as fit."""
    cells = [" "] * plot
    right = words.clock_time(end, now)
    column = int((now - start) / (end - start) * plot)
    _put(cells, right, plot - len(right))
    if 0 <= column < plot:
        _put(cells, _NOW, min(column - 1, plot - len(right) - len(_NOW) - 1)) or _put(cells, _NOW, column - 3)
    _put(cells, _start_words(start, end, now), 0)
    for at, text in _ticks(start, end, plot):
        _put(cells, text, at)
    for at in resets:
        _put(cells, RESET, at)
    return ((" " * MARGIN, ""), ("".join(cells), _QUIET))


def _put(cells: list[str], text: str, at: int) -> bool:
    """Write a text where nothing else stands, with a space on both sides."""
    at = max(0, at)
    around = cells[max(0, at - 1) : at + len(text) + 1]
    if at + len(text) > len(cells) or any(cell != " " for cell in around):
        return False
    cells[at : at + len(text)] = text
    return True


def _start_words(start: datetime, end: datetime, now: datetime) -> str:
    local = start.astimezone()
    if local.date() == now.astimezone().date() or end - start <= timedelta(hours=12):
        return words.time_of_day(local)
    return f"{local:%b} {local.day}" + (f" {words.time_of_day(local)}" if end - start <= timedelta(days=8) else "")


def _ticks(start: datetime, end: datetime, plot: int) -> Iterator[tuple[int, str]]:
    """(column, words) of full hours, days or weeks, so far apart that their words fit."""
    span = end - start
    step = next((step for step in _STEPS if plot * (step / span) >= _CELLS_A_TICK), _STEPS[-1])
    local = start.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    moment = local
    for _ in range(4000):
        if moment >= end:
            return
        if moment > start:
            yield int((moment - start) / span * plot), _tick_words(moment, step, span)
        moment += step


def _tick_words(moment: datetime, step: timedelta, span: timedelta) -> str:
    if span > timedelta(days=8):
        return f"{moment:%b} {moment.day}"
    whole_day = step >= timedelta(days=1) or not (moment.hour or moment.minute)
    return f"{moment:%a}" if whole_day else words.time_of_day(moment)
