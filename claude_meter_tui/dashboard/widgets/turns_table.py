"""The last turns as a table: when, which model, how much it wrote, and a dot for each window it moved. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from claude_meter_tui.dashboard.past_times import turn_time
from claude_meter_tui.dashboard.widgets.drawn_text import Line, fitted, width_of
from claude_meter_tui.output import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_meter_tui.analysis.local_side import RecentTurn
    from claude_meter_tui.dashboard.view import View

_QUIET = "$meter-countdown"
_MOVED = "•"
_LONGEST_NAME = 9


def turn_table(recent: Sequence[RecentTurn], view: View, width: int, rows: int) -> list[Line]:
    """As many turns as fit, from the newest or from where the user has scrolled to, below the names of the columns."""
    from claude_meter_tui.analysis import attribution  # there is a turn: the first paint has none

    rows -= 1
    first = max(0, min(view.turns_from, len(recent) - rows))
    shown = recent[first : first + rows]
    if rows < 1 or not shown:
        return []
    labels = [window.label for window in view.windows if any(window.label in one.moved for one in recent)]
    times = [turn_time(one.turn, view) for one in shown]
    models = [attribution.family(one.turn.model) for one in shown]
    outs = [words.amount(one.turn.output_tokens) for one in shown]
    at, model, out = (max(map(cell_len, column)) for column in (times, models, outs))
    model, out = min(max(model, 5), _LONGEST_NAME), max(out, 3)
    names = _names(labels, width - at - model - out - 3)
    head = f"{'at':<{at}} {'model':<{model}} {'out':>{out}} "
    more = f"  {first} newer" if first else ""
    lines: list[Line] = [((head + "".join(f" {name}" for name in names), _QUIET), (more, "$accent"))]
    if width_of(lines[0]) > width:
        lines = [((head + "".join(f" {name}" for name in names), _QUIET),)]
    for time, name, written, one in zip(times, models, outs, shown, strict=True):
        dots = "".join(
            f" {_MOVED if label in one.moved else ' ':<{cell_len(column)}}"
            for label, column in zip(labels, names, strict=False)
        )
        lines.append(
            ((f"{time:<{at}} ", _QUIET), (fitted(name, model) + " ", "bold"), (f"{written:>{out}} ", ""), (dots, ""))
        )
    return lines


def _names(labels: Sequence[str], room: int) -> list[str]:
    """A name for each window's column, as long as there is room for; the last ones are left out where there is none."""
    short = [words.short_label(label) for label in labels]
    plain = [text.removeprefix("7d ") for text in short]
    for names in (short, plain, [text[:4].rstrip() for text in plain], _two_letters(plain)):
        if sum(cell_len(name) + 1 for name in names) <= room:
            return names
    names = _two_letters(plain)
    while names and sum(cell_len(name) + 1 for name in names) > room:
        names.pop()
    return names


def _two_letters(names: Sequence[str]) -> list[str]:
    """Two signs each, told apart: `5h`, `7d`, `Op`, `So`."""
    found: list[str] = []
    for name in names:
        others = [name[:1] + letter for letter in name[1:] if letter.isalnum()] or [name[:1]]
        found.append(next((each for each in others if each not in found), others[0]))
    return found
