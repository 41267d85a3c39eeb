"""The one immutable state the poller makes and everything on the screen is drawn from.

It must not know where a reading came from or how it is drawn.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.domain.urgency import STALE_AFTER

if TYPE_CHECKING:
    from datetime import datetime

    from claude_meter_tui.analysis.outlook import Outlook
    from claude_meter_tui.domain.windows import Reading
    from claude_meter_tui.polling.schedule import Plan
    from claude_meter_tui.sources.source import Looked


# Claude Code's cache says what was at least used some time ago: never live (FACTS §2).
_FLOORS = ("cache",)
_HEARD = ("statusline", "bridge")
_BY_PLAN = ("known", "quiet", "reset")


class Phase(StrEnum):
    """What the numbers on the screen are worth just now."""

    LOADING = "loading"
    """Nothing to show yet; the first answer is awaited."""
    LIVE = "live"
    STALE = "stale"
    """The last reading is older than `STALE_AFTER`."""
    WAITING = "waiting"
    """The server asked us to wait; nothing is sent before."""
    OFFLINE = "offline"
    """No usable answer; tried again on a ladder."""
    SIGNED_OUT = "signed out"
    """There was a login, and it no longer works."""
    SETUP = "setup"
    """No credential and nothing stored: the first thing to do is to get one."""


class Trouble(NamedTuple):
    """Why there is no newer reading: the phase it puts the screen in, and what to tell the user."""

    phase: Phase
    sentence: str
    hint: str

    def as_text(self) -> str:
        """One text for the gate's row, so that every pane can say the same."""
        return "\n".join((self.phase.value, self.sentence, self.hint))

    @classmethod
    def from_text(cls, text: str) -> Trouble:
        """The inverse of `as_text`; an unknown text is shown as it is."""
        phase, _, rest = text.partition("\n")
        sentence, _, hint = rest.partition("\n")
        try:
            return cls(Phase(phase), sentence, hint)
        except ValueError:
            return cls(Phase.OFFLINE, text, "")


class MeterState(NamedTuple):
    """Everything there is to show.

    `next_ask` is when the network is asked next, by the local clock; None while paused or without a credential;
    `plan` says why then.
    `skew` is how far the server's clock is ahead of the local one. `notice` is a message that is not about reading
    (a damaged store set aside). `since`: from when on it is in the trouble it is in, or, without any, since when
    there has been none. `outlook` is what the analysis made of the account last. `version` grows with each new reading,
    for whoever keeps something derived from it.
    """

    reading: Reading | None = None
    trouble: Trouble | None = None
    next_ask: datetime | None = None
    plan: Plan | None = None
    asking: bool = False
    paused: bool = False
    demo: bool = False
    skew: timedelta = timedelta(0)
    looked: tuple[Looked, ...] = ()
    notice: str = ""
    since: datetime | None = None
    outlook: Outlook | None = None
    version: int = 0

    def true_now(self, now: datetime) -> datetime:
        """The server's idea of the local `now`; what resets count from. Readings are dated by the local clock."""
        return now + self.skew

    def phase(self, now: datetime) -> Phase:
        """What the numbers are worth at the local time `now`."""
        fresh = self.reading is not None and now - self.reading.observed_at <= STALE_AFTER
        # Later by plan, since little can have changed, is not too late.
        fresh = fresh or (self.plan is not None and self.plan.why in _BY_PLAN and now < self.plan.at)
        fresh = fresh and self.reading is not None and self.reading.source not in _FLOORS
        if self.trouble is not None:
            # Without a login, a source that asks nobody can still keep the figures live.
            needs_login = self.trouble.phase in (Phase.SETUP, Phase.SIGNED_OUT)
            heard = self.reading is not None and self.reading.source in _HEARD
            return Phase.LIVE if needs_login and heard and fresh else self.trouble.phase
        if self.reading is None:
            return Phase.LOADING
        return Phase.LIVE if fresh else Phase.STALE
