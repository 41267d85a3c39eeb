"""Which transcripts have grown: by the system's file events where they work, else by looking.

Events come from watchfiles. They do not come from another machine's writes on a network mount, and the system may run
out of watches; there the newest files are looked at every two seconds instead (the idea of Textualize/toolong's pair of
watchers). Either way the caller walks the whole tree now and then, for whatever was missed.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Protocol

from claude_meter_tui.system.paths import stamp
from claude_meter_tui.turns.transcripts.roots import projects_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

# How long changes are gathered: Claude Code writes a message's rows within a second, and one look takes them all. The
# step is also how often watchfiles wakes while nothing happens: its default of 50 ms costs three times the idle bound.
_STEP_MS, _GATHER_MS = 500, 1000
_CHECK_SECONDS = 10.0
_LOOK_SECONDS = 2.0
_NEWEST = 32
_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "fuse", "glusterfs", "lustre", "virtiofs", "drvfs", "vboxsf")


class Watcher(Protocol):
    """Waits for transcripts to change."""

    walk_every: float
    """How often, in seconds, to walk the whole tree besides."""
    wants_newest: bool
    """Whether it asks which files are the newest, so that the walk has to be done in this process."""

    def wait(self, seconds: float) -> set[str] | None:
        """Paths that changed, as soon as some did; empty when the time is over, None if watching has to begin anew."""
        ...

    def close(self) -> None:
        """Watch no more."""
        ...


class EventWatcher:
    """The system's file events.

    Args:
        folders: what to watch, with everything below; they must exist.
        stopped: set when waiting should end.

    Raises:
        OSError: no watch can be had.
    """

    walk_every = 600.0
    wants_newest = False

    def __init__(self, folders: Sequence[str], stopped: threading.Event) -> None:
        # Its `watch` generator would begin to watch only when first waited for, and miss what was written until then;
        # the class behind it, which its documentation describes for direct use, begins at once.
        from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

        self._folders = {folder: _identity(folder) for folder in folders}
        self._stopped = stopped
        try:
            self._events = RustNotify(list(folders), False, False, 0, True, True)  # noqa: FBT003 - takes no names
        except WatchfilesRustInternalError as error:
            raise OSError(str(error)) from None

    def wait(self, seconds: float) -> set[str] | None:
        """See `Watcher`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            timeout = round(min(left, _CHECK_SECONDS) * 1000) or 1
            changes = self._events.watch(_GATHER_MS, _STEP_MS, timeout, self._stopped)
            if isinstance(changes, set):
                return {path for _, path in changes}
            if changes == "stop":
                break
            if any(_identity(folder) != known for folder, known in self._folders.items()):
                return None  # the folder watched is no longer the one at its path
        return set()

    def close(self) -> None:
        """See `Watcher`."""
        self._events.close()


class NewestWatcher:
    """Looks at the files written to last."""

    walk_every = 30.0
    wants_newest = True

    def __init__(self, newest: Callable[[int], Iterable[str]], stopped: threading.Event) -> None:
        self._newest, self._stopped = newest, stopped
        self._seen: dict[str, tuple[int, int] | None] = {}

    def wait(self, seconds: float) -> set[str] | None:
        """See `Watcher`."""
        paths = list(self._newest(_NEWEST))
        self._seen = {path: self._seen.get(path, stamp(path)) for path in paths}
        end = time.monotonic() + seconds
        while not self._stopped.wait(min(_LOOK_SECONDS, max(0.0, end - time.monotonic()))):
            now = {path: stamp(path) for path in paths}
            changed = {path for path, state in now.items() if state != self._seen[path]}
            self._seen = now
            if changed or time.monotonic() >= end:
                return changed
        return set()

    def close(self) -> None:
        """See `Watcher`."""


def watcher_for(
    roots: Sequence[str], linked: Iterable[str], newest: Callable[[int], Iterable[str]], stopped: threading.Event
) -> Watcher:
    """The best way to watch these roots' transcripts that works here; `linked` are further folders of theirs."""
    own = [folder for folder in map(projects_of, roots) if os.path.isdir(folder)]  # noqa: PTH112
    folders = [*own, *linked]
    if len(own) == len(roots) and not any(map(on_network, folders)):
        try:
            return EventWatcher(folders, stopped)
        except OSError:
            pass
    return NewestWatcher(newest, stopped)


def on_network(folder: str, mounts: str = "/proc/mounts") -> bool:
    """Whether a folder is on a file system other machines may write to; False where nothing tells."""
    real = os.path.realpath(folder)
    best, kind = "", ""
    try:
        with open(mounts, encoding="utf-8", errors="replace") as table:  # noqa: PTH123
            for line in table:
                _, point, name, *_ = line.split(" ")
                point = point.replace("\\040", " ")
                inside = real == point or real.startswith(point.rstrip("/") + "/")
                if inside and len(point) >= len(best):
                    best, kind = point, name
    except (OSError, ValueError):
        return False
    return kind.startswith(_NETWORK)


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino
