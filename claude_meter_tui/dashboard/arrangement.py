"""Where each part of the main screen stands at a size: pure, so that every size can be looked at by a test.

Height and width are separate questions. What a person acts on goes first: the sentence, the windows, the keys; then the
chart, the comparison, what moved it. Nothing lies over another part, and no rows are left empty while a part has
something to show in them.
"""

from __future__ import annotations

from typing import NamedTuple

_TINY_WIDTH, _TINY_HEIGHT = 60, 6
_FLAT_HEIGHT = 14
_ALONE_HEIGHT = 10
_TALL_HEIGHT = 30
_COMPARE_WIDTH, _COMPARE_HEIGHT = 110, 30
_BESIDE_WIDTH = 100
_FLAT_CHART_WIDTH = 140
_COLUMNS_WIDTH = 180
_FRAME = 2
# The chart's least and most rows, its times and its frame among them: more than 16 rows of bars say nothing more.
_CHART_LEAST, _CHART_MOST = 5, 16 + 2 + _FRAME
_COMPARE_LEAST = 8
_MOVES_LEAST = 4
_TINY_CHART_WIDTH = 30
_FLAT_TABLE = 104
_FLAT_HEADER = 64


class Area(NamedTuple):
    """A part's place, in cells from the upper left corner; `framed`: with a border around."""

    x: int
    y: int
    width: int
    height: int
    framed: bool = False


class Wanted(NamedTuple):
    """What there is to show.

    `rows`: windows and money; `notice` and `strip`: lines that the message and the accounts take; `compare`: whether
    the comparison is wished for (None: where there is room); `message`: there is nothing to show but a message.
    `money`: the only row is money, which has no history. `alone`: the part that has the screen for itself.
    """

    rows: int
    notice: int = 0
    strip: int = 0
    compare: bool | None = None
    message: bool = False
    money: bool = False
    alone: str | None = None


Areas = dict[str, Area]
"""By name: header, notice, strip, stop, windows, chart, moves, compare, local, message, keys, status."""


def is_tiny(width: int, height: int) -> bool:
    """Whether there is only room for a line a window."""
    return width < _TINY_WIDTH or height < _TINY_HEIGHT


def opens_by_itself(width: int, height: int) -> bool:
    """Whether the comparison is open until somebody closes it."""
    return width >= _COMPARE_WIDTH and height >= _COMPARE_HEIGHT


def arrange(width: int, height: int, wanted: Wanted) -> Areas:
    """The place of every part that is shown."""
    if is_tiny(width, height):
        return _tiny(width, height, wanted)
    if wanted.message:
        return _message(width, height, wanted)
    if wanted.alone is not None and height >= _ALONE_HEIGHT and not wanted.money:
        return _alone(width, height, wanted, wanted.alone)
    if height < _FLAT_HEIGHT:
        return _flat(width, height, wanted)
    return _stacked(width, height, wanted)


def _tiny(width: int, height: int, wanted: Wanted) -> Areas:
    found: Areas = {"status": Area(0, height - 1, width, 1)} if height > 1 else {}
    lines = max(1, height - 1)
    if wanted.message:
        return {**found, "message": Area(0, 0, width, lines)}
    top, spare = 0, lines - wanted.rows
    for name, there in (("notice", wanted.notice > 0), ("stop", True)):
        if there and spare > 0:
            found[name] = Area(0, top, width, 1)
            top, spare = top + 1, spare - 1
    if spare > 1 and not wanted.money:
        found["stop"] = found["stop"]._replace(height=2)
        top, spare = top + 1, spare - 1
    rows = min(wanted.rows, lines - top) or 1
    found["windows"] = Area(0, top, width, rows)
    if spare > 0 and not wanted.money:
        spare -= 1
        found["local"] = Area(0, lines - 1, width, 1)
    top += rows
    if spare >= _CHART_LEAST and width >= _TINY_CHART_WIDTH and not wanted.money:
        chart = min(spare, _CHART_MOST)
        found["chart"] = Area(0, top, width, chart)
        top, spare = top + chart, spare - chart
    if spare > 0 and not wanted.money:
        found["moves"] = Area(0, top, width, spare)
    return found


def _message(width: int, height: int, wanted: Wanted) -> Areas:
    found = {"header": Area(0, 0, width, 1), "keys": Area(0, height - 1, width, 1)}
    top = 1
    strip = min(wanted.strip, max(0, height - 2 - 4))
    if strip:
        found["strip"] = Area(0, top, width, strip)
        top += strip
    room = height - top - 1
    framed = room >= 12
    found["message"] = Area(0, top, width, room, framed)
    return found


def _alone(width: int, height: int, wanted: Wanted, part: str) -> Areas:
    """One part, with the sentence above and the keys below."""
    found = {"header": Area(0, 0, width, 1), "stop": Area(0, 1, width, 1), "keys": Area(0, height - 1, width, 1)}
    top = 2
    if wanted.notice and height >= _FLAT_HEIGHT:
        found["notice"] = Area(0, top, width, wanted.notice)
        top += wanted.notice
    found[part] = Area(0, top, width, height - 1 - top, framed=True)
    return found


