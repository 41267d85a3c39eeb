"""What moved the selected window: each rise between two readings, and the tokens used here meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.dashboard.past_times import past_time
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Lines, first_fitting
from claude_meter_tui.output import words

if TYPE_CHECKING:
    from claude_meter_tui.analysis.attribution import Rise
    from claude_meter_tui.dashboard.view import View


class Moves(DrawnText):
    """What the window rose by between readings, and the tokens used here meanwhile."""

    def depends_on(self, view: View) -> object:
        """Not on the time of day."""
        return (view.chosen, view.beside, self.content_size, view.ascii, view.now.date())

    def frame(self, view: View, width: int) -> tuple[str, str]:  # noqa: ARG002 - always the same
        """What it is."""
        return "what moved it", ""

    def draw(self, view: View, width: int, height: int) -> Lines:
        """A line a rise, the newest first."""
        beside, window = view.beside, view.chosen
        if beside is None or window is None or beside.key != window.key:
            return ((("Looking at the transcripts …", "$meter-countdown"),),)
        if not beside.rises:
            return ((("No rise between stored readings yet.", "$meter-countdown"),),)
        return tuple(_rise(rise, beside.share.counts, view, width) for rise in beside.rises[:height])


def _rise(rise: Rise, counts: str, view: View, width: int) -> Line:
    """`11:44-11:58  +3 → 44 %  4 turns · out 12 k · cache w 20 k · r 310 k · opus`."""
    start = past_time(rise.since, view.now)
    end = past_time(rise.until, view.now)[-5:] if rise.until is not None else "now"
    when = f"{start}–{end}"
    room = 20 if width >= 60 else 12
    if rise.after is None:
        step: Line = ((f"{when:<{room}}", "$meter-countdown"), (f"{'not read yet':<15}", ""))
    else:
        by = f"+{rise.after - rise.before:.0f}" if rise.after - rise.before >= 1 else f"+{rise.after - rise.before:.1f}"
        step = (
            (f"{when:<{room}}", "$meter-countdown"),
            (f"{by:>4}", "bold"),
            (f" → {words.percent(rise.after):<8}", ""),
        )
    tokens = rise.tokens
    if not tokens.turns:
        whys: tuple[str, ...] = ("no transcript tells of it",)
        if counts != "none":
            whys = ("no turn here: used elsewhere, or before", "no turn here: used elsewhere", "used elsewhere")
        return first_fitting(width, *((*step, (why, "$meter-countdown")) for why in whys))
    said = f"{tokens.turns} turn{'' if tokens.turns == 1 else 's'} · out {words.amount(tokens.output_tokens)}"
    more = f" · cache w {words.amount(tokens.cache_creation_input_tokens)}"
    more += f" · r {words.amount(tokens.cache_read_input_tokens)}"
    models = f" · {', '.join(rise.models)}"
    return first_fitting(width, (*step, (said + more + models, "")), (*step, (said + models, "")), (*step, (said, "")))
