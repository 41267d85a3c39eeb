"""A window's earlier instances and their peaks, and at which hours of the week it is used. Pure.

All times are on the server's clock, as resets are; hours are those of the local time of day.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.domain.instances import reset_between
from claude_meter_tui.domain.urgency import FULL_FROM

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from claude_meter_tui.domain.instances import Point

# What happened in a longer time without a reading cannot be put to an hour.
_LONGEST_GAP = timedelta(hours=3)
_HOUR = timedelta(hours=1)
# Read in the last tenth of its span, an instance's last figure is close to its peak.
_CLOSE = 0.1


class PastInstance(NamedTuple):
    """One instance of a window.

    `opened_at`: by its reset and its length, else its first reading; `last_at`: its last reading; `cleared_at`: when it
    was reset, None for the one that has not been. `peak`: the highest percentage read; `at_least`: whether it was last
    read so long before its reset that it may have come to more.
    """

    opened_at: datetime
    last_at: datetime
    cleared_at: datetime | None
    peak: float
    at_least: bool

    @property
    def was_full(self) -> bool:
        """Whether it was read at its limit."""
        return self.peak >= FULL_FROM


def past_instances(points: Sequence[Point], length_seconds: int | None, now: datetime) -> list[PastInstance]:
    """The instances there are readings of with something used in them, the newest first, that of now among them.

    Args:
        points: one window's readings, oldest first.
        length_seconds: of an instance; None where it is not known.
        now: an instance whose reset has passed is over, though nothing was read since.
    """
    groups: list[tuple[list[Point], datetime | None]] = []
    group: list[Point] = []
    for before, after in pairwise([*points, None]):
        if before is None:
            continue
        group.append(before)
        kind = None if after is None else reset_between(before, after)
        if kind is None and after is not None:
            continue
        over = before.resets_at is not None and before.resets_at <= now
        cleared = before.resets_at if kind == "due" or (after is None and over) else None
        if kind == "early" and after is not None:
            cleared = after.observed_at
        groups.append((group, cleared))
        group = []
    length = timedelta(seconds=length_seconds or 0)
    befores = [None, *(cleared for _, cleared in groups)]
    made = [_instance(each, cleared, before, length) for (each, cleared), before in zip(groups, befores, strict=False)]
    return [each for each in reversed(made) if each.peak > 0]


def _instance(
    points: Sequence[Point], cleared: datetime | None, before: datetime | None, length: timedelta
) -> PastInstance:
    last, opened = points[-1], points[0].observed_at
    if last.resets_at is not None and length:
        opened = min(opened, max(last.resets_at - length, before or last.resets_at - length))
    peak = max(point.utilization for point in points)
    at_least = cleared is not None and peak < FULL_FROM and cleared - last.observed_at > length * _CLOSE
    return PastInstance(opened, last.observed_at, cleared, peak, at_least)


def use_by_hour(points: Sequence[Point]) -> list[list[float]]:
    """Points a window rose by in each hour of the week: seven days from Monday, of 24 hours each.

    What rose between two readings is spread evenly over the time between; a time too long for that, or a reset, says
    nothing of the hour.
    """
    found = [[0.0] * 24 for _ in range(7)]
    for before, after in pairwise(points):
        rise, took = after.utilization - before.utilization, after.observed_at - before.observed_at
        if rise <= 0 or not timedelta(0) < took <= _LONGEST_GAP or reset_between(before, after) is not None:
            continue
        at = before.observed_at
        while at < after.observed_at:
            local = at.astimezone()
            full_hour = local.replace(minute=0, second=0, microsecond=0)
            until = min(after.observed_at, at + (_HOUR - (local - full_hour)))
            found[local.weekday()][local.hour] += rise * ((until - at) / took)
            at = until
    return found
