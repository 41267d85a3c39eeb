"""What the signs mean and what the keys do."""

from __future__ import annotations

import textwrap
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
    ("▄▄▄▖░░", "used so far, as the server last said"),
    ("▒ ≈44", "estimated since that reading, from the turns of this machine"),
    ("┃", "an even pace: where it would be if use were spread evenly"),
    ("◆", "what the local tokens come to, of an assumed cap"),
    ("! !! FULL", "from 75, 90, 100 %, or where the server warns; tiny: X is full"),
    ("full 16:30", "when it is likely to fill, and how likely that is at all"),
    ("holds", "it clears before it fills, at least 90 % sure"),
    ("about, →", "no forecast yet: what follows from its pace so far"),
    ("3d 20h", "until it clears; idle: nothing has opened it"),
    ("reset", "its reset has passed; the old figure no longer counts"),
    ("● live", "the reading is young   ○ stale: it is old"),
    ("◷ waiting", "the server asked us to wait; nothing is sent before"),
    ("✕ offline", "no usable answer; tried again by itself"),
    ("▲ signed out", "the login no longer works: run claude once"),
    ("▁▃▆ ●", "stored readings; a single one"),
    ("│ ┊ ↻", "now; a reset"),
    ("⠤⠒⠉", "thin: an even pace, and the other windows"),
    ("⠤⠒⠉ ░", "after now: the likely course, and its 80 % range"),
)
_KEYS = (
    ("j k ↓ ↑ 1-9", "select a window (home, end: first, last)"),
    ("⏎ / esc", "its detail / back"),
    ("c", "the local token sum beside the server's window"),
    ("PgDn PgUp", "older and newer turns there"),
    ("h", "the chart over this span or four spans"),
    ("+ - [ ] 0", "the chart nearer, farther, earlier, later; as it was"),
    ("← →, click", "read out one column of the chart; esc ends that"),
    ("%", "used or left"),
    ("y", "copy the selected window's figures"),
    ("a / A", "pick an account / all of them as rows"),
    ("r", "read now, if asking is allowed; else it says when"),
    ("p", "pause or resume asking"),
    ("t", "dark, light, contrast, colorblind, terminal"),
    ("ctrl+p", "every action, by name"),
    ("? f1", "this help"),
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


_SIGN = 13
_BESIDE_FROM = 34
_WIDEST = 84


class HelpScreen(ModalScreen[None]):
    """A scrollable sheet over the screen; any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,question_mark,f1,q,enter", "dismiss", "Close")]

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._ascii = ascii_only

    def compose(self) -> ComposeResult:
        """The keys and the signs first, then why the two figures differ."""
        # A sheet without a border has no title: its first line says how to leave.
        yield Static("help - esc closes", classes="leave")
        sheet = VerticalScroll(Static(id="help"))
        sheet.border_title = "help - esc closes" if self._ascii else "help · esc closes"
        yield sheet

    def on_resize(self) -> None:
        """Another width has another way to set the two columns."""
        lines = _lines(self.size.width)
        shown = [to_ascii(line) for line in lines] if self._ascii else lines
        text = Content("\n").join(Content.assemble(*line) for line in shown)
        self.query_one("#help", Static).update(text)


def _lines(width: int) -> list[Line]:
    """Sign and meaning beside each other; where that has no room, the meaning indented below."""
    found: list[Line] = []
    for title, rows in (("Keys", _KEYS), ("How to read it", _READING), ("Why local and server differ", _WHY)):
        found += [((title, "bold $accent"),)]
        for sign, text in rows:
            beside = min(width, _WIDEST) - _SIGN - 10
            if beside >= _BESIDE_FROM:
                first, *more = textwrap.wrap(text, beside) or [""]
                found += [((f"  {sign:<{_SIGN}}", "bold"), (first, ""))]
                found += [((" " * (_SIGN + 2) + rest, ""),) for rest in more]
            else:
                found += [((f" {sign}", "bold"),)] if sign else []
                found += [((f"   {rest}", ""),) for rest in textwrap.wrap(text, max(8, width - 4))]
        found += [(("", ""),)]
    return found[:-1]
