"""Which time the chart covers: the selected window's span, several of them, or what zoom and pan make of it. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.windows import Window

_DEFAULT_SPAN = timedelta(days=7)
_SHORTEST, _LONGEST = timedelta(hours=1), timedelta(days=400)
# Zoomed in, this much of the chart is left for what is to come.
_AHEAD = 4


def span_of(window: Window, now: datetime, spans: int) -> tuple[datetime, datetime]:
    """This instance of the window, or that many of them up to its reset.

    An idle or ended window, or one of unknown length, gets the time up to `now`.
    """
    length = timedelta(seconds=window.length_seconds) if window.length_seconds else _DEFAULT_SPAN
    end = window.resets_at if window.resets_at is not None and window.resets_at > now else now
    return end - length * spans, end


def range_of(window: Window, now: datetime, spans: int, zoom: int = 0, pan: int = 0) -> tuple[datetime, datetime]:
    """What the chart covers.

    Args:
        window: whose.
        now: by the server's clock.
        spans: how many window lengths.
        zoom: how often that is halved (negative: doubled), between an hour and 400 days.
        pan: how many halves of that before the usual place.
    """
    start, end = span_of(window, now, spans)
    width = end - start
    if zoom:
        width = min(_LONGEST, max(_SHORTEST, width * 2.0 ** -max(-30, min(30, zoom))))
    if width < end - start:
        end = min(end, now + width / _AHEAD)
    end -= width / 2 * max(0, min(pan, 2000))
    return end - width, end


def range_in(view: View) -> tuple[datetime, datetime] | None:
    """The same of the selected window; None without one."""
    window = view.chosen
    return None if window is None else range_of(window, view.true_now, view.spans, view.zoom, view.pan)


def can_zoom(window: Window, now: datetime, spans: int, before: int, after: int) -> bool:
    """Whether another zoom still changes anything."""
    one, other = (range_of(window, now, spans, zoom) for zoom in (before, after))
    return one[1] - one[0] != other[1] - other[0]
