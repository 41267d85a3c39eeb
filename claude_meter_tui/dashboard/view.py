"""What every widget draws from: the state, the moment, and how the user wants to see it. Immutable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from claude_meter_tui.analysis.carried import LIKELY_FROM
from claude_meter_tui.domain import urgency
from claude_meter_tui.output import words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from claude_meter_tui.analysis.local_side import Beside
    from claude_meter_tui.analysis.outlook import Range, WindowOutlook
    from claude_meter_tui.domain.instances import Point
    from claude_meter_tui.domain.windows import ExtraUsage, Window
    from claude_meter_tui.polling.state import MeterState, Phase


@dataclass(frozen=True, slots=True)
class View:
    """One glance.

    `now` is the local clock's; `true_now` is what resets count from. `points` is the history of the selected window
    over the chart's span, `spans` how many window lengths that is. `compare` is whether the local side is to be seen
    beside the windows, `beside` what it says of the selected window, once it is known. `accounts` are the states of all
    accounts, `account` the number of the one shown, `all_accounts` whether all are wished for as rows. `outlooks`
    is what the analysis says of each window's instance, `estimates` how full they are by now where that is not read.
    """

    state: MeterState
    now: datetime
    selected: str | None = None
    show_left: bool = False
    ascii: bool = False
    flash: str = ""
    points: tuple[Point, ...] = ()
    spans: int = 1
    compare: bool = False
    beside: Beside | None = None
    accounts: tuple[MeterState, ...] = ()
    account: int = 0
    all_accounts: bool = False
    outlooks: Mapping[str, WindowOutlook] = field(default_factory=dict)
    estimates: Mapping[str, Range] = field(default_factory=dict)

    @property
    def true_now(self) -> datetime:
        """The moment by the server's clock."""
        return self.state.true_now(self.now)

    @property
    def phase(self) -> Phase:
        """What the numbers are worth."""
        return self.state.phase(self.now)

    def outlook_of(self, window: Window) -> WindowOutlook | None:
        """What the analysis says of a window's instance; None where it says nothing of it."""
        return self.outlooks.get(window.key)

    @property
    def fills_first(self) -> Window | None:
        """The window that fills first, where it is known and likely; None else."""
        outlook = self.state.outlook
        if outlook is None or outlook["next_stop"] is None:
            return None
        window = next((window for window in self.windows if window.key == outlook["next_stop"]), None)
        found = None if window is None else self.outlook_of(window)
        return window if found is not None and found["first"] >= LIKELY_FROM else None

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows of the reading shown, in their usual order."""
        return self.state.reading.windows if self.state.reading is not None else ()

    @property
    def pressing(self) -> tuple[Window, ...]:
        """The same, the one that stops next first."""
        return tuple(sorted(self.windows, key=self._rank, reverse=True))

    @property
    def budget(self) -> ExtraUsage | None:
        """The money that is a limit of its own: the only one there is, or one that is reached; else None."""
        extra = self.state.reading.extra_usage if self.state.reading is not None else None
        if extra is None or not extra.is_shown or (extra.limit is None and extra.percent is None):
            return None
        return extra if not self.windows or (extra.enabled and extra.limit_reached) else None

    @property
    def next_stop(self) -> Window | None:
        """The window that fills first, else the one nearest to full that has not ended.

        None while nothing is used, or where money stops first.
        """
        if self.budget is not None:
            return None
        nearest = self.nearest
        return (
            nearest if nearest is not None and nearest.utilization >= urgency.FULL_FROM else self.fills_first or nearest
        )

    @property
    def nearest(self) -> Window | None:
        """The window nearest to full that has not ended, whatever money does; None while nothing is used."""
        now = self.true_now
        stopping = [window for window in self.windows if urgency.stops(window.utilization, window.resets_at, now)]
        return max(stopping, key=self._rank, default=None)

    @property
    def chosen(self) -> Window | None:
        """The selected window; without a selection the next stop, else the first."""
        found = next((window for window in self.windows if window.key == self.selected), None)
        return found or self.next_stop or max(self.windows, key=self._rank, default=None)

    @property
    def observed(self) -> tuple[datetime, str] | None:
        """When the selected window was last observed, and by which source; without windows, the reading's."""
        reading, chosen = self.state.reading, self.chosen
        if reading is None:
            return None
        if chosen is None or chosen.observed_at is None or chosen.source is None:
            return reading.observed_at, reading.source
        return chosen.observed_at, chosen.source

    def _rank(self, window: Window) -> urgency.Rank:
        return urgency.rank(window.utilization, window.resets_at, window.is_active, self.true_now)

    def changes_in(self) -> float:
        """Seconds until any text on the screen reads differently, if nothing happens but time."""
        now = self.true_now
        waits = [
            words.countdown_changes_in((window.resets_at - now).total_seconds())
            for window in self.windows
            if window.resets_at is not None
        ]
        if self.observed is not None:
            waits.append(words.age_changes_in((self.now - self.observed[0]).total_seconds()))
        if len(self.accounts) > 1:
            others = (state.reading for state in self.accounts if state.reading is not None)
            waits += [words.age_changes_in((self.now - reading.observed_at).total_seconds()) for reading in others]
        return min(waits, default=60.0)


def name_of(state: MeterState, number: int) -> str:
    """The account's email, else its organization, else its number."""
    account = state.reading.account if state.reading is not None else None
    if account is None:
        return f"account {number + 1}"
    return account.email or account.organization_uuid or f"account {number + 1}"
