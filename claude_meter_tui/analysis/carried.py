"""An outlook carried on by the turns since it was made: what a person sees between two analyses. Light, no numpy."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from claude_meter_tui.analysis.outlook import Outlook, Range, WindowOutlook
    from claude_meter_tui.domain.windows import Reading, Window
    from claude_meter_tui.turns.turn import Turn

# An older one says nothing of now any more.
_OLDEST = timedelta(hours=6)
_SAME_RESET = timedelta(minutes=10)
# Times in an outlook are cut to the second.
_SAME_READING = timedelta(seconds=2)
_NEVER = 2**60
LIKELY_FROM = 0.5
"""From here on a thing is likely enough to be said without "may"."""


def stored_outlook(text: str) -> Outlook | None:
    """A stored outlook; None for one of another shape than today's, which is made anew."""
    from claude_meter_tui.analysis.outlook import Outlook, WindowOutlook

    try:
        found: Outlook = json.loads(text)
        whole = found.keys() >= Outlook.__required_keys__ and all(
            window.keys() >= WindowOutlook.__required_keys__ for window in found["windows"]
        )
        made_at = datetime.fromisoformat(found["made_at"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return found if whole and made_at.tzinfo is not None else None


def is_same_reset(one: datetime, other: datetime) -> bool:
    """Whether two resets are one and the same instance's."""
    return abs(one - other) < _SAME_RESET


def is_read_since(window: WindowOutlook, read_at: datetime) -> bool:
    """Whether a window was read after what the outlook knows of it."""
    return read_at - datetime.fromisoformat(window["read_at"]) > _SAME_READING


def begins(outlook: Outlook, reading: Reading) -> dict[str, datetime]:
    """From when on turns add to what is known of each window: the analysis, or a reading that came after it."""
    made_at = datetime.fromisoformat(outlook["made_at"])
    known = {window["key"]: window for window in outlook["windows"]}
    found = {}
    for window in reading.windows:
        read_at = window.observed_at or reading.observed_at
        each = known.get(window.key)
        found[window.key] = read_at if each is not None and is_read_since(each, read_at) else made_at
    return found


def added_by(outlook: Outlook, turns: Iterable[Turn], since: Mapping[str, int]) -> dict[str, float]:
    """The points turns add to each window, by what its tokens were found to cost.

    Args:
        outlook: with what a token costs.
        turns: those written lately.
        since: for each window, from when on they count (ms).
    """
    found: dict[str, float] = {}
    known = [(window["key"], window["points_a_token"]) for window in outlook["windows"]]
    for turn in turns:
        for key, prices in known:
            price = prices.get(turn.model)
            if price is not None and turn.on_plan and turn.at > since.get(key, _NEVER):
                found[key] = found.get(key, 0.0) + turn.points(price)
    return found


def is_usable(outlook: Outlook | None, now: datetime) -> bool:
    """Whether an outlook is young enough to be shown; `now` by the server's clock."""
    return outlook is not None and abs(now - datetime.fromisoformat(outlook["made_at"])) <= _OLDEST


def of_window(outlook: Outlook | None, window: Window, now: datetime) -> WindowOutlook | None:
    """What the outlook says of the instance a window is in; None where it is of another or too old."""
    if outlook is None or not is_usable(outlook, now):
        return None
    found = next((each for each in outlook["windows"] if each["key"] == window.key), None)
    if found is None or found["resets_at"] is None:
        return found if found is not None and window.resets_at is None else None
    resets_at = datetime.fromisoformat(found["resets_at"])
    if resets_at <= now:
        return None
    over = window.resets_at is None or window.resets_at <= now
    return found if over or (window.resets_at is not None and is_same_reset(resets_at, window.resets_at)) else None


def estimates(outlook: Outlook | None, reading: Reading, added: Mapping[str, float], now: datetime) -> dict[str, Range]:
    """How full each window is now, where that is known to be another figure than the reading's.

    Never below the reading, never beyond 100 unless the reading is; a newer reading replaces it.
    """
    found: dict[str, Range] = {}
    if outlook is None:
        return found
    for window in reading.windows:
        each = of_window(outlook, window, now)
        if each is None or each["estimate"] is None:
            continue
        read_at = window.observed_at or reading.observed_at
        more = added.get(window.key, 0.0)
        over = window.resets_at is not None and window.resets_at <= now
        least = 0.0 if over else window.utilization
        most = max(100.0, least)
        known = each["estimate"]
        if is_read_since(each, read_at):  # read since: exact, but for rounding
            known = {"estimate": window.utilization, "low": window.utilization - 0.5, "high": window.utilization + 0.5}
        figures = [known["low"] + 0.85 * more, known["estimate"] + more, known["high"] + 1.15 * more]
        low, middle, high = (min(most, max(least, figure)) for figure in figures)
        found[window.key] = {"estimate": middle, "low": low, "high": high}
    return found
