"""What a transcript says of one answer of the model. Plain data, light to import."""

from __future__ import annotations

from typing import NamedTuple


class Turn(NamedTuple):
    """One answer of the model, as one row of a transcript states it.

    Attributes:
        at: when, in milliseconds since 1970 UTC.
        message_id, request_id: who the answer is, as 64-bit hashes (xxh3) of the ids; a row without a message id is
            always its own turn.
        model: as sent, empty where the row names none.
        session, project: where it was written.
        sidechain: whether a sub-agent's or an aside's; a replay of a parent's message counts with its parent.
        input_tokens, output_tokens, cache_read_tokens: as sent.
        cache_write_5m_tokens, cache_write_1h_tokens: by lifetime where the row splits them; else all under 5 m.
    """

    at: int
    message_id: int | None
    request_id: int | None
    model: str
    session: str
    project: str
    sidechain: bool
    input_tokens: int
    output_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    cache_read_tokens: int

    @property
    def cache_write_tokens(self) -> int:
        """Both lifetimes together."""
        return self.cache_write_5m_tokens + self.cache_write_1h_tokens

    @property
    def total_tokens(self) -> int:
        """All four kinds."""
        return self.input_tokens + self.output_tokens + self.cache_write_tokens + self.cache_read_tokens


class Read(NamedTuple):
    """What reading a file on gave.

    `turns` are of whole lines up to the offset `to`; `loose` of a last line that has no newline yet, which is read
    again next time.
    """

    turns: list[Turn]
    loose: list[Turn]
    to: int
