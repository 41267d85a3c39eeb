"""The stored outlook beside a reading, for scripts: which of its figures are of the same instance. Light.

An estimate stands only until the window is read again, and an outlook is of one instance and some hours.
"""

from __future__ import annotations

from datetime import datetime, timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claude_meter_tui.analysis.outlook import Range, WindowOutlook
    from claude_meter_tui.domain.plain_reading import ReadingDocument, WindowDocument
    from claude_meter_tui.output.formats import At

_OLDEST = timedelta(hours=6)
_SAME_RESET = timedelta(minutes=10)


def windows_of(outlook: str, now: datetime) -> dict[str, WindowOutlook]:
    """The windows of a stored outlook that is young enough to be shown, by key; none of one that cannot be read."""
    import json

    try:
        found = json.loads(outlook)
        if abs(now - datetime.fromisoformat(found["made_at"])) > _OLDEST:
            return {}
        return {window["key"]: window for window in found["windows"]}
    except (ValueError, TypeError, KeyError):
        return {}


def of_this_instance(window: WindowDocument, at: At) -> WindowOutlook | None:
    """What the analysis says of the instance the window is in."""
    found = at.outlook.get(window["key"])
    if found is None or window["resets_at"] is None or found["resets_at"] is None:
        return None
    reset = datetime.fromisoformat(window["resets_at"])
    same = abs(datetime.fromisoformat(found["resets_at"]) - reset) < _SAME_RESET
    return found if reset > at.true and same else None


def estimate_of(window: WindowDocument, reading: ReadingDocument, at: At) -> Range | None:
    """How full it is estimated to be; None where it was read since, or where nothing is known."""
    found = of_this_instance(window, at)
    if found is None or found["estimate"] is None:
        return None
    read_at = datetime.fromisoformat(window["observed_at"] or reading["observed_at"])
    return None if read_at - datetime.fromisoformat(found["read_at"]) > timedelta(seconds=2) else found["estimate"]


def as_contract(estimate: Range) -> dict[str, float]:
    """`{utilization, low, high}`."""
    return {
        "utilization": round(estimate["estimate"], 2),
        "low": round(estimate["low"], 2),
        "high": round(estimate["high"], 2),
    }


def forecast_of(window: WindowDocument, at: At) -> dict[str, object] | None:
    """`{probability_full_before_reset, full_at}`, the newest stored one; None where there is none."""
    found = of_this_instance(window, at)
    if found is None or found["probability"] is None:
        return None
    return {"probability_full_before_reset": found["probability"], "full_at": found["full_at"]}
