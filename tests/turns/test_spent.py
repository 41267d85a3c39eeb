"""What turns came to by model, project and session: points where a price is known, tokens always."""

from __future__ import annotations

from claude_meter_tui.turns.spent import Spent, spent_by
from claude_meter_tui.turns.turn import Turn


def turn(at: int, model: str, session: str, project: str, out: int) -> Turn:
    return Turn(at, model, session, project, True, False, 10, out, 0, 0, 0)


TURNS = [
    turn(1, "opus", "s1", "/home/me/web", 100),
    turn(2, "opus", "s1", "-home-me-web", 300),
    turn(3, "haiku", "s2", "/home/me/api", 1000),
    turn(4, "other", "s2", "/home/me/api", 5),
]


def test_points_by_each_group_the_greatest_first() -> None:
    prices = {"opus": [0.0, 0.01, 0, 0, 0], "haiku": [0.1, 0.0, 0, 0, 0]}
    found = spent_by(TURNS, lambda _: True, prices)
    assert found["model"] == (Spent("opus", 2, 420, 4.0), Spent("haiku", 1, 1010, 1.0), Spent("other", 1, 15, None))
    assert found["project"] == (Spent("-home-me-web", 2, 420, 4.0), Spent("-home-me-api", 2, 1025, 1.0))
    assert [each.name for each in found["session"]] == ["s1", "s2"]


def test_only_what_counts_and_tokens_where_nothing_has_a_price() -> None:
    found = spent_by(TURNS, lambda each: each.model == "haiku", {})
    assert found["model"] == (Spent("haiku", 1, 1010, None),) and found["session"][0].points is None
    assert spent_by([], lambda _: True, {}) == {"model": (), "project": (), "session": ()}
