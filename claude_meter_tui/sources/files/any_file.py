"""A file of readings, whatever kind it is: our CSV, our backup, another program's CSV, ccburn's JSON."""

from __future__ import annotations

import csv
import itertools
import json
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.sources.files import backup, own_csv, peers_csv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from claude_meter_tui.sources.files.file_reading import FileReading

# A file that is one JSON value is read as a whole.
_LARGEST_JSON = 256 << 20
_LONGEST_LINE = 1 << 20


class Readings(NamedTuple):
    """What is in a file, and the columns that say nothing known here."""

    readings: Iterator[FileReading]
    left_out: tuple[str, ...] = ()


def readings_in(source: TextIO, *, fractions: bool | None = None) -> Readings:
    """Every reading in a file.

    Args:
        source: its text.
        fractions: whether another program's figures are fractions of 1; None: by what the file says.

    Raises:
        BadUsageError: it is of no kind known here, or a line of it is damaged; also while they are gone through.
        csv.Error, UnicodeDecodeError: it is no text of that kind.
    """
    first = source.readline(_LONGEST_LINE)
    if first.lstrip().startswith("{"):
        return Readings(_of_json(first, source))
    table = csv.DictReader(itertools.chain([first], source))
    names = tuple(table.fieldnames or ())
    rows = ((table.line_num, row) for row in table)
    if names == own_csv.COLUMNS:
        return Readings(own_csv.readings(rows))
    columns = peers_csv.columns_of(names)
    if columns is None:
        raise BadUsageError(
            f"The first line must be {','.join(own_csv.COLUMNS)}, or name a time and windows"
            " (timestamp,five_hour,seven_day).",
            "Nothing was added.",
        )
    return Readings(peers_csv.readings(rows, columns, fractions=fractions), columns.left_out)


def _of_json(first: str, source: TextIO) -> Iterator[FileReading]:
    try:
        head = json.loads(first)
    except (ValueError, RecursionError):
        head = None
    if isinstance(head, dict) and head.get("kind"):
        yield from backup.readings(itertools.chain([first], source))
        return
    try:
        whole = head if isinstance(head, dict) else json.loads(first + source.read(_LARGEST_JSON))
    except (ValueError, RecursionError):
        whole = None
    if not isinstance(whole, dict) or not isinstance(whole.get("snapshots"), list):
        raise BadUsageError("It is neither a backup nor a history of readings.", "Nothing was added.")
    yield from backup.of_ccburn(whole)
