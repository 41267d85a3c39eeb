"""The keys of a screen in its last line, each clickable. The way to all others is never left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content
from textual.style import Style

from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Lines
from claude_meter_tui.polling.state import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_meter_tui.dashboard.view import View


class Key(NamedTuple):
    """One key; of those that do not all fit, the ones with the highest `rank` go first."""

    sign: str
    label: str
    action: str
    rank: int


_LAST = (
    Key("?", "help", "app.help", 0),
    Key("^p", "all keys", "app.command_palette", 0),
    Key("q", "quit", "app.quit", 0),
)
_MAIN = (
    Key("j/k", "window", "app.select(1)", 1),
    Key("⏎", "detail", "app.detail", 2),
    Key("a", "account", "app.accounts", 3),
    Key("c", "local", "app.compare", 3),
    Key("h", "spans", "app.history", 5),
    Key("%", "left", "app.used_or_left", 6),
    Key("r", "read", "app.read", 4),
    Key("+/-", "zoom", "app.zoom(1)", 9),
    Key("p", "pause", "app.pause", 7),
    Key("t", "theme", "app.next_theme", 8),
)
_KEYS_OF = {
    "main": _MAIN,
    "setup": (
        Key("b", "browser", "app.browser", 1),
        Key("d", "demo", "app.demo", 2),
        Key("c", "local", "app.compare", 3),
        Key("r", "look again", "app.read", 4),
    ),
    "waiting": (
        Key("r", "read", "app.read", 1),
        Key("c", "local", "app.compare", 2),
        Key("p", "pause", "app.pause", 3),
        Key("t", "theme", "app.next_theme", 4),
    ),
    "detail": (
        Key("esc", "back", "app.back", 1),
        Key("j/k", "window", "app.select(1)", 2),
        Key("h", "spans", "app.history", 3),
        Key("%", "left", "app.used_or_left", 5),
        Key("r", "read", "app.read", 4),
        Key("+/-", "zoom", "app.zoom(1)", 6),
    ),
    "compare": (
        Key("c", "windows", "app.compare", 1),
        Key("j/k", "window", "app.select(1)", 2),
        Key("PgDn", "turns", "app.scroll_turns(1)", 3),
    ),
    "accounts": (
        Key("esc", "back", "screen.leave", 1),
        Key("j/k", "account", "screen.move(1)", 2),
        Key("⏎", "show", "screen.pick", 3),
    ),
}


class KeyBar(DrawnText):
    """The keys that fit; on screens without a header a short answer to a key takes their place for a moment."""

    def __init__(self, kind: str = "main") -> None:
        super().__init__()
        self.kind = kind

    def draw(self, view: View, width: int, height: int) -> Lines:  # noqa: ARG002 - one line
        """As many keys as fit."""
        if view.flash and self.kind in ("compare", "accounts"):
            return (((f" {view.flash}", "bold $warning"),),)
        kind = self.kind
        if kind == "main" and not view.windows:
            kind = "setup" if view.phase is Phase.SETUP else "waiting" if view.budget is None else kind
        keys = [key for key in _KEYS_OF[kind] if key.sign != "a" or len(view.accounts) > 1]
        return (tuple((f"{key.sign} {key.label}", key.action) for key in fitting(keys, width, ascii_only=view.ascii)),)

    def content_of(self, lines: Lines) -> Content:
        """The keys as links."""
        line = lines[0] if lines else ()
        if line and line[0][1].startswith("bold"):
            return Content.assemble(*line)
        pieces: list[Content] = []
        for text, action in line:
            sign, _, label = text.partition(" ")
            link = Content.assemble(" ", (sign, "bold $accent"), (f" {label} " if label else " ", "$meter-countdown"))
            pieces.append(link.stylize(Style.from_meta({"@click": action})))
        return Content("").join(pieces)


def fitting(keys: Sequence[Key], width: int, *, ascii_only: bool) -> list[Key]:
    """The keys that fit, with the last ones always among them, if need be without their words."""
    shown = [key._replace(sign="enter") if ascii_only and key.sign == "⏎" else key for key in (*keys, *_LAST)]
    while _width(shown) > width:
        least = max(shown, key=lambda key: key.rank)
        if least.rank == 0:
            return [key._replace(label="") if key.sign != "?" else key for key in shown]
        shown.remove(least)
    return shown


def _width(keys: Sequence[Key]) -> int:
    return sum(len(key.sign) + len(key.label) + 3 for key in keys)
