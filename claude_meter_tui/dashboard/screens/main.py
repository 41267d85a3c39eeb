"""The screen people leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.screen import Screen

from claude_meter_tui.dashboard.arrangement import Areas, Wanted, arrange, is_tiny
from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.screens.accounts import AccountStrip, strip_height
from claude_meter_tui.dashboard.widgets.chart.history_chart import HistoryChart
from claude_meter_tui.dashboard.widgets.comparison import ComparePanel
from claude_meter_tui.dashboard.widgets.key_bar import KeyBar
from claude_meter_tui.dashboard.widgets.lines import Header, Notice, TinyStatus, notice_height
from claude_meter_tui.dashboard.widgets.local_line import LocalLine
from claude_meter_tui.dashboard.widgets.message_panel import MessagePanel
from claude_meter_tui.dashboard.widgets.moves import Moves
from claude_meter_tui.dashboard.widgets.next_stop import NextStop
from claude_meter_tui.dashboard.widgets.windows_panel import WindowsPanel

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.geometry import Size
    from textual.widget import Widget

    from claude_meter_tui.dashboard.view import View

_PARTS: dict[str, type[Widget]] = {
    "header": Header,
    "notice": Notice,
    "strip": AccountStrip,
    "stop": NextStop,
    "windows": WindowsPanel,
    "chart": HistoryChart,
    "moves": Moves,
    "compare": ComparePanel,
    "local": LocalLine,
    "message": MessagePanel,
    "keys": KeyBar,
    "status": TinyStatus,
}


class MainScreen(Surviving, Screen[None]):
    """Every part at the place `arrange` gives it; those without one are not shown."""

    view: reactive[View | None] = reactive(None, repaint=False)
    _put: tuple[object, ...] = ()

    def __init__(self, *, id: str, classes: str) -> None:  # noqa: A002 - as Textual names it
        super().__init__(id=id, classes=classes)
        self.areas: Areas = {}

    def compose(self) -> ComposeResult:
        """Every part, bound to this screen's view."""
        for name, part in _PARTS.items():
            widget = part().data_bind(MainScreen.view)
            widget.display = False
            widget.id = f"part-{name}"
            if name == "stop":
                widget.border_title = "next stop"
            yield widget

    def on_mount(self) -> None:
        """The first places, before the first paint."""
        self._arrange(self.app.size)

    def on_resize(self) -> None:
        """Another size has other places."""
        self._arrange(self.size)

    def watch_view(self, view: View | None) -> None:
        """Another state may need other parts."""
        if view is not None and self._put:
            self._arrange(self.size)

    def _arrange(self, size: Size) -> None:
        view = self.view
        if view is None or not size.width:
            return
        wanted = wanted_of(view, size)
        if (put := (size, wanted, view.ascii)) == self._put:
            self._told(view)
            return
        self._put = put
        self.areas = arrange(size.width, size.height, wanted)
        for name, part in _PARTS.items():
            widget, area = self.query_one(part), self.areas.get(name)
            if area is None:
                widget.display = False
                continue
            widget.set_class(area.framed, "-framed")
            widget.styles.offset = (area.x, area.y)
            widget.styles.width, widget.styles.height = area.width, area.height
            widget.display = True
        self._told(view)

    def _told(self, view: View) -> None:
        """Tell the table its lines, and the status line how many windows have none."""
        area = self.areas.get("windows")
        if area is None:
            return
        panel, status = self.query_one(WindowsPanel), self.query_one(TinyStatus)
        panel.given(area.height - 2 * area.framed, tiny=is_tiny(self.size.width, self.size.height))
        hidden = len(view.windows) - len(panel.shown_keys(view))
        if hidden != status.hidden:
            status.hidden = hidden
            status.refresh()


def wanted_of(view: View, size: Size) -> Wanted:
    """What there is to show of a view."""
    extra = view.state.reading.extra_usage if view.state.reading else None
    rows = len(view.listed) + (extra is not None and extra.is_shown and not view.filter)
    return Wanted(
        rows=rows,
        notice=notice_height(view, size.width),
        strip=strip_height(view, size),
        compare=view.compare,
        message=not view.windows and view.budget is None,
        money=not view.windows,
        alone=view.enlarged if view.windows else None,
    )
