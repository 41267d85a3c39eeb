"""`statusline --install` and `--uninstall`: one key of Claude Code's `settings.json`, because the user asked for it.

The change is shown first, a backup is made beside the file, and every other byte of it stays as it is. A status line
that is there already is wrapped (`--then`), not replaced, and put back by `--uninstall`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
import shutil
import stat
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_meter_tui import paths
from claude_meter_tui.errors import BadUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = "statusLine"
_OURS = re.compile(r"claude[-_]meter[-_]tui")
_SPACE = re.compile(r"[ \t\r\n]*")


class _Member(NamedTuple):
    """A member of the file's object: where it starts, where its value starts and ends, in characters."""

    start: int
    value: int
    end: int


def run(env: Mapping[str, str], *, install: bool, dry_run: bool) -> int:
    """Change the file after showing how.

    Raises:
        BadUsageError: the file cannot be read or written, or is not plain JSON.
    """
    file = Path(paths.credential_dirs(env)[0]) / "settings.json"
    shown = paths.tilde(str(file), env)
    before = _read(file, shown)
    after = installed(before, own_command()) if install else uninstalled(before)
    if after == before:
        print(f"{shown}: nothing to do, the status line is {'ours already' if install else 'not ours'}.")
        return 0
    print(_difference(before, after, shown))
    if dry_run:
        return 0
    if sys.stdin.isatty() and not _agreed(shown):
        print("Nothing was changed.")
        return 0
    backup = _write(file, after, shown)
    print(f"{shown} was changed." + (f" The file before is kept as {backup.name} beside it." if backup else ""))
    print("Claude Code shows it from its next answer on." if install else "Claude Code no longer runs it.")
    return 0


def own_command() -> str:
    """How Claude Code is to call this program, whatever its PATH is."""
    script = Path(sys.argv[0]).absolute()
    if script.name.startswith("claude-meter-tui") and os.access(script, os.X_OK):
        return f"{_quoted(str(script))} statusline"
    found = shutil.which("claude-meter-tui")
    return f"{_quoted(found)} statusline" if found else f"{_quoted(sys.executable)} -m claude_meter_tui statusline"


def installed(text: str, command: str) -> str:
    """The settings file's text with our status line in it, around the one there is.

    Raises:
        BadUsageError: the text is not one JSON object, or its status line is of a kind we do not know.
    """
    members = _members(text)
    if _KEY not in members:
        return _with_member(text, members, {"type": "command", "command": command})
    there = members[_KEY]
    value = json.loads(text[there.value : there.end])
    if not isinstance(value, dict) or not isinstance(value.get("command"), str):
        raise BadUsageError(f"{_KEY} in the settings is not a command.", "Take it out by hand first.")
    if _is_ours(value["command"]):
        return text
    return _with_command(text, there, f"{command} --then {_quoted(value['command'])}")


def uninstalled(text: str) -> str:
    """The settings file's text without our status line, and with the one it was put around.

    Raises:
        BadUsageError: the text is not one JSON object.
    """
    members = _members(text)
    there = members.get(_KEY)
    value = json.loads(text[there.value : there.end]) if there else None
    command = value.get("command") if isinstance(value, dict) else None
    if there is None or not isinstance(command, str) or not _is_ours(command):
        return text
    parts = shlex.split(command)
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


def _quoted(text: str) -> str:
    return shlex.quote(text)


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
        _, end = decoder.raw_decode(text, value)
        found[name] = _Member(at, value, end)
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


# --- the file ------------------------------------------------------------------------------------------------------


def _read(file: Path, shown: str) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return "{}\n"
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise BadUsageError(f"{shown} cannot be read ({reason}).", "Nothing was changed.") from None


def _write(file: Path, text: str, shown: str) -> Path | None:
    """Write it whole or not at all, with the mode it had, through a link where it is one; gives the backup's path."""
    target = file.resolve()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        backup = None
        mode = 0o600
        if target.exists():
            mode = stat.S_IMODE(target.stat().st_mode)
            backup = target.with_name(f"{target.name}.{datetime.now().astimezone():%Y%m%d-%H%M%S-%f}.bak")
            shutil.copy2(target, backup)
        number, name = tempfile.mkstemp(dir=target.parent, prefix=".settings-")
        try:
            with os.fdopen(number, "wb") as out:
                out.write(text.encode())
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadUsageError(f"{shown} cannot be written ({error.strerror}).", "Nothing was changed.") from None
    return backup


def _difference(before: str, after: str, shown: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), shown, f"{shown} (new)", lineterm="")
    return "\n".join(lines)


def _agreed(shown: str) -> bool:
    try:
        return input(f"Change {shown} like this? [Y/n] ").strip().lower() in ("", "y", "yes")
    except EOFError:
        return False
