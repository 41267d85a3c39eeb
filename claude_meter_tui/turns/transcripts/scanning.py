"""Reads many transcripts: a few here, gigabytes in processes of their own, so that every core helps.

Fresh processes and not threads, which would wait for one another's interpreter lock (and the screen for them), and not
forks, which are unsafe under threads (FACTS §6). A process is given files on its standard input, newest first and more
whenever it is short of them, and answers each on its standard output; marshal, since both ends are the same interpreter
running this file. It ends when nobody gives or listens any more.
"""

from __future__ import annotations

import marshal
import os
import sys
from contextlib import suppress

from claude_meter_tui.system.paths import open_regular
from claude_meter_tui.turns.transcripts.counting import what_counts
from claude_meter_tui.turns.transcripts.records import TAIL, Group, grouped, packed
from claude_meter_tui.turns.transcripts.roots import TranscriptFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from queue import SimpleQueue
    from typing import IO, Any

    from claude_meter_tui.turns.transcripts.rows import Origin, Reader

# Below this, a process's start and imports (50 ms) cost more than it saves.
_WORTH_PROCESSES = 48 << 20
_MOST_PROCESSES = 4

Job = tuple[TranscriptFile, int, int]
"""(file, offset to read on from, its size)."""


class Scanned:
    """What one file said from its offset on: the turns that count in it, packed, in groups.

    Attributes:
        to: the offset read to.
        tail: the last bytes before that.
        turns, groups: what counts of the whole lines (see `records.grouped`).
        unfinished: what counts of a last line without its newline.
    """

    __slots__ = ("groups", "tail", "to", "turns", "unfinished")

    def __init__(self, to: int, tail: bytes, turns: bytes, groups: list[Group], unfinished: bytes) -> None:
        self.to, self.tail = to, tail
        self.turns, self.groups, self.unfinished = turns, groups, unfinished


if TYPE_CHECKING:
    Answer = tuple[int, Scanned | None, dict[int, Origin]]
    """(the job's number, None for a file that cannot be read, what new origins stand for)."""
    Portion = tuple[int, str, str, str, int]
    """A job as a process is given it: (number, path, project, session, offset)."""


def tail_of(path: str, offset: int) -> bytes:
    """The last bytes before an offset; shorter than the offset allows if the file no longer reaches it.

    Raises:
        OSError: the file cannot be read.
    """
    start = max(0, offset - TAIL)
    with open_regular(path) as source:
        source.seek(start)
        return source.read(offset - start)


def scan(jobs: Sequence[Job]) -> Iterator[Answer]:
    """An answer to each job, as they come."""
    size = sum(job[2] - job[1] for job in jobs)
    processes = min(os.cpu_count() or 1, _MOST_PROCESSES)
    done: set[int] = set()
    if size >= _WORTH_PROCESSES and sys.executable:
        for answer in _scan_in_processes(jobs, processes):
            done.add(answer[0])
            yield answer
    left = [number for number in range(len(jobs)) if number not in done]
    if not left:
        return
    from claude_meter_tui.turns.transcripts.rows import Reader  # msgspec and xxhash, only where something changed

    reader = Reader()
    for number in left:
        yield number, _scan_one(reader, jobs[number][0], jobs[number][1]), reader.new_origins()


def _scan_one(reader: Reader, file: TranscriptFile, offset: int) -> Scanned | None:
    try:
        read = reader.read_on(file, offset)
        known = len(read.tail) in (TAIL, read.to)  # of a few bytes read on, it begins before them
        tail = read.tail if known else tail_of(file.path, read.to)
    except OSError:
        return None
    turns, groups = grouped(what_counts(read.records))
    return Scanned(read.to, tail, turns, groups, packed(what_counts(read.unfinished)))


# --- in processes -----------------------------------------------------------------------------------------------------

# Without `site` (3 ms, and whatever its .pth files do): the path is given.
# msgspec does without typing_extensions (15 ms) where it is missing, so here it is.
_PROGRAM = (
    "import sys; sys.path[:] = {!r}; sys.modules['typing_extensions'] = None; "
    "from claude_meter_tui.turns.transcripts import scanning; scanning.answer()"
)
_LENGTH = 4
# Some milliseconds of work each, and enough of them ahead that no process waits while what others read is written.
_PORTION_BYTES = 4 << 20
_PORTION_FILES = 50
_PORTIONS_AHEAD = 4


