"""What a value in somebody else's JSON can mean, if anything: any value in, no exception out, nothing invented.

Every number and time is bounded here, at the door: what no server means (1e300 percent, a reset in the year 9999) is no
value. Light: the status line needs it.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A window can pass 100 %, a gateway's spend limit by a lot; a hundred times the limit is no reading any more.
MOST_PERCENT = 10_000.0
_LARGEST_NUMBER = 1e15
_FIRST_YEAR, _LAST_YEAR = 2000, 2200

# A wait longer than this is not believed: a broken Retry-After must not silence the meter for good.
LONGEST_WAIT = timedelta(days=7)


def number(value: Any) -> float | None:
    """A number from zero up, as sent. Not a numeral in a string, a bool, NaN, or below zero: none of these is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) and 0 <= found <= _LARGEST_NUMBER else None


def percentage(value: Any) -> float | None:
    """A utilization in percent, as sent: 0.5 is half a percent, 113 is possible; 1e300 is none."""
    found = number(value)
    return found if found is not None and found <= MOST_PERCENT else None


def time_of_milliseconds(value: Any) -> datetime | None:
    """Milliseconds since 1970 UTC → the aware time."""
    milliseconds = number(value)
    if milliseconds is None:
        return None
    try:
        return bounded_time(datetime.fromtimestamp(milliseconds / 1000, UTC), first_year=1970)
    except (ValueError, OverflowError, OSError):
        return None


def bounded_time(moment: datetime, first_year: int = _FIRST_YEAR) -> datetime | None:
    """The aware time in UTC, if it is of a year anybody could mean.

    Arithmetic on the years 1 and 9999 overflows at the first subtraction, so such a time must not come in.
    """
    try:
        utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return utc if first_year <= utc.year <= _LAST_YEAR else None


def iso_utc(moment: datetime) -> str:
    """ISO-8601 in UTC with `Z`, to the second: the form of every time that leaves the program."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
