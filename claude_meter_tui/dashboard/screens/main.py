"""The screen people leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Container, Vertical
from textual.reactive import reactive
from textual.screen import Screen

from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.screens.accounts import AccountStrip
from claude_meter_tui.dashboard.widgets.chart import HistoryChart
from claude_meter_tui.dashboard.widgets.comparison import ComparePanel
from claude_meter_tui.dashboard.widgets.lines import Header, KeyBar, Notice, TinyStatus, notice_words
from claude_meter_tui.dashboard.widgets.next_stop import NextStop
from claude_meter_tui.dashboard.widgets.setup import SetupPanel
from claude_meter_tui.dashboard.widgets.windows_panel import WindowsPanel
from claude_meter_tui.polling.state import Phase

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from claude_meter_tui.dashboard.view import View


class MainScreen(Surviving, Screen[None]):
    """Header, notice, next stop, windows, history, comparison, keys; tiny: only gauges and a status line."""

    view: reactive[View | None] = reactive(None, repaint=False)

    def compose(self) -> ComposeResult:
        """Every part, bound to this screen's view."""
        yield Header().data_bind(MainScreen.view)
        yield Notice().data_bind(MainScreen.view)
        yield AccountStrip().data_bind(MainScreen.view)
        next_stop = NextStop().data_bind(MainScreen.view)
        next_stop.border_title = "next stop"
        yield next_stop
        with Container(id="body", classes="fills"):
            with Vertical(id="server"):
                yield WindowsPanel().data_bind(MainScreen.view)
                yield HistoryChart().data_bind(MainScreen.view)
            yield ComparePanel().data_bind(MainScreen.view)
        yield SetupPanel(classes="fills").data_bind(MainScreen.view)
        yield KeyBar().data_bind(MainScreen.view)
        yield TinyStatus().data_bind(MainScreen.view)

    def on_resize(self) -> None:
        """Another size may have room for the notice, or no longer."""
        self.watch_view(self.view)

    def watch_view(self, view: View | None) -> None:
        """Which parts there are in this state; their looks are theirs."""
        if view is not None:
            self.set_class(view.phase is Phase.SETUP, "-setup")
            self.set_class(not view.windows and view.budget is None, "-empty")
            self.set_class(not view.windows and view.budget is not None, "-budget")
            self.set_class(view.compare, "-compare")
            self.set_class(len(view.accounts) > 1, "-several")
            self.set_class(view.all_accounts, "-all-accounts")
            notice = any(notice_words(view))
            self.set_class(notice, "-notice")
            # On a tiny screen the windows go first: the notice takes a line only if one is left.
            self.set_class(notice and len(view.windows) + 3 <= self.size.height, "-notice-fits")
