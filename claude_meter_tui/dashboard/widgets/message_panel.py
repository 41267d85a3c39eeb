"""What stands in the middle while there is no window to show: what happened, since when, what next, what to do.

The local sums stand beside it, since they need no server and no login.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Lines
from claude_meter_tui.dashboard.widgets.lines import notice_words
from claude_meter_tui.output import words
from claude_meter_tui.polling.state import Phase

if TYPE_CHECKING:
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.sources.source import Looked

_KEY = "bold $accent"
_QUIET = "$meter-countdown"
_LONGEST = 76
_BLANK: Line = (("", ""),)
_TITLES = {
    Phase.SETUP: "no login yet",
    Phase.LOADING: "waiting for the first answer",
    Phase.WAITING: "the server asked us to wait",
    Phase.OFFLINE: "no answer that can be used",
    Phase.SIGNED_OUT: "signed out",
}


class MessagePanel(DrawnText):
    """Goes by itself as soon as there is a window to show."""

    def frame(self, view: View, width: int) -> tuple[str, str]:  # noqa: ARG002 - always the same
        """The state in words."""
        return _TITLES.get(view.phase, "no windows"), ""

    def draw(self, view: View, width: int, height: int) -> Lines:
        """As much as fits, in the middle: what happened and what to do go before what was looked for."""
        room = min(width, _LONGEST)
        lead, todo, looked = _lead(view, room), _todo(view, room), _looked(view, room)
        local = local_sums(view, room) if view.sums is not None else []
        parts = [part for part in (lead, looked, todo, local) if part]
        spaced = [line for part in parts for line in (*part, _BLANK)][:-1]
        if len(spaced) > height:
            spaced = [line for part in (lead, todo, local, looked) for line in part][:height]
        above = max(0, (height - len(spaced)) // 3)
        indent = " " * max(0, (width - room) // 2)
        return tuple([_BLANK] * above + [((indent, ""), *line) for line in spaced])


def _lead(view: View, width: int) -> list[Line]:
    """What happened, since when, and what follows."""
    if view.phase is Phase.SETUP:
        sentence, hint = (view.state.trouble.sentence if view.state.trouble else ""), ""
        sentence = sentence if width >= 32 else "No login yet."
    else:
        sentence, hint = notice_words(view)
    style = "bold $foreground" if view.phase is Phase.LOADING else "bold $warning"
    found: list[Line] = [((line, style),) for line in textwrap.wrap(sentence, max(10, width))]
    found += [((line, ""),) for line in textwrap.wrap(hint, max(10, width))]
    since, next_ask = view.state.since, view.state.next_ask
    said = []
    if since is not None and view.phase is not Phase.SETUP and (view.now - since).total_seconds() >= 60:
        said.append(f"since {words.clock_time(since, view.now)}")
    if view.state.asking:
        said.append("asking now")
    elif next_ask is not None and next_ask > view.now:
        said.append(f"asks again in {words.spoken(next_ask, view.now)}")
    elif view.state.paused:
        said.append("paused: p goes on asking")
    if said and width >= 32:
        found.append(((" · ".join(said), _QUIET),))
    return found


def _todo(view: View, width: int) -> list[Line]:
    if view.phase is not Phase.SETUP:
        return []
    if width < 56:
        return [
            (("  Run ", ""), ("claude", "bold"), (" and log in.", "")),
            (("b ", _KEY), ("Use my browser.", "")),
            (("d ", _KEY), ("Try the demo.", "")),
            (("q ", _KEY), ("Quit.", "")),
        ]
    return [
        (("What to do:", "bold"),),
        (("   Run ", ""), ("claude", "bold"), (" in another terminal and log in: this screen notices by itself.", "")),
        (("b  ", _KEY), ("Use the claude.ai session of a browser on this machine.", "")),
        (("d  ", _KEY), ("Look around first, with a simulated account.", "")),
        (("c  ", _KEY), ("See what was used on this machine: that needs no login.", "")),
    ]


def _looked(view: View, width: int) -> list[Line]:
    if view.phase is not Phase.SETUP or not view.state.looked:
        return []
    return [(("Looked for:", "bold"),), *(line for place in view.state.looked for line in _place(place, width, view))]


def _place(place: Looked, width: int, view: View) -> list[Line]:
    """What was found there, and what would change it: beside it, or on a line below where it would be cut."""
    sign = ("● ", "$success") if place.found else ("✕ ", "$error")
    text = f"{place.place}: {words.outcome(place, view.now)}"
    if not place.do:
        return [(sign, (text, ""))]
    if len(text) + len(place.do) + 5 <= width:
        return [(sign, (text, ""), (f" → {place.do}", _QUIET))]
    return [(sign, (text, "")), ((f"  → {place.do}", _QUIET),)]


def local_sums(view: View, width: int) -> list[Line]:
    """Tokens of the last hours and days by this machine's transcripts, whatever windows there are."""
    sums = view.sums
    if sums is None:
        return [(("Looking at the transcripts …", _QUIET),)]
    if not sums.following.looked:
        return [(("Reading the transcripts of this machine …", _QUIET),)]
    if not any(tokens.turns for _, tokens in sums.sums):
        return [(("Claude Code has used nothing on this machine in the last 7 days.", _QUIET),)]
    found: list[Line] = [(("Used on this machine" if width >= 32 else "Used here", "bold"),)]
    for name, tokens in sums.sums:
        turns = f"{tokens.turns} turn{'' if tokens.turns == 1 else 's'}"
        line: Line = ((f"{name:<14}", _QUIET), (f"{words.amount(tokens.total_tokens):>8}", "$meter-local"))
        if width >= 48:
            line = (*line, (f" tokens in {turns}", ""))
        if width >= 64:
            line = (*line, (f" · out {words.amount(tokens.output_tokens)}", _QUIET))
        found.append(line)
    return found
