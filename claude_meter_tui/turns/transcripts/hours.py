"""What counts, by the hour, kept beside the turns: so that sums of nothing new cost no look at a single turn.

Of one set of roots (a scope), since a message may stand under several of them and counts once. `counted` holds the
records that count, an hour a row; `hours` their sums by origin. They follow each change of the transcripts in its own
transaction: only the messages it touches are looked up and counted again. Where they do not fit (another scope wrote,
a first scan was interrupted) they are made anew, whole. `upto` says which change they include.
"""

from __future__ import annotations

from collections import Counter

from claude_meter_tui.domain.foreign_text import storable
from claude_meter_tui.store.migrations import Transaction
from claude_meter_tui.turns.transcripts.counting import what_counts
from claude_meter_tui.turns.transcripts.records import (
    AT,
    HOUR_MS,
    MESSAGE,
    MESSAGE_AT,
    NAMELESS,
    ORIGIN,
    PACKED,
    SIZE,
    grouped,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from claude_meter_tui.turns.transcripts.records import Group, Record

    Part = tuple[int, bytes, set[bytes]]
    """(row, or -1 for a unfinished part; packed records; the message ids in them)."""

_GROUP = "hour, origin, turns, input_tokens, output_tokens, cache_write_tokens, cache_read_tokens, first_at, last_at"
# Looking for a message's eight bytes costs 1 ms in 10 MB; past this many, unpacking everything is cheaper.
_SEARCHED = 12
# Past this share of all records, counting everything anew is cheaper than finding what is touched.
_TOUCHED_SHARE = 0.3


def records_in(blob: bytes) -> Iterator[Record]:
    """The records packed in a blob."""
    return PACKED.iter_unpack(blob)


class Hours:
    """The counted turns and their hourly sums of one set of roots."""

    def __init__(self, connection: sqlite3.Connection, roots: Sequence[str]) -> None:
        self._db = connection
        self._roots = tuple(dict.fromkeys(map(storable, roots)))
        self._ours = f"WHERE t.root IN ({','.join('?' * len(self._roots))})"
        self._stored = f"FROM packed p JOIN transcripts t ON t.id = p.id {self._ours}"
        name = "\n".join(self._roots)
        row = connection.execute("SELECT id FROM scopes WHERE roots = ?", (name,)).fetchone()
        if row is None:
            connection.execute("INSERT OR IGNORE INTO scopes (roots, upto) VALUES (?, NULL)", (name,))
            row = connection.execute("SELECT id FROM scopes WHERE roots = ?", (name,)).fetchone()
        self.scope: int = row[0]

    def are_current(self) -> bool:
        """Whether they include every change of these roots' transcripts."""
        row = self._db.execute("SELECT upto FROM scopes WHERE id = ?", (self.scope,)).fetchone()
        return row is not None and row[0] is not None and row[0] == self._newest_change()

    def bring_up_to_date(self, fresh: Mapping[int, list[Group]] | None = None) -> bool:
        """Make them anew if they do not fit; whether that was needed.

        `fresh` are the groups of transcripts' rows that were just written whole, to spare unpacking those.
        """
        if self.are_current():
            return False
        with Transaction(self._db):
            self._rebuild(fresh or {})
        return True

    def apply(self, added: list[Record], dropped: list[Record], change: int) -> None:
        """Follow one change, inside its transaction and after its rows are written; they must have been current."""
        touched = {record[MESSAGE] for record in (*added, *dropped)} - {NAMELESS}
        if len(touched) > _SEARCHED and len(touched) > _TOUCHED_SHARE * self._stored_records():
            self._db.execute("UPDATE scopes SET upto = NULL WHERE id = ?", (self.scope,))  # made anew after all
            return
        after = Counter(self._stored_with(touched))
        after.update(record for record in added if record[MESSAGE] == NAMELESS)
        before = after - Counter(added) + Counter(dropped)
        counted_before, counted_after = (Counter(what_counts(each.elements())) for each in (before, after))
        self._replace(counted_before - counted_after, counted_after - counted_before, change)
        self._db.execute("UPDATE scopes SET upto = ? WHERE id = ?", (change, self.scope))

    def _replace(self, gone: Counter[Record], come: Counter[Record], change: int) -> None:
        """Take records out of their hours and put others in; an hour is summed anew only where it must be."""
        for hour in {record[AT] // HOUR_MS for record in (*gone, *come)}:
            less = [record for record in gone.elements() if record[AT] // HOUR_MS == hour]
            more = [record for record in come.elements() if record[AT] // HOUR_MS == hour]
            where = "WHERE scope = ? AND hour = ?"
            row = self._db.execute(f"SELECT turns FROM counted {where}", (self.scope, hour)).fetchone()  # noqa: S608
            turns: bytes = row[0] if row else b""
            if self._edit(hour, turns, less, more, change):
                continue
            inside: Counter[Record] = Counter(records_in(turns))
            inside.subtract(less)
            inside.update(more)
            blob, groups = grouped((+inside).elements())
            self._db.execute(f"DELETE FROM hours {where}", (self.scope, hour))  # noqa: S608
            self._put({hour: [blob]}, groups, change)

    def _edit(self, hour: int, turns: bytes, less: list[Record], more: list[Record], change: int) -> bool:
        """Change an hour's few records without a look at its others: a turn costs the same in a busy hour.

        False, and nothing changed, where sums or records do not allow it.
        """
        rows = self._db.execute(
            f"SELECT {_GROUP} FROM hours WHERE scope = ? AND hour = ?",  # noqa: S608 - a constant
            (self.scope, hour),
        )
        before: dict[int, Group] = {row[1]: row for row in rows}
        groups: list[Group] = []
        for origin in {record[ORIGIN] for record in (*less, *more)}:
            parts = ([each for each in records if each[ORIGIN] == origin] for records in (less, more))
            group = _edited(before.get(origin), *parts)
            if group is None:
                return False
            groups.append(group)
        for record in less:
            packed = PACKED.pack(*record)
            at = turns.rfind(packed)
            if at < 0 or at % SIZE:
                return False
            turns = turns[:at] + turns[at + SIZE :]
        self._put({hour: [turns, *(PACKED.pack(*record) for record in more)]}, groups, change)
        return True

    def _stored_with(self, messages: set[bytes]) -> Iterator[Record]:
        """Every record kept of these roots that has one of these message ids."""
        if not messages:
            return
        for blob in self._blobs():
            if len(messages) > _SEARCHED:
                for record in records_in(blob):
                    if record[MESSAGE] in messages:
                        yield record
                continue
            for message in messages:
                at = blob.find(message)
                while at >= 0:
                    if at % SIZE == MESSAGE_AT:
                        yield PACKED.unpack_from(blob, at - MESSAGE_AT)
                    at = blob.find(message, at + 1)

    def _blobs(self) -> Iterator[bytes]:
        rows = self._db.execute(
            f"SELECT p.turns, p.loose {self._stored}",
            self._roots,
        )
        for turns, unfinished in rows:
            yield turns
            if unfinished:
                yield unfinished

    def _stored_records(self) -> int:
        size = self._db.execute(
            f"SELECT total(length(p.turns)) {self._stored}",
            self._roots,
        ).fetchone()[0]
        return int(size) // SIZE

    def _newest_change(self) -> int:
        newest = f"SELECT COALESCE(MAX(t.changed), 0) FROM transcripts t {self._ours}"  # noqa: S608 - only marks
        row = self._db.execute(newest, self._roots).fetchone()
        return int(row[0])

    # --- making them anew ------------------------------------------------------------------------------------------

    def _rebuild(self, fresh: Mapping[int, list[Group]]) -> None:
        change = self._newest_change()
        for table in ("counted", "hours"):
            self._db.execute(f"DELETE FROM {table} WHERE scope = ?", (self.scope,))  # noqa: S608
        blobs: dict[int, list[bytes]] = {}
        sums: dict[tuple[int, int], Group] = {}

        def add(blob: bytes, groups: Iterable[Group]) -> None:
            at = 0
            for group in groups:
                end = at + group[2] * SIZE
                blobs.setdefault(group[0], []).append(blob[at:end])
                known = sums.get(group[:2])
                sums[group[:2]] = group if known is None else _joined(known, group)
                at = end

        parts = list(self._parts())
        contested = _contested(parts)
        doubtful: list[Record] = []
        for number, blob, messages in parts:
            groups = fresh.get(number)
            if contested.isdisjoint(messages):
                add(blob, groups) if groups is not None else add(*grouped(records_in(blob)))
            else:
                clear: list[Record] = []
                for record in records_in(blob):
                    (doubtful if record[MESSAGE] in contested else clear).append(record)
                add(*grouped(clear))
        add(*grouped(what_counts(doubtful)))
        self._put(blobs, sums.values(), change)
        self._db.execute("UPDATE scopes SET upto = ? WHERE id = ?", (change, self.scope))

    def _parts(self) -> Iterator[Part]:
        rows = self._db.execute(f"SELECT p.id, p.turns, p.loose {self._stored}", self._roots)
        for number, turns, unfinished in rows:
            for part, blob in ((number, turns), (-1, unfinished)):
                if blob:
                    yield part, blob, {blob[at : at + 8] for at in range(MESSAGE_AT, len(blob), SIZE)}

    def _put(self, blobs: Mapping[int, list[bytes]], groups: Iterable[Group], change: int) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO counted VALUES (?,?,?,?)",
            [(self.scope, hour, change, b"".join(parts)) for hour, parts in blobs.items()],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO hours VALUES (?,?,?,?,?,?,?,?,?,?)",
            [(self.scope, *group) for group in groups],
        )


def _contested(parts: Iterable[Part]) -> set[bytes]:
    """Message ids that stand in more than one record: only of those must be found out what counts."""
    seen: set[bytes] = set()
    contested: set[bytes] = set()
    for _, blob, messages in parts:
        if len(messages) * SIZE < len(blob):
            often = Counter(blob[at : at + 8] for at in range(MESSAGE_AT, len(blob), SIZE))
            contested.update(message for message, count in often.items() if count > 1)
        if not seen.isdisjoint(messages):
            contested |= seen & messages
        seen |= messages
    return contested - {NAMELESS}


def _edited(before: Group | None, less: list[Record], more: list[Record]) -> Group | None:
    """An hour's sum of one origin after a change; None where only a look at all its records can tell."""
    came = grouped(more)[1]
    if before is None or not less:
        return None if less else (came[0] if before is None else _joined(before, came[0]))
    went = grouped(less)[1][0]
    after = _joined(before, came[0]) if came else before
    counts = [have - lost for have, lost in zip(after[2:7], went[2:7], strict=True)]
    last_went = went[8] >= before[8] and not (came and came[0][8] >= before[8])
    if counts[0] <= 0 or min(counts) < 0 or went[7] <= before[7] or last_went:
        return None
    turns, sent, out, written, cached = counts
    return (*before[:2], turns, sent, out, written, cached, after[7], after[8])


def _joined(one: Group, other: Group) -> Group:
    turns, sent, out, written, cached = map(sum, zip(one[2:7], other[2:7], strict=True))
    return (*one[:2], turns, sent, out, written, cached, min(one[7], other[7]), max(one[8], other[8]))
