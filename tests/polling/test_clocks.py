"""A clock that is off, or is set while we look: waits, ages, countdowns and sums all the same."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOON, Bench
from test_transcripts import row

from claude_meter_tui.analysis.local_side import LocalSide
from claude_meter_tui.domain.errors import ServerError
from claude_meter_tui.polling.gate import Gate, claim, refresh
from claude_meter_tui.polling.schedule import Plan, Why
from claude_meter_tui.polling.state import Phase
from claude_meter_tui.settings.cadence import Cadence
from claude_meter_tui.store.store import Store
from claude_meter_tui.turns.transcripts.index import Index
from claude_meter_tui.turns.transcripts.roots import transcripts

CADENCE, KEYS = Cadence(), ("e",)
HOUR = timedelta(hours=1)


def phase(bench: Bench) -> Phase:
    return bench.poller.state.phase(bench.clock.now())


@pytest.mark.parametrize("step", [timedelta(days=1), timedelta(hours=2), timedelta(days=-1), timedelta(minutes=-90)])
async def test_a_step_of_the_clock_inside_a_wait_sends_nothing_and_the_wait_keeps_its_length(
    bench: Bench, step: timedelta
) -> None:
    bench.server.scenario = "rate-limited"
    await bench.poller.beat()
    asked = bench.asked
    bench.clock.advance(minutes=2)
    bench.clock.step(seconds=step.total_seconds())
    for _ in range(6):
        await bench.poller.beat()
        await bench.another_poller().beat()
        bench.clock.advance(minutes=2)
    assert bench.asked == asked
    bench.server.scenario = "max"
    bench.clock.advance(minutes=10)
    await bench.poller.beat()
    assert bench.asked == asked + 1


async def test_after_a_clock_that_was_ahead_is_set_right_it_goes_on_at_once(bench: Bench) -> None:
    bench.clock.step(days=1)
    await bench.poller.beat()
    bench.clock.advance(minutes=5)
    bench.clock.step(days=-1)
    await bench.poller.beat()
    reading, due = bench.poller.state.reading, bench.poller.state.next_ask
    assert reading is not None and reading.observed_at <= bench.clock.now()
    assert due is not None and due - bench.clock.now() < timedelta(minutes=31)
    bench.clock.advance(minutes=31)
    asked = bench.asked
    await bench.poller.beat()
    assert bench.asked == asked + 1 and phase(bench) is Phase.LIVE
    assert bench.store.connection.execute("SELECT max(observed_at) FROM readings").fetchone()[0] <= int(
        bench.clock.now().timestamp() * 1e6
    )


async def test_a_skew_follows_the_clock_that_is_set(bench: Bench) -> None:
    await bench.poller.beat()
    assert bench.poller.state.skew == timedelta(0)
    bench.clock.step(hours=-3)
    bench.clock.advance(seconds=2)
    await bench.poller.beat()
    assert bench.poller.state.skew == timedelta(hours=3)


def test_the_corrected_gate_is_written_down_while_it_is_closed(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "s" / "meter.sqlite3")) as store:
        ahead = NOON + timedelta(days=1)
        gate = Gate(set_at=ahead).made_to_wait(ahead, HOUR, "waiting", CADENCE)
        gate.at(ahead, None).save(store, KEYS)
        assert claim(store, KEYS, NOON, CADENCE, "person") == Plan(NOON + HOUR + CADENCE.cushion, Why.WAIT)
        later = NOON + HOUR + CADENCE.cushion
        assert claim(store, KEYS, later - timedelta(minutes=1), CADENCE, "person") == Plan(later, Why.WAIT)
        assert claim(store, KEYS, later, CADENCE, "person") is None


def test_a_wait_is_kept_by_the_uptime_within_one_start_of_the_machine(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "s" / "meter.sqlite3")) as store:
        gate = Gate(set_at=NOON).made_to_wait(NOON, HOUR, "waiting", CADENCE)
        gate.at(NOON, ("boot", 0)).save(store, KEYS)
        ten = 10 * 60_000_000
        forward = Gate.load(store, KEYS, NOON + timedelta(days=3), ("boot", ten))
        assert forward.wait_until == NOON + timedelta(days=3) + HOUR + CADENCE.cushion - timedelta(minutes=10)
        slept = Gate.load(store, KEYS, NOON + 8 * HOUR, ("boot", 8 * 3_600_000_000))
        assert slept.wait_until == NOON + HOUR + CADENCE.cushion  # time that really passed
        other = Gate.load(store, KEYS, NOON + 8 * HOUR, ("another boot", 5))
        assert other.wait_until == NOON + HOUR + CADENCE.cushion
        refresh(store, KEYS, NOON + timedelta(days=3), ("boot", ten))
        assert Gate.load(store, KEYS, NOON + timedelta(days=3), ("boot", ten)).set_at == NOON + timedelta(days=3)


def test_what_a_clock_ahead_dated_does_not_fill_the_budget_for_ever(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "s" / "meter.sqlite3")) as store:
        for minute in range(100):
            store.note_ask(KEYS, NOON + timedelta(days=20, minutes=minute), NOON)
        Gate(set_at=NOON + timedelta(days=21)).save(store, KEYS)
        assert claim(store, KEYS, NOON, CADENCE, "person") is not None
        assert claim(store, KEYS, NOON + timedelta(hours=25), CADENCE, "person") is None


@pytest.mark.parametrize("skew", [timedelta(minutes=-1), timedelta(minutes=1), timedelta(hours=5)])
def test_turns_are_the_local_clock_s_and_windows_the_server_s(bench: Bench, tmp_path: Path, skew: timedelta) -> None:
    """The newest turn counts though the local clock is ahead, and one before the window opened does not."""
    from claude_meter_tui.sources.payload.usage import read_usage

    root = tmp_path / "root"
    folder = root / "projects" / "-p"
    folder.mkdir(parents=True)
    local_now = NOON
    true_now = local_now + skew
    opened_locally = true_now + 2 * HOUR - 5 * HOUR - skew
    moments = (opened_locally - timedelta(seconds=30), opened_locally + timedelta(seconds=30), local_now)
    rows = [row(f"m{n}", f"r{n}", 10**n, timestamp=moment.isoformat()) for n, moment in enumerate(moments, start=1)]
    (folder / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    Index(bench.store.connection, [str(root)]).refresh(transcripts([str(root)]))
    body = {"five_hour": {"utilization": 10, "resets_at": (true_now + 2 * HOUR).isoformat()}}
    reading = read_usage(body, observed_at=local_now, source="oauth")
    side = LocalSide(bench.store, [str(root)])
    found = side.beside(reading.windows[0], reading.windows, (), true_now, skew)
    assert found is not None and found.share.tokens.output_tokens == 1100
    assert found.share.since == reading.windows[0].opened_at


async def test_a_slow_answer_is_no_skew(bench: Bench) -> None:
    import httpx

    from claude_meter_tui.sources.http import skew_of

    def answered(date: str, seconds: float, **headers: str) -> timedelta | None:
        response = httpx.Response(200, headers={"Date": date, **headers})
        response.elapsed = timedelta(seconds=seconds)
        return skew_of(response, NOON)

    at_eight = "Thu, 26 Nov 2026 12:00:08 GMT"
    assert answered(at_eight, 8) == timedelta(0)
    assert answered("Thu, 26 Nov 2026 12:10:00 GMT", 1) == timedelta(minutes=10)
    assert answered("Thu, 26 Nov 2026 11:50:00 GMT", 1) == -timedelta(minutes=10)
    assert answered("Thu, 26 Nov 2026 12:10:00 GMT", 1, Age="600") is None
    assert answered("Fri, 27 Nov 2026 12:00:00 GMT", 1) is None
    assert answered("Fri, 31 Dec 9999 23:59:59 -0500", 1) is None
    assert answered("", 1) is None


async def test_a_clock_that_is_set_while_a_failing_request_is_under_way_moves_what_is_known_along(bench: Bench) -> None:
    source = await bench.poller._opened()
    keys = bench.poller._keys(source)
    now, uptime, _ = bench.clock.moment()
    assert claim(bench.store, keys, now, bench.settings.cadence, "meter", uptime) is None
    bench.clock.step(hours=3)
    bench.poller._failed(source, keys, ServerError("trouble"))
    now, uptime, _ = bench.clock.moment()
    gate = Gate.load(bench.store, keys, now, uptime)
    assert gate.asked_at == NOON + timedelta(hours=3) and gate.failures == 1
    assert gate.retry_at == now + timedelta(seconds=75)
