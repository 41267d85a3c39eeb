"""One window as one line: label, bar with pace marker, percent, flag, countdown. Drawn by pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from textual.message import Message

from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Piece, fitted
from claude_meter_tui.domain import urgency
from claude_meter_tui.output import words
from claude_meter_tui.output.outlook_words import row_words
from claude_meter_tui.output.words import short_label

if TYPE_CHECKING:
    from datetime import datetime

    from textual.events import Click

    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.windows import Window

LEVEL_STYLES = {"normal": "$success", "warning": "$warning", "critical": "$error", "full": "bold $error"}
FLAGS = {"normal": "", "warning": "!", "critical": "!!", "full": "FULL"}
EXTRA_LABEL = "Extra usage"
BUDGET_LABEL = "Budget"
"""What the same money is called where it is the only limit there is."""
_LONGEST_LABEL = 18
# Below this width there is no room for spaces inside figures, nor for whole labels.
_ROOMY_FROM = 46
_RESET_TIME_FROM = 76
_ESTIMATE, _ESTIMATE_FROM = 4, 50
_OUTLOOK, _OUTLOOK_FROM = 24, 104


class Layout(NamedTuple):
    """How wide each column is, in cells; `bar` takes what is left."""

    roomy: bool
    label: int
    bar: int
    reset: int
    estimate: int = 0
    outlook: int = 0


def layout(width: int, labels: list[str], *, estimated: bool = False, ahead: bool = False) -> Layout:
    """The columns of all gauges at this width, so that they line up; room for what is estimated where there is any."""
    roomy = width >= _ROOMY_FROM
    if roomy:
        label = min(max(map(cell_len, labels), default=0), _LONGEST_LABEL)
        reset = 13 if width >= _RESET_TIME_FROM else 0
        estimate = _ESTIMATE if estimated and width >= _ESTIMATE_FROM else 0
        outlook = _OUTLOOK if ahead and width >= _OUTLOOK_FROM else 0
        taken = 2 + label + 1 + 1 + 7 + 1 + 4 + 1 + 7 + reset + estimate + outlook
        return Layout(True, label, max(4, width - taken), reset, estimate, outlook)  # noqa: FBT003
    short = [_short(text) for text in labels]
    label = min(max(map(cell_len, short), default=0), max(6, width // 3))
    return Layout(roomy=False, label=label, bar=max(3, width - label - 1 - 1 - 4 - 1 - 1 - 5), reset=0)


def labels_of(view: View) -> list[str]:
    """Every label in the panel, so that all its lines share their columns."""
    extra = view.state.reading.extra_usage if view.state.reading else None
    return [*(window.label for window in view.windows), *([EXTRA_LABEL] if extra and extra.is_shown else [])]


def bar(width: int, share: float, pace: float | None, style: str, tip: float = 0.0) -> list[Piece]:
    """A bar of `width` cells in half-cell steps, with a marker where an even pace would be.

    `tip` is the share up to which it is estimated to have grown since: drawn lighter, at least one cell.

    Anything used shows at least a half cell, and less than all never looks full.
    """
    halves = int(share * width * 2)
    if share > 0:
        halves = max(1, halves)
    if share < 1:
        halves = min(2 * width - 1, halves)
    halves = min(2 * width, max(0, halves))
    full, half = divmod(halves, 2)
    cells = "━" * full + "╸" * half
    rest = "─" * (width - len(cells))
    if tip > share and rest:
        grown = min(len(rest), max(1, round(tip * width) - len(cells)))
        track = [("▒" * grown, style), (rest[grown:], "$meter-track")]
    else:
        track = [(rest, "$meter-track")]
    return _marked([(cells, style), *track], width, pace)


def _marked(pieces: list[Piece], width: int, pace: float | None) -> list[Piece]:
    """The pieces with the marker of an even pace in its cell."""
    if pace is None:
        return pieces
    at = min(width - 1, max(0, int(pace * width)))
    found: list[Piece] = []
    for text, style in pieces:
        if 0 <= at < len(text):
            found += [(text[:at], style), ("┃", "$meter-pace"), (text[at + 1 :], style)]
        else:
            found.append((text, style))
        at -= len(text)
    return found


def gauge_line(
    window: Window,
    now: datetime,
    columns: Layout,
    *,
    selected: bool,
    show_left: bool,
    behind: bool = False,
    estimate: float | None = None,
    ahead: str = "",
) -> Line:
    """The whole line of one window as it stands at `now`; `behind`: other windows were read long after it.

    `estimate` is how full it is estimated to be by now, `ahead` what is forecast of it, in words.
    """
    over = urgency.is_over(window.resets_at, now)
    level = "normal" if over else urgency.level(window.utilization, window.severity)
    style = LEVEL_STYLES[level]
    share = 0.0 if over else window.utilization / 100
    pace = urgency.even_pace(window.resets_at, window.length_seconds, now)
    if show_left:
        share, pace = max(0.0, 1 - share), None if pace is None else 1 - pace
    shown = max(0.0, 100 - window.utilization) if show_left else window.utilization
    figure = "–" if over else words.percent(shown)
    flag = "" if over else FLAGS[level]
    left = _countdown(window, now)
    emphasis = "bold $accent" if selected else ""
    grown = estimate is not None and (over or round(estimate) > window.utilization)
    tip = estimate / 100 if grown and estimate is not None and not show_left else 0.0
    pieces = bar(columns.bar, 0.0 if over else share, pace, style, tip)
    by_now = "" if not grown or estimate is None else f"≈{max(0.0, 100 - estimate) if show_left else estimate:.0f}"
    if columns.roomy:
        label = fitted(window.label, columns.label)
        line = [("▸ " if selected else "  ", "bold $accent"), (label + " ", emphasis), *pieces]
        line.append((f" {figure:>7} ", style))
        if columns.estimate:
            line.append((f"{by_now:<{columns.estimate}}", "$meter-countdown"))
        line += [(f"{flag:<4} ", style), (f"{left:>7}", "$meter-countdown")]
        if columns.reset:
            clears = words.clock_time(window.resets_at, now) if window.resets_at and selected else ""
            if behind and window.observed_at is not None and not selected:
                clears = _read_at(window.observed_at, now)
            line.append((f" {clears:>12}", emphasis or "$meter-countdown"))
        if columns.outlook:
            line.append((f"  {fitted(ahead, columns.outlook - 2)}", "$meter-countdown"))
        return tuple(line)
    label = fitted(_short(window.label), columns.label)
    compact = figure.replace(" ", "")
    compact = compact if len(compact) <= 4 else f"{int(shown)}%"
    mark = "X" if level == "full" else flag[:1]
    return (
        (label, "reverse" if selected else ""),
        (" ", ""),
        *pieces,
        (f" {compact:>4}{mark:<1}", style),
        (f" {left.replace(' ', ''):>5}", "$meter-countdown"),
    )


def _short(label: str) -> str:
    return "Extra" if label == EXTRA_LABEL else short_label(label)


def _read_at(moment: datetime, now: datetime) -> str:
    """`read 09:40`, `read Nov 20`: within the 12 cells there are, and it never ticks."""
    text = f"read {words.clock_time(moment, now)}"
    return text if len(text) <= 12 else text.rpartition(" ")[0]


def _countdown(window: Window, now: datetime) -> str:
    if window.resets_at is None:
        return "idle"
    if urgency.is_over(window.resets_at, now):
        return "reset"
    return words.countdown((window.resets_at - now).total_seconds())


class Gauge(DrawnText):
    """The line of the window with one key."""

    class Picked(Message):
        """It was clicked; `opened`: twice."""

        def __init__(self, key: str, *, opened: bool) -> None:
            super().__init__()
            self.key, self.opened = key, opened

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def draw(self, view: View, width: int, height: int) -> tuple[Line, ...]:  # noqa: ARG002 - one line
        """See `gauge_line`."""
        window = next((window for window in view.windows if window.key == self.key), None)
        if window is None:
            return ()
        estimates = view.estimates
        columns = layout(width, labels_of(view), estimated=bool(estimates), ahead=bool(view.outlooks))
        chosen = view.chosen
        selected = chosen is not None and chosen.key == self.key
        newest = view.state.reading.observed_at if view.state.reading else None
        behind = bool(newest and window.observed_at and newest - window.observed_at > urgency.STALE_AFTER)
        estimate, outlook = estimates.get(window.key), view.outlook_of(window)
        return (
            gauge_line(
                window,
                view.true_now,
                columns,
                selected=selected,
                show_left=view.show_left,
                behind=behind,
                estimate=None if estimate is None else estimate["estimate"],
                ahead="" if outlook is None else row_words(outlook, view.true_now),
            ),
        )

    def on_click(self, event: Click) -> None:
        """Tell the app."""
        event.stop()
        self.post_message(self.Picked(self.key, opened=event.chain > 1))
