"""When the usage endpoint may be asked, and when it should be: pure decisions about one endpoint's Gate.

The endpoint's rate limit is per account and shared by every client, and a request inside a server's wait starts that
wait again (FACTS §4). So the Gate lives in the store, is read and written in one transaction by whichever pane wants
to ask, and outlives a restart. It must not know HTTP or the screen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.store import micros, moment_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from claude_meter_tui.store import Store

_DAY = timedelta(days=1)
# A wait longer than this is not believed: a broken Retry-After must not silence the meter for good.
_LONGEST_WAIT = timedelta(days=7)


class Cadence(NamedTuple):
    """How often to ask. The defaults are for the real endpoint; the demo's own server bears more.

    - `base`, `slowest`: claude-meter went from 60 s by way of 180 s to 900 s before the 429s ended, and up to 1800 s
      while nothing changes (FACTS §4).
    - `cushion`: retrying exactly at the end of a wait earned another 3600 s.
    - `ladder`: our own waits after failures, so that `Retry-After: 0` (sent for days) does not become a loop.
    - `at_least`: between two requests whoever wants them, a key included.
    - `after_reset`: past a reset's instant, which jitters by up to 1.9 s; then `again_after` while the server still
      sends the ended window's percentage, for `ended_grace` at the most.
    - `daily`, `kept_for_keys`: requests in any 24 h, and how many of them only a person may spend.
    """

    base: timedelta = timedelta(minutes=15)
    slowest: timedelta = timedelta(minutes=30)
    cushion: timedelta = timedelta(seconds=300)
    ladder: tuple[int, ...] = (75, 180, 300, 600, 1200, 1800)
    at_least: timedelta = timedelta(seconds=60)
    after_reset: timedelta = timedelta(seconds=20)
    again_after: timedelta = timedelta(seconds=75)
    ended_grace: timedelta = timedelta(minutes=4)
    daily: int = 100
    kept_for_keys: int = 10

    def step(self, failures: int) -> timedelta:
        """The ladder's wait after the n-th failure in a row (n from 1)."""
        return timedelta(seconds=self.ladder[min(max(failures, 1), len(self.ladder)) - 1])


DEMO_CADENCE = Cadence(
    base=timedelta(seconds=10),
    slowest=timedelta(seconds=20),
    cushion=timedelta(seconds=5),
    ladder=(5, 10, 20, 30),
    at_least=timedelta(seconds=2),
    after_reset=timedelta(seconds=3),
    again_after=timedelta(seconds=5),
    daily=100_000,
    kept_for_keys=0,
)


