"""The windows panel: one gauge a window and the extra usage, never hiding the window nearest to full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.reactive import reactive

from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.widgets.gauge import Gauge
from claude_meter_tui.dashboard.widgets.lines import Extra

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import Resize

    from claude_meter_tui.dashboard.view import View


class WindowsPanel(Surviving, Vertical, can_focus=False):
    """Gauges in their usual order while all fit; else the most pressing first, the first of them always shown."""

    view: reactive[View | None] = reactive(None, repaint=False)

    def compose(self) -> ComposeResult:
        """A gauge for each window already known; others come with their reading."""
        for window in self.view.windows if self.view is not None else ():
            yield Gauge(window.key).data_bind(WindowsPanel.view)
        yield Extra().data_bind(WindowsPanel.view)

    async def watch_view(self, before: View | None, view: View | None) -> None:
        """Another set of windows needs other gauges; else the gauges draw themselves."""
        if view is None:
            return
        gauges = {gauge.key: gauge for gauge in self.query(Gauge)}
        keys = [window.key for window in view.windows]
        if set(keys) != set(gauges):
            for key in gauges.keys() - set(keys):
                await gauges[key].remove()
            added = [Gauge(key).data_bind(WindowsPanel.view) for key in keys if key not in gauges]
            await self.mount_all(added, before=self.query_one(Extra))
            before = None
        self._arrange(view, force=before is None)

    def on_resize(self, _: Resize) -> None:
        """Another height shows another part."""
        if self.view is not None:
            self._arrange(self.view, force=True)

    def _arrange(self, view: View, *, force: bool) -> None:
        extra = view.state.reading.extra_usage if view.state.reading else None
        has_extra = extra is not None and extra.is_shown
        room = self.room()
        keys = self._keys_in(view, room)
        self.query_one(Extra).display = has_extra and room > len(keys)
        self.border_title = "windows, what is left" if view.show_left else "windows"
        gauges = {gauge.key: gauge for gauge in self.query(Gauge)}
        shown = [gauges[key] for key in keys if key in gauges]
        if not force and shown == [gauge for gauge in self.query(Gauge) if gauge.display]:
            return
        for gauge in gauges.values():
            gauge.display = gauge in shown
        self.sort_children(
            key=lambda child: shown.index(child) if isinstance(child, Gauge) and child in shown else len(shown)
        )

    def shown_keys(self, view: View) -> list[str]:
        """The windows shown on this screen, in their order."""
        return self._keys_in(view, self.room())

    def _keys_in(self, view: View, room: int) -> list[str]:
        tiny = self.screen.has_class("-tiny") or self.screen.has_class("-flat")
        return visible_keys(view, room, urgent_first=tiny)

    def room(self) -> int:
        """How many lines there are for gauges on this screen, whatever the panel's height is just now."""
        others = sum(
            child.outer_size.height for child in self.screen.children if child.display and not child.has_class("fills")
        )
        borders = self.gutter.height
        return max(1, self.screen.size.height - others - borders)


def visible_keys(view: View, room: int, *, urgent_first: bool) -> list[str]:
    """Which windows to show, in order.

    All in their usual order if they fit, unless `urgent_first`; else by urgency, the first always, and of the others
    a run that holds the selected one.
    """
    if len(view.windows) <= room and not urgent_first:
        return [window.key for window in view.windows]
    ranked = [window.key for window in view.pressing]
    if len(ranked) <= room:
        return ranked
    chosen = view.chosen
    at = ranked.index(chosen.key) if chosen is not None else 0
    if room <= 1:
        return ranked[:1]
    first = 1 if at < room else at - room + 2
    return [ranked[0], *ranked[first : first + room - 1]]
