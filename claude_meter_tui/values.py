"""What a value in somebody else's JSON can mean, if anything: any value in, no exception out, nothing invented.

Light: the status line needs it.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONGEST_TEXT = 60


def number(value: Any) -> float | None:
    """A number from zero up, as sent. Not a numeral in a string, a bool, NaN, or below zero: none of these is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def clean_text(value: Any, longest: int = _LONGEST_TEXT) -> str | None:
    """A text made safe to show and store: printable, one line, bounded. None where nothing is left."""
    if not isinstance(value, str):
        return None
    text = "".join(character for character in value[: longest * 4] if character.isprintable()).strip()
    return text[:longest] or None


def time_of_milliseconds(value: Any) -> datetime | None:
    """Milliseconds since 1970 UTC → the aware time."""
    milliseconds = number(value)
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
