"""When the server is asked next, and why: a pure function of what is known. It must not know store, HTTP or screen.

Requests are few (FACTS §4), so they are spent where an answer says most: where what was used since the last reading is
badly known or near a limit, when a window has reset, after a sleep; hardly ever where little can have changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.analysis.carried import estimates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from claude_meter_tui.analysis.outlook import Outlook
    from claude_meter_tui.domain.windows import Reading
    from claude_meter_tui.polling.gate import Gate
    from claude_meter_tui.settings.cadence import Cadence


class Why(StrEnum):
    """Why the server is asked at a time, or not before it; in words: `output.asking_words`."""

    FIRST = "first"
    """Nothing is known yet."""
    DOUBT = "doubt"
    """What was used since the last reading is badly known, or near a limit."""
    NEAR = "near"
    """A window may be near its limit, and figures still change."""
    ELSEWHERE = "elsewhere"
    """Much of the use comes from where nothing is seen of it, and figures still change."""
    RESET = "reset"
    """A window resets."""
    ENDED = "ended"
    """The last answer still had a window that had ended (FACTS §1)."""
    WOKE = "woke"
    """The machine slept, and others may have used the account meanwhile."""
    USUAL = "usual"
    """Nothing is known of what was used since, so now and then."""
    QUIET = "quiet"
    """Nothing has changed for hours."""
    KNOWN = "known"
    """What was used since is known well enough."""
    WAIT = "wait"
    """The server asked us to wait."""
    TROUBLE = "trouble"
    """The last request failed."""
    JUST_ASKED = "just asked"
    """Somebody asked a moment ago."""
    AWAITED = "awaited"
    """Another process's request is under way."""
    BUDGET = "budget"
    """Enough requests were sent in the last hours."""


class Plan(NamedTuple):
    """When to ask, why then, and which window it is about: its label, and the percent it may be past."""

    at: datetime
    why: Why
    label: str = ""
    percent: float | None = None


class Doubt(NamedTuple):
    """How little is known of how full the windows are by now.

    `points`: the widest range, more near 100 %; `label` and `high`: the window that has it and what it may be at;
    `fullest` and `highest`: the same of the window that may be nearest its limit; `whole`: whether every window that
    is in use is estimated, so that nothing can move unseen; `elsewhere`: the share of the use, 0 to 1, that comes from
    where nothing is seen of it.
    """

    points: float
    label: str
    high: float
    fullest: str
    highest: float
    whole: bool
    elsewhere: float = 0.0


class Known(NamedTuple):
    """What the schedule goes by, all on the local clock.

    `read_at`: when the newest reading of every window was taken; None: there is none. `resets`: label and time of each
    window's reset. `doubt`: None where nothing is estimated. `unchanged`: readings in a row that said the same.
    `woke_at`: when the machine last woke from a sleep.
    """

    read_at: datetime | None
    resets: Sequence[tuple[str, datetime]] = ()
    doubt: Doubt | None = None
    unchanged: int = 0
    woke_at: datetime | None = None


def next_ask(now: datetime, known: Known, gate: Gate, asks: list[datetime], cadence: Cadence) -> Plan:
    """When the meter asks next by itself.

    Args:
        now: the local time.
        known: readings and what was made of them.
        gate: waits and failures.
        asks: when requests were sent in the last 24 h, oldest first.
        cadence: how often to ask.
    """
    if known.read_at is None:
        wanted = Plan(now, Why.FIRST)
    else:
        read_at = known.read_at
        usual = _usual(read_at, known, len(asks), cadence)
        wanted = min([usual, *_resets(read_at, known.resets, cadence), *_wakes(read_at, known, cadence)])
    held = gate.held(now, asks, cadence, "meter")
    return wanted if held is None or held.at <= wanted.at else held


def doubt_of(outlook: Outlook | None, reading: Reading, now: datetime) -> Doubt | None:
    """How little is known of how full the windows are at `now`, by the server's clock; None: nothing is estimated.

    The widest range, up to five times as much near 100 %, where it decides whether work can go on (FACTS §7).
    """
    found = estimates(outlook, reading, {}, now)
    labels = {window.key: window.label for window in reading.windows}
    shares = [window["elsewhere_share"] for window in (outlook or {"windows": []})["windows"]]
    elsewhere = max((share["estimate"] for share in shares if share is not None), default=0.0)
    whole = all(window.key in found for window in reading.windows if window.utilization > 0)
    ranges = [
        ((each["high"] - each["low"]) * (1 + 4 * max(0.0, each["estimate"] - 60) / 40), labels[key], each["high"])
        for key, each in found.items()
    ]
    if not ranges:
        return None
    points, label, high = max(ranges)
    _, fullest, highest = max(ranges, key=lambda each: each[2])
    return Doubt(points, label, high, fullest, highest, whole, elsewhere)


def _usual(read_at: datetime, known: Known, spent: int, cadence: Cadence) -> Plan:
    doubt = known.doubt
    # What is left of a day's requests is for the rest of the day: the more are spent, the more doubt it takes.
    scarce = 1 + max(0, spent - cadence.plenty) / cadence.plenty
    if doubt is not None and doubt.points >= cadence.doubtful * scarce:
        return Plan(_later(read_at, cadence.in_doubt, cadence), Why.DOUBT, doubt.label, doubt.high)
    if doubt is not None:
        plans = [(cadence.known if doubt.whole else cadence.partly_known, Plan(read_at, Why.KNOWN))]
        if known.unchanged < cadence.still_after:
            if doubt.highest >= cadence.near:
                plans.append((cadence.near_limit, Plan(read_at, Why.NEAR, doubt.fullest, doubt.highest)))
            if doubt.elsewhere >= cadence.much_elsewhere:
                plans.append((cadence.elsewhere, Plan(read_at, Why.ELSEWHERE)))
        span, plan = min(plans, key=lambda each: each[0])
        return plan._replace(at=_later(read_at, span, cadence))
    if known.unchanged >= cadence.quiet_after:
        return Plan(_later(read_at, max(cadence.quiet, cadence.base), cadence), Why.QUIET)
    span = min(cadence.base * (1 + known.unchanged / 3), max(cadence.slowest, cadence.base))
    # So that a busy day does not use up its requests before it is over, and then stands still for hours.
    span *= 1 + max(0, spent - cadence.sparing) / cadence.sparing
    return Plan(_later(read_at, span, cadence), Why.USUAL)


def _resets(read_at: datetime, resets: Sequence[tuple[str, datetime]], cadence: Cadence) -> Iterator[Plan]:
    for label, resets_at in resets:
        if resets_at > read_at:
            yield Plan(
                resets_at + cadence.after_reset + _jitter(read_at, cadence.after_reset, cadence), Why.RESET, label
            )
        elif read_at - resets_at < cadence.ended_grace:
            yield Plan(read_at + cadence.again_after, Why.ENDED, label)


def _wakes(read_at: datetime, known: Known, cadence: Cadence) -> Iterator[Plan]:
    if known.woke_at is not None and known.woke_at - read_at >= cadence.base:
        yield Plan(known.woke_at + cadence.after_wake, Why.WOKE)


def _later(read_at: datetime, span: timedelta, cadence: Cadence) -> datetime:
    return read_at + span + _jitter(read_at, span * cadence.jitter, cadence)


def _jitter(read_at: datetime, most: timedelta, cadence: Cadence) -> timedelta:
    """Up to `most` more, so that not everybody's meter asks in the same second; the same one for all who read this."""
    return most * (read_at.microsecond % 997 / 997) if cadence.jitter else timedelta(0)
