"""The status line in Claude Code's `settings.json`, as text → text: one key changed, every other byte as it is.

A status line that is there already is wrapped (`--then`), not replaced, and put back when ours is taken out. It writes
no file: `commands/statusline/install` does, and only when the user asked.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.sources.source import Looked

if TYPE_CHECKING:
    from pathlib import Path

_KEY = "statusLine"
_OURS = re.compile(r"claude[-_]meter[-_]tui")
_SPACE = re.compile(r"[ \t\r\n]*")


class _Member(NamedTuple):
    """A member of the file's object: where it starts, where its value starts and ends, in characters."""

    start: int
    value: int
    end: int
    command: str | None
    """Its `command`, where the value is an object that has one."""


def looked(folder: Path) -> Looked:
    """Whether Claude Code runs our status line, for `doctor` and the setup screen."""
    place, do = "Claude Code's status line", "claude-meter-tui statusline --install"
    try:
        members = _members((folder / "settings.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Looked(place, found=False, outcome="not set", do=do)
    except (OSError, UnicodeDecodeError):
        return Looked(place, found=False, outcome="settings.json is not readable")
    except BadUsageError:
        return Looked(place, found=False, outcome="settings.json is not plain JSON")
    command = members[_KEY].command if _KEY in members else None
    if command is None:
        return Looked(place, found=False, outcome="not set", do=do)
    if not _is_ours(command):
        return Looked(place, found=False, outcome="another one; ours can go around it", do=do)
    return Looked(place, found=True, outcome="installed")


def installed(text: str, command: str) -> str:
    """The settings file's text with our status line in it, around the one there is.

    Raises:
        BadUsageError: the text is not one JSON object, or its status line is of a kind we do not know.
    """
    members = _members(text)
    if _KEY not in members:
        return _with_member(text, members, {"type": "command", "command": command})
    there = members[_KEY]
    if there.command is None:
        raise BadUsageError(f"{_KEY} in the settings is not a command.", "Take it out by hand first.")
    if _is_ours(there.command):
        return text
    return _with_command(text, there, f"{command} --then {shlex.quote(there.command)}")


def uninstalled(text: str) -> str:
    """The settings file's text without our status line, and with the one it was put around.

    Raises:
        BadUsageError: the text is not one JSON object.
    """
    members = _members(text)
    there = members.get(_KEY)
    if there is None or there.command is None or not _is_ours(there.command):
        return text
    parts = shlex.split(there.command)
    if "--then" in parts[:-1]:
        return _with_command(text, there, parts[parts.index("--then") + 1])
    return _without_member(text, members, there)


def _is_ours(command: str) -> bool:
    """Whether the program called first is this one (and not, say, the wrapped one's argument)."""
    try:
        parts = shlex.split(command)
    except ValueError:
        return False
    head = parts[: parts.index("statusline")] if "statusline" in parts else []
    return bool(head) and bool(_OURS.search(head[-1]))


# --- the text ------------------------------------------------------------------------------------------------------


def _members(text: str) -> dict[str, _Member]:
    """The top-level members of the one object the text is."""
    refused = BadUsageError(
        "Claude Code's settings.json is not plain JSON, so it was not touched.", "Mend it, or edit it by hand."
    )
    try:
        if not isinstance(json.loads(text), dict):
            raise refused
    except (ValueError, RecursionError):
        raise refused from None
    decoder, found = json.JSONDecoder(), dict[str, _Member]()
    at = _after_space(text, text.index("{") + 1)
    while text[at] != "}":
        name, colon = decoder.raw_decode(text, at)
        value = _after_space(text, _after_space(text, colon) + 1)
        content, end = decoder.raw_decode(text, value)
        command = content.get("command") if isinstance(content, dict) else None
        found[name] = _Member(at, value, end, command if isinstance(command, str) else None)
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return found


def _after_space(text: str, at: int) -> int:
    matched = _SPACE.match(text, at)
    return matched.end() if matched else at


def _with_member(text: str, members: dict[str, _Member], value: dict[str, Any]) -> str:
    """The member added last, indented as the others are."""
    if not members:
        return text[: text.index("{")] + json.dumps({_KEY: value}, indent=2) + text[text.rindex("}") + 1 :]
    first, last = next(iter(members.values())), list(members.values())[-1]
    space = text[text.index("{") + 1 : first.start]
    indent = space.rpartition("\n")[2] if "\n" in space else None
    dumped = json.dumps(value, ensure_ascii=False, indent=indent)
    if indent is not None:
        dumped = dumped.replace("\n", "\n" + indent)
    return f'{text[: last.end]},{space or " "}"{_KEY}": {dumped}{text[last.end :]}'


def _without_member(text: str, members: dict[str, _Member], there: _Member) -> str:
    """The member, and the comma that parted it from its neighbour, taken out."""
    order = list(members.values())
    number = order.index(there)
    if number:
        return text[: order[number - 1].end] + text[there.end :]
    if len(order) > 1:
        return text[: there.start] + text[order[1].start :]
    return text[: text.index("{") + 1] + text[text.rindex("}") :]


def _with_command(text: str, there: _Member, command: str) -> str:
    """Only the value of `command` within the member, in its place."""
    inner = text[there.value : there.end]
    at = _members(inner)["command"]
    return (
        text[: there.value]
        + inner[: at.value]
        + json.dumps(command, ensure_ascii=False)
        + inner[at.end :]
        + text[there.end :]
    )
