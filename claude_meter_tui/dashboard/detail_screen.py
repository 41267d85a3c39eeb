"""One window in full: figures and the history over its span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.screen import Screen

from claude_meter_tui import standing
from claude_meter_tui.dashboard.chart import HistoryChart, resets_in
from claude_meter_tui.dashboard.gauge import gauge_line, layout
from claude_meter_tui.dashboard.lines import Header, KeyBar
from claude_meter_tui.dashboard.picture import GrowingPicture, Line, Lines

if TYPE_CHECKING:
    from collections.abc import Sized
    from datetime import datetime

    from textual.app import ComposeResult

    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.windows import Window


class Figures(GrowingPicture):
    """The gauge again, and what can be said of it in words."""

    def draw(self, view: View, width: int, height: int) -> Lines:
        """One figure a line; two columns where they fit."""
        window = view.chosen
        if window is None:
            return ((("No reading yet.", ""),),)
        self.border_title = window.label
        columns = layout(width, [window.label])
        gauge = gauge_line(window, view.true_now, columns, selected=False, show_left=view.show_left)
        pairs = figures(window, view)
        name_width = max(len(name) for name, _ in pairs)
        if width >= 96:
            half = (len(pairs) + 1) // 2
            left = [_pair(pair, name_width, width // 2) for pair in pairs[:half]]
            right: list[Line] = [_pair(pair, name_width, width // 2) for pair in pairs[half:]]
            right += [()] * (len(left) - len(right))
            rows = [(*one, *other) for one, other in zip(left, right, strict=True)]
        else:
            rows = [_pair(pair, name_width, width) for pair in pairs]
        return (gauge, *rows)[:height]


def figures(window: Window, view: View) -> list[tuple[str, str]]:
    """(name, text) of everything known of a window, the most wanted first."""
    now = view.true_now
    found = [("used", _used(window, now))]
    if window.resets_at is not None:
        found.append(("clears", _clears(window.resets_at, now)))
    else:
        found.append(("clears", "not opened: the next use opens it"))
    if window.opened_at is not None:
        found.append(("opened", standing.clock_time(window.opened_at, now)))
    pace = standing.even_pace(window.resets_at, window.length_seconds, now)
    if pace is not None:
        ahead = window.utilization - pace * 100
        word = "ahead" if ahead >= 0 else "behind"
        found.append(("even pace", f"{pace * 100:.0f} % of its span, {abs(ahead):.0f} points {word}"))
    reading = view.state.reading
    if reading is not None:
        age = standing.age((now - reading.observed_at).total_seconds())
        found.append(("reading", f"{age} via {reading.source}"))
    found.append(("stored", f"{_counted(view.points, 'reading')} in view, {_counted(resets_in(view.points), 'reset')}"))
    found += [(name, text) for name, text in (("model", window.model), ("surface", window.surface)) if text]
    if window.severity:
        found.append(("severity", f"{window.severity} (the server's word)"))
    if window.is_active is not None:
        found.append(("active", "the server marks this limit" if window.is_active else "not marked by the server"))
    found.append(("key", window.key))
    return found


def _counted(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _used(window: Window, now: datetime) -> str:
    if standing.is_over(window.resets_at, now):
        return f"{standing.percent(window.utilization)} before its reset; not read since"
    return f"{standing.percent(window.utilization)}, {standing.percent(max(0.0, 100 - window.utilization))} left"


def _clears(resets_at: datetime, now: datetime) -> str:
    when = standing.clock_time(resets_at, now)
    seconds = (resets_at - now).total_seconds()
    return f"{when}, in {standing.countdown(seconds).replace('  ', ' ')}" if seconds > 0 else f"passed at {when}"


def _pair(pair: tuple[str, str], name_width: int, width: int) -> Line:
    name, text = pair
    before, between = ("  ", "  ") if width >= 40 else ("", " ")
    room = width - name_width - len(before) - len(between)
    shown = text if len(text) <= room else text[: room - 1] + "…"
    return ((f"{before}{name:<{name_width}}{between}", "$meter-countdown"), (f"{shown:<{room}}", ""))


class DetailScreen(Screen[None]):
    """The selected window; j/k move on to the next."""

    view: reactive[View | None] = reactive(None, repaint=False)

    def compose(self) -> ComposeResult:
        """Header, figures, chart, keys."""
        yield Header().data_bind(DetailScreen.view)
        yield Figures().data_bind(DetailScreen.view)
        yield HistoryChart(classes="fills").data_bind(DetailScreen.view)
        yield KeyBar("detail").data_bind(DetailScreen.view)
