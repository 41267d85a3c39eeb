"""The gate and its users, value by value: what mutation testing showed that no other test would have missed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOON, Bench, log_in

from claude_meter_tui.analysis.outlook import WindowOutlook
from claude_meter_tui.polling.gate import Gate, _by_clock, budget_window, claim, joined, refresh
from claude_meter_tui.polling.schedule import Plan, Why
from claude_meter_tui.polling.state import Phase
from claude_meter_tui.settings.cadence import Cadence
from claude_meter_tui.store.columns import micros
from claude_meter_tui.store.store import Store

CADENCE = Cadence(jitter=0.0)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
UP = ("boot", 1_000_000_000)


def later(uptime: tuple[str, int], passed: timedelta) -> tuple[str, int]:
    return uptime[0], uptime[1] + micros(NOON + passed) - micros(NOON)


def whole() -> Gate:
    return Gate(
        set_at=NOON,
        uptime=UP,
        wait_until=NOON + HOUR,
        retry_at=NOON + 30 * MINUTE,
        asked_at=NOON - MINUTE,
        failures=2,
        unchanged=3,
        trouble="waiting\nx\ny",
        refused="abc",
    )


# --- a clock that was set --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [HOUR, -HOUR, timedelta(seconds=2), -timedelta(seconds=2)])
def test_every_time_moves_with_a_clock_that_was_set_and_nothing_else(step: timedelta) -> None:
    now = NOON + 5 * MINUTE + step
    found = _by_clock(whole(), now, later(UP, 5 * MINUTE))
    assert (found.wait_until, found.retry_at, found.asked_at) == (
        NOON + HOUR + step,
        NOON + 30 * MINUTE + step,
        NOON - MINUTE + step,
    )
    assert (found.set_at, found.uptime) == (now, later(UP, 5 * MINUTE))
    assert (found.failures, found.unchanged, found.trouble, found.refused) == (2, 3, "waiting\nx\ny", "abc")


@pytest.mark.parametrize("step", [timedelta(0), timedelta(seconds=1.9), timedelta(seconds=-1.9)])
def test_drift_is_no_step(step: timedelta) -> None:
    assert _by_clock(whole(), NOON + 5 * MINUTE + step, later(UP, 5 * MINUTE)) == whole()


def test_without_a_common_boot_only_a_step_back_can_be_known() -> None:
    for uptime in (None, ("another boot", 5)):
        assert _by_clock(whole(), NOON + 2 * HOUR, uptime) == whole()
        assert _by_clock(whole(), NOON - timedelta(seconds=59), uptime) == whole()
        for back in (MINUTE, HOUR):
            found = _by_clock(whole(), NOON - back, uptime)
            assert (found.set_at, found.uptime) == (NOON - back, uptime)
            assert found.wait_until == NOON + HOUR - back and found.retry_at == NOON + 30 * MINUTE - back
    without = Gate(set_at=NOON, wait_until=NOON + HOUR)
    assert _by_clock(without, NOON - HOUR, None).retry_at is None


def test_a_set_clock_is_written_down_once_and_asks_do_not_lie_ahead(store: Store) -> None:
    with store.transaction():
        whole().save(store, ("e",))
        store.note_ask(("e",), NOON, forget_before=NOON - HOUR)
    changes = store.connection.total_changes
    assert refresh(store, ("e",), NOON + MINUTE, later(UP, MINUTE)) == whole()
    assert store.connection.total_changes == changes  # nothing was set: nothing is written
    back = refresh(store, ("e",), NOON - HOUR, later(UP, 2 * MINUTE))
    assert back.set_at == NOON - HOUR and Gate.load(store, ("e",), NOON - HOUR, later(UP, 2 * MINUTE)) == back
    assert store.gate_row("e") is not None and store.gate_row("e")[7:9] == later(UP, 2 * MINUTE)  # type: ignore[index]
    assert budget_window(store, ("e",), NOON - HOUR) == [NOON - HOUR]


def test_no_row_is_made_by_looking(store: Store) -> None:
    assert refresh(store, ("e",), NOON, UP) == Gate(set_at=NOON, uptime=UP)
    assert store.gate_row("e") is None
    assert claim(store, ("e",), NOON, CADENCE, "meter", UP) is None
    loaded = Gate.load(store, ("e",), NOON, UP)
    assert (loaded.set_at, loaded.uptime, loaded.asked_at, loaded.unchanged) == (NOON, UP, NOON, 0)


def test_a_claim_by_a_set_clock_knows_how_long_it_was_held(store: Store) -> None:
    with store.transaction():
        whole().save(store, ("e",))
    ahead = NOON + 3 * HOUR  # set ahead while one minute passed: the wait is not over
    held = claim(store, ("e",), ahead, CADENCE, "person", later(UP, MINUTE))
    assert held == Plan(ahead + HOUR - MINUTE, Why.WAIT)


# --- several keys ----------------------------------------------------------------------------------------------------


def test_of_several_keys_the_longest_wait_the_last_request_and_the_fullest_budget_count(store: Store) -> None:
    early = Gate(set_at=NOON - HOUR, wait_until=NOON + 2 * HOUR, asked_at=NOON - MINUTE)
    newest = Gate(set_at=NOON, wait_until=NOON + HOUR, asked_at=NOON - 5 * MINUTE, unchanged=2)
    assert joined([early, newest]) == Gate(set_at=NOON, wait_until=NOON + 2 * HOUR, asked_at=NOON - MINUTE, unchanged=2)
    plain = Gate(set_at=NOON + MINUTE)
    assert joined([early, plain]).wait_until == NOON + 2 * HOUR and joined([plain, plain]).wait_until is None
    with store.transaction():
        for number in range(3):
            store.note_ask(("many",), NOON - number * MINUTE, forget_before=NOON - HOUR)
        store.note_ask(("few",), NOON - MINUTE, forget_before=NOON - HOUR)
    assert len(budget_window(store, ("few", "many"), NOON)) == len(budget_window(store, ("many", "few"), NOON)) == 3


# --- when doubt counts -----------------------------------------------------------------------------------------------


async def test_what_is_not_known_of_the_windows_steers_the_asking_by_the_server_s_clock(bench: Bench) -> None:
    await bench.poller.beat()
    reading = bench.poller.state.reading
    assert reading is not None and bench.poller.account_id is not None
    window = reading.windows[0]

    def told(low: float, high: float) -> None:
        empty = dict.fromkeys(WindowOutlook.__required_keys__)
        known = {
            "key": window.key,
            "read_at": "2026-11-26T12:00:00Z",
            "resets_at": window.resets_at.isoformat() if window.resets_at else None,
            "estimate": {"estimate": (low + high) / 2, "low": low, "high": high},
        }
        whole = {"made_at": "2026-11-26T12:00:00Z", "next_stop": None, "nothing_fills": 1.0}
        text = json.dumps({**whole, "windows": [{**empty, **known}]})
        bench.store.save_outlook(bench.poller.account_id or 0, NOON, text)

    told(50, 60)
    await bench.poller.beat()
    assert bench.poller.state.next_ask == NOON + CADENCE.in_doubt
    told(53, 54)
    await bench.poller.beat()
    assert bench.poller.state.next_ask == NOON + CADENCE.partly_known
    another = bench.another_poller()
    assert another.state.outlook == bench.poller.state.outlook and another.state.outlook is not None


# --- what every path writes down -------------------------------------------------------------------------------------


def gate_rows(store: Store) -> list[tuple[object, ...]]:
    keys = [key for (key,) in store.connection.execute("SELECT endpoint FROM gates")]
    return [row for key in keys if (row := store.gate_row(key)) is not None]


@pytest.mark.parametrize("scenario", ["max", "server-error", "rate-limited"])
async def test_after_every_answer_the_wait_is_measured_by_time_that_passed(bench: Bench, scenario: str) -> None:
    bench.server.scenario = scenario
    await bench.poller.beat()
    for _ in range(2):
        assert {row[7:9] for row in gate_rows(bench.store)} == {bench.clock.uptime()}
        bench.clock.advance(hours=2)
        await bench.poller.beat()
    asked = bench.asked
    bench.clock.step(days=1)  # nothing has passed: nothing may be asked, whatever the clock says
    await bench.poller.beat()
    assert bench.asked == asked


async def test_another_login_forgives_by_time_that_passed(bench: Bench, scratch_home: Path) -> None:
    bench.server.scenario = "unauthorized"
    await bench.poller.beat()
    bench.server.scenario = "max"
    bench.clock.advance(minutes=2)
    log_in(scratch_home / "claude", accessToken="sk-ant-oat01-dummy-other")
    await bench.poller.beat()
    assert bench.poller.state.phase(bench.clock.now()) is Phase.LIVE
    assert {row[7] for row in gate_rows(bench.store)} == {"fixed"}


async def test_a_new_poller_begins_with_what_is_stored_and_nothing_else(bench: Bench) -> None:
    await bench.poller.beat()
    another = bench.another_poller()
    state = another.state
    assert (state.demo, state.notice, state.outlook, state.trouble) == (False, "", None, None)
    assert another.account_id == bench.poller.account_id is not None
    assert state.reading is not None and state.reading.windows[0].utilization == 53
