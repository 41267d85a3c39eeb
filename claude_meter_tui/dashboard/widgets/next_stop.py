"""The banner: the sentence to act on, which window stops next, when, how sure, and when it clears."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.analysis.carried import is_usable
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Lines, first_fitting
from claude_meter_tui.dashboard.widgets.gauge import BUDGET_LABEL, EXTRA_LABEL, LEVEL_STYLES
from claude_meter_tui.dashboard.widgets.lines import extra_words, money_level
from claude_meter_tui.domain import urgency
from claude_meter_tui.output import words
from claude_meter_tui.output.outlook_words import next_stop_variants

if TYPE_CHECKING:
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.windows import ExtraUsage, Window


class NextStop(DrawnText):
    """Which window is nearest to full, and when it clears."""

    def draw(self, view: View, width: int, height: int) -> Lines:  # noqa: ARG002 - one line
        """The longest wording that fits."""
        top = view.next_stop
        if view.budget is not None:
            return (first_fitting(width - 1, *_budget_words(view, view.budget)),)
        if top is None:
            text = "Nothing is used yet: every window is idle." if view.windows else "No reading yet."
            return (((" ", ""), (text, "")),)
        return (first_fitting(width - 1, *(_forecast_words(view, top) or _stop_words(view, top))),)


def _budget_words(view: View, extra: ExtraUsage) -> list[Line]:
    style = f"bold {LEVEL_STYLES[money_level(extra)]}"
    name = EXTRA_LABEL if view.windows else BUDGET_LABEL
    figure = "" if extra.percent is None else words.percent(extra.percent)
    amounts = extra_words(extra)
    if extra.limit_reached:
        used_up: Line = ((f" {name}", style), (" is used up: ", ""), (amounts.replace(" · limit reached", ""), style))
        windows = [] if view.nearest is None else _stop_words(view, view.nearest)
        with_window = [(*used_up, (" ·", ""), *line) for line in windows]
        return [*with_window, used_up, ((f" {name} used up", style),)]
    return [
        ((f" {name}", style), (" is the limit of this plan: ", ""), (figure, style), (f" · {amounts}", "")),
        ((f" {name} ", style), (figure, style), (f" · {amounts}", "")),
        ((f" {name} ", style), (figure, style)),
    ]


def _forecast_words(view: View, top: Window) -> list[Line]:
    """The sentence to act on, where there is a forecast and nothing is full: from long to short."""
    outlook, now = view.state.outlook, view.true_now
    if outlook is None or not is_usable(outlook, now) or top.utilization >= urgency.FULL_FROM:
        return []
    if all(view.outlook_of(window) is None for window in view.windows):
        return []
    labels = {window.key: window.label for window in view.windows}
    found: list[Line] = []
    for sentence in next_stop_variants(outlook, labels, now):
        label = next((name for name in labels.values() if sentence.startswith(name)), "")
        window = next((window for window in view.windows if window.label == label), None)
        style = f"bold {LEVEL_STYLES[urgency.level(window.utilization, window.severity)]}" if window else ""
        found.append(((f" {label}", style), (sentence.removeprefix(label), "")))
    if outlook["next_stop"] is None:
        nearest = f" · nearest {top.label} {words.percent(top.utilization)}"
        found.insert(0, (*found[0], (nearest, "$meter-countdown")))
    return found


def _stop_words(view: View, top: Window) -> list[Line]:
    now = view.true_now
    style = f"bold {LEVEL_STYLES[urgency.level(top.utilization, top.severity)]}"
    figure = words.percent(top.utilization)
    clears = short = ""
    if top.resets_at is not None:
        left = words.countdown((top.resets_at - now).total_seconds()).replace("  ", " ")
        clears = f" · clears {words.clock_time(top.resets_at, now)} ({left})"
        short = f" · {left}"
    name = (f" {top.label}", style)
    if top.utilization < urgency.FULL_FROM:
        return [
            (name, (" is nearest to full: ", ""), (figure, style), (clears, "")),
            (name, (f" {figure}", style), (clears, "")),
            (name, (f" {figure}", style), (short, "")),
        ]
    extra = view.state.reading.extra_usage if view.state.reading else None
    after = " · extra usage carries on" if extra is not None and extra.carries_on else ""
    return [
        (name, (" is full: ", ""), (figure, style), (clears + after, "")),
        (name, (" full", style), (clears, "")),
        (name, (" full", style), (short, "")),
    ]
