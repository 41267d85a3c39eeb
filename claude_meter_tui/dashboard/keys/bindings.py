"""Every action of the dashboard by its keys, for Textual and for the palette (ctrl+p)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding

from claude_meter_tui.settings.keys import KEYS, keys_of, sign_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.binding import BindingType

    from claude_meter_tui.settings.keys import Changed

_ACTIONS = {
    "next": "select(1)",
    "previous": "select(-1)",
    "first": "select(-1000)",
    "last": "select(1000)",
    "older_turns": "scroll_turns(8)",
    "newer_turns": "scroll_turns(-8)",
    "zoom_in": "zoom(1)",
    "zoom_out": "zoom(-1)",
    "earlier": "pan(1)",
    "later": "pan(-1)",
    "cursor_left": "cursor(-1)",
    "cursor_right": "cursor(1)",
    "theme": "next_theme",
}
"""The actions that are not named as their keys are."""

BINDINGS: list[BindingType] = [
    *(Binding(",".join(key.usual), _ACTIONS.get(key.id, key.id), key.name, id=key.id) for key in KEYS),
    Binding("tab", "select_around(1)", "Next window, around", priority=True),
    Binding("shift+tab", "select_around(-1)", "Previous window, around", priority=True),
    Binding("escape", "back", "Back"),
    *(Binding(str(number), f"jump({number})", f"Window {number}") for number in range(1, 10)),
    Binding("d", "demo", "Demo"),
    Binding("b", "browser", "Browser session"),
    Binding("ctrl+c", "quit", "Quit", priority=True, show=False),
]


def keymap(changed: Changed) -> dict[str, str]:
    """The user's own keys, as Textual takes them."""
    return {name: ",".join(keys) for name, keys in changed.items()}


def palette(changed: Changed) -> Iterator[tuple[str, str, str]]:
    """(action, name, its keys and what it does) of every action."""
    for key in KEYS:
        signs = " ".join(sign_of(each) for each in keys_of(key.id, changed))
        yield _ACTIONS.get(key.id, key.id), key.name, f"{signs}  {key.does}"
