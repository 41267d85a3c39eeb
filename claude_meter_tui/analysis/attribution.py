"""Which turns count in which window, and what a local counter would make of them: the local side of the comparison.

The server weighs every request from every machine and app; here is only what this machine's Claude Code wrote. So the
sums are facts, the cap is an assumption (local counters assume one: the largest earlier block), and the gap between the
two percentages is what there is to explain. Pure: pieces of tokens used and a reading in, figures out; time is passed
in.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.turns.sums import TokenSum
from claude_meter_tui.turns.transcripts.records import HOUR_MS, milliseconds
from claude_meter_tui.turns.turn import piece_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from claude_meter_tui.domain.instances import Instance, Point
    from claude_meter_tui.domain.windows import Window
    from claude_meter_tui.turns.turn import Piece, Turn

# What Claude Code itself is to the server: every turn in a transcript is one of these surfaces' (FACTS §5).
_OWN_SURFACES = ("oauth_apps", "claude_code")
# Every turn counts in these; in a window nobody knows, none can be said to.
_OF_EVERY_TURN = ("five_hour", "seven_day")


@dataclass(frozen=True, slots=True)
class Share:
    """The local side of one window.

    Attributes:
        counts: `all` turns, those of one `model`, or `none`: the window is of a surface no transcript tells of, or one
            nobody knows.
        since: when this instance of the window opened; None while it is idle or ended.
        tokens: sums since then.
        assumed_cap: the largest earlier sum over as long a time, in tokens of all four kinds; None without one.
        percent_of_assumed_cap, gap_points: that as a percentage, and the server's utilization less it.
        early: whether the server's counter began anew before the reset it had announced.
    """

    counts: str
    since: datetime | None
    tokens: TokenSum
    assumed_cap: int | None
    percent_of_assumed_cap: float | None
    gap_points: float | None
    early: bool = False


def what_counts(window: Window) -> tuple[str, Callable[[Turn | Piece], bool]]:
    """(`all` | `model` | `none`, whether a turn counts): as far as model and surface are understood.

    What the plan's server never saw (a cloud provider's turns, another maker's) counts in no window.
    """
    surface_seen = window.surface is None or window.surface in _OWN_SURFACES
    known = window.group in ("session", "weekly")
    every = window.key in _OF_EVERY_TURN or window.surface in _OWN_SURFACES
    if not surface_seen or not known or (window.model is None and not every):
        return "none", lambda _: False
    if window.model is None:
        return "all", lambda turn: turn.on_plan
    words = _words(window.model)
    return "model", lambda turn: turn.on_plan and _is_of(turn.model, words)


def cuts(instances: Iterable[Instance], now: datetime, earliest: datetime, skew: timedelta = timedelta(0)) -> list[int]:
    """The times (ms) at which pieces must be cut for `share_of` to be exact, back to `earliest`, by the local clock."""
    found = {milliseconds(now - skew)}
    for window, since, _ in instances:
        if since is None or window.length_seconds is None:
            continue
        moment = since - skew
        found.add(milliseconds(moment))
        while window.group != "session" and moment > earliest:
            moment -= timedelta(seconds=window.length_seconds)
            found.add(milliseconds(moment))
    return sorted(found)


def share_of(instance: Instance, pieces: Iterable[Piece], now: datetime, skew: timedelta = timedelta(0)) -> Share:
    """The local side of a window at a moment.

    Windows are on the server's clock, turns on the local one: here, and nowhere else, the two meet.

    Args:
        instance: the window as read, and when its instance began.
        pieces: what counts, in any order, cut where `cuts` says; those after `now` are left out.
        now: the moment, by the server's clock.
        skew: how far that is ahead of the local one.
    """
    window, since, early = instance
    counts, counted = what_counts(window)
    tokens = TokenSum()
    if since is None or counts == "none" or window.length_seconds is None:
        return Share(counts, since, tokens, None, None, None, early)
    start, end = milliseconds(since - skew), milliseconds(now - skew)
    earlier: list[Piece] = []
    for piece in pieces:
        if piece.last_at > end or not counted(piece):
            continue
        if piece.first_at >= start:
            tokens.add(piece)
        else:
            earlier.append(piece)
    length = timedelta(seconds=window.length_seconds)
    before = since - skew
    sums = blocks(sorted(earlier), length) if window.group == "session" else spans(earlier, before, length)
    cap = max(sums, default=0) or None
    percent = tokens.total_tokens / cap * 100 if cap else None
    gap = None if percent is None else window.utilization - percent
    return Share(counts, since, tokens, cap, percent, gap, early)


def blocks(pieces: Sequence[Piece], length: timedelta) -> list[int]:
    """Sums of the blocks a local counter sees in pieces sorted by time.

    A block begins with the full hour (UTC) of its first turn and ends `length`, of whole hours, later, or with a pause
    as long as that (ccusage's `blocks`).
    """
    width = length // timedelta(milliseconds=1)
    sums: list[int] = []
    start = last = -width
    for piece in pieces:
        if piece.first_at - start >= width or piece.first_at - last >= width or not sums:
            start = piece.first_at // HOUR_MS * HOUR_MS
            sums.append(0)
        sums[-1] += piece.total_tokens
        last = max(last, piece.last_at)
    return sums


def spans(pieces: Iterable[Piece], since: datetime, length: timedelta) -> list[int]:
    """Sums over the whole spans of `length` that end at `since`, one before the other."""
    width, end = length // timedelta(milliseconds=1), milliseconds(since)
    sums: dict[int, int] = {}
    for piece in pieces:
        number = (end - 1 - piece.first_at) // width
        sums[number] = sums.get(number, 0) + piece.total_tokens
    return list(sums.values())


class Rise(NamedTuple):
    """What a window rose by between two readings, and the tokens used here meanwhile.

    `after` and `until` are None for the tokens used since the last reading. `models` are the turns' families, the one
    with the most tokens first.
    """

    since: datetime
    until: datetime | None
    before: float
    after: float | None
    tokens: TokenSum
    models: tuple[str, ...]


def rises(window: Window, points: Sequence[Point], turns: Iterable[Turn]) -> list[Rise]:
    """The rises of a window between its stored readings, the newest first, each with the turns that moved it.

    Args:
        window: whose turns to count.
        points: its stored readings, oldest first; a fall (its reset) is no rise.
        turns: the tokens used since the first of them, in any order.
    """
    counted = what_counts(window)[1]
    starts = [milliseconds(point.observed_at) for point in points]
    sums = [(TokenSum(), dict[str, int]()) for _ in points]
    for turn in turns:  # once, whatever the number of readings
        at = bisect_left(starts, turn.at) - 1  # the last reading before it
        if at >= 0 and counted(turn):
            whole, models = sums[at]
            whole.add(piece_of(turn))
            name = family(turn.model)
            models[name] = models.get(name, 0) + turn.total_tokens
    found = [
        Rise(before.observed_at, after.observed_at, before.utilization, after.utilization, *_said(*sums[at]))
        for at, (before, after) in enumerate(pairwise(points))
        if after.utilization > before.utilization
    ]
    if points and sums[-1][0].turns:
        found.append(Rise(points[-1].observed_at, None, points[-1].utilization, None, *_said(*sums[-1])))
    return found[::-1]


def _said(whole: TokenSum, models: dict[str, int]) -> tuple[TokenSum, tuple[str, ...]]:
    return whole, tuple(sorted(models, key=lambda name: -models[name]))


def family(model: str) -> str:
    """`claude-opus-4-5-20251101` → opus: the first word of a model's id that is a name."""
    return next((word for word in _words(model) if not word.isdigit()), model or "?")


def fan_out(turn: Turn, windows: Iterable[Window]) -> list[Window]:
    """The windows a turn moved: one turn reaches several at once (FACTS §5)."""
    return [window for window in windows if what_counts(window)[1](turn)]


def _words(name: str) -> list[str]:
    """`Sonnet 4.5` → sonnet, 4, 5; `claude-fable-5` → fable, 5."""
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word and word != "claude"]


def _is_of(model: str, words: list[str]) -> bool:
    """Whether a model's id holds these words in a row: `Fable` ↔ `claude-fable-5`."""
    own = _words(model)
    return bool(words) and any(own[at : at + len(words)] == words for at in range(len(own)))
