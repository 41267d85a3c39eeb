"""What stands beside a window on the screen, and how it gets there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import NOON, Bench
from screens import SIZES, lines, settle, shown, text
from syrupy.assertion import SnapshotAssertion
from test_transcripts import row, tree_of

from claude_meter_tui.analysis import attribution
from claude_meter_tui.analysis.local_side import LocalSide, _KeptAWhile
from claude_meter_tui.commands.demo import seed_history
from claude_meter_tui.demo.transcripts import write_tree
from claude_meter_tui.domain.instances import Point, instance_of
from claude_meter_tui.domain.light_reading import stand_in
from claude_meter_tui.domain.plain_reading import ReadingDocument
from claude_meter_tui.domain.windows import Reading, Window
from claude_meter_tui.turns.transcripts.following import Following
from claude_meter_tui.turns.transcripts.index import Index
from claude_meter_tui.turns.transcripts.roots import transcripts


@pytest.fixture
def root(scratch_home: Path) -> Path:
    return scratch_home / "claude"


@pytest.fixture
def local(bench: Bench, root: Path) -> Iterator[LocalSide]:
    """The local side over a tree that is read already; it follows nothing unless started."""
    side = LocalSide(bench.store, [str(root)])
    yield side
    if side._follower is not None:
        side._follower.stop(10)


def read(bench: Bench, root: Path) -> None:
    Index(bench.store.connection, [str(root)]).refresh(transcripts([str(root)]))


async def a_reading(bench: Bench) -> Reading:
    seed_history(bench.store, NOON - timedelta(minutes=10))
    await bench.poller.beat()
    assert bench.poller.state.reading is not None
    return bench.poller.state.reading


def window_of(reading: Reading, key: str) -> Window:
    window = reading.window(key)
    assert window is not None
    return window


async def test_it_is_the_share_the_last_turns_and_what_moved_the_window(
    bench: Bench, local: LocalSide, root: Path
) -> None:
    write_tree(root, NOON, days=20)
    read(bench, root)
    reading = await a_reading(bench)
    window = window_of(reading, "seven_day_opus")
    points = tuple(bench.poller.history(window.opened_at, bench.clock.now())[window.key])
    beside = local.beside(window, reading.windows, points, NOON)
    assert beside is not None and beside.share.tokens.turns > 50 and beside.share.assumed_cap
    assert sum(tokens for _, tokens in beside.series) == beside.share.tokens.total_tokens
    times = [said.turn.at for said in beside.recent]
    assert times == sorted(times, reverse=True) and len(times) == 60
    opus = next(said for said in beside.recent if "opus" in said.turn.model)
    assert opus.moved == ("5-hour", "7-day", "7-day Opus", "7-day apps")
    assert beside.rises and all(rise.tokens.turns for rise in beside.rises if rise.until is None)
    assert {rise.models for rise in beside.rises} <= {("opus",), ()}
    # The same question costs nothing and gives the very same answer, so that nothing is repainted.
    assert local.beside(window, reading.windows, points, NOON + timedelta(seconds=20)) is beside


async def test_it_follows_what_another_process_reads(bench: Bench, local: LocalSide, root: Path) -> None:
    tree_of(root, row("m1"))
    read(bench, root)
    reading = await a_reading(bench)
    window = window_of(reading, "seven_day")
    first = local.beside(window, reading.windows, (), NOON)
    tree_of(root, row("m1"), row("m2", timestamp="2026-11-26T11:50:00.000Z"))
    with bench.another_poller()._store as other:
        bench.stores.pop()
        Index(other.connection, [str(root)]).refresh(transcripts([str(root)]))
    second = local.beside(window, reading.windows, (), NOON)
    assert first is not None and second is not None
    assert second.share.tokens.total_tokens == first.share.tokens.total_tokens + 110


async def test_an_ended_window_and_one_no_transcript_tells_of_have_nothing_beside(
    bench: Bench, local: LocalSide, root: Path
) -> None:
    write_tree(root, NOON)
    read(bench, root)
    reading = await a_reading(bench)
    for key, now in (("seven_day_cowork", NOON), ("five_hour", NOON + timedelta(hours=9))):
        beside = local.beside(window_of(reading, key), reading.windows, (), now)
        assert beside is not None and beside.share.tokens.turns == 0 and beside.series == ()


# --- attribution of rises ---------------------------------------------------------------------------------------------


def test_rises_hold_the_turns_between_their_readings(bench: Bench, local: LocalSide, root: Path) -> None:
    window = Window(key="seven_day_opus", label="7-day Opus", group="weekly", utilization=44, model="Opus")

    def at(minute: int) -> datetime:
        return NOON + timedelta(minutes=minute)

    def opus(name: str, minute: int, model: str = "claude-opus-4-5") -> dict[str, object]:
        made = row(name, name, timestamp=at(minute).isoformat())
        made["message"]["model"] = model
        return made

    tree_of(root, opus("a", 5), opus("b", 15), opus("c", 16, "claude-haiku-4-5"), opus("d", 31))
    read(bench, root)
    points = [
        Point(at(minute), used, None) for minute, used in ((0, 40), (10, 41), (20, 41), (30, 44), (40, 2), (50, 3))
    ]
    turns = local._ledger.turns(0, 2**50)
    found = attribution.rises(window, points, turns)
    assert [(rise.before, rise.after, rise.tokens.turns) for rise in found] == [(2, 3, 0), (41, 44, 0), (40, 41, 1)]
    assert found[2].models == ("opus",) and found[2].since == at(0) and found[2].until == at(10)
    since_last = attribution.rises(window, points[:4], turns)[0]
    assert (since_last.after, since_last.until, since_last.tokens.turns) == (None, None, 1)
    assert attribution.rises(window, [], turns) == []


@pytest.mark.parametrize(
    ("model", "name"),
    [("claude-opus-4-5-20251101", "opus"), ("claude-3-haiku-20240307", "haiku"), ("gpt-5", "gpt"), ("", "?")],
)
def test_a_model_s_family_is_its_first_name(model: str, name: str) -> None:
    assert attribution.family(model) == name


def test_pieces_are_cut_at_now_and_where_windows_opened() -> None:
    week = Window(
        key="seven_day", label="7-day", group="weekly", utilization=1, resets_at=NOON, length_seconds=7 * 86400
    )
    cuts = attribution.cuts(
        [instance_of(week, (), NOON - timedelta(hours=1))], NOON - timedelta(hours=1), NOON - timedelta(days=20)
    )
    days = [(datetime.fromtimestamp(cut / 1000, UTC) - NOON) / timedelta(days=1) for cut in cuts]
    assert days == [-21, -14, -7, pytest.approx(-1 / 24)]


# --- the screen -------------------------------------------------------------------------------------------------------


async def compared(bench: Bench, root: Path) -> None:
    write_tree(root, NOON, days=20)
    read(bench, root)
    await a_reading(bench)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_comparison_at_every_size(
    bench: Bench, local: LocalSide, root: Path, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    await compared(bench, root)
    async with shown(bench, size, open_local=lambda: local) as pilot:
        await pilot.press("c")
        await settle(pilot, lambda: "Looking" not in text(pilot) and "server" in text(pilot))
        assert text(pilot) == snapshot
        assert max(map(len, lines(pilot))) <= size[0]


@pytest.mark.parametrize("size", [(100, 30), (120, 36), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_detail_says_what_moved_the_window(
    bench: Bench, local: LocalSide, root: Path, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    await compared(bench, root)
    async with shown(bench, size, open_local=lambda: local) as pilot:
        await pilot.press("enter")
        await settle(pilot, lambda: "what moved it" in text(pilot) and "Looking" not in text(pilot))
        assert text(pilot) == snapshot
        assert "tok │" in text(pilot) and "· out " in text(pilot)


async def test_it_is_toggled_remembered_and_follows_the_selection(bench: Bench, local: LocalSide, root: Path) -> None:
    await compared(bench, root)
    async with shown(bench, (120, 30), open_local=lambda: local) as pilot:
        await settle(pilot, lambda: "local beside server" in text(pilot))  # open by itself where there is room
        await pilot.press("c")
        await settle(pilot, lambda: "local beside server" not in text(pilot))
        assert pilot.app.remembered["compare"] == "0"  # type: ignore[attr-defined]
        await pilot.press("c")
        await settle(pilot, lambda: "local beside server" in text(pilot))
        assert pilot.app.remembered["compare"] == "1"  # type: ignore[attr-defined]
        for key, title in (("home", "5-hour"), ("j", "7-day"), ("end", "Cowork")):
            await pilot.press(key)
            await settle(pilot, lambda title=title: f"local beside server · {title} " in text(pilot))  # type: ignore[misc]
        assert "No transcript tells of Cowork" in " ".join(text(pilot).replace("│", " ").split())
        await pilot.press("c")
        await settle(pilot, lambda: "local beside server" not in text(pilot))
        assert pilot.app.remembered["compare"] == "0"  # type: ignore[attr-defined]
    async with shown(bench, (120, 30), open_local=lambda: LocalSide(bench.store, [str(root)]), compare=True) as pilot:
        await settle(pilot, lambda: "since " in text(pilot))
        assert "gap " in text(pilot)
        pilot.app._loader._local._follower.stop(10)  # type: ignore[attr-defined]


async def test_where_it_has_no_room_it_is_a_screen_of_its_own(bench: Bench, local: LocalSide, root: Path) -> None:
    await compared(bench, root)
    async with shown(bench, (40, 10), open_local=lambda: local, compare=True) as pilot:
        assert len(pilot.app.screen_stack) == 1 and "server" not in text(pilot)  # the windows are never hidden unasked
        await pilot.press("c")
        await settle(pilot, lambda: "server" in text(pilot))
        assert len(pilot.app.screen_stack) == 2
        await pilot.press("escape")
        assert len(pilot.app.screen_stack) == 1
        await pilot.press("c")
        await pilot.resize_terminal(120, 30)
        await settle(pilot, lambda: "local beside server" in text(pilot) and "windows" in text(pilot))
        assert len(pilot.app.screen_stack) == 1
        await pilot.press("c")
        await settle(pilot, lambda: "local beside server" not in text(pilot))


async def test_why_they_differ_is_on_the_help_of_the_comparison(bench: Bench, local: LocalSide, root: Path) -> None:
    await compared(bench, root)
    async with shown(bench, (100, 40), open_local=lambda: local) as pilot:
        await pilot.press("f1")
        await settle(pilot, lambda: "How to read it" in text(pilot))
        assert text(pilot).index("Keys") < text(pilot).index("How to read it")
        await pilot.press("end")
        await settle(pilot, lambda: "Why local and server differ" in text(pilot))
        for word in ("elsewhere", "weights", "clocks", "which stops"):
            assert word in text(pilot)


async def test_without_a_claude_code_there_is_a_plain_sentence(bench: Bench, local: LocalSide, root: Path) -> None:
    await a_reading(bench)
    async with shown(bench, (120, 30), open_local=lambda: local) as pilot:
        await settle(pilot, lambda: "has written no" in text(pilot))
        await pilot.press("enter")
        await settle(pilot, lambda: "no transcripts here" in text(pilot))


async def test_a_long_reading_shows_how_far_it_is(bench: Bench, local: LocalSide, root: Path) -> None:
    await compared(bench, root)
    async with shown(bench, (120, 30), open_local=lambda: local) as pilot:
        await settle(pilot, lambda: local._following.looked)
        for done, percent in ((2, " 20 %"), (9, " 90 %")):
            local._following = Following(done=done, whole=10)
            pilot.app._fill()  # type: ignore[attr-defined]
            await settle(pilot, lambda percent=percent: f"reading transcripts {percent}" in text(pilot))  # type: ignore[misc]
        local._following = Following(looked=True, trouble="The index of transcripts cannot be written (full).")
        pilot.app._fill()  # type: ignore[attr-defined]
        await settle(pilot, lambda: "cannot be written" in text(pilot))


async def test_a_turn_written_while_it_is_open_appears(bench: Bench, local: LocalSide, root: Path) -> None:
    await compared(bench, root)
    async with shown(bench, (120, 30), open_local=lambda: local) as pilot:
        await settle(pilot, lambda: local._following.looked)
        file = next((root / "projects").rglob("*.jsonl"))
        late = row("late", "late", output=7_700, timestamp=NOON.isoformat())
        with file.open("a") as out:
            out.write(json.dumps(late) + "\n")
        await settle(pilot, lambda: " 7.7 k " in text(pilot))
        assert "12:00 opus" in text(pilot)


def a_document(bench: Bench) -> ReadingDocument:
    seed_history(bench.store, NOON)
    document = bench.store.newest()
    assert document is not None
    return document


async def test_before_the_first_reading_the_comparison_can_be_opened(bench: Bench, local: LocalSide) -> None:
    bench.server.scenario = "hang"
    async with shown(bench, (120, 36), open_local=lambda: local) as pilot:
        await pilot.press("c")
        await pilot.pause(0.2)
        assert len(pilot.app.screen_stack) == 2 and "used on this machine" in text(pilot)
        bench.poller.publish(bench.poller.state._replace(reading=stand_in(a_document(bench))))
        await settle(pilot, lambda: "local beside server" in text(pilot))


def test_an_answer_is_kept_for_a_while_unless_it_is_nothing() -> None:
    kept: _KeptAWhile[dict[str, int]] = _KeptAWhile({})
    assert kept.asked("q", NOON, lambda: 1, dict) == {}
    assert kept.asked("q", NOON + timedelta(seconds=1), lambda: 2, lambda: {"a": 1}) == {"a": 1}
    assert kept.asked("q", NOON + timedelta(seconds=2), lambda: 3, lambda: {"a": 2}) == {"a": 1}
    assert kept.asked("q", NOON + timedelta(seconds=30), lambda: 3, lambda: {"a": 2}) == {"a": 2}
