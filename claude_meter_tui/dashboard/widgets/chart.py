"""The history of the selected window: utilization over its span, resets and "now" marked, the even pace dotted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Lines
from claude_meter_tui.dashboard.widgets.gauge import LEVEL_STYLES
from claude_meter_tui.domain import urgency
from claude_meter_tui.domain.instances import resets_in
from claude_meter_tui.output import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.instances import Point
    from claude_meter_tui.domain.windows import Window

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_MARGIN = 5  # "100 │"
_DEFAULT_SPAN = timedelta(days=7)
_TOKENS_FROM = 6


def span_of(window: Window, now: datetime, spans: int) -> tuple[datetime, datetime]:
    """What the chart covers: this instance of the window, or that many of them up to its reset.

    An idle or ended window, or one of unknown length, gets the time up to `now`.
    """
    length = timedelta(seconds=window.length_seconds) if window.length_seconds else _DEFAULT_SPAN
    end = window.resets_at if window.resets_at is not None and window.resets_at > now else now
    return end - length * spans, end


def column_values(
    points: Sequence[Point], start: datetime, end: datetime, now: datetime, width: int
) -> list[float | None]:
    """The utilization at the end of each column's slice of time.

    None before the first reading, past a reset that no reading followed, and after `now`.
    """
    slice_of = (end - start) / width
    values: list[float | None] = []
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


Fan = list[tuple[float, float, float, float]]


def chart_lines(
    window: Window, points: Sequence[Point], now: datetime, spans: int, width: int, height: int, fan: Fan | None = None
) -> Lines:
    """The chart in `width` × `height` cells: rows of bars, and one row of times.

    `fan` is what is forecast, (seconds since 1970, 10, 50, 90 %): drawn from now to the reset, the middle as a line.
    """
    plot, rows = width - _MARGIN, height - 1
    if plot < 10 or rows < 2:
        return ()
    start, end = span_of(window, now, spans)
    values = column_values(points, start, end, now, plot)
    top = max([100.0, *(value for value in values if value is not None)])
    marks = _marks(points, start, end, now, plot)
    ahead = _fan_columns(fan or [], start, end, now, plot)
    lines = [_row(row, rows, values, top, marks, spans, ahead) for row in range(rows)]
    return (*lines, _axis(start, end, now, plot))


def _fan_columns(
    fan: Fan, start: datetime, end: datetime, now: datetime, plot: int
) -> dict[int, tuple[float, float, float]]:
    """(10, 50, 90 %) of every column after now that the forecast reaches."""
    found: dict[int, tuple[float, float, float]] = {}
    begin, span = start.timestamp(), (end - start).total_seconds()
    place = 0
    for column in range(plot):
        moment = begin + (column + 0.5) / plot * span
        if moment <= now.timestamp() or not fan or moment > fan[-1][0]:
            continue
        while place + 1 < len(fan) and fan[place + 1][0] <= moment:
            place += 1
        found[column] = fan[place][1:]
    return found


def _marks(points: Sequence[Point], start: datetime, end: datetime, now: datetime, plot: int) -> dict[int, str]:
    """Columns with a vertical line: resets, and now."""
    found: dict[int, str] = {}
    for moment, sign in [*((reset, "╎") for reset in resets_in(points)), (now, "┆")]:
        column = int((moment - start) / (end - start) * plot)
        if 0 <= column < plot:
            found[column] = sign
    return found


def _row(
    row: int,
    rows: int,
    values: list[float | None],
    top: float,
    marks: dict[int, str],
    spans: int,
    ahead: dict[int, tuple[float, float, float]],
) -> Line:
    """One row of cells, from the top; `row` counts down from 0."""
    low, high = (rows - 1 - row) / rows * top, (rows - row) / rows * top
    figure = next((figure for figure in (top, top / 2, 0.0) if row == _row_of(figure, rows, top)), None)
    label = "   " if figure is None else f"{figure:>3.0f}"
    pieces: list[tuple[str, str]] = [(f"{label} │", "$meter-countdown")]
    for column, value in enumerate(values):
        share = 0.0 if value is None else (value - low) / (high - low)
        eighths = max(0, min(8, round(share * 8)))
        if value is not None and eighths:
            pieces.append((_EIGHTHS[eighths], LEVEL_STYLES[urgency.level(value)]))
        elif column in ahead and ahead[column][0] < high and ahead[column][2] > low:
            middle = low <= min(ahead[column][1], top - 0.01) < high
            pieces.append(("─" if middle else "░", "$accent" if middle else "$meter-countdown"))
        elif column in marks:
            pieces.append((marks[column], "$meter-pace"))
        elif spans == 1 and low <= (column + 0.5) / len(values) * 100 < high:
            pieces.append(("·", "$meter-track"))
        else:
            pieces.append((" ", ""))
    return _merged(pieces)


def _row_of(figure: float, rows: int, top: float) -> int:
    """The row whose cells hold this figure's height; the top one for `top`, the lowest for 0."""
    return min(rows - 1, int((1 - figure / top) * rows))


