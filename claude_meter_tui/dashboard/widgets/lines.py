"""The one-line widgets around the gauges: header, notice, next stop, extra usage, keys, tiny status."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING

from claude_meter_tui.dashboard.view import name_of
from claude_meter_tui.dashboard.widgets.bar import LEVEL_STYLES, bar
from claude_meter_tui.dashboard.widgets.columns import BUDGET_LABEL, EXTRA_LABEL
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, GrowingText, Line, Lines, first_fitting, width_of
from claude_meter_tui.output import words
from claude_meter_tui.output.asking_words import reason
from claude_meter_tui.output.words import NO_LIMITS_SENTENCE
from claude_meter_tui.polling.state import Phase
from claude_meter_tui.settings.keys import sign

if TYPE_CHECKING:
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.dashboard.widgets.columns import Layout
    from claude_meter_tui.domain.windows import ExtraUsage
    from claude_meter_tui.settings.looks import Looks

# The sign and the word carry the state; the colour only helps.
_SIGNS = {
    Phase.LOADING: ("○", "$meter-countdown"),
    Phase.LIVE: ("●", "$success"),
    Phase.STALE: ("○", "$warning"),
    Phase.WAITING: ("◷", "$warning"),
    Phase.OFFLINE: ("✕", "$error"),
    Phase.SIGNED_OUT: ("▲", "$error"),
    Phase.SETUP: ("▲", "$warning"),
}


# Narrower, whose account it is says more than why it is asked when it is.
_REASONS_FROM = 100


class Header(DrawnText):
    """Who, and what the numbers are worth."""

    def draw(self, view: View, width: int, height: int) -> Lines:  # noqa: ARG002 - one line
        """Account and plan on the left; state, age, source and next ask on the right; the right goes first."""
        account = view.state.reading.account if view.state.reading else None
        name: Line = (("claude-meter", "bold $accent"),)
        if view.state.demo:
            name = (*name, (" ", ""), (" DEMO ", "bold reverse $warning"))
        parts = [text for text in (account.email, account.plan) if text] if account else []
        lefts = [(*name, *((f" · {text}", "") for text in parts[:count])) for count in range(len(parts), -1, -1)]
        rights = [((view.flash, "bold $warning"),)] if view.flash else standing_words(view, width)
        # Both sides lose their least telling parts in turn.
        pairs = sorted(itertools.product(range(len(rights)), range(len(lefts))), key=lambda pair: (sum(pair), pair[1]))
        for right, left in ((rights[one], lefts[other]) for one, other in pairs):
            gap = width - 2 - width_of(left) - width_of(right)
            if gap >= 2:
                return (((" ", ""), *left, (" " * gap, ""), *right),)
        return (first_fitting(width, *rights),)


def standing_words(view: View, width: int) -> list[Line]:
    """Sign, state, age and source, next ask: from all of it to hardly any."""
    phase = view.phase
    sign, style = _SIGNS[phase]
    word = phase.value
    if view.state.paused:
        word = "paused" if phase is Phase.LIVE else f"{phase.value}, paused"
    sign = "‖" if view.state.paused else sign
    state = (f"{sign} {word}", style)
    age = source = ""
    if (seen_as := view.observed) is not None:
        age = words.age((view.now - seen_as[0]).total_seconds())
        source = f" via {words.source_words(seen_as[1])}"
    asks, asks_short = _next_ask_words(view)
    plan = None if view.state.asking else view.state.plan
    why = "" if plan is None else f": {reason(plan)}"
    seen = f"read {age}" if age else ""
    usual = seen_as is not None and seen_as[1] == "oauth" and width >= _REASONS_FROM
    variants = [
        (f"  {seen}{source}" if seen else "", f" · {asks}{why}" if asks else ""),
        # What is asked for says more than that the figures came from where they usually do.
        *([(f"  {seen}", f" · {asks}{why}")] if plan is not None and seen and (plan.label or usual) else []),
        (f"  {seen}{source}" if seen else "", f" · {asks}" if asks else ""),
        (f"  {seen}" if seen else "", f" · {asks}" if asks else ""),
        (f"  {age}", f" · {asks_short}" if asks_short else ""),
        (f"  {age}", ""),
        ("", ""),
    ]
    return [(state, *((text, "") for text in texts if text)) for texts in variants]


def _next_ask_words(view: View) -> tuple[str, str]:
    if view.state.asking:
        return "asking now", "asking"
    at = view.state.next_ask
    if at is None:
        return "", ""
    clock = words.clock_time(at, view.now, up=True)  # never name a minute that is still inside a wait
    return f"asks again {clock}", f"next {clock}"


_SENTENCES_FROM = 60
_MOST_LINES = 3


class Notice(GrowingText):
    """Why there is nothing newer, and what to do; empty while all is well."""

    def draw(self, view: View, width: int, height: int) -> Lines:  # noqa: ARG002 - as many as `notice_height` says
        """The sentence and the hint, on one line if they fit, else each on its own."""
        return tuple(_notice_lines(view, width))


def _notice_lines(view: View, width: int) -> list[Line]:
    style = _SIGNS[view.phase][1]
    sentence, hint = notice_words(view)
    if not sentence and not hint:
        return []
    if width < _SENTENCES_FROM:
        return [(((hint or sentence), style),)]
    if width_of(((sentence, ""), (hint, ""))) + 2 <= width:
        return [((" ", ""), (sentence, style), (f" {hint}" if hint else "", ""))]
    wrapped = textwrap.wrap(sentence, width - 2)
    lines: list[Line] = [((" ", ""), (line, style)) for line in wrapped[:_MOST_LINES]]
    if len(wrapped) > _MOST_LINES:
        lines[-1] = (*lines[-1], ("…", style))
    return [*lines, ((" ", ""), (hint, ""))] if hint else lines


def notice_height(view: View, width: int) -> int:
    """How many lines the notice takes: none while all is well."""
    return len(_notice_lines(view, width))


def notice_words(view: View) -> tuple[str, str]:
    """The sentence and the hint for the state the screen is in; both empty while all is well."""
    trouble = view.state.trouble
    if trouble is not None and trouble.phase is not Phase.SETUP:
        return trouble.sentence, " ".join(filter(None, (trouble.hint, _what_follows(view))))
    if view.state.notice:
        return view.state.notice, "esc takes this away."
    if view.phase is Phase.STALE:
        hint = "p goes on asking." if view.state.paused else "r asks now."
        if view.state.reading is not None and view.state.reading.source == "cache":
            return "These figures are Claude Code's cache: at least this much was used.", hint
        return "The last reading is old: use since then is not in these figures.", hint
    if view.phase is Phase.LOADING:
        return "Waiting for the first answer.", ""
    if view.hint and view.windows:
        keys = {name: sign(name, view.looks.keys) for name in ("next", "previous", "detail", "compare", "help")}
        return (
            "New here? {next} {previous} choose a window, {detail} shows all of it,".format(**keys),
            "{compare} what was used here, {help} what the signs mean.".format(**keys),
        )
    if view.state.reading is not None and not view.windows and view.budget is None:
        return NO_LIMITS_SENTENCE, ""
    return "", ""


def _what_follows(view: View) -> str:
    at = view.state.next_ask
    if at is None:
        return ""
    clock = words.clock_time(at, view.now, up=True)
    if view.phase is Phase.WAITING:
        return f"Nothing is sent before {clock}."
    return f"Tried again at {clock}." if at > view.now else "Tried again now."


def money_level(extra: ExtraUsage, looks: Looks) -> str:
    """How grave the use of a budget is."""
    return "full" if extra.limit_reached else looks.level(extra.percent or 0.0)


def extra_line(view: View, width: int, columns: Layout) -> Line:
    """The money in the account's own currency: a bar where there is a limit, the amounts, and what is said of it."""
    extra = view.state.reading.extra_usage if view.state.reading else None
    if extra is None or not extra.is_shown:
        return ()
    amounts = extra_words(extra)
    amounts = amounts if columns.roomy else amounts.replace(" / ", "/")
    style = LEVEL_STYLES[money_level(extra, view.looks)]
    name = BUDGET_LABEL if not view.windows else EXTRA_LABEL if columns.roomy else "Extra"
    label = f"{name:<{columns.label}}"
    label = ("  " if columns.roomy else "") + label + " "
    share = _extra_share(extra)
    room = width - len(label) - len(amounts) - 1
    if share is None or room < 4:
        return (label, ""), (amounts, style)
    used = max(0.0, 1 - share) if view.show_left else share
    figure = f"{words.percent(round(used * 100, 1)):>7}"
    pieces = bar(min(room, columns.bar), used, None, style)
    room = width - len(label) - min(room, columns.bar)
    if columns.roomy and room >= len(figure) + len(amounts) + 1:
        return (label, ""), *pieces, (figure, style), (f"{amounts:>{room - len(figure)}}", style)
    return (label, ""), *pieces, (f"{amounts:>{room}}", style)


