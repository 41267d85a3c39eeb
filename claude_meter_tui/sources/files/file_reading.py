"""One reading from a file, checked: what every kind of file comes to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.domain.bounds import bounded_time, percentage
from claude_meter_tui.domain.catalogue import name_of
from claude_meter_tui.domain.errors import BadUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.domain.plain_reading import AccountDocument, ReadingDocument, WindowDocument

_UUID_LENGTH = 36
# Larger is milliseconds: seconds since 1970 pass it in the year 5138.
_MILLISECONDS_FROM = 1e11
NOBODY: AccountDocument = {"email": None, "organization_uuid": None, "plan": None}


class FileReading(NamedTuple):
    """A reading; `partial`: it may name some of the windows only; `known_by`: what sets a nameless account apart."""

    document: ReadingDocument
    partial: bool = True
    known_by: str | None = None


class Figure(NamedTuple):
    """One window of one observation: percent, and its reset as ISO-8601 or None."""

    utilization: float
    resets_at: str | None


def reading_of(
    observed_at: str, source: str, account: AccountDocument, figures: Mapping[str, Figure]
) -> ReadingDocument:
    """A reading of windows known by their keys only."""
    return {
        "observed_at": observed_at,
        "source": source,
        "account": account,
        "windows": [_window(key, figure) for key, figure in figures.items()],
        "extra_usage": None,
        "damaged": [],
        "whole_at": None,
    }


def _window(key: str, figure: Figure) -> WindowDocument:
    name = name_of(key)
    return {
        "key": key,
        "label": name.label,
        "group": name.group,
        "utilization": figure.utilization,
        "resets_at": figure.resets_at,
        "length_seconds": name.length,
        "model": name.model,
        "surface": name.surface,
        "severity": None,
        "is_active": None,
        "observed_at": None,
        "source": None,
    }


def account_named(name: str) -> AccountDocument:
    """Of an organization's uuid, else an email, else nobody's."""
    is_uuid = len(name) == _UUID_LENGTH and name.count("-") == 4
    return {
        "organization_uuid": name if is_uuid else None,
        "email": None if is_uuid or not name else name,
        "plan": None,
    }


def utc_text(text: str) -> str:
    """A time in a file as ISO-8601 UTC: ISO-8601, or seconds or milliseconds since 1970; without an offset it is UTC.

    Raises:
        ValueError: it is no time, or of no year anybody could mean.
    """
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    else:
        try:
            moment = datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS_FROM else number, UTC)
        except (OverflowError, OSError):
            raise ValueError(text) from None
    found = bounded_time(moment)
    if found is None:
        raise ValueError(text)
    return found.isoformat().replace("+00:00", "Z")


def percent_of(text: str) -> float:
    """A utilization in percent; a `%` behind it is no harm.

    Raises:
        ValueError: it is none.
    """
    found = percentage(float(text.strip().removesuffix("%")))
    if found is None:
        raise ValueError(text)
    return found


def not_a_reading(line: int, why: str = "is not a reading") -> BadUsageError:
    """The error for a line that cannot be taken."""
    return BadUsageError(f"Line {line} {why}.", "Nothing was added.")
