"""What the poller takes in by itself and tells every pane, method by method on the bench."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON, Bench, log_in

from claude_meter_tui.demo.server import Reply
from claude_meter_tui.domain.errors import AskedTooSoonError, MeterError, StoreError
from claude_meter_tui.domain.windows import Account, ExtraUsage, Reading, Window
from claude_meter_tui.polling.asking import _changed
from claude_meter_tui.polling.gate import Gate, claim, refresh
from claude_meter_tui.polling.noticing import store_error
from claude_meter_tui.polling.schedule import Why, _resets
from claude_meter_tui.polling.shown_state import _whole_at
from claude_meter_tui.polling.state import MeterState, Phase, Trouble
from claude_meter_tui.settings.cadence import Cadence
from claude_meter_tui.sources.source import Answer
from claude_meter_tui.store.columns import micros

USAGE = "/api/oauth/usage"
MINUTE = timedelta(minutes=1)


def outlook(made_at: str = "2026-11-26T12:00:00Z") -> dict[str, Any]:
    return {"made_at": made_at, "next_stop": None, "nothing_fills": 1.0, "windows": []}


# --- what is told ----------------------------------------------------------------------------------------------------


def test_trouble_survives_its_text_and_an_unknown_one_is_shown_as_it_is() -> None:
    for trouble in (
        Trouble(Phase.WAITING, "Wait.", "Nothing is sent."),
        Trouble(Phase.SIGNED_OUT, "Signed out.", ""),
        Trouble(Phase.OFFLINE, "Two", "lines\nof hint"),
    ):
        assert Trouble.from_text(trouble.as_text()) == trouble
    assert trouble.as_text() == "offline\nTwo\nlines\nof hint"
    assert Trouble.from_text("what\nis\nthis") == Trouble(Phase.OFFLINE, "what\nis\nthis", "")
    assert Trouble.from_text("offline") == Trouble(Phase.OFFLINE, "", "")


async def test_notices_are_said_and_taken_away_and_every_change_is_published_once(bench: Bench) -> None:
    bench.poller.say("One.")
    bench.poller.say("One.")
    assert bench.poller.state.notice == "One." and len(bench.published) == 1
    bench.poller.dismiss()
    assert bench.poller.state.notice == "" and [state.notice for state in bench.published] == ["One.", ""]


async def test_what_nobody_foresaw_is_said_once_and_taken_away_when_it_works(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, scratch_home: Path
) -> None:
    def fails() -> object:
        raise ValueError("sk-ant-oat01-dummy")

    source = await bench.poller._opened()
    monkeypatch.setattr(source, "credential_stamp", fails)
    for _ in range(2):
        await bench.poller.beat()
    assert "ValueError" in bench.poller.state.notice and "dummy" not in bench.poller.state.notice
    assert len(list((scratch_home / "state").rglob("*.txt"))) == 1, "one report, not one a beat"
    monkeypatch.undo()
    await bench.poller.beat()
    assert bench.poller.state.notice == "" and bench.poller.state.reading is not None


async def test_since_when_it_has_been_in_the_trouble_it_is_in(bench: Bench) -> None:
    await bench.poller.beat()
    assert bench.poller.state.since == NOON
    bench.clock.advance(minutes=5)
    await bench.poller.beat()
    assert bench.poller.state.since == NOON
    bench.server.scenario = "server-error"
    bench.clock.advance(minutes=15)
    await bench.poller.beat()
    assert bench.poller.state.trouble is not None and bench.poller.state.since == NOON + 20 * MINUTE
    bench.clock.advance(minutes=1)
    await bench.poller.beat()
    assert bench.poller.state.since == NOON + 20 * MINUTE


async def test_history_is_by_the_server_s_clock_and_bounded_by_both_times(bench: Bench) -> None:
    for _ in range(3):
        await bench.poller.beat()
        bench.clock.advance(minutes=16)
    skew = bench.poller.state.skew
    found = bench.poller.history(NOON - MINUTE + skew, NOON + 17 * MINUTE + skew)
    assert [point.observed_at for point in found["five_hour"]] == [NOON + skew, NOON + 16 * MINUTE + skew]
    assert all(point.resets_at is not None for point in found["five_hour"])
    assert set(bench.poller.history(NOON + skew, NOON + skew, window="seven_day")) == {"seven_day"}
    (last,) = bench.poller.history(NOON + skew, NOON + 40 * MINUTE + skew, every=timedelta(days=1))["five_hour"]
    assert last.observed_at == NOON + 32 * MINUTE + skew
    bench.poller._update(skew=5 * MINUTE)  # as if the server's clock were ahead
    (first,) = bench.poller.history(NOON + 4 * MINUTE, NOON + 6 * MINUTE)["five_hour"]
    assert (first.observed_at, first.utilization) == (NOON + 5 * MINUTE, 53)
    assert bench.poller.history(NOON - 6 * MINUTE, NOON - 4 * MINUTE) == {}
    bench.poller._store.close()
    assert bench.poller.history(NOON, NOON) == {}


# --- what is noticed -------------------------------------------------------------------------------------------------


async def test_another_process_s_outlook_is_taken_over_and_a_damaged_one_is_not(bench: Bench) -> None:
    await bench.poller.beat()
    account = bench.poller.account_id
    assert account is not None and bench.poller.state.outlook is None
    for text, shown in ((json.dumps(outlook()), outlook()), ("{damaged", None), (json.dumps(outlook()), outlook())):
        bench.store.save_outlook(account, NOON, text)
        await bench.poller.beat()
        assert bench.poller.state.outlook == shown and bench.poller.state.notice == ""
    bench.store.save_outlook(account, NOON, json.dumps(outlook()))
    await bench.poller.beat()
    bench.store.connection.execute("DELETE FROM outlooks")
    await bench.poller.beat()
    assert bench.poller.state.outlook is None and bench.poller.state.notice == ""
    published = len(bench.published)
    await bench.poller.beat()
    assert len(bench.published) == published, "the same again is no news"


async def test_the_limit_is_known_by_the_account_too(bench: Bench, scratch_home: Path) -> None:
    source = await bench.poller._opened()
    assert bench.poller._keys(source) == (source.endpoint,), "nobody has said whose it is"
    await bench.poller.beat()
    account = bench.store.account_of(bench.poller._login or "")
    host = source.endpoint.partition(" ")[0]
    assert account is not None and bench.poller._keys(source) == (source.endpoint, f"{host} account {account}")
    for key in bench.poller._keys(source):
        assert bench.store.gate_row(key) is not None
    bench.poller._login = "nobody's"
    assert bench.poller._keys(source) == (source.endpoint,) and scratch_home


async def test_a_clock_that_was_set_moves_the_skew_once(bench: Bench) -> None:
    await bench.poller.beat()
    version, skew = bench.poller.state.version, bench.poller.state.skew
    bench.clock.step(seconds=1.9)
    await bench.poller.beat()
    assert (bench.poller.state.version, bench.poller.state.skew) == (version, skew), "a drift is no step"
    bench.clock.step(hours=1)
    await bench.poller.beat()
    moved = bench.poller.state.skew - skew
    assert abs(moved + timedelta(hours=1)) < timedelta(seconds=3) and bench.poller.state.version == version + 1
    await bench.poller.beat()
    assert bench.poller.state.version == version + 1


async def test_the_store_s_trouble_is_a_sentence_and_what_is_broken_begins_anew(bench: Bench) -> None:
    await bench.poller.beat()
    busy, torn = sqlite3.OperationalError("database is locked"), sqlite3.DatabaseError("malformed")
    busy.sqlite_errorcode, torn.sqlite_errorcode = sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CORRUPT
    bench.poller._sqlite_trouble(busy)
    assert (
        bench.poller.state.notice == "The store cannot be used just now (database is locked). The last reading stays."
    )
    assert store_error(busy).sentence == "The store cannot be used just now (database is locked)."
    assert store_error(busy).hint == "The last reading stays."
    await bench.poller.beat()
    assert bench.poller.state.notice == "", "it works again"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            bench.poller._store, "begin_anew", lambda: (_ for _ in ()).throw(StoreError("It cannot.", "Hm."))
        )
        bench.poller._sqlite_trouble(torn)
        assert bench.poller.state.notice == "It cannot. Hm."
    bench.poller._sqlite_trouble(torn)
    assert "was damaged and set aside" in bench.poller.state.notice
    assert bench.poller._store.count() == 1, "what could be read is in the new one"


async def test_without_a_login_it_says_so_and_looks_again(bench: Bench, scratch_home: Path) -> None:
    file = scratch_home / "claude" / ".credentials.json"
    content = file.read_text()
    file.unlink()
    await bench.poller.beat()
    state = bench.poller.state
    assert state.trouble is not None and state.trouble.phase is Phase.SETUP
    assert state.trouble.sentence == "No Claude Code login was found." and state.trouble.hint
    assert state.next_ask is None and any("credentials" in looked.place for looked in state.looked)
    file.write_text(content)
    await bench.poller.beat()
    assert bench.poller.state.trouble is None and bench.asked == 1
    file.unlink()
    bench.clock.advance(minutes=16)
    await bench.poller.beat()
    assert bench.poller.state.trouble is not None and bench.poller.state.trouble.phase is Phase.SIGNED_OUT
    log_in(scratch_home / "claude")
    await bench.poller.beat()
    assert bench.poller.state.trouble is None and bench.asked == 2


# --- what is asked ---------------------------------------------------------------------------------------------------


async def test_a_request_that_was_not_sent_is_taken_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    source = await bench.poller._opened()

    def failing(sent: bool) -> Any:
        async def usage(_: object) -> object:
            error = MeterError("It failed.", "Do something.")
            error.sent = sent
            raise error

        return usage

    for sent, counted in ((False, 0), (True, 1)):
        monkeypatch.setattr(source, "usage", failing(sent))
        with pytest.raises(MeterError, match="It failed"):
            await bench.poller.ask("person")
        assert len(bench.store.asks_since(source.endpoint, NOON - MINUTE)) == counted
        assert not bench.poller.state.asking
        bench.clock.advance(minutes=20)


async def test_the_state_says_that_it_is_being_asked(bench: Bench) -> None:
    await bench.poller.beat()
    asking = [state.asking for state in bench.published]
    assert True in asking and asking[-1] is False


async def test_why_nothing_is_asked(bench: Bench) -> None:
    await bench.poller.beat()
    with pytest.raises(AskedTooSoonError) as just:
        await bench.poller.ask("person")
    assert just.value.why == "just asked" and just.value.until == NOON + MINUTE
    source = await bench.poller._opened()
    for number in range(120):
        bench.store.note_ask([source.endpoint], NOON + timedelta(seconds=number), NOON - MINUTE)
    bench.clock.advance(minutes=30)
    with pytest.raises(AskedTooSoonError) as spent:
        await bench.poller.ask("person")
    assert spent.value.why == "budget"
    bench.server.scenario = "rate-limited"
    bench.clock.advance(days=2)
    with pytest.raises(MeterError):
        await bench.poller.ask("person")
    bench.clock.advance(minutes=2)
    with pytest.raises(AskedTooSoonError) as waits:
        await bench.poller.ask("person")
    assert waits.value.why == "wait" and bench.asked == 2


async def test_another_process_s_request_comes_is_awaited_or_has_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench.poller.answer_to_another(NOON) == "none", "it has not looked yet"
    source = await bench.poller._opened()
    assert bench.poller.answer_to_another(NOON) == "none", "nobody has asked"
    keys = (source.endpoint,)
    bench.clock.advance(minutes=1)
    now = bench.clock.now()
    assert claim(bench.store, keys, now, bench.settings.cadence, "person", uptime=bench.clock.uptime()) is None
    assert bench.poller.answer_to_another(now) == "awaited"
    assert bench.poller.answer_to_another(now + timedelta(seconds=44)) == "awaited"
    assert bench.poller.answer_to_another(now + timedelta(seconds=45)) == "none", "whoever sent it has died"
    other = bench.another_poller()

    answer = bench.server.answer

    def slowly(path: str, headers: Any) -> Reply:
        if path == USAGE:
            bench.clock.advance(seconds=1)
        return answer(path, headers)

    monkeypatch.setattr(bench.server, "answer", slowly)
    bench.clock.advance(minutes=2)
    await other.ask("person")
    assert bench.poller.answer_to_another(now) == "came"
    assert bench.poller.state.reading is not None, "and is taken over"
    assert bench.poller.answer_to_another(bench.clock.now() + MINUTE) == "none", "that was before"
    bench.server.scenario = "server-error"
    bench.clock.advance(minutes=2)
    with pytest.raises(MeterError):
        await other.ask("person")
    assert bench.poller.answer_to_another(now) == "none", "it failed"


async def test_an_answer_is_another_s_only_where_it_came_and_nothing_is_wrong(bench: Bench) -> None:
    await bench.poller.beat()
    source = await bench.poller._opened()
    bench.clock.advance(minutes=2)
    asked, later, up = bench.clock.now(), bench.clock.now() + timedelta(seconds=2), bench.clock.uptime()

    def written(at: Any, asked_at: Any = asked, trouble: str | None = None) -> None:
        gate = Gate(set_at=at, asked_at=asked_at, trouble=trouble)
        gate.at(at, up).save(bench.store, bench.poller._keys(source))

    bench.clock.advance(seconds=2)
    written(later)
    assert bench.poller.answer_to_another(asked) == "none", "it ended, and no reading came"
    written(later, asked_at=NOON, trouble="offline\nX\n")
    assert bench.poller.answer_to_another(asked) == "none", "a reading is there, and then it failed"
    written(later, asked_at=NOON)
    assert bench.poller.answer_to_another(later) == "came", "written this very moment"


async def test_the_source_is_told_how_it_ended_and_a_clock_set_meanwhile_is_seen(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.poller.beat()
    source = await bench.poller._opened()
    told: list[object] = []
    monkeypatch.setattr(source, "failed", told.append)
    answer = bench.server.answer

    def setting_the_clock(path: str, headers: Any) -> Reply:
        bench.clock.step(hours=-2)
        return answer(path, headers)

    monkeypatch.setattr(bench.server, "answer", setting_the_clock)
    bench.server.scenario = "rate-limited"
    bench.clock.advance(minutes=20)
    with pytest.raises(MeterError) as caught:
        await bench.poller.ask("person")
    assert told == [caught.value]
    for key in bench.poller._keys(source):
        row = bench.store.gate_row(key)
        assert row is not None and int(row[5] or 0) <= micros(bench.clock.now()), "sent by now, whatever the clock says"


def test_a_wait_that_ends_this_moment_is_none() -> None:
    cadence = Cadence()

    def why(**known: Any) -> Why | None:
        held = Gate(set_at=NOON, **known).held(NOON, [], cadence, "meter")
        return None if held is None else held.why

    assert why(wait_until=NOON) is None and why(wait_until=NOON + timedelta(seconds=1)) is Why.WAIT
    assert why(asked_at=NOON - MINUTE) is None and why(asked_at=NOON) is Why.JUST_ASKED


async def test_the_account_s_own_gate_is_written_with_the_first_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = bench.server.answer

    def slowly(path: str, headers: Any) -> Reply:
        bench.clock.advance(seconds=2)
        return answer(path, headers)

    monkeypatch.setattr(bench.server, "answer", slowly)
    await bench.poller.ask("person")
    source = await bench.poller._opened()
    _, account = bench.poller._keys(source)
    row = bench.store.gate_row(account)
    assert row is not None and row[5] == micros(NOON)


async def test_everything_that_is_listened_to_is_asked_as_of_now(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(bench.poller._listening, "looked", lambda now: asked.append(now) or ())
    (Path(bench.settings.credential_dirs[0]) / ".credentials.json").unlink()
    await bench.poller.beat()
    assert asked == [NOON]


async def test_a_reading_is_live_up_to_35_minutes(bench: Bench) -> None:
    await bench.poller.beat()
    state = bench.poller.state
    assert state.phase(NOON + 35 * MINUTE) is Phase.LIVE
    assert state.phase(NOON + 35 * MINUTE + timedelta(seconds=1)) is Phase.STALE


async def test_what_counts_as_a_change_of_the_figures(bench: Bench) -> None:
    await bench.poller.beat()
    reading = bench.poller.state.reading
    assert reading is not None and _changed(None, reading) and not _changed(reading, reading)
    window = reading.windows[0].model_copy(update={"utilization": 99.0})
    moved = reading.model_copy(update={"windows": (window, *reading.windows[1:])})
    money = reading.model_copy(update={"extra_usage": None})
    assert _changed(reading, moved) and _changed(reading, money)


async def test_a_full_disk_does_not_hide_what_was_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(bench.poller._store, "save", full)
    with pytest.raises(StoreError, match="disk is full"):
        await bench.poller.ask("person")
    state: MeterState = bench.poller.state
    assert state.reading is not None and state.reading.account.email == "demo@example.com"
    assert state.skew == timedelta(0) and "disk is full" in state.notice


async def test_an_answer_is_kept_under_the_account_the_server_names(bench: Bench) -> None:
    bench.server.replies["/api/oauth/profile"] = Reply.json(
        {"account": {"email": "who@example.com"}, "organization": {"uuid": "org-who"}}
    )
    reading = await bench.poller.ask("person")
    assert reading.account.email == "who@example.com"
    (row,) = bench.store.accounts()
    assert row[0] == bench.poller.account_id and row[1]["organization_uuid"] == "org-who"
    assert bench.poller.organization == "org-who" and bench.poller.pinned is False


# --- the gate --------------------------------------------------------------------------------------------------------


async def test_a_gate_nobody_wrote_is_open_and_forgiving_takes_only_its_own_marks(bench: Bench) -> None:
    uptime = bench.clock.uptime()
    gate = refresh(bench.store, ("a", "b"), NOON, uptime)
    assert gate == Gate(set_at=NOON) or (gate.wait_until, gate.retry_at, gate.asked_at) == (None, None, None)
    assert bench.store.gate_row("a") is None, "looking writes nothing"
    marked = Gate(set_at=NOON, wait_until=NOON + MINUTE, retry_at=NOON + 2 * MINUTE, refused="f", trouble="t")
    forgiven = marked.forgiven()
    assert (forgiven.retry_at, forgiven.refused, forgiven.wait_until) == (None, None, NOON + MINUTE)


def test_an_answer_counts_how_often_nothing_changed_and_clears_every_mark() -> None:
    up = ("boot", 7)
    marked = Gate(NOON, up, NOON, NOON, failures=3, unchanged=2, asked_at=NOON, trouble="t", refused="f")
    assert marked.answered(changed=False) == Gate(NOON, up, asked_at=NOON, unchanged=3)
    assert marked.answered(changed=True) == Gate(NOON, up, asked_at=NOON)


def test_a_reset_is_asked_after_once_and_soon_after_only_while_the_ended_window_was_sent() -> None:
    def asks(seconds: float) -> list[datetime]:
        resets = [("5-hour", NOON + timedelta(seconds=seconds))]
        return [plan.at for plan in _resets(NOON, resets, Cadence(jitter=0.0))]

    assert asks(1) == [NOON + timedelta(seconds=21)]
    assert asks(0) == asks(-239) == [NOON + timedelta(seconds=75)] and asks(-240) == []


async def test_a_reading_shown_counts_one_and_is_steadied_by_its_own_account_s(bench: Bench) -> None:
    await bench.poller.beat()
    reading, version = bench.poller.state.reading, bench.poller.state.version
    assert reading is not None

    def jittered(**changes: Any) -> Any:
        windows = [
            each.model_copy(update={"resets_at": each.resets_at and each.resets_at + timedelta(seconds=1)})
            for each in reading.windows
        ]
        return reading.model_copy(update={"windows": tuple(windows), **changes})

    bench.poller._show(jittered(), timedelta(0))
    shown = bench.poller.state.reading
    assert shown is not None and [each.resets_at for each in shown.windows] == [e.resets_at for e in reading.windows]
    assert bench.poller.state.version == version + 1
    other = Account(email="other@example.com")
    bench.poller._show(jittered(account=other), timedelta(0))
    theirs = bench.poller.state.reading
    assert theirs is not None and theirs.windows[0].resets_at == jittered().windows[0].resets_at


async def test_a_clock_set_during_a_request_that_works_is_seen_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = bench.server.answer

    def setting_the_clock(path: str, headers: Any) -> Reply:
        if path == USAGE:
            bench.clock.step(hours=-2)
        return answer(path, headers)

    monkeypatch.setattr(bench.server, "answer", setting_the_clock)
    await bench.poller.ask("person")
    source = await bench.poller._opened()
    for key in bench.poller._keys(source):
        row = bench.store.gate_row(key)
        assert row is not None and int(row[5] or 0) <= micros(bench.clock.now())


async def test_a_wait_over_this_very_moment_does_not_outlive_an_answer(bench: Bench) -> None:
    await bench.poller.beat()
    source = await bench.poller._opened()
    keys, reading = bench.poller._keys(source), bench.poller.state.reading
    assert reading is not None and bench.poller.account_id is not None
    given = Answer(reading=reading, skew=None, fingerprint="f")
    for seconds, kept in ((0, None), (1, micros(NOON + timedelta(seconds=1)))):
        Gate(set_at=NOON, wait_until=NOON + timedelta(seconds=seconds)).at(NOON, bench.clock.uptime()).save(
            bench.store, keys
        )
        bench.poller._answered(keys, given, bench.poller.account_id, changed=True)
        row = bench.store.gate_row(keys[0])
        assert row is not None and row[1] == kept


async def test_a_login_in_trouble_is_looked_at_again_after_five_minutes_and_not_before(
    bench: Bench, scratch_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scratch_home / "claude" / ".credentials.json").unlink()
    await bench.poller.beat()
    source = await bench.poller._opened()
    looked: list[object] = []
    fingerprint = source.fingerprint

    def counted(now: Any) -> str:
        looked.append(now)
        return fingerprint(now)

    monkeypatch.setattr(source, "fingerprint", counted)
    for seconds, times in ((1, 0), (298, 0), (1, 1), (1, 1), (299, 2)):
        bench.clock.advance(seconds=seconds)
        await bench.poller.beat()
        assert len(looked) == times, seconds


async def test_forgiving_keeps_a_wait_s_length_where_the_clock_was_set(bench: Bench) -> None:
    source = await bench.poller._opened()
    keys, up = bench.poller._keys(source), bench.clock.uptime()
    marked = Gate(set_at=NOON, uptime=up, wait_until=NOON + 10 * MINUTE, retry_at=NOON + 5 * MINUTE)
    marked.save(bench.store, keys)
    bench.clock.step(hours=-2)
    bench.poller._forgive(source)
    row = bench.store.gate_row(keys[0])
    assert row is not None and row[2] is None and row[7] == up[0]
    assert row[1] == micros(NOON + 10 * MINUTE - timedelta(hours=2))


async def test_a_beat_that_works_takes_the_store_s_trouble_away_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: object) -> bool:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(bench.poller._listening, "beat", fails)
        await bench.poller.beat()
    assert bench.poller.state.notice == "The store cannot be used just now (disk I/O error). The last reading stays."
    bench.server.scenario = "server-error"
    await bench.poller.beat()
    assert bench.poller.state.notice == "", "the server's trouble is another matter"
    bench.poller.say("Something else.")
    await bench.poller.beat()
    assert bench.poller.state.notice == "Something else."


def test_when_every_window_was_last_known() -> None:
    def reading(*observed: Any, whole_at: Any = NOON, money: bool = False) -> Reading:
        windows = [
            Window(key=f"w{number}", label="w", group="other", utilization=1, observed_at=at)
            for number, at in enumerate(observed)
        ]
        extra = ExtraUsage(enabled=True) if money else None
        return Reading(observed_at=NOON, source="x", windows=tuple(windows), extra_usage=extra, whole_at=whole_at)

    hour = timedelta(hours=1)
    assert _whole_at(reading(NOON, whole_at=None)) is None
    assert _whole_at(reading()) == NOON and _whole_at(reading(NOON + hour, money=True)) == NOON
    assert _whole_at(reading(NOON + hour, NOON + 2 * hour)) == NOON + hour
    assert _whole_at(reading(NOON + hour, None)) == NOON
    assert _whole_at(reading(NOON + 9 * hour)) == NOON + 4 * hour
    assert _whole_at(reading(NOON - hour)) == NOON - hour
