"""Every reading the store has, out and in again with nothing lost; many at once are thinned."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.store import account_identity
from claude_meter_tui.store.columns import micros, parse_iso
from claude_meter_tui.store.thinning import MANY, Thinner, compact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from claude_meter_tui.domain.plain_reading import AccountDocument, ReadingDocument
    from claude_meter_tui.store.store import Store


class Stored(NamedTuple):
    """A reading; `partial`: it names some of the windows only; `known_by`: what sets a nameless account apart."""

    document: ReadingDocument
    partial: bool
    known_by: str | None


class Taken(NamedTuple):
    """How many readings were new, were there already, and were left out since there are so many of them."""

    added: int
    there: int
    left_out: int


def every_reading(store: Store) -> Iterator[Stored]:
    """All of them, the oldest first."""
    rows = store.connection.execute(
        "SELECT r.id, r.partial, CASE WHEN a.organization_uuid IS NULL AND a.email IS NULL THEN a.known_by END"
        " FROM readings r JOIN accounts a ON a.id = r.account_id ORDER BY r.observed_at, r.id"
    ).fetchall()
    for number, partial, known_by in rows:
        yield Stored(store.reading(number), bool(partial), known_by)


def take_in(
    store: Store, readings: Iterable[Stored], now: datetime, account_id: int | None = None, many: int = MANY
) -> Taken:
    """Add readings, all or none; those already there are left as they are.

    Args:
        store: open.
        readings: of each account the oldest first.
        now: the local time.
        account_id: whose those are that name nobody; None: nobody's.
        many: with more readings than that, what need not be kept is left out (`thinning`).

    Raises:
        sqlite3.Error: the store cannot be written.
    """
    source = iter(readings)
    few = list(islice(source, max(0, many - store.count()) + 1))
    wanted = _Wanted(chain(few, source), micros(now)) if store.count() + len(few) > many else few
    added = there = 0
    with store.transaction():
        for reading in wanted:
            nobody = _is_nobody(reading.document["account"]) and reading.known_by is None
            owner = (
                account_id
                if nobody and account_id is not None
                else account_identity.row_of(store.connection, reading.document["account"], reading.known_by)
            )
            if store.insert(reading.document, owner, partial=reading.partial):
                added += 1
            else:
                there += 1
    if isinstance(wanted, _Wanted):
        compact(store.connection)
    return Taken(added, there, wanted.left_out if isinstance(wanted, _Wanted) else 0)


class _Wanted:
    """Of many readings those that are kept for good."""

    def __init__(self, readings: Iterator[Stored], now: int) -> None:
        self._readings, self._now = readings, now
        self._thinners: dict[tuple[str | None, ...], Thinner[Stored]] = {}
        self.left_out = 0

    def __iter__(self) -> Iterator[Stored]:
        waiting: dict[tuple[str | None, ...], Stored] = {}
        for reading in self._readings:
            account = reading.document["account"]
            who = (account["organization_uuid"], account["email"], reading.known_by)
            thinner = self._thinners.setdefault(who, Thinner(self._now))
            at = micros(parse_iso(reading.document["observed_at"]))
            figures = {
                window["key"]: (
                    window["utilization"],
                    micros(parse_iso(window["resets_at"])) if window["resets_at"] else None,
                )
                for window in reading.document["windows"]
            }
            dropped = thinner.pass_over(reading, at, reading.document["source"], figures)
            before = waiting.get(who)
            if before is not None:
                if dropped is None:
                    yield before
                else:
                    self.left_out += 1
            waiting[who] = reading
        yield from waiting.values()


def _is_nobody(account: AccountDocument) -> bool:
    return account["email"] is None and account["organization_uuid"] is None