@dataclass(frozen=True, slots=True)
class Gate:
    """What is known about asking one endpoint.

    `wait_until`: a server's wait, nothing may be sent before. `retry_at`: our own ladder after trouble that never
    earned a wait; a key may go earlier. `failures` in a row, `unchanged` readings in a row, `asked_at` the last
    request, `trouble` the last failure as the poller words it, None once a reading came.
    `set_at` is when this was written, by the local clock.
    """

    set_at: datetime
    wait_until: datetime | None = None
    retry_at: datetime | None = None
    failures: int = 0
    unchanged: int = 0
    asked_at: datetime | None = None
    trouble: str | None = None

    @classmethod
    def load(cls, store: Store, endpoint: str, now: datetime) -> Gate:
        """The endpoint's gate as of now; an open one where none was stored."""
        row = store.gate_row(endpoint)
        if row is None:
            return cls(set_at=now)
        set_at, wait_until, retry_at, failures, unchanged, asked_at, trouble = row
        gate = cls(
            set_at=moment_of(int(set_at or 0)),
            wait_until=_moment(wait_until),
            retry_at=_moment(retry_at),
            failures=int(failures or 0),
            unchanged=int(unchanged or 0),
            asked_at=_moment(asked_at),
            trouble=None if trouble is None else str(trouble),
        )
        return gate._with_clock_set_back(now)

    def save(self, store: Store, endpoint: str) -> None:
        """Write it for every process to see."""
        store.put_gate_row(
            endpoint,
            (
                micros(self.set_at),
                _micros(self.wait_until),
                _micros(self.retry_at),
                self.failures,
                self.unchanged,
                _micros(self.asked_at),
                self.trouble,
            ),
        )

    def _with_clock_set_back(self, now: datetime) -> Gate:
        """The local clock was set back since this was written: keep the waits' lengths, not their dates."""
        back = self.set_at - now
        if back < timedelta(minutes=1):
            return self
        return replace(
            self,
            set_at=now,
            wait_until=self.wait_until and self.wait_until - back,
            retry_at=self.retry_at and self.retry_at - back,
            asked_at=self.asked_at and self.asked_at - back,
        )

    # --- what happened ---------------------------------------------------------------------------------------------

    def asked(self, now: datetime) -> Gate:
        """A request is about to be sent."""
        return replace(self, set_at=now, asked_at=now)

    def answered(self, now: datetime, *, changed: bool) -> Gate:
        """A reading came: every mark of trouble goes."""
        return Gate(set_at=now, asked_at=self.asked_at, unchanged=0 if changed else self.unchanged + 1)

    def refused(self, now: datetime, server_wait: timedelta, trouble: str, cadence: Cadence) -> Gate:
        """429, or another answer that named a wait: max(the server's + cushion, our ladder)."""
        failures = self.failures + 1
        wait = min(max(server_wait + cadence.cushion, cadence.step(failures)), _LONGEST_WAIT)
        return replace(self, set_at=now, failures=failures, wait_until=now + wait, retry_at=None, trouble=trouble)

    def failed(self, now: datetime, trouble: str, cadence: Cadence) -> Gate:
        """No usable answer, and no wait named."""
        failures = self.failures + 1
        return replace(self, set_at=now, failures=failures, retry_at=now + cadence.step(failures), trouble=trouble)

    # --- what follows ----------------------------------------------------------------------------------------------

    def closed_until(self, now: datetime, asks: list[datetime], cadence: Cadence, *, by_key: bool) -> datetime | None:
        """None if a request may be sent now, else when it may.

        Args:
            now: the local time.
            asks: when requests were sent in the last 24 h, oldest first.
            cadence: how often to ask.
            by_key: a person asks: our own ladder does not hold them, the server's wait does.
        """
        holds: list[datetime] = []
        if self.wait_until is not None:
            holds.append(self.wait_until)
        if self.asked_at is not None:
            holds.append(self.asked_at + cadence.at_least)
        if self.retry_at is not None and not by_key:
            holds.append(self.retry_at)
        budget = cadence.daily if by_key else cadence.daily - cadence.kept_for_keys
        if len(asks) >= budget:
            holds.append(asks[len(asks) - budget] + _DAY)
        latest = max(holds, default=now)
        return latest if latest > now else None

    def interval(self, cadence: Cadence) -> timedelta:
        """From one reading to the next: slower while nothing changes."""
        return min(cadence.base * (1 + self.unchanged / 3), cadence.slowest)

    def due(
        self,
        now: datetime,
        asks: list[datetime],
        cadence: Cadence,
        read_at: datetime | None,
        resets: Iterable[datetime],
    ) -> datetime:
        """When the poller asks next on its own.

        Args:
            now: the local time.
            asks: as for `closed_until`.
            cadence: how often to ask.
            read_at: when the newest reading of every window was taken; None: there is none, so at once.
            resets: the windows' `resets_at`, on the same clock as `now`.
        """
        if read_at is None:
            wanted = now
        else:
            wanted = min([read_at + self.interval(cadence), *_reset_asks(read_at, resets, cadence)])
        held = self.closed_until(now, asks, cadence, by_key=False)
        return wanted if held is None else max(wanted, held)


def budget_window(store: Store, endpoint: str, now: datetime) -> list[datetime]:
    """The requests sent to an endpoint in the last 24 h, oldest first."""
    return store.asks_since(endpoint, now - _DAY)


def claim(store: Store, endpoint: str, now: datetime, cadence: Cadence, *, by_key: bool) -> datetime | None:
    """Take the right to send one request; None if taken, else when it may be tried again.

    One transaction, so of any number of panes exactly one sends.
    """
    with store.transaction():
        gate = Gate.load(store, endpoint, now)
        held = gate.closed_until(now, budget_window(store, endpoint, now), cadence, by_key=by_key)
        if held is None:
            gate.asked(now).save(store, endpoint)
            store.note_ask(endpoint, now, forget_before=now - 2 * _DAY)
        return held


def _reset_asks(read_at: datetime, resets: Iterable[datetime], cadence: Cadence) -> list[datetime]:
    asks: list[datetime] = []
    for resets_at in resets:
        if resets_at > read_at:
            asks.append(resets_at + cadence.after_reset)
        elif read_at - resets_at < cadence.ended_grace:
            # The server still sent the ended window (FACTS §1): one quick look again, not a full window.
            asks.append(read_at + cadence.again_after)
    return asks


def _moment(value: int | str | None) -> datetime | None:
    return None if value is None else moment_of(int(value))


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)
