"""The accounts there are to look at, each with the poller that keeps its state; one of them is on the screen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_meter_tui.beside import LocalSide
    from claude_meter_tui.poller import Poller
    from claude_meter_tui.state import MeterState

# How often it is looked whether there are others by now.
_RENEW_SECONDS = 5.0


class Seat(NamedTuple):
    """One account: its poller, and what makes its local side (None: it has no transcripts here)."""

    poller: Poller
    open_local: Callable[[], LocalSide] | None = None


class Seats:
    """All of them.

    Args:
        seats: at least one; the first is on the screen to begin with.
        changed: told whenever the state of any of them has changed, or there are others.
        survived: told of an exception nobody foresaw.
        renewed: the seats there are by now, given those there were.
    """

    def __init__(
        self,
        seats: Sequence[Seat],
        changed: Callable[[], None],
        survived: Callable[[BaseException], None],
        renewed: Callable[[Sequence[Seat]], Sequence[Seat]] = tuple,
    ) -> None:
        self._seats = tuple(seats)
        self.at = 0
        self._changed, self._survived, self._renewed = changed, survived, renewed
        for seat in self._seats:
            seat.poller.publish = self._publish

    def _publish(self, _: MeterState) -> None:
        self._changed()

    @property
    def chosen(self) -> Seat:
        """The one on the screen."""
        return self._seats[self.at]

    @property
    def poller(self) -> Poller:
        """Its poller."""
        return self.chosen.poller

    @property
    def states(self) -> tuple[MeterState, ...]:
        """Every state, in the order of the seats."""
        return tuple(seat.poller.state for seat in self._seats)

    def renew(self) -> None:
        """Take in the accounts there are by now; the one on the screen stays."""
        found = tuple(self._renewed(self._seats))
        if found == self._seats:
            return
        account_id = self.poller.account_id
        same = [at for at, seat in enumerate(found) if seat is self.chosen]
        same += [at for at, seat in enumerate(found) if seat.poller.account_id == account_id]
        self._seats, self.at = found, next(iter(same), 0)
        for seat in found:
            seat.poller.publish = self._publish
        self._changed()

    async def run(self) -> None:
        """Keep them all true, until cancelled."""
        running: dict[Poller, asyncio.Task[None]] = {}
        try:
            while True:
                pollers = [seat.poller for seat in self._seats]
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
                    self.renew()
                except Exception as error:  # noqa: BLE001 - those there are stay
                    self._survived(error)
        finally:
            for task in running.values():
                task.cancel()
