"""When this instance of a window began, by its own readings: not every reset comes when `resets_at` says.

A counter can begin anew early with the same `resets_at`, and `resets_at` can move on by hours without a reset
(FACTS §9). So the span of an instance follows the readings, and it never begins later than now. Pure; all times are on
one clock.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from claude_meter_tui.domain.windows import Window

# A real reset moves `resets_at` by hours, jitter by seconds (FACTS §1); a drop without a move is an unannounced reset.
_MOVED_BY = timedelta(minutes=5)
_DROPPED_BY = 2.0


class Point(NamedTuple):
    """One stored utilization of one window, for its history."""

    observed_at: datetime
    utilization: float
    resets_at: datetime | None


class Instance(NamedTuple):
    """One window, and when its instance of now began.

    `since` is None while it is idle or has ended, or where its length is not known. `early`: its counter began anew
    before the reset that had been announced.
    """

    window: Window
    since: datetime | None
    early: bool = False


def resets_in(points: Sequence[Point]) -> list[datetime]:
    """When the window reset between its readings, oldest first: when that was announced, else when it was seen."""
    found = [(before, after, reset_between(before, after)) for before, after in pairwise(points)]
    return [
        after.observed_at if kind == "early" else before.resets_at or after.observed_at
        for before, after, kind in found
        if kind
    ]


def reset_between(before: Point, after: Point) -> str | None:
    """`due` where the reset that was announced has come, `early` where the counter fell before it, else None."""
    ended = before.resets_at is not None and before.resets_at <= after.observed_at
    moved = (
        before.resets_at is not None
        and after.resets_at is not None
        and abs(after.resets_at - before.resets_at) > _MOVED_BY
    )
    if ended and (moved or after.utilization < before.utilization):
        return "due"
    return "early" if before.utilization - after.utilization >= _DROPPED_BY else None


def instance_of(window: Window, points: Sequence[Point], now: datetime) -> Instance:
    """The window's instance of now.

    Args:
        window: as read last.
        points: its stored readings, oldest first, those of this instance among them.
        now: the moment; a window whose reset has passed has no instance.
    """
    if window.resets_at is None or window.length_seconds is None or window.resets_at <= now:
        return Instance(window, None)
    length = timedelta(seconds=window.length_seconds)
    opened, floor, early = window.resets_at - length, None, False
    for at in range(len(points) - 1, -1, -1):
        point = points[at]
        if point.resets_at is not None:
            opened = point.resets_at - length  # the first reading of the instance tells when it began
        kind = reset_between(points[at - 1], point) if at else None
        if kind is not None:
            before = points[at - 1]
            early = kind == "early"
            floor = before.observed_at if early or before.resets_at is None else before.resets_at
            break
    if floor is not None:
        opened = max(opened, floor)
    return Instance(window, min(opened, now), early)
