"""The comparison on a screen of its own, where there is no room beside or below the windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.screen import Screen

from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.widgets.comparison import ComparePanel, roomy
from claude_meter_tui.dashboard.widgets.lines import KeyBar

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import Resize

    from claude_meter_tui.dashboard.view import View


class CompareScreen(Surviving, Screen[None]):
    """The selected window's comparison; j/k move on to the next."""

    view: reactive[View | None] = reactive(None, repaint=False)

    def on_resize(self, event: Resize) -> None:
        """Where there is room beside or below the windows now, it goes there."""
        if self.is_current and roomy(event.size):
            self.dismiss()

    def compose(self) -> ComposeResult:
        """The panel and the keys."""
        yield ComparePanel().data_bind(CompareScreen.view)
        yield KeyBar("compare").data_bind(CompareScreen.view)
