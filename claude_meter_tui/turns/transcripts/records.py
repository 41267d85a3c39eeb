"""The compact form of turns while they are scanned, counted and kept: plain tuples, 53 bytes each when packed.

Light to import: sums of nothing new are answered from here without msgspec. Ids are 64-bit hashes (xxh3), so that
processes agree on them without talking; what a turn's `origin` stands for is kept beside (table `origins`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import chain
from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

Record = tuple[int, bytes, bytes, int, int, int, int, int, int, int]
"""(at in ms since 1970 UTC, message, request, origin, input, output, cache write 5 m, cache write 1 h, cache read
tokens, whether a sidechain's): a row of a transcript that states a turn. An id that is missing is `NAMELESS`."""
AT: Final = 0
MESSAGE: Final = 1
REQUEST: Final = 2
ORIGIN: Final = 3
SIDECHAIN: Final = 9

Group = tuple[int, int, int, int, int, int, int, int, int]
"""(hour, origin, turns, input, output, cache write, cache read tokens, first and last `at`): the tokens used in
one hour of one origin, summed."""

_FORMAT = "q8s8sqIIIIIB"
PACKED = Struct("<" + _FORMAT)
_MANY = 64
_PACKED_MANY = Struct("<" + _FORMAT * _MANY)
SIZE = PACKED.size
MESSAGE_AT = 8
"""Where in a packed record its message id stands."""
NAMELESS = bytes(8)
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
TAIL = 128
"""How many bytes before the place a file was read to are kept, to notice a rewrite."""
RULES = 2
"""By which rules rows are read; with others than the last time, a transcript is read again from its start.
2: advisers' turns, whole records on torn lines, fast turns as their own model, projects by path, providers apart."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def encoded_path(path: str) -> str:
    """A path as Claude Code names a folder for it: all but ASCII letters and digits as `-` (FACTS §9).

    JavaScript counts a letter beyond the first 65 536 as two.
    """
    return re.sub("[^a-zA-Z0-9]", lambda match: "-" * (1 + (ord(match[0]) > 0xFFFF)), path)


def folder_of_path(path: str) -> str:
    """What the folders of a path's transcripts have in common, however many `-` stand for one of its letters."""
    return re.sub("-+", "-", encoded_path(path))


def is_path(name: str) -> bool:
    """Whether a project's name is its path, and not its folder's under `projects`."""
    return name.startswith("/") or name[1:3] in (":\\", ":/")


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970 UTC, as records and turns have their times."""
    return (moment - _EPOCH) // _MILLISECOND


def total_of(record: Record) -> int:
    """All four kinds of tokens."""
    return record[4] + record[5] + record[6] + record[7] + record[8]


def packed(records: Iterable[Record]) -> bytes:
    """Records one after the other, as they are kept."""
    every = list(records)
    whole = len(every) - len(every) % _MANY
    many = [_PACKED_MANY.pack(*chain.from_iterable(every[at : at + _MANY])) for at in range(0, whole, _MANY)]
    return b"".join(many + [PACKED.pack(*record) for record in every[whole:]])


def grouped(records: Iterable[Record]) -> tuple[bytes, list[Group]]:
    """The records packed, those of a group side by side in the order of the groups, and the groups."""
    parts: dict[tuple[int, int], list[Record]] = {}
    first = last = origin = -1  # of the hour and the origin of the record before: mostly this one's too
    part: list[Record] = []
    for record in records:
        if not (first <= record[0] < last and record[3] == origin):
            hour, origin = record[0] // HOUR_MS, record[3]
            first, last = hour * HOUR_MS, (hour + 1) * HOUR_MS
            part = parts.setdefault((hour, origin), [])
        part.append(record)
    groups: list[Group] = []
    for (hour, origin), part in parts.items():
        at, _, _, _, sent, out, short, long, cached, _ = zip(*part, strict=True)
        counts = (sum(sent), sum(out), sum(short) + sum(long), sum(cached))
        groups.append((hour, origin, len(part), *counts, min(at), max(at)))
    return b"".join([packed(part) for part in parts.values()]), groups
