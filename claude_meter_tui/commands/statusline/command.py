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

from claude_meter_tui.domain import identity, urgency
from claude_meter_tui.domain.errors import StoreError
from claude_meter_tui.domain.foreign_text import cells
from claude_meter_tui.output import formats
from claude_meter_tui.output.words import NO_LIMITS
from claude_meter_tui.sources import statusline
from claude_meter_tui.sources.claude_code import config as claude_config
from claude_meter_tui.store.store import Store
from claude_meter_tui.system import paths
from claude_meter_tui.system.uptime import system_uptime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from claude_meter_tui.domain.plain_reading import AccountDocument, ReadingDocument, WindowDocument

_PATIENCE = 0.25
_LARGEST_INPUT = 4 << 20
_SESSIONS_REMEMBERED = 24
# Claude Code waits: for what it pipes in, which it does at once, and for the other command, together about a second.
_INPUT_SECONDS = 0.5
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
    data = _input()
    other = None
    if wish.then:
        from claude_meter_tui.commands.statusline import then  # subprocess costs 8 ms

        other = then.Other(wish.then, data)
    known, at = _keep(env, statusline.parsed(data), datetime.now(UTC))
    if other is not None:
        other.finish(sys.stdout)
    if not wish.quiet:
        color = wish.color and not env.get("NO_COLOR")
        try:
            print(line(known, at, width=wish.width or _width(env), color=color, keys=wish.windows), flush=True)
        except OSError:  # the reader has gone; Python would complain once more while flushing at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _input() -> bytes:
    """What Claude Code pipes in, up to its end or as much as comes in time: a pipe nobody closes must not hang."""
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    try:
        number = sys.stdin.fileno()
    except (OSError, ValueError):
        return b""
    if os.name != "posix":
        return _input_by_thread()
    import select
    import time

    data, end = bytearray(), time.monotonic() + _INPUT_SECONDS
    while len(data) < _LARGEST_INPUT and (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([number], [], [], left)
        if not ready:
            break
        part = os.read(number, 1 << 16)
        if not part:
            break
        data += part
        if _may_be_whole(data):
            break
    return bytes(data)


def _may_be_whole(data: bytearray) -> bool:
    """Whether it is one whole object already, though nobody closed the pipe."""
    end = bytes(data[-2:]).rstrip()
    return end.endswith(b"}") and bool(statusline.parsed(bytes(data)))


def _input_by_thread() -> bytes:
    import threading

    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(sys.stdin.buffer.read(_LARGEST_INPUT)), daemon=True)
    reader.start()
    reader.join(_INPUT_SECONDS)
    return found[0] if found else b""


# --- keeping -------------------------------------------------------------------------------------------------------


def _keep(env: Mapping[str, str], given: dict[str, Any], now: datetime) -> tuple[ReadingDocument | None, formats.At]:
    """Store what is new; gives what is known (without a usable store, what Claude Code just said) and the moment."""
    try:
        with Store.open(paths.store_file(paths.state_dir(env)), patience=_PATIENCE) as store:
            skew = store.noted_skew(now, system_uptime())
            account_id = _whose(store, env)
            known = store.newest(account_id=account_id, now=now)
            said = statusline.reading_of(given, now, _UNKNOWN, skew)
            fresh = statusline.still_true(said, known) if said is not None and _is_news(store, given) else None
            if fresh is not None:
                store.save(fresh, account_id)
                _keep_small(store, now)
                known = store.newest(account_id=account_id, now=now)
            return known or said, formats.At(now, skew)
    except (StoreError, sqlite3.Error, OSError, ValueError, KeyError):
        return statusline.reading_of(given, now, _UNKNOWN), formats.At(now)


def _keep_small(store: Store, now: datetime) -> None:
    """A status line alone, for a year, must not fill the disk; every five hundredth time that costs a moment."""
    newest = store.connection.execute("SELECT MAX(id) FROM readings").fetchone()[0] or 0
    if newest % 500 == 0:
        from claude_meter_tui.store.thinning import thin  # typing costs 5 ms

        thin(store, now)


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


