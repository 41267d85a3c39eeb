"""The past of the selected window in lines: a sentence, what it went to, its instances, its busy hours."""

from __future__ import annotations

from itertools import zip_longest
from statistics import median
from typing import TYPE_CHECKING

from rich.cells import cell_len

from claude_meter_tui.dashboard.widgets.bar import LEVEL_STYLES, bar
from claude_meter_tui.dashboard.widgets.drawn_text import (
    DrawnText,
    Line,
    Lines,
    cropped,
    first_fitting,
    fitted,
    width_of,
)
from claude_meter_tui.output import words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from claude_meter_tui.analysis.outlook import Range
    from claude_meter_tui.dashboard.view import Earlier, View
    from claude_meter_tui.domain.earlier import PastInstance
    from claude_meter_tui.domain.windows import Window
    from claude_meter_tui.turns.spent import Spent

_QUIET, _HEAD = "$meter-countdown", "bold $accent"
_SHADES = " ░▒▓█"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_COLUMNS_FROM = 100
_HEAT_WIDE_FROM = 5 + 2 * 24
_LONGEST_BAR = 30
_A_WEEK = 6 * 86400
_WENT_TO_LEAST = 9
_NAME, _SHORTEST_NAME = 34, 18


class PastPanel(DrawnText):
    """Follows the selected window."""

    def depends_on(self, view: View) -> object:
        """Not on a tick."""
        window = view.chosen
        outlook = None if window is None else view.outlook_of(window)
        return (window, view.earlier, view.looks, view.show_left, view.ascii, str(outlook), view.now.date(), self.size)

    def frame(self, view: View, width: int) -> tuple[str, str]:
        """Whose past, and the signs."""
        window = view.chosen
        signs = "≈ estimated by what a token was found to cost  ≥ not read to its end" if width >= _COLUMNS_FROM else ""
        return ("past" if window is None else f"past · {window.label}"), signs

    def draw(self, view: View, width: int, height: int) -> Lines:
        """As much as fits: the sentence, then what this instance went to, then its instances and hours."""
        window, earlier = view.chosen, view.earlier
        if window is None or earlier is None or earlier.key != window.key:
            return ((("Looking at what is stored …", _QUIET),),)
        lead: list[Line] = [] if self.gutter.height else [((window.label, _HEAD),)]
        lead.append(first_fitting(width, *_sentences(window, earlier.instances)))
        if width >= _COLUMNS_FROM:
            left = (width - 3) // 2
            room = height - len(lead) - 1
            heat = _heat(earlier, width - left - 3)
            one = _went_to(view, window, earlier, left, room)
            other = [*_instances(view, window, earlier, width - left - 3, room - len(heat) - 1), (), *heat]
            return tuple([*lead, (), *_beside(one, other, left)][:height])
        heat = _heat(earlier, width)
        listed = min(len(earlier.instances) + 2, max(5, height // 3))
        room = height - len(lead) - 1
        with_heat = room - listed - len(heat) - 1 >= _WENT_TO_LEAST
        went_to = _went_to(view, window, earlier, width, room - listed - (len(heat) + 1 if with_heat else 0))
        lines = [*lead, *([(), *went_to] if went_to else [])]
        rows = _instances(view, window, earlier, width, min(listed - 1, height - len(lines) - 1))
        lines += [(), *rows] if rows else []
        if not went_to and (late := _went_to(view, window, earlier, width, height - len(lines) - 1)):
            lines += [(), *late]
        if heat and len(lines) + len(heat) + 1 <= height:
            lines += [(), *heat]
        return tuple(lines[:height])


def _beside(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    found: list[Line] = []
    for one, other in zip_longest(left, right, fillvalue=()):
        line = cropped(one, width)
        found.append((*line, (" " * (width - width_of(line) + 3), ""), *other))
    return found


def _sentences(window: Window, instances: Sequence[PastInstance]) -> list[Line]:
    """`Full in 3 of the last 8 weeks read · usually 76 % at its end, 41 to 100 %`, and shorter."""
    ended = [each for each in instances if each.cleared_at is not None]
    if not ended:
        return [
            (("No instance has ended since it is read: its peaks come to stand here.", _QUIET),),
            (("No instance has ended yet.", _QUIET),),
        ]
    full, peaks = sum(each.was_full for each in ended), [each.peak for each in ended]
    style = "bold $error" if full else ""
    name = "week" if (window.length_seconds or 0) > _A_WEEK else "session" if window.group == "session" else "instance"
    if len(ended) == 1:
        return [
            ((f"The one {name} read to its end came to {peaks[0]:.0f} %", style),),
            ((f"The {name} before: {peaks[0]:.0f} %", style),),
        ]
    usual, count = f"usually {median(peaks):.0f} %", f"{full or 'none'} of the last {len(ended)} {name}s"
    return [
        ((f"Full in {count} read · {usual} at its end, {min(peaks):.0f} to {max(peaks):.0f} %", style),),
        ((f"Full in {count} · {usual}", style),),
        ((f"Full {full}/{len(ended)} · {usual}", style),),
    ]


# --- what it went to -----------------------------------------------------------------------------------------------


def _went_to(view: View, window: Window, earlier: Earlier, width: int, room: int) -> list[Line]:
    """By project, model and session: points where a token's price is known, else tokens."""
    spent = earlier.spent
    if spent is None or room < 3:
        return []
    if not any(spent.values()):
        return [(("What it went to", _HEAD),), (("Nothing used on this machine counts in it now.", _QUIET),)]
    outlook = view.outlook_of(window)
    price = None if outlook is None else outlook["tokens_per_point"]
    groups = ("project", "model", "session")[: max(1, (room - 1) // 2)]
    given = _shared([len(spent[group]) for group in groups], room - 1 - len(groups))
    lines: list[Line] = [(("What it went to here, since it opened", _HEAD),)]
    for group, count in zip(groups, given, strict=True):
        rows = spent[group]
        left_out = len(rows) - count
        shown = rows[: count - 1] if left_out and count > 1 else rows[:count]
        if not shown:
            continue
        lines.append(((f"by {group}", _QUIET),))
        lines += [_row(row, _short(row.name, group), price, width) for row in shown]
        if len(rows) > len(shown) and count > 1:
            lines.append(((f"  + {len(rows) - len(shown)} more", _QUIET),))
    return lines[:room]


def _shared(wanted: Sequence[int], room: int) -> list[int]:
    """So many lines for each of several lists, as evenly as they need them."""
    given = [0] * len(wanted)
    while room > 0 and given != list(wanted):
        for number, most in enumerate(wanted):
            if room > 0 and given[number] < most:
                given[number] += 1
                room -= 1
    return given


def _row(row: Spent, name: str, price: Range | None, width: int) -> Line:
    turns = f"  {row.turns:>4} turn{' ' if row.turns == 1 else 's'}"
    tokens = f"  {words.amount(row.tokens):>7} tokens"
    if row.points is None:
        figures: list[str] = [tokens + turns, tokens]
    else:
        figure = f"≈{row.points:.1f}" if row.points < 10 else f"≈{row.points:.0f}"
        span = ""
        if price is not None and price["low"] > 0 and price["high"] > 0:
            low, high = (row.points * price["estimate"] / price[end] for end in ("high", "low"))
            span = f" ({low:.0f}–{high:.0f})"
        points = f"{figure + span:>14} points"
        figures = [points + tokens + turns, points + tokens, points, f"{figure:>6} points"]
    figure = next((each for each in figures if width - len(each) - 3 >= _SHORTEST_NAME), figures[-1])
    room = max(6, min(_NAME, width - len(figure) - 3))
    return ((f"  {_fitted_end(name, room)} ", ""), (figure, "$meter-local"))


def _fitted_end(name: str, width: int) -> str:
    """In exactly that many cells, with the end of the name: folders differ there."""
    cut = name
    while cell_len(cut) > width:
        cut = cut[1:]
        if cell_len(cut) + 1 <= width:
            cut = "…" + cut
            break
    return fitted(cut, width)


def _short(name: str, group: str) -> str:
    """The end of a path says more than its beginning; of a session's id the beginning is enough."""
    if not name:
        return "(unnamed)"
    if group == "session":
        return name[:8]
    parts = name.rstrip("/\\").replace("\\", "/").split("/")
    return parts[-1] if group == "project" else name


# --- instances -----------------------------------------------------------------------------------------------------


def _instances(view: View, window: Window, earlier: Earlier, width: int, room: int) -> list[Line]:
    """One a line, the newest first: when, a bar of its peak, the peak."""
    if room < 2 or not earlier.instances:
        return []
    rows = earlier.instances
    shown = rows[: room - 1 if len(rows) <= room - 1 else max(1, room - 2)]
    whens = [_when(each, window, view.now) for each in shown]
    wide = max(map(len, whens))
    cells = max(4, min(_LONGEST_BAR, width - wide - 14))
    lines: list[Line] = [(("Its instances", _HEAD),)]
    for each, when in zip(shown, whens, strict=True):
        peak = max(0.0, 100 - each.peak) if view.show_left else each.peak
        style = LEVEL_STYLES[view.looks.level(each.peak)]
        figure = f"{('≤' if view.show_left else '≥') if each.at_least else ''}{words.percent(round(peak))}"
        full = " FULL" if each.was_full else "" if each.cleared_at is not None else " now"
        lines.append(
            ((f"  {when:<{wide}} ", _QUIET), *bar(cells, peak / 100, None, style), (f"{figure:>7}{full}", style))
        )
    if len(rows) > len(shown):
        lines.append(((f"  + {len(rows) - len(shown)} earlier", _QUIET),))
    return lines


def _when(each: PastInstance, window: Window, now: datetime) -> str:
    """`Nov 12–19`, `Thu 09:00–14:00`: until its reset, or its last reading where that is not known."""
    end = each.cleared_at or each.last_at
    if (window.length_seconds or 0) > _A_WEEK:
        start, last = each.opened_at.astimezone(), end.astimezone()
        month = "" if start.month == last.month else f"{last:%b} "
        return f"{start:%b} {start.day}–{month}{last.day}"
    start_words, end_words = words.clock_time(each.opened_at, now), words.clock_time(end, now)
    day = start_words.rpartition(" ")[0]
    return f"{start_words}–{end_words.removeprefix(day + ' ') if day else end_words}"


# --- hours ---------------------------------------------------------------------------------------------------------


def _heat(earlier: Earlier, width: int) -> list[Line]:
    """A shade for each hour of the week: how much the window rose in it, beside the busiest."""
    most = max((each for day in earlier.by_hour for each in day), default=0.0)
    if most <= 0 or width < 5 + 24:
        return []
    cells = 2 if width >= _HEAT_WIDE_FROM else 1
    hours = "".join(f"{hour:<{6 * cells}}" for hour in (0, 6, 12, 18))
    lines: list[Line] = [(("When it is used, by the readings of 8 weeks", _HEAD),), ((f"     {hours}", _QUIET),)]
    for name, day in zip(_DAYS, earlier.by_hour, strict=True):
        shades = "".join(_SHADES[_shade(each / most)] * cells for each in day)
        lines.append(((f" {name} ", _QUIET), (shades, "$success")))
    return lines


def _shade(share: float) -> int:
    """Any use at all is seen."""
    return 0 if share <= 0 else 1 + min(3, int(share * 4))
