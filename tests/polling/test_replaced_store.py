"""Whose the readings are that are carried into a store another has put there, and how whole they stay."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from conftest import HOME, NOON, WORK, Bench, payload, remove_store, save_reading

from claude_meter_tui.domain.identity import token_key
from claude_meter_tui.domain.windows import Account
from claude_meter_tui.polling.gate import Gate
from claude_meter_tui.polling.login import LoginAccount, document_of
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.store.store import Store


def test_whose_the_readings_of_a_replaced_store_are(store: Store) -> None:
    def carried(account: Account | None, login: str | None, *, said: bool = False) -> int | None:
        whose = LoginAccount(store, "account", 77)
        whose._said = 77 if said else None
        row = whose.carry_over(None if account is None else document_of(account), login, NOON)
        assert whose.account_id == row
        assert row is None or store.note("account") == str(row)
        return row

    assert carried(None, None) is None and carried(None, "f", said=True) is None and carried(None, "f") is None
    assert carried(Account(), None) is None and store.note("account") is None
    work = carried(WORK, "f", said=True)
    assert work is not None and store.account_of("f") == work and store.account(work)["plan"] == "Max 5x"
    store.notice_plan("f", "Max 20x")
    assert store.account(work)["plan"] == "Max 20x"
    assert store.asked_whose("f", NOON) and not store.asked_whose("f", NOON + timedelta(seconds=1))
    home = carried(HOME, None)
    assert home not in (None, work) and store.account_id(document_of(HOME)) == home
    nameless = carried(Account(), "g")
    assert nameless not in (None, work, home) and carried(Account(), "g") == nameless
    assert store.account_id(document_of(Account()), token_key("g")) == nameless and store.account_of("g") is None
    assert carried(Account(), "h") not in (None, work, home, nameless)
    third = Account(email="third@example.com")
    by_login = carried(third, "i")
    assert by_login == store.account_id(document_of(third)) and store.account_of("i") is None
    assert carried(third, None, said=True) == by_login


async def test_what_is_known_goes_to_its_own_account_in_a_replaced_store(bench: Bench) -> None:
    """Of a login whose profile is refused nothing but its token tells whose it is."""
    bench.server.replies["/api/oauth/profile"] = bench.server.answer("/none", {})
    bench.store.save(
        read_usage(payload("max-named-windows.json"), observed_at=NOON, source="x", account=WORK).document()
    )
    await bench.poller.beat()
    before = bench.poller.state.reading
    assert before is not None and before.account.email is None and bench.asked == 1
    remove_store(bench.store.path)
    with Store.open(bench.store.path) as fresh:  # somebody else's is in there first
        work = save_reading(fresh, WORK)
        bench.clock.advance(seconds=2)
        await bench.poller.beat()
        own = bench.poller.account_id
        assert own is not None and own != work and bench.poller.state.reading is not None
        assert bench.poller.state.reading.windows == before.windows
        assert fresh.newest(account_id=work, now=bench.clock.now()) is not None
        kept = fresh.newest(account_id=own, now=bench.clock.now())
        assert kept is not None and len(kept["windows"]) == len(before.windows)
        assert kept["whole_at"] == before.document()["whole_at"]
        assert fresh.gate_row(bench.poller._source.endpoint) is not None  # type: ignore[union-attr]
    assert bench.asked == 1


async def test_with_nothing_known_a_replaced_store_gets_nothing_but_the_gate(bench: Bench) -> None:
    bench.server.scenario = "rate-limited"
    await bench.poller.beat()
    assert bench.poller.state.reading is None
    remove_store(bench.store.path)
    await bench.poller.beat()
    with Store.open(bench.store.path) as fresh:
        assert fresh.count() == 0 and fresh.accounts() == []
    assert bench.poller.state.reading is None and bench.asked == 1
    assert "deleted or replaced" in bench.poller.state.notice


async def test_what_stood_in_for_a_reading_at_the_start_is_not_carried_over(bench: Bench) -> None:
    bench.store.put_note("account", str(save_reading(bench.store, WORK)))
    poller = bench.another_poller()
    assert poller.state.reading is not None
    remove_store(bench.store.path)
    await poller.beat()
    assert "Something went wrong" not in poller.state.notice and bench.asked == 1


async def test_parts_of_several_sources_stay_parts_in_a_replaced_store(bench: Bench) -> None:
    await bench.poller.beat()
    own = bench.poller.account_id
    later = NOON + timedelta(minutes=1)
    body = {"five_hour": {"utilization": 71, "resets_at": (NOON + timedelta(hours=3)).isoformat()}}
    part = read_usage(body, observed_at=later, source="statusline")
    bench.store.save_all([part.document()], own, partial=True)
    bench.clock.advance(minutes=2)
    await bench.poller.beat()
    before = bench.poller.state.reading
    assert before is not None and {window.source or before.source for window in before.windows} > {"statusline"}
    remove_store(bench.store.path)
    await bench.poller.beat()
    after = bench.poller.state.reading
    assert after is not None and len(after.windows) == len(before.windows)
    assert [(w.key, w.utilization, w.observed_at, w.source) for w in after.windows] == [
        (w.key, w.utilization, w.observed_at, w.source) for w in before.windows
    ]
    assert after.whole_at == before.whole_at == NOON and bench.asked == 1
    with Store.open(bench.store.path) as fresh:
        kept = fresh.newest(account_id=bench.poller.account_id, now=bench.clock.now())
        assert kept is not None and {window["key"] for window in kept["windows"]} == {w.key for w in before.windows}
        assert kept["whole_at"] is not None and datetime.fromisoformat(kept["whole_at"]) == NOON
        source, (now, uptime, _) = bench.poller._source, bench.clock.moment()
        assert source is not None
        assert Gate.load(fresh, bench.poller._keys(source), now, uptime).uptime == uptime


async def test_the_wait_of_a_store_put_there_is_as_long_as_it_was_though_the_clock_was_set(bench: Bench) -> None:
    await bench.poller.beat()
    source, (now, uptime, _) = bench.poller._source, bench.clock.moment()
    assert source is not None
    keys = bench.poller._keys(source)
    kept = f"{bench.store.path}.kept"
    with Store.open(kept) as store:
        waits = Gate(set_at=now, uptime=uptime, asked_at=now, wait_until=now + timedelta(hours=1), trouble="x")
        waits.save(store, keys)
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    bench.clock.step(hours=3)
    remove_store(bench.store.path)
    os.replace(kept, bench.store.path)
    bench.clock.advance(seconds=2)
    await bench.poller.beat()
    assert bench.poller._gate.wait_until == now + timedelta(hours=4) and bench.asked == 1
