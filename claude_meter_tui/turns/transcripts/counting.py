"""What counts once: the field's reference rule (FACTS §5, ccusage 20.x), independent of the order of reading.

A message stands in one to four rows, resumed sessions replay rows into other files, and asides replay a parent's
message under another request id. So: one turn for each (message id, request id), the row with the largest total; a
sidechain's row counts only if no other row has its message id, and then once; rows without a message id count each.

What counts of what counts in the parts is what counts in the whole, so that a file can be reduced by itself.
"""

from __future__ import annotations

from claude_meter_tui.turns.transcripts.records import MESSAGE, NAMELESS, REQUEST, SIDECHAIN, total_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from claude_meter_tui.turns.transcripts.records import Record


def what_counts(records: Iterable[Record]) -> list[Record]:
    """The records that count, in no particular order."""
    records = list(records)
    messages = {record[MESSAGE] for record in records}
    if len(messages) == len(records) and NAMELESS not in messages:
        return records  # most files: nothing is said twice
    main: dict[tuple[bytes, bytes], Record] = {}
    sidechain: dict[bytes, Record] = {}
    counting: list[Record] = []
    for record in records:
        message = record[MESSAGE]
        if message == NAMELESS:
            counting.append(record)
        elif record[SIDECHAIN]:
            known = sidechain.get(message)
            sidechain[message] = record if known is None else _better(known, record)
        else:
            key = (message, record[REQUEST])
            known = main.get(key)
            main[key] = record if known is None else _better(known, record)
    counting += main.values()
    if sidechain:
        answered = {message for message, _ in main}
        counting += [record for message, record in sidechain.items() if message not in answered]
    return counting


def _better(one: Record, other: Record) -> Record:
    """The larger total (early rows can hold a placeholder); of equals the earlier, then any fixed choice."""
    first, second = total_of(one), total_of(other)
    if first != second:
        return one if first > second else other
    return min(one, other)
