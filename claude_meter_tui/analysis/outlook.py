"""What the analysis of an account came to, as plain values: stored, shown, and carried on by the turns since. Light.

It is made by `analyse` in a process of its own; whoever shows it needs no numpy. Times are ISO-8601 UTC, percentages in
percent, ranges 80 % intervals. What is here is estimated and never a reading.
"""

from __future__ import annotations

from typing import TypedDict


class Range(TypedDict):
    """A figure and its 80 % interval."""

    estimate: float
    low: float
    high: float


class Quantiles(TypedDict):
    """10, 50 and 90 %: times (ISO-8601 UTC) or percentages."""

    p10: str | float
    p50: str | float
    p90: str | float


class Step(TypedDict):
    """A limit that seems to have changed: since when, and what a token's points are now beside before."""

    since: str
    factor: float


class RoseAlone(TypedDict):
    """Points a window rose by since a time, though nothing was sent here."""

    since: str
    points: float


class WindowOutlook(TypedDict):
    """Of one window.

    `utilization`: the newest reading of its instance, taken at `read_at`; `resets_at` of the instance of now, also one
    that began after that reading. `estimate` and what is learned from turns are None until there is enough, and
    `missing` says how far off that is. `points_a_token`: points that one token of each of a model's kinds adds, by
    model. `fan`: (seconds since 1970, 10, 50, 90 %) up to the reset. `turns_left`: how many turns like the last hour's
    fit.
    """

    key: str
    read_at: str
    utilization: float
    resets_at: str | None
    estimate: Range | None
    tokens_per_point: Range | None
    local_points: Range | None
    elsewhere_share: Range | None
    missing: str
    rose_alone: RoseAlone | None
    step: Step | None
    probability: float | None
    full_at: Quantiles | None
    at_reset: Quantiles | None
    fan: list[tuple[float, float, float, float]]
    first: float
    first_at: Quantiles | None
    points_a_token: dict[str, list[float]]
    stop_now: float | None
    this_pace_fills_at: str | None
    turns_left: int | None


class Outlook(TypedDict):
    """Of an account. `nothing_fills` is the probability that no window fills before it clears; `next_stop` a key."""

    made_at: str
    next_stop: str | None
    nothing_fills: float
    windows: list[WindowOutlook]
