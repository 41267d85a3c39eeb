"""One window as one line: label, bar, figures, its span, its forecast, its reset. Drawn by pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.dashboard.widgets.bar import FLAGS, LEVEL_STYLES, bar, sparkline
from claude_meter_tui.dashboard.widgets.columns import short_of
from claude_meter_tui.dashboard.widgets.drawn_text import Line, fitted
from claude_meter_tui.domain import urgency
from claude_meter_tui.output import words
from claude_meter_tui.output.outlook_words import row_words
from claude_meter_tui.output.pace_words import pace_row

if TYPE_CHECKING:
    from datetime import datetime

    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.dashboard.widgets.columns import Layout
    from claude_meter_tui.domain.windows import Window
    from claude_meter_tui.settings.choices import Resets

_QUIET = "$meter-countdown"


class Shown(NamedTuple):
    """What stands in a window's line beside its reading.

    `estimate`: how full it is estimated to be by now, percent. `ahead`: what is forecast of it, in words, long and
    short. `local`: what the local tokens come to, as a share of an assumed cap. `span`: shares over its span so far.
    `level`: how grave it is. `resets`: how the user wants the reset said.
    """

    estimate: float | None = None
    ahead: tuple[str, str] = ("", "")
    local: float | None = None
    span: tuple[float | None, ...] = ()
    level: str = "normal"
    resets: Resets = "both"


def gauge_line(
    window: Window, now: datetime, columns: Layout, shown: Shown, *, selected: bool, show_left: bool
) -> Line:
    """The whole line of one window as it stands at `now`."""
    over = urgency.is_over(window.resets_at, now)
    level = "normal" if over else shown.level
    style = LEVEL_STYLES[level]
    share = 0.0 if over else window.utilization / 100
    pace = urgency.even_pace(window.resets_at, window.length_seconds, now)
    local = None if over or shown.local is None else min(1.0, shown.local)
    if show_left:
        share, pace = max(0.0, 1 - share), None if pace is None else 1 - pace
        local = None if local is None else 1 - local
    used = max(0.0, 100 - window.utilization) if show_left else window.utilization
    figure = "–" if over else words.percent(used)
    flag = "" if over else FLAGS[level]
    left = _countdown(window, now)
    clears = words.clock_time(window.resets_at, now) if window.resets_at else ""
    estimate = shown.estimate
    grown = estimate is not None and (over or round(estimate) > window.utilization)
    tip = estimate / 100 if grown and estimate is not None and not show_left else 0.0
    by_now = "" if not grown or estimate is None else f"≈{max(0.0, 100 - estimate) if show_left else estimate:.0f}"
    emphasis = "bold $accent" if selected else ""
    pieces = bar(columns.bar, 0.0 if over else share, pace, style, tip, local)
    if not columns.roomy:
        label = fitted(short_of(window.label), columns.label)
        compact = figure.replace(" ", "")
        compact = compact if len(compact) <= 4 else f"{int(used)}%"
        mark = "X" if level == "full" else flag[:1]
        when = _last_word(clears) if shown.resets == "at" and clears and not over else _tight(left)
        return (
            (label, "reverse" if selected else ""),
            (" ", ""),
            *pieces,
            (f" {compact:>4}{mark:<1}", style),
            (f" {when:>5}", _QUIET),
        )
    label = fitted(window.label, columns.label)
    line = [("▸ " if selected else "  ", "bold $accent"), (label + " ", emphasis), *pieces, (f"{figure:>7}", style)]
    line.append((f" {flag:<4}", style))
    if columns.estimate:
        line.append((f" {by_now:<{columns.estimate - 1}}", _QUIET))
    if columns.spark:
        shares = tuple(None if each is None else 1 - each for each in shown.span) if show_left else shown.span
        line.append((f" {_span_cells(shares, columns.spark - 1)}", _QUIET))
    if columns.ahead:
        said = next((text for text in shown.ahead if len(text) < columns.ahead), shown.ahead[-1])
        line.append((f" {fitted(said, columns.ahead - 1)}", emphasis or _QUIET))
    if columns.clears:
        line.append((f" {left:>{columns.clears - 1}}", _QUIET))
    if columns.at:
        at = clears if columns.clears else left if over else clears or left
        at = at if len(at) < columns.at else at.rpartition(" ")[0]
        line.append((f" {at:>{columns.at - 1}}", emphasis or _QUIET))
    return tuple(line)


def _tight(left: str) -> str:
    """`2h57m`, and `19h` where both figures have no room: a shorter one is true, a cut one is a riddle."""
    both = left.replace(" ", "")
    return both if len(both) <= 5 else left.split(" ")[0]


def _last_word(clears: str) -> str:
    """`16:30` today, else the day: what fits where there is hardly any room."""
    return clears if len(clears) <= 5 else clears.rpartition(" ")[0].rpartition(" ")[2] or clears[:5]


def _span_cells(shares: tuple[float | None, ...], width: int) -> str:
    if not shares:
        return " " * width
    return sparkline([shares[at * len(shares) // width] for at in range(width)])


def read_at(moment: datetime, now: datetime) -> tuple[str, str]:
    """`read 09:40`, `read Nov 20`: long and short; it never ticks."""
    text = f"read {words.clock_time(moment, now)}"
    return text, text if len(text) <= 10 else text.removeprefix("read ")


def _countdown(window: Window, now: datetime) -> str:
    if window.resets_at is None:
        return "idle"
    if urgency.is_over(window.resets_at, now):
        return "reset"
    return words.spoken(window.resets_at, now)


def shown_of(window: Window, view: View) -> Shown:
    """What the view knows of a window beside its reading."""
    now = view.true_now
    estimate, outlook = view.estimates.get(window.key), view.outlook_of(window)
    newest = view.state.reading.observed_at if view.state.reading else None
    ahead = row_words(outlook, now) if outlook is not None else pace_row(window, view.pace(window), now)
    if newest and window.observed_at and newest - window.observed_at > urgency.STALE_AFTER:
        ahead = read_at(window.observed_at, view.now)  # the others were read long after it
    return Shown(
        None if estimate is None else estimate["estimate"],
        ahead,
        view.local.get(window.key),
        view.spans_of(window),
        view.looks.level(window.utilization, window.severity),
        view.looks.resets,
    )
