"""Why the server is asked when it is, in words: "5-hour may be past 90 %"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.output.words import clock_time

if TYPE_CHECKING:
    from datetime import datetime

    from claude_meter_tui.polling.schedule import Plan

_WORDS = {
    "first": "nothing is known yet",
    "woke": "the machine slept",
    "usual": "the usual look",
    "elsewhere": "part of the use is not seen here",
    "quiet": "nothing has changed for hours",
    "known": "little can have changed",
    "wait": "the server asked us to wait",
    "trouble": "the last request failed",
    "just asked": "it was asked a moment ago",
    "awaited": "an answer is awaited",
    "budget": "enough was asked lately",
}
_STEP = 5


def reason(plan: Plan) -> str:
    """Why the server is asked at the time of a plan, or not before it."""
    if plan.why == "reset":
        return f"{plan.label} clears"
    if plan.why == "ended":
        return f"{plan.label} should have cleared"
    if plan.why in ("doubt", "near"):
        past = int((plan.percent or 0) // _STEP * _STEP)
        return f"{plan.label} may be past {min(past, 100)} %" if past else f"{plan.label} may have risen"
    return _WORDS.get(plan.why, "")


def when_and_why(plan: Plan, now: datetime) -> str:
    """`12:31: 5-hour may be past 90 %`."""
    return f"{clock_time(plan.at, now, up=True)}: {reason(plan)}"