def _whose(store: Store, env: Mapping[str, str]) -> int:
    """The account Claude Code is logged in to, by the rule in `identity`: it runs this with its own environment.

    A token in the environment goes before its folder's login, and is nobody else's. Looked up anew when a file that
    tells of it has changed.
    """
    token = env.get("CLAUDE_CODE_OAUTH_TOKEN", "").strip()
    if token:
        return _of_token(store, token)
    folder, login = paths.claude_config_files(env)[0], _login_file(env)
    stamps = (paths.stamp(folder), paths.stamp(login))
    name = f"whose {folder}"
    noted, _, row = (store.note(name) or "").rpartition(" ")
    if noted == repr(stamps) and row.isdecimal():
        return int(row)
    named = claude_config.login_in(folder)
    if named is not None:
        account_id = store.account_id(named)
    else:
        found = _token_in(login)
        if found:
            account_id = _of_token(store, found)
        else:
            account_id = store.account_id(_UNKNOWN, identity.folder_key(paths.credential_dirs(env)[0]))
    store.put_note(name, f"{stamps!r} {account_id}")
    return account_id


def _of_token(store: Store, token: str) -> int:
    """Whose it was said to be; a token nobody was asked about is an account of its own."""
    from claude_meter_tui.domain.secret import fingerprint

    mark = fingerprint(token)
    known = store.account_of(mark)
    return store.account_id(_UNKNOWN, identity.token_key(mark)) if known is None else known


def _login_file(env: Mapping[str, str]) -> str:
    return os.path.join(paths.login_places(env)[0][0], ".credentials.json")  # noqa: PTH118


def _token_in(file: str) -> str:
    """The access token in a credentials file; empty where there is none. Only its fingerprint is ever kept."""
    login = claude_config.content(file).get("claudeAiOauth")
    token = login.get("accessToken") if isinstance(login, dict) else None
    return token.strip() if isinstance(token, str) else ""


# --- the line ------------------------------------------------------------------------------------------------------


def line(known: ReadingDocument | None, at: formats.At, *, width: int, color: bool, keys: Sequence[str] = ()) -> str:
    """`5h 42% 2h57m · 7d 63% 3d20h · …`, the least pressing left out where it is too long.

    Args:
        known: what is known, or None.
        at: the moment.
        width: in cells.
        color: with ANSI colours.
        keys: the windows wanted, in order; empty: all of them.
    """
    windows = list(known["windows"]) if known else []
    if keys:
        by_key = {window["key"]: window for window in windows}
        windows = [by_key[key] for key in keys if key in by_key]
    pressing = sorted(windows, key=lambda window: formats.pressing(window, at), reverse=True)
    parts = {window["key"]: (formats.brief(window, at), _level(window, at)) for window in windows}
    if known is not None and (formats.money_stops(known) or (not windows and formats.money_of(known)[0])):
        parts = {formats.EXTRA_KEY: formats.money_of(known), **parts}
    if not parts:
        return ("limits: not known yet" if known is None or keys else NO_LIMITS)[:width]
    while len(parts) > 1 and pressing and sum(cells(text) + 3 for text, _ in parts.values()) - 3 > width:
        parts.pop(pressing.pop()["key"])
    return " · ".join(_colored(text[: max(width, _NARROWEST)], level, color=color) for text, level in parts.values())


def _level(window: WindowDocument, at: formats.At) -> str | None:
    """How grave it is; None for a window that has ended."""
    reset = window["resets_at"]
    if urgency.is_over(None if reset is None else datetime.fromisoformat(reset), at.true):
        return None
    return urgency.level(window["utilization"], window["severity"])


def _colored(text: str, level: str | None, *, color: bool) -> str:
    return f"\x1b[{_ANSI[level]}m{text}\x1b[0m" if color and level is not None else text


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
