"""What is kept between runs: every reading, whose token is whose, when asking is allowed, and small notes.

SQLite in WAL mode, shared by every pane: 0600 in a 0700 folder. It takes and gives plain dicts (`documents.py`), so
that `status` can read it without pydantic; it must not know what a reading means, and it never sees a token.
"""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import UTC, datetime, timedelta

from claude_meter_tui import identity, opening
from claude_meter_tui.errors import StoreError
from claude_meter_tui.foreign_text import shown, storable
from claude_meter_tui.merging import PARTIAL_SOURCES, merged
from claude_meter_tui.schema import Transaction
from claude_meter_tui.values import MOST_PERCENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any, Self

    from claude_meter_tui.documents import AccountDocument, HistoryRow, ReadingDocument, WindowDocument
    from claude_meter_tui.uptime import Uptime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No window is longer: what a partial source said longer before its last word says nothing any more.
_LONGEST_WINDOW = timedelta(days=8)
_EARLIEST, _LATEST = -(2**62), 2**62
# Within these years arithmetic on a time cannot overflow; a server's clock once brought the year 9999 in here.
_FIRST_MICROS, _LAST_MICROS = 0, 7_258_118_400_000_000
_PATIENCE = 5.0
_LARGEST_SKEW = timedelta(hours=23)
_CLOCK_SET_FROM = timedelta(seconds=2)
_GATE_COLUMNS = "set_at, wait_until, retry_at, failures, unchanged, asked_at, trouble, boot, uptime, refused"
_WINDOW_COLUMNS = (
    "key, label, window_group, utilization, resets_at, length_seconds, model, surface, severity, is_active"
)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(microseconds: int) -> datetime:
    """The aware UTC time of `micros`."""
    return _EPOCH + timedelta(microseconds=microseconds)


