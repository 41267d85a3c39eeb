"""A store that is deleted, replaced, set aside or locked under an open dashboard: nothing is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOON, Bench, remove_store

from claude_meter_tui.domain.errors import AskedTooSoonError, MeterError, StoreError
from claude_meter_tui.polling.poller import Poller
from claude_meter_tui.sources.oauth import OAuthSource
from claude_meter_tui.store.store import Store


def rows(file: str, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(file) as db:
        found = db.execute(query).fetchall()
    db.close()
    return found


async def test_a_deleted_store_is_made_anew_with_what_is_known(bench: Bench) -> None:
    await bench.poller.beat()
    before = bench.poller.state.reading
    remove_store(bench.store.path)
    bench.clock.advance(seconds=2)
    await bench.poller.beat()
    state = bench.poller.state
    assert state.notice == "The store was deleted or replaced; the last reading was kept."
    assert before is not None and state.reading is not None and state.reading.account == before.account
    assert [w.utilization for w in state.reading.windows] == [w.utilization for w in before.windows]
    assert bench.asked == 1 and bench.server.asked("/api/oauth/profile") == 1
    assert rows(bench.store.path, "SELECT count(*) FROM asks") != [(0,)]
    other = bench.another_poller()
    await other.beat()
    assert bench.asked == 1, "what another pane reads there keeps it from asking"
    assert other.state.reading is not None and other.state.reading.account == before.account


async def test_a_wait_outlives_the_store_it_was_written_in(bench: Bench) -> None:
    await bench.poller.beat()
    bench.server.scenario = "rate-limited"
    bench.clock.advance(minutes=20)
    await bench.poller.beat()
    asked, until = bench.asked, bench.poller._gate.wait_until
    assert until is not None
    remove_store(bench.store.path)
    await bench.poller.beat()
    with pytest.raises(AskedTooSoonError):
        await bench.another_poller().ask("person")
    assert bench.asked == asked and bench.poller._gate.wait_until == until


async def test_a_store_another_has_put_there_is_taken_with_its_wait_and_its_reading(bench: Bench) -> None:
    await bench.poller.beat()
    kept = bench.store.path + ".kept"
    bench.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(bench.store.path, kept)
    bench.clock.advance(minutes=16)
    await bench.poller.beat()
    assert bench.asked == 2
    newest = bench.poller.state.reading
    remove_store(bench.store.path)
    os.replace(kept, bench.store.path)
    bench.clock.advance(seconds=2)
    await bench.poller.beat()
    assert bench.asked == 2 and bench.poller.state.reading == newest
    with Store.open(bench.store.path) as store:
        assert store.count() >= 2 and len(store.accounts()) == 1


async def test_many_replacements_leave_no_files_open(bench: Bench) -> None:
    await bench.poller.beat()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        remove_store(bench.store.path)
        await bench.poller.beat()
    assert len(os.listdir("/proc/self/fd")) <= before + 3 and bench.asked == 1


async def test_a_folder_that_is_gone_is_made_again_and_one_that_cannot_be_is_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.poller.beat()
    folder = Path(bench.store.path).parent
    shutil.rmtree(folder)
    folder.write_text("in the way")
    await bench.poller.beat()
    assert "cannot be used" in bench.poller.state.notice and bench.poller.state.reading is not None
    folder.unlink()
    await bench.poller.beat()
    assert not bench.poller._store.is_replaced() and oct(folder.stat().st_mode & 0o777) == "0o700" and bench.asked == 1


# --- locked ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def patient(bench: Bench) -> Poller:
    """As the dashboard makes it."""
    source = OAuthSource(bench.settings, deadline=60.0)
    store = Store.open(bench.settings.store_file, patience=0.05)
    bench.stores.append(store)
    return Poller(store, lambda: source, bench.clock, bench.settings.cadence, waits_for_store=True)


class Locked:
    """Another program has the store."""

    def __init__(self, file: str) -> None:
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("BEGIN IMMEDIATE")

    def free(self) -> None:
        self._db.rollback()
        self._db.close()


async def longest_pause(task: asyncio.Task[object], seconds: float) -> float:
    """The longest the event loop stood still."""
    loop = asyncio.get_running_loop()
    longest, end = 0.0, loop.time() + seconds
    while not task.done() and (now := loop.time()) < end:
        await asyncio.sleep(0.01)
        longest = max(longest, loop.time() - now)
    return longest


async def test_a_key_that_finds_the_store_locked_freezes_nothing_and_works_once_it_is_free(
    bench: Bench, patient: Poller
) -> None:
    await patient.beat()
    bench.clock.advance(minutes=2)
    locked = Locked(bench.store.path)
    task: asyncio.Task[object] = asyncio.create_task(patient.ask("person"))
    assert await longest_pause(task, 1.0) < 0.5 and not task.done()
    locked.free()
    await asyncio.wait_for(task, 5)
    assert bench.asked == 2


async def test_a_key_gives_up_after_a_while_and_says_why(
    bench: Bench, patient: Poller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claude_meter_tui.polling.asking._PERSON_WAITS", 0.3)
    await patient.beat()
    bench.clock.advance(minutes=2)
    locked = Locked(bench.store.path)
    with pytest.raises(StoreError):
        await patient.ask("person")
    assert "locked" in patient.state.notice and bench.asked == 1 and patient.state.reading is not None
    locked.free()


@pytest.mark.parametrize("scenario", ["max", "rate-limited"])
async def test_what_the_server_answered_is_kept_until_the_store_takes_it(
    bench: Bench, patient: Poller, monkeypatch: pytest.MonkeyPatch, scenario: str
) -> None:
    await patient.beat()
    source = await patient._opened()
    usage, locks = source.usage, []

    async def locking(now: object) -> object:
        locks.append(Locked(bench.store.path))
        return await usage(now)  # type: ignore[arg-type]

    monkeypatch.setattr(source, "usage", locking)
    bench.server.scenario = scenario
    bench.clock.advance(minutes=16)
    task: asyncio.Task[object] = asyncio.create_task(patient.ask("person"))
    assert await longest_pause(task, 1.0) < 0.5 and not task.done()
    if scenario == "max":
        assert patient.state.reading is not None and patient.state.reading.observed_at == bench.clock.now()
    locks[0].free()
    if scenario == "max":
        await asyncio.wait_for(task, 5)
        with Store.open(bench.store.path) as store:
            assert store.count() == 2
    else:
        with pytest.raises(MeterError):
            await asyncio.wait_for(task, 5)
        assert rows(bench.store.path, "SELECT count(*) FROM gates WHERE wait_until IS NOT NULL") != [(0,)]
        assert patient._gate.wait_until is not None and patient._gate.wait_until > NOON + timedelta(minutes=16)
    assert bench.asked == 2
