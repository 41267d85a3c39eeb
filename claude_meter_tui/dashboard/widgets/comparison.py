"""The local token sum beside the server's window: two bars on one scale, the gap, and the turns behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from claude_meter_tui.dashboard.past_times import turn_time
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Lines, first_fitting, fitted, width_of
from claude_meter_tui.dashboard.widgets.gauge import LEVEL_STYLES, bar
from claude_meter_tui.domain import urgency
from claude_meter_tui.output import words
from claude_meter_tui.output.outlook_words import why_they_differ

if TYPE_CHECKING:
    from textual.geometry import Size

    from claude_meter_tui.analysis.attribution import Share
    from claude_meter_tui.analysis.local_side import Beside, RecentTurn
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.windows import Window

_QUIET = "$meter-countdown"
# With fewer lines, since when is left out for the bars.
_SCANT = 5


def roomy(size: Size) -> bool:
    """Whether a screen of this size shows it beside or below the windows (the breakpoints -narrow and -high)."""
    return size.width >= 60 and size.height >= 22


class ComparePanel(DrawnText):
    """Follows the selected window."""

    def depends_on(self, view: View) -> object:
        """Not on the time, but for the words of times of day."""
        window = view.chosen
        outlook = None if window is None else view.outlook_of(window)
        return (window, view.beside, self.content_size, view.ascii, view.now.date(), _is_over(view), str(outlook))

    def draw(self, view: View, width: int, height: int) -> Lines:
        """See `panel_lines`."""
        window = view.chosen
        self.title(f"local beside server · {window.label}" if window is not None else "local beside server")
        return panel_lines(view, width, height, titled=self.gutter.height > 0)


def panel_lines(view: View, width: int, height: int, *, titled: bool) -> Lines:
    """As much as fits, the comparison before the turns; without a border's title the window's name comes first."""
    window, beside = view.chosen, view.beside
    if window is None:
        return ((("No reading yet.", ""),),)
    name: list[Line] = [] if titled else [((window.label, "bold $accent"),)]
    if beside is None or beside.key != window.key:
        return (*name, (("Looking at the transcripts …", _QUIET),))
    if beside.empty:
        text = "Claude Code has written no transcripts on this machine, so there is nothing to set beside the server."
        return (*name, *_wrapped(text, width))[:height]
    since, *rest = _comparison(view, window, beside.share, width)
    if name and width_of((*name[0], (" ", ""), *since)) <= width:
        name, since = [], (*name[0], (" ", ""), *since)
    elif name and height <= _SCANT and beside.share.tokens.turns:
        name, since = [], name[0]
    lines = [*name, *_progress(beside, width), since, *rest]
    room = height - len(lines) - 1
    if beside.recent and room >= 1:
        lines.append(())
        lines += _turn_lines(beside.recent[:room], view, width)
    return tuple(lines[:height])


def _progress(beside: Beside, width: int) -> list[Line]:
    following = beside.following
    if following.trouble:
        return [((following.trouble, "$warning"),)]
    if not following.whole:
        return []
    share = min(1.0, following.done / following.whole)
    text = f"reading transcripts {share * 100:3.0f} % "
    return [((text, _QUIET), *bar(max(4, min(30, width - len(text))), share, None, "$accent"))]


def _comparison(view: View, window: Window, share: Share, width: int) -> list[Line]:
    now = view.true_now
    if _is_over(view):
        return [(("Its reset has passed; a new reading will tell where it stands.", ""),)]
    if share.counts == "none":
        return list(
            _wrapped(
                f"No transcript tells of {window.label}: it counts use elsewhere, which only the server sees.", width
            )
        )
    server = _bar_line("server", window.utilization, words.percent(window.utilization), _level(window), width)
    if share.since is None:
        return [server, (("Idle: the next use opens it.", ""),)]
    since: Line = (("since ", _QUIET), (words.clock_time(share.since, now), ""))
    if share.early:
        since = (*since, (" · it began anew early", _QUIET))
    if share.counts == "model":
        since = (*since, (f" · turns of {window.model} only", _QUIET))
    tokens = share.tokens
    percent, cap = share.percent_of_assumed_cap, share.assumed_cap
    kinds = (
        ("in", tokens.input_tokens),
        ("out", tokens.output_tokens),
        ("cache w", tokens.cache_creation_input_tokens),
        ("r", tokens.cache_read_input_tokens),
    )
    lines: list[Line] = [since, server]
    if percent is None or cap is None:
        local: Line = (("local   ", _QUIET), (f"{words.amount(tokens.total_tokens)} tokens", ""))
        why = (", nothing earlier to measure by", ", no earlier sum")
        lines.append(first_fitting(width, *((*local, (text, _QUIET)) for text in why), local))
    else:
        lines.append(_bar_line("local", percent, f"{percent:.0f} %", "$accent", width))
        points = abs(share.gap_points or 0)
        word = "more at the server" if (share.gap_points or 0) >= 0 else "more here"
        lines.append((("gap     ", _QUIET), (f"{points:.0f} points", "bold"), (f" {word}", _QUIET)))
        of = f"{words.amount(tokens.total_tokens)} of an assumed {words.amount(cap)}"
        lines.append(
            first_fitting(
                width,
                (("tokens  ", _QUIET), (of, ""), (f", the largest earlier {_span(window)}", _QUIET)),
                (("tokens  ", _QUIET), (of, "")),
            )
        )
    figures = " · ".join(f"{name} {words.amount(count)}" for name, count in kinds)
    turns = f"{tokens.turns} turn{'' if tokens.turns == 1 else 's'}"
    lines.append(
        first_fitting(
            width,
            ((figures, ""), (f" · {turns}", _QUIET)),
            ((figures, ""),),
            ((figures.replace(" k", "k").replace(" M", "M").replace("cache w", "w"), ""),),
        )
    )
    outlook = view.outlook_of(window)
    if outlook is not None:
        for sentence in why_they_differ(outlook):
            short = sentence.replace(" weighted tokens", "").replace(" of it", "")
            lines.append(first_fitting(width, ((sentence, ""),), ((short, ""),)))
        if outlook["missing"]:
            lines.append(((f"no estimate yet: {outlook['missing']}", _QUIET),))
    return lines


def _bar_line(name: str, percent: float, figure: str, style: str, width: int) -> Line:
    room = max(4, width - 8 - 1 - 7)
    return ((f"{name:<8}", _QUIET), *bar(room, min(1.0, percent / 100), None, style), (f" {figure:>7}", style))


def _turn_lines(recent: tuple[RecentTurn, ...], view: View, width: int) -> list[Line]:
    """`11:58 opus  1.8 k out → 5h · 7d · 7d Opus · apps` each, in columns, shorter where it must be."""
    from claude_meter_tui.analysis import (
        attribution,  # it is there as soon as there is a turn; the first paint has none
    )

    times = [turn_time(one.turn, view) for one in recent]
    names = [attribution.family(one.turn.model) for one in recent]
    outs = [f"{words.amount(one.turn.output_tokens)} out" for one in recent]
    room = [max(map(cell_len, column)) for column in (times, names, outs)]
    heads: list[Line] = [
        ((f"{time:<{room[0]}} ", _QUIET), (fitted(name, room[1]) + " ", "bold"), (f"{out:>{room[2]}}", ""))
        for time, name, out in zip(times, names, outs, strict=True)
    ]
    arrow = (" → ", _QUIET)
    for separator, drop in ((" · ", ""), (" · ", "7d "), ("·", "7d ")):
        moved = [
            separator.join(label.removeprefix(drop) for label in map(words.short_label, one.moved)) for one in recent
        ]
        lines = [(*head, arrow, (text, "")) if text else head for head, text in zip(heads, moved, strict=True)]
        if all(width_of(line) <= width for line in lines):
            return lines
    return [
        first_fitting(
            width,
            line,
            *((*head, arrow, (way, "")) for way in _shortened(tuple(map(words.short_label, one.moved)))),
            head,
        )
        for line, head, one in zip(lines, heads, recent, strict=True)
    ]


def _shortened(moved: tuple[str, ...]) -> list[str]:
    """`5h·7d·Opus +1`, `5h·7d +2`, …."""
    tight = [label.removeprefix("7d ") for label in moved]
    return ["·".join(tight[:count]) + f" +{len(tight) - count}" for count in range(len(tight) - 1, 0, -1)]


def _span(window: Window) -> str:
    return "5 hours" if window.group == "session" else "week"


def _is_over(view: View) -> bool:
    window = view.chosen
    return window is not None and urgency.is_over(window.resets_at, view.true_now)


def _level(window: Window) -> str:
    return LEVEL_STYLES[urgency.level(window.utilization, window.severity)]


def _wrapped(text: str, width: int) -> Lines:
    import textwrap

    return tuple(((line, ""),) for line in textwrap.wrap(text, max(10, width)))
