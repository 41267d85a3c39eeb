"""Token sums of turns, whole and by model, day, session or project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from claude_meter_tui.transcripts.turns import Turn

GROUPINGS = ("total", "model", "day", "session", "project")


@dataclass(slots=True)
class TokenSum:
    """Sums of the four token kinds, named as the API names them; `cache_creation` is both lifetimes."""

    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """All four kinds."""
        return self.input_tokens + self.output_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens

    def add(self, turn: Turn) -> None:
        """Count one more turn."""
        self.turns += 1
        self.input_tokens += turn.input_tokens
        self.output_tokens += turn.output_tokens
        self.cache_creation_input_tokens += turn.cache_write_tokens
        self.cache_read_input_tokens += turn.cache_read_tokens

    def as_dict(self) -> dict[str, int]:
        """The contract's six figures."""
        return {
            "turns": self.turns,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cache_creation_input_tokens": self.cache_creation_input_tokens,
            "cache_read_input_tokens": self.cache_read_input_tokens,
            "total_tokens": self.total_tokens,
        }


def sum_by(
    turns: Iterable[Turn], grouping: str, *, since: int | None, until: int | None, zone: tzinfo = UTC
) -> tuple[TokenSum, dict[str, TokenSum]]:
    """The whole sum, and the sums by `grouping`.

    Args:
        turns: the turns that count.
        grouping: one of `GROUPINGS`; `total` gives no parts.
        since: first millisecond counted, None for all.
        until: first millisecond no longer counted, None for all.
        zone: whose days `day` means.
    """
    whole, parts = TokenSum(), dict[str, TokenSum]()
    key_of = _keys(zone).get(grouping)
    for turn in turns:
        if (since is not None and turn.at < since) or (until is not None and turn.at >= until):
            continue
        whole.add(turn)
        if key_of is not None:
            parts.setdefault(key_of(turn), TokenSum()).add(turn)
    return whole, parts


def _keys(zone: tzinfo) -> dict[str, Callable[[Turn], str]]:
    return {
        "model": lambda turn: turn.model,
        "day": lambda turn: datetime.fromtimestamp(turn.at / 1000, zone).date().isoformat(),
        "session": lambda turn: turn.session,
        "project": lambda turn: turn.project,
    }
