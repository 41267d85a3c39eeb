"""The past of one window: how full its instances came to be, at which hours it is used, what this one went to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.screen import Screen

from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.widgets.key_bar import KeyBar
from claude_meter_tui.dashboard.widgets.past import PastPanel

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from claude_meter_tui.dashboard.view import View


class PastScreen(Surviving, Screen[None]):
    """The selected window's; j/k move on to the next."""

    CSS_PATH = "screens.tcss"

    view: reactive[View | None] = reactive(None, repaint=False)
    shows_earlier = True

    def compose(self) -> ComposeResult:
        """The panel and the keys."""
        yield PastPanel().data_bind(PastScreen.view)
        yield KeyBar("past").data_bind(PastScreen.view)
