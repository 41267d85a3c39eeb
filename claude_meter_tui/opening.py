"""Opens the store's SQLite file: private, in WAL mode, of today's schema; a damaged one is set aside, never deleted."""

from __future__ import annotations

import os
import sqlite3

from claude_meter_tui.errors import StoreError
from claude_meter_tui.schema import MIGRATIONS, migrate


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
        raise _unusable(path, error) from None
    except sqlite3.DatabaseError as error:
        # A locked file or a full disk is no damage; another schema is: its tables are not the ones we know.
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise _unusable(path, error) from None
    try:
        aside = _set_aside(path)
        return connected(path, patience), aside
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from None


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
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection)
        connection.execute(
            "SELECT r.id, w.key FROM readings r LEFT JOIN windows w ON w.reading_id = r.id"
            " ORDER BY r.observed_at DESC LIMIT 1"
        ).fetchone()  # notices a broken file at once
        if connection.execute("PRAGMA user_version").fetchone()[0] > len(MIGRATIONS):
            raise StoreError("The store was written by a newer claude-meter-tui.", "Update claude-meter-tui.")
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private_folder(folder: str) -> None:
    # A folder that is already there keeps its mode: it may be one the user shares with other things.
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
    except OSError as error:
        raise _unusable(folder, error) from None


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


def _unusable(path: str, error: Exception) -> StoreError:
    reason = getattr(error, "strerror", None) or str(error)
    return StoreError(
        f"The store at {path} cannot be used ({reason}).",
        "Set CLAUDE_METER_STATE_DIR to a folder you can write to.",
    )
