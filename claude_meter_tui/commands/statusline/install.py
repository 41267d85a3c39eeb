"""`statusline --install` and `--uninstall`: one key of Claude Code's `settings.json`, because the user asked for it.

The change is shown first, a backup is made beside the file, and every other byte of it stays as it is. A status line
that is there already is wrapped (`--then`), not replaced, and put back by `--uninstall`.
"""

from __future__ import annotations

import difflib
import os
import shlex
import shutil
import stat
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.sources.claude_code.settings_file import installed, uninstalled
from claude_meter_tui.system import paths

if TYPE_CHECKING:
    from collections.abc import Mapping


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
        return f"{shlex.quote(str(script))} statusline"
    found = shutil.which("claude-meter-tui")
    return (
        f"{shlex.quote(found)} statusline" if found else f"{shlex.quote(sys.executable)} -m claude_meter_tui statusline"
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
        paths.write_whole(str(target), text.encode(), mode)
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
