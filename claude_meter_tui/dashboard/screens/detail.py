"""One window in full: figures, the history over its span, and what moved it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.screen import Screen

from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.widgets.chart.history_chart import HistoryChart
from claude_meter_tui.dashboard.widgets.columns import layout
from claude_meter_tui.dashboard.widgets.drawn_text import GrowingText, Line, Lines, fitted
from claude_meter_tui.dashboard.widgets.gauge import gauge_line, shown_of
from claude_meter_tui.dashboard.widgets.key_bar import KeyBar
from claude_meter_tui.dashboard.widgets.lines import Header
from claude_meter_tui.dashboard.widgets.moves import Moves
from claude_meter_tui.domain import urgency
from claude_meter_tui.domain.instances import instance_of, resets_in
from claude_meter_tui.output import words
from claude_meter_tui.output.outlook_words import outlook_figures

if TYPE_CHECKING:
    from collections.abc import Sized
    from datetime import datetime

    from textual.app import ComposeResult

    from claude_meter_tui.analysis.local_side import Beside
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.windows import Window


class Figures(GrowingText):
    """The gauge again, and what can be said of it in words."""

    def frame(self, view: View, width: int) -> tuple[str, str]:  # noqa: ARG002 - always the same
        """The window's name."""
        return ("" if view.chosen is None else view.chosen.label), ""

    def draw(self, view: View, width: int, height: int) -> Lines:
        """One figure a line; two columns where they fit."""
        window = view.chosen
        if window is None:
            return ((("No reading yet.", ""),),)
        columns = layout(width, [window.label], view.looks.resets)
        shown = shown_of(window, view)
        gauge = gauge_line(window, view.true_now, columns, shown, selected=False, show_left=view.show_left)
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
    instance = instance_of(window, view.points, now)
    if instance.since is not None:
        early = ", early: the counter began anew before its reset" if instance.early else ""
        found.append(("opened", words.clock_time(instance.since, now) + early))
    elif window.opened_at is not None:
        found.append(("opened", words.clock_time(window.opened_at, now)))
    outlook = view.outlook_of(window)
    if outlook is not None:
        found += outlook_figures(outlook, view.estimates.get(window.key), now)
    pace = urgency.even_pace(window.resets_at, window.length_seconds, now)
    if pace is not None:
        ahead = window.utilization - pace * 100
        word = "ahead" if ahead >= 0 else "behind"
        found.append(("even pace", f"{pace * 100:.0f} % of its span, {abs(ahead):.0f} points {word}"))
    if (observed := view.observed) is not None:
        age = words.age((view.now - observed[0]).total_seconds())
        found.append(("reading", f"{age} via {words.source_words(observed[1])}"))
    if view.beside is not None and view.beside.key == window.key:
        found.append(("local", _local(view.beside)))
    found.append(("stored", f"{_counted(view.points, 'reading')} in view, {_counted(resets_in(view.points), 'reset')}"))
    found += [(name, text) for name, text in (("model", window.model), ("surface", window.surface)) if text]
    if window.severity:
        found.append(("severity", f"{window.severity} (the server's word)"))
    if window.is_active is not None:
        found.append(("active", "the server marks this limit" if window.is_active else "not marked by the server"))
    found.append(("key", window.key))
    return found


def _local(beside: Beside) -> str:
    share = beside.share
    if beside.empty:
        return "no transcripts here"
    if share.counts == "none":
        return "no transcript tells of it"
    if share.since is None:
        return "nothing in this span"
    tokens, turns = words.amount(share.tokens.total_tokens), _counted(range(share.tokens.turns), "turn")
    if share.percent_of_assumed_cap is None:
        return f"{tokens} tokens in {turns}"
    return f"{tokens} ({share.percent_of_assumed_cap:.0f} % of assumed) in {turns}"


def _counted(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _used(window: Window, now: datetime) -> str:
    if urgency.is_over(window.resets_at, now):
        return f"{words.percent(window.utilization)} before its reset; not read since"
    return f"{words.percent(window.utilization)}, {words.percent(max(0.0, 100 - window.utilization))} left"


def _clears(resets_at: datetime, now: datetime) -> str:
    when = words.clock_time(resets_at, now)
    return f"{when}, in {words.spoken(resets_at, now)}" if resets_at > now else f"passed at {when}"


def _pair(pair: tuple[str, str], name_width: int, width: int) -> Line:
    name, text = pair
    before, between = ("  ", "  ") if width >= 40 else ("", " ")
    room = width - name_width - len(before) - len(between)
    return ((f"{before}{name:<{name_width}}{between}", "$meter-countdown"), (fitted(text, room), ""))


class DetailScreen(Surviving, Screen[None]):
    """The selected window; j/k move on to the next."""

    CSS_PATH = "screens.tcss"

    view: reactive[View | None] = reactive(None, repaint=False)

    def compose(self) -> ComposeResult:
        """Header, figures, chart, what moved it, keys."""
        yield Header().data_bind(DetailScreen.view)
        yield Figures().data_bind(DetailScreen.view)
        yield HistoryChart(with_local=True).data_bind(DetailScreen.view)
        yield Moves().data_bind(DetailScreen.view)
        yield KeyBar("detail").data_bind(DetailScreen.view)
