"""`statusline`: Claude Code's status line command. Keeps what Claude Code pipes in, prints one line; never in the way.

Claude Code waits for it at every redraw: nothing heavy is imported, a locked store is waited for a moment only, and
whatever goes wrong, it prints what it can and ends with 0.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from datetime import UTC, datetime

from claude_meter_tui import paths, report, standing
from claude_meter_tui.errors import StoreError
from claude_meter_tui.sources import claude_config, statusline
from claude_meter_tui.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from typing import Any

    from claude_meter_tui.documents import AccountDocument, ReadingDocument, WindowDocument

_PATIENCE = 0.25
_LARGEST_INPUT = 4 << 20
_SESSIONS_REMEMBERED = 24
_THEN_SECONDS = 10.0
_NARROWEST = 8
_ANSI = {"normal": "32", "warning": "33", "critical": "31", "full": "1;31"}
_UNKNOWN: AccountDocument = {"email": None, "organization_uuid": None, "plan": None}


class Wish:
    """How the line is wanted.

    Attributes:
        then: another command to feed.
        quiet: print nothing of our own.
        color: with ANSI colours, unless NO_COLOR is set.
        width: in cells; None: the terminal's.
        windows: their keys, in order; empty: all of them.
    """

    def __init__(
        self,
        *,
        then: str | None = None,
        quiet: bool = False,
        color: bool = True,
        width: int | None = None,
        windows: Sequence[str] = (),
    ) -> None:
        self.then, self.quiet, self.color = then, quiet, color
        self.width, self.windows = width, tuple(windows)


def plainly_asked(arguments: Sequence[str]) -> Wish | None:
    """The wish, where the arguments are so simple that argparse (8 ms) is not needed; else None."""
    match arguments:
        case []:
            return Wish()
        case ["--then", then]:
            return Wish(then=then)
        case ["--quiet"]:
            return Wish(quiet=True)
    return None


def run(env: Mapping[str, str], wish: Wish) -> int:
    """Feed the other command, keep what came in, print the line; always 0."""
    data = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read(_LARGEST_INPUT)
    other = _start(wish.then) if wish.then else None
    known, now = _keep(env, statusline.parsed(data), datetime.now(UTC))
    if other is not None:
        _finish(other, data)
    if not wish.quiet:
        color = wish.color and not env.get("NO_COLOR")
        try:
            print(line(known, now, width=wish.width or _width(env), color=color, keys=wish.windows), flush=True)
        except OSError:  # the reader has gone; Python would complain once more while flushing at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


# --- keeping -------------------------------------------------------------------------------------------------------


def _keep(env: Mapping[str, str], given: dict[str, Any], now: datetime) -> tuple[ReadingDocument | None, datetime]:
    """Store what is new; gives what is known (without a usable store, what Claude Code just said) and the true now."""
    try:
        with Store.open(paths.store_file(paths.state_dir(env)), patience=_PATIENCE) as store:
            now += store.noted_skew()
            account_id = _whose(store, env)
            known = store.newest(account_id=account_id) if account_id is not None else None
            said = statusline.reading_of(given, now, _UNKNOWN)
            fresh = statusline.still_true(said, known) if said is not None and _is_news(store, given) else None
            if fresh is not None:
                account_id = account_id if account_id is not None else store.account_id(_UNKNOWN)
                store.save(fresh, account_id)
                store.note_first_account(account_id)
                known = store.newest(account_id=account_id)
            return known or said, now
    except (StoreError, sqlite3.Error, OSError, ValueError, KeyError):
        return statusline.reading_of(given, now, _UNKNOWN), now


def _is_news(store: Store, given: dict[str, Any]) -> bool:
    """Whether the session has had an answer since it was heard last; noted."""
    session, stamp = statusline.session_of(given), statusline.stamp(given)
    with store.transaction():
        try:
            heard = dict(json.loads(store.note("statusline") or "{}"))
        except (ValueError, TypeError):
            heard = {}
        if heard.pop(session, None) == stamp:
            return False
        recent = [*heard.items(), (session, stamp)][-_SESSIONS_REMEMBERED:]
        store.put_note("statusline", json.dumps(dict(recent)))
    return True


def _whose(store: Store, env: Mapping[str, str]) -> int | None:
    """The account Claude Code's folder is logged in to, looked up anew when its file has changed; else the last one."""
    path = paths.claude_config_files(env)[0]
    stamp = paths.stamp(path)
    if stamp is not None:
        name = f"whose {path}"
        noted = (store.note(name) or "").split(" ")
        if noted[:2] == [str(part) for part in stamp]:
            return int(noted[2]) if noted[2] else store.noted_account()
        account = claude_config.login_in(path)
        account_id = None if account is None else store.account_id(account)
        store.put_note(name, f"{stamp[0]} {stamp[1]} {'' if account_id is None else account_id}")
        if account_id is not None:
            return account_id
    return store.noted_account()


# --- the other command ---------------------------------------------------------------------------------------------


def _start(command: str) -> subprocess.Popen[bytes] | None:
    import subprocess

    try:
        return subprocess.Popen(command, shell=True, stdin=subprocess.PIPE)  # noqa: S602 - the user's own, as given
    except OSError:
        return None


def _finish(other: subprocess.Popen[bytes], data: bytes) -> None:
    """Its output goes where ours goes, before ours."""
    import subprocess

    try:
        other.communicate(data, timeout=_THEN_SECONDS)
    except (OSError, ValueError):
        pass
    except subprocess.TimeoutExpired:
        other.kill()


# --- the line ------------------------------------------------------------------------------------------------------


def line(known: ReadingDocument | None, now: datetime, *, width: int, color: bool, keys: Sequence[str] = ()) -> str:
    """`5h 42% 2h57m · 7d 63% 3d20h · …`, the least pressing left out where it is too long.

    Args:
        known: what is known, or None.
        now: by the server's clock.
        width: in cells.
        color: with ANSI colours.
        keys: the windows wanted, in order; empty: all of them.
    """
    windows = list(known["windows"]) if known else []
    if keys:
        by_key = {window["key"]: window for window in windows}
        windows = [by_key[key] for key in keys if key in by_key]
    if not windows:
        return "limits: not known yet"[:width]
    pressing = sorted(windows, key=lambda window: report.pressing(window, now), reverse=True)
    while len(windows) > 1 and _length(windows, now) > width:
        windows.remove(pressing.pop())
    return " · ".join(_colored(window, now, width, color=color) for window in windows)


def _length(windows: list[WindowDocument], now: datetime) -> int:
    return sum(len(report.brief(window, now)) + 3 for window in windows) - 3


def _colored(window: WindowDocument, now: datetime, width: int, *, color: bool) -> str:
    text = report.brief(window, now)[: max(width, _NARROWEST)]
    reset = window["resets_at"]
    if not color or standing.is_over(None if reset is None else datetime.fromisoformat(reset), now):
        return text
    level = standing.level(window["utilization"], window["severity"])
    return f"\x1b[{_ANSI[level]}m{text}\x1b[0m"


def _width(env: Mapping[str, str]) -> int:
    """Claude Code gives no terminal on any stream: `COLUMNS` where it is set, else what the screen has, else 80."""
    columns = env.get("COLUMNS", "")
    if columns.isdigit() and int(columns):
        return int(columns)
    for stream in (2, 1):
        try:
            return os.get_terminal_size(stream).columns
        except OSError:
            continue
    return 80
