"""What Claude Code pipes to its status line command → a reading of the windows it names (FACTS §2).

Only `five_hour` and `seven_day`, only for Pro and Max, only after a session's first answer; `used_percentage` is in
percent, `resets_at` in seconds since 1970. Light: it runs each time Claude Code redraws, so no pydantic, no pendulum.

Claude Code also redraws with figures of an answer long past (an idle session beside a busy one). So an observation is
new only if the session has had an answer since (`stamp`), and one that says less than is known of the same instance of
a window is of such a session: within an instance utilization only grows.
"""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime, timedelta

from claude_meter_tui.merging import same_instance
from claude_meter_tui.standing import iso_utc
from claude_meter_tui.values import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from claude_meter_tui.documents import AccountDocument, ReadingDocument, WindowDocument

NAME = "statusline"
# (key, label, group, length in seconds) of the windows Claude Code passes on; as `payload` names them, a test holds it.
_WINDOWS = (
    ("five_hour", "5-hour", "session", 5 * 3600),
    ("seven_day", "7-day", "weekly", 7 * 86400),
)
_MOST = 10_000.0


def parsed(data: bytes) -> dict[str, Any]:
    """The object Claude Code sent; empty where it is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def reading_of(given: dict[str, Any], now: datetime, account: AccountDocument) -> ReadingDocument | None:
    """The windows in what Claude Code sent; None where it named none.

    Args:
        given: as `parsed`.
        now: when it was said.
        account: whose.
    """
    limits = given.get("rate_limits")
    if not isinstance(limits, dict):
        return None
    windows = [window for known in _WINDOWS if (window := _window(limits.get(known[0]), now, *known)) is not None]
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
    return session[:64] if isinstance(session, str) else ""


def still_true(reading: ReadingDocument, known: ReadingDocument | None) -> ReadingDocument | None:
    """The reading without the windows of which more is known already; None where none is left."""
    if known is None:
        return reading
    by_key = {window["key"]: window for window in known["windows"]}
    windows = [window for window in reading["windows"] if not _less(window, by_key.get(window["key"]))]
    return {**reading, "windows": windows} if windows else None


def _less(window: WindowDocument, known: WindowDocument | None) -> bool:
    # Half a point: the header has whole percents, the endpoint sometimes fractions. Another reset is another instance,
    # an earlier one too: a weekly anchor can shift (FACTS §1), and one that has passed was left out above.
    return (
        known is not None
        and window["resets_at"] is not None
        and same_instance(window["resets_at"], known["resets_at"])
        and window["utilization"] < known["utilization"] - 0.5
    )


def _window(value: Any, now: datetime, key: str, label: str, group: str, length: int) -> WindowDocument | None:
    if not isinstance(value, dict):
        return None
    utilization, resets_at = number(value.get("used_percentage")), number(value.get("resets_at"))
    if utilization is None or utilization > _MOST:
        return None
    reset = None
    if resets_at is not None:
        # Of an instance that has ended, or of none there can be, nothing is told about now.
        ahead = resets_at - now.timestamp()
        if not 0 < ahead <= length + 3600:
            return None
        reset = iso_utc(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=resets_at))
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
