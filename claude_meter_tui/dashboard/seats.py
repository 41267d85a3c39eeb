"""The accounts there are to look at, each with the poller that keeps its state; one of them is on the screen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_meter_tui.beside import LocalSide
    from claude_meter_tui.poller import Poller
    from claude_meter_tui.state import MeterState


class Seat(NamedTuple):
    """One account: its poller, and what makes its local side (None: it has no transcripts here)."""

    poller: Poller
    open_local: Callable[[], LocalSide] | None = None


class Seats:
    """All of them.

    Args:
        seats: at least one; the first is on the screen to begin with.
        changed: told whenever the state of any of them has changed.
    """

    def __init__(self, seats: Sequence[Seat], changed: Callable[[], None]) -> None:
        self._seats = tuple(seats)
        self.at = 0
        self._changed = changed
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

    async def run(self) -> None:
        """Keep them all true, until cancelled."""
        await asyncio.gather(*(seat.poller.run() for seat in self._seats))
