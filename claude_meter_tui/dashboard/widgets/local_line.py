"""One line of the local side where the comparison has no place: the two figures, the gap, and the key to more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Lines, first_fitting
from claude_meter_tui.output import words

if TYPE_CHECKING:
    from claude_meter_tui.dashboard.view import View

_QUIET = "$meter-countdown"


class LocalLine(DrawnText):
    """Of the selected window."""

    def depends_on(self, view: View) -> object:
        """Not on the time."""
        return (view.chosen, view.beside, self.content_size, view.ascii)

    def draw(self, view: View, width: int, height: int) -> Lines:  # noqa: ARG002 - one line
        """The longest wording that fits."""
        return (first_fitting(width, *_variants(view)),)


def _variants(view: View) -> list[Line]:
    window, beside = view.chosen, view.beside
    more: Line = (("  c", "bold $accent"), (" more", _QUIET))
    local: Line = ((" local ", _QUIET),)
    if window is None or beside is None or beside.key != window.key:
        return [((" local tokens: reading …", _QUIET),), ()]
    if beside.empty:
        return [((" local: Claude Code has written no transcripts here", _QUIET),), ()]
    share = beside.share
    if share.counts == "none":
        return [((f" local: no transcript tells of {window.label}", _QUIET), *more), ()]
    if share.since is None:
        return [((" local: nothing counts in it just now", _QUIET), *more), ()]
    tokens = (words.amount(share.tokens.total_tokens), "$meter-local")
    if share.percent_of_assumed_cap is None or share.assumed_cap is None or share.gap_points is None:
        return [(*local, tokens, (" tokens, nothing earlier to measure by", _QUIET), *more), (*local, tokens)]
    percent = f" = {share.percent_of_assumed_cap:.0f} %"
    of = f" of an assumed {words.amount(share.assumed_cap)}"
    server = f" · server {words.percent(window.utilization)}"
    word = "points" if share.gap_points >= 0 else "points more here"
    gap = f" · gap {abs(share.gap_points):.0f} {word}"
    return [
        (*local, tokens, (percent + of + server + gap, ""), *more),
        (*local, tokens, (percent + server + gap, ""), *more),
        (*local, tokens, (percent + gap, "")),
        (*local, tokens, (percent, "")),
        (*local, tokens),
    ]
