"""Opens the store's SQLite file: private, in WAL mode, of today's schema; a damaged one is set aside, never deleted.

What of a damaged file can still be read goes into the new one (`recovery`).
"""

from __future__ import annotations

import os
import sqlite3

from claude_meter_tui.domain.errors import StoreError
from claude_meter_tui.store.migrations import MIGRATIONS, migrate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# What SQLite says of a file whose content is broken. Locks, a full disk and permissions are no damage.
DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PROBE = (
    "SELECT r.id, w.key FROM readings r LEFT JOIN windows w ON w.reading_id = r.id ORDER BY r.observed_at DESC LIMIT 1"
)


def opened(path: str, patience: float) -> tuple[sqlite3.Connection, str | None]:
    """The connection, and where a damaged file was moved to, if there was one.

    Args:
        path: the SQLite file.
        patience: seconds to wait for another process's transaction.

    Raises:
        StoreError: the folder or file cannot be used at all (permissions, full disk, newer schema).
    """
    _make_private_folder(os.path.dirname(path))  # noqa: PTH120 - pathlib costs `status` 8 ms
    try:
        return connected(path, patience), None
    except OSError as error:
        raise unusable(path, error) from None
    except sqlite3.Error as error:
        if not is_damage(error):
            raise unusable(path, error) from None
    return begun_anew(path, patience)


def begun_anew(path: str, patience: float) -> tuple[sqlite3.Connection, str]:
    """Set the damaged file aside, and begin a new one with what can be read of it.

    Raises:
        StoreError: that cannot be done either.
    """
    from claude_meter_tui.store import recovery

    try:
        aside = _set_aside(path)
        connection = connected(path, patience)
        recovery.recover(aside, connection)
    except (OSError, sqlite3.Error) as error:
        raise unusable(path, error) from None
    return connection, aside


def identity(path: str) -> tuple[int, int] | None:
    """Which file is at a path; None where there is none.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        found = os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it says that the file's content is broken, or is not what its version says."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    # A missing table or column (SQLITE_ERROR) of a schema we know: somebody else's file, or a torn one.
    return code & 0xFF in DAMAGE or code == sqlite3.SQLITE_ERROR


def is_broken(error: sqlite3.Error) -> bool:
    """Whether it says that the file's content is broken, met while using a store that could be opened."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGE


def connected(path: str, patience: float = 5.0) -> sqlite3.Connection:
    """A connection to the file, made and migrated as needed.

    Raises:
        OSError, sqlite3.Error: it cannot be used.
        StoreError: it was written by a newer version.
    """
    # Created here, not by SQLite, so that it never exists with the umask's wider mode; -wal and -shm inherit it.
    # Only when missing: closing a second descriptor of an open store would drop this process's locks on it.
    if not os.path.exists(path):  # noqa: PTH110
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None)
    try:
        refuse_newer(connection)  # before anything is looked at: its tables may be others
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection)
        connection.execute(_PROBE).fetchone()  # notices a broken file at once
    except BaseException:
        connection.close()
        raise
    return connection


def for_reading(path: str) -> sqlite3.Connection:
    """A connection that writes nothing: also where the folder is read-only or the disk is full.

    Raises:
        sqlite3.Error: it cannot be read.
        StoreError: it was written by a newer version, or by an older one and cannot be brought up to date.
    """
    from urllib.parse import quote

    for how in ("mode=ro", "immutable=1"):  # the second where no -shm file can be made beside it
        connection = sqlite3.connect(f"file:{quote(path)}?{how}", uri=True, timeout=1.0, isolation_level=None)
        try:
            refuse_newer(connection)
            if connection.execute("PRAGMA user_version").fetchone()[0] < len(MIGRATIONS):
                raise StoreError(
                    "The store is an older version's and cannot be written.", "Make its folder writable once."
                )
            connection.execute(_PROBE).fetchone()
        except sqlite3.OperationalError:
            connection.close()
            if how != "mode=ro":
                raise
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise sqlite3.OperationalError


def refuse_newer(connection: sqlite3.Connection) -> None:
    """Leave a store alone that a newer version has written.

    Raises:
        StoreError: it is one.
    """
    if connection.execute("PRAGMA user_version").fetchone()[0] > len(MIGRATIONS):
        raise StoreError("The store was written by a newer claude-meter-tui.", "Update claude-meter-tui.")


def _make_private_folder(folder: str) -> None:
    # A folder that is already there keeps its mode: it may be one the user shares with other things.
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
    except OSError as error:
        raise unusable(folder, error) from None


def _set_aside(path: str) -> str:
    """Move a damaged store out of the way, keeping it; gives its new name."""
    number = 1
    while os.path.exists(aside := f"{path}.damaged-{number}"):  # noqa: PTH110
        number += 1
    os.replace(path, aside)  # noqa: PTH105
    for suffix in ("-wal", "-shm"):
        if os.path.exists(path + suffix):  # noqa: PTH110
            os.replace(path + suffix, aside + suffix)  # noqa: PTH105
    return aside


def unusable(path: str, error: Exception) -> StoreError:
    """The error for a store that cannot be used."""
    from claude_meter_tui.domain.foreign_text import shown, storable

    reason = getattr(error, "strerror", None) or str(error)
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
        return StoreError("The store is locked by another program.", "Try again when that one is done.")
    return StoreError(
        f"The store at {shown(storable(path))} cannot be used ({reason}).",
        "Set CLAUDE_METER_STATE_DIR to a folder you can write to.",
    )
