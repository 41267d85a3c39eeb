"""The keys of a screen in its last line, each clickable. The way to all others is never left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content
from textual.style import Style

from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Lines
from claude_meter_tui.polling.state import Phase
from claude_meter_tui.settings.keys import signs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_meter_tui.dashboard.view import View


class Key(NamedTuple):
    """One key, or two that belong together, by the actions' names in `settings.keys`, or as they are shown.

    Of those that do not all fit, the ones with the highest `rank` go first.
    """

    names: str
    label: str
    action: str
    rank: int


_LAST = (
    Key("help", "help", "app.help", 0),
    Key("^p", "all keys", "app.command_palette", 0),
    Key("quit", "quit", "app.quit", 0),
)
_MAIN = (
    Key("next previous", "window", "app.select(1)", 1),
    Key("detail", "detail", "app.detail", 2),
    Key("accounts", "account", "app.accounts", 3),
    Key("compare", "local", "app.compare", 3),
    Key("history", "spans", "app.history", 5),
    Key("used_or_left", "left", "app.used_or_left", 6),
    Key("read", "read", "app.read", 4),
    Key("zoom_in zoom_out", "zoom", "app.zoom(1)", 9),
    Key("past", "past", "app.past", 6),
    Key("enlarge", "enlarge", "app.enlarge", 10),
    Key("filter", "filter", "app.filter", 11),
    Key("pause", "pause", "app.pause", 7),
    Key("theme", "theme", "app.next_theme", 8),
)
_KEYS_OF = {
    "main": _MAIN,
    "setup": (
        Key("b", "browser", "app.browser", 1),
        Key("d", "demo", "app.demo", 2),
        Key("compare", "local", "app.compare", 3),
        Key("read", "look again", "app.read", 4),
    ),
    "waiting": (
        Key("read", "read", "app.read", 1),
        Key("compare", "local", "app.compare", 2),
        Key("pause", "pause", "app.pause", 3),
        Key("theme", "theme", "app.next_theme", 4),
    ),
    "detail": (
        Key("esc", "back", "app.back", 1),
        Key("next previous", "window", "app.select(1)", 2),
        Key("history", "spans", "app.history", 3),
        Key("used_or_left", "left", "app.used_or_left", 5),
        Key("read", "read", "app.read", 4),
        Key("zoom_in zoom_out", "zoom", "app.zoom(1)", 6),
    ),
    "past": (
        Key("esc", "back", "app.back", 1),
        Key("next previous", "window", "app.select(1)", 2),
        Key("used_or_left", "left", "app.used_or_left", 3),
    ),
    "compare": (
        Key("compare", "windows", "app.compare", 1),
        Key("next previous", "window", "app.select(1)", 2),
        Key("older_turns", "turns", "app.scroll_turns(8)", 3),
    ),
    "accounts": (
        Key("esc", "back", "screen.leave", 1),
        Key("j/k", "account", "screen.move(1)", 2),
        Key("⏎", "show", "screen.pick", 3),
    ),
}


class KeyBar(DrawnText):
    """The keys that fit; on screens without a header a short answer to a key takes their place for a moment."""

    def __init__(self, kind: str = "main", **widget: str) -> None:
        super().__init__(**widget)  # type: ignore[arg-type]
        self.kind = kind

    def draw(self, view: View, width: int, height: int) -> Lines:  # noqa: ARG002 - one line
        """As many keys as fit."""
        if view.flash and self.kind in ("compare", "accounts", "past"):
            return (((f" {view.flash}", "bold $warning"),),)
        kind = self.kind
        if kind == "main" and not view.windows:
            kind = "setup" if view.phase is Phase.SETUP else "waiting" if view.budget is None else kind
        keys = [key for key in _KEYS_OF[kind] if key.names != "accounts" or len(view.accounts) > 1]
        if kind == "main" and view.enlarged is not None:
            keys.insert(0, Key("esc", "all parts", "app.back", 1))
        elif kind == "main" and view.filter:
            keys.insert(0, Key("esc", "all windows", "app.back", 1))
        return (tuple((f"{key.names} {key.label}", key.action) for key in fitting(keys, width, view)),)

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


def fitting(keys: Sequence[Key], width: int, view: View) -> list[Key]:
    """The keys that fit, as they are shown, the last ones always among them, if need be without their words."""
    shown = [key._replace(names=_sign(key, view)) for key in (*keys, *_LAST)]
    while _width(shown) > width:
        least = max(shown, key=lambda key: key.rank)
        if least.rank == 0:
            return [shown[0], *(key._replace(label="") for key in shown[1:])]
        shown.remove(least)
    return shown


def _sign(key: Key, view: View) -> str:
    shown = signs(key.names, view.looks.keys, "/")
    return shown.replace("⏎", "enter") if view.ascii else shown


def _width(keys: Sequence[Key]) -> int:
    return sum(len(key.names) + len(key.label) + 3 for key in keys)
