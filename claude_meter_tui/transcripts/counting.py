"""What counts once: the field's reference rule (FACTS §5, ccusage 20.x), independent of the order of reading.

A message stands in one to four rows, resumed sessions replay rows into other files, and asides replay a parent's
message under another request id. So: one turn for each (message id, request id), the row with the largest total; a
sidechain's row counts only if no other row has its message id, and then once; rows without a message id count each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from claude_meter_tui.transcripts.turns import Turn


class Counting:
    """Takes turns in any order; gives the ones that count."""

    def __init__(self) -> None:
        self._main: dict[tuple[int, int | None], Turn] = {}
        self._main_ids: set[int] = set()
        self._aside: dict[int, Turn] = {}
        self._nameless: list[Turn] = []

    def add(self, turns: Iterable[Turn]) -> None:
        """Take more turns."""
        for turn in turns:
            if turn.message_id is None:
                self._nameless.append(turn)
            elif turn.sidechain:
                known = self._aside.get(turn.message_id)
                self._aside[turn.message_id] = turn if known is None else _better(known, turn)
            else:
                key = (turn.message_id, turn.request_id)
                known = self._main.get(key)
                self._main[key] = turn if known is None else _better(known, turn)
                self._main_ids.add(turn.message_id)

    def turns(self) -> Iterator[Turn]:
        """The turns that count, in no particular order."""
        yield from self._main.values()
        yield from (turn for name, turn in self._aside.items() if name not in self._main_ids)
        yield from self._nameless


def merged(turns: Sequence[Turn]) -> list[Turn]:
    """The turns with rows that say the same again left out, which changes no count: a message has one to four rows."""
    best: dict[tuple[object, ...], Turn] = {}
    for turn in turns:
        key = (turn.message_id, turn.request_id, turn.sidechain) if turn.message_id is not None else (len(best),)
        known = best.get(key)
        best[key] = turn if known is None else _better(known, turn)
    return list(best.values())


def _better(one: Turn, other: Turn) -> Turn:
    """The larger total (early rows can hold a placeholder); of equals the earlier, then any fixed choice."""
    if one.total_tokens != other.total_tokens:
        return one if one.total_tokens > other.total_tokens else other
    return one if _fixed(one) <= _fixed(other) else other


def _fixed(turn: Turn) -> tuple[object, ...]:
    return (turn.at, turn.project, turn.session, turn.model, turn.request_id or 0, turn[7:])
