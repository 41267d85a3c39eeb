"""The screen of a window's past: peaks, busy hours, what it went to; at every size, and without transcripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOON, Bench
from screens import SIZES, lines, settle, shown, text
from syrupy.assertion import SnapshotAssertion
from test_outlook_screen import outlook_of

from claude_meter_tui.analysis.local_side import LocalSide
from claude_meter_tui.commands.demo import seed_history
from claude_meter_tui.dashboard.masking import masked
from claude_meter_tui.demo.transcripts import write_tree
from claude_meter_tui.store.store import Store
from claude_meter_tui.turns.transcripts.index import Index
from claude_meter_tui.turns.transcripts.roots import transcripts


@pytest.fixture
async def local(bench: Bench, scratch_home: Path) -> Iterator[LocalSide]:
    """The local side over a tree that is read already, beside seven weeks of readings."""
    root = scratch_home / "claude"
    write_tree(root, NOON, days=20)
    Index(bench.store.connection, [str(root)]).refresh(transcripts([str(root)]))
    seed_history(bench.store, NOON - timedelta(minutes=10))
    await bench.poller.beat()
    return LocalSide(bench.store, [str(root)])


@pytest.mark.parametrize("size", [*SIZES, (120, 14), (60, 30)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_at_every_size(
    bench: Bench, local: LocalSide, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with shown(bench, size, open_local=lambda: local) as pilot:
        await pilot.press("i")
        await settle(pilot, lambda: "Looking" not in text(pilot))
        assert text(pilot) == snapshot
        assert max(map(len, lines(pilot))) <= size[0]


async def test_it_follows_the_selection_says_tokens_without_prices_and_closes(bench: Bench, local: LocalSide) -> None:
    async with shown(bench, (120, 36), open_local=lambda: local) as pilot:
        await pilot.press("i")
        await settle(pilot, lambda: "by session" in text(pilot))
        assert "past · 7-day Opus" in text(pilot) and "tokens" in text(pilot) and "points" not in text(pilot)
        first = text(pilot)
        await pilot.press("home")
        await settle(pilot, lambda: "past · 5-hour" in text(pilot) and "Its instances" in text(pilot))
        assert "sessions read · usually" in text(pilot) and text(pilot) != first
        await pilot.press("percent_sign")
        await settle(pilot)
        assert pilot.app.view.show_left
        await pilot.press("i")
        await settle(pilot)
        assert len(pilot.app.screen_stack) == 1 and pilot.app.view.earlier is None


async def test_with_prices_it_is_points_with_their_range(bench: Bench, local: LocalSide) -> None:
    outlook = outlook_of(bench)
    for window in outlook["windows"]:
        window["points_a_token"] = {"claude-opus-4-5-20251101": [1e-6, 5e-6, 0, 0, 1e-7]}
    with Store.open(bench.settings.store_file) as other:
        other.save_outlook(bench.poller.account_id or 0, NOON, json.dumps(outlook))
    await bench.poller.beat()
    async with shown(bench, (120, 36), open_local=lambda: local) as pilot:
        await pilot.press("i")
        await settle(pilot, lambda: "by session" in text(pilot) and "points" in text(pilot))
        row = next(line for line in lines(pilot) if "claude-opus" in line)
        assert "≈" in row and "–" in row and ") points" in row
        hidden = masked(pilot.app.view)
        assert hidden.earlier is not None and hidden.earlier.spent is not None
        assert hidden.earlier.spent["project"][0].name == "project 1"
        assert "-home-" not in repr(hidden.earlier)


async def test_without_transcripts_the_readings_alone(bench: Bench) -> None:
    seed_history(bench.store, NOON - timedelta(minutes=10))
    await bench.poller.beat()
    async with shown(bench, (120, 36)) as pilot:
        await pilot.press("i")
        await settle(pilot, lambda: "Its instances" in text(pilot))
        assert "When it is used" in text(pilot) and "What it went to" not in text(pilot)


async def test_a_new_account_has_no_past_yet(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench, (80, 24)) as pilot:
        await pilot.press("i")
        await settle(pilot, lambda: "No instance has ended" in text(pilot))
        await pilot.press("escape")
        await settle(pilot)
        assert len(pilot.app.screen_stack) == 1
