"""Where "now" comes from: a clock is passed in, so that everything can run at any time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the local machine's idea of now, as an aware UTC time."""

    def now(self) -> datetime:
        """The current time."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The current time."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands until it is moved: for tests, pictures and `--at`."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment.astimezone(UTC)

    def now(self) -> datetime:
        """The moment it stands at."""
        return self._moment

    def advance(self, **span: float) -> None:
        """Move on by a `timedelta`'s keywords."""
        self._moment += timedelta(**span)
