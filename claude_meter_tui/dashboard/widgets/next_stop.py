"""The banner: the sentence to act on, which window stops next, when, how sure, and when it clears."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.analysis.carried import is_usable
from claude_meter_tui.dashboard.widgets.bar import FLAGS, LEVEL_STYLES
from claude_meter_tui.dashboard.widgets.columns import BUDGET_LABEL, EXTRA_LABEL
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Lines, first_fitting
from claude_meter_tui.dashboard.widgets.lines import extra_words, money_level
from claude_meter_tui.domain import urgency
from claude_meter_tui.output import words
from claude_meter_tui.output.outlook_words import SAID_FROM, next_stop_variants
from claude_meter_tui.output.outlook_words import row_words as outlook_row
from claude_meter_tui.output.pace_words import pace_sentence

if TYPE_CHECKING:
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.windows import ExtraUsage, Window


class NextStop(DrawnText):
    """Which window stops next, and, where there is a second line, which after it."""

    def draw(self, view: View, width: int, height: int) -> Lines:
        """The longest wording that fits, a line each."""
        top = view.next_stop
        if view.budget is not None:
            return (first_fitting(width - 1, *_budget_words(view, view.budget)),)
        if top is None:
            text = "Nothing is used yet: every window is idle." if view.windows else "No reading yet."
            return (((" ", ""), (text, "")),)
        first = first_fitting(width - 1, *(_forecast_words(view, top) or _stop_words(view, top)))
        others = [each for each in view.pressing if each.key != top.key and each.utilization > 0]
        then = max(others, key=lambda each: _may_fill(view, each), default=None)
        if height < 2 or then is None:
            return (first,)
        return first, first_fitting(width - 1, *_then_words(view, then))


def _may_fill(view: View, window: Window) -> float:
    """How likely it fills before it clears, where that is worth a word: the likeliest comes next, not the fullest."""
    outlook = view.outlook_of(window)
    probability = outlook["probability"] if outlook is not None else None
    return probability if probability is not None and probability >= SAID_FROM else 0.0


def _budget_words(view: View, extra: ExtraUsage) -> list[Line]:
    style = f"bold {LEVEL_STYLES[money_level(extra, view.looks)]}"
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
    window = next((window for window in view.windows if window.key == outlook["next_stop"]), None)
    label, style = ("", "") if window is None else (window.label, _style(view, window))
    found: list[Line] = [
        ((f" {label}", style), (sentence.removeprefix(label), ""))
        for sentence in next_stop_variants(outlook, labels, now)
    ]
    if outlook["next_stop"] is None:
        nearest = f" · nearest {top.label} {_figure(view, top)}"
        found.insert(0, (*found[0], (nearest, "$meter-countdown")))
    return found


def _figure(view: View, window: Window) -> str:
    """What is used of it, or left."""
    if view.show_left:
        return f"{words.percent(max(0.0, 100 - window.utilization))} left"
    return words.percent(window.utilization)


def _style(view: View, window: Window) -> str:
    return f"bold {LEVEL_STYLES[view.looks.level(window.utilization, window.severity)]}"


def _named(view: View, window: Window) -> Line:
    flag = FLAGS[view.looks.level(window.utilization, window.severity)]
    return (f" {window.label}", _style(view, window)), (
        f" {_figure(view, window)}{f' {flag}' if flag else ''}",
        _style(view, window),
    )


def _stop_words(view: View, top: Window) -> list[Line]:
    """Without a forecast: its figure, and what comes of it at the pace it had so far."""
    now = view.true_now
    clears = short = ""
    if top.resets_at is not None:
        clears = f" · {words.clears(top.resets_at, now)}"
        short = f" · {words.spoken(top.resets_at, now)}"
    if top.utilization < urgency.FULL_FROM:
        named = _named(view, top)
        at_pace = [(*named, (f" · {sentence}", "")) for sentence in pace_sentence(top, view.pace(top), now)]
        nearest: Line = (
            (f" {top.label}", _style(view, top)),
            (" is nearest to full: ", ""),
            (_figure(view, top), _style(view, top)),
        )
        return [*at_pace[:-1], *([] if at_pace else [(*nearest, (clears, ""))]), (*named, (short, ""))]
    extra = view.state.reading.extra_usage if view.state.reading else None
    after = " · extra usage carries on" if extra is not None and extra.carries_on else ""
    name = (f" {top.label}", _style(view, top))
    return [
        (name, (" is full: ", ""), (words.percent(top.utilization), _style(view, top)), (clears + after, "")),
        (name, (" full", _style(view, top)), (clears, "")),
        (name, (" full", _style(view, top)), (short, "")),
    ]


def _then_words(view: View, window: Window) -> list[Line]:
    """The second line: the next one, and whether it clears before it fills."""
    now = view.true_now
    then: Line = ((" then", "$meter-countdown"), *_named(view, window))
    outlook = view.outlook_of(window)
    if outlook is not None and (said := outlook_row(outlook, now)[0]):
        clears = "" if window.resets_at is None else f" · {words.clears(window.resets_at, now)}"
        said = "clears before it fills" if said == "holds" else said
        return [(*then, (f" · {said}{clears}", "")), (*then, (f" · {said}", "")), then]
    sentences = pace_sentence(window, view.pace(window), now)
    if sentences:
        return [*((*then, (f" · {sentence}", "")) for sentence in sentences), then]
    idle = " · idle" if window.resets_at is None else f" · clears {words.clock_time(window.resets_at, now)}"
    return [(*then, (idle, "")), then]
