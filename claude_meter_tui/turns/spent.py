"""What turns came to by model, project or session: tokens, and points of a window where a token's price is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.turns.transcripts.ledger import project_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from claude_meter_tui.turns.turn import Turn

GROUPS = ("model", "project", "session")


class Spent(NamedTuple):
    """What went to one thing: its name, turns, tokens of all kinds, and points (None: no price is known)."""

    name: str
    turns: int
    tokens: int
    points: float | None


def spent_by(
    turns: Iterable[Turn], counts: Callable[[Turn], bool], prices: Mapping[str, Sequence[float]]
) -> dict[str, tuple[Spent, ...]]:
    """By each of `GROUPS`, what most went to first.

    Args:
        turns: of one instance of a window.
        counts: whether a turn counts in it.
        prices: by model, the points a token of each kind adds (`Turn.kinds`).
    """
    counted = [(turn, _points(turn, prices.get(turn.model))) for turn in turns if counts(turn)]
    names = project_names({turn.project for turn, _ in counted})
    key_of: dict[str, Callable[[Turn], str]] = {
        "model": lambda turn: turn.model,
        "project": lambda turn: names[turn.project],
        "session": lambda turn: turn.session,
    }
    return {group: _grouped(counted, key_of[group]) for group in GROUPS}


def _points(turn: Turn, price: Sequence[float] | None) -> float | None:
    return None if price is None else turn.points(price)


def _grouped(turns: Iterable[tuple[Turn, float | None]], key: Callable[[Turn], str]) -> tuple[Spent, ...]:
    found: dict[str, Spent] = {}
    for turn, points in turns:
        name = key(turn)
        before = found.get(name, Spent(name, 0, 0, None))
        more = before.points if points is None else points + (before.points or 0.0)
        found[name] = Spent(name, before.turns + 1, before.tokens + turn.total_tokens, more)
    return tuple(sorted(found.values(), key=lambda each: (each.points or 0.0, each.tokens), reverse=True))