def _axis(start: datetime, end: datetime, now: datetime, plot: int) -> Line:
    right = words.clock_time(end, now)
    local = start.astimezone()
    today = local.date() == now.astimezone().date()
    start_text = local.strftime("%H:%M") if today else f"{local:%b} {local.day} {local:%H:%M}"
    cells = list(f"{start_text}{'':{max(0, plot - len(start_text) - len(right))}}{right}"[:plot])
    label = "now"
    at = int((now - start) / (end - start) * plot) - 1
    if len(start_text) + 1 <= at and at + len(label) + 1 <= plot - len(right):
        cells[at : at + len(label)] = label
    return ((" " * _MARGIN, ""), ("".join(cells), "$meter-countdown"))


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
    plot = width - _MARGIN
    begin, span = start.timestamp() * 1000, (end - start).total_seconds() * 1000
    columns = [0] * plot
    for at, tokens in series:
        column = int((at - begin) / span * plot)
        if 0 <= column < plot:
            columns[column] += tokens
    top = max(columns, default=0)
    cells = "".join(_EIGHTHS[-(-count * 8 // top)] if count else " " for count in columns) if top else " " * plot
    return (("tok │", "$meter-countdown"), (cells, "$accent"))


class HistoryChart(DrawnText):
    """The chart of the selected window; its border's title names it.

    Args:
        with_local: whether to show the local tokens over the same span below.
    """

    def __init__(self, *, with_local: bool = False) -> None:
        super().__init__()
        self._with_local = with_local

    def depends_on(self, view: View) -> object:
        """Drawn again when "now" comes into the next column, not at every tick."""
        window, size = view.chosen, self.content_size
        if window is None:
            return (None, size)
        start, end = span_of(window, view.true_now, view.spans)
        column = int((view.true_now - start) / (end - start) * max(1, size.width))
        series = self._series(view)
        made = view.state.outlook["made_at"] if view.state.outlook else None
        return (window, view.points, view.spans, size, column, view.ascii, view.now.date(), series, made)

    def _series(self, view: View) -> Sequence[tuple[int, int]]:
        window, beside = view.chosen, view.beside
        if not self._with_local or beside is None or window is None or beside.key != window.key:
            return ()
        return beside.series

    def draw(self, view: View, width: int, height: int) -> Lines:
        """See `chart_lines`."""
        window = view.chosen
        if window is None:
            return ()
        spans = "this span" if view.spans == 1 else f"{view.spans} spans"
        self.title(f"history of {window.label}, {spans}")
        if not view.points:
            return (((" No stored reading in this span yet.", ""),),)
        outlook = view.outlook_of(window)
        fan = outlook["fan"] if outlook is not None else None
        series = self._series(view)
        if not series or height < _TOKENS_FROM:
            return chart_lines(window, view.points, view.true_now, view.spans, width, height, fan)
        tokens = token_row(series, *span_of(window, view.true_now, view.spans), width)
        *rows, axis = chart_lines(window, view.points, view.true_now, view.spans, width, height - 1, fan)
        return (*rows, tokens, axis)
