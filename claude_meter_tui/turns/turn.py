"""A turn, and a piece of many: what leaves this package for attribution and the screen. Plain data."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Turn(NamedTuple):
    """One answer of the model.

    Attributes:
        at: when, in milliseconds since 1970 UTC.
        model: as sent, empty where the transcript names none.
        session, project: where it was written.
        on_plan: whether the plan's server saw it: not a cloud provider's, nor another maker's model through a router.
        sidechain: whether a sub-agent's or an aside's; a replay of a parent's message counts with its parent.
        input_tokens, output_tokens, cache_read_tokens: as sent.
        cache_write_5m_tokens, cache_write_1h_tokens: by lifetime where the row splits them; else all under 5 m.
    """

    at: int
    model: str
    session: str
    project: str
    on_plan: bool
    sidechain: bool
    input_tokens: int
    output_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    cache_read_tokens: int

    @property
    def kinds(self) -> tuple[int, int, int, int, int]:
        """Tokens of each kind that has a price of its own: input, output, cache write 5 m and 1 h, cache read."""
        return self[6:]

    def points(self, price: Sequence[float]) -> float:
        """What it adds to a window, by the points a token of each kind adds."""
        return sum(each * count for each, count in zip(price, self.kinds, strict=True))

    @property
    def cache_write_tokens(self) -> int:
        """Both lifetimes together."""
        return self.cache_write_5m_tokens + self.cache_write_1h_tokens

    @property
    def total_tokens(self) -> int:
        """All four kinds."""
        return self.input_tokens + self.output_tokens + self.cache_write_tokens + self.cache_read_tokens


class Piece(NamedTuple):
    """What counts of one model within one hour, summed; where an hour is cut, within a minute or a millisecond of it.

    `first_at` and `last_at` are its first and last turn's times in milliseconds; a single turn's are equal. `on_plan`
    as in `Turn`.
    """

    first_at: int
    last_at: int
    model: str
    turns: int
    input_tokens: int
    output_tokens: int
    cache_write_tokens: int
    cache_read_tokens: int
    on_plan: bool = True

    @property
    def total_tokens(self) -> int:
        """All four kinds."""
        return self.input_tokens + self.output_tokens + self.cache_write_tokens + self.cache_read_tokens


def piece_of(turn: Turn) -> Piece:
    """A turn as a piece of its own."""
    return Piece(
        turn.at,
        turn.at,
        turn.model,
        1,
        turn.input_tokens,
        turn.output_tokens,
        turn.cache_write_tokens,
        turn.cache_read_tokens,
        turn.on_plan,
    )
