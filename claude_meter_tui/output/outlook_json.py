"""The stored outlook beside a reading, for scripts: which of its figures are of the same instance. Light.

An estimate stands only until the window is read again, and an outlook is of one instance and some hours: `carried` says
when, and is imported only where there is an outlook, since `status` runs every few seconds.
"""

from __future__ import annotations

from datetime import datetime

from claude_meter_tui.domain.urgency import FULL_FROM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claude_meter_tui.analysis.outlook import Outlook, Range, WindowOutlook
    from claude_meter_tui.domain.plain_reading import ReadingDocument, WindowDocument
    from claude_meter_tui.output.formats import At

# Below one in two: a stop that comes unannounced costs more than one that was announced and does not come.
_STOP_FROM = 0.4


def next_stop_of(outlook: Outlook) -> WindowOutlook | None:
    """The window most likely to fill first; None where that nothing fills before it clears is the answer."""
    if 1 - outlook["nothing_fills"] < _STOP_FROM:
        return None
    return max(outlook["windows"], key=lambda window: window["first"])


def windows_of(outlook: str, now: datetime) -> dict[str, WindowOutlook]:
    """The windows of a stored outlook that is young enough to be shown, by key; none of one that cannot be read."""
    from claude_meter_tui.analysis.carried import is_usable, stored_outlook

    found = stored_outlook(outlook)
    if found is None or not is_usable(found, now):
        return {}
    return {window["key"]: window for window in found["windows"]}


def of_this_instance(window: WindowDocument, at: At) -> WindowOutlook | None:
    """What the analysis says of the instance the window is in."""
    found = at.outlook.get(window["key"])
    if found is None or window["resets_at"] is None or found["resets_at"] is None:
        return None
    from claude_meter_tui.analysis.carried import is_same_reset

    reset = datetime.fromisoformat(window["resets_at"])
    same = is_same_reset(datetime.fromisoformat(found["resets_at"]), reset)
    return found if reset > at.true and same else None


def likely_full_at(window: WindowDocument, at: At) -> datetime | None:
    """When it likely fills before it clears; None where that is not likely, or it is full already."""
    found = of_this_instance(window, at)
    if found is None or found["full_at"] is None or found["probability"] is None:
        return None
    from claude_meter_tui.analysis.carried import LIKELY_FROM

    likely = found["probability"] >= LIKELY_FROM and window["utilization"] < FULL_FROM
    return datetime.fromisoformat(str(found["full_at"]["p50"])) if likely else None


def estimate_of(window: WindowDocument, reading: ReadingDocument, at: At) -> Range | None:
    """How full it is estimated to be; None where it was read since, or where nothing is known."""
    found = of_this_instance(window, at)
    if found is None or found["estimate"] is None:
        return None
    from claude_meter_tui.analysis.carried import is_read_since

    read_at = datetime.fromisoformat(window["observed_at"] or reading["observed_at"])
    return None if is_read_since(found, read_at) else found["estimate"]


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
