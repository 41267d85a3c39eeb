"""The first thing somebody without a login sees: what was looked for, what to do, and the demo on a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Lines
from claude_meter_tui.output import words

if TYPE_CHECKING:
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.sources.source import Looked

_KEY = "bold $accent"


class SetupPanel(DrawnText):
    """Plain text; it goes by itself as soon as a login is there."""

    def draw(self, view: View, width: int, height: int) -> Lines:
        """As much as fits: what to do goes before what was looked for."""
        sentence = view.state.trouble.sentence if view.state.trouble else ""
        lead: list[Line] = [((sentence if width >= 32 else "No login yet.", "bold $warning"),)]
        if width < 56:
            todo: list[Line] = [
                (("1 ", _KEY), ("Run claude and log in.", "")),
                (("b ", _KEY), ("Use my browser.", "")),
                (("d ", _KEY), ("Try the demo.", "")),
                (("q ", _KEY), ("Quit.", "")),
            ]
        else:
            todo = [
                (("1  ", _KEY), ("Run ", ""), ("claude", "bold"), (" in another terminal and log in.", "")),
                (("   This screen notices within seconds.", "$meter-countdown"),),
                (("b  ", _KEY), ("Use the claude.ai session of a browser on this machine.", "")),
                (("d  ", _KEY), ("Look around first, with a simulated account.", "")),
            ]
        looked: list[Line] = [(("Looked for:", "bold"),)]
        for place in view.state.looked:
            looked += _place(place, width, view)
        blank: Line = (("", ""),)
        roomy = [*lead, blank, *looked, blank, (("What to do:", "bold"),), *todo]
        if len(roomy) <= height:
            return tuple(roomy)
        return tuple([*lead, *todo, *looked][:height])


def _place(place: Looked, width: int, view: View) -> list[Line]:
    """What was found there, and what would change it: beside it, or on a line below where it would be cut."""
    sign = ("● ", "$success") if place.found else ("✕ ", "$error")
    text = f"{place.place}: {words.outcome(place, view.now)}"
    if not place.do:
        return [(sign, (text, ""))]
    if len(text) + len(place.do) + 5 <= width:
        return [(sign, (text, ""), (f" → {place.do}", "$meter-countdown"))]
    return [(sign, (text, "")), ((f"  → {place.do}", "$meter-countdown"),)]
