"""The history of the selected window over its span: a picture, what it is of, and a readout under a cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from claude_meter_tui.dashboard.chart_range import range_in
from claude_meter_tui.dashboard.widgets.chart.cells import (
    Charted,
    chart_lines,
    column_values,
    moment_at,
    plot_width,
    token_row,
)
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Lines, first_fitting
from claude_meter_tui.domain import urgency
from claude_meter_tui.output import words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from textual.events import Click, MouseScrollDown, MouseScrollUp

    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.windows import Window

_TOKENS_FROM = 6
_MOST_TIMES = 10
_QUIET = "$meter-countdown"
_LEGENDS = (
    "▄ read  ⠒ even pace, others  ░ forecast (80 %)  │ now  ┊ ↻ reset",
    "▄ read  ⠒ pace  ░ forecast  │ now  ↻ reset",
    "⠒ pace  ░ forecast  │ now",
    "",
)


class HistoryChart(DrawnText):
    """The chart of the selected window; its title names it.

    Args:
        with_local: whether to show the local tokens over the same span below.
    """

    class Pointed(Message):
        """A column was clicked; counted from the right, None: none."""

        def __init__(self, column: int | None) -> None:
            super().__init__()
            self.column = column

    def __init__(self, *, with_local: bool = False, **widget: str) -> None:
        super().__init__(**widget)  # type: ignore[arg-type]
        self._with_local = with_local

    def depends_on(self, view: View) -> object:
        """Drawn again when "now" comes into the next column, not at every tick."""
        window, size = view.chosen, self.content_size
        covered = range_in(view)
        if window is None or covered is None:
            return (None, size)
        column = int((view.true_now - covered[0]) / (covered[1] - covered[0]) * max(1, size.width))
        made = view.state.outlook["made_at"] if view.state.outlook else None
        shape = (view.spans, view.zoom, view.pan, view.cursor, view.show_left, view.ascii, view.looks, size)
        return (window, view.points, view.past, shape, column, view.now.date(), self._series(view), made)

    def _series(self, view: View) -> Sequence[tuple[int, int]]:
        window, beside = view.chosen, view.beside
        if not self._with_local or beside is None or window is None or beside.key != window.key:
            return ()
        return beside.series

    def frame(self, view: View, width: int) -> tuple[str, str]:
        """What is charted, or what stands under the cursor, and the signs."""
        window, covered = view.chosen, range_in(view)
        if window is None or covered is None:
            return "", ""
        return _title(view, plot_width(width)), next((each for each in _LEGENDS if len(each) + 4 <= width), "")

    def draw(self, view: View, width: int, height: int) -> Lines:
        """See `chart_lines`."""
        window, covered = view.chosen, range_in(view)
        if window is None or covered is None:
            return ()
        charted = _charted(view, window, *covered)
        if self.gutter.height:
            return self._picture(view, charted, width, height)
        title: Line = ((f" {_title(view, plot_width(width))}", _QUIET),)
        return (first_fitting(width, title), *self._picture(view, charted, width, height - 1))

    def _picture(self, view: View, charted: Charted, width: int, height: int) -> Lines:
        window = charted.window
        if window.resets_at is None and view.spans == 1 and not view.zoom and window.utilization == 0:
            return _centred("Idle: it opens with the next message that counts in it.", width, height)
        if not view.points:
            return _centred("No stored reading in this span yet.", width, height)
        series = self._series(view)
        if not series or height < _TOKENS_FROM:
            return chart_lines(charted, width, height)
        tokens = token_row(series, charted.start, charted.end, width)
        drawn = chart_lines(charted, width, height - 1)
        return (*drawn[:-1], tokens, *drawn[-1:])

    def on_click(self, event: Click) -> None:
        """Read out the column that was clicked; twice: the chart alone, or all parts again."""
        event.stop()
        if event.chain == 2:
            self.post_message(self.Pointed(None))
            self.act(event, "enlarge_panel('chart')")
            return
        if self.view is None:
            return
        inside = event.get_content_offset(self)
        plot = plot_width(self.content_size.width)
        column = None if inside is None else self.content_size.width - 1 - inside.x
        wanted = column if column is not None and 0 <= column < plot and column != self.view.cursor else None
        self.post_message(self.Pointed(wanted))

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Nearer."""
        self.act(event, "zoom(1)")

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Farther."""
        self.act(event, "zoom(-1)")


def _charted(view: View, window: Window, start: datetime, end: datetime) -> Charted:
    """What the view has to be charted of a window."""
    outlook = view.outlook_of(window)
    fan = outlook["fan"] if outlook is not None and view.looks.chart.forecast else []
    others = [
        view.past[each.key]
        for each in view.windows
        # One that begins anew many times in the chart would only be a comb.
        if view.looks.chart.others
        and each.key != window.key
        and (each.length_seconds or 0) * _MOST_TIMES >= (end - start).total_seconds()
        and any(point.utilization for point in view.past.get(each.key, ()))
    ]
    return Charted(
        window,
        view.points,
        view.true_now,
        start,
        end,
        fan,
        view.pace(window),
        others,
        view.show_left,
        view.cursor,
        view.looks,
    )


def _title(view: View, plot: int) -> str:
    """What is charted; under a cursor, what stood there and when."""
    window, covered = view.chosen, range_in(view)
    if window is None or covered is None:
        return ""
    mode = "left of " if view.show_left else ""
    if view.cursor is None or not 0 <= view.cursor < plot:
        return f"{mode}{window.label} · {_span_words(view, covered[1] - covered[0])}"
    charted = _charted(view, window, *covered)
    column = plot - 1 - view.cursor
    moment = moment_at(charted, column, plot)
    value = column_values(charted.points, charted.start, charted.end, charted.now, plot)[column]
    said = f"{mode}{window.label} · {words.clock_time(moment, charted.now)}"
    if value is not None:
        said += f" · {words.percent(100 - value if view.show_left else value)} read"
    elif charted.fan and moment > charted.now:
        ahead = next((each for each in charted.fan if each[0] >= moment.timestamp()), None)
        if ahead is not None:
            least, middle, most = (min(100.0, 100 - each if view.show_left else each) for each in ahead[1:])
            said += f" · ≈{middle:.0f} % ({min(least, most):.0f}–{max(least, most):.0f}) forecast"
    else:
        said += " · not read"
    if window.resets_at is not None and window.length_seconds:
        pace = urgency.even_pace(window.resets_at, window.length_seconds, moment)
        opened = (window.resets_at - moment).total_seconds() <= window.length_seconds
        if pace is not None and opened:
            said += f" · even pace {(1 - pace if view.show_left else pace) * 100:.0f} %"
    return said


def _span_words(view: View, covered: timedelta) -> str:
    if view.zoom == 0 and view.pan == 0:
        return "this span" if view.spans == 1 else f"{view.spans} spans"
    hours = covered.total_seconds() / 3600
    length = f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
    return length if not view.pan else f"{length}, earlier"


def _centred(text: str, width: int, height: int) -> Lines:
    blank: Line = (("", ""),)
    line = first_fitting(width, ((f"{text:^{width}}" if len(text) <= width else text, _QUIET),))
    return (*[blank] * max(0, (height - 1) // 2), line)
