"""Keeps the index up to date while transcripts grow, in a thread of its own; the screen only ever reads the store.

First what was touched lately, so that the figures of today's windows are right within a second, then the rest. It may
be stopped at any moment: what was read is kept, the rest is read next time.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from heapq import nlargest
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.domain.errors import StoreError
from claude_meter_tui.store.store import Store
from claude_meter_tui.system import crash
from claude_meter_tui.turns.transcripts.index import Index
from claude_meter_tui.turns.transcripts.indexing import read_elsewhere, read_lately_first
from claude_meter_tui.turns.transcripts.roots import linked_folders, projects_of, transcript_at, transcripts
from claude_meter_tui.turns.transcripts.watching import watcher_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from claude_meter_tui.turns.transcripts.roots import Found, TranscriptFile

# No window is longer than a week; a file untouched for longer holds nothing of today's.
_LATELY_NS = 8 * 86_400 * 10**9
_AGAIN_SECONDS = 30.0
# A store that was deleted or restored is noticed that soon.
_LOOK_AT_STORE_SECONDS = 5.0
_WORTH_SAYING = 48 << 20


class Following(NamedTuple):
    """How far it is.

    `looked` is whether every file was looked at since the start; `done` and `whole` are bytes while a long reading
    goes on, else zero; `files` is how many transcripts there were at the last walk; `trouble` a sentence, where the
    store failed.
    """

    looked: bool = False
    done: int = 0
    whole: int = 0
    files: int = 0
    trouble: str = ""


class Follower:
    """Follows the transcripts of some roots.

    Args:
        store_file: the store to keep the index in; opened in the thread.
        roots: whose transcripts.
        publish: told of every step, in the thread.
        now_ns: the time, to tell what was touched lately.
    """

    def __init__(
        self,
        store_file: str,
        roots: Sequence[str],
        publish: Callable[[Following], None],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store_file, self._roots, self._now_ns = store_file, tuple(roots), now_ns
        self._publish = publish
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._mtimes: dict[str, int] = {}
        self._linked: dict[str, str] = {}
        self.state = Following()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, wait: float = 0.0) -> None:
        """End soon; waits up to `wait` seconds for it."""
        self._stopped.set()
        if wait and self._thread.ident is not None:
            self._thread.join(wait)

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with Store.open(self._store_file) as store:
                    self._follow(store, Index(store.connection, self._roots))
            except _StoppedError:
                return
            except StoreError as error:
                self._say(trouble=error.sentence)
            except sqlite3.Error as error:
                self._say(trouble=f"The index of transcripts cannot be written ({error}).")
            except Exception as error:  # noqa: BLE001 - the screen would go on showing sums that stand still
                self._say(trouble=crash.one_line(error))
            self._stopped.wait(_AGAIN_SECONDS if self.state.trouble else 1.0)

    def _follow(self, store: Store, index: Index) -> None:
        self._linked = linked_folders(self._roots)
        with closing(watcher_for(self._roots, self._linked, self._newest, self._stopped)) as watcher:
            while True:
                self._look(index, elsewhere=not watcher.wants_newest)
                next_walk = time.monotonic() + watcher.walk_every
                while (left := next_walk - time.monotonic()) > 0:
                    changed = watcher.wait(min(left, _LOOK_AT_STORE_SECONDS))
                    self._check()
                    if changed is None or store.is_replaced():
                        return
                    if changed and not self._read(index, changed):
                        break

    def _look(self, index: Index, *, elsewhere: bool) -> None:
        """Walk the whole tree and read what is new: what was touched lately first."""
        lately = self._now_ns() - _LATELY_NS
        files = read_elsewhere(self._store_file, self._roots, lately, self._progress) if elsewhere else None
        self._check()
        if files is None:
            unreadable: list[str] = []
            found = list(transcripts(self._roots, unreadable))
            self._mtimes = {file.path: status.st_mtime_ns for file, status in found if status is not None}
            read_lately_first(index, found, lately, self._progress)
            files = len(found)
        self._say(looked=True, done=0, whole=0, files=files, trouble="")

    def _read(self, index: Index, paths: Iterable[str]) -> bool:
        """Read on in these transcripts; False where a walk has to tell what happened."""
        found: list[Found] = []
        for path in paths:
            file = self._transcript(path)
            if "\ufffd" in path:
                return False  # the name is no UTF-8, so that this is not it
            if file is None:
                if os.path.isdir(path) or path.endswith(".jsonl"):  # noqa: PTH112
                    return False  # a new folder may have been written to before it was watched
                continue
            try:
                status = os.stat(file.path)  # noqa: PTH116
            except FileNotFoundError:
                continue  # deleted: it stays counted
            except OSError:
                return False
            found.append((file, status))
        if found and index.refresh(found, self._progress).read_files:
            self._say(files=max(1, self.state.files), done=0, whole=0)
        return True

    def _transcript(self, path: str) -> TranscriptFile | None:
        for real, link in self._linked.items():
            if path.startswith(real + os.sep):
                path = link + path[len(real) :]
        for root in self._roots:
            projects = projects_of(root)
            real = os.path.realpath(projects)
            if path.startswith(real + os.sep):
                path = projects + path[len(real) :]
            if (file := transcript_at(root, path)) is not None:
                return file
        return None

    def _newest(self, count: int) -> list[str]:
        return nlargest(count, self._mtimes, key=lambda path: self._mtimes[path])

    def _progress(self, done: int, whole: int) -> None:
        self._check()
        if whole >= _WORTH_SAYING:  # less is done before anybody could see it
            self._say(done=done, whole=whole)

    def _check(self) -> None:
        if self._stopped.is_set():
            raise _StoppedError

    def _say(self, **changes: object) -> None:
        self.state = self.state._replace(**changes)  # type: ignore[arg-type]
        self._publish(self.state)


class _StoppedError(Exception):
    """The user leaves: whatever is going on ends here."""
