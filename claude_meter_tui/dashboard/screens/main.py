"""The screen people leave open."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.screen import Screen

from claude_meter_tui.dashboard.arrangement import Area, Areas, Wanted, arrange, is_tiny
from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.widgets.chart.history_chart import HistoryChart
from claude_meter_tui.dashboard.widgets.key_bar import KeyBar
from claude_meter_tui.dashboard.widgets.lines import Header, Notice, TinyStatus, notice_height
from claude_meter_tui.dashboard.widgets.next_stop import NextStop
from claude_meter_tui.dashboard.widgets.windows_panel import WindowsPanel

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.geometry import Size
    from textual.widget import Widget

    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText

_PARTS: dict[str, type[DrawnText]] = {
    "header": Header,
    "notice": Notice,
    "stop": NextStop,
    "windows": WindowsPanel,
    "chart": HistoryChart,
    "keys": KeyBar,
    "status": TinyStatus,
}


# Those that are not on every screen are imported when they are.
_LATER = {
    "strip": ("screens.accounts", "AccountStrip"),
    "moves": ("widgets.moves", "Moves"),
    "compare": ("widgets.comparison", "ComparePanel"),
    "local": ("widgets.local_line", "LocalLine"),
    "message": ("widgets.message_panel", "MessagePanel"),
}


def _kind_of(part: str) -> type[DrawnText]:
    if part in _PARTS:
        return _PARTS[part]
    module, name = _LATER[part]
    found: type[DrawnText] = getattr(import_module(f"claude_meter_tui.dashboard.{module}"), name)
    return found


class MainScreen(Surviving, Screen[None]):
    """Every part at the place `arrange` gives it; those without one are not shown."""

    view: reactive[View | None] = reactive(None, repaint=False)
    _put: tuple[object, ...] = ()

    def __init__(self, *, id: str, classes: str) -> None:  # noqa: A002 - as Textual names it
        super().__init__(id=id, classes=classes)
        self.areas: Areas = {}
        self._parts: dict[str, Widget] = {}
        self._styled = False

    def update_node_styles(self, animate: bool = True) -> None:
        """Not once more when it is first shown: every part was styled a moment before, as it was mounted."""
        if self._styled:
            super().update_node_styles(animate)
        self._styled = True

    def compose(self) -> ComposeResult:
        """The parts that have a place at this size, put there already; the others come when they have one."""
        self._plan(self.app.size)
        yield from self._parts.values()

    def on_resize(self) -> None:
        """Another size has other places."""
        self._arrange(self.size)

    def watch_view(self, view: View | None) -> None:
        """Another state may need other parts."""
        if view is not None and self._put:
            self._arrange(self.size)

    def _arrange(self, size: Size) -> None:
        there = set(self._parts)
        self._plan(size)
        if made := [part for name, part in self._parts.items() if name not in there]:
            self.mount_all(made)

    def _plan(self, size: Size) -> None:
        """Put every part into its place; make those that have one for the first time."""
        view = self.view
        if view is None or not size.width:
            return
        wanted = wanted_of(view, size)
        if (put := (size, wanted, view.ascii)) != self._put:
            self._put = put
            self.areas = arrange(size.width, size.height, wanted)
            for name in self._parts.keys() - self.areas.keys():
                self._parts[name].display = False
            for name, area in self.areas.items():
                self._put_part(name, area, view)
        self._told(view, size)

    def _put_part(self, name: str, area: Area, view: View) -> None:
        part = self._parts.get(name)
        if part is None:
            kind = _kind_of(name)
            part = self._parts[name] = kind(id=f"part-{name}", classes="-framed" if area.framed else "").data_bind(
                MainScreen.view
            )
            part.set_reactive(kind.view, view)  # before the first binding, so that it is composed whole
            if name == "stop":
                part.border_title = "next stop"
        elif part.has_class("-framed") != area.framed:
            part.set_class(area.framed, "-framed")
        part.styles.offset = (area.x, area.y)
        part.styles.width, part.styles.height = area.width, area.height
        part.display = True

    def _told(self, view: View, size: Size) -> None:
        """Tell the table its lines, and the status line how many windows have none."""
        area, panel, status = self.areas.get("windows"), self._parts.get("windows"), self._parts.get("status")
        if area is None or not isinstance(panel, WindowsPanel):
            return
        panel.given(area.height - 2 * area.framed, tiny=is_tiny(size.width, size.height))
        hidden = len(view.windows) - len(panel.shown_keys(view))
        if isinstance(status, TinyStatus) and hidden != status.hidden:
            status.hidden = hidden
            status.refresh()


def wanted_of(view: View, size: Size) -> Wanted:
    """What there is to show of a view."""
    return Wanted(
        rows=len(view.listed) + view.lists_money,
        notice=notice_height(view, size.width),
        strip=_strip_height(view, size),
        compare=view.compare,
        message=not view.windows and view.budget is None,
        money=not view.windows,
        alone=view.enlarged if view.windows else None,
    )


def _strip_height(view: View, size: Size) -> int:
    if len(view.accounts) < 2:
        return 0
    from claude_meter_tui.dashboard.screens.accounts import strip_height

    return strip_height(view, size)
