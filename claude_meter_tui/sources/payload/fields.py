"""The fields of a usage body that can be absent: a percentage, a time; what is there and is none is named as damage."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from claude_meter_tui.domain.bounds import bounded_time, percentage

_AS_THE_SERVER_SENDS_IT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def optional_percentage(value: Any, where: str, damage: list[str]) -> float | None:
    """None stays None; what is no percentage is damage and None."""
    if value is None:
        return None
    found = percentage(value)
    if found is None:
        damage.append(where)
    return found


def optional_time(value: Any, where: str, damage: list[str]) -> datetime | None:
    """None stays None; what is no time is damage and None."""
    found = time_of(value)
    if found is None and value is not None:
        damage.append(where)
    return found


def time_of(value: Any) -> datetime | None:
    """ISO-8601 with offset → aware UTC; None for anything else."""
    if not isinstance(value, str) or not 10 < len(value) <= 40:
        return None
    try:
        if _AS_THE_SERVER_SENDS_IT.fullmatch(value):
            return bounded_time(datetime.fromisoformat(value).astimezone(UTC))
    except (ValueError, OverflowError):
        pass  # a leap second, midnight as 24:00: below
    import pendulum  # 2 MB of a dashboard left open, for what hardly ever comes

    try:
        parsed = pendulum.parse(value, strict=True)
        if not isinstance(parsed, pendulum.DateTime):
            return None
        return bounded_time(datetime.fromtimestamp(parsed.int_timestamp, UTC).replace(microsecond=parsed.microsecond))
    except (ValueError, OverflowError, OSError):
        return None
