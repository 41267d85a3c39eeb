"""What a window comes to at the pace it had so far, in words: said until there is a forecast, and always as "about"."""

from __future__ import annotations

from claude_meter_tui.domain import urgency
from claude_meter_tui.output.words import clears, clock_time, spoken, when_and_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from claude_meter_tui.domain.windows import Window


Pace = tuple[float, "datetime | None"]
"""What a window comes to at its reset, percent, and when it is full before that; see `urgency.at_this_pace`."""


def pace_of(window: Window, read_at: datetime, now: datetime) -> Pace | None:
    """What follows from a window's pace up to its reading; it does not drift while no other reading comes.

    Args:
        window: as read.
        read_at: when that was, by the server's clock.
        now: by the same; an ended window has no pace.
    """
    if window.utilization <= 0 or urgency.is_over(window.resets_at, now):
        return None
    found = urgency.at_this_pace(window.utilization, window.resets_at, window.length_seconds, min(read_at, now))
    return found if found is None or found[1] is None else (found[0], max(found[1], now))


def pace_row(window: Window, pace: Pace | None, now: datetime) -> tuple[str, str]:
    """`about Thu 16:30`, `61 % at this pace`, and shorter: for a window's row; empty where nothing can be said."""
    if window.utilization >= urgency.FULL_FROM and not urgency.is_over(window.resets_at, now):
        return "full", "full"
    if pace is None:
        return "", ""
    at_reset, fills = pace
    if fills is None:
        return f"{at_reset:.0f} % at this pace", f"→ {at_reset:.0f} %"
    when = clock_time(fills, now)
    return f"about {when}", f"~{when}"


def pace_sentence(window: Window, pace: Pace | None, now: datetime) -> list[str]:
    """What follows a window's name and figure, from long to short; empty where nothing can be said."""
    if pace is None or window.resets_at is None:
        return []
    at_reset, fills = pace
    cleared = clears(window.resets_at, now)
    at = f"clears {clock_time(window.resets_at, now)}"
    if fills is None:
        return [
            f"clears before it fills, at {when_and_left(window.resets_at, now)}: {at_reset:.0f} % at this pace",
            f"{cleared}, before it fills",
            f"{at}, before it fills",
            f"holds, {at}",
        ]
    before, when = spoken(window.resets_at, fills), clock_time(fills, now)
    return [
        f"fills about {when} at this pace, {before} before it {cleared}",
        f"fills about {when} at this pace, {before} before it clears",
        f"fills about {when}, {before} before it clears",
        f"fills about {when}",
    ]
