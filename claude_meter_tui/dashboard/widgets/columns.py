"""The columns of the windows' table: how wide each is in so many cells, and their heads. Pure functions.

They depend on the width and the names alone, never on a figure, so that nothing jumps when one changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from claude_meter_tui.output.words import short_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.dashboard.widgets.drawn_text import Line
    from claude_meter_tui.settings.choices import Resets

EXTRA_LABEL = "Extra usage"
BUDGET_LABEL = "Budget"
"""What the same money is called where it is the only limit there is."""
LONGEST_BAR = 46
"""Beyond this the eye has too far to travel from a name to its figure."""
_LONGEST_LABEL = 18
# Below this width there is no room for spaces inside figures, nor for whole labels.
_ROOMY_FROM = 46
_QUIET = "$meter-countdown"
# What each column takes with the space before it, and from which width on it is there.
_FIGURE, _FLAG, _CLEARS = 7, 5, 8
_ESTIMATE, _ESTIMATE_FROM = 5, 62
_AT, _AT_FROM = 10, 66
_AHEAD_SHORT, _AHEAD_SHORT_FROM = 11, 76
_AHEAD, _AHEAD_FROM = 23, 100
_SPARK, _SPARK_FROM = 9, 112
_LONGEST_SPARK = 25


class Layout(NamedTuple):
    """How wide each column is, in cells; 0: it is not there. `bar` takes what is left."""

    roomy: bool
    label: int
    bar: int
    estimate: int = 0
    spark: int = 0
    ahead: int = 0
    clears: int = _CLEARS
    at: int = 0


def layout(width: int, labels: Sequence[str], resets: Resets = "both") -> Layout:
    """The columns of all lines at this width, so that they line up."""
    if width < _ROOMY_FROM:
        short = [short_of(text) for text in labels]
        label = min(max(map(cell_len, short), default=0), max(6, width // 3))
        return Layout(roomy=False, label=label, bar=max(3, width - label - 1 - 1 - 4 - 1 - 1 - 5))
    label = min(max(map(cell_len, labels), default=0), _LONGEST_LABEL)
    estimate = _ESTIMATE if width >= _ESTIMATE_FROM else 0
    at = _AT if resets == "at" or (resets == "both" and width >= _AT_FROM) else 0
    clears = 0 if resets == "at" else _CLEARS
    ahead = _AHEAD if width >= _AHEAD_FROM else _AHEAD_SHORT if width >= _AHEAD_SHORT_FROM else 0
    spark = _SPARK if width >= _SPARK_FROM else 0
    room = width - (2 + label + 1 + _FIGURE + estimate + _FLAG + spark + ahead + clears + at)
    bar = min(LONGEST_BAR, max(4, room))
    if spark:
        spark = min(_LONGEST_SPARK, spark + max(0, room - bar))
    return Layout(True, label, bar, estimate, spark, ahead, clears, at)  # noqa: FBT003


def heads(columns: Layout, *, show_left: bool) -> Line:
    """What stands above each column, right above its figures."""
    used = "left" if show_left else "used"
    scale = _scale(columns.bar)
    line = [(" " * (2 + columns.label + 1) + scale, _QUIET), (f"{used:>{_FIGURE}}", _QUIET)]
    line.append((" " * _FLAG, ""))
    if columns.estimate:
        line.append((f" {'now':<{columns.estimate - 1}}", _QUIET))
    if columns.spark:
        line.append((f" {'span':<{columns.spark - 1}}", _QUIET))
    if columns.ahead:
        name = "forecast" if columns.ahead >= _AHEAD else "fills"
        line.append((f" {name:<{columns.ahead - 1}}", _QUIET))
    if columns.clears:
        line.append((f"{'clears':>{columns.clears}}", _QUIET))
    if columns.at:
        line.append((f"{'at' if columns.clears else 'clears':>{columns.at}}", _QUIET))
    return tuple(line)


def _scale(width: int) -> str:
    """`0    50    100` over a bar: each figure where its share is."""
    if width < 8:
        return " " * width
    middle = width // 2 - 1
    return f"{'0':<{middle}}{'50':<{width - 3 - middle}}100"


def labels_of(view: View) -> list[str]:
    """Every label in the panel, so that all its lines share their columns."""
    extra = view.state.reading.extra_usage if view.state.reading else None
    return [*(window.label for window in view.windows), *([EXTRA_LABEL] if extra and extra.is_shown else [])]


def short_of(label: str) -> str:
    """A label where room is scarce."""
    return "Extra" if label == EXTRA_LABEL else short_label(label)
