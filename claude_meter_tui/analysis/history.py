"""What is known of an account at a moment, as arrays: the readings of each window by instance, and the turns between.

It only arranges; `weights` learns from it. Needs numpy, so it is imported only where something is estimated.
Times are seconds since 1970 UTC on one clock; utilization in percent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KINDS = ("input", "output", "cache write 5m", "cache write 1h", "cache read")
STEP = 600.0
"""Seconds of one bin of the habit."""
DAY_STEPS = 144
WEEK_STEPS = 7 * DAY_STEPS
# Jitter moves a reset by seconds, a real move is of minutes at least (FACTS §1, §9).
_MOVED_BY = 300.0
_DROPPED_BY = 2.0


@dataclass
class WindowPast:
    """One window's readings up to now, instance by instance.

    Attributes:
        key: the window's.
        length: seconds of one instance; None where that is not known.
        session: whether it opens with the first request (five_hour) instead of at fixed times.
        counts: for each family of models, whether its turns count here.
        at, used, resets: its readings, oldest first; `resets` is NaN where none was announced.
        instance: a number for each reading; another one after every reset.
        zero_at: for each instance a moment when it was known to stand at 0, NaN where that is not known.
        fraction: whether the server sends fractions of a percent, so that a figure is exact.
    """

    key: str
    length: float | None
    session: bool
    counts: NDArray[np.bool_]
    at: Floats
    used: Floats
    resets: Floats
    instance: NDArray[np.int64] = field(init=False)
    zero_at: Floats = field(init=False)
    fraction: bool = field(init=False)

    def __post_init__(self) -> None:
        self._split()
        self.fraction = bool(np.any(np.abs(self.used - np.round(self.used)) > 1e-6))

    def _split(self) -> None:
        """Number the instances; readings that repeat an ended instance's percentage are left out."""
        kept: list[int] = []
        numbers: list[int] = []
        zeros: list[float] = [np.nan]
        before: tuple[float, float] | None = None
        for index, (at, used, reset) in enumerate(zip(self.at, self.used, self.resets, strict=True)):
            if before is not None:
                was, announced = before
                over = announced == announced and at >= announced - 5  # NaN is unequal to itself
                same = reset != reset or abs(reset - announced) < _MOVED_BY
                if over and same and used >= was - 0.5 and used > 0:
                    continue  # said once more, though that instance is over
                moved = reset == reset and announced == announced and reset - announced > _MOVED_BY
                if over:
                    zeros.append(announced)
                elif (moved and used < was - 0.5) or used < was - _DROPPED_BY:
                    zeros.append(np.nan)
            if used == 0 and reset != reset:
                zeros[-1] = at
            elif self.session and zeros[-1] != zeros[-1] and reset == reset and self.length:
                zeros[-1] = reset - self.length
            kept.append(index)
            numbers.append(len(zeros) - 1)
            before = (used, reset)
        self.at, self.used, self.resets = self.at[kept], self.used[kept], self.resets[kept]
        self.instance = np.array(numbers, dtype=np.int64)
        self.zero_at = np.array(zeros)


@dataclass
class Past:
    """Everything an estimate is made from.

    Attributes:
        now: the moment; nothing after it is in here.
        offset: seconds the local time is ahead of UTC, for the hour of the day.
        windows: those with a reading.
        families: names of the models' families met.
        at: the turns' times, sorted.
        family: each turn's family, an index.
        tokens: (turns, kinds).
        carries_on: whether extra usage goes on past 100 %.
        steps: of a window whose limit has changed, when, and what a token's points were before beside now.
    """

    now: float
    offset: float
    windows: list[WindowPast]
    families: list[str]
    at: Floats
    family: NDArray[np.int64]
    tokens: Floats
    carries_on: bool = False
    steps: dict[int, tuple[float, float]] = field(default_factory=dict)
    _sums: Floats = field(init=False)

    def __post_init__(self) -> None:
        width = len(self.families) * len(KINDS)
        spread = np.zeros((len(self.at), width))
        if len(self.at):
            columns = self.family[:, None] * len(KINDS) + np.arange(len(KINDS))
            np.put_along_axis(spread, columns, self.tokens, axis=1)
        self._sums = np.vstack([np.zeros((1, width)), np.cumsum(spread, axis=0)])

    def tokens_between(self, since: Floats, until: Floats) -> Floats:
        """(spans, families, kinds): millions of tokens used after `since` up to and with `until`."""
        first, last = np.searchsorted(self.at, since, "right"), np.searchsorted(self.at, until, "right")
        found = self._sums[np.maximum(last, first)] - self._sums[first]
        return found.reshape(len(found), len(self.families), len(KINDS)) / 1e6

    def tokens_of(self, number: int, since: Floats, until: Floats) -> Floats:
        """The same for one window: what counts there, and what was used before its limit changed at today's worth."""
        counts = self.windows[number].counts[None, :, None]
        found = self.tokens_between(since, until) * counts
        if number in self.steps:
            at, factor = self.steps[number]
            found = found + (factor - 1) * self.tokens_between(since, np.minimum(until, at)) * counts
        return found

    @property
    def begins(self) -> float:
        """The first thing known: a reading or a turn."""
        firsts = [window.at[0] for window in self.windows if len(window.at)]
        firsts += [self.at[0]] if len(self.at) else []
        return float(min(firsts, default=self.now))


def spans_of(window: WindowPast, least: float) -> tuple[Floats, Floats, Floats, Floats]:
    """(from, to, rise, variance of the rise by rounding): stretches of one instance in which it rose by `least`.

    What is left at an instance's end counts too, if it rose at all; a stretch that ends at 100 is left out: how much
    more it would have been nobody knows.
    """
    rounding = 1e-4 if window.fraction else 1 / 12
    found: list[tuple[float, float, float, float]] = []
    for number in range(len(window.zero_at)):
        chosen = np.flatnonzero(window.instance == number)
        if not len(chosen):
            continue
        times, used = window.at[chosen], window.used[chosen]
        zero = window.zero_at[number]
        start, level, noise = (zero, 0.0, 0.0) if zero == zero and zero <= times[0] else (times[0], used[0], rounding)
        last: tuple[float, float] | None = None
        for at, value in zip(times, used, strict=True):
            if value >= 99.5:
                last = None
                break
            if value - level >= least and at > start:
                found.append((start, at, value - level, noise + rounding))
                start, level, noise, last = at, value, rounding, None
            else:
                last = (at, value)
        if last is not None and last[0] > start:
            found.append((start, last[0], max(0.0, last[1] - level), noise + rounding))
    columns = np.array(found, dtype=np.float64).reshape(-1, 4)
    return columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3]


def stretches(where: np.ndarray) -> list[tuple[int, int]]:
    """(first, one after the last) of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], where, [False]]))).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
