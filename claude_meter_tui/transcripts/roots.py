"""Where Claude Code keeps its transcripts: `projects/**/*.jsonl` under each root (FACTS §5).

Plain strings and `os.scandir`: there can be tens of thousands of files, and the walk is most of a look at nothing new.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Found = tuple["TranscriptFile", os.stat_result | None]


class TranscriptFile:
    """One transcript under `root`.

    `project` is its folder's name under `projects`, `session` the file's name without its ending; a sub-agent's file
    lies in a folder named by its session.
    """

    __slots__ = ("path", "project", "root", "session")

    def __init__(self, root: str, path: str, project: str, session: str) -> None:
        self.root, self.path, self.project, self.session = root, path, project, session


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


def transcripts(roots: Iterable[str]) -> Iterator[Found]:
    """Every transcript under the roots and its status, each once however many roots lead to it.

    The status is None where it cannot be read; a folder that cannot be read is as good as empty.
    """
    folders: list[str] = []
    links: list[tuple[str, os.DirEntry[str]]] = []
    for root in dict.fromkeys(roots):
        real = os.path.realpath(projects_of(root))
        if real in folders:
            continue
        folders.append(real)
        waiting = [projects_of(root)]
        while waiting:
            try:
                entries = list(os.scandir(waiting.pop()))
            except OSError:
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_symlink():
                    links.append((root, entry))
                elif (file := transcript_at(root, entry.path)) is not None:
                    yield file, _status(entry)
    seen: set[str] = set()
    for root, entry in links:
        real, file = os.path.realpath(entry.path), transcript_at(root, entry.path)
        inside = any(real.startswith(folder + os.sep) for folder in folders)
        there = os.path.exists(real)  # noqa: PTH110
        if file is not None and not (inside and there) and real not in seen:
            seen.add(real)
            yield file, _status(entry)


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None
