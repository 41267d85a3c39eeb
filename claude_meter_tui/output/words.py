"""Words for figures and times, as a person reads them. Pure; it decides nothing and knows no screen."""

from __future__ import annotations

from datetime import datetime, timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claude_meter_tui.domain.errors import AskedTooSoonError
    from claude_meter_tui.sources.source import Looked

NO_LIMITS = "no rate-limit windows"
NO_LIMITS_SENTENCE = "This login has no rate-limit windows: some Team and Enterprise plans have none."

_MINUTE = 60
_HOUR = 3600
_DAY = 86400
# Below ten minutes a person waits for the reset and wants to see it move; above, seconds are noise and repaints.
_SECONDS_SHOWN_BELOW = 10 * _MINUTE

_hours = 24

_SOURCES = {
    "oauth": "the server",
    "statusline": "the status line",
    "cache": "Claude Code's cache",
    "bridge": "the extension",
    "browser": "the browser",
    "demo": "the simulation",
}


def percent(value: float) -> str:
    """`41 %`; a fraction only where it matters: below ten and just below full (99.6 is not 100)."""
    if value == int(value):
        return f"{int(value)} %"
    if 99 < value < 100:
        return f"{int(value * 10) / 10:.1f} %"
    if value < 10:
        return f"{value:.1f} %"
    return f"{value:.0f} %"


def gap(points: float) -> str:
    """`+27`, `-11`: by how many points the server is ahead of the local share; less than half a point is `+0`."""
    return f"{round(points):+d}"


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


def spoken(until: datetime, now: datetime) -> str:
    """A countdown inside a sentence: `1d 4h`."""
    return countdown((until - now).total_seconds()).replace("  ", " ")


def when_and_left(until: datetime, now: datetime) -> str:
    """`Fri 09:00 (21h 0m)`."""
    return f"{clock_time(until, now)} ({spoken(until, now)})"


def clears(resets_at: datetime, now: datetime) -> str:
    """`clears Fri 09:00 (21h 0m)`."""
    return f"clears {when_and_left(resets_at, now)}"


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


def source_words(source: str) -> str:
    """A source as a person would name it; an unknown one (imported) as it is stored."""
    return _SOURCES.get(source, source)


def short_label(label: str) -> str:
    """`7-day Opus` → `7d Opus`, for where room is scarce."""
    return label.replace("-hour", "h").replace("-day", "d")


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


def use_hours(hours: int) -> None:
    """Write times of day in 12 or 24 hours from now on: as a locale, one choice for the whole program."""
    global _hours
    _hours = hours


def time_of_day(local: datetime) -> str:
    """`16:40`, or `4:40pm` for who reads 12 hours."""
    if _hours == 24:
        return local.strftime("%H:%M")
    return f"{local.hour % 12 or 12}:{local:%M}{'am' if local.hour < 12 else 'pm'}"


def clock_time(moment: datetime, now: datetime, *, up: bool = False) -> str:
    """Local wall clock: `16:40` today, `Fri 09:00` within a week, `Dec 24 09:00` beyond.

    Rounded to the nearest minute: one and the same reset jitters by up to 1.9 s around the full minute (FACTS §1),
    and 08:59:59.9 is nine o'clock to a person. `up` rounds up instead, for a moment that must not be named too early.
    """
    local = (moment + timedelta(seconds=59.999 if up else 30)).astimezone()
    today = now.astimezone().date()
    if local.date() == today:
        return time_of_day(local)
    if 0 < (local.date() - today).days < 7:
        return f"{local:%a} {time_of_day(local)}"
    return f"{local:%b} {local.day} {time_of_day(local)}"


def too_soon(error: AskedTooSoonError, now: datetime) -> str:
    """Why nothing was asked, and when it can be; never a minute that is still inside the wait."""
    if error.why == "wait":
        return f"The server asked us to wait until {clock_time(error.until, now, up=True)}."
    if error.why == "trouble":
        return f"The last request failed; the next may be sent at {clock_time(error.until, now, up=True)}."
    if error.why == "budget":
        return f"Asking is possible again at {clock_time(error.until, now, up=True)}."
    return error.sentence


def outcome(place: Looked, now: datetime) -> str:
    """What was found at a place that was looked at, with its age where it has one."""
    return place.outcome if place.at is None else f"{place.outcome} {age((now - place.at).total_seconds())}"
