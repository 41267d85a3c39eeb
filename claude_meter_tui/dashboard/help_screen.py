"""What the signs mean and what the keys do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Static

from claude_meter_tui.dashboard.picture import to_ascii

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from claude_meter_tui.dashboard.picture import Line
    from claude_meter_tui.dashboard.view import View

_READING = (
    ("━━╸──", "used so far, in percent of the window, as the server last said"),
    ("┃", "where an even pace would be now: a bar past it fills early"),
    ("! !! FULL", "75 %, 90 %, 100 % or the server's own warning"),
    ("3d 20h", "until the window clears; idle: nothing has opened it"),
    ("reset", "its reset has passed; the old percentage no longer counts"),
    ("● live", "the reading is young;  ○ stale: it is old;  ○ loading: the first is awaited"),
    ("◷ waiting", "the server asked us to wait; nothing is sent before"),
    ("✕ offline", "no usable answer; tried again by itself"),
    ("▲ signed out", "the login no longer works: run claude once"),
    ("▁▃▆", "history: stored readings;  ╎ a reset;  ┆ now;  · an even pace"),
)
_KEYS = (
    ("j k ↓ ↑", "select a window (home, end: first, last)"),
    ("⏎ / esc", "its detail / back"),
    ("h", "history over this span or four spans"),
    ("%", "used or left"),
    ("r", "read now, if asking is allowed; else it says when"),
    ("p", "pause or resume asking"),
    ("t", "next theme: dark, light, contrast, colorblind, terminal"),
    ("ctrl+p", "every action, by name"),
    ("?", "this help"),
    ("q ctrl+c", "quit"),
)


class HelpScreen(ModalScreen[None]):
    """A scrollable sheet over the screen; any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,question_mark,q,enter", "dismiss", "Close")]

    view: reactive[View | None] = reactive(None, repaint=False)

    def compose(self) -> ComposeResult:
        """How to read the screen, and the keys."""
        sheet = VerticalScroll(Static(id="help"))
        sheet.border_title = "help · esc closes"
        yield sheet

    def watch_view(self, view: View | None) -> None:
        """Filled once: nothing in it depends on the moment."""
        if view is None or not self.is_mounted or self.has_class("-filled"):
            return
        self.set_classes(["-filled", *(["-ascii"] if view.ascii else [])])
        lines: list[Line] = [(("How to read it", "bold $accent"),)]
        lines += [((f"  {sign:<13}", "bold"), (text, "")) for sign, text in _READING]
        lines += [(("", ""),), (("Keys", "bold $accent"),)]
        lines += [((f"  {key:<13}", "bold"), (text, "")) for key, text in _KEYS]
        shown = [to_ascii(line) for line in lines] if view.ascii else lines
        self.query_one("#help", Static).update(Content("\n").join(Content.assemble(*line) for line in shown))

    def on_mount(self) -> None:
        """The view may have come before the parts."""
        self.watch_view(self.view)
