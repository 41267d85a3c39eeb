"""What can still be read of a damaged store → a new one: readings, whose token is whose, waits and notes.

Row by row, since a broken page takes only its own rows with it. The index of transcripts is left out: it is made anew
from the transcripts. It must not know what a row means.
"""

from __future__ import annotations

import sqlite3

from claude_meter_tui.store.migrations import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_TABLES = ("accounts", "credentials", "readings", "windows", "gates", "asks", "notes", "alerts")
_KEYED = ("readings", "accounts")


def recover(damaged: str, fresh: sqlite3.Connection) -> int:
    """Copy every row that can be read; gives how many readings that were.

    Args:
        damaged: the path of the file that was set aside.
        fresh: a new store of today's schema.

    Raises:
        sqlite3.Error: the new one cannot be written.
    """
    try:
        old = sqlite3.connect(damaged, timeout=1.0, isolation_level=None)
    except sqlite3.Error:
        return 0
    try:
        with Transaction(fresh):
            fresh.execute("PRAGMA defer_foreign_keys = ON")
            for table in _TABLES:
                _copy(old, fresh, table)
            fresh.execute("DELETE FROM windows WHERE reading_id NOT IN (SELECT id FROM readings)")
            fresh.execute("DELETE FROM readings WHERE account_id NOT IN (SELECT id FROM accounts)")
            fresh.execute("DELETE FROM alerts WHERE account_id NOT IN (SELECT id FROM accounts)")
            fresh.execute("DELETE FROM credentials WHERE account_id NOT IN (SELECT id FROM accounts)")
            fresh.execute("DELETE FROM windows WHERE reading_id NOT IN (SELECT id FROM readings)")
    finally:
        old.close()
    count: int = fresh.execute("SELECT count(*) FROM readings").fetchone()[0]
    return count


def _copy(old: sqlite3.Connection, fresh: sqlite3.Connection, table: str) -> None:
    """One table's rows, as far as both versions have the same columns."""
    try:
        there = {row[1] for row in old.execute(f"PRAGMA table_info({table})")}
    except sqlite3.Error:
        there = set()
    wanted = [row[1] for row in fresh.execute(f"PRAGMA table_info({table})")]
    columns = [name for name in wanted if name in there]
    if not columns:
        return
    marks, names = ",".join("?" * len(columns)), ", ".join(columns)
    for row in _rows(old, table, names):
        try:
            fresh.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)  # noqa: S608 - our own names
        except sqlite3.IntegrityError:
            continue  # a value that is no longer what its column takes


def _rows(old: sqlite3.Connection, table: str, names: str) -> Iterator[tuple[Any, ...]]:
    """Every row that can be read, in order from the front; past a broken page from the back."""
    for order in ("", " DESC") if table in _KEYED else ("",):
        by = f" ORDER BY rowid{order}" if table in _KEYED else ""
        try:
            cursor = old.execute(f"SELECT {names} FROM {table}{by}")  # noqa: S608 - our own names
            while (row := cursor.fetchone()) is not None:
                yield row
        except sqlite3.Error:
            continue
        return
