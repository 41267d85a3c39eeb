"""The accounts there are to look at, each with the poller that keeps its state; one of them is on the screen."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_meter_tui.analysis.background import Analyst
    from claude_meter_tui.analysis.local_side import LocalSide
    from claude_meter_tui.polling.poller import Poller
    from claude_meter_tui.polling.state import MeterState

# How often it is looked whether there are others by now, and whether there is something to analyse.
_RENEW_SECONDS = 3.0


class PolledAccount(NamedTuple):
    """One account: its poller, what makes its local side (None: no transcripts here), what makes its analyst."""

    poller: Poller
    open_local: Callable[[], LocalSide] | None = None
    open_analyst: Callable[[], Analyst] | None = None


class PolledAccounts:
    """All of them.

    Args:
        accounts: at least one; the first is on the screen to begin with.
        changed: told whenever the state of any of them has changed, or there are others.
        survived: told of an exception nobody foresaw.
        renewed: the accounts there are by now, given those there were.
        alert: looks whether there is something to tell of an account.
    """

    def __init__(
        self,
        accounts: Sequence[PolledAccount],
        changed: Callable[[], None],
        survived: Callable[[BaseException], None],
        renewed: Callable[[Sequence[PolledAccount]], Sequence[PolledAccount]] = tuple,
        alert: Callable[[int | None, MeterState], None] = lambda _row, _state: None,
    ) -> None:
        self._accounts = tuple(accounts)
        self._analysts: dict[Poller, Analyst] = {}
        self.at = 0
        self._changed, self._survived, self._renewed, self._alert = changed, survived, renewed, alert
        for polled in self._accounts:
            polled.poller.publish = self._publish

    def _publish(self, _: MeterState) -> None:
        self._changed()

    @property
    def chosen(self) -> PolledAccount:
        """The one on the screen."""
        return self._accounts[self.at]

    @property
    def poller(self) -> Poller:
        """Its poller."""
        return self.chosen.poller

    @property
    def states(self) -> tuple[MeterState, ...]:
        """Every state, in the order of the accounts."""
        return tuple(polled.poller.state for polled in self._accounts)

    def renew(self) -> None:
        """Take in the accounts there are by now; the one on the screen stays."""
        found = tuple(self._renewed(self._accounts))
        if found == self._accounts:
            return
        account_id = self.poller.account_id
        same = [at for at, polled in enumerate(found) if polled is self.chosen]
        same += [at for at, polled in enumerate(found) if polled.poller.account_id == account_id]
        self._accounts, self.at = found, next(iter(same), 0)
        for polled in found:
            polled.poller.publish = self._publish
        self._changed()

    def _analyse(self) -> None:
        """Of the account on the screen, whatever is new to it."""
        poller, make = self.chosen.poller, self.chosen.open_analyst
        if make is None:
            return
        analyst = self._analysts.get(poller)
        if analyst is None:
            analyst = self._analysts[poller] = make()
        state = poller.state
        analyst.notice(poller.account_id, state.reading, state.outlook, poller.now(), state.skew)

    def _look_for_alerts(self) -> None:
        with suppress(sqlite3.Error):  # the poller says so; looked at again
            for polled in self._accounts:
                self._alert(polled.poller.account_id, polled.poller.state)

    async def run(self) -> None:
        """Keep them all true, until cancelled."""
        running: dict[Poller, asyncio.Task[None]] = {}
        try:
            while True:
                pollers = [polled.poller for polled in self._accounts]
                for gone in running.keys() - set(pollers):
                    running.pop(gone).cancel()
                for poller in pollers:
                    if poller not in running:
                        running[poller] = asyncio.create_task(poller.run())
                done, _ = await asyncio.wait(running.values(), timeout=_RENEW_SECONDS)
                running = {poller: task for poller, task in running.items() if task not in done}
                for task in done:  # a poller never ends but by a defect: it is begun anew
                    if not task.cancelled() and (error := task.exception()) is not None:
                        self._survived(error)
                if done:
                    await asyncio.sleep(_RENEW_SECONDS)
                try:
                    self._analyse()
                    self.renew()
                    self._look_for_alerts()
                except Exception as error:  # noqa: BLE001 - those there are stay
                    self._survived(error)
        finally:
            for task in running.values():
                task.cancel()
            for analyst in self._analysts.values():
                analyst.stop()
