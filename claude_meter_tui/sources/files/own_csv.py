"""Readings in the CSV that `history --format csv` writes: a row for each window of each reading."""

from __future__ import annotations

from itertools import groupby
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.sources.files.file_reading import (
    Figure,
    FileReading,
    account_named,
    not_a_reading,
    percent_of,
    reading_of,
    utc_text,
)
from claude_meter_tui.store.columns import parse_iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COLUMNS = ("observed_at", "source", "account", "window", "utilization", "resets_at")


class _Row(NamedTuple):
    observed_at: str
    source: str
    account: str
    window: str
    figure: Figure


def readings(rows: Iterable[tuple[int, dict[str, str]]]) -> Iterator[FileReading]:
    """(line, row) → readings, the oldest first.

    Raises:
        BadUsageError: a row is none.
    """
    found = [_row(line, row) for line, row in rows]
    found.sort(key=lambda row: row[:3])
    for (observed_at, source, account), group in groupby(found, key=lambda row: row[:3]):
        figures = {row.window: row.figure for row in group}
        yield FileReading(reading_of(observed_at, source, account_named(account), figures))


def _row(line: int, row: dict[str, str]) -> _Row:
    try:
        window, source = clean_text(row["window"]), clean_text(row["source"])
        if window is None or source is None:
            raise ValueError(line)
        resets_at = intern(_strict(row["resets_at"])) if row["resets_at"] else None
        return _Row(
            intern(_strict(row["observed_at"])),  # a year of them would take a gigabyte
            intern(source),
            intern(clean_text(row["account"], 120) or ""),
            intern(window),
            Figure(percent_of(row["utilization"]), resets_at),
        )
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise not_a_reading(line) from None


def _strict(text: str) -> str:
    parse_iso(text)  # with its offset, as it is written
    return utc_text(text)
