"""A time as a person gives it on the command line → a plain aware UTC datetime."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from claude_meter_tui.domain.errors import BadUsageError

if TYPE_CHECKING:
    from datetime import tzinfo

# Nothing is older or will be younger; and arithmetic near the years 1 and 9999 overflows.
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_LONGEST = 64


def given_time(flag: str, text: str, zone: tzinfo | str = UTC) -> datetime:
    """`2026-11-23`, `2026-11-23T09:00Z` and whatever else of ISO-8601 pendulum reads; at most from 1970 to 2200.

    Args:
        flag: where it was given, for the message.
        text: what was given.
        zone: what a time without an offset is in; `local` for the machine's.

    Raises:
        BadUsageError: it is no time.
    """
    import pendulum  # 60 ms, only where a time is given

    if zone == "local":
        zone = pendulum.tz.local_timezone()
    try:
        found = pendulum.parse(text, tz="UTC" if zone is UTC else zone) if len(text) <= _LONGEST else None
    except (ValueError, OverflowError, TypeError):
        found = None
    if not isinstance(found, pendulum.DateTime):
        raise BadUsageError(
            f"{flag} {text[:_LONGEST]!r} is not a time.", "Write it like 2026-11-23 or 2026-11-23T09:00Z."
        )
    # Plain: pendulum's own arithmetic does not take datetime's timedeltas everywhere.
    seconds = min(max(found.timestamp(), _FIRST.timestamp()), _LAST.timestamp())
    return datetime.fromtimestamp(seconds, UTC)
