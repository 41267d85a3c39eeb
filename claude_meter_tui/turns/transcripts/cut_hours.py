"""An hour that a given time cuts, by the minute: kept, so that one more turn in a busy hour is looked at alone."""

from __future__ import annotations

from heapq import nlargest

from claude_meter_tui.turns.transcripts.hours import records_in
from claude_meter_tui.turns.transcripts.records import AT, MINUTE_MS, ORIGIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from claude_meter_tui.turns.transcripts.records import Record
    from claude_meter_tui.turns.turn import Piece

    Named = Callable[[int], tuple[str, str, str, bool]]
    """What an origin stands for: model, session, project, on the plan."""


class GrowingRecords:
    """The packed records of an hour that were seen already."""

    def __init__(self) -> None:
        self._seen = b""

    def new(self, blob: bytes) -> tuple[bool, Iterator[Record]]:
        """Whether those seen before still stand there, and those that are new; where they do not, all of them."""
        goes_on = blob.startswith(self._seen)
        at, self._seen = len(self._seen) if goes_on else 0, blob
        return goes_on, records_in(blob[at:])


class MinuteSums:
    """Turns summed by minute and model; in minutes that are cut, by the millisecond.

    Args:
        cut: those minutes, since 1970.
    """

    def __init__(self, cut: frozenset[int] = frozenset()) -> None:
        self._cut = cut
        self._sums: dict[tuple[int, int, str, bool], list[int]] = {}

    def add(self, records: Iterable[Record], named: Named) -> None:
        """Count these too."""
        for record in records:
            at, (model, _, _, on_plan) = record[AT], named(record[ORIGIN])
            minute, within = divmod(at, MINUTE_MS)
            key = (minute, within if minute in self._cut else -1, model, on_plan)
            found = self._sums.setdefault(key, [at, at, 0, 0, 0, 0, 0])
            found[0], found[1] = min(found[0], at), max(found[1], at)
            for place, count in enumerate((1, record[4], record[5], record[6] + record[7], record[8]), 2):
                found[place] += count

    def pieces(self) -> list[Piece]:
        """The sums, in the order of time."""
        from claude_meter_tui.turns.turn import Piece

        sums = self._sums.items()
        return sorted(Piece._make((first, last, key[2], *counts, key[3])) for key, (first, last, *counts) in sums)


class CutHour:
    """What counts in one hour, as `MinuteSums` has it.

    Args:
        minutes: those that are cut, since 1970.
    """

    def __init__(self, minutes: frozenset[int]) -> None:
        self.minutes = minutes
        self._records = GrowingRecords()
        self._sums = MinuteSums(minutes)

    def pieces(self, blob: bytes, named: Named) -> list[Piece]:
        """The pieces, in the order of time.

        Args:
            blob: the hour's counted records.
            named: what an origin stands for.
        """
        goes_on, records = self._records.new(blob)
        if not goes_on:
            self._sums = MinuteSums(self.minutes)
        self._sums.add(records, named)
        return self._sums.pieces()


class Newest:
    """The newest records of one hour."""

    def __init__(self) -> None:
        self._records = GrowingRecords()
        self._kept: list[Record] = []
        self._are_all = True

    def of(self, blob: bytes, count: int, until: int) -> list[Record] | None:
        """The last `count` before a time (ms), the newest first; None where older ones than are kept are asked for."""
        goes_on, records = self._records.new(blob)
        every = [*(self._kept if goes_on else ()), *records]
        self._are_all = (self._are_all or not goes_on) and len(every) <= 2 * count
        self._kept = nlargest(2 * count, every)
        found = [record for record in self._kept if record[AT] < until][:count]
        return found if len(found) == count or self._are_all else None
