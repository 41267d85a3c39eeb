"""The store's accounts, whose token is whose, and the small notes kept beside them. A part of `Store`."""

from __future__ import annotations

from datetime import datetime, timedelta

from claude_meter_tui.store import account_identity
from claude_meter_tui.store.columns import LAST_MICROS, clean_name, micros, moment_of, parse_iso
from claude_meter_tui.store.migrations import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from claude_meter_tui.domain.plain_reading import AccountDocument, ReadingDocument
    from claude_meter_tui.system.uptime import Uptime

SHOWN_NOTE = "shown"
"""The note that keeps which account a person chose to see; never what a login turned out to be."""
_LARGEST_SKEW = timedelta(hours=23)
_CLOCK_SET_FROM = timedelta(seconds=2)
_GATE_COLUMNS = "set_at, wait_until, retry_at, failures, unchanged, asked_at, trouble, boot, uptime, refused, asker"


class StoredNotes:
    """Gates and asks for `gate`, and values to remember (theme, clock skew …)."""

    _db: sqlite3.Connection

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

    def save_outlook(self, account_id: int, made_at: datetime, document: str) -> None:
        """Keep what the analysis of an account came to, as JSON; the one before is gone."""
        with Transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO outlooks VALUES (?,?,?)", (account_id, micros(made_at), document))

    def outlook(self, account_id: int | None) -> str | None:
        """What `save_outlook` kept last of an account (JSON); None where there is nothing."""
        if account_id is None:
            return None
        row = self._db.execute("SELECT document FROM outlooks WHERE account_id = ?", (account_id,)).fetchone()
        return None if row is None else str(row[0])

    def claim_analysis(self, account_id: int, now: datetime, pause: timedelta) -> bool:
        """Whether this process may begin an analysis: no other has begun one of this account within the pause."""
        name = f"analysis {account_id}"
        with Transaction(self._db):
            before = self.note(name)
            if (
                before is not None
                and before.isdigit()
                and abs(micros(now) - int(before)) < pause / timedelta(microseconds=1)
            ):
                return False
            self.put_note(name, str(micros(now)))
        return True

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


class StoredAccounts(StoredNotes):
    """Accounts by the rule in `identity`, and who is shown."""

    def account_id(self, account: AccountDocument, known_by: str | None = None) -> int:
        """The row of an account, made or completed as needed (`identity`)."""
        with Transaction(self._db):
            return account_identity.row_of(self._db, account, known_by)

    def account_of(self, fingerprint: str) -> int | None:
        """The account a token was last said to belong to, by its fingerprint; None where it was never asked."""
        return account_identity.account_of(self._db, fingerprint)

    def asked_whose(self, fingerprint: str, since: datetime) -> bool:
        """Whether it was asked since a time whose this token is."""
        return account_identity.asked_lately(self._db, fingerprint, micros(since))

    def remember_account(
        self, fingerprint: str, account: AccountDocument, now: datetime, plan: str | None = None
    ) -> int:
        """Note whose token this is, so that the profile is asked seldom; gives the account's row."""
        with Transaction(self._db):
            return account_identity.remember(self._db, fingerprint, account, micros(now), plan)

    def notice_plan(self, fingerprint: str, plan: str | None) -> None:
        """See `account_identity.notice_plan`."""
        with Transaction(self._db):
            account_identity.notice_plan(self._db, fingerprint, plan)

    def is_anothers(self, account_id: int, reading: ReadingDocument) -> bool:
        """Whether this very observation is known to be another account's."""
        at = micros(parse_iso(reading["observed_at"]))
        return account_identity.is_anothers(self._db, account_id, reading["source"], at)

    def too_many_heard_of(self, account: AccountDocument, source: str, since: datetime) -> bool:
        """See `account_identity.too_many_heard_of`."""
        return account_identity.too_many_heard_of(self._db, account, source, micros(since))

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
        return {"email": clean_name(row[0]), "organization_uuid": clean_name(row[1]), "plan": clean_name(row[2])}

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
                {"email": clean_name(row[1]), "organization_uuid": clean_name(row[2]), "plan": clean_name(row[3])},
                moment_of(min(row[4], LAST_MICROS)),
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
