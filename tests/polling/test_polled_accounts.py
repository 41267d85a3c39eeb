"""All accounts are kept true: what runs, what is told, what comes and goes; and what each poller begins with."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOON, WORK, Bench, payload, remove_store, save_reading

from claude_meter_tui.analysis.outlook import Outlook
from claude_meter_tui.domain.errors import StoreError
from claude_meter_tui.polling import accounts as polled_accounts
from claude_meter_tui.polling import poller as poller_module
from claude_meter_tui.polling.accounts import PolledAccount, PolledAccounts
from claude_meter_tui.polling.noticing import store_error
from claude_meter_tui.polling.state import MeterState
from claude_meter_tui.sources.payload.usage import read_usage


@dataclass(eq=False)
class Quick:
    """A poller that does nothing but what is wanted of it."""

    account_id: int | None
    fails: bool = False
    runs: int = 0
    cancelled: bool = False
    state: MeterState = field(default_factory=MeterState)
    publish: Callable[[MeterState], None] | None = None

    def now(self) -> str:
        return f"now of {self.account_id}"

    async def run(self) -> None:
        self.runs += 1
        if self.fails:
            raise ValueError("a defect")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled = True
            raise


class QuickAnalyst:
    def __init__(self) -> None:
        self.noticed: list[tuple[object, ...]] = []
        self.stopped = 0

    def notice(self, *told: object) -> None:
        self.noticed.append(told)

    def stop(self) -> None:
        self.stopped += 1


def of(*pollers: Quick) -> tuple[PolledAccount, ...]:
    return tuple(PolledAccount(poller) for poller in pollers)  # type: ignore[arg-type]


def test_the_one_on_the_screen_stays_when_others_come_and_go() -> None:
    one, two, three = Quick(1), Quick(2), Quick(3)
    changed: list[str] = []
    found = [of(one, two)]
    made = PolledAccounts(found[0], lambda: changed.append("x"), pytest.fail, lambda _: found[0])
    assert made.at == 0 and made.poller is one and made.chosen is found[0][0]
    for poller in (one, two):
        assert poller.publish is not None
        poller.publish(MeterState())
    assert len(changed) == 2 and made.states == (one.state, two.state)
    made.renew()
    assert len(changed) == 2, "the same as before"
    made.at = 1
    found[0] = (*of(three), *found[0])
    made.renew()
    assert made.at == 2 and made.poller is two and len(changed) == 3 and three.publish is not None
    successor = Quick(2)  # another poller, the same account
    found[0] = of(three, successor, one)
    made.renew()
    assert made.at == 1 and made.poller is successor
    found[0] = (*of(Quick(2)), made.chosen)  # the very one goes before another of its account
    made.renew()
    assert made.at == 1 and made.poller is successor
    found[0] = of(one, three)
    made.renew()
    assert made.at == 0 and made.poller is one, "the first where it is gone"


async def test_all_run_a_defect_is_told_and_begun_anew_and_the_end_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polled_accounts, "_RENEW_SECONDS", 0.02)
    well, broken, gone = Quick(1), Quick(2, fails=True), Quick(3)
    analyst = QuickAnalyst()
    first = PolledAccount(well, None, lambda: analyst)  # type: ignore[arg-type]
    found: list[tuple[PolledAccount, ...]] = [(first, *of(broken, gone))]
    survived: list[BaseException] = []
    alerts: list[tuple[object, object]] = []
    made = PolledAccounts(
        found[0], lambda: None, survived.append, lambda _: found[0], lambda row, state: alerts.append((row, state))
    )
    task = asyncio.create_task(made.run())
    await asyncio.sleep(0.3)
    assert broken.runs > 1 and well.runs == gone.runs == 1 and not gone.cancelled
    assert survived and {repr(error) for error in survived} == {"ValueError('a defect')"}
    assert len(survived) in (broken.runs, broken.runs - 1)
    assert set(alerts) == {(1, well.state), (2, broken.state), (3, gone.state)}
    assert set(analyst.noticed) == {(1, None, None, "now of 1", timedelta(0))} and not analyst.stopped
    found[0] = (first, *of(broken))
    await asyncio.sleep(0.1)
    assert gone.cancelled and not well.cancelled and task and not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert well.cancelled and analyst.stopped == 1


async def test_what_fails_beside_the_pollers_is_told_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polled_accounts, "_RENEW_SECONDS", 0.01)
    poller, survived, looked = Quick(1), list[BaseException](), list[object]()

    def alert(row: int | None, _: MeterState) -> None:
        looked.append(row)
        raise sqlite3.OperationalError("database is locked")

    def renewed(_: object) -> tuple[PolledAccount, ...]:
        raise ValueError("of renewing") if len(survived) < 2 else KeyError("still")

    calm = PolledAccounts(of(poller), lambda: None, survived.append, alert=alert)
    task = asyncio.create_task(calm.run())
    await asyncio.sleep(0.1)
    task.cancel()
    assert len(looked) > 2 and not survived, "a locked store is the poller's to say"
    broken = PolledAccounts(of(poller), lambda: None, survived.append, renewed)
    task = asyncio.create_task(broken.run())
    await asyncio.sleep(0.15)
    task.cancel()
    assert len(survived) > 2 and poller.runs == 2
    assert [repr(error) for error in survived[:3]] == [*["ValueError('of renewing')"] * 2, "KeyError('still')"]


def test_without_an_analyst_nothing_is_analysed_and_each_has_its_own() -> None:
    one, two = Quick(1), Quick(2)
    made_for: list[QuickAnalyst] = []

    def make() -> QuickAnalyst:
        made_for.append(QuickAnalyst())
        return made_for[-1]

    made = PolledAccounts(
        [PolledAccount(one), PolledAccount(two, None, make)],  # type: ignore[arg-type]
        lambda: None,
        pytest.fail,
    )
    made._analyse()
    assert made_for == []
    made.at = 1
    made._analyse()
    made._analyse()
    assert len(made_for) == 1 and len(made_for[0].noticed) == 2
    reading = read_usage(payload("max-named-windows.json"), observed_at=NOON, source="oauth")
    outlook: Outlook = {"made_at": "", "reading_at": "", "next_stop": None, "nothing_fills": 1.0, "windows": []}
    two.state = MeterState(reading=reading, outlook=outlook, skew=timedelta(minutes=3))
    made._analyse()
    assert made_for[0].noticed[-1] == (2, reading, outlook, "now of 2", timedelta(minutes=3))


async def test_it_beats_until_it_is_cancelled(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller_module, "HEARTBEAT", timedelta(seconds=0.01))
    beats: list[None] = []

    async def beat() -> None:
        beats.append(None)

    monkeypatch.setattr(bench.poller, "beat", beat)
    task = asyncio.create_task(bench.poller.run())
    await asyncio.sleep(0.3)
    assert 2 < len(beats) < 60 and not task.done()
    task.cancel()


async def test_a_store_that_fails_while_listening_is_a_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    error = sqlite3.OperationalError("database is locked")

    async def failing() -> None:
        raise error

    monkeypatch.setattr(bench.poller, "_listen", failing)
    with pytest.raises(StoreError) as caught:
        await bench.poller.listen()
    assert caught.value.one_line() == store_error(error).one_line()


async def test_what_was_said_before_the_first_beat_stays_and_a_poller_does_not_wait_for_its_store_unasked(
    bench: Bench,
) -> None:
    assert not bench.poller._waits_for_store
    bench.poller.say("Line 3 of the settings is wrong.")
    await bench.poller.beat()
    assert bench.poller.state.notice == "Line 3 of the settings is wrong."


def test_a_poller_begins_with_the_skew_by_today_s_clock_and_what_the_store_has_to_say(bench: Bench) -> None:
    now, uptime, _ = bench.clock.moment()
    bench.store.note_skew(timedelta(0), now, uptime)
    bench.store.put_note("account", str(save_reading(bench.store, WORK, timedelta(days=-1))))
    ahead = bench.another_poller().state.reading
    assert ahead is None or ahead.observed_at <= NOON, "what is dated after now is no reading of now"
    bench.store.put_note("account", "")
    assert bench.another_poller().state.reading == ahead
    bench.clock.step(hours=-3)
    assert bench.another_poller().state.skew == timedelta(hours=3)
    bench.close()
    bench.stores.clear()
    bench.store.close()
    remove_store(bench.store.path)
    Path(bench.store.path).write_bytes(b"no database" * 500)
    poller = bench.another_poller()
    assert poller.state.notice == poller._store.notice() != ""
