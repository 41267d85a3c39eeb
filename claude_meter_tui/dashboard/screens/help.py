"""What the signs mean and what the keys do."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, ClassVar

from claude_meter_tui.dashboard.screens.sheet import SheetScreen
from claude_meter_tui.settings.keys import signs

if TYPE_CHECKING:
    from textual.binding import BindingType

    from claude_meter_tui.dashboard.widgets.drawn_text import Line
    from claude_meter_tui.settings.looks import Looks

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
    ("next previous 1-9", "select a window (home, end: first, last)"),
    ("detail esc", "its detail, and back"),
    ("past", "earlier instances, busy hours, what this one went to"),
    ("compare", "the local token sum beside the server's window"),
    ("older_turns newer_turns", "older and newer turns there"),
    ("history", "the chart over this span or four spans"),
    ("zoom_in zoom_out earlier later whole", "the chart nearer, farther, earlier, later; as it was"),
    ("cursor_left cursor_right click", "read out one column of the chart; esc ends that"),
    ("enlarge 2×click", "the chart alone, the comparison alone, all parts again"),
    ("filter", "only the windows whose names have the letters typed"),
    ("used_or_left", "used or left"),
    ("copy", "copy the selected window's figures"),
    ("picture", "save the screen as a picture, names masked"),
    ("settings", "the settings that hold; e edits them"),
    ("accounts all_accounts", "pick an account; all of them as rows"),
    ("read", "read now, if asking is allowed; else it says when"),
    ("pause", "pause or resume asking"),
    ("theme", "dark, light, contrast, colorblind, terminal"),
    ("ctrl+p", "every action, by name"),
    ("help f1", "this help"),
    ("quit ctrl+c", "quit"),
)
"""By the actions' names in `settings.keys`, or as shown."""

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


class HelpScreen(SheetScreen):
    """Any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,question_mark,f1,q,enter", "dismiss", "Close")]
    title_words = "help"

    def __init__(self, looks: Looks, *, ascii_only: bool) -> None:
        super().__init__(ascii_only=ascii_only)
        self._looks = looks

    def lines(self, width: int) -> list[Line]:
        """The keys and the signs first, then why the two figures differ."""
        return _lines(width, self._looks)


def _keys(looks: Looks) -> list[tuple[str, str]]:
    return [(signs(names, looks.keys, " "), does) for names, does in _KEYS]


def _lines(width: int, looks: Looks) -> list[Line]:
    """Sign and meaning beside each other; where that has no room, the meaning indented below."""
    found: list[Line] = []
    for title, rows in (("Keys", _keys(looks)), ("How to read it", _READING), ("Why local and server differ", _WHY)):
        found += [((title, "bold $accent"),)]
        for shown, text in rows:
            beside = min(width, _WIDEST) - _SIGN - 10
            if beside >= _BESIDE_FROM:
                first, *more = textwrap.wrap(text, beside) or [""]
                found += [((f"  {shown:<{_SIGN}}", "bold"), (first, ""))]
                found += [((" " * (_SIGN + 2) + rest, ""),) for rest in more]
            else:
                found += [((f" {shown}", "bold"),)] if shown else []
                found += [((f"   {rest}", ""),) for rest in textwrap.wrap(text, max(8, width - 4))]
        found += [(("", ""),)]
    return found[:-1]
