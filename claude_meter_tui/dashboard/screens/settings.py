"""Every setting that holds, and whence; `e` opens the file in the user's editor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from claude_meter_tui.dashboard.widgets.drawn_text import Line, to_ascii
from claude_meter_tui.domain.foreign_text import shown

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from claude_meter_tui.settings.held import Held

_QUIET = "$meter-countdown"
_WIDE = 70


class SettingsScreen(ModalScreen[None]):
    """A scrollable sheet over the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,comma,q,enter", "dismiss", "Close"),
        Binding("e", "edit", "Edit"),
    ]

    def __init__(self, held: list[Held], *, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._held, self._ascii = held, ascii_only

    def compose(self) -> ComposeResult:
        """One setting a line, or two lines where it is narrow."""
        yield Static("settings - e edits, esc closes", classes="leave")
        sheet = VerticalScroll(Static(id="settings"))
        sheet.border_title = Content("settings - e edits, esc closes" if self._ascii else "settings")
        sheet.border_subtitle = Content("" if self._ascii else "e opens the file in your editor · esc closes")
        yield sheet

    def on_resize(self) -> None:
        """Another width has another way to set it."""
        lines = [line for each in self._held for line in _lines(each, self.size.width)]
        drawn = [to_ascii(line) for line in lines] if self._ascii else lines
        text = Content("\n").join(Content.assemble(*line) for line in drawn)
        self.query_one("#settings", Static).update(text)

    async def action_edit(self) -> None:
        """Leave this sheet, which would show what held before, and edit."""
        self.dismiss()
        self.app.call_later(self.app.run_action, "edit_settings")


def _lines(each: Held, width: int) -> list[Line]:
    value, whence = shown(each.value), "" if each.whence == "default" else shown(each.whence)
    named = (f" {each.name:<20}", "bold")
    if width < _WIDE:
        return [((f" {each.name}", "bold"),), ((f"   {value}", "$accent" if whence else ""),)]
    return [(named, (f"{value:<24}", "$accent" if whence else ""), (f" {each.means}", _QUIET))]
