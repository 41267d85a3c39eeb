"""A look at the whole tree in a process of its own: the dashboard stays small and answers keys meanwhile.

The first may read gigabytes, and one at ten thousand files nobody has written to leaves 15 MB behind. The store takes
two processes at once, so nothing but progress has to be said between them, in lines of three numbers.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from claude_meter_tui.store.store import Store
from claude_meter_tui.turns.transcripts.index import Index
from claude_meter_tui.turns.transcripts.roots import transcripts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_meter_tui.turns.transcripts.roots import Found

_PROGRAM = "import sys; sys.path[:] = {!r}; from claude_meter_tui.turns.transcripts import indexing; indexing.answer()"


def read_lately_first(
    index: Index, found: Sequence[Found], lately_ns: int, progress: Callable[[int, int], None]
) -> None:
    """Bring the index up to date; what was touched since `lately_ns` first, with its sums, so that they can be shown.

    `progress` is told the bytes read and to be read.
    """
    recent = [each for each in found if each[1] is not None and each[1].st_mtime_ns >= lately_ns]
    older = [each for each in found if each[1] is None or each[1].st_mtime_ns < lately_ns]
    whole = index.unread_bytes(found)
    read = index.refresh(recent, lambda done, _: progress(done, whole)).read_bytes if recent else 0
    progress(read, whole)
    if older or not recent:
        index.refresh(older, lambda done, _: progress(read + done, whole))


def read_elsewhere(
    store_file: str, roots: Sequence[str], lately_ns: int, progress: Callable[[int, int], None]
) -> int | None:
    """`read_lately_first` in a process of its own; gives how many transcripts there are, None if it failed.

    It ends with an exception from `progress`.
    """
    import subprocess

    try:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-S", "-E", "-c", _PROGRAM.format(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:  # the interpreter is gone: an upgrade under an open pane
        return None
    assert process.stdin is not None  # noqa: S101 - asked for
    assert process.stdout is not None  # noqa: S101 - asked for
    with process.stdout:
        try:
            with process.stdin as given:
                given.write(json.dumps([store_file, list(roots), lately_ns]))
            files = 0
            for line in process.stdout:
                done, whole, files = map(int, line.split())
                progress(done, whole)
            return files if process.wait() == 0 else None
        except OSError:
            return None
        finally:
            process.kill()
            process.wait()


def answer() -> None:
    """The other end."""
    store_file, roots, lately_ns = json.load(sys.stdin)

    with Store.open(store_file) as store:
        found = list(transcripts(roots))

        def say(done: int, whole: int) -> None:
            print(done, whole, len(found), flush=True)

        read_lately_first(Index(store.connection, roots), found, lately_ns, say)
