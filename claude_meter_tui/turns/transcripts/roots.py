"""Where Claude Code keeps its transcripts: `projects/**/*.jsonl` under each root (FACTS §5).

Plain strings and `os.scandir`: there can be tens of thousands of files, and the walk is most of a look at nothing new.
Only regular files are transcripts: a pipe would be waited for, a device never ends. A project's folder, or all of them,
can be a link into a synced folder; Claude Code reads and writes through it, and so is it read here.
"""

from __future__ import annotations

import os
import stat

from claude_meter_tui.domain.foreign_text import storable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Found = tuple["TranscriptFile", os.stat_result | None]

# A link can lead anywhere, to `/` as well: transcripts lie at most this deep below a project's folder.
_DEEPEST_LINKED = 5
_MOST_LINKED_FOLDERS = 5_000


class TranscriptFile:
    """One transcript under `root`.

    `project` is its folder's name under `projects`, `session` the file's name without its ending; a sub-agent's file
    lies in a folder named by its session.
    """

    __slots__ = ("path", "project", "root", "session")

    def __init__(self, root: str, path: str, project: str, session: str) -> None:
        self.root, self.path, self.project, self.session = root, path, project, session

    @property
    def key(self) -> str:
        """Its path as it is stored: a name that is no UTF-8 can be opened, but neither stored nor printed."""
        return storable(self.path)


def projects_of(root: str) -> str:
    """The folder of a root that holds its transcripts."""
    return os.path.join(root, "projects")  # noqa: PTH118


def transcript_at(root: str, path: str) -> TranscriptFile | None:
    """The transcript a path under a root's projects names; None where it is not one."""
    projects = projects_of(root)
    if not path.endswith(".jsonl") or not path.startswith(projects + os.sep):
        return None
    parts = path[len(projects) + 1 :].split(os.sep)  # noqa: PTH206
    session = parts[1] if len(parts) > 2 else parts[-1].removesuffix(".jsonl")
    return TranscriptFile(root, path, parts[0] if len(parts) > 1 else "", session)


def transcripts(roots: Iterable[str], unreadable: list[str] | None = None) -> Iterator[Found]:
    """Every transcript under the roots and its status, each once however many roots lead to it.

    The status is None where it cannot be read; folders that cannot be read are added to `unreadable`.
    """
    folders: list[str] = []
    links: list[tuple[str, os.DirEntry[str]]] = []
    for root in dict.fromkeys(roots):
        real = os.path.realpath(projects_of(root))
        if real in folders:
            continue
        folders.append(real)
        yield from _walk(root, projects_of(root), links, unreadable)
    seen: set[str] = set()
    for root, entry in links:
        real = os.path.realpath(entry.path)
        # What lies under one of the roots is met there anyway.
        inside = any(real == folder or real.startswith(folder + os.sep) for folder in folders)
        if real in seen or (inside and os.path.exists(real)):  # noqa: PTH110
            continue
        seen.add(real)
        if _is_folder(entry):
            if not any(folder.startswith(real + os.sep) for folder in folders):  # not a link back up
                yield from _walk(root, entry.path, [], unreadable, deepest=_DEEPEST_LINKED)
        elif (file := transcript_at(root, entry.path)) is not None:
            status = _status(entry)
            if status is None or stat.S_ISREG(status.st_mode):
                yield file, status


def linked_folders(roots: Iterable[str]) -> dict[str, str]:
    """Project folders that are links: where they lead to → their path under the root."""
    found: dict[str, str] = {}
    for root in dict.fromkeys(roots):
        try:
            entries = list(os.scandir(projects_of(root)))
        except OSError:
            continue
        for entry in entries:
            if entry.is_symlink() and _is_folder(entry):
                found.setdefault(os.path.realpath(entry.path), entry.path)
    return found


def _walk(
    root: str,
    top: str,
    links: list[tuple[str, os.DirEntry[str]]],
    unreadable: list[str] | None,
    deepest: int | None = None,
) -> Iterator[Found]:
    """The transcripts in a folder and below; links are not followed, but added to `links`."""
    waiting = [(top, 0)]
    folders = 0
    while waiting:
        folder, depth = waiting.pop()
        folders += 1
        if deepest is not None and (depth > deepest or folders > _MOST_LINKED_FOLDERS):
            continue
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            if unreadable is not None:
                unreadable.append(folder)
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, depth + 1))
            elif entry.is_symlink():
                links.append((root, entry))
            elif entry.is_file(follow_symlinks=False) and (file := transcript_at(root, entry.path)) is not None:
                yield file, _status(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None
