"""What the signs mean and what the keys do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from claude_meter_tui.dashboard.widgets.drawn_text import to_ascii

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from claude_meter_tui.dashboard.widgets.drawn_text import Line

_READING = (
    ("━━╸──", "used so far, as the server last said"),
    ("┃", "an even pace: a bar past it fills before its reset"),
    ("! !! FULL", "from 75, 90, 100 %, or where the server warns"),
    ("3d 20h", "until the window clears; idle: nothing has opened it"),
    ("reset", "its reset has passed; the old figure no longer counts"),
    ("● live", "the reading is young   ○ stale: it is old"),
    ("◷ waiting", "the server asked us to wait; nothing is sent before"),
    ("✕ offline", "no usable answer; tried again by itself"),
    ("▲ signed out", "the login no longer works: run claude once"),
    ("▁▃▆", "stored readings   ╎ a reset   ┆ now   · an even pace"),
)
_KEYS = (
    ("j k ↓ ↑", "select a window (home, end: first, last)"),
    ("⏎ / esc", "its detail / back"),
    ("c", "the local token sum beside the server's window"),
    ("h", "history over this span or four spans"),
    ("%", "used or left"),
    ("a / A", "pick an account / all of them as rows"),
    ("r", "read now, if asking is allowed; else it says when"),
    ("p", "pause or resume asking"),
    ("t", "dark, light, contrast, colorblind, terminal"),
    ("ctrl+p", "every action, by name"),
    ("?", "this help"),
    ("q ctrl+c", "quit"),
)


_WHY = (
    ("elsewhere", "The server counts every machine, the browser, the phone."),
    ("", "Local tokens are what Claude Code wrote on this one."),
    ("weights", "The server weighs each token by model and kind, and does"),
    ("", "not say how; a sum takes cache reads as it takes output."),
    ("clocks", "Each window has a clock of its own. A local block begins"),
    ("", "with your first turn, the server's when it says."),
    ("which stops", "One turn moves several windows at once, and the first"),
    ("", "that is full stops you, however little the others hold."),
    ("the cap", "Nobody publishes it: the local bar is measured by the"),
    ("", "largest earlier block or week, which is an assumption."),
    ("", "So both are right, of different things."),
)


class HelpScreen(ModalScreen[None]):
    """A scrollable sheet over the screen; any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,question_mark,q,enter", "dismiss", "Close")]

    def __init__(self, *, ascii_only: bool, comparing: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._ascii = ascii_only
        self._comparing = comparing

    def compose(self) -> ComposeResult:
        """How to read the screen, and the keys."""
        lines: list[Line] = []
        if self._comparing:
            lines += [(("Why local and server differ", "bold $accent"),)]
            lines += [((f"  {word:<13}", "bold"), (text, "")) for word, text in _WHY]
            lines += [(("", ""),)]
        lines += [(("How to read it", "bold $accent"),)]
        lines += [((f"  {sign:<13}", "bold"), (text, "")) for sign, text in _READING]
        lines += [(("", ""),), (("Keys", "bold $accent"),)]
        lines += [((f"  {key:<13}", "bold"), (text, "")) for key, text in _KEYS]
        shown = [to_ascii(line) for line in lines] if self._ascii else lines
        sheet = VerticalScroll(Static(Content("\n").join(Content.assemble(*line) for line in shown)))
        sheet.border_title = "help - esc closes" if self._ascii else "help · esc closes"
        yield sheet