class _Worker:
    """A process that reads what it is given, one portion after the other."""

    def __init__(self, answers: SimpleQueue[tuple[_Worker, bytes]]) -> None:
        import subprocess
        from threading import Thread

        command = [sys.executable, "-S", "-E", "-c", _PROGRAM.format(sys.path)]
        pipe, silent = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=silent)  # noqa: S603
        self._answers = answers
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def give_of(self, portions: Iterator[list[Portion]]) -> None:
        """Hand it the next portion; where none is left, tell it so."""
        assert self._process.stdin is not None  # noqa: S101 - asked for
        portion = next(portions, None)
        try:
            if portion is None:
                self._process.stdin.close()
            else:
                self._process.stdin.write(_framed(portion))
                self._process.stdin.flush()
        except OSError:  # it has failed already: its listener says so
            self._process.kill()

    def end(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._thread.join()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                with suppress(OSError):  # what it was given last, and did not take
                    end.close()

    def _listen(self) -> None:
        """Pass the answers on, a portion's at once, and empty ones at the end."""
        assert self._process.stdout is not None  # noqa: S101 - asked for
        while body := _frame(self._process.stdout):
            self._answers.put((self, body))
        self._answers.put((self, b""))


def _scan_in_processes(jobs: Sequence[Job], processes: int) -> Iterator[Answer]:
    """As `scan`; the files a failed process was given get no answer."""
    from queue import SimpleQueue

    answers: SimpleQueue[tuple[_Worker, bytes]] = SimpleQueue()
    every = list(_portions(jobs))
    portions = iter(every)
    workers: list[_Worker] = []
    try:
        for _ in every[:processes]:
            try:
                workers.append(_Worker(answers))
            except OSError:  # the interpreter is gone (an upgrade under an open pane), or there is no room for it
                break
            workers[-1].give_of(portions)
        for worker in workers * (_PORTIONS_AHEAD - 1):
            worker.give_of(portions)
        waiting = len(workers)
        while waiting:
            worker, frame = answers.get()
            if not frame:
                waiting -= 1
                continue
            worker.give_of(portions)
            for number, found, origins in marshal.loads(frame):  # noqa: S302 - from our own process
                yield number, None if found is None else Scanned(*found), origins
    finally:
        for worker in workers:
            worker.end()


def _portions(jobs: Sequence[Job]) -> Iterator[list[Portion]]:
    """The jobs in their order, in portions small enough that all processes end at about the same time."""
    portion: list[Portion] = []
    weight = 0
    for number, (file, offset, size) in enumerate(jobs):
        portion.append((number, file.path, file.project, file.session, offset))
        weight += size - offset
        if weight >= _PORTION_BYTES or len(portion) == _PORTION_FILES:
            yield portion
            portion, weight = [], 0
    if portion:
        yield portion


def _framed(value: Any) -> bytes:
    body = marshal.dumps(value)
    return len(body).to_bytes(_LENGTH, "little") + body


def _frame(source: IO[bytes]) -> bytes:
    """What the next frame holds; empty at the end, also in the middle of one."""
    length = int.from_bytes(source.read(_LENGTH), "little")
    body = source.read(length)
    return body if len(body) == length else b""


def answer() -> None:
    """The other end: read the files named on standard input, answer each on standard output."""
    import gc

    from claude_meter_tui.turns.transcripts.rows import Reader

    gc.disable()  # small objects without cycles, in a process that ends after this
    reader, out = Reader(), sys.stdout.buffer
    try:
        while portion := _frame(sys.stdin.buffer):
            answers: list[tuple[int, tuple[object, ...] | None, dict[int, Origin]]] = []
            for number, path, project, session, offset in marshal.loads(portion):  # noqa: S302 - from our own process
                found = _scan_one(reader, TranscriptFile("", path, project, session), offset)
                plain = None if found is None else (found.to, found.tail, found.turns, found.groups, found.unfinished)
                answers.append((number, plain, reader.new_origins()))
            out.write(_framed(answers))
            out.flush()
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more
