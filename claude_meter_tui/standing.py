"""How a window stands at a given moment, and the words for it.

Pure functions of plain values, shared by the dashboard and the scripts' texts. It must not know pydantic, the store
or the screen: `status` answers through it before anything heavy is imported.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claude_meter_tui.windows import Money

WARNING_FROM = 75.0
CRITICAL_FROM = 90.0
FULL_FROM = 100.0

# A reading older than this is called stale: twice the poller's slowest cadence would hide a dead poller for an hour,
# once the slowest (30 min) would call every quiet account stale a moment before its next reading.
STALE_AFTER = timedelta(minutes=35)

_MINUTE = 60
_HOUR = 3600
_DAY = 86400
# Below ten minutes a person waits for the reset and wants to see it move; above, seconds are noise and repaints.
_SECONDS_SHOWN_BELOW = 10 * _MINUTE

Rank = tuple[int, float, float, float]


def iso_utc(moment: datetime) -> str:
    """ISO-8601 in UTC with `Z`, to the second: the form of every time that leaves the program."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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


def level(utilization: float, severity: str | None = None) -> str:
    """`normal`, `warning`, `critical` or `full`: by our thresholds or the server's severity, whichever is graver."""
    if utilization >= FULL_FROM:
        return "full"
    if utilization >= CRITICAL_FROM or severity == "critical":
        return "critical"
    if utilization >= WARNING_FROM or severity == "warning":
        return "warning"
    return "normal"


def even_pace(resets_at: datetime | None, length_seconds: int | None, now: datetime) -> float | None:
    """The elapsed share of the window's span, 0..1: where an even pace would be. None where unknown or ended."""
    if resets_at is None or not length_seconds or is_over(resets_at, now):
        return None
    left = (resets_at - now).total_seconds()
    return min(1.0, max(0.0, 1.0 - left / length_seconds))


def limit_reached(used: Money | None, limit: Money | None) -> bool:
    """Used ≥ limit of the same currency, whatever the server's older flags say (FACTS §1, `spend`)."""
    return used is not None and limit is not None and used.currency == limit.currency and used.amount >= limit.amount


def budget_percent(used: float | None, limit: float | None, utilization: float | None) -> float | None:
    """How much of a budget is used, in percent: by its amounts, else as the server says; None where neither tells.

    A limit of nothing is used up.
    """
    if used is not None and limit is not None:
        return 100.0 if limit <= 0 else used / limit * 100
    return utilization


def percent_of_limit(used: Money | None, limit: Money | None, utilization: float | None) -> float | None:
    """See `budget_percent`; amounts of two currencies cannot be divided."""
    same = used is not None and limit is not None and used.currency == limit.currency
    most = float(limit.amount) if same and limit is not None else None
    return budget_percent(None if used is None else float(used.amount), most, utilization)


def worth_showing(enabled: bool | None, used: Money | None) -> bool:
    """Whether extra usage has anything to say: it is on, or something was spent."""
    return bool(enabled) or (used is not None and used.amount > 0)


def percent(value: float) -> str:
    """`41 %`; a fraction only where it matters: below ten and just below full (99.6 is not 100)."""
    if value == int(value):
        return f"{int(value)} %"
    if 99 < value < 100:
        return f"{int(value * 10) / 10:.1f} %"
    if value < 10:
        return f"{value:.1f} %"
    return f"{value:.0f} %"


def countdown(seconds: float) -> str:
    """`3d 20h`, `2h 57m`, `42m`, `4:12`; `now` once it has passed."""
    whole = int(seconds)
    if whole <= 0:
        return "now"
    if whole >= 1000 * _DAY:
        return "> 999d"
    if whole >= _DAY:
        return f"{whole // _DAY}d {whole % _DAY // _HOUR:>2}h"
    if whole >= _HOUR:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:>2}m"
    if whole >= _SECONDS_SHOWN_BELOW:
        return f"{whole // _MINUTE}m"
    return f"{whole // _MINUTE}:{whole % _MINUTE:02d}"


def countdown_changes_in(seconds: float) -> float:
    """Seconds until `countdown` reads differently, so that nothing wakes up to repaint the same text."""
    if seconds <= 0:
        return float("inf")
    if seconds >= _DAY:
        return seconds % _HOUR
    if seconds >= _SECONDS_SHOWN_BELOW:
        return seconds % _MINUTE
    return seconds % 1


def amount(count: int) -> str:
    """`950`, `12.3 k`, `2.1 M`: four figures at the most."""
    units = ((1, ""), (10**3, " k"), (10**6, " M"), (10**9, " G"), (10**12, " T"))
    for size, unit in units:
        value = count / size
        text = str(count) if size == 1 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
        if value < 999.5:  # else it would be rounded to a thousand of this unit
            return text + unit
    return text + unit


_SOURCES = {
    "oauth": "the server",
    "statusline": "the status line",
    "cache": "Claude Code's cache",
    "bridge": "the extension",
    "browser": "the browser",
    "demo": "the simulation",
}


def source_words(source: str) -> str:
    """A source as a person would name it; an unknown one (imported) as it is stored."""
    return _SOURCES.get(source, source)


def age(seconds: float) -> str:
    """`just now`, `2m ago`, `3h ago`, `5d ago`."""
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)}m ago"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)}h ago"
    return f"{int(seconds // _DAY)}d ago"


def age_changes_in(seconds: float) -> float:
    """Seconds until `age` reads differently."""
    unit = _MINUTE if seconds < _HOUR else _HOUR if seconds < _DAY else _DAY
    return unit - max(0.0, seconds) % unit


def clock_time(moment: datetime, now: datetime, *, up: bool = False) -> str:
    """Local wall clock: `16:40` today, `Fri 09:00` within a week, `Dec 24 09:00` beyond.

    Rounded to the nearest minute: one and the same reset jitters by up to 1.9 s around the full minute (FACTS §1),
    and 08:59:59.9 is nine o'clock to a person. `up` rounds up instead, for a moment that must not be named too early.
    """
    local = (moment + timedelta(seconds=59.999 if up else 30)).astimezone()
    today = now.astimezone().date()
    if local.date() == today:
        return local.strftime("%H:%M")
    if 0 < (local.date() - today).days < 7:
        return local.strftime("%a %H:%M")
    return local.strftime("%b ") + f"{local.day} " + local.strftime("%H:%M")
