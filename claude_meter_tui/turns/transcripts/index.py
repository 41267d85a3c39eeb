"""The turns read so far, kept in the store, so that a file is read on from where it was left.

One row a transcript: how far it was read, the last bytes before that (to notice a rewrite), its turns, packed; of a
long one that is still written, rows without a path hold the turns before (`part_of`). Turns
and offset change in one transaction, so a process killed at any moment loses or doubles nothing; and only where the row
is still as it was read, so two processes may run at once. The sums (`hours`) follow in the same transaction.
"""

from __future__ import annotations

import os

from claude_meter_tui.domain.foreign_text import storable
from claude_meter_tui.store.migrations import Transaction
from claude_meter_tui.turns.transcripts.hours import Hours, records_in
from claude_meter_tui.turns.transcripts.records import MESSAGE, NAMELESS, RULES, packed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from claude_meter_tui.turns.transcripts.records import Group, Record
    from claude_meter_tui.turns.transcripts.roots import Found, TranscriptFile
    from claude_meter_tui.turns.transcripts.rows import Origin
    from claude_meter_tui.turns.transcripts.scanning import Scanned

    Known = tuple[int, int, int, int, bytes, int, str]
    """(id, size, mtime_ns, read_to, tail, rules, path)."""
    Changed = tuple[TranscriptFile, os.stat_result, Known | None]

# A batch is written when this much was read, so that a kill costs at most that, and many small files one commit.
_BATCH_BYTES = 32 << 20
_FEW = 64
# From so many bytes of packed turns on (2 500), those added later go to a row of their own.
_PART_BYTES = 128 << 10
_KNOWN = "id, size, mtime_ns, read_to, tail, rules, path"


class Refreshed:
    """What a refresh did: files there are, files and bytes read, and paths that could not be read."""

    def __init__(self, files: int, read_files: int, read_bytes: int, unread: list[str]) -> None:
        self.files, self.read_files, self.read_bytes, self.unread = files, read_files, read_bytes, unread


