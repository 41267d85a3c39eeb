"""The store's readings: kept as they come, given as what is known at a moment (`merging`). A part of `Store`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from claude_meter_tui.domain.bounds import MOST_PERCENT
from claude_meter_tui.domain.foreign_text import shown
from claude_meter_tui.store import account_identity
from claude_meter_tui.store.columns import clean_name, iso_of, micros, parse_iso
from claude_meter_tui.store.merging import PARTIAL_SOURCES, merged
from claude_meter_tui.store.migrations import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from typing import Any

    from claude_meter_tui.domain.plain_reading import HistoryRow, ReadingDocument, WindowDocument

# No window is longer: what a partial source said longer before its last word says nothing any more.
_LONGEST_WINDOW = timedelta(days=8)
_EARLIEST, _LATEST = -(2**62), 2**62
_WINDOW_COLUMNS = (
    "key, label, window_group, utilization, resets_at, length_seconds, model, surface, severity, is_active"
)


class StoredReadings:
    """Readings and their windows, in the tables of the same names."""

    _db: sqlite3.Connection

    def save(self, reading: ReadingDocument, account_id: int | None = None) -> bool:
        """Keep a reading. False where the very same one (account, time, source) is already there."""
        with Transaction(self._db):
            return self.insert(reading, account_id, partial=False)

    def save_all(
        self, readings: Iterable[ReadingDocument], account_id: int | None = None, *, partial: bool = False
    ) -> int:
        """Keep many in one transaction; gives how many were new or knew a window more.

        Args:
            readings: in any order.
            account_id: whose; None: each reading's own account.
            partial: whether each may name some of the windows only, so that it hides no other.
        """
        with Transaction(self._db):
            return sum(self.insert(reading, account_id, partial=partial) for reading in readings)

    def insert(self, reading: ReadingDocument, account_id: int | None, *, partial: bool) -> bool:
        """`save` inside a transaction of the caller's; `partial`: see `save_all`."""
        owner = account_identity.row_of(self._db, reading["account"]) if account_id is None else account_id
        extra, damaged = reading["extra_usage"], reading["damaged"]
        what = (owner, micros(parse_iso(reading["observed_at"])), reading["source"])
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO readings (account_id, observed_at, source, extra_usage, damaged, partial)"
            " VALUES (?,?,?,?,?,?)",
            (
                *what,
                json.dumps(extra) if extra is not None else None,
                json.dumps(damaged) if damaged else None,
                int(partial),
            ),
        )
        number = cursor.lastrowid
        if not cursor.rowcount:
            if not partial:
                return False
            # The rest of an observation of which one window was imported before.
            same = "SELECT id FROM readings WHERE account_id = ? AND observed_at = ? AND source = ?"
            number = self._db.execute(same, what).fetchone()[0]
        done = self._db.executemany(
            f"INSERT OR IGNORE INTO windows (reading_id, position, {_WINDOW_COLUMNS})"  # noqa: S608 - a constant
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            [
                (
                    number,
                    position,
                    window["key"],
                    window["label"],
                    window["group"],
                    window["utilization"],
                    micros(parse_iso(window["resets_at"])) if window["resets_at"] else None,
                    window["length_seconds"],
                    window["model"],
                    window["surface"],
                    window["severity"],
                    window["is_active"],
                )
                for position, window in enumerate(reading["windows"])
            ],
        )
        return bool(cursor.rowcount or done.rowcount > 0)

    def newest(
        self, at: datetime | None = None, account_id: int | None = None, now: datetime | None = None
    ) -> ReadingDocument | None:
        """What is known of one account: the newest observation of each window, whatever its source (`merging`).

        Args:
            at: nothing observed later than this is used.
            account_id: whose; None: that of the newest reading.
            now: the local time. What is dated after it was dated by a wrong clock: it counts only where there is
                nothing else, and as if it were of now.

        Returns:
            None where nothing is stored.
        """
        until = micros(at) if at is not None else micros(now) if now is not None else _LATEST
        found = self._newest_until(until, account_id)
        if found is None and at is None and now is not None and (found := self._newest_until(_LATEST, account_id)):
            found = _not_after(found, now)
        return found

    def account_of_newest(self, until: datetime) -> int | None:
        """Whose the newest reading up to a time is; None where there is none."""
        return self._newest_account(micros(until))

    def _newest_account(self, until: int) -> int | None:
        row = self._db.execute(
            "SELECT account_id FROM readings WHERE observed_at <= ? ORDER BY observed_at DESC, id DESC LIMIT 1",
            (until,),
        ).fetchone()
        return None if row is None else int(row[0])

    def _newest_until(self, until: int, account_id: int | None) -> ReadingDocument | None:
        if account_id is None:
            account_id = self._newest_account(until)
        marks = ",".join("?" * len(PARTIAL_SOURCES))
        partial = f"(r.partial OR r.source IN ({marks}))"
        whole = self._readings(
            f"r.account_id = ? AND r.observed_at <= ? AND NOT {partial} ORDER BY r.observed_at DESC, r.id DESC LIMIT 1",
            (account_id, until, *PARTIAL_SOURCES),
        )
        since = whole[0][0] if whole else _EARLIEST
        last = self._db.execute(
            f"SELECT MAX(r.observed_at) FROM readings r WHERE r.account_id = ? AND r.observed_at > ?"  # noqa: S608
            f" AND r.observed_at <= ? AND {partial}",
            (account_id, since, until, *PARTIAL_SOURCES),
        ).fetchone()[0]
        if last is None:
            return merged(whole[0][1] if whole else None, [])
        since = max(since, last - _LONGEST_WINDOW // timedelta(microseconds=1))
        # Of each window, the last of them that names it.
        rows = self._db.execute(
            f"SELECT r.id, MAX(r.observed_at) FROM readings r JOIN windows w ON w.reading_id = r.id"  # noqa: S608
            f" WHERE r.account_id = ? AND r.observed_at > ? AND r.observed_at <= ? AND {partial} GROUP BY w.key",
            (account_id, since, until, *PARTIAL_SOURCES),
        ).fetchall()
        wanted = sorted({row[0] for row in rows})
        later = self._readings(f"r.id IN ({','.join('?' * len(wanted))}) ORDER BY r.observed_at, r.id", tuple(wanted))
        return merged(whole[0][1] if whole else None, [document for _, document in later])

    def _readings(self, condition: str, values: tuple[object, ...]) -> list[tuple[int, ReadingDocument]]:
        """(observed_at, reading) of the rows a condition and order choose."""
        query = (
            "SELECT r.id, r.observed_at, r.source, r.extra_usage, r.damaged, a.email, a.organization_uuid, a.plan"  # noqa: S608 - marks
            f" FROM readings r JOIN accounts a ON a.id = r.account_id WHERE {condition}"
        )
        rows = self._db.execute(query, values).fetchall()
        return [(row[1], self._document(row)) for row in rows]

    def heal(self, now: datetime) -> int:
        """Date what is dated after `now` to now, in its order; gives how many readings that were.

        To be called when the server has just agreed with the local clock: a clock that is behind by itself would
        otherwise date a whole history anew.
        """
        late = "SELECT id FROM readings WHERE observed_at > ? ORDER BY observed_at, id"
        with Transaction(self._db):
            rows = [row[0] for row in self._db.execute(late, (micros(now),))]
            for number, row in enumerate(rows):
                moment = micros(now) - len(rows) + number
                self._db.execute("UPDATE OR REPLACE readings SET observed_at = ? WHERE id = ?", (moment, row))
        return len(rows)

    def reading(self, number: int) -> ReadingDocument:
        """The stored reading of a row, as it was observed.

        Raises:
            IndexError: there is no such row.
        """
        return self._readings("r.id = ?", (number,))[0][1]

    def _document(self, row: tuple[Any, ...]) -> ReadingDocument:
        return {
            "observed_at": iso_of(row[1]) or "",
            "source": shown(row[2]),
            "account": {
                "email": clean_name(row[5]),
                "organization_uuid": clean_name(row[6]),
                "plan": clean_name(row[7]),
            },
            "windows": list(self._windows(row[0])),
            "extra_usage": json.loads(row[3]) if row[3] else None,
            "damaged": json.loads(row[4]) if row[4] else [],
            "whole_at": None,
        }

    def _windows(self, reading_id: int) -> Iterator[WindowDocument]:
        rows = self._db.execute(
            f"SELECT {_WINDOW_COLUMNS} FROM windows WHERE reading_id = ? ORDER BY position",  # noqa: S608 - a constant
            (reading_id,),
        )
        for key, label, group, utilization, resets_at, length, model, surface, severity, is_active in rows:
            yield {
                "key": shown(key),
                "label": shown(label),
                "group": group,
                "utilization": min(utilization, MOST_PERCENT),
                "resets_at": iso_of(resets_at),
                "length_seconds": length,
                "model": clean_name(model),
                "surface": clean_name(surface),
                "severity": clean_name(severity),
                "is_active": None if is_active is None else bool(is_active),
                "observed_at": None,
                "source": None,
            }

    def history(
        self, window: str | None = None, since: datetime | None = None, account_id: int | None = None
    ) -> Iterator[HistoryRow]:
        """Stored readings as rows, oldest first; of one window, from a time, of one account where given."""
        rows = self._db.execute(
            "SELECT r.observed_at, r.source, COALESCE(a.organization_uuid, a.email, ''), w.key, w.utilization,"
            " w.resets_at FROM readings r JOIN accounts a ON a.id = r.account_id JOIN windows w ON w.reading_id = r.id"
            " WHERE r.observed_at >= ? AND (? IS NULL OR w.key = ?) AND (? IS NULL OR r.account_id = ?)"
            " ORDER BY r.observed_at, r.id, w.position",
            (micros(since) if since is not None else 0, window, window, account_id, account_id),
        )
        for observed_at, source, account, key, utilization, resets_at in rows:
            yield {
                "observed_at": iso_of(observed_at) or "",
                "source": shown(source),
                "account": shown(account),
                "window": shown(key),
                "utilization": min(utilization, MOST_PERCENT),
                "resets_at": iso_of(resets_at),
            }

    def points(
        self,
        account_id: int | None,
        since: datetime,
        until: datetime,
        *,
        window: str | None = None,
        every: timedelta = timedelta(0),
    ) -> dict[str, list[tuple[float, float, float | None]]]:
        """(seconds since 1970, percent, reset) of every window's readings from a time to another, oldest first.

        `window`: only of the one with that key. `every`: of each such stretch of time only a window's last reading,
        for a picture of a long time.
        """
        slot, last = every // timedelta(microseconds=1), "r.observed_at"
        grouped = ""
        if slot:  # SQLite takes the other columns from the row of the greatest time
            last, grouped = "MAX(r.observed_at)", f" GROUP BY w.key, r.observed_at / {slot:d}"
        rows = self._db.execute(
            f"SELECT w.key, {last}, w.utilization, w.resets_at FROM readings r"  # noqa: S608 - a number
            " JOIN windows w ON w.reading_id = r.id WHERE r.observed_at >= ? AND r.observed_at <= ?"
            " AND (? IS NULL OR r.account_id = ?) AND (? IS NULL OR w.key = ?)"
            f"{grouped} ORDER BY r.observed_at, r.id",
            (micros(since), micros(until), account_id, account_id, window, window),
        )
        named: dict[str, list[tuple[float, float, float | None]]] = {}
        for key, observed_at, utilization, resets_at in rows:  # a month can have tens of thousands
            if key not in named:
                named[key] = []
            reset = None if resets_at is None else resets_at / 1e6
            named[key].append((observed_at / 1e6, utilization, reset))
        found: dict[str, list[tuple[float, float, float | None]]] = {}
        for key, points in named.items():
            if any(used > MOST_PERCENT for _, used, _ in points):
                points = [(at, min(used, MOST_PERCENT), reset) for at, used, reset in points]
            found.setdefault(shown(key), []).extend(points)
        return found

    def count(self) -> int:
        """How many readings are stored."""
        value: int = self._db.execute("SELECT count(*) FROM readings").fetchone()[0]
        return value


def _not_after(reading: ReadingDocument, now: datetime) -> ReadingDocument:
    """The reading as if everything in it had been observed by now at the latest."""
    latest = iso_of(micros(now)) or ""

    def bounded(text: str | None) -> str | None:
        return latest if text is not None and parse_iso(text) > now else text

    windows: list[WindowDocument] = [
        {**window, "observed_at": bounded(window["observed_at"])} for window in reading["windows"]
    ]
    whole_at = bounded(reading["whole_at"])
    return {**reading, "observed_at": bounded(reading["observed_at"]) or "", "whole_at": whole_at, "windows": windows}
