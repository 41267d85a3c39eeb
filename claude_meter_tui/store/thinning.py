"""Which readings are kept for good: a year at one a minute must not become a gigabyte, nor lose what it tells.

Of the last two days every reading stays. Of longer ago, once there are many, one of each stretch of time stays, every
one beside a reset (the last before it is the peak), and the first at 100 %.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

from claude_meter_tui.store.columns import micros
from claude_meter_tui.store.migrations import Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from claude_meter_tui.store.store import Store

    Figures = Mapping[str, tuple[float, int | None]]
    """By window: percent, and reset in microseconds since 1970."""

MANY = 25_000
"""Up to so many readings nothing is thinned: a year of what the meter asks for, or months of a status line."""
_MINUTE = 60 * 1_000_000
_DAY = 24 * 60 * _MINUTE
# (older than, one of each stretch of): the oldest first. The analysis looks back 56 days.
_STRETCHES = ((60 * _DAY, 120 * _MINUTE), (2 * _DAY, 15 * _MINUTE))
_DROPPED_BY = 2.0
_MOVED_BY = 5 * _MINUTE
_AT_ONCE = 5000
_NOW_AND_THEN = 500
Name = TypeVar("Name")


class Thinner(Generic[Name]):
    """Goes through one account's readings, oldest first, and tells which of them need not be kept.

    Args:
        now: microseconds since 1970.
    """

    def __init__(self, now: int) -> None:
        self._now = now
        self._slots: dict[str, tuple[int, int]] = {}
        self._last: dict[str, tuple[float, int | None]] = {}
        self._doubtful: Name | None = None

    def pass_over(self, name: Name, at: int, source: str, figures: Figures) -> Name | None:
        """Look at the next reading; gives the name of the one before where that need not be kept.

        Args:
            name: what it is called.
            at: when it was observed, in microseconds since 1970.
            source: each has its own stretches.
            figures: what it says.
        """
        known = [(self._last[key], seen) for key, seen in figures.items() if key in self._last]
        begins = any(_begins_anew(before, after) for before, after in known)
        fills = any(before[0] < 100 <= after[0] for before, after in known)
        self._last.update(figures)
        dropped = None if begins else self._doubtful
        stretch = next((span for older, span in _STRETCHES if self._now - at > older), 0)
        slot = (stretch, at // stretch) if stretch else None
        first = slot is None or self._slots.get(source) != slot
        if slot is not None:
            self._slots[source] = slot
        self._doubtful = None if first or begins or fills else name
        return dropped


def _begins_anew(before: tuple[float, int | None], after: tuple[float, int | None]) -> bool:
    """Whether a window was reset in between, was opened, or had its reset moved."""
    if before[0] - after[0] >= _DROPPED_BY or (before[1] is None) != (after[1] is None):
        return True
    return before[1] is not None and after[1] is not None and abs(after[1] - before[1]) > _MOVED_BY


def thin(store: Store, now: datetime, *, many: int = MANY) -> int:
    """Drop what need not be kept where there are more than `many` readings; gives how many were dropped.

    The room they took is used again; a file that got big by that is made small where nobody else has it just now.

    Raises:
        sqlite3.Error: the store cannot be written.
    """
    if store.count() <= many:
        return 0
    db, moment = store.connection, micros(now)
    rows = db.execute(
        "SELECT r.account_id, r.id, r.observed_at, r.source, w.key, w.utilization, w.resets_at FROM readings r"
        " JOIN windows w ON w.reading_id = r.id WHERE r.observed_at <= ? ORDER BY r.account_id, r.observed_at, r.id",
        (moment,),
    )
    dropped = list(_needless(rows, moment))
    for start in range(0, len(dropped), _AT_ONCE):  # short transactions: others wait for them
        with Transaction(db):
            db.executemany("DELETE FROM readings WHERE id = ?", [(row,) for row in dropped[start : start + _AT_ONCE]])
    if len(dropped) > many:
        compact(db)
    return len(dropped)


def thin_now_and_then(store: Store, now: datetime) -> int:
    """`thin` at every so-manieth reading: for a process that adds one and ends."""
    newest = store.connection.execute("SELECT MAX(id) FROM readings").fetchone()[0] or 0
    return thin(store, now) if newest % _NOW_AND_THEN == 0 else 0


def _needless(rows: Iterable[tuple[int, int, int, str, str, float, int | None]], now: int) -> Iterator[int]:
    """(account, reading, observed_at, source, window, percent, resets_at) by account and time → readings to drop."""
    thinner = Thinner[int](now)
    reading = account = None
    at, source, figures = 0, "", dict[str, tuple[float, int | None]]()
    for row in rows:
        if row[1] != reading:
            if reading is not None and (dropped := thinner.pass_over(reading, at, source, figures)) is not None:
                yield dropped
            if row[0] != account:
                thinner = Thinner[int](now)
            account, reading, at, source, figures = row[0], row[1], row[2], row[3], {}
        figures[row[4]] = (row[5], row[6])
    # The newest of all is passed over by nobody: it stays, as the newest of each account does.


def compact(db: sqlite3.Connection) -> None:
    """Give back the room of what was dropped, if no other process has the file just now."""
    with suppress(sqlite3.OperationalError):
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
