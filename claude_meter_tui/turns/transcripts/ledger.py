"""Questions to the kept hours: sums over a time, pieces for attribution, single turns. Reads the store, writes nothing.

Whole hours are answered from their sums; only hours cut by a given time are looked at turn by turn.
"""

from __future__ import annotations

from datetime import UTC, datetime
from heapq import nlargest

from claude_meter_tui.domain.foreign_text import shown, storable
from claude_meter_tui.turns.sums import TokenSum
from claude_meter_tui.turns.transcripts.cut_hours import CutHour, MinuteSums, Newest
from claude_meter_tui.turns.transcripts.hours import records_in
from claude_meter_tui.turns.transcripts.records import (
    AT,
    HOUR_MS,
    MINUTE_MS,
    ORIGIN,
    encoded_path,
    folder_of_path,
    grouped,
    is_path,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import tzinfo

    from claude_meter_tui.turns.transcripts.records import Record
    from claude_meter_tui.turns.turn import Piece, Turn

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
    """What counts of one set of roots, as far as it has been read.

    Args:
        connected: gives the store's connection, which may be another one later: its file can be replaced.
        roots: whose transcripts.
    """

    def __init__(self, connected: Callable[[], sqlite3.Connection], roots: Sequence[str]) -> None:
        self._connected = connected
        self._name = "\n".join(dict.fromkeys(map(storable, roots)))
        self._begin(connected())

    def _begin(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._scope: int | None = None
        self._names: dict[int, tuple[str, str, str, bool]] = {}
        self._pieces: dict[int, list[Piece]] = {}
        self._pieces_of = 0
        self._cut_hours: dict[int, CutHour] = {}
        self._newest: dict[int, Newest] = {}

    @property
    def _db(self) -> sqlite3.Connection:
        connection = self._connected()
        if connection is not self._connection:
            self._begin(connection)
        return connection

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
        for record in self._cut(start, end, first, last):
            _add(whole, parts, self._key_of(record, grouping), _as_sum([record]))
        if grouping == "project":
            parts = _by_project(parts)
        return whole, parts if grouping in _KEYS else {}

    def pieces(self, cuts: Iterable[int] = ()) -> list[Piece]:
        """Everything, by hour and model, in the order of time; the hours that hold one of `cuts` (ms) by the minute.

        The minutes that hold one are given by the millisecond. Asked again, only what has changed is read again.
        """
        cut: dict[int, set[int]] = {}
        for moment in cuts:
            if moment % HOUR_MS:
                cut.setdefault(moment // HOUR_MS, set()).add(moment // MINUTE_MS)
        change, changed = self.change(), set[int]()
        if change != self._pieces_of:
            rows = self._db.execute(
                "SELECT hour, changed > ? FROM counted WHERE scope = ?", (self._pieces_of, self.scope)
            ).fetchall()
            changed = {hour for hour, is_newer in rows if is_newer}
            if len(changed) == len(rows):  # all was made anew, and an hour may be gone
                self._pieces.clear()
                self._cut_hours.clear()
                self._read_hours(-_EVER, _EVER)
                changed = set()
        no_longer = self._cut_hours.keys() - cut.keys()
        for hour in no_longer:
            del self._cut_hours[hour]
        for hour in changed - cut.keys() | no_longer & self._pieces.keys():
            self._pieces.pop(hour, None)
            self._read_hours(hour, hour + 1)
        for hour, minutes in cut.items():
            known = self._cut_hours.get(hour)
            if known is None or known.minutes != minutes:
                known = self._cut_hours[hour] = CutHour(frozenset(minutes))
            elif hour not in changed:
                continue
            if hour in self._pieces or hour in changed:
                self._pieces[hour] = known.pieces(self._blob(hour), self._named)
        self._pieces_of = change
        return sorted(piece for pieces in self._pieces.values() for piece in pieces)

    def _read_hours(self, first: int, last: int) -> None:
        from claude_meter_tui.turns.turn import Piece

        rows = self._db.execute(
            f"SELECT hour, min(first_at), max(last_at), model, {_SUMS}, on_plan {_FROM} GROUP BY hour, model, on_plan",
            (self.scope, first, last),
        )
        for hour, *rest in rows:
            self._pieces.setdefault(hour, []).append(Piece._make((*rest[:-1], bool(rest[-1]))))

    def turns(self, since: int, until: int) -> list[Turn]:
        """The turns from a time (ms) to before another, in their order."""
        return sorted(self.each_turn(since, until))

    def each_turn(self, since: int, until: int) -> Iterator[Turn]:
        """The same in any order, one after the other: of hours of many turns no list is made."""
        return map(self._turn_of, self._each_record(since, until))

    def minutes(self, since: int, until: int) -> list[Piece]:
        """What counts from a time (ms) to before another, by minute and model, in the order of time."""
        sums = MinuteSums()
        sums.add(self._each_record(since, until), self._named)
        return sums.pieces()

    def newest_turns(self, count: int, until: int) -> list[Turn]:
        """The last turns before a time (ms), the newest first."""
        found: list[Turn] = []
        rows = self._db.execute(
            "SELECT hour FROM counted WHERE scope = ? AND hour <= ? AND length(turns) ORDER BY hour DESC",
            (self.scope, until // HOUR_MS),
        )
        asked: dict[int, Newest] = {}
        for (hour,) in rows:
            asked[hour] = self._newest.get(hour) or Newest()
            records = asked[hour].of(self._blob(hour), count, until)
            if records is None:
                records = nlargest(count, self._each_record(hour * HOUR_MS, min(until, (hour + 1) * HOUR_MS)))
            found += map(self._turn_of, records[: count - len(found)])
            if len(found) >= count:
                break
        self._newest = asked
        return found

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
        return list(self._each_record(since, until))

    def _each_record(self, since: int, until: int) -> Iterator[Record]:
        if since >= until:
            return
        rows = self._db.execute(
            "SELECT turns FROM counted WHERE scope = ? AND hour >= ? AND hour <= ?",
            (self.scope, since // HOUR_MS, (until - 1) // HOUR_MS),
        )
        for (blob,) in rows:
            for record in records_in(blob):
                if since <= record[AT] < until:
                    yield record

    def _blob(self, hour: int) -> bytes:
        row = self._db.execute("SELECT turns FROM counted WHERE scope = ? AND hour = ?", (self.scope, hour)).fetchone()
        return b"" if row is None else bytes(row[0])

    def _turn_of(self, record: Record) -> Turn:
        from claude_meter_tui.turns.turn import Turn

        at, _, _, origin, *counts, sidechain = record
        return Turn(at, *self._named(origin), bool(sidechain), *counts)

    def _named(self, origin: int) -> tuple[str, str, str, bool]:
        """(model, session, project, on the plan); what an origin stands for never changes."""
        named = self._names.get(origin)
        if named is None:
            row = self._db.execute(
                "SELECT model, session, project, on_plan FROM origins WHERE id = ?", (origin,)
            ).fetchone()
            named = (shown(row[0]), shown(row[1]), shown(row[2]), bool(row[3]))
            self._names[origin] = named
        return named

    def _key_of(self, record: Record, grouping: str) -> str:
        if grouping == "day":
            return datetime.fromtimestamp(record[AT] / 1000, UTC).date().isoformat()
        names = ("model", "session", "project")
        return str(self._named(record[ORIGIN])[names.index(grouping)]) if grouping in names else ""


def _by_project(parts: dict[str, TokenSum]) -> dict[str, TokenSum]:
    """The sums of projects under the names of `project_names`."""
    found: dict[str, TokenSum] = {}
    for name, shown_as in project_names(parts).items():
        found.setdefault(shown_as, TokenSum()).add(parts[name])
    return found


def project_names(found_as: Iterable[str]) -> dict[str, str]:
    """Projects as they were found → as Claude Code names their folders, where that says which one it is.

    Its folders have `-` for every character but ASCII letters and digits, so that two projects can share one; there,
    and where nobody could read the name, a project is named by its path (FACTS §9).
    """
    folders: dict[str, list[str]] = {}
    for name in found_as:
        folders.setdefault(folder_of_path(name), []).append(name)
    found: dict[str, str] = {}
    for names in folders.values():
        paths = [name for name in names if is_path(name)]
        written = [name for name in names if name not in paths]
        for name in names:
            shown_as = name
            if len(paths) == 1:
                shown_as = (written or [encoded_path(paths[0])])[0] if paths[0].isascii() else paths[0]
            found[name] = shown_as
    return found


def _add(whole: TokenSum, parts: dict[str, TokenSum], name: str, part: TokenSum) -> None:
    whole.add(part)
    parts.setdefault(name, TokenSum()).add(part)


def _as_sum(records: list[Record]) -> TokenSum:
    return TokenSum(*grouped(records)[1][0][2:7])
