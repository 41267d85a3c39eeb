"""The turns read so far, kept in the store, so that a file is read on from where it was left.

One row a transcript: how far it was read, the last bytes before that (to notice a rewrite), its turns, packed. Turns
and offset change in one statement, so a process killed at any moment loses or doubles nothing; and only where the row
is still as it was read, so two processes may run at once. What counts is not decided here: see `counting`.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.schema import Transaction
from claude_meter_tui.transcripts.counting import merged
from claude_meter_tui.transcripts.turns import Turn

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from claude_meter_tui.transcripts.roots import TranscriptFile
    from claude_meter_tui.transcripts.turns import Read

# at (ms), message and request hash (0: none), model, session, project (rows of `names`), sidechain, five token counts
_PACKED = struct.Struct("<qQQIIIBIIIII")
_TAIL = 128
# A batch is written when this much was read, so that a kill costs at most that, and many small files one commit.
_BATCH_BYTES = 32 << 20


class Known(NamedTuple):
    """A transcript's row, without its turns."""

    id: int
    size: int
    mtime_ns: int
    read_to: int
    tail: bytes


class Refreshed(NamedTuple):
    """What a refresh did: files there are, files and bytes read, and paths that could not be read."""

    files: int
    read_files: int
    read_bytes: int
    unread: list[str]


class Index:
    """The transcript tables of an open store."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._names: dict[str, int] = {}

    def refresh(
        self, files: Iterable[TranscriptFile], progress: Callable[[int], None] = lambda _read_bytes: None
    ) -> Refreshed:
        """Read what is new in these files; may be interrupted at any point, even inside `progress`.

        Raises:
            sqlite3.Error: the store cannot be written.
        """
        known = self._known()
        batch: list[tuple[TranscriptFile, os.stat_result, Known | None, Read, bytes]] = []
        count = read_files = read_bytes = waiting = 0
        unread: list[str] = []
        for file in files:
            count += 1
            before = known.get(file.path)
            try:
                status = os.stat(file.path)  # noqa: PTH116 - strings: there can be tens of thousands
                if before is not None and (before.size, before.mtime_ns) == (status.st_size, status.st_mtime_ns):
                    continue
                start = before.read_to if before is not None and _continues(file.path, before) else 0
                from claude_meter_tui.transcripts.rows import read_on  # msgspec and xxhash, only where needed

                read = read_on(file, start)
                tail = _tail(file.path, read.to)
            except OSError:
                unread.append(file.path)
                continue
            if start == 0 and before is not None and before.read_to:
                self._set_aside(before)
                before = None
            batch.append((file, status, before, read._replace(turns=merged(read.turns)), tail))
            read_files += 1
            read_bytes += read.to - start
            waiting += read.to - start
            if waiting >= _BATCH_BYTES:
                self._write(batch)
                batch, waiting = [], 0
                progress(read_bytes)
        self._write(batch)
        return Refreshed(count, read_files, read_bytes, unread)

    def turns(self, roots: Sequence[str]) -> Iterator[Turn]:
        """Every turn kept of these roots, deleted files included; many a message more than once."""
        names: dict[int, str] = dict(self._db.execute("SELECT id, name FROM names").fetchall())
        for root in dict.fromkeys(roots):
            for turns, loose in self._db.execute("SELECT turns, loose FROM transcripts WHERE root = ?", (root,)):
                for packed in (turns, loose):
                    for at, message, request, model, session, project, aside, *counts in _PACKED.iter_unpack(packed):
                        yield Turn(
                            at,
                            message or None,
                            request or None,
                            names[model],
                            names[session],
                            names[project],
                            bool(aside),
                            *counts,
                        )

    # --- writing ---------------------------------------------------------------------------------------------------

    def _known(self) -> dict[str, Known]:
        rows = self._db.execute(
            "SELECT path, id, size, mtime_ns, read_to, tail FROM transcripts WHERE path IS NOT NULL"
        )
        return {path: Known(*rest) for path, *rest in rows}

    def _write(self, batch: list[tuple[TranscriptFile, os.stat_result, Known | None, Read, bytes]]) -> None:
        if not batch:
            return
        try:
            with Transaction(self._db):
                for file, status, before, read, tail in batch:
                    turns, loose = self._packed(read.turns), self._packed(read.loose)
                    state = (status.st_size, status.st_mtime_ns, read.to, tail)
                    if before is None:
                        # Another process may have been first: its row stands, and is read on next time.
                        self._db.execute(
                            "INSERT OR IGNORE INTO transcripts"
                            " (root, path, size, mtime_ns, read_to, tail, turns, loose) VALUES (?,?,?,?,?,?,?,?)",
                            (file.root, file.path, *state, turns, loose),
                        )
                    else:
                        self._db.execute(
                            "UPDATE transcripts SET size = ?, mtime_ns = ?, read_to = ?, tail = ?,"
                            " turns = CAST(turns || ? AS BLOB), loose = ? WHERE id = ? AND read_to = ? AND path = ?",
                            (*state, turns, loose, before.id, before.read_to, file.path),
                        )
        except BaseException:
            self._names.clear()  # names given in this transaction are gone with it
            raise

    def _set_aside(self, before: Known) -> None:
        """The file was rewritten: what it said before happened all the same.

        Rows without a message id are let go: the new content may hold them again, and nothing would tell.
        """
        with Transaction(self._db):
            row = self._db.execute("SELECT turns FROM transcripts WHERE id = ?", (before.id,)).fetchone()
            named = b"".join(_PACKED.pack(*turn) for turn in _PACKED.iter_unpack(row[0]) if turn[1]) if row else b""
            self._db.execute(
                "UPDATE transcripts SET path = NULL, turns = ?, loose = x'' WHERE id = ? AND read_to = ?",
                (named, before.id, before.read_to),
            )

    def _packed(self, turns: Iterable[Turn]) -> bytes:
        return b"".join(
            _PACKED.pack(
                turn.at,
                turn.message_id or 0,
                turn.request_id or 0,
                self._name(turn.model),
                self._name(turn.session),
                self._name(turn.project),
                turn.sidechain,
                *turn[7:],
            )
            for turn in turns
        )

    def _name(self, name: str) -> int:
        known = self._names.get(name)
        if known is None:
            self._db.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
            known = int(self._db.execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()[0])
            self._names[name] = known
        return known


def _continues(path: str, before: Known) -> bool:
    """Whether the file still begins with what was read of it: as long, and the same bytes before the offset."""
    return _tail(path, before.read_to) == before.tail


def _tail(path: str, offset: int) -> bytes:
    """The last bytes before an offset; shorter than the offset allows if the file no longer reaches it."""
    start = max(0, offset - _TAIL)
    with open(path, "rb", buffering=0) as source:  # noqa: PTH123
        source.seek(start)
        return source.read(offset - start)
