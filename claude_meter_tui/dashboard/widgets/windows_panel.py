"""The windows' table: its heads, one gauge a window and the money, never hiding the window that stops first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.reactive import reactive

from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.widgets.columns import EXTRA_LABEL, heads, labels_of, layout
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Lines, first_fitting, in_ascii
from claude_meter_tui.dashboard.widgets.gauge import Gauge
from claude_meter_tui.dashboard.widgets.lines import Extra

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import MouseScrollDown, MouseScrollUp

    from claude_meter_tui.dashboard.view import View

_QUIET = "$meter-countdown"
_LEGENDS = (
    "▄ used  ▒ ≈ estimated since  ┃ even pace  ◆ local tokens  ! from {:.0f}  !! from {:.0f}",
    "▄ used  ▒ estimated  ┃ even pace  ◆ local  ! {:.0f}  !! {:.0f}",
    "▄ used  ▒ since  ┃ pace  ◆ local",
    "",
)


class Heads(DrawnText):
    """What stands above each column."""

    def depends_on(self, view: View) -> object:
        """Not on a figure."""
        return (labels_of(view), view.show_left, view.ascii, view.looks.resets, self.content_size)

    def draw(self, view: View, width: int, height: int) -> Lines:  # noqa: ARG002 - one line
        """See `columns.heads`."""
        return (heads(layout(width, labels_of(view), view.looks.resets), show_left=view.show_left),)


class More(DrawnText):
    """Which windows have no line here: nothing is left out without a sign."""

    hidden: tuple[str, ...] = ()
    extra = False
    """Whether the row of the money is left out too."""

    def draw(self, view: View, width: int, height: int) -> Lines:  # noqa: ARG002 - one line
        """How many, and as many names as fit."""
        names = [window.label for window in view.windows if window.key in self.hidden]
        names += [EXTRA_LABEL] if self.extra else []
        start = f"  + {len(names)} more"
        variants = [((f"{start}: {', '.join(names[:count])}", _QUIET),) for count in range(len(names), 0, -1)]
        return (first_fitting(width, *variants, ((start, _QUIET),)),)


class WindowsPanel(Surviving, Vertical, can_focus=False):
    """Gauges in their usual order while all fit; else the most pressing first, the first of them always shown."""

    view: reactive[View | None] = reactive(None, repaint=False)
    room = 1
    """How many lines there are for heads and gauges: the screen says so before the layout is made."""
    tiny = False
    _named = ("", "")

    def compose(self) -> ComposeResult:
        """A gauge for each window already known; others come with their reading."""
        yield Heads().data_bind(WindowsPanel.view)
        for window in self.view.windows if self.view is not None else ():
            yield Gauge(window.key).data_bind(WindowsPanel.view)
        yield Extra().data_bind(WindowsPanel.view)
        yield More().data_bind(WindowsPanel.view)

    async def watch_view(self, before: View | None, view: View | None) -> None:
        """Another set of windows needs other gauges; else the gauges draw themselves."""
        if view is None:
            return
        gauges = {gauge.key: gauge for gauge in self.query(Gauge)}
        keys = [window.key for window in view.listed]
        if set(keys) != set(gauges):
            for key in gauges.keys() - set(keys):
                await gauges[key].remove()
            added = [Gauge(key).data_bind(WindowsPanel.view) for key in keys if key not in gauges]
            await self.mount_all(added, before=self.query_one(Extra))
            before = None
        self._arrange(view, force=before is None)

    def given(self, room: int, *, tiny: bool) -> None:
        """Take another number of lines."""
        if (room, tiny) == (self.room, self.tiny):
            return
        self.room, self.tiny = room, tiny
        if self.view is not None and self.is_mounted:
            self._arrange(self.view, force=True)

    def _arrange(self, view: View, *, force: bool) -> None:
        extra = view.state.reading.extra_usage if view.state.reading else None
        has_extra = extra is not None and extra.is_shown and not view.filter
        keys = self.shown_keys(view)
        hidden = tuple(window.key for window in view.listed if window.key not in keys)
        rows = len(keys) + has_extra
        self.query_one(Heads).display = not self.tiny and not hidden and rows < self.room
        more = self.query_one(More)
        shows_extra = has_extra and rows <= self.room and not hidden
        more.hidden, more.extra = hidden, has_extra and not shows_extra
        more.display = (bool(hidden) or more.extra) and len(keys) < self.room
        self.query_one(Extra).display = shows_extra
        title = "windows, what is left" if view.show_left else "windows"
        if view.filter:
            count = len(view.matching)
            found = f"{count} of {len(view.windows)} with" if count else "none has"
            title += f", {found} “{view.filter}”"
        legends = [each.format(*view.looks.thresholds) for each in _LEGENDS]
        legend = next((each for each in legends if len(each) + 6 <= self.size.width), "")
        named = (title, in_ascii(legend) if view.ascii else legend)
        if named != self._named:  # each assignment draws the whole panel anew
            self._named = named
            self.border_title, self.border_subtitle = map(Content, named)
        gauges = {gauge.key: gauge for gauge in self.query(Gauge)}
        shown = [gauges[key] for key in keys if key in gauges]
        if not force and shown == [gauge for gauge in self.query(Gauge) if gauge.display]:
            return
        for gauge in gauges.values():
            gauge.display = gauge in shown
        self.sort_children(key=lambda child: _place(child, shown))

    def on_resize(self) -> None:
        """Another width has room for another legend."""
        if self.view is not None:
            self._arrange(self.view, force=False)

    def shown_keys(self, view: View) -> list[str]:
        """The windows shown on this screen, in their order."""
        extra = view.state.reading.extra_usage if view.state.reading else None
        return visible_keys(
            view,
            self.room,
            urgent_first=self.tiny,
            sign=not self.tiny and self.room >= 4,
            extra=extra is not None and extra.is_shown and not view.filter and not self.tiny,
        )

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """The next window."""
        event.stop()
        self.app.call_later(self.app.run_action, "select(1)")

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """The previous window."""
        event.stop()
        self.app.call_later(self.app.run_action, "select(-1)")


def _place(child: object, shown: list[Gauge]) -> int:
    if isinstance(child, Heads):
        return -1
    if isinstance(child, Gauge):
        return shown.index(child) if child in shown else len(shown)
    return len(shown) + isinstance(child, More)


def visible_keys(view: View, room: int, *, urgent_first: bool, sign: bool = False, extra: bool = False) -> list[str]:
    """Which windows to show, in order.

    All in their usual order if they fit, unless `urgent_first`; else by urgency, the first always, and of the others
    a run that holds the selected one. `sign`: where some are left out, a line is left for saying so; `extra`: there
    is a row of money besides.
    """
    listed = [window.key for window in view.listed]
    if len(listed) + extra <= room and not urgent_first:
        return listed
    ranked = [window.key for window in view.pressing if window.key in listed]
    if len(ranked) + extra <= room:
        return ranked
    room -= sign
    if len(listed) <= room and not urgent_first:
        return listed
    chosen = view.chosen
    at = ranked.index(chosen.key) if chosen is not None else 0
    if room <= 1:
        return ranked[:1]
    first = 1 if at < room else at - room + 2
    return [ranked[0], *ranked[first : first + room - 1]]
