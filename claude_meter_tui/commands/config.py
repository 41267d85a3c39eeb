"""`config`: what holds and whence, where the file is, whether it is right, and a way to change it."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.foreign_text import shown, to_json
from claude_meter_tui.settings import settings
from claude_meter_tui.settings.keys import KEYS, keys_of
from claude_meter_tui.system import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

# Environment variables that go before a key of the file.
_VARIABLES = {"api_url": "CLAUDE_METER_API_URL", "web_url": "CLAUDE_METER_WEB_URL"}
_SHOWN = ("theme", "ascii", "show_left", "source", "api_url", "web_url", "bridge", "bridge_port")


def show(env: Mapping[str, str]) -> int:
    """Every value that holds, and whence.

    Raises:
        BadUsageError: the file is not right.
    """
    from claude_meter_tui.settings import toml_file

    file = paths.tilde(paths.config_file(env), env)
    text = settings.config_text(env)
    held, said = settings.load(env, config=text), toml_file.values_of(text, file) if text.strip() else {}
    for key in _SHOWN:
        value: Any = getattr(held, key)
        whence = "default"
        if key in said:
            whence = file
        if env.get(_VARIABLES.get(key, "")):
            whence = _VARIABLES[key]
        if value is None:
            value, whence = "as chosen on the screen", "remembered" if key != "source" else "default"
        print(f"{key:<12} {shown(str(value)):<32} {whence}")
    windows = said.get("windows") or {}
    for key in ("order", "hide", "labels"):
        value = windows.get(key)
        print(f"windows.{key:<7} {shown(str(value)) if value else '-':<29} {file if value else 'default'}")
    print(f"state        {shown(paths.tilde(str(held.state_dir), env))}")
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
    there = os.path.exists(paths.config_file(env))  # noqa: PTH110
    settings.load(env)
    file = shown(paths.tilde(paths.config_file(env), env))
    print(f"{file} is right." if there else f"{file} is not there: everything is as it is by default.")
    return 0


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
    return check(env)