def _flat(width: int, height: int, wanted: Wanted) -> Areas:
    """Wide and low: no frames; the chart at the right where there is room for both."""
    found = {"keys": Area(0, height - 1, width, 1)}
    beside = width >= _FLAT_CHART_WIDTH and not wanted.money
    if beside:
        table = _FLAT_TABLE
        found["header"] = Area(width - _FLAT_HEADER, 0, _FLAT_HEADER, 1)
        found["stop"] = Area(0, 0, width - _FLAT_HEADER, 1)
        top, bottom = 1, height - 1
        if wanted.notice:
            found["notice"] = Area(0, top, width, wanted.notice)
            top += wanted.notice
        chart = Area(table + 1, top, width - table - 1, bottom - top)
        if chart.height > _CHART_LEAST:
            found["local"] = Area(table + 1, bottom - 1, width - table - 1, 1)
            chart = chart._replace(height=chart.height - 1)
        found["chart"] = chart
        found["windows"] = Area(0, top, table, min(bottom - top, wanted.rows + 1))
        return found
    # What the numbers are worth goes before one more row of them: which are left out is said.
    found["header"] = Area(0, 0, width, 1)
    found["stop"] = Area(0, 1, width, 1)
    top, spare = 2, height - 3 - wanted.rows
    if wanted.notice and spare >= wanted.notice:
        found["notice"] = Area(0, top, width, wanted.notice)
        top, spare = top + wanted.notice, spare - wanted.notice
    heads = 1 if spare > 0 else 0
    found["windows"] = Area(0, top, width, min(height - 1 - top, wanted.rows + heads))
    top += found["windows"].height
    if top < height - 1:
        found["local"] = Area(0, top, width, 1)
    return found


def _stacked(width: int, height: int, wanted: Wanted) -> Areas:
    found = {"header": Area(0, 0, width, 1), "keys": Area(0, height - 1, width, 1)}
    top, bottom = 1, height - 1
    for name, lines in (("notice", wanted.notice), ("strip", wanted.strip)):
        lines = min(lines, max(0, bottom - top - 4))
        if lines:
            found[name] = Area(0, top, width, lines)
            top += lines
    compare = opens_by_itself(width, height) if wanted.compare is None else wanted.compare
    compare = compare and not wanted.money
    if compare and width >= _COLUMNS_WIDTH and height >= _TALL_HEIGHT:
        left = max(120, width * 3 // 5)
        found["compare"] = Area(left, top, width - left, bottom - top, framed=True)
        top = _stop_and_windows(found, wanted, left, top, bottom, tall=True)
        _charts(found, left, top, bottom - top)
        return found
    top = _stop_and_windows(found, wanted, width, top, bottom, tall=height >= _TALL_HEIGHT)
    room = bottom - top
    if compare and width >= _BESIDE_WIDTH and room >= _COMPARE_LEAST:
        right = 46 if width < _FLAT_CHART_WIDTH else min(68, width * 42 // 100)
        found["compare"] = Area(width - right, top, right, room, framed=True)
        _charts(found, width - right, top, room)
        return found
    if compare and room >= _COMPARE_LEAST - 2:
        found["compare"] = Area(0, top, width, room, framed=True)
        return found
    _lower(found, wanted, width, top, bottom)
    return found


def _stop_and_windows(found: Areas, wanted: Wanted, width: int, top: int, bottom: int, *, tall: bool) -> int:
    """The sentence and the table; gives the row below them."""
    room = bottom - top
    stop = 2 + _FRAME if tall and room >= wanted.rows + 1 + _FRAME + 2 + _FRAME else 1
    found["stop"] = Area(0, top, width, stop, framed=stop > 1)
    room -= stop
    whole = wanted.rows + 1 + _FRAME
    # With less room first the frame goes, then the heads; then rows are left out, with a sign.
    framed = room >= whole - 1
    rows = min(room, whole if room >= whole else whole - 1 if framed else wanted.rows + 1)
    found["windows"] = Area(0, top + stop, width, rows, framed)
    return top + stop + rows


def _lower(found: Areas, wanted: Wanted, width: int, top: int, bottom: int) -> None:
    """Below the windows, without the comparison: the chart, what moved it, and one line of the local side."""
    if bottom - top < 1 or wanted.money:
        return
    bottom -= 1
    found["local"] = Area(0, bottom, width, 1)
    _charts(found, width, top, bottom - top)


def _charts(found: Areas, width: int, top: int, room: int) -> None:
    """The chart as high as it says something, and below it what moved the window."""
    if room >= _CHART_LEAST:
        framed = room >= _CHART_LEAST + 1
        height = min(room, _CHART_MOST)
        if 0 < room - height < _MOVES_LEAST:
            height = room - _MOVES_LEAST
        elif height == room and room >= 14 + _MOVES_LEAST:
            height = room - max(_MOVES_LEAST, room // 3)
        found["chart"] = Area(0, top, width, height, framed)
        top, room = top + height, room - height
    if room > 0:
        found["moves"] = Area(0, top, width, room, framed=room >= _MOVES_LEAST)
