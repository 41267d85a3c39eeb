"""`config`: what holds and whence, where the file is, whether it is right, and a way to change it."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.foreign_text import shown, to_json
from claude_meter_tui.settings import own_themes, settings
from claude_meter_tui.settings.keys import KEYS, keys_of
from claude_meter_tui.system import paths

if TYPE_CHECKING:
    from collections.abc import Mapping


def show(env: Mapping[str, str]) -> int:
    """Every value that holds, and whence.

    Raises:
        BadUsageError: the file is not right.
    """
    from claude_meter_tui.settings.held import held

    for each in held(env):
        print(f"{each.name:<20} {shown(each.value):<32} {each.whence}".rstrip())
    return 0


def path(env: Mapping[str, str]) -> int:
    """Where the file is, or would be."""
    print(shown(paths.config_file(env)))
    return 0


def check(env: Mapping[str, str]) -> int:
    """Whether the file is right.

    Raises:
        BadUsageError: it is not; the sentence names the line.
    """
    print(_checked(env))
    return 0


def _checked(env: Mapping[str, str]) -> str:
    there = os.path.exists(paths.config_file(env))  # noqa: PTH110
    settings.load(env)
    for name in own_themes.names(env):
        own_themes.load(name, env)
    file = shown(paths.tilde(paths.config_file(env), env))
    return f"{file} is right." if there else f"{file} is not there: everything is as it is by default."


def keys(env: Mapping[str, str]) -> int:
    """Every action of the dashboard: its name in `[keys]`, its keys, what it does.

    Raises:
        BadUsageError: the file is not right.
    """
    changed = settings.load(env).looks.keys
    for key in KEYS:
        held = " ".join(keys_of(key.id, changed))
        print(f"{key.id:<14} {held:<34} {key.does}")
    return 0


def schema(_: Mapping[str, str]) -> int:
    """The file's JSON schema, for editors."""
    from claude_meter_tui.settings.toml_file import ConfigFile

    print(to_json(ConfigFile.model_json_schema()))
    return 0


def edit(env: Mapping[str, str]) -> int:
    """See `edited`.

    Raises:
        BadUsageError: there is no editor, or it failed, or what was written is not right.
    """
    print(edited(env))
    return 0


def edited(env: Mapping[str, str]) -> str:
    """Open the file in the user's editor, with every key in it as a comment where it is new; then check it.

    Raises:
        BadUsageError: there is no editor, or it failed, or what was written is not right.
    """
    from claude_meter_tui.settings.toml_file import TEMPLATE

    editor = env.get("VISUAL") or env.get("EDITOR") or ("notepad" if os.name == "nt" else "vi")
    file = Path(paths.config_file(env))
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
                out.write(TEMPLATE)
        done = subprocess.run([*shlex.split(editor), str(file)], check=False)  # noqa: S603 - the user's own editor
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadUsageError(
            f"{shown(editor)} could not be run ({shown(reason)}).", "Set EDITOR to an editor."
        ) from None
    if done.returncode:
        raise BadUsageError(f"{shown(editor)} ended with {done.returncode}.", "Nothing was checked.")
    return _checked(env)
