"""Backups of every reading as JSON Lines: a head, then a reading a line, with all that the store has of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from claude_meter_tui.domain.bounds import MOST_PERCENT, bounded_time
from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.domain.windows import Reading
from claude_meter_tui.sources.files.file_reading import NOBODY, Figure, FileReading, not_a_reading, reading_of, utc_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KIND = "claude-meter-tui history"
VERSION = 1
_MOST_WINDOWS = 100
_LONGEST = 120


def head(exported_at: str) -> dict[str, object]:
    """The first line."""
    return {"kind": KIND, "version": VERSION, "exported_at": exported_at}


def line_of(reading: FileReading) -> dict[str, object]:
    """One reading's line."""
    return {**reading.document, "partial": reading.partial, "known_by": reading.known_by}


def readings(lines: Iterable[str]) -> Iterator[FileReading]:
    """A backup's lines → readings.

    Raises:
        BadUsageError: it is none of ours, or a line of it is damaged.
    """
    begun = False
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        given = _object(text, number)
        if not begun:
            if given.get("kind") != KIND:
                raise BadUsageError("It is no backup of claude-meter-tui.", "Nothing was added.")
            if given.get("version") != VERSION:
                raise BadUsageError("It was written by a newer claude-meter-tui.", "Update claude-meter-tui.")
            begun = True
            continue
        yield _reading(given, number)


def _object(text: str, number: int) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise not_a_reading(number, "is not a JSON object")
    return given


def _reading(given: dict[str, Any], number: int) -> FileReading:
    partial, known_by = given.pop("partial", False), given.pop("known_by", None)
    try:
        reading = Reading.model_validate(given)
    except (ValidationError, RecursionError):
        raise not_a_reading(number) from None
    document = reading.document()
    times = [reading.observed_at, *(window.resets_at for window in reading.windows if window.resets_at)]
    figures = [window.utilization for window in reading.windows]
    if (
        not isinstance(partial, bool)
        or any(bounded_time(moment) is None for moment in times)
        or any(not 0 <= figure <= MOST_PERCENT for figure in figures)
        or len(figures) > _MOST_WINDOWS
        or len({window.key for window in reading.windows}) < len(figures)
    ):
        raise not_a_reading(number)
    for window in document["windows"]:
        window["key"], window["label"] = _name(window["key"], number), _name(window["label"], number)
        window["observed_at"] = window["source"] = None
    account = document["account"]
    account["email"] = clean_text(account["email"], _LONGEST)
    account["organization_uuid"] = clean_text(account["organization_uuid"], _LONGEST)
    account["plan"] = clean_text(account["plan"], _LONGEST)
    document["source"] = _name(document["source"], number)
    document["whole_at"] = None
    return FileReading(document, partial, known_by if isinstance(known_by, str) else None)


def _name(text: str, number: int) -> str:
    found = clean_text(text, _LONGEST)
    if found is None:
        raise not_a_reading(number)
    return found


def of_ccburn(given: dict[str, Any]) -> Iterator[FileReading]:
    """What `ccburn history --json` prints: `{"version": 1, "snapshots": [{"timestamp", "limits": {window: …}}]}`.

    Raises:
        BadUsageError: a snapshot is none.
    """
    snapshots = given.get("snapshots")
    for number, snapshot in enumerate(snapshots if isinstance(snapshots, list) else [], start=1):
        try:
            figures = {
                str(key): Figure(float(limit["used_percentage"]), utc_text(str(limit["resets_at"])))
                for key, limit in snapshot["limits"].items()
            }
            if not all(0 <= figure.utilization <= MOST_PERCENT for figure in figures.values()):
                raise ValueError(number)
            document = reading_of(utc_text(snapshot["timestamp"]), "import", NOBODY, figures)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            raise BadUsageError(f"Snapshot {number} is not a reading.", "Nothing was added.") from None
        yield FileReading(document)
