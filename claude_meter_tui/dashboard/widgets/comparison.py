"""The local token sum beside the server's window: two bars on one scale, the gap, and the turns behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.dashboard.widgets.bar import LEVEL_STYLES, bar
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Lines, first_fitting, width_of
from claude_meter_tui.dashboard.widgets.message_panel import local_sums
from claude_meter_tui.dashboard.widgets.turns_table import turn_table
from claude_meter_tui.domain import urgency
from claude_meter_tui.output import words
from claude_meter_tui.output.outlook_words import why_they_differ
from claude_meter_tui.settings.keys import sign

if TYPE_CHECKING:
    from textual.events import Click, MouseScrollDown, MouseScrollUp

    from claude_meter_tui.analysis.attribution import Share
    from claude_meter_tui.analysis.local_side import Beside
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.windows import Window

_QUIET = "$meter-countdown"
# With fewer lines, since when is left out for the bars.
_SCANT = 5
_KEYS_FROM = 40


class ComparePanel(DrawnText):
    """Follows the selected window."""

    def depends_on(self, view: View) -> object:
        """Not on the time, but for the words of times of day."""
        window = view.chosen
        outlook = None if window is None else view.outlook_of(window)
        shape = (self.content_size, view.ascii, view.now.date(), _is_over(view), view.turns_from)
        return (window, view.beside, view.local, view.sums, view.looks, shape, str(outlook))

    def frame(self, view: View, width: int) -> tuple[str, str]:
        """Whose window, and the keys."""
        title = "used on this machine" if view.chosen is None else f"local beside server · {view.chosen.label}"
        keys = view.looks.keys
        signs = f"{sign('compare', keys)} hides it  {sign('older_turns', keys)} older turns  {sign('help', keys)} why"
        return title, signs if width >= _KEYS_FROM else ""

    def draw(self, view: View, width: int, height: int) -> Lines:
        """See `panel_lines`."""
        return panel_lines(view, width, height, titled=self.gutter.height > 0)

    def on_click(self, event: Click) -> None:
        """Twice: this panel alone, or all again."""
        event.stop()
        if event.chain == 2:
            self.act(event, "enlarge_panel('compare')")

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Older turns."""
        self.act(event, "scroll_turns(3)")

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Newer turns."""
        self.act(event, "scroll_turns(-3)")


def panel_lines(view: View, width: int, height: int, *, titled: bool) -> Lines:
    """As much as fits, the comparison before the turns; without a border's title the window's name comes first."""
    window, beside = view.chosen, view.beside
    if window is None:
        return tuple([*local_sums(view, width), (), *_without_windows(view, width)][:height])
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
    lines += _all_gaps(view, width)
    room = height - len(lines) - 1
    if beside.recent and room >= 2:
        lines.append(())
        lines += turn_table(beside.recent, view, width, room)
    return tuple(lines[:height])


def _without_windows(view: View, width: int) -> list[Line]:
    text = "The server's windows will stand beside it as soon as there is a reading of them."
    return [((line[0][0], _QUIET),) for line in _wrapped(text, width)] if view.sums is not None else []


def _progress(beside: Beside, width: int) -> list[Line]:
    following = beside.following
    if following.trouble:
        return [((following.trouble, "$warning"),)]
    if not following.whole:
        return []
    share = min(1.0, following.done / following.whole)
    text = f"reading transcripts {share * 100:3.0f} % "
    return [((text, _QUIET), *bar(max(4, min(30, width - len(text))), share, None, "$meter-local"))]


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
    server = _bar_line("server", window.utilization, words.percent(window.utilization), _level(view, window), width)
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
        ("cache r", tokens.cache_read_input_tokens),
    )
    lines: list[Line] = [since, server]
    if percent is None or cap is None:
        local: Line = (("local   ", _QUIET), (f"{words.amount(tokens.total_tokens)} tokens", ""))
        why = (", nothing earlier to measure by", ", no earlier sum")
        lines.append(first_fitting(width, *((*local, (text, _QUIET)) for text in why), local))
    else:
        lines.append(_bar_line("local", percent, f"{percent:.0f} %", "$meter-local", width))
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
            ((figures.replace(" k", "k").replace(" M", "M").replace("cache w", "w").replace("cache r", "r"), ""),),
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


def _all_gaps(view: View, width: int) -> list[Line]:
    """How far server and local tokens are apart in every window where both are known; empty where only one is."""
    found = [
        (words.short_label(window.label).removeprefix("7d "), window.utilization - view.local[window.key] * 100)
        for window in view.windows
        if window.key in view.local and not urgency.is_over(window.resets_at, view.true_now)
    ]
    if len(found) < 2:
        return []
    texts = [f"{name} {words.gap(points)}" for name, points in found]
    variants = [
        (("gaps    ", _QUIET), (" · ".join(texts[:count]) + (" …" if count < len(texts) else ""), ""))
        for count in range(len(texts), 0, -1)
    ]
    return [first_fitting(width, *variants)]


def _span(window: Window) -> str:
    return "5 hours" if window.group == "session" else "week"


def _is_over(view: View) -> bool:
    window = view.chosen
    return window is not None and urgency.is_over(window.resets_at, view.true_now)


def _level(view: View, window: Window) -> str:
    return LEVEL_STYLES[view.looks.level(window.utilization, window.severity)]


def _wrapped(text: str, width: int) -> Lines:
    import textwrap

    return tuple(((line, ""),) for line in textwrap.wrap(text, max(10, width)))
