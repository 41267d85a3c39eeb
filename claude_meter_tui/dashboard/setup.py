"""The first thing somebody without a login sees: what was looked for, what to do, and the demo on a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.dashboard.picture import Line, Lines, Picture

if TYPE_CHECKING:
    from claude_meter_tui.dashboard.view import View

_KEY = "bold $accent"


class SetupPanel(Picture):
    """Plain text; it goes by itself as soon as a login is there."""

    def draw(self, view: View, width: int, height: int) -> Lines:
        """As much as fits: what to do goes before what was looked for."""
        sentence = view.state.trouble.sentence if view.state.trouble else ""
        lead: list[Line] = [((sentence if width >= 32 else "No login yet.", "bold $warning"),)]
        if width < 56:
            todo: list[Line] = [
                (("1 ", _KEY), ("Run claude and log in.", "")),
                (("d ", _KEY), ("Try the demo.", "")),
                (("q ", _KEY), ("Quit.", "")),
            ]
        else:
            todo = [
                (("1  ", _KEY), ("Run ", ""), ("claude", "bold"), (" in another terminal and log in.", "")),
                (("   This screen notices within seconds.", "$meter-countdown"),),
                (("d  ", _KEY), ("Look around first, with a simulated account.", "")),
            ]
        looked: list[Line] = [(("Looked for:", "bold"),)]
        looked += [
            (
                ("● " if place.found else "✕ ", "$success" if place.found else "$error"),
                (f"{place.place}: {place.outcome}", ""),
                (f" → {place.do}" if place.do else "", "$meter-countdown"),
            )
            for place in view.state.looked
        ]
        blank: Line = (("", ""),)
        roomy = [*lead, blank, *looked, blank, (("What to do:", "bold"),), *todo]
        if len(roomy) <= height:
            return tuple(roomy)
        return tuple([*lead, *todo, *looked][:height])
