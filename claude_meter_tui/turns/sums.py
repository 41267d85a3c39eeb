"""Token sums, named as the API names the kinds. Light to import (no dataclass: `local` answers in 50 ms)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claude_meter_tui.turns.turn import Piece

GROUPINGS = ("total", "model", "day", "session", "project")


class TokenSum:
    """Turns, and the sums of their four token kinds; `cache_creation` is both lifetimes."""

    __slots__ = (
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "input_tokens",
        "output_tokens",
        "turns",
    )

    def __init__(self, turns: int = 0, sent: int = 0, out: int = 0, cache_write: int = 0, cache_read: int = 0) -> None:
        self.turns = turns
        self.input_tokens = sent
        self.output_tokens = out
        self.cache_creation_input_tokens = cache_write
        self.cache_read_input_tokens = cache_read

    @property
    def total_tokens(self) -> int:
        """All four kinds."""
        return self.input_tokens + self.output_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens

    def add(self, part: TokenSum | Piece) -> None:
        """Count more."""
        other = part if isinstance(part, TokenSum) else TokenSum(*part[3:8])
        self.turns += other.turns
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.cache_creation_input_tokens += other.cache_creation_input_tokens
        self.cache_read_input_tokens += other.cache_read_input_tokens

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenSum) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"TokenSum({', '.join(map(str, self.as_dict().values()))})"
