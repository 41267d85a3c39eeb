"""What every widget draws from: the state, the moment, and how the user wants to see it. Immutable."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_meter_tui.analysis.carried import LIKELY_FROM
from claude_meter_tui.domain import urgency
from claude_meter_tui.output import words
from claude_meter_tui.output.pace_words import pace_of
from claude_meter_tui.settings.looks import Looks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from claude_meter_tui.analysis.local_side import Beside, LocalSums
    from claude_meter_tui.analysis.outlook import Range, WindowOutlook
    from claude_meter_tui.domain.earlier import PastInstance
    from claude_meter_tui.domain.instances import Point
    from claude_meter_tui.domain.windows import ExtraUsage, Window
    from claude_meter_tui.output.pace_words import Pace
    from claude_meter_tui.polling.state import MeterState, Phase
    from claude_meter_tui.turns.spent import Spent


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Earlier(NamedTuple):
    """Of the window with that key: its instances, the newest first, its use by the hours of the week, what it went to.

    `spent` is by model, project and session; None where nothing local is known yet.
    """

    key: str
    instances: tuple[PastInstance, ...] = ()
    by_hour: tuple[tuple[float, ...], ...] = ()
    spent: Mapping[str, tuple[Spent, ...]] | None = None


class View(NamedTuple):
    """One glance.

    `now` is the local clock's; `true_now` is what resets count from. `looks` is how the user wants it all shown.
    `hint`: whether to say what the keys are for, once. `filter`: letters of the windows' names that are listed.
    `enlarged`: the panel that has the screen for itself.

    The chart: `points` is the history of the selected window over its span, `past` that of all of them, coarser;
    `spans` how many window lengths it covers, `zoom` how often that was halved, `pan` how many halves of it lie between
    its end and the usual one, `cursor` the column that is read out, counted from the right, None: none.

    The local side: `compare` is whether it is wished for beside the windows (None: where there is room), `beside` what
    it says of the selected window, once it is known, `local` the share each window's tokens come to, `sums` what was
    used here lately, `turns_from` how many of the newest turns are scrolled away.

    `accounts` are the states of all accounts, `account` the number of the one shown, `all_accounts` whether all are
    wished for as rows. `outlooks` is what the analysis says of each window's instance, `estimates` how full they are by
    now where that is not read, `span_shares` how each filled over its span so far. `earlier` is what the screen of
    the past shows; None while nobody looks.
    """

    state: MeterState
    now: datetime
    selected: str | None = None
    show_left: bool = False
    looks: Looks = Looks()
    ascii: bool = False
    flash: str = ""
    hint: bool = False
    filter: str = ""
    enlarged: str | None = None
    points: tuple[Point, ...] = ()
    past: Mapping[str, tuple[Point, ...]] = _NOTHING
    spans: int = 1
    zoom: int = 0
    pan: int = 0
    cursor: int | None = None
    compare: bool | None = None
    beside: Beside | None = None
    local: Mapping[str, float] = _NOTHING
    sums: LocalSums | None = None
    turns_from: int = 0
    accounts: tuple[MeterState, ...] = ()
    account: int = 0
    all_accounts: bool = False
    outlooks: Mapping[str, WindowOutlook] = _NOTHING
    estimates: Mapping[str, Range] = _NOTHING
    span_shares: Mapping[str, tuple[float | None, ...]] = _NOTHING
    earlier: Earlier | None = None

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

    def pace(self, window: Window) -> Pace | None:
        """What a window comes to at the pace it had up to its reading."""
        reading = self.state.reading
        read_at = window.observed_at or (reading.observed_at if reading is not None else None)
        return None if read_at is None else pace_of(window, self.state.true_now(read_at), self.true_now)

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows of the reading shown, in their usual order or the user's, without those not wished for."""
        if self.state.reading is None:
            return ()
        return self.looks.arranged(self.state.reading.windows)

    @property
    def lists_money(self) -> bool:
        """Whether paid usage has a row among the windows: it has no name to be filtered by."""
        extra = self.state.reading.extra_usage if self.state.reading is not None else None
        return extra is not None and extra.is_shown and not self.filter

    @property
    def matching(self) -> tuple[Window, ...]:
        """Those whose names have the letters of the filter; all where there is none."""
        letters = self.filter.casefold()
        return tuple(window for window in self.windows if letters in window.label.casefold())

    @property
    def listed(self) -> tuple[Window, ...]:
        """Those that have a row: the matching ones, or all where none matches."""
        return (self.matching or self.windows) if self.filter else self.windows

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
        """The window that stops first: a full one, the one forecast to fill, or, without a forecast, at its pace.

        Where none of them fills before it clears, the one nearest to full that has not ended. None while nothing is
        used, or where money stops first.
        """
        if self.budget is not None:
            return None
        nearest = self.nearest
        if nearest is None or nearest.utilization >= urgency.FULL_FROM:
            return nearest
        return (self.fills_first if self.is_forecast else self.fills_at_pace) or nearest

    @property
    def is_forecast(self) -> bool:
        """Whether there is a forecast of any of the windows shown."""
        return any(each["probability"] is not None for each in self.outlooks.values())

    @property
    def fills_at_pace(self) -> Window | None:
        """The window that fills first if each goes on at the pace it had so far; None where none does."""
        found = [
            (pace[1], window)
            for window in self.windows
            if (pace := self.pace(window)) is not None and pace[1] is not None
        ]
        return min(found, key=lambda each: each[0], default=(None, None))[1]

    @property
    def nearest(self) -> Window | None:
        """The window nearest to full that has not ended, whatever money does; None while nothing is used."""
        now = self.true_now
        stopping = [window for window in self.windows if urgency.stops(window.utilization, window.resets_at, now)]
        return max(stopping, key=self._rank, default=None)

    @property
    def chosen(self) -> Window | None:
        """The selected window; without a selection the next stop, else the first."""
        listed = self.listed
        found = next((window for window in listed if window.key == self.selected), None)
        stop = self.next_stop
        return found or (stop if stop in listed else None) or max(listed, key=self._rank, default=None)

    @property
    def observed(self) -> tuple[datetime, str] | None:
        """When the selected window was last observed, and by which source; without windows, the reading's."""
        reading, chosen = self.state.reading, self.chosen
        if reading is None:
            return None
        if chosen is None or chosen.observed_at is None or chosen.source is None:
            return reading.observed_at, reading.source
        return chosen.observed_at, chosen.source

    def spans_of(self, window: Window) -> tuple[float | None, ...]:
        """How a window filled over its span, from 0 to 1, in equal parts of it; None where that is not known."""
        return self.span_shares.get(window.key, ())

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
