"""Which of claude.ai's cookies stand in a browser's database: the session keys that live, and what belongs to each.

Containers, partitions and expiry decide which cookies belong together, and browser_cookie3 knows none of these. It
works on a private copy, decrypts nothing, and knows no request.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_meter_tui.sources.browser.profiles import Profile

HOSTS = ("claude.ai", ".claude.ai")
SESSION = "sessionKey"
ORGANIZATION = "lastActiveOrg"
WANTED = (SESSION, ORGANIZATION, "cf_clearance")
# Nobody has more logins in one profile; a damaged database may.
_MOST_SESSIONS = 6
_LARGEST_DATABASE = 512 << 20
# What Chrome encrypts with a key of its own service begins with `v20` (Windows, since Chrome 127).
APP_BOUND = b"v20"
# Chromium counts microseconds from 1601.
_UNIX_TO_NT_SECONDS = 11_644_473_600


class Cookie(NamedTuple):
    """A cookie's row: where it belongs and how long it lives; its value, or the first bytes of its cipher."""

    row: int
    name: str
    host: str
    container: str
    lives: bool
    made: int
    value: str
    cipher: bytes


class Candidate(NamedTuple):
    """A session key, and what stands beside it in the same container."""

    session: Cookie
    others: tuple[Cookie, ...]

    @property
    def cookies(self) -> tuple[Cookie, ...]:
        """The key and what goes with it."""
        return (self.session, *self.others)


class UnreadableError(Exception):
    """A database that cannot be read; `why` is a key of `FAILURES`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@contextmanager
def copied(profile: Profile) -> Iterator[sqlite3.Connection]:
    """A copy of the profile's database, with what stands in its write-ahead log only: the browser keeps its own locked.

    The copy is private and gone afterwards.

    Raises:
        UnreadableError: it cannot be read.
    """
    folder = tempfile.mkdtemp(prefix="claude-meter-")  # 0700
    try:
        copy = Path(folder) / "cookies"
        try:
            if Path(profile.cookies).stat().st_size > _LARGEST_DATABASE:
                raise UnreadableError("unreadable")
            for suffix in ("", "-wal", "-journal"):
                if suffix == "" or os.path.exists(profile.cookies + suffix):  # noqa: PTH110
                    shutil.copyfile(profile.cookies + suffix, f"{copy}{suffix}")
        except PermissionError:
            raise UnreadableError("privacy" if sys.platform == "darwin" else "unreadable") from None
        except OSError:
            raise UnreadableError("locked" if os.name == "nt" else "unreadable") from None
        try:
            with closing(sqlite3.connect(copy, isolation_level=None, timeout=0)) as database:
                database.text_factory = lambda raw: raw.decode("utf-8", "replace")
                yield database
        except sqlite3.Error:
            raise UnreadableError("unreadable") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def candidates_in(database: sqlite3.Connection, profile: Profile) -> list[Candidate] | str:
    """The session keys that still live, the newest first, each with its own container's cookies; else why none."""
    cookies = _firefox_cookies(database) if profile.is_firefox else _chromium_cookies(database)
    keys = [cookie for cookie in cookies if cookie.name == SESSION]
    if not keys:
        return "none"
    living = sorted((cookie for cookie in keys if cookie.lives), key=lambda cookie: -cookie.made)
    if not living:
        return "expired"
    return [Candidate(key, tuple(_beside(key, cookies))) for key in living[:_MOST_SESSIONS]]


def _beside(key: Cookie, cookies: list[Cookie]) -> Iterator[Cookie]:
    """What is sent with a session key: of its container, its own host's first, then the newest."""
    for name in WANTED[1:]:
        same = [each for each in cookies if each.name == name and each.container == key.container and each.lives]
        if same:
            yield max(same, key=lambda each: (each.host == key.host, each.made))


def _firefox_cookies(database: sqlite3.Connection) -> list[Cookie]:
    """Of every container: they stand in one table, told apart by `originAttributes`; partitioned ones are left out."""
    columns = _columns(database, "moz_cookies")
    attributes = "originAttributes" if "originAttributes" in columns else "''"
    made = "creationTime" if "creationTime" in columns else "0"
    rows = database.execute(
        f"SELECT rowid, name, host, {attributes}, expiry, {made}, value FROM moz_cookies {_OF_OURS.format('host')}",  # noqa: S608
        (*WANTED, *HOSTS),
    )
    return [
        Cookie(row, name, host, container or "", lives(_unix_seconds(expiry)), _whole(made_at), str(value), b"")
        for row, name, host, container, expiry, made_at, value in rows
        if "partitionKey" not in (container or "")
    ]


def _unix_seconds(expiry: Any) -> float | None:
    """Firefox ≥ 142 keeps milliseconds, before it was seconds (FACTS §9); seconds of that size are the year 5138."""
    whole = _whole(expiry)
    return whole / 1000 if whole > 10**11 else float(whole)


def _chromium_cookies(database: sqlite3.Connection) -> list[Cookie]:
    columns = _columns(database, "cookies")
    partition = "top_frame_site_key" if "top_frame_site_key" in columns else "''"
    made = "last_update_utc" if "last_update_utc" in columns else "creation_utc" if "creation_utc" in columns else "0"
    rows = database.execute(
        f"SELECT rowid, name, host_key, {partition}, expires_utc, {made}, value,"  # noqa: S608 - our own names
        f" CAST(substr(encrypted_value, 1, 3) AS BLOB) FROM cookies {_OF_OURS.format('host_key')}",
        (*WANTED, *HOSTS),
    )
    return [
        Cookie(
            row,
            name,
            host,
            "",
            expires == 0 or lives(_whole(expires) / 1_000_000 - _UNIX_TO_NT_SECONDS),
            _whole(made_at),
            str(value or ""),
            bytes(cipher or b""),
        )
        for row, name, host, partitioned, expires, made_at, value, cipher in rows
        if not partitioned
    ]


_OF_OURS = "WHERE name IN (?, ?, ?) AND {} IN (?, ?)"


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {str(row[1]) for row in database.execute(f"PRAGMA table_info({table})")}


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, int | float) else 0


def lives(expires: float | None) -> bool:
    """Whether a cookie has not expired; seconds since 1970, None: it lasts as long as the session."""
    return expires is None or expires > time.time()


def safari_may_have_one(profile: Profile) -> bool:
    """Whether the file names the cookie; one that may not be looked at may have it: reading it will say why not."""
    try:
        content = Path(profile.cookies).read_bytes()
    except OSError:
        return True
    return SESSION.encode() in content and HOSTS[0].encode() in content
