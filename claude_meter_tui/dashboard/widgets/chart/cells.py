"""The picture of a window's history, cell by cell: what was read, an even pace, what is forecast, the other windows.

Pure functions. What was read is a body of eighths of a cell, which lines beyond it never cover.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.dashboard.widgets.bar import LEVEL_STYLES
from claude_meter_tui.dashboard.widgets.chart import axis
from claude_meter_tui.dashboard.widgets.chart.braille import line_cells
from claude_meter_tui.domain import urgency
from claude_meter_tui.domain.instances import resets_in
from claude_meter_tui.settings.looks import Looks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_meter_tui.dashboard.widgets.drawn_text import Line, Lines
    from claude_meter_tui.domain.instances import Point
    from claude_meter_tui.domain.windows import Window
    from claude_meter_tui.output.pace_words import Pace

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LINE, _AHEAD, _OTHERS = "$meter-line", "$accent", "$meter-others"
NOW, RESET, FAN, SINGLE = "│", "┊", "░", "●"
Values = list[float | None]


class Charted(NamedTuple):
    """What there is to draw.

    `fan` is what is forecast, (seconds since 1970, 10, 50, 90 %), `pace` what follows without that; `others` the
    readings of the other windows; `cursor` a column counted from the right.
    """

    window: Window
    points: Sequence[Point]
    now: datetime
    start: datetime
    end: datetime
    fan: Sequence[tuple[float, float, float, float]] = ()
    pace: Pace | None = None
    others: Sequence[Sequence[Point]] = ()
    show_left: bool = False
    cursor: int | None = None
    looks: Looks = Looks()


def column_values(points: Sequence[Point], start: datetime, end: datetime, now: datetime, width: int) -> Values:
    """The utilization at the end of each column's slice of time.

    None before the first reading, past a reset that no reading followed, and after `now`.
    """
    slice_of = (end - start) / width
    values: Values = []
    index, last = 0, None
    for column in range(width):
        until = start + slice_of * (column + 1)
        while index < len(points) and points[index].observed_at <= until:
            last = points[index]
            index += 1
        at = min(until, now)
        gone = last is None or until - slice_of > now
        if gone or last is None or (last.resets_at is not None and last.resets_at <= at - slice_of):
            values.append(None)
        else:
            values.append(last.utilization)
    return values


def plot_width(width: int) -> int:
    """The columns of the picture in so many cells."""
    return width - axis.MARGIN


def moment_at(charted: Charted, column: int, plot: int) -> datetime:
    """The time in the middle of a column."""
    return charted.start + (charted.end - charted.start) * ((column + 0.5) / plot)


def chart_lines(charted: Charted, width: int, height: int) -> Lines:
    """The chart in `width` × `height` cells: rows of bars, and one row of times."""
    plot, rows = plot_width(width), height - 1
    if plot < 10 or rows < 2:
        return ()
    start, end, now = charted.start, charted.end, charted.now
    values = column_values(charted.points, start, end, now, plot)
    top = 100.0 if charted.show_left else max([100.0, *(value for value in values if value is not None)])
    shown = [None if value is None else max(0.0, top - value) if charted.show_left else value for value in values]
    resets = {
        column
        for moment in resets_in(charted.points)
        if 0 <= (column := int((moment - start) / (end - start) * plot)) < plot
    }
    marks = dict.fromkeys(resets, (RESET, "$meter-countdown"))
    at_now = int((now - start) / (end - start) * plot)
    if 0 <= at_now < plot:
        marks[at_now] = (NOW, "$accent")
    over = _lines_over(charted, plot, rows, top)
    at_cursor = None if charted.cursor is None else plot - 1 - charted.cursor
    figures = axis.figures(rows, top)
    levels = ["" if value is None else LEVEL_STYLES[charted.looks.level(value)] for value in values]
    alone = sum(value is not None for value in values) == 1 and len(charted.points) == 1
    drawn = []
    for row in range(rows):
        pieces = [(f"{figures[row]:>3} ┤" if row in figures else "    │", "$meter-countdown")]
        for column, value in enumerate(shown):
            body = _alone if alone else _body
            piece = body(row, rows, value, top, levels[column]) or over.get((row, column)) or marks.get(column)
            sign, style = piece or (" ", "")
            pieces.append((sign, f"reverse {style}".strip() if column == at_cursor else style))
        drawn.append(_merged(pieces))
    return (*drawn, axis.times(start, end, now, plot, resets))


def _body(row: int, rows: int, value: float | None, top: float, style: str) -> tuple[str, str] | None:
    """What was read, as much of it as lies in this row."""
    if value is None:
        return None
    low, high = (rows - 1 - row) / rows * top, (rows - row) / rows * top
    eighths = max(0, min(8, round((value - low) / (high - low) * 8)))
    if not eighths and row == rows - 1 and value > 0:
        eighths = 1
    return (_EIGHTHS[eighths], style) if eighths else None


def _alone(row: int, rows: int, value: float | None, top: float, style: str) -> tuple[str, str] | None:
    """A single reading: a mark at its height, since nothing is known of what was before."""
    if value is None or row != axis.row_of(value, rows, top):
        return None
    return SINGLE, style


def _lines_over(charted: Charted, plot: int, rows: int, top: float) -> dict[tuple[int, int], tuple[str, str]]:
    """Every line beyond the body, the most telling last: it covers the others."""
    found: dict[tuple[int, int], tuple[str, str]] = {}

    def draw(share_at: Callable[[float], float | None], style: str) -> None:
        flipped = (lambda at: None if (value := share_at(at)) is None else 1 - value) if charted.show_left else share_at
        found.update({cell: (sign, style) for cell, sign in line_cells(plot, rows, flipped).items()})

    for points in charted.others:
        values = column_values(points, charted.start, charted.end, charted.now, plot)
        draw(lambda at, values=values: None if (one := values[int(at)]) is None else one / top, _OTHERS)  # type: ignore[misc]
    draw(_pace(charted, plot, top), _LINE)
    ahead = _fan_columns(charted, plot)
    if ahead:
        for column, (least, _, most) in ahead.items():
            if charted.show_left:
                least, most = top - most, top - least
            for row in range(axis.row_of(most, rows, top), axis.row_of(least, rows, top) + 1):
                found[row, column] = (FAN, _LINE)
        draw(lambda at: ahead[int(at)][1] / top if int(at) in ahead else None, _AHEAD)
    else:
        draw(_onward(charted, plot, top), _AHEAD)
    return found


def _pace(charted: Charted, plot: int, top: float) -> Callable[[float], float | None]:
    """The even pace of this instance of the window."""
    window = charted.window
    if window.resets_at is None or not window.length_seconds or urgency.is_over(window.resets_at, charted.now):
        return lambda _: None
    opened = window.resets_at - timedelta(seconds=window.length_seconds)
    return _straight(charted, plot, (opened, 0.0), (window.resets_at, 100 / top))


def _onward(charted: Charted, plot: int, top: float) -> Callable[[float], float | None]:
    """How it goes on at the pace it had so far, where nothing is forecast."""
    window = charted.window
    if charted.pace is None or window.resets_at is None:
        return lambda _: None
    at_reset, fills = charted.pace
    end = (window.resets_at, at_reset / top) if fills is None else (fills, 100 / top)
    return _straight(charted, plot, (charted.now, window.utilization / top), end)


def _straight(
    charted: Charted, plot: int, first: tuple[datetime, float], last: tuple[datetime, float]
) -> Callable[[float], float | None]:
    span = (charted.end - charted.start) / plot
    begin, until = (first[0] - charted.start) / span, (last[0] - charted.start) / span

    def share_at(column: float) -> float | None:
        if not begin <= column <= until or until <= begin:
            return None
        return first[1] + (last[1] - first[1]) * (column - begin) / (until - begin)

    return share_at


def _fan_columns(charted: Charted, plot: int) -> dict[int, tuple[float, float, float]]:
    """(10, 50, 90 %) of every column after now that the forecast reaches, each between 0 and 100."""
    found: dict[int, tuple[float, float, float]] = {}
    fan, now = charted.fan, charted.now.timestamp()
    place = 0
    for column in range(plot):
        moment = moment_at(charted, column, plot).timestamp()
        if moment <= now or not fan or moment > fan[-1][0]:
            continue
        while place + 1 < len(fan) and fan[place + 1][0] <= moment:
            place += 1
        least, middle, most = (min(100.0, max(0.0, value)) for value in fan[place][1:])
        found[column] = (least, middle, most)
    return found


def _merged(pieces: list[tuple[str, str]]) -> Line:
    merged: list[tuple[str, str]] = []
    for text, style in pieces:
        if merged and merged[-1][1] == style:
            merged[-1] = (merged[-1][0] + text, style)
        else:
            merged.append((text, style))
    return tuple(merged)


def token_row(series: Sequence[tuple[int, int]], start: datetime, end: datetime, width: int) -> Line:
    """Local tokens over the chart's span, a column as high as its share of the highest; aligned with the chart."""
    plot = plot_width(width)
    begin, span = start.timestamp() * 1000, (end - start).total_seconds() * 1000
    columns = [0] * plot
    for at, tokens in series:
        column = int((at - begin) / span * plot)
        if 0 <= column < plot:
            columns[column] += tokens
    top = max(columns, default=0)
    cells = "".join(_EIGHTHS[-(-count * 8 // top)] if count else " " for count in columns) if top else " " * plot
    return (("tok │", "$meter-countdown"), (cells, "$meter-local"))
