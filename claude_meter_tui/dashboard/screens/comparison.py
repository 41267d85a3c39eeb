"""The comparison on a screen of its own, where there is no room beside or below the windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from textual.reactive import reactive
from textual.screen import Screen

from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.widgets.comparison import ComparePanel
from claude_meter_tui.dashboard.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import Resize

    from claude_meter_tui.dashboard.view import View


@runtime_checkable
class Comparing(Protocol):
    """An app that knows where the comparison has a place."""

    def has_room_to_compare(self) -> bool:
        """Whether the main screen has one."""
        ...


class CompareScreen(Surviving, Screen[None]):
    """The selected window's comparison; j/k move on to the next."""

    CSS_PATH = "screens.tcss"

    view: reactive[View | None] = reactive(None, repaint=False)

    def on_resize(self, _: Resize) -> None:
        """Where there is room beside or below the windows now, it goes there."""
        if self.is_current and isinstance(self.app, Comparing) and self.app.has_room_to_compare():
            self.dismiss()

    def compose(self) -> ComposeResult:
        """The panel and the keys."""
        yield ComparePanel().data_bind(CompareScreen.view)
        yield KeyBar("compare").data_bind(CompareScreen.view)
