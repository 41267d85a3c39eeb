"""Where "now" comes from: a clock is passed in, so that everything can run at any time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from claude_meter_tui.system import uptime

if TYPE_CHECKING:
    from claude_meter_tui.system.uptime import Uptime


_AT_ONCE = timedelta(seconds=0.25)
_LOOKS = 8


class Moment(NamedTuple):
    """All clocks at one and the same moment: the time of day, `uptime.Uptime`, and `uptime.awake`."""

    now: datetime
    uptime: Uptime
    awake: int


class Clock(Protocol):
    """Tells the local machine's idea of now, as an aware UTC time, and how long the machine has been up."""

    def now(self) -> datetime:
        """The current time."""
        ...

    def uptime(self) -> Uptime:
        """See `uptime.Uptime`."""
        ...

    def awake(self) -> int:
        """See `uptime.awake`."""
        ...

    def moment(self) -> Moment:
        """All of them at once."""
        ...


def follow_time_zone() -> None:
    """Take over the machine's time zone where it was set since: a process keeps the one it began with."""
    if hasattr(time, "tzset"):  # not on Windows, which follows by itself
        time.tzset()


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The current time."""
        return datetime.now(UTC)

    def uptime(self) -> Uptime:
        """See `uptime.system_uptime`."""
        return uptime.system_uptime()

    def awake(self) -> int:
        """See `uptime.awake`."""
        return uptime.awake()

    def moment(self) -> Moment:
        """All of them at once.

        A process can be stopped, or the machine fall asleep, between one look and the next; what then looks like a
        clock that was set would shorten a server's wait. So it is looked again where time has passed in between.
        """
        for _ in range(_LOOKS):
            before, up, awake, after = self.now(), self.uptime(), self.awake(), self.now()
            if timedelta(0) <= after - before < _AT_ONCE:
                break
        return Moment(after, up, awake)


class FixedClock:
    """A clock that stands until it is moved: for tests, pictures and `--at`."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment.astimezone(UTC)
        self._up = self._awake = timedelta(days=1)

    def now(self) -> datetime:
        """The moment it stands at."""
        return self._moment

    def uptime(self) -> Uptime:
        """A machine started a day before the clock was made."""
        return "fixed", self._up // timedelta(microseconds=1)

    def awake(self) -> int:
        """As long as the machine is up, less what it has slept."""
        return self._awake // timedelta(microseconds=1)

    def moment(self) -> Moment:
        """All of them."""
        return Moment(self.now(), self.uptime(), self.awake())

    def advance(self, **span: float) -> None:
        """Time passes: move on by a `timedelta`'s keywords."""
        self._awake += timedelta(**span)
        self.sleep(**span)

    def sleep(self, **span: float) -> None:
        """The machine sleeps that long."""
        self._moment += timedelta(**span)
        self._up += timedelta(**span)

    def step(self, **span: float) -> None:
        """Somebody sets the clock: another time of day, and no time has passed."""
        self._moment += timedelta(**span)
