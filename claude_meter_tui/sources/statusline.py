"""What Claude Code pipes to its status line command → a reading of the windows it names (FACTS §2).

`five_hour` and `seven_day` for Pro and Max, `spend_limit` behind a gateway (Claude Code ≥ 2.1.251), only after a
session's first answer; `used_percentage` is in percent, `resets_at` in seconds since 1970, also seen as ISO-8601.
Light: it runs each time Claude Code redraws, so no pydantic, no pendulum.

Claude Code also redraws with figures of an answer long past (an idle session beside a busy one). So an observation is
new only if the session has had an answer since (`stamp`), and one that says less than is known of the same instance of
a window is of such a session: within an instance utilization only grows.
"""

from __future__ import annotations

import json
import zlib
from datetime import datetime, timedelta

from claude_meter_tui.domain.bounds import bounded_time, iso_utc, number, percentage, time_of_milliseconds
from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.store.merging import same_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from claude_meter_tui.domain.plain_reading import AccountDocument, ReadingDocument, WindowDocument

NAME = "statusline"
# (key, label, group, length in seconds) of the windows Claude Code passes on; as `payload` names them, a test holds it.
_WINDOWS = (
    ("five_hour", "5-hour", "session", 5 * 3600),
    ("seven_day", "7-day", "weekly", 7 * 86400),
    ("spend_limit", "spend limit", "other", None),
)
# A budget's period may be a year; nothing that resets later can be meant.
_LONGEST_PERIOD = 370 * 86400


def parsed(data: bytes) -> dict[str, Any]:
    """The object Claude Code sent; empty where it is none."""
    try:
        found = json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def reading_of(
    given: dict[str, Any], now: datetime, account: AccountDocument, skew: timedelta = timedelta(0)
) -> ReadingDocument | None:
    """The windows in what Claude Code sent; None where it named none.

    Args:
        given: as `parsed`.
        now: when it was said, by the local clock.
        account: whose.
        skew: how far the server's clock, which resets are of, is ahead of the local one.
    """
    limits = given.get("rate_limits")
    if not isinstance(limits, dict):
        return None
    windows = [
        window for known in _WINDOWS if (window := _window(limits.get(known[0]), now + skew, *known)) is not None
    ]
    if not windows:
        return None
    return {
        "observed_at": now.isoformat().replace("+00:00", "Z"),
        "source": NAME,
        "account": account,
        "windows": windows,
        "extra_usage": None,
        "damaged": [],
        "whole_at": None,
    }


def stamp(given: dict[str, Any]) -> str:
    """Changes when the session has had another answer: what Claude Code counts with each (cost, time, context)."""
    counted = [given.get(name) for name in ("cost", "context_window", "rate_limits")]
    for part in counted[:1]:
        if isinstance(part, dict):  # the wall clock runs without any answer
            part.pop("total_duration_ms", None)
    return f"{zlib.crc32(json.dumps(counted, sort_keys=True).encode()):08x}"


def session_of(given: dict[str, Any]) -> str:
    """The session's id, or empty."""
    session = given.get("session_id")
    return clean_text(session, 64) or ""


def still_true(reading: ReadingDocument, known: ReadingDocument | None) -> ReadingDocument | None:
    """The reading without the windows of which more is known already; None where none is left."""
    if known is None:
        return reading
    by_key = {window["key"]: window for window in known["windows"]}
    windows = [window for window in reading["windows"] if not _less(window, by_key.get(window["key"]))]
    return {**reading, "windows": windows} if windows else None


def _moment(value: Any) -> datetime | None:
    """Seconds since 1970 UTC, or ISO-8601 with its offset; None for anything else."""
    if isinstance(value, str) and len(value) <= 40:
        try:
            written = datetime.fromisoformat(value)
        except ValueError:
            return None
        return None if written.tzinfo is None else bounded_time(written)
    seconds = number(value)
    moment = None if seconds is None else time_of_milliseconds(seconds * 1000)
    return None if moment is None else bounded_time(moment)


def _less(window: WindowDocument, known: WindowDocument | None) -> bool:
    # Half a point: the header has whole percents, the endpoint sometimes fractions. Another reset is another instance,
    # an earlier one too: a weekly anchor can shift (FACTS §1), and one that has passed was left out above.
    if known is None or window["utilization"] >= known["utilization"] - 0.5:
        return False
    if window["resets_at"] is None:
        return window["utilization"] > 0  # it did not say of which instance, or what cannot be
    return same_instance(window["resets_at"], known["resets_at"])


def _window(value: Any, now: datetime, key: str, label: str, group: str, length: int | None) -> WindowDocument | None:
    if not isinstance(value, dict):
        return None
    utilization = percentage(value.get("used_percentage"))
    if utilization is None:
        return None
    reset, moment = None, _moment(value.get("resets_at"))
    if moment is not None:
        ahead = (moment - now).total_seconds()
        if ahead <= 0:
            return None  # of an instance that has ended nothing is told about now
        # A reset further away than the window is long is none: the percentage counts, the reset known before stays.
        if ahead <= (_LONGEST_PERIOD if length is None else length + 3600):
            reset = iso_utc(moment)
    return {
        "key": key,
        "label": label,
        "group": group,
        "utilization": utilization,
        "resets_at": reset,
        "length_seconds": length,
        "model": None,
        "surface": None,
        "severity": None,
        "is_active": None,
        "observed_at": None,
        "source": None,
    }
