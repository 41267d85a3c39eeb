"""Every setting that holds, and whence; `e` opens the file in the user's editor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding

from claude_meter_tui.dashboard.screens.sheet import SheetScreen
from claude_meter_tui.domain.foreign_text import shown

if TYPE_CHECKING:
    from textual.binding import BindingType

    from claude_meter_tui.dashboard.widgets.drawn_text import Line
    from claude_meter_tui.settings.held import Held

_QUIET = "$meter-countdown"
_WIDE = 70


class SettingsScreen(SheetScreen):
    """One setting a line, or two lines where it is narrow."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,comma,q,enter", "dismiss", "Close"),
        Binding("e", "edit", "Edit"),
    ]
    title_words = "settings"
    leave_words = "e opens the file in your editor · esc closes"

    def __init__(self, held: list[Held], *, ascii_only: bool) -> None:
        super().__init__(ascii_only=ascii_only)
        self._held = held

    def lines(self, width: int) -> list[Line]:
        """In the file's order."""
        return [line for each in self._held for line in _lines(each, width)]

    async def action_edit(self) -> None:
        """Leave this sheet, which would show what held before, and edit."""
        self.dismiss()
        self.app.call_later(self.app.run_action, "edit_settings")


def _lines(each: Held, width: int) -> list[Line]:
    value, whence = shown(each.value), "" if each.whence == "default" else shown(each.whence)
    named = (f" {each.name:<20}", "bold")
    if width < _WIDE:
        return [((f" {each.name}", "bold"),), ((f"   {value}", "$accent" if whence else ""),)]
    return [(named, (f"{value:<26}", "$accent" if whence else ""), (f" {each.means}", _QUIET))]
