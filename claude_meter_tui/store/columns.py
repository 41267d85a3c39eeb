"""How times and names stand in the store: whole microseconds since 1970 UTC, which are exact and sort. Light."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from claude_meter_tui.domain.foreign_text import shown

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Within these years arithmetic on a time cannot overflow; a server's clock once brought the year 9999 in here.
_FIRST_MICROS, LAST_MICROS = 0, 7_258_118_400_000_000


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(microseconds: int) -> datetime:
    """The aware UTC time of `micros`."""
    return _EPOCH + timedelta(microseconds=microseconds)


def parse_iso(text: str) -> datetime:
    """An ISO-8601 time as this program writes it, or any with an offset.

    Raises:
        ValueError: not such a time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


def time_of(seconds: float) -> datetime:
    """The aware UTC time of seconds since 1970, to the microsecond, brought within reach."""
    return moment_of(min(max(round(seconds * 1e6), _FIRST_MICROS), LAST_MICROS))


def iso_of(microseconds: int | None) -> str | None:
    """ISO-8601 UTC with `Z`, brought within reach; None stays None."""
    if microseconds is None:
        return None
    bounded = min(max(microseconds, _FIRST_MICROS), LAST_MICROS)
    return moment_of(bounded).isoformat().replace("+00:00", "Z")


def clean_name(value: str | None) -> str | None:
    """A name as it may be shown: one stored by an older version may not have been cleaned when it came in."""
    return value if value is None else shown(value)
