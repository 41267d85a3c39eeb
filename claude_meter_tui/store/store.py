"""What is kept between runs: every reading, whose token is whose, when asking is allowed, and small notes.

SQLite in WAL mode, shared by every pane: 0600 in a 0700 folder. It takes and gives plain dicts (`plain_reading.py`), so
that `status` can read it without pydantic; it must not know what a reading means, and it never sees a token.
"""

from __future__ import annotations

import os
import sqlite3

from claude_meter_tui.domain.errors import StoreError
from claude_meter_tui.domain.foreign_text import shown, storable
from claude_meter_tui.store import database_file
from claude_meter_tui.store.accounts import StoredAccounts
from claude_meter_tui.store.migrations import Transaction
from claude_meter_tui.store.readings import StoredReadings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Self

_PATIENCE = 5.0
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_locked(error: sqlite3.Error) -> bool:
    """Whether it says that another process holds the store just now."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED


def _damaged(error: sqlite3.Error) -> StoreError:
    if database_file.is_damage(error):
        return StoreError("The store is damaged.", "Run `claude-meter-tui once`: it keeps what can be read.")
    return StoreError(f"The store cannot be read ({error}).", "Run `claude-meter-tui doctor`.")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        return database_file.identity(path)
    except OSError:
        return None


class Store(StoredReadings, StoredAccounts):
    """One process's connection to the store. Not shared between threads."""

    def __init__(self, path: str, connection: sqlite3.Connection, set_aside: str | None = None) -> None:
        self.path = path
        self.set_aside = set_aside
        """Where a damaged file was moved to when this store was opened, else None."""
        self._db = connection
        self._patience = _PATIENCE
        self._file = _identity(path)
        self._opened = 0

    @classmethod
    def open(cls, path: str, patience: float = _PATIENCE) -> Self:
        """Open, creating or migrating; a damaged file is set aside and a new one begun.

        Args:
            path: the SQLite file.
            patience: seconds to wait for another process's transaction.

        Raises:
            StoreError: the folder or file cannot be used at all (permissions, full disk, newer schema).
        """
        connection, set_aside = database_file.opened(path, patience)
        store = cls(path, connection, set_aside)
        store._patience = patience
        return store

    @classmethod
    def open_existing(cls, path: str) -> Self | None:
        """Open for reading what is there; None where nothing is stored yet.

        Raises:
            StoreError: there is one, and it cannot be read.
        """
        if not os.path.exists(path):  # noqa: PTH110
            return None
        try:
            return cls(path, database_file.connected(path))
        except (OSError, sqlite3.OperationalError):
            pass  # a read-only folder, a full disk: what is there can be read all the same
        except sqlite3.Error as error:
            raise _damaged(error) from None
        try:
            return cls(path, database_file.for_reading(path))
        except sqlite3.Error as error:
            raise _damaged(error) from None

    def notice(self) -> str:
        """What a person must know of how the store was opened; empty where there is nothing."""
        if self.set_aside is None:
            return ""
        aside = shown(storable(self.set_aside))
        return f"The store was damaged and set aside as {aside}; a new one was begun with what could be read."

    def mend(self) -> str | None:
        """Look whether the file is whole, and begin anew if it is not; where the damaged one is kept then.

        A page can be damaged that nothing has read yet. Takes some milliseconds for every ten megabytes.

        Raises:
            StoreError: it is damaged, and a new one cannot be begun.
        """
        try:
            whole = self._db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
        except sqlite3.Error as error:
            if not database_file.is_broken(error):
                return None  # locked just now, say: what is wrong will show itself
            whole = False
        if not whole:
            self.begin_anew()
        return self.set_aside

    def begin_anew(self) -> None:
        """The file turned out to be damaged: set it aside, and go on with a new one that has what could be read.

        Raises:
            StoreError: that cannot be done.
        """
        self._db.close()
        self._now_on(*database_file.begun_anew(self.path, self._patience))

    def is_replaced(self) -> bool:
        """Whether the file at the path is no longer the one that is open: deleted, restored, set aside by another."""
        try:
            return self._file is not None and database_file.identity(self.path) != self._file
        except OSError:
            return False  # a folder that cannot be looked into says nothing

    def reopen(self) -> None:
        """Go on with the file that is at the path by now; a new one where there is none.

        Raises:
            StoreError: that cannot be done; the one before stays open.
        """
        before, opened = self._db, database_file.opened(self.path, self._patience)
        before.close()
        self._now_on(*opened)

    def _now_on(self, connection: sqlite3.Connection, set_aside: str | None) -> None:
        self._db, self.set_aside = connection, set_aside
        self._file = _identity(self.path)
        self._opened += 1

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def transaction(self) -> AbstractContextManager[None]:
        """A write transaction that other processes wait for; rolled back on an exception."""
        return Transaction(self._db)

    @property
    def connection(self) -> sqlite3.Connection:
        """For a module that keeps tables of its own in this file."""
        return self._db

    def version(self) -> tuple[int, int]:
        """Another one when another process has written (`PRAGMA data_version`), or the file is another."""
        return self._opened, int(self._db.execute("PRAGMA data_version").fetchone()[0])

    @property
    def opened(self) -> int:
        """How often the file has turned out to be another while it was open."""
        return self._opened
