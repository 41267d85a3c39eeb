"""Reads many transcripts: a few here, gigabytes in processes of their own, so that every core helps.

Fresh processes and not threads, which would wait for one another's interpreter lock (and the screen for them), and not
forks, which are unsafe under threads (FACTS §6). A process is given its files at once on its standard input, newest
first, and answers each on its standard output; marshal, since both ends are the same interpreter running this file.
It ends when nobody listens any more.
"""

from __future__ import annotations

import marshal
import os
import sys

from claude_meter_tui.transcripts.counting import what_counts
from claude_meter_tui.transcripts.records import Group, grouped, packed
from claude_meter_tui.transcripts.roots import TranscriptFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence
    from queue import SimpleQueue

    from claude_meter_tui.transcripts.rows import Origin, Reader

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
        loose: what counts of a last line without its newline.
    """

    __slots__ = ("groups", "loose", "tail", "to", "turns")

    def __init__(self, to: int, tail: bytes, turns: bytes, groups: list[Group], loose: bytes) -> None:
        self.to, self.tail = to, tail
        self.turns, self.groups, self.loose = turns, groups, loose


if TYPE_CHECKING:
    Answer = tuple[int, Scanned | None, dict[int, Origin]]
    """(the job's number, None for a file that cannot be read, what new origins stand for)."""

_TAIL = 128


def tail_of(path: str, offset: int) -> bytes:
    """The last bytes before an offset; shorter than the offset allows if the file no longer reaches it.

    Raises:
        OSError: the file cannot be read.
    """
    start = max(0, offset - _TAIL)
    with open(path, "rb", buffering=0) as source:  # noqa: PTH123
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
    from claude_meter_tui.transcripts.rows import Reader  # msgspec and xxhash, only where something changed

    reader = Reader()
    for number in left:
        yield number, _scan_one(reader, jobs[number][0], jobs[number][1]), reader.new_origins()


def _scan_one(reader: Reader, file: TranscriptFile, offset: int) -> Scanned | None:
    try:
        read = reader.read_on(file, offset)
        tail = tail_of(file.path, read.to)
    except OSError:
        return None
    turns, groups = grouped(what_counts(read.records))
    return Scanned(read.to, tail, turns, groups, packed(what_counts(read.loose)))


# --- in processes -----------------------------------------------------------------------------------------------------

# Without `site` (3 ms, and whatever its .pth files do): the path is given.
# msgspec does without typing_extensions (15 ms) where it is missing, so here it is.
_PROGRAM = (
    "import sys; sys.path[:] = {!r}; sys.modules['typing_extensions'] = None; "
    "from claude_meter_tui.transcripts import scanning; scanning.answer()"
)
_LENGTH = 4


def _scan_in_processes(jobs: Sequence[Job], processes: int) -> Iterator[Answer]:
    """As `scan`; the files of a process that failed get no answer."""
    import subprocess
    from queue import SimpleQueue
    from threading import Thread

    answers: SimpleQueue[bytes] = SimpleQueue()
    shares = _shares(jobs, processes)
    command = [sys.executable, "-S", "-E", "-c", _PROGRAM.format(sys.path)]
    pipe, silent = subprocess.PIPE, subprocess.DEVNULL
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=silent) for _ in shares]  # noqa: S603
    listening = [Thread(target=_listen, args=(process, answers), daemon=True) for process in running]
    try:
        for process, share, thread in zip(running, shares, listening, strict=True):
            thread.start()
            _ask(process, [(number, *_as_plain(jobs[number])) for number in share])
        waiting = len(running)
        while waiting:
            frame = answers.get()
            if not frame:
                waiting -= 1
                continue
            number, found, origins = marshal.loads(frame)  # noqa: S302 - from our own process
            yield number, None if found is None else Scanned(*found), origins
    finally:
        for process, thread in zip(running, listening, strict=True):
            process.kill()
            if thread.ident is not None:
                thread.join()
            process.wait()
            for end in (process.stdin, process.stdout):
                if end is not None:
                    end.close()


def _as_plain(job: Job) -> tuple[str, str, str, int]:
    file, offset, _ = job
    return file.path, file.project, file.session, offset


def _shares(jobs: Sequence[Job], processes: int) -> list[list[int]]:
    """The jobs' numbers, dealt out in their order so that each process has as much to read."""
    shares: list[list[int]] = [[] for _ in range(processes)]
    sizes = [0] * processes
    for number, (_, offset, size) in enumerate(jobs):
        least = sizes.index(min(sizes))
        shares[least].append(number)
        sizes[least] += size - offset + 4096  # opening a file costs something too
    return [share for share in shares if share]


def _ask(process: subprocess.Popen[bytes], share: list[tuple[int, str, str, str, int]]) -> None:
    assert process.stdin is not None  # noqa: S101 - asked for
    try:
        process.stdin.write(marshal.dumps(share))
        process.stdin.close()
    except OSError:  # it has failed already
        process.kill()


def _listen(process: subprocess.Popen[bytes], answers: SimpleQueue[bytes]) -> None:
    """Pass each answer on, and an empty one at the end."""
    assert process.stdout is not None  # noqa: S101 - asked for
    while len(head := process.stdout.read(_LENGTH)) == _LENGTH:
        body = process.stdout.read(int.from_bytes(head, "little"))
        if len(body) == int.from_bytes(head, "little"):
            answers.put(body)
    answers.put(b"")


def answer() -> None:
    """The other end: read the files named on standard input, answer each on standard output."""
    import gc

    from claude_meter_tui.transcripts.rows import Reader

    gc.disable()  # small objects without cycles, in a process that ends after this
    share = marshal.loads(sys.stdin.buffer.read())  # noqa: S302 - from our own process
    reader, out = Reader(), sys.stdout.buffer
    try:
        for number, path, project, session, offset in share:
            found = _scan_one(reader, TranscriptFile("", path, project, session), offset)
            plain = None if found is None else (found.to, found.tail, found.turns, found.groups, found.loose)
            body = marshal.dumps((number, plain, reader.new_origins()))
            out.write(len(body).to_bytes(_LENGTH, "little") + body)
        out.flush()
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more
