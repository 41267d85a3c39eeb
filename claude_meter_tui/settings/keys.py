"""The dashboard's keys: the name each action has in `[keys]`, its usual keys, and what a user may put in their place.

Light: it knows no Textual. Keys are named as Textual names them (`j`, `shift+left`, `ctrl+r`, `f5`, `question_mark`);
a character stands for itself too (`?`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Key(NamedTuple):
    """One action: `id` in the settings, `usual` keys, `name` and what it `does` in words."""

    id: str
    usual: tuple[str, ...]
    name: str
    does: str


Changed = Mapping[str, tuple[str, ...]]
"""The keys of those actions that have other ones than usual."""

KEYS = (
    Key("read", ("r",), "Read now", "ask the server, if it is allowed; else say when"),
    Key("next", ("j", "down"), "Next window", "select it"),
    Key("previous", ("k", "up"), "Previous window", "select it"),
    Key("first", ("g", "home"), "First window", "select it"),
    Key("last", ("G", "end"), "Last window", "select it"),
    Key("detail", ("enter",), "Detail", "the selected window in full"),
    Key("past", ("i",), "Past", "earlier instances and their peaks, busy hours, what this one went to"),
    Key("compare", ("c",), "Compare", "the local token sum beside the server's window"),
    Key("older_turns", ("pagedown",), "Older turns", "scroll the turns of the comparison"),
    Key("newer_turns", ("pageup",), "Newer turns", "scroll the turns of the comparison"),
    Key("history", ("h",), "Chart: spans", "chart one span of the window or four"),
    Key("zoom_in", ("plus", "equals_sign"), "Chart: nearer", "half as long a time, down to an hour"),
    Key("zoom_out", ("minus",), "Chart: farther", "twice as long a time, up to 400 days"),
    Key("earlier", ("left_square_bracket", "shift+left"), "Chart: earlier", "the chart half its time earlier"),
    Key("later", ("right_square_bracket", "shift+right"), "Chart: later", "the chart half its time later"),
    Key("whole", ("0",), "Chart: this span", "the chart as it was"),
    Key("cursor_left", ("left",), "Chart: read out", "what stood in a column of the chart, and the one before"),
    Key("cursor_right", ("right",), "Chart: read out next", "what stood in the next column of the chart"),
    Key("enlarge", ("z",), "Enlarge a panel", "the chart alone, the comparison alone, all again"),
    Key("filter", ("slash",), "Filter", "only the windows whose names have these letters"),
    Key("used_or_left", ("percent_sign",), "Used or left", "show what is left instead of what is used"),
    Key("copy", ("y",), "Copy", "the selected window's figures to the clipboard"),
    Key("picture", ("P",), "Picture", "save the screen as an SVG file, names masked"),
    Key("accounts", ("a",), "Accounts", "pick the account to show"),
    Key("all_accounts", ("A",), "All accounts", "all of them as rows on the main screen"),
    Key("pause", ("p",), "Pause", "pause or resume asking"),
    Key("theme", ("t",), "Next theme", "dark, light, contrast, colorblind, terminal, your own"),
    Key("settings", ("comma",), "Settings", "what holds and whence; e opens the file in your editor"),
    Key("help", ("question_mark", "f1"), "Help", "what works, the signs, and why the figures differ"),
    Key("quit", ("q",), "Quit", "leave the dashboard"),
)

_USUAL = {key.id: key.usual for key in KEYS}
_FIXED = {
    **dict.fromkeys(("escape", "ctrl+c", "ctrl+p", "tab", "shift+tab"), "the screen itself"),
    **{str(number): "choosing a row" for number in range(1, 10)},
    **dict.fromkeys(("b", "d"), "the screen without a login"),
}
_NAMED = frozenset(
    (
        *("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete", "enter", "space"),
        *("tab", "backspace", "escape", *(f"f{number}" for number in range(1, 25))),
    )
)
_SIGNS = dict(
    zip(
        ("enter", "escape", "pagedown", "pageup", "left", "right", "up", "down"),
        ("⏎", "esc", "PgDn", "PgUp", "←", "→", "↑", "↓"),
        strict=True,
    )
)
# What Textual names otherwise than Unicode does.
_OTHER_NAMES = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}


def keys_of(name: str, changed: Changed) -> tuple[str, ...]:
    """The keys an action has, the user's or the usual ones."""
    return changed.get(name) or _USUAL[name]


def sign(name: str, changed: Changed) -> str:
    """The first key of an action, as a person reads it: `j`, `?`, `⏎`, `^r`."""
    return sign_of(keys_of(name, changed)[0])


def signs(names: str, changed: Changed, between: str) -> str:
    """Several actions' first keys, by their names; a word that is no action's name is shown as it is."""
    return between.join(sign(name, changed) if name in _USUAL else name for name in names.split())


def sign_of(key: str) -> str:
    """A key as a person reads it."""
    *modifiers, name = key.split("+") if len(key) > 1 else [key]
    shown = _SIGNS.get(name) or _character(name) or name
    return "".join("^" if each == "ctrl" else f"{each}+" for each in modifiers) + shown


def clean_keys(wanted: Mapping[str, str | Iterable[str]]) -> Changed:
    """The `[keys]` of a settings file, in Textual's names.

    Raises:
        ValueError: an action or a key there is not, or a key that two actions would have; the sentence says which.
            Its first argument is the action's name.
    """
    changed: dict[str, tuple[str, ...]] = {}
    for name, keys in wanted.items():
        if name not in _USUAL:
            raise ValueError(name, "there is no such action")
        found = tuple(_normal(name, key) for key in ([keys] if isinstance(keys, str) else keys))
        if not found:
            raise ValueError(name, "it needs a key")
        changed[name] = found
    taken = dict(_FIXED)
    # The user's own last, so that the action named in the settings is the one that is blamed.
    for name in sorted(_USUAL, key=lambda each: each in changed):
        for key in keys_of(name, changed):
            if key in taken:
                raise ValueError(name, f"{sign_of(key)} is the key of {taken[key]}")
            taken[key] = f'"{name}"'
    return changed


def _normal(name: str, key: str) -> str:
    key = key.strip() or key
    if len(key) == 1 and key.isprintable():
        return key if key.isalnum() else _name_of(key)
    *modifiers, last = key.split("+")
    modified = all(each in ("ctrl", "shift", "alt", "super") for each in modifiers)
    if modified and (last in _NAMED or re.fullmatch(r"[a-zA-Z0-9]", last) or _character(last)):
        return key
    raise ValueError(name, f"there is no key {key!r}")


def _name_of(character: str) -> str:
    name = re.sub(r"\W", "_", unicodedata.name(character, "").lower())
    return _OTHER_NAMES.get(name, name)


_CHARACTERS = {_name_of(chr(number)): chr(number) for number in range(33, 127)}


def _character(name: str) -> str:
    """The character of that name; empty where there is none."""
    if len(name) < 2 or name in _CHARACTERS:
        return _CHARACTERS.get(name, "")
    try:
        return unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return ""
