"""When the usage endpoint may be asked: pure decisions about one endpoint's Gate. When it should be: `schedule`.

The endpoint's rate limit is per account and shared by every client, and a request inside a server's wait starts that
wait again (FACTS §4). So the Gate lives in the store, is read and written in one transaction by whichever pane wants
to ask, and outlives a restart. It must not know HTTP or the screen.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from claude_meter_tui.domain.bounds import LONGEST_WAIT
from claude_meter_tui.polling.schedule import Plan, Why
from claude_meter_tui.store.columns import micros, moment_of
from claude_meter_tui.system import processes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from claude_meter_tui.settings.cadence import Cadence
    from claude_meter_tui.store.store import Store
    from claude_meter_tui.system.uptime import Uptime

    Keys = tuple[str, ...]
    """What one and the same rate limit is known by: the place of a login, and the account it turned out to be."""

Asker = Literal["meter", "person", "script"]
"""Who asks: the meter by itself, a person, whom our own ladder does not hold, or a script, perhaps in a loop."""

_DAY = timedelta(days=1)
# Two clocks are never read at the very same moment, and NTP slews a little.
_STEP_FROM = timedelta(seconds=2)
# Where the machine was started anew, only a clock that went backwards gives itself away.
_BACK_FROM = timedelta(minutes=1)


class Gate(NamedTuple):
    """What is known about asking one endpoint.

    `wait_until`: a server's wait, nothing may be sent before. `retry_at`: our own ladder after trouble that never
    earned a wait; a key may go earlier. `failures` in a row, `unchanged` readings in a row, `asked_at` the last
    request, `trouble` the last failure as the poller words it, None once a reading came, `refused` the fingerprint of
    a credential the server has refused: it is not sent again by itself.
    `set_at` is when this was written, by the local clock, `uptime` by the one that nobody can set. `asker` marks the
    process whose request is under way; `orphaned` says that it is gone: nobody will write down what came of it;
    `awaited` that it is another's, and still there.
    """

    set_at: datetime
    uptime: Uptime | None = None
    wait_until: datetime | None = None
    retry_at: datetime | None = None
    failures: int = 0
    unchanged: int = 0
    asked_at: datetime | None = None
    trouble: str | None = None
    refused: str | None = None
    asker: str | None = None
    orphaned: bool = False
    awaited: bool = False

    @classmethod
    def load(cls, store: Store, keys: Keys, now: datetime, uptime: Uptime | None = None) -> Gate:
        """The gate as of now: closed as long as that of any of the keys; an open one where none was stored.

        A clock that was set since moves every time in it along; `claim` and `refresh` write that down.
        """
        rows = [row for key in keys if (row := store.gate_row(key)) is not None]
        gates = [_by_clock(cls._from_row(row), now, uptime) for row in rows]
        return joined(gates) if gates else cls(set_at=now, uptime=uptime)

    @classmethod
    def _from_row(cls, row: tuple[int | str | None, ...]) -> Gate:
        set_at, wait_until, retry_at, failures, unchanged, asked_at, trouble, boot, up, refused, asker = row
        gone = asker is not None and processes.is_gone(str(asker))
        return cls(
            set_at=moment_of(int(set_at or 0)),
            uptime=None if boot is None or up is None else (str(boot), int(up)),
            wait_until=_moment(wait_until),
            retry_at=_moment(retry_at),
            failures=int(failures or 0),
            unchanged=int(unchanged or 0),
            asked_at=_moment(asked_at),
            trouble=None if trouble is None else str(trouble),
            refused=None if refused is None else str(refused),
            asker=None if asker is None else str(asker),
            orphaned=gone,
            awaited=asker is not None and not gone and asker != processes.mark_of_this_process(),
        )

    def save(self, store: Store, keys: Keys) -> None:
        """Write it for every process to see."""
        boot, up = self.uptime or (None, None)
        for key in keys:
            store.put_gate_row(
                key,
                (
                    micros(self.set_at),
                    _micros(self.wait_until),
                    _micros(self.retry_at),
                    self.failures,
                    self.unchanged,
                    _micros(self.asked_at),
                    self.trouble,
                    boot,
                    up,
                    self.refused,
                    self.asker,
                ),
            )

    # --- what happened ---------------------------------------------------------------------------------------------

    def at(self, now: datetime, uptime: Uptime | None) -> Gate:
        """The same, written down now."""
        return self._replace(set_at=now, uptime=uptime)

    def asked(self, now: datetime) -> Gate:
        """A request is about to be sent, by this process."""
        return self._replace(asked_at=now, asker=processes.mark_of_this_process(), orphaned=False, awaited=False)

    def answered(self, *, changed: bool) -> Gate:
        """A reading came: every mark of trouble goes."""
        unchanged = 0 if changed else self.unchanged + 1
        return Gate(self.set_at, self.uptime, asked_at=self.asked_at, unchanged=unchanged)

    def made_to_wait(self, now: datetime, server_wait: timedelta, trouble: str, cadence: Cadence) -> Gate:
        """429, or another answer that named a wait: max(the server's + cushion, our ladder)."""
        failures = self.failures + 1
        wait = min(max(min(server_wait, LONGEST_WAIT) + cadence.cushion, cadence.step(failures)), LONGEST_WAIT)
        return self._settled()._replace(failures=failures, wait_until=now + wait, retry_at=None, trouble=trouble)

    def failed(
        self,
        now: datetime,
        trouble: str,
        cadence: Cadence,
        at_least: timedelta = timedelta(0),
        refused: str | None = None,
    ) -> Gate:
        """No usable answer, and no wait named; `refused`: the fingerprint of the credential that was refused."""
        failures = self.failures + 1
        retry_at = now + max(cadence.step(failures), at_least)
        return self._settled()._replace(failures=failures, retry_at=retry_at, trouble=trouble, refused=refused)

    def _settled(self) -> Gate:
        """What came of the request is known: no process's answer is awaited any more."""
        return self._replace(asker=None, awaited=False)

    def forgiven(self) -> Gate:
        """Another credential: what the one before ran into says nothing any more. A server's wait stays."""
        if self.wait_until is not None:
            return self._replace(retry_at=None, refused=None)
        return self._replace(retry_at=None, refused=None, trouble=None)

    # --- what follows ----------------------------------------------------------------------------------------------

    def held(self, now: datetime, asks: list[datetime], cadence: Cadence, by: Asker) -> Plan | None:
        """None if a request may be sent now, else when it may, and why not before.

        Args:
            now: the local time.
            asks: when requests were sent in the last 24 h, oldest first.
            cadence: how often to ask.
            by: who asks.
        """
        holds: list[Plan] = []
        if self.wait_until is not None:
            holds.append(Plan(self.wait_until, Why.WAIT))
        if self.asked_at is not None:
            holds.append(
                Plan(self.asked_at + (cadence.after_crash if self.orphaned else cadence.at_least), Why.JUST_ASKED)
            )
        if self.asked_at is not None and self.awaited:  # its answer may be a wait
            holds.append(Plan(self.asked_at + cadence.under_way, Why.AWAITED))
        if self.retry_at is not None and by != "person":
            holds.append(Plan(self.retry_at, Why.TROUBLE))
        budget = cadence.daily if by == "person" else cadence.daily - cadence.kept_for_keys
        if len(asks) >= budget:
            holds.append(Plan(asks[len(asks) - budget] + _DAY, Why.BUDGET))
        if by == "script" and len(asks) >= cadence.scripted:
            holds.append(Plan(asks[len(asks) - cadence.scripted] + cadence.scripted_span, Why.BUDGET))
        latest = max(holds, key=lambda hold: hold.at, default=None)
        return latest if latest is not None and latest.at > now else None


def budget_window(store: Store, keys: Keys, now: datetime) -> list[datetime]:
    """The requests sent under any of these keys in the last 24 h, oldest first."""
    sent = max((store.asks_since(key, now - _DAY) for key in keys), key=len, default=[])
    return [min(moment, now) for moment in sent]


def claim(
    store: Store, keys: Keys, now: datetime, cadence: Cadence, by: Asker, uptime: Uptime | None = None
) -> Plan | None:
    """Take the right to send one request; None if taken, else when it may be tried again, and why not now.

    One transaction, so of any number of panes exactly one sends. A clock that was set since the gate was written is
    taken into account for good, also where the gate stays closed: else it would stay so for as long as the clock was
    ahead.
    """
    with store.transaction():
        gate = _refreshed(store, keys, now, uptime)
        held = gate.held(now, budget_window(store, keys, now), cadence, by)
        if held is None:
            gate.at(now, uptime).asked(now).save(store, keys)
            store.note_ask(keys, now, forget_before=now - 2 * _DAY)
        return held


def refresh(store: Store, keys: Keys, now: datetime, uptime: Uptime | None) -> Gate:
    """The gate as of now; where the clock was set since, written down anew."""
    gate = Gate.load(store, keys, now, uptime)
    if gate.set_at != now or all(store.gate_row(key) is None for key in keys):
        return gate
    with store.transaction():
        return _refreshed(store, keys, now, uptime)


def unclaim(store: Store, keys: Keys, asked_at: datetime) -> None:
    """A request that was claimed was never sent: it spends nothing."""
    with store.transaction():
        store.forget_ask(keys, asked_at)


def _refreshed(store: Store, keys: Keys, now: datetime, uptime: Uptime | None) -> Gate:
    gate = Gate.load(store, keys, now, uptime)
    if gate.set_at == now and any(store.gate_row(key) is not None for key in keys):
        gate.save(store, keys)
        store.asks_not_after(keys, now)
    return gate


def _by_clock(gate: Gate, now: datetime, uptime: Uptime | None) -> Gate:
    """The gate by today's clock: where that was set since, waits keep their length, not their dates."""
    if gate.uptime is not None and uptime is not None and gate.uptime[0] == uptime[0]:
        step = now - gate.set_at - timedelta(microseconds=uptime[1] - gate.uptime[1])
        step = step if abs(step) >= _STEP_FROM else timedelta(0)
    else:
        step = min(timedelta(0), now - gate.set_at)
        step = step if -step >= _BACK_FROM else timedelta(0)
    if not step:
        return gate
    return gate._replace(
        set_at=now,
        uptime=uptime,
        wait_until=gate.wait_until and gate.wait_until + step,
        retry_at=gate.retry_at and gate.retry_at + step,
        asked_at=gate.asked_at and gate.asked_at + step,
    )


def joined(gates: list[Gate]) -> Gate:
    """One gate as closed as all of them: a wait is the account's, whichever place its login stands in.

    Args:
        gates: at least one, all by the same clock.
    """
    newest = max(gates, key=lambda gate: gate.set_at)

    def latest(times: Iterable[datetime | None]) -> datetime | None:
        return max((time for time in times if time is not None), default=None)

    return newest._replace(
        wait_until=latest(gate.wait_until for gate in gates),
        asked_at=latest(gate.asked_at for gate in gates),
    )


def _moment(value: int | str | None) -> datetime | None:
    return None if value is None else moment_of(int(value))


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)
