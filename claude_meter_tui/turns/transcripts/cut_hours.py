"""An hour that a given time cuts, by the minute: kept, so that one more turn in a busy hour is looked at alone."""

from __future__ import annotations

from claude_meter_tui.turns.transcripts.hours import records_in
from claude_meter_tui.turns.transcripts.records import AT, ORIGIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from claude_meter_tui.turns.transcripts.records import Record
    from claude_meter_tui.turns.turn import Piece

    Named = Callable[[int], tuple[str, str, str, bool]]
    """What an origin stands for: model, session, project, on the plan."""

MINUTE_MS = 60_000


class GrowingRecords:
    """The packed records of an hour that were seen already."""

    def __init__(self) -> None:
        self._seen = b""

    def new(self, blob: bytes) -> tuple[bool, Iterator[Record]]:
        """Whether those seen before still stand there, and those that are new; where they do not, all of them."""
        goes_on = blob.startswith(self._seen)
        at, self._seen = len(self._seen) if goes_on else 0, blob
        return goes_on, records_in(blob[at:])


class CutHour:
    """What counts in one hour, by minute and model; in minutes that are cut, turn by turn.

    Args:
        minutes: those that are cut, since 1970.
    """

    def __init__(self, minutes: frozenset[int]) -> None:
        self.minutes = minutes
        self._records = GrowingRecords()
        self._sums = MinuteSums()
        self._single: list[Piece] = []

    def pieces(self, blob: bytes, named: Named) -> list[Piece]:
        """The pieces, in any order.

        Args:
            blob: the hour's counted records.
            named: what an origin stands for.
        """
        from claude_meter_tui.turns.turn import Piece

        goes_on, records = self._records.new(blob)
        if not goes_on:
            self._sums, self._single = MinuteSums(), []
        for record in records:
            if record[AT] // MINUTE_MS in self.minutes:
                at, (model, _, _, on_plan) = record[AT], named(record[ORIGIN])
                written = record[6] + record[7]
                self._single.append(Piece(at, at, model, 1, record[4], record[5], written, record[8], on_plan))
            else:
                self._sums.add(record, named)
        return [*self._single, *self._sums.pieces()]


class MinuteSums:
    """Turns summed by minute and model."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, str, bool], list[int]] = {}

    def add(self, record: Record, named: Named) -> None:
        """Count one more."""
        at, (model, _, _, on_plan) = record[AT], named(record[ORIGIN])
        found = self._sums.setdefault((at // MINUTE_MS, model, on_plan), [at, at, 0, 0, 0, 0, 0])
        found[0], found[1] = min(found[0], at), max(found[1], at)
        for place, count in enumerate((1, record[4], record[5], record[6] + record[7], record[8]), 2):
            found[place] += count

    def pieces(self) -> Iterator[Piece]:
        """The sums, in any order."""
        from claude_meter_tui.turns.turn import Piece

        for (_, model, on_plan), (first, last, *counts) in self._sums.items():
            yield Piece._make((first, last, model, *counts, on_plan))


class Newest:
    """The newest records of one hour."""

    def __init__(self) -> None:
        self._records = GrowingRecords()
        self._kept: list[Record] = []
        self._before: int | None = None
        """From this time on (ms) all there are are kept; None: all are."""

    def of(self, blob: bytes, count: int, until: int) -> list[Record] | None:
        """The last `count` before a time (ms), the newest first; None where older ones than are kept are asked for."""
        goes_on, records = self._records.new(blob)
        if not goes_on:
            self._kept, self._before = [], None
        self._kept = sorted([*self._kept, *records], reverse=True)
        if len(self._kept) > 2 * count:
            self._before = self._kept[2 * count - 1][AT]
            del self._kept[2 * count :]
        found = [record for record in self._kept if record[AT] < until][:count]
        return found if len(found) == count or self._before is None else None


def by_minute(records: Iterable[Record], named: Named) -> list[Piece]:
    """What counts, by minute and model, in the order of time."""
    sums = MinuteSums()
    for record in records:
        sums.add(record, named)
    return sorted(sums.pieces())
