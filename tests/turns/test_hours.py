"""The hourly sums after any changes are those of what then counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from claude_meter_tui.store.store import Store
from claude_meter_tui.turns.transcripts import hours as module
from claude_meter_tui.turns.transcripts.hours import Hours, records_in
from claude_meter_tui.turns.transcripts.records import HOUR_MS, Record, grouped

HOUR = 490_000


def record(at: int, origin: int, tokens: int, hour: int = 0) -> Record:
    return (
        (HOUR + hour) * HOUR_MS + at,
        bytes([at % 256, 1, 2, 3, 4, 5, 6, 7]),
        b"r" * 8,
        origin,
        tokens,
        1,
        0,
        2,
        3,
        0,
    )


records = st.builds(record, st.integers(0, 40), st.integers(1, 2), st.integers(0, 2), st.integers(0, 1))
steps = st.lists(st.tuples(st.lists(records, max_size=4), st.lists(st.integers(0, 50), max_size=3)), max_size=8)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_after_any_changes_the_sums_are_those_of_what_counts(changes: list[tuple[list[Record], list[int]]]) -> None:
    with TemporaryDirectory() as folder, Store.open(str(Path(folder) / "s" / "meter.sqlite3")) as store:
        db = store.connection
        hours = Hours(db, ["/root"])
        inside: Counter[Record] = Counter()
        for number, (come, picked) in enumerate(changes):
            kept = sorted(inside.elements())
            gone = Counter({kept[at]: 1 for at in picked if at < len(kept)})
            hours._replace(gone - Counter(come), Counter(come) - gone, number)
            inside = inside - (gone - Counter(come)) + (Counter(come) - gone)
            found = db.execute("SELECT turns FROM counted WHERE scope = ?", (hours.scope,)).fetchall()
            assert Counter(each for (blob,) in found for each in records_in(blob)) == inside
            sums = db.execute("SELECT * FROM hours WHERE scope = ? ORDER BY hour, origin", (hours.scope,)).fetchall()
            assert [row[1:] for row in sums] == sorted(grouped(inside.elements())[1])


def test_a_turn_more_in_a_busy_hour_is_added_without_a_look_at_the_others(tmp_path: Path) -> None:
    looked: list[int] = []
    with Store.open(str(tmp_path / "s" / "meter.sqlite3")) as store:
        hours = Hours(store.connection, ["/root"])
        hours._replace(Counter(), Counter(record(at, 1, at) for at in range(2000)), 1)
        unpack = module.records_in
        module.records_in = lambda blob: looked.append(len(blob)) or unpack(blob)  # type: ignore[func-returns-value]
        try:
            hours._replace(Counter(), Counter([record(3000, 1, 5)]), 2)
            hours._replace(Counter([record(3000, 1, 5)]), Counter([record(3001, 1, 9)]), 3)  # the same message, longer
        finally:
            module.records_in = unpack
        row = store.connection.execute("SELECT turns, first_at, last_at FROM hours").fetchall()
    assert looked == [] and row == [(2001, HOUR * HOUR_MS, HOUR * HOUR_MS + 3001)]