def extra_words(extra: ExtraUsage) -> str:
    """`12.40 / 50.00 USD`, `3.10 GBP, no limit`, with `limit reached` or `off` where it is so."""
    if extra.used is None:
        text = "on, nothing used" if extra.enabled else "off"
    elif extra.limit is None:
        text = f"{extra.used.amount} {extra.used.currency or ''}".strip() + ", no limit"
    else:
        text = f"{extra.used.amount} / {extra.limit.amount} {extra.limit.currency or ''}".strip()
    if extra.limit_reached:
        return f"{text} · limit reached"
    return text if extra.enabled or extra.used is None else f"{text} · off"


def _extra_share(extra: ExtraUsage) -> float | None:
    if extra.used is not None and extra.limit is not None and extra.limit.amount > 0:
        return float(extra.used.amount / extra.limit.amount)
    return None if extra.utilization is None or extra.limit is None else extra.utilization / 100


_LONGEST_NAME = 12


class TinyStatus(DrawnText):
    """The only line beside the gauges on a tiny screen: whose they are, the state, its age, and the next ask."""

    hidden = 0
    """How many windows have no line: said, so that nobody takes the shown ones for all."""

    def draw(self, view: View, width: int, height: int) -> Lines:  # noqa: ARG002 - one line
        """A flash, or the longest wording that fits."""
        if view.flash:
            return (((view.flash, "bold $warning"),),)
        marks: Line = (("DEMO ", "bold $warning"),) if view.state.demo else ()
        marks = (*marks, ("left ", "bold $accent")) if view.show_left else marks
        if len(view.accounts) > 1:  # nothing else on a tiny screen says whose the figures are
            name = name_of(view.state, view.account).partition("@")[0][:_LONGEST_NAME]
            marks = (*marks, (f"{name} ", "bold $accent"))
        if self.hidden:
            marks = (*marks, (f"+{self.hidden} more ", "$meter-countdown"))
        rights = standing_words(view, width)
        return (
            first_fitting(width, *((*marks, *right) for right in rights), *((*marks[-1:], *rights[-1]),), rights[-1]),
        )
