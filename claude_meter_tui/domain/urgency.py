"""How a window stands at a given moment: which stops next, how grave it is, where an even pace would be.

Pure functions of plain values. It must not know pydantic, the store, the screen or any words: `status` answers through
it before anything heavy is imported.
"""

from __future__ import annotations

from datetime import datetime, timedelta

WARNING_FROM = 75.0
CRITICAL_FROM = 90.0
FULL_FROM = 100.0

# A reading older than this is called stale: twice the poller's slowest cadence would hide a dead poller for an hour,
# once the slowest (30 min) would call every quiet account stale a moment before its next reading.
STALE_AFTER = timedelta(minutes=35)

Rank = tuple[int, float, float, float]

PACE_FROM = 0.1
"""The share of a window's span that must have passed before its pace says anything."""


def is_over(resets_at: datetime | None, now: datetime) -> bool:
    """Whether this instance of the window has ended, so that its percentage no longer counts (FACTS §1)."""
    return resets_at is not None and resets_at <= now


def rank(utilization: float, resets_at: datetime | None, is_active: bool | None, now: datetime) -> Rank:
    """A sort key: the greatest is the window that stops next.

    Ended windows come last; among full ones the one that clears last stops longest; among the rest the fullest,
    then the one the server marks active, then the one that clears later.
    """
    clears = resets_at.timestamp() if resets_at is not None else 0.0
    if is_over(resets_at, now):
        return (0, utilization, 0.0, clears)
    if utilization >= FULL_FROM:
        return (2, clears, utilization, 0.0)
    return (1, utilization, float(bool(is_active)), clears)


def stops(utilization: float, resets_at: datetime | None, now: datetime) -> bool:
    """Whether the window can be a next stop at all: something used in it, and not ended."""
    return utilization > 0 and not is_over(resets_at, now)


def level(
    utilization: float,
    severity: str | None = None,
    warning_from: float = WARNING_FROM,
    critical_from: float = CRITICAL_FROM,
) -> str:
    """`normal`, `warning`, `critical` or `full`: by the thresholds or the server's severity, whichever is graver."""
    if utilization >= FULL_FROM:
        return "full"
    if utilization >= critical_from or severity == "critical":
        return "critical"
    if utilization >= warning_from or severity == "warning":
        return "warning"
    return "normal"


def even_pace(resets_at: datetime | None, length_seconds: int | None, now: datetime) -> float | None:
    """The elapsed share of the window's span, 0..1: where an even pace would be. None where unknown or ended."""
    if resets_at is None or not length_seconds or is_over(resets_at, now):
        return None
    left = (resets_at - now).total_seconds()
    return min(1.0, max(0.0, 1.0 - left / length_seconds))


def at_this_pace(
    utilization: float, resets_at: datetime | None, length_seconds: int | None, now: datetime
) -> tuple[float, datetime | None] | None:
    """What a window comes to if it goes on as it did on average since it opened.

    Returns:
        The utilization at its reset, in percent, and when it reaches 100 % before that (None: it does not); None where
        that cannot be said: idle, ended, full, of unknown length, or hardly begun.
    """
    passed = even_pace(resets_at, length_seconds, now)
    if passed is None or resets_at is None or not length_seconds or passed < PACE_FROM or utilization >= FULL_FROM:
        return None
    at_reset = utilization / passed
    if at_reset <= FULL_FROM:
        return at_reset, None
    opened = resets_at - timedelta(seconds=length_seconds)
    return at_reset, opened + (now - opened) * (FULL_FROM / utilization)
