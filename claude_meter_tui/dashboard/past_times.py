"""Words for times that are over, shared by the comparison and the detail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from claude_meter_tui.output import words

if TYPE_CHECKING:
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.turns.turn import Turn


def turn_time(turn: Turn, view: View) -> str:
    """When a turn was, by the local clock: `11:58`, `Fri 11:58`."""
    return past_time(datetime.fromtimestamp(turn.at / 1000, UTC), view.now)


def past_time(moment: datetime, now: datetime) -> str:
    """A time that is over, to the full minute it was in."""
    return words.clock_time(moment - timedelta(seconds=30), now)
