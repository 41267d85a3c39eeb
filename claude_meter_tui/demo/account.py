"""How much the simulated person has used of each window at any moment, and the bodies the server would send for it.

Use follows a working week (mornings and afternoons in UTC, little at night and at weekends) in bursts of a quarter to
a whole hour: smooth sums of sines with periods that never line up, so no random numbers and no state are needed.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Any

EMAIL = "demo@example.com"
ORGANIZATION = "00000000-0000-4000-8000-00000000de30"

_WEEK = timedelta(days=7)
_FIVE_HOURS = timedelta(hours=5)
_STEP = 300
_WEEKLY_ANCHOR = datetime(2026, 1, 2, 9, tzinfo=UTC)  # a Friday
_SONNET_ANCHOR = datetime(2026, 1, 3, 16, tzinfo=UTC)
_SESSION_ANCHOR = datetime(2026, 1, 1, 0, tzinfo=UTC)

# Percent of the window that an hour of full activity costs.
_SESSION_RATE, _WEEK_RATE, _OPUS_RATE, _SONNET_RATE, _APPS_RATE = 34.0, 2.0, 3.3, 0.7, 1.8
_EXTRA_CENTS = 62.0


def activity(moment: datetime) -> float:
    """How busy the person is, 0..1."""
    hour = moment.hour + moment.minute / 60
    habit = 0.08 + 0.9 * (_bump(hour, 10.0, 2.2) + _bump(hour, 15.0, 2.6) + 0.35 * _bump(hour, 21.0, 1.4))
    if moment.weekday() >= 5:
        habit *= 0.3
    minutes = moment.timestamp() / 60
    burst = 0.55 + 0.35 * math.sin(minutes / 9.7) + 0.3 * math.sin(minutes / 23.1 + 1) + 0.2 * math.sin(minutes / 4.3)
    return min(1.0, max(0.0, habit * max(0.0, burst)))


def usage(now: datetime, shape: str = "named") -> dict[str, Any]:
    """The body of the usage endpoint at a moment, shaped as `named`, `limits`, `limits-only` or `pro`."""
    session = _opened(_SESSION_ANCHOR, _FIVE_HOURS, now)
    week = _opened(_WEEKLY_ANCHOR, _WEEK, now)
    sonnet = _opened(_SONNET_ANCHOR, _WEEK, now)
    figures = {
        "five_hour": (_used(session, now, _SESSION_RATE), session + _FIVE_HOURS),
        "seven_day": (_used(week, now, _WEEK_RATE), week + _WEEK),
        "seven_day_oauth_apps": (_used(week, now, _APPS_RATE), week + _WEEK),
        "seven_day_opus": (_used(week, now, _OPUS_RATE), week + _WEEK),
        "seven_day_sonnet": (_used(sonnet, now, _SONNET_RATE), sonnet + _WEEK),
        "seven_day_cowork": (3.0, week + _WEEK),
    }
    spent = int(_hours(week, now) * _EXTRA_CENTS)
    if shape == "pro":
        kept = ("five_hour", "seven_day")
        return {key: _window(*figures[key]) for key in kept} | {
            "seven_day_opus": None,
            "extra_usage": _no_extra(),
        }
    if shape == "named":
        body: dict[str, Any] = {key: _window(*value) for key, value in figures.items()}
        return body | {
            "seven_day_omelette": {"utilization": 0.0, "resets_at": None},
            "tangelo": None,
            "extra_usage": {
                "is_enabled": True,
                "monthly_limit": 5000,
                "used_credits": float(spent),
                "utilization": spent / 50,
                "currency": "USD",
            },
        }
    named = None if shape == "limits-only" else "both"
    return {
        "five_hour": _window(*figures["five_hour"]) if named else None,
        "seven_day": _window(*figures["seven_day"]) if named else None,
        "seven_day_opus": None,
        "seven_day_sonnet": None,
        "tangelo": None,
        "member_dashboard_available": False,
        "limits": [
            _limit("session", "session", *figures["five_hour"], None),
            _limit("weekly_all", "weekly", *figures["seven_day"], None),
            _limit("weekly_scoped", "weekly", *figures["seven_day_opus"], "Fable"),
            _limit("weekly_scoped", "weekly", *figures["seven_day_sonnet"], "Sonnet"),
        ],
        "extra_usage": None,
        "spend": {
            "used": {"amount_minor": spent, "currency": "EUR", "exponent": 2},
            "limit": {"amount_minor": 4000, "currency": "EUR", "exponent": 2},
            "percent": min(100, spent // 40),
            "severity": "normal",
            "enabled": True,
            "disabled_reason": None,
        },
    }


def profile() -> dict[str, Any]:
    """The body of the profile endpoint."""
    return {
        "account": {"uuid": "00000000-0000-4000-8000-0000000000a1", "email": EMAIL, "full_name": "Demo"},
        "organization": {
            "uuid": ORGANIZATION,
            "name": "Demo",
            "organization_type": "claude_max",
            "rate_limit_tier": "default_claude_max_20x",
        },
    }


def organizations() -> list[dict[str, Any]]:
    """The body of claude.ai's organizations endpoint."""
    return [{"uuid": ORGANIZATION, "name": "Demo", "capabilities": ["chat", "claude_max"]}]


def _bump(hour: float, middle: float, width: float) -> float:
    return math.exp(-(((hour - middle) / width) ** 2))


def _opened(anchor: datetime, length: timedelta, now: datetime) -> datetime:
    return anchor + length * ((now - anchor) // length)


def _used(since: datetime, now: datetime, percent_an_hour: float) -> float:
    return float(round(_hours(since, now) * percent_an_hour))


def _hours(since: datetime, now: datetime) -> float:
    """Hours of full activity between two moments."""
    origin, sums = _sums(int(now.timestamp()) // 86400)

    def up_to(moment: datetime) -> float:
        position = max(0.0, (moment.timestamp() - origin) / _STEP)
        index = min(int(position), len(sums) - 2)
        return sums[index] + (sums[index + 1] - sums[index]) * (position - index)

    return (up_to(now) - up_to(since)) * _STEP / 3600


@lru_cache(maxsize=16)
def _sums(day: int) -> tuple[int, list[float]]:
    """Running sums of activity in 5-minute steps, from eight days before a day (since 1970) to its end."""
    origin = (day - 8) * 86400
    steps = 9 * 86400 // _STEP
    busy = (activity(datetime.fromtimestamp(origin + step * _STEP, UTC)) for step in range(steps + 1))
    return origin, [0.0, *accumulate(busy)]


def _window(utilization: float, resets_at: datetime) -> dict[str, Any]:
    return {"utilization": utilization, "resets_at": (resets_at + timedelta(microseconds=412901)).isoformat()}


def _limit(kind: str, group: str, percent: float, resets_at: datetime, model: str | None) -> dict[str, Any]:
    grades = ["normal", "warning", "critical"]
    return {
        "kind": kind,
        "group": group,
        "percent": int(percent),
        "severity": grades[bisect_right([75, 90], percent)],
        "resets_at": (resets_at + timedelta(microseconds=120034)).isoformat(),
        "scope": {"model": {"id": None, "display_name": model}, "surface": None} if model else None,
        "is_active": model == "Fable",
    }


def _no_extra() -> dict[str, Any]:
    return {
        "is_enabled": False,
        "monthly_limit": None,
        "used_credits": None,
        "utilization": None,
        "currency": None,
    }
