"""Questions to the kept hours: sums over a time, pieces for attribution, single turns. Reads the store, writes nothing.

Whole hours are answered from their sums; only hours cut by a given time are looked at turn by turn.
"""

from __future__ import annotations

from datetime import UTC, datetime

from claude_meter_tui.transcripts.hours import records_in
from claude_meter_tui.transcripts.records import AT, HOUR_MS, ORIGIN, grouped
from claude_meter_tui.transcripts.sums import TokenSum

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

    from claude_meter_tui.transcripts.records import Record
    from claude_meter_tui.transcripts.turns import Piece, Turn

_EVER = 2**60
_KEYS = {
    "model": "model",
    "session": "session",
    "project": "project",
    "day": "strftime('%Y-%m-%d', hour * 3600, 'unixepoch')",
}
_SUMS = "sum(turns), sum(input_tokens), sum(output_tokens), sum(cache_write_tokens), sum(cache_read_tokens)"
_FROM = "FROM hours JOIN origins ON origins.id = hours.origin WHERE scope = ? AND hour >= ? AND hour < ?"


class Ledger:
    """What counts of one set of roots, as far as it has been read."""

    def __init__(self, connection: sqlite3.Connection, roots: Sequence[str]) -> None:
        self._db = connection
        self._name = "\n".join(dict.fromkeys(roots))
        self._scope: int | None = None

    def sum_by(
        self, grouping: str, *, since: int | None, until: int | None, zone: tzinfo = UTC
    ) -> tuple[TokenSum, dict[str, TokenSum]]:
        """The whole sum, and the sums by `grouping`.

        Args:
            grouping: one of `sums.GROUPINGS`; `total` gives no parts.
            since: first millisecond counted, None for all.
            until: first millisecond no longer counted, None for all.
            zone: whose days `day` means.
        """
        start, end = -_EVER if since is None else since, _EVER if until is None else until
        whole, parts = TokenSum(), dict[str, TokenSum]()
        if start >= end:
            return whole, parts
        if grouping == "day" and zone is not UTC:  # its days may cut hours
            for record in self._records(start, end):
                day = datetime.fromtimestamp(record[AT] / 1000, zone).date().isoformat()
                _add(whole, parts, day, _as_sum([record]))
            return whole, parts
        first, last = -(-start // HOUR_MS), end // HOUR_MS  # whole hours, from first to before last
        key = _KEYS.get(grouping, "''")
        if first < last:
            rows = self._db.execute(f"SELECT {key}, {_SUMS} {_FROM} GROUP BY 1", (self.scope, first, last))
            for name, *figures in rows:
                _add(whole, parts, name, TokenSum(*figures))
        names = self._origins() if grouping in ("model", "session", "project") else {}
        column = ("model", "session", "project").index(grouping) if names else 0
        for record in self._cut(start, end, first, last):
            name = datetime.fromtimestamp(record[AT] / 1000, UTC).date().isoformat()
            _add(whole, parts, names[record[ORIGIN]][column] if names else name, _as_sum([record]))
        return whole, parts if grouping in _KEYS else {}

    def pieces(self, cuts: Iterable[int] = ()) -> list[Piece]:
        """Everything, by hour and model, in the order of time; the hours that hold one of `cuts` (ms) turn by turn."""
        from claude_meter_tui.transcripts.turns import Piece, piece_of

        cut_hours = {cut // HOUR_MS for cut in cuts if cut % HOUR_MS}
        rows = self._db.execute(
            f"SELECT hour, min(first_at), max(last_at), model, {_SUMS} {_FROM} GROUP BY hour, model",
            (self.scope, -_EVER, _EVER),
        )
        found = [Piece(*rest) for hour, *rest in rows if hour not in cut_hours]
        for hour in cut_hours:
            found += [piece_of(turn) for turn in self.turns(hour * HOUR_MS, (hour + 1) * HOUR_MS)]
        found.sort()
        return found

    def turns(self, since: int, until: int) -> list[Turn]:
        """The turns from a time (ms) to before another, in their order."""
        from claude_meter_tui.transcripts.turns import Turn

        names = self._origins()
        found = []
        for record in self._records(since, until):
            at, _, _, origin, *counts, aside = record
            found.append(Turn(at, *names[origin], bool(aside), *counts))
        found.sort()
        return found

    def newest_turns(self, count: int, until: int) -> list[Turn]:
        """The last turns before a time (ms), the newest first."""
        found: list[Turn] = []
        rows = self._db.execute(
            "SELECT hour FROM counted WHERE scope = ? AND hour <= ? AND length(turns) ORDER BY hour DESC",
            (self.scope, until // HOUR_MS),
        )
        for (hour,) in rows:
            found += reversed(self.turns(hour * HOUR_MS, min(until, (hour + 1) * HOUR_MS)))
            if len(found) >= count:
                break
        return found[:count]

    def change(self) -> int:
        """A number that is another after every change of the sums; 0 while there are none."""
        row = self._db.execute("SELECT upto FROM scopes WHERE roots = ?", (self._name,)).fetchone()
        return 0 if row is None or row[0] is None else int(row[0])

    @property
    def scope(self) -> int:
        """The row of `scopes`; -1 while these roots were never read."""
        if self._scope is None:
            row = self._db.execute("SELECT id FROM scopes WHERE roots = ?", (self._name,)).fetchone()
            if row is None:
                return -1
            self._scope = int(row[0])
        return self._scope

    # --- reading ---------------------------------------------------------------------------------------------------

    def _cut(self, start: int, end: int, first: int, last: int) -> list[Record]:
        """The records of the hours at both ends that are cut."""
        if first >= last:
            return self._records(start, end)
        return [*self._records(start, first * HOUR_MS), *self._records(last * HOUR_MS, end)]

    def _records(self, since: int, until: int) -> list[Record]:
        if since >= until:
            return []
        rows = self._db.execute(
            "SELECT turns FROM counted WHERE scope = ? AND hour >= ? AND hour <= ?",
            (self.scope, since // HOUR_MS, (until - 1) // HOUR_MS),
        )
        return [record for (blob,) in rows for record in records_in(blob) if since <= record[AT] < until]

    def _origins(self) -> dict[int, tuple[str, str, str]]:
        rows = self._db.execute("SELECT id, model, session, project FROM origins")
        return {number: tuple(named) for number, *named in rows}


def _add(whole: TokenSum, parts: dict[str, TokenSum], name: str, part: TokenSum) -> None:
    whole.add(part)
    parts.setdefault(name, TokenSum()).add(part)


def _as_sum(records: list[Record]) -> TokenSum:
    return TokenSum(*grouped(records)[1][0][2:7])