class Index:
    """The transcript tables of an open store, for one set of roots."""

    def __init__(self, connection: sqlite3.Connection, roots: Sequence[str]) -> None:
        self._db = connection
        self.roots = tuple(dict.fromkeys(roots))
        self.hours = Hours(connection, self.roots)

    def refresh(
        self,
        found: Iterable[Found],
        progress: Callable[[int, int], None] = lambda _done, _whole: None,
    ) -> Refreshed:
        """Read what is new in these files, the newest first, and bring the sums up to date.

        It may be interrupted at any point, even inside `progress`, which is told the bytes read and to be read.

        Raises:
            sqlite3.Error: the store cannot be written.
        """
        count, changed, unread = self._changed(found)
        if changed:
            read_files, read_bytes, fresh = self._read(changed, unread, progress)
        else:
            read_files, read_bytes, fresh = 0, 0, {}
        self.hours.bring_up_to_date(fresh)
        return Refreshed(count, read_files, read_bytes, unread)

    def unread_bytes(self, found: Iterable[Found]) -> int:
        """How much there is to read in these files, if none was rewritten."""
        changed = self._changed(found)[1]
        return sum(max(0, status.st_size - (before[3] if before else 0)) for _, status, before in changed)

    def _changed(self, found: Iterable[Found]) -> tuple[int, list[Changed], list[str]]:
        """How many files there are, those that are not as they were left (the newest first), and unreadable ones."""
        looked_at = list(found)
        known = self._known([file.key for file, _ in looked_at])
        changed: list[Changed] = []
        unread: list[str] = []
        new: list[tuple[TranscriptFile, os.stat_result]] = []
        for file, status in looked_at:
            before = known.get(file.key)
            if status is None:
                unread.append(file.path)
            elif before is None:
                new.append((file, status))
            elif before[1] != status.st_size or before[2] != status.st_mtime_ns or before[5] != RULES:
                changed.append((file, status, before))
        moved = self._moved(new) if new else {}
        changed += [(file, status, moved.get(file.key)) for file, status in new]
        changed.sort(key=lambda each: -each[1].st_mtime_ns)
        return len(looked_at), changed, unread

    def _moved(self, new: list[tuple[TranscriptFile, os.stat_result]]) -> dict[str, Known]:
        """Of the files that are new, those that stood elsewhere before (a renamed project): new path → as it was known.

        A session's file keeps its name; and the bytes before the place it was read to are the same.
        """
        if self._db.execute("SELECT 1 FROM transcripts LIMIT 1").fetchone() is None:
            return {}
        rows = self._db.execute(f"SELECT {_KNOWN} FROM transcripts WHERE path IS NOT NULL")  # noqa: S608 - a constant
        by_name: dict[str, list[Known]] = {}
        for row in rows:
            by_name.setdefault(os.path.basename(row[6]), []).append(row)  # noqa: PTH119
        found: dict[str, Known] = {}
        for file, status in new:
            for before in by_name.get(os.path.basename(file.key), ()):  # noqa: PTH119
                if not before[3] or before[3] > status.st_size or os.path.exists(before[6]):  # noqa: PTH110
                    continue
                try:
                    same = _tail(file.path, before[3]) == before[4]
                except OSError:
                    continue
                if same and before not in found.values():
                    found[file.key] = before
                    break
        return found

    def _read(
        self, changed: list[Changed], unread: list[str], progress: Callable[[int, int], None]
    ) -> tuple[int, int, dict[int, list[Group]]]:
        from claude_meter_tui.turns.transcripts.scanning import scan, tail_of  # only where something changed

        ready: list[Changed] = []
        jobs: list[tuple[TranscriptFile, int, int]] = []
        for file, status, before in changed:
            start = 0
            if before is not None and before[3]:
                try:
                    goes_on = tail_of(file.path, before[3]) == before[4]
                except OSError:
                    unread.append(file.path)
                    continue
                if goes_on:
                    start = before[3] if before[5] == RULES else 0
                else:
                    self._set_aside(before)
                    before = None
            ready.append((file, status, before))
            jobs.append((file, start, max(start, status.st_size)))
        whole = sum(size - start for _, start, size in jobs)
        batch: list[tuple[Changed, Scanned]] = []
        origins: dict[int, Origin] = {}
        fresh: dict[int, list[Group]] = {}
        read_files = read_bytes = waiting = 0
        for number, scanned, new_origins in scan(jobs):
            origins |= new_origins
            if scanned is None:
                unread.append(jobs[number][0].path)
                continue
            batch.append((ready[number], scanned))
            size = scanned.to - jobs[number][1]
            read_files, read_bytes, waiting = read_files + 1, read_bytes + size, waiting + size
            if waiting >= _BATCH_BYTES:
                self._write(batch, origins, fresh)
                batch, waiting = [], 0
                progress(read_bytes, whole)
        self._write(batch, origins, fresh)
        return read_files, read_bytes, fresh

    # --- writing ---------------------------------------------------------------------------------------------------

    def _known(self, paths: list[str]) -> dict[str, Known]:
        chosen = "path IS NOT NULL"
        if few := len(paths) <= _FEW:
            chosen = f"path IN ({','.join('?' * len(paths))})"
        rows = self._db.execute(
            f"SELECT {_KNOWN} FROM transcripts WHERE {chosen}",  # noqa: S608 - marks
            paths if few else (),
        )
        return {row[6]: row for row in rows}

    def _write(
        self, batch: list[tuple[Changed, Scanned]], origins: dict[int, Origin], fresh: dict[int, list[Group]]
    ) -> None:
        """Keep what was read of these files; `fresh` gets the groups of the rows that are new."""
        if not batch:
            return
        with Transaction(self._db):
            current = self.hours.are_current()
            change = self._next_change()
            self._db.executemany(
                "INSERT OR IGNORE INTO origins (id, model, session, project, on_plan) VALUES (?,?,?,?,?)",
                [(number, *named) for number, named in origins.items()],
            )
            added: list[Record] = []
            dropped: list[Record] = []
            for (file, status, before), scanned in batch:
                state = (status.st_size, status.st_mtime_ns, scanned.to, scanned.tail, RULES)
                if before is None:
                    # Another process may have been first: its row stands, and is read on next time.
                    done = self._db.execute(
                        "INSERT OR IGNORE INTO transcripts (root, path, size, mtime_ns, read_to, tail, rules, changed)"
                        " VALUES (?,?,?,?,?,?,?,?)",
                        (storable(file.root), file.key, *state, change),
                    )
                    if done.rowcount and done.lastrowid is not None:
                        fresh[done.lastrowid] = scanned.groups
                        row = (done.lastrowid, scanned.turns, scanned.unfinished)
                        self._db.execute("INSERT INTO packed VALUES (?,?,?)", row)
                else:
                    done = self._db.execute(
                        "UPDATE transcripts SET size = ?, mtime_ns = ?, read_to = ?, tail = ?, rules = ?, changed = ?,"
                        " root = ?, path = ? WHERE id = ? AND read_to = ? AND path = ? AND rules = ?",
                        (*state, change, storable(file.root), file.key, before[0], before[3], before[6], before[5]),
                    )
                    if done.rowcount:
                        anew = before[5] != RULES  # read again from its start
                        if current:
                            turns, unfinished = self._packed(before[0])
                            dropped += records_in(unfinished)
                            dropped += records_in(turns if anew else b"")
                        if anew:
                            gone = self._forget_parts(before[0])
                            dropped += gone if current else ()
                        self._db.execute(
                            "UPDATE packed SET turns = CAST(? || ? AS BLOB), loose = ? WHERE id = ?"
                            if anew
                            else "UPDATE packed SET turns = CAST(turns || ? || ? AS BLOB), loose = ? WHERE id = ?",
                            (b"", scanned.turns, scanned.unfinished, before[0]),
                        )
                        self._begin_part(before[0], change)
                if done.rowcount and current:
                    added += records_in(scanned.turns)
                    added += records_in(scanned.unfinished)
            if current:
                self.hours.apply(added, dropped, change)
        origins.clear()

    def _set_aside(self, before: Known) -> None:
        """The file was rewritten: what it said before happened all the same.

        Rows without a message id are let go: the new content may hold them again, and nothing would tell.
        """
        with Transaction(self._db):
            current = self.hours.are_current()
            change = self._next_change()
            done = self._db.execute(
                "UPDATE transcripts SET path = NULL, changed = ? WHERE id = ? AND read_to = ? AND path IS NOT NULL",
                (change, before[0], before[3]),
            )
            if not done.rowcount:  # another process did it
                return
            gone: list[Record] = []
            for number in (before[0], *self._parts(before[0])):
                turns, unfinished = (list(records_in(blob)) for blob in self._packed(number))
                named = packed(turn for turn in turns if turn[MESSAGE] != NAMELESS)
                self._db.execute("UPDATE packed SET turns = ?, loose = x'' WHERE id = ?", (named, number))
                gone += [*(turn for turn in turns if turn[MESSAGE] == NAMELESS), *unfinished]
            if current:
                self.hours.apply([], gone, change)

    def _begin_part(self, number: int, change: int) -> None:
        """Lay the turns of a long transcript aside, so that one more writes only itself and few others."""
        size = self._db.execute("SELECT length(turns) FROM packed WHERE id = ?", (number,)).fetchone()[0]
        if size < _PART_BYTES:
            return
        part = self._db.execute(
            "INSERT INTO transcripts (root, path, size, mtime_ns, read_to, tail, rules, changed, part_of)"
            " SELECT root, NULL, 0, 0, 0, x'', rules, ?, id FROM transcripts WHERE id = ?",
            (change, number),
        ).lastrowid
        self._db.execute("INSERT INTO packed SELECT ?, turns, x'' FROM packed WHERE id = ?", (part, number))
        self._db.execute("UPDATE packed SET turns = x'' WHERE id = ?", (number,))

    def _parts(self, number: int) -> list[int]:
        return [row[0] for row in self._db.execute("SELECT id FROM transcripts WHERE part_of = ?", (number,))]

    def _forget_parts(self, number: int) -> list[Record]:
        """The whole transcript is read again: its parts' records, which are no longer kept."""
        gone = [record for part in self._parts(number) for record in records_in(self._packed(part)[0])]
        self._db.execute("DELETE FROM transcripts WHERE part_of = ?", (number,))
        return gone

    def _packed(self, number: int) -> tuple[bytes, bytes]:
        row: tuple[bytes, bytes] = self._db.execute(
            "SELECT turns, loose FROM packed WHERE id = ?", (number,)
        ).fetchone()
        return row

    def _next_change(self) -> int:
        value: int = self._db.execute("SELECT COALESCE(MAX(changed), 0) + 1 FROM transcripts").fetchone()[0]
        return value


def _tail(path: str, offset: int) -> bytes:
    from claude_meter_tui.turns.transcripts.scanning import tail_of

    return tail_of(path, offset)


def every_record(connection: sqlite3.Connection, roots: Sequence[str]) -> Iterator[Record]:
    """Every record kept of these roots, deleted files included; many a message more than once."""
    for root in roots:
        rows = connection.execute(
            "SELECT p.turns, p.loose FROM packed p JOIN transcripts t ON t.id = p.id WHERE t.root = ?",
            (storable(root),),
        )
        for blobs in rows:
            for blob in blobs:
                yield from records_in(blob)
