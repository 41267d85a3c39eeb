"""Where Claude Code keeps its transcripts: `projects/**/*.jsonl` under each root (FACTS §5)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class TranscriptFile(NamedTuple):
    """One transcript under `root`.

    `project` is its folder's name under `projects`, `session` the file's name without its ending; a sub-agent's file
    lies in a folder named by its session.
    """

    root: str
    path: str
    project: str
    session: str


def transcript_files(roots: Iterable[str]) -> Iterator[TranscriptFile]:
    """Every transcript under the roots, each once however many roots lead to it, in a stable order."""
    seen: set[str] = set()
    for root in roots:
        projects = os.path.join(root, "projects")  # noqa: PTH118 - strings: there can be tens of thousands
        for folder, folders, names in os.walk(projects):
            folders.sort()
            parts = folder[len(projects) :].strip(os.sep).split(os.sep)  # noqa: PTH206
            for name in sorted(names):
                if not name.endswith(".jsonl"):
                    continue
                path = os.path.join(folder, name)  # noqa: PTH118
                real = os.path.realpath(path)
                if real in seen:
                    continue
                seen.add(real)
                yield TranscriptFile(root, path, parts[0], parts[1] if len(parts) > 1 else name.removesuffix(".jsonl"))
