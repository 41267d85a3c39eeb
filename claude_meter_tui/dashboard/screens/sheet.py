"""A sheet of text over the screen, which scrolls: the base of help and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from claude_meter_tui.dashboard.widgets.drawn_text import in_ascii, to_ascii

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult

    from claude_meter_tui.dashboard.widgets.drawn_text import Line


class SheetScreen(ModalScreen[None]):
    """Subclasses give its title, how to leave it, and its lines."""

    CSS_PATH = "screens.tcss"
    title_words = ""
    leave_words = "esc closes"

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._ascii = ascii_only

    def lines(self, width: int) -> Iterable[Line]:
        """What stands on it at that width of the screen."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The text in a frame."""
        title = f"{self.title_words} · {self.leave_words}"
        # A sheet without a border has no title: its first line says how to leave.
        yield Static(Content(title.replace("·", "-")), classes="leave")
        sheet = VerticalScroll(Static(self._text(self.app.size.width), id="sheet"))
        sheet.border_title = Content(in_ascii(title) if self._ascii else title)
        yield sheet

    def on_resize(self) -> None:
        """Another width has another way to set it."""
        self.query_one("#sheet", Static).update(self._text(self.size.width))

    def _text(self, width: int) -> Content:
        lines = list(self.lines(width))
        drawn = [to_ascii(line) for line in lines] if self._ascii else lines
        return Content("\n").join(Content.assemble(*line) for line in drawn)
