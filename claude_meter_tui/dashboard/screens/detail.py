"""One window in full: figures, the history over its span, and what moved it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.screen import Screen

from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.past_times import past_time
from claude_meter_tui.dashboard.widgets.chart import HistoryChart
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, GrowingText, Line, Lines, first_fitting, fitted
from claude_meter_tui.dashboard.widgets.gauge import gauge_line, layout
from claude_meter_tui.dashboard.widgets.lines import Header, KeyBar
from claude_meter_tui.domain import urgency
from claude_meter_tui.domain.instances import instance_of, resets_in
from claude_meter_tui.output import words
from claude_meter_tui.output.outlook_words import outlook_figures

if TYPE_CHECKING:
    from collections.abc import Sized
    from datetime import datetime

    from textual.app import ComposeResult

    from claude_meter_tui.analysis.attribution import Rise
    from claude_meter_tui.analysis.local_side import Beside
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.windows import Window


class Figures(GrowingText):
    """The gauge again, and what can be said of it in words."""

    def draw(self, view: View, width: int, height: int) -> Lines:
        """One figure a line; two columns where they fit."""
        window = view.chosen
        if window is None:
            return ((("No reading yet.", ""),),)
        self.title(window.label)
        columns = layout(width, [window.label])
        estimate = view.estimates.get(window.key)
        by_now = None if estimate is None else estimate["estimate"]
        gauge = gauge_line(window, view.true_now, columns, selected=False, show_left=view.show_left, estimate=by_now)
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


class Moves(DrawnText):
    """What the window rose by between readings, and the tokens used here meanwhile."""

    def depends_on(self, view: View) -> object:
        """Not on the time of day."""
        return (view.chosen, view.beside, self.content_size, view.ascii, view.now.date())

    def draw(self, view: View, width: int, height: int) -> Lines:
        """A line a rise, the newest first."""
        self.title("what moved it")
        beside, window = view.beside, view.chosen
        if beside is None or window is None or beside.key != window.key:
            return ((("Looking at the transcripts …", "$meter-countdown"),),)
        if not beside.rises:
            return ((("No rise between stored readings yet.", "$meter-countdown"),),)
        return tuple(_rise(rise, beside.share.counts, view, width) for rise in beside.rises[:height])


def _rise(rise: Rise, counts: str, view: View, width: int) -> Line:
    """`11:44-11:58  +3 → 44 %  4 turns · out 12 k · cache w 20 k · r 310 k · opus`."""
    start = past_time(rise.since, view.now)
    end = past_time(rise.until, view.now)[-5:] if rise.until is not None else "now"
    when = f"{start}–{end}"
    if rise.after is None:
        step: Line = ((f"{when:<20}", "$meter-countdown"), (f"{'not read yet':<15}", ""))
    else:
        by = f"+{rise.after - rise.before:.0f}" if rise.after - rise.before >= 1 else f"+{rise.after - rise.before:.1f}"
        step = (
            (f"{when:<20}", "$meter-countdown"),
            (f"{by:>4}", "bold"),
            (f" → {words.percent(rise.after):<8}", ""),
        )
    tokens = rise.tokens
    if not tokens.turns:
        why = "no transcript tells of it" if counts == "none" else "no turn here: used elsewhere, or before"
        return (*step, (why, "$meter-countdown"))
    said = f"{tokens.turns} turn{'' if tokens.turns == 1 else 's'} · out {words.amount(tokens.output_tokens)}"
    more = f" · cache w {words.amount(tokens.cache_creation_input_tokens)}"
    more += f" · r {words.amount(tokens.cache_read_input_tokens)}"
    models = f" · {', '.join(rise.models)}"
    return first_fitting(width, (*step, (said + more + models, "")), (*step, (said + models, "")), (*step, (said, "")))


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
    seconds = (resets_at - now).total_seconds()
    return f"{when}, in {words.countdown(seconds).replace('  ', ' ')}" if seconds > 0 else f"passed at {when}"


def _pair(pair: tuple[str, str], name_width: int, width: int) -> Line:
    name, text = pair
    before, between = ("  ", "  ") if width >= 40 else ("", " ")
    room = width - name_width - len(before) - len(between)
    return ((f"{before}{name:<{name_width}}{between}", "$meter-countdown"), (fitted(text, room), ""))


class DetailScreen(Surviving, Screen[None]):
    """The selected window; j/k move on to the next."""

    view: reactive[View | None] = reactive(None, repaint=False)

    def compose(self) -> ComposeResult:
        """Header, figures, chart, what moved it, keys."""
        yield Header().data_bind(DetailScreen.view)
        yield Figures().data_bind(DetailScreen.view)
        yield HistoryChart(with_local=True).data_bind(DetailScreen.view)
        yield Moves().data_bind(DetailScreen.view)
        yield KeyBar("detail").data_bind(DetailScreen.view)
