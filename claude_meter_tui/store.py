"""What is kept between runs: every reading, whose token is whose, when asking is allowed, and small notes.

SQLite in WAL mode, shared by every pane: 0600 in a 0700 folder. It takes and gives plain dicts (`documents.py`), so
that `status` can read it without pydantic; it must not know what a reading means, and it never sees a token.
"""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import UTC, datetime, timedelta

from claude_meter_tui import opening
from claude_meter_tui.merging import PARTIAL_SOURCES, merged
from claude_meter_tui.schema import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any, Self

    from claude_meter_tui.documents import AccountDocument, HistoryRow, ReadingDocument, WindowDocument

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A partial source may know one window only, another the next time.
_LATER_READINGS = 8
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
    return None if microseconds is None else moment_of(microseconds).isoformat().replace("+00:00", "Z")


class Store:
    """One process's connection to the store. Not shared between threads."""

    def __init__(self, path: str, connection: sqlite3.Connection, set_aside: str | None = None) -> None:
        self.path = path
        self.set_aside = set_aside
        """Where a damaged file was moved to when this store was opened, else None."""
        self._db = connection

    @classmethod
    def open(cls, path: str, patience: float = 5.0) -> Self:
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
        """Open for reading what is there; None where nothing is stored yet or the file is not usable."""
        if not os.path.exists(path):  # noqa: PTH110
            return None
        try:
            return cls(path, opening.connected(path))
        except (OSError, sqlite3.Error):
            return None

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
            return self._insert(reading, account_id)

    def save_all(self, readings: Iterable[ReadingDocument]) -> int:
        """Keep many in one transaction; gives how many were new."""
        with self.transaction():
            return sum(self._insert(reading, None) for reading in readings)

    def _insert(self, reading: ReadingDocument, account_id: int | None) -> bool:
        owner = self._account(reading["account"]) if account_id is None else account_id
        extra, damaged = reading["extra_usage"], reading["damaged"]
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO readings (account_id, observed_at, source, extra_usage, damaged) VALUES (?,?,?,?,?)",
            (
                owner,
                micros(parse_iso(reading["observed_at"])),
                reading["source"],
                json.dumps(extra) if extra is not None else None,
                json.dumps(damaged) if damaged else None,
            ),
        )
        if not cursor.rowcount:
            return False
        self._db.executemany(
            f"INSERT OR IGNORE INTO windows (reading_id, position, {_WINDOW_COLUMNS})"  # noqa: S608 - a constant
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            [
                (
                    cursor.lastrowid,
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
        return True

    def newest(self, at: datetime | None = None, account_id: int | None = None) -> ReadingDocument | None:
        """What is known of one account: the newest observation of each window, whatever its source (`merging`).

        Args:
            at: nothing observed later than this is used.
            account_id: whose; None: that of the newest reading.

        Returns:
            None where nothing is stored.
        """
        until = micros(at) if at is not None else 2**62
        if account_id is None:
            row = self._db.execute(
                "SELECT account_id FROM readings WHERE observed_at <= ? ORDER BY observed_at DESC, id DESC LIMIT 1",
                (until,),
            ).fetchone()
            account_id = None if row is None else row[0]
        partial = f"source IN ({','.join('?' * len(PARTIAL_SOURCES))})"
        whole = self._readings(f"NOT {partial}", (account_id, 0, until, *PARTIAL_SOURCES, 1))
        since = whole[0][0] + 1 if whole else 0
        later = self._readings(partial, (account_id, since, until, *PARTIAL_SOURCES, _LATER_READINGS))
        return merged(whole[0][1] if whole else None, [document for _, document in reversed(later)])

    def _readings(self, condition: str, values: tuple[object, ...]) -> list[tuple[int, ReadingDocument]]:
        """(observed_at, reading), the newest first."""
        query = (
            "SELECT r.id, r.observed_at, r.source, r.extra_usage, r.damaged, a.email, a.organization_uuid, a.plan"  # noqa: S608 - marks
            " FROM readings r JOIN accounts a ON a.id = r.account_id"
            f" WHERE r.account_id = ? AND r.observed_at >= ? AND r.observed_at <= ? AND {condition}"
            " ORDER BY r.observed_at DESC, r.id DESC LIMIT ?"
        )
        rows = self._db.execute(query, values).fetchall()
        return [(row[1], self._document(row)) for row in rows]

    def _document(self, row: tuple[Any, ...]) -> ReadingDocument:
        return {
            "observed_at": _iso(row[1]) or "",
            "source": row[2],
            "account": {"email": row[5], "organization_uuid": row[6], "plan": row[7]},
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
                "key": key,
                "label": label,
                "group": group,
                "utilization": utilization,
                "resets_at": _iso(resets_at),
                "length_seconds": length,
                "model": model,
                "surface": surface,
                "severity": severity,
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
                "source": source,
                "account": account,
                "window": key,
                "utilization": utilization,
                "resets_at": _iso(resets_at),
            }

    def count(self) -> int:
        """How many readings are stored."""
        value: int = self._db.execute("SELECT count(*) FROM readings").fetchone()[0]
        return value

    # --- accounts --------------------------------------------------------------------------------------------------

    def account_id(self, account: AccountDocument) -> int:
        """The row of an account, made or completed as needed."""
        with self.transaction():
            return self._account(account)

    def _account(self, account: AccountDocument) -> int:
        organization, email, plan = account["organization_uuid"], account["email"], account["plan"]
        row = self._db.execute(
            "SELECT id FROM accounts WHERE (? IS NOT NULL AND organization_uuid = ?)"
            " OR (? IS NULL AND email IS ? AND (? IS NOT NULL OR organization_uuid IS NULL)) ORDER BY id LIMIT 1",
            (organization, organization, organization, email, email),
        ).fetchone()
        if row is None:
            cursor = self._db.execute(
                "INSERT INTO accounts (organization_uuid, email, plan) VALUES (?,?,?)",
                (organization, email, plan),
            )
            return int(cursor.lastrowid or 0)
        self._db.execute(
            "UPDATE accounts SET email = COALESCE(?, email), plan = COALESCE(?, plan) WHERE id = ?"
            " AND (email IS NOT COALESCE(?, email) OR plan IS NOT COALESCE(?, plan))",
            (email, plan, row[0], email, plan),
        )
        return int(row[0])

    def account_of(self, fingerprint: str) -> int | None:
        """The account a token was last seen to belong to, by its fingerprint; None where it was never asked."""
        row = self._db.execute("SELECT account_id FROM credentials WHERE fingerprint = ?", (fingerprint,)).fetchone()
        return None if row is None else int(row[0])

    def remember_account(self, fingerprint: str, account: AccountDocument, now: datetime) -> int:
        """Note whose token this is, so that the profile is asked once; gives the account's row."""
        with self.transaction():
            owner = self._account(account)
            self._db.execute(
                "INSERT INTO credentials VALUES (?,?,?)"
                " ON CONFLICT (fingerprint) DO UPDATE SET account_id = excluded.account_id, seen_at = excluded.seen_at",
                (fingerprint, owner, micros(now)),
            )
            return owner

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
        return {"email": row[0], "organization_uuid": row[1], "plan": row[2]}

    # --- gates and notes: for gate.py and for small things to remember ----------------------------------------------

    def gate_row(self, endpoint: str) -> tuple[int | str | None, ...] | None:
        """The raw gate of an endpoint: (set_at, wait_until, retry_at, failures, unchanged, asked_at, trouble)."""
        row: tuple[int | str | None, ...] | None = self._db.execute(
            "SELECT set_at, wait_until, retry_at, failures, unchanged, asked_at, trouble FROM gates WHERE endpoint = ?",
            (endpoint,),
        ).fetchone()
        return row

    def put_gate_row(self, endpoint: str, row: tuple[int | str | None, ...]) -> None:
        """Write what `gate_row` reads."""
        self._db.execute("INSERT OR REPLACE INTO gates VALUES (?,?,?,?,?,?,?,?)", (endpoint, *row))

    def asks_since(self, endpoint: str, since: datetime) -> list[datetime]:
        """When requests were sent to an endpoint since a time, oldest first."""
        rows = self._db.execute(
            "SELECT asked_at FROM asks WHERE endpoint = ? AND asked_at > ? ORDER BY asked_at",
            (endpoint, micros(since)),
        )
        return [moment_of(row[0]) for row in rows]

    def note_ask(self, endpoint: str, now: datetime, forget_before: datetime) -> None:
        """Record that a request is about to be sent; drop records too old for any budget."""
        self._db.execute("INSERT INTO asks VALUES (?,?)", (endpoint, micros(now)))
        self._db.execute("DELETE FROM asks WHERE asked_at < ?", (micros(forget_before),))

    def note(self, name: str) -> str | None:
        """A remembered value (theme, clock skew …), or None."""
        row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def noted_account(self, name: str = "account") -> int | None:
        """The account whose reading was taken last (of one profile, where `name` is its note), or None."""
        noted = self.note(name)
        return None if noted is None else int(noted)

    def note_first_account(self, account_id: int) -> None:
        """Note this account as the one shown, where none is noted yet."""
        self._db.execute("INSERT OR IGNORE INTO notes VALUES ('account', ?)", (str(account_id),))

    def accounts(self) -> list[tuple[int, AccountDocument, datetime]]:
        """(row, account, when it was observed last) of every account with readings, the newest first."""
        rows = self._db.execute(
            "SELECT id, email, organization_uuid, plan,"
            " (SELECT MAX(observed_at) FROM readings WHERE account_id = a.id) AS last FROM accounts a"
            " WHERE last IS NOT NULL ORDER BY last DESC"
        )
        return [
            (row[0], {"email": row[1], "organization_uuid": row[2], "plan": row[3]}, moment_of(row[4])) for row in rows
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

    def noted_skew(self) -> timedelta:
        """How far the server's clock was ahead of the local one at the last answer; zero where nothing was noted."""
        try:
            return timedelta(seconds=float(self.note("skew") or 0))
        except (ValueError, OverflowError):
            return timedelta(0)

    def put_note(self, name: str, value: str) -> None:
        """Remember a value."""
        self._db.execute("INSERT OR REPLACE INTO notes VALUES (?,?)", (name, value))