def parse_iso(text: str) -> datetime:
    """An ISO-8601 time as this program writes it, or any with an offset.

    Raises:
        ValueError: not such a time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


def _iso(microseconds: int | None) -> str | None:
    if microseconds is None:
        return None
    bounded = min(max(microseconds, _FIRST_MICROS), _LAST_MICROS)
    return moment_of(bounded).isoformat().replace("+00:00", "Z")


def _text(value: str | None) -> str | None:
    """A name as it may be shown: one stored by an older version may not have been cleaned when it came in."""
    return value if value is None else shown(value)


def _damaged(error: sqlite3.Error) -> StoreError:
    if opening.is_damage(error):
        return StoreError("The store is damaged.", "Run `claude-meter-tui once`: it keeps what can be read.")
    return StoreError(f"The store cannot be read ({error}).", "Run `claude-meter-tui doctor`.")


def _not_after(reading: ReadingDocument, now: datetime) -> ReadingDocument:
    """The reading as if everything in it had been observed by now at the latest."""
    latest = _iso(micros(now)) or ""

    def bounded(text: str | None) -> str | None:
        return latest if text is not None and parse_iso(text) > now else text

    windows: list[WindowDocument] = [
        {**window, "observed_at": bounded(window["observed_at"])} for window in reading["windows"]
    ]
    whole_at = bounded(reading["whole_at"])
    return {**reading, "observed_at": bounded(reading["observed_at"]) or "", "whole_at": whole_at, "windows": windows}


SHOWN_NOTE = "shown"
"""The note that keeps which account a person chose to see; never what a login turned out to be."""


class Store:
    """One process's connection to the store. Not shared between threads."""

    def __init__(self, path: str, connection: sqlite3.Connection, set_aside: str | None = None) -> None:
        self.path = path
        self.set_aside = set_aside
        """Where a damaged file was moved to when this store was opened, else None."""
        self._db = connection

    @classmethod
    def open(cls, path: str, patience: float = _PATIENCE) -> Self:
        """Open, creating or migrating; a damaged file is set aside and a new one begun.

        Args:
            path: the SQLite file.
            patience: seconds to wait for another process's transaction.

        Raises:
            StoreError: the folder or file cannot be used at all (permissions, full disk, newer schema).
        """
        connection, set_aside = opening.opened(path, patience)
        return cls(path, connection, set_aside)

    @classmethod
    def open_existing(cls, path: str) -> Self | None:
        """Open for reading what is there; None where nothing is stored yet.

        Raises:
            StoreError: there is one, and it cannot be read.
        """
        if not os.path.exists(path):  # noqa: PTH110
            return None
        try:
            return cls(path, opening.connected(path))
        except (OSError, sqlite3.OperationalError):
            pass  # a read-only folder, a full disk: what is there can be read all the same
        except sqlite3.Error as error:
            raise _damaged(error) from None
        try:
            return cls(path, opening.for_reading(path))
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
            if not opening.is_broken(error):
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
        self._db, self.set_aside = opening.begun_anew(self.path, _PATIENCE)

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

    def version(self) -> int:
        """A number that changes when another process has written (`PRAGMA data_version`)."""
        value: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        return value

    # --- readings --------------------------------------------------------------------------------------------------

    def save(self, reading: ReadingDocument, account_id: int | None = None) -> bool:
        """Keep a reading. False where the very same one (account, time, source) is already there."""
        with self.transaction():
            return self._insert(reading, account_id, partial=False)

    def save_all(self, readings: Iterable[ReadingDocument], *, partial: bool = False) -> int:
        """Keep many in one transaction; gives how many were new or knew a window more.

        Args:
            readings: in any order.
            partial: whether each may name some of the windows only, so that it hides no other.
        """
        with self.transaction():
            return sum(self._insert(reading, None, partial=partial) for reading in readings)

    def _insert(self, reading: ReadingDocument, account_id: int | None, *, partial: bool) -> bool:
        owner = identity.row_of(self._db, reading["account"]) if account_id is None else account_id
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

    def _newest_until(self, until: int, account_id: int | None) -> ReadingDocument | None:
        if account_id is None:
            row = self._db.execute(
                "SELECT account_id FROM readings WHERE observed_at <= ? ORDER BY observed_at DESC, id DESC LIMIT 1",
                (until,),
            ).fetchone()
            account_id = None if row is None else row[0]
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
        with self.transaction():
            rows = [row[0] for row in self._db.execute(late, (micros(now),))]
            for number, row in enumerate(rows):
                moment = micros(now) - len(rows) + number
                self._db.execute("UPDATE OR REPLACE readings SET observed_at = ? WHERE id = ?", (moment, row))
        return len(rows)

    def _document(self, row: tuple[Any, ...]) -> ReadingDocument:
        return {
            "observed_at": _iso(row[1]) or "",
            "source": shown(row[2]),
            "account": {"email": _text(row[5]), "organization_uuid": _text(row[6]), "plan": _text(row[7])},
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
                "resets_at": _iso(resets_at),
                "length_seconds": length,
                "model": _text(model),
                "surface": _text(surface),
                "severity": _text(severity),
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
                "observed_at": _iso(observed_at) or "",
                "source": shown(source),
                "account": shown(account),
                "window": shown(key),
                "utilization": min(utilization, MOST_PERCENT),
                "resets_at": _iso(resets_at),
            }

    def count(self) -> int:
        """How many readings are stored."""
        value: int = self._db.execute("SELECT count(*) FROM readings").fetchone()[0]
        return value

    # --- accounts --------------------------------------------------------------------------------------------------

    def account_id(self, account: AccountDocument, known_by: str | None = None) -> int:
        """The row of an account, made or completed as needed (`identity`)."""
        with self.transaction():
            return identity.row_of(self._db, account, known_by)

    def account_of(self, fingerprint: str) -> int | None:
        """The account a token was last said to belong to, by its fingerprint; None where it was never asked."""
        return identity.account_of(self._db, fingerprint)

    def asked_whose(self, fingerprint: str, since: datetime) -> bool:
        """Whether it was asked since a time whose this token is."""
        return identity.asked_lately(self._db, fingerprint, micros(since))

    def remember_account(
        self, fingerprint: str, account: AccountDocument, now: datetime, plan: str | None = None
    ) -> int:
        """Note whose token this is, so that the profile is asked seldom; gives the account's row."""
        with self.transaction():
            return identity.remember(self._db, fingerprint, account, micros(now), plan)

    def notice_plan(self, fingerprint: str, plan: str | None) -> None:
        """See `identity.notice_plan`."""
        with self.transaction():
            identity.notice_plan(self._db, fingerprint, plan)

    def is_anothers(self, account_id: int, reading: ReadingDocument) -> bool:
        """Whether this very observation is known to be another account's."""
        at = micros(parse_iso(reading["observed_at"]))
        return identity.is_anothers(self._db, account_id, reading["source"], at)

    def too_many_heard_of(self, account: AccountDocument, source: str, since: datetime) -> bool:
        """See `identity.too_many_heard_of`."""
        return identity.too_many_heard_of(self._db, account, source, micros(since))

    def account(self, account_id: int) -> AccountDocument:
        """The account in this row.

        Raises:
            KeyError: there is no such row.
        """
        row = self._db.execute(
            "SELECT email, organization_uuid, plan FROM accounts WHERE id = ?", (account_id,)
        ).fetchone()
        if row is None:
            raise KeyError(account_id)
        return {"email": _text(row[0]), "organization_uuid": _text(row[1]), "plan": _text(row[2])}

    # --- gates and notes: for gate.py and for small things to remember ----------------------------------------------

    def gate_row(self, endpoint: str) -> tuple[int | str | None, ...] | None:
        """The raw gate of an endpoint; its columns are those of `gate.Gate.save`."""
        row: tuple[int | str | None, ...] | None = self._db.execute(
            f"SELECT {_GATE_COLUMNS} FROM gates WHERE endpoint = ?",  # noqa: S608 - a constant
            (endpoint,),
        ).fetchone()
        return row

    def put_gate_row(self, endpoint: str, row: tuple[int | str | None, ...]) -> None:
        """Write what `gate_row` reads."""
        marks = ",".join("?" * (len(row) + 1))
        self._db.execute(
            f"INSERT OR REPLACE INTO gates (endpoint, {_GATE_COLUMNS}) VALUES ({marks})",  # noqa: S608 - a constant
            (endpoint, *row),
        )

    def asks_since(self, endpoint: str, since: datetime) -> list[datetime]:
        """When requests were sent to an endpoint since a time, oldest first."""
        rows = self._db.execute(
            "SELECT asked_at FROM asks WHERE endpoint = ? AND asked_at > ? ORDER BY asked_at",
            (endpoint, micros(since)),
        )
        return [moment_of(row[0]) for row in rows]

    def note_ask(self, endpoints: Iterable[str], now: datetime, forget_before: datetime) -> None:
        """Record that a request is about to be sent; drop records too old for any budget."""
        self._db.executemany("INSERT INTO asks VALUES (?,?)", [(endpoint, micros(now)) for endpoint in endpoints])
        self._db.execute("DELETE FROM asks WHERE asked_at < ?", (micros(forget_before),))

    def forget_ask(self, endpoints: Iterable[str], asked_at: datetime) -> None:
        """Take back `note_ask`: nothing was sent."""
        rows = [(endpoint, micros(asked_at)) for endpoint in endpoints]
        self._db.executemany("DELETE FROM asks WHERE endpoint = ? AND asked_at = ?", rows)
        self._db.executemany("UPDATE gates SET asked_at = NULL WHERE endpoint = ? AND asked_at = ?", rows)

    def asks_not_after(self, endpoints: Iterable[str], now: datetime) -> None:
        """A clock that was ahead has been set right: what it dated after now was sent by now."""
        rows = [(micros(now), endpoint, micros(now)) for endpoint in endpoints]
        self._db.executemany("UPDATE asks SET asked_at = ? WHERE endpoint = ? AND asked_at > ?", rows)

    def note(self, name: str) -> str | None:
        """A remembered value (theme, clock skew …), or None."""
        row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def noted_account(self, name: str = "account") -> int | None:
        """The account whose reading was taken last (of one profile, where `name` is its note), or None."""
        noted = self.note(name) or ""
        return int(noted) if noted.isdecimal() else None

    def shown_account(self) -> int | None:
        """The account a person chose to see, else the one of the login; None where neither is known."""
        chosen = self.noted_account(SHOWN_NOTE)
        return self.noted_account() if chosen is None else chosen

    def accounts(self) -> list[tuple[int, AccountDocument, datetime]]:
        """(row, account, when it was observed last) of every account with readings, the newest first."""
        rows = self._db.execute(
            "SELECT id, email, organization_uuid, plan,"
            " (SELECT MAX(observed_at) FROM readings WHERE account_id = a.id) AS last FROM accounts a"
            " WHERE last IS NOT NULL ORDER BY last DESC"
        )
        return [
            (
                row[0],
                {"email": _text(row[1]), "organization_uuid": _text(row[2]), "plan": _text(row[3])},
                moment_of(min(row[4], _LAST_MICROS)),
            )
            for row in rows
        ]

    def accounts_named(self, name: str) -> list[int]:
        """The accounts a user means by an email or an organization's uuid, or the beginning of either."""
        wanted = name.casefold()
        found = [
            (row, [text.casefold() for text in (account["email"], account["organization_uuid"]) if text])
            for row, account, _ in self.accounts()
        ]
        exact = [row for row, texts in found if wanted in texts]
        return exact or [row for row, texts in found if any(text.startswith(wanted) for text in texts)]

    def noted_skew(self, now: datetime, uptime: Uptime | None) -> timedelta:
        """How far the server's clock is ahead of the local one, by the last answer; zero where nothing is known.

        Where the local clock was set since, by as much less or more.
        """
        parts = (self.note("skew") or "").split(" ")
        try:
            skew = timedelta(seconds=float(parts[0] or 0))
            if len(parts) == 4 and uptime is not None and parts[3] == uptime[0].replace(" ", "_"):
                passed = timedelta(microseconds=uptime[1] - int(parts[2]))
                step = now - moment_of(int(parts[1])) - passed
                skew -= step if abs(step) >= _CLOCK_SET_FROM else timedelta(0)
        except (ValueError, OverflowError):
            return timedelta(0)
        return skew if abs(skew) <= _LARGEST_SKEW else timedelta(0)

    def note_skew(self, skew: timedelta, now: datetime, uptime: Uptime | None) -> None:
        """Remember what `noted_skew` gives, and by which clock it was measured."""
        by = "" if uptime is None else f" {micros(now)} {uptime[1]} {uptime[0].replace(' ', '_')}"
        self.put_note("skew", f"{skew.total_seconds()}{by}")

    def put_note(self, name: str, value: str) -> None:
        """Remember a value."""
        self._db.execute("INSERT OR REPLACE INTO notes VALUES (?,?)", (name, value))
