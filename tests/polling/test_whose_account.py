"""Which accounts there are to look at, which of them a person means, and whose a replaced store's readings are."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from conftest import NOON, Bench, log_in, payload

from claude_meter_tui.analysis.background import Analyst
from claude_meter_tui.analysis.local_side import LocalSide
from claude_meter_tui.analysis.outlook import Outlook
from claude_meter_tui.domain.errors import BadUsageError, StoreError
from claude_meter_tui.domain.identity import HEARD_OF_FOR, MOST_HEARD_OF, token_key
from claude_meter_tui.domain.windows import Account
from claude_meter_tui.polling import accounts as polled_accounts
from claude_meter_tui.polling import poller as poller_module
from claude_meter_tui.polling.accounts import PolledAccount, PolledAccounts
from claude_meter_tui.polling.chosen_account import chosen_account, profile_of
from claude_meter_tui.polling.gate import Gate
from claude_meter_tui.polling.known_accounts import KnownAccounts
from claude_meter_tui.polling.login import LoginAccount, document_of
from claude_meter_tui.polling.noticing import store_error
from claude_meter_tui.polling.state import MeterState
from claude_meter_tui.settings import settings
from claude_meter_tui.settings.settings import Settings
from claude_meter_tui.sources.browser.session import BrowserSource
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.store.store import Store

HOME = Account(email="home@example.com", organization_uuid="org-home", plan="Pro")
WORK = Account(email="work@example.com", organization_uuid="org-work", plan="Max 5x")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "s" / "meter.sqlite3")) as opened:
        yield opened


def read(store: Store, account: Account, ago: timedelta = timedelta(minutes=10)) -> int:
    body = payload("max-named-windows.json")
    store.save(read_usage(body, observed_at=NOON - ago, source="bridge", account=account).document())
    return store.account_id(document_of(account))


def remove(file: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(file + suffix).unlink(missing_ok=True)


def named(folder: Path, account: Account) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    login = {"emailAddress": account.email, "organizationUuid": account.organization_uuid}
    (folder / ".claude.json").write_text(json.dumps({"oauthAccount": login}))


# --- which account a person means --------------------------------------------------------------------------------


def test_without_a_name_it_is_the_one_shown_last(store: Store) -> None:
    assert chosen_account(store, None) is None
    read(store, HOME)
    work = read(store, WORK)
    store.put_note("account", str(work))
    assert chosen_account(store, None) == work == chosen_account(store, "work@") == chosen_account(store, "org-w")


def test_a_name_that_is_nobodys_or_several_is_said_with_those_known(store: Store) -> None:
    def said(wanted: str) -> tuple[str, str]:
        with pytest.raises(BadUsageError) as caught:
            chosen_account(store, wanted)
        return caught.value.sentence, caught.value.hint

    assert said("home") == ("'home' is no account with readings.", "Known: none yet.")
    read(store, HOME)
    read(store, WORK, timedelta(minutes=11))
    assert said("o") == ("'o' means several accounts.", "Known: home@example.com, work@example.com.")
    assert said("x") == ("'x' is no account with readings.", "Known: home@example.com, work@example.com.")
    # Of one email in two organizations the email says nothing; of an organization alone there is no email.
    read(store, Account(email="work@example.com", organization_uuid="org-second"), timedelta(minutes=12))
    read(store, Account(organization_uuid="org-third"), timedelta(minutes=13))
    assert said("x")[1] == "Known: home@example.com, org-work, org-second, org-third."
    assert said("work@example.com")[0] == "'work@example.com' means several accounts."
    read(store, Account(email="work@example.com"), timedelta(minutes=14))
    read(store, Account(), timedelta(minutes=15))
    assert said("x")[1] == "Known: home@example.com, org-work, org-second, org-third, work@example.com."


def test_an_account_s_own_folder_is_found_by_its_organization_else_by_its_email(scratch_home: Path) -> None:
    folders = [scratch_home / "one", scratch_home / "two"]
    env = {"HOME": str(scratch_home), "CLAUDE_CONFIG_DIR": ",".join(map(str, folders))}
    only = {**env, "CLAUDE_CONFIG_DIR": str(folders[0])}
    named(folders[0], HOME)
    assert profile_of(only, HOME) is only and profile_of(only, WORK) is only

    def folder_of(account: Account) -> str:
        return profile_of(env, account)["CLAUDE_CONFIG_DIR"]

    assert folder_of(HOME) == str(folders[0]) and profile_of(env, HOME)["HOME"] == str(scratch_home)
    assert profile_of(env, WORK) is env
    named(folders[1], Account(email=HOME.email, organization_uuid="org-second"))
    assert folder_of(Account(email=HOME.email, organization_uuid="org-second")) == str(folders[1])
    assert profile_of(env, Account(email=HOME.email, organization_uuid="org-third")) is env
    assert folder_of(Account(organization_uuid="org-second")) == str(folders[1])
    assert folder_of(Account(email=HOME.email)) == str(folders[0])
    named(folders[0], Account(email=HOME.email))  # an older file names no organization
    assert folder_of(HOME) == str(folders[0])
    named(folders[0], Account(organization_uuid="org-home"))
    named(folders[1], Account(organization_uuid="org-second"))
    assert profile_of(env, Account()) is env and profile_of(env, Account(email=HOME.email)) is env


# --- the accounts on the dashboard -------------------------------------------------------------------------------


def known(bench: Bench, configured: Settings | None = None) -> KnownAccounts:
    return KnownAccounts(configured or bench.settings, os.environ, bench.store, bench.clock)


@pytest.fixture
def two(bench: Bench, scratch_home: Path) -> Settings:
    """Two folders of Claude Code, each somebody's login."""
    for name, account in (("home", HOME), ("work", WORK)):
        log_in(scratch_home / name, accessToken=f"sk-ant-oat01-{name}")
        named(scratch_home / name, account)
    folders = f"{scratch_home / 'home'},{scratch_home / 'work'}"
    return settings.load({**os.environ, "CLAUDE_CONFIG_DIR": folders, "CLAUDE_METER_API_URL": bench.server.url})


def rows(accounts: list[PolledAccount]) -> list[int | None]:
    return [polled.poller.account_id for polled in accounts]


def test_a_single_login_that_was_never_read_shows_the_one_account_there_is_and_of_two_both(bench: Bench) -> None:
    assert rows(known(bench).first(None)) == [None]
    home = read(bench.store, HOME)
    assert rows(known(bench).first(None)) == [None], "it may be its"
    assert known(bench).first(None)[0].poller.state.reading is not None
    work = read(bench.store, WORK, timedelta(minutes=11))
    assert rows(known(bench).first(None)) == [None, home, work]
    assert rows(known(bench).first("work")) == [work, None, home]
    assert rows(known(bench, bench.settings._replace(demo=True)).first(None)) == [None]


def test_those_heard_of_are_named_lately_heard_of_and_few(bench: Bench) -> None:
    old = read(bench.store, HOME, HEARD_OF_FOR)
    recent = read(bench.store, WORK, HEARD_OF_FOR - timedelta(seconds=1))
    read(bench.store, Account())
    by_organization = read(bench.store, Account(organization_uuid="org-only"))
    by_email = read(bench.store, Account(email="only@example.com"))
    shown = rows(known(bench).first(None))
    assert shown[0] is None and sorted(filter(None, shown)) == sorted((recent, by_organization, by_email))
    assert rows(known(bench).first("home@example.com"))[0] == old, "the one asked for, however old"
    for number in range(MOST_HEARD_OF + 3):
        read(bench.store, Account(email=f"{number}@example.com"), timedelta(minutes=1))
    assert len(known(bench).first(None)) == 1 + MOST_HEARD_OF


def test_one_heard_of_is_pinned_asks_nobody_and_has_no_transcripts_here(bench: Bench) -> None:
    bench.store.put_note("account", str(read(bench.store, HOME)))
    work = read(bench.store, WORK)
    own, heard = known(bench).first(None)
    assert not own.poller.pinned and own.poller.account_id != work
    assert heard.poller.pinned and heard.poller.account_id == work and heard.open_local is None
    assert heard.poller._cadence is bench.settings.cadence and heard.poller._store is bench.store
    assert heard.poller._clock is bench.clock and heard.poller.state.reading is not None
    asyncio.run(heard.poller.beat())
    assert bench.server.requests == [] and heard.poller.state.plan is None
    assert heard.open_analyst is not None
    analyst = heard.open_analyst()
    assert isinstance(analyst, Analyst) and (analyst._store, analyst._roots) == (bench.store, ())


def test_each_profile_has_its_own_transcripts_cadence_note_and_account(bench: Bench, two: Settings) -> None:
    home, work = read(bench.store, HOME), read(bench.store, WORK)
    slow = two._replace(cadence=two.cadence._replace(base=timedelta(hours=1)))
    made = known(bench, slow).first("work")
    assert rows(made) == [work, home]
    for polled, folder in zip(made, reversed(two.credential_dirs), strict=True):
        poller = polled.poller
        assert not poller.pinned and poller._cadence.base == timedelta(hours=1) and poller._store is bench.store
        assert poller._clock is bench.clock and not poller.state.demo and poller._waits_for_store
        assert poller._login_account._note == f"account {folder}"
        listened_to = poller._listening._open
        assert isinstance(listened_to, partial) and listened_to.args[1] is os.environ
        assert listened_to.args[0].credential_dirs == (folder,)
        assert polled.open_local is not None and polled.open_analyst is not None
        side, analyst = polled.open_local(), polled.open_analyst()
        assert isinstance(side, LocalSide) and isinstance(analyst, Analyst)
        assert side._store_file == bench.store.path and analyst._store is bench.store
        assert tuple(side._roots) == tuple(analyst._roots) == (str(folder),)
    (alone,) = known(bench, two.profiles()[0]._replace(demo=True)).first(None)
    assert alone.poller._login_account._note == "account" and alone.poller.state.demo


def test_a_profile_s_account_is_that_of_its_file_where_that_is_clear(bench: Bench, two: Settings) -> None:
    home = read(bench.store, HOME)
    assert set(rows(known(bench, two).first(None))) == {home, None}
    named(two.credential_dirs[0], Account(email=HOME.email))
    assert set(rows(known(bench, two).first(None))) == {home, None}
    second = read(bench.store, Account(email=HOME.email, organization_uuid="org-second"))
    named(two.credential_dirs[0], Account(email=HOME.email))  # an email of two accounts tells nothing
    assert set(rows(known(bench, two).first(None))) == {None, home, second}
    assert rows(known(bench, two).first(None)).count(None) == 2
    (two.credential_dirs[0] / ".claude.json").unlink()
    assert rows(known(bench, two).first(None)).count(None) == 2


async def test_each_profile_listens_to_its_own_folder(bench: Bench, two: Settings) -> None:
    bench.server.replies["/api/oauth/profile"] = bench.server.answer("/none", {})
    made = known(bench, two).first(None)
    for polled in made:
        await polled.poller.beat()
    owners = [polled.poller._login_account._owner for polled in made]
    assert {owner.email for owner in owners if owner is not None} == {HOME.email, WORK.email}


def test_the_organizations_of_a_session_are_accounts_and_further_ones_are_taken_in(bench: Bench) -> None:
    browser = bench.settings._replace(source="browser")
    home = read(bench.store, HOME)
    bench.store.put_note("organizations", "org-home org-work")
    accounts = known(bench, browser)
    made = accounts.first(None)
    assert rows(made) == [home, None] or rows(made) == [None, home]
    assert {polled.poller._login_account._note for polled in made} == {"account org-home", "account org-work"}
    assert {polled.poller.organization for polled in made} == {"org-home", None}
    bench.store.put_note("organizations", "org-home org-work org-third")
    assert accounts.renewed(made) == made, "of one it is not known yet"
    unknown = next(polled for polled in made if polled.poller.account_id is None)
    unknown.poller._login_account.account_id = read(bench.store, WORK)
    unknown.poller._load_reading()
    again = accounts.renewed(made)
    assert again[:2] == made and len(again) == 3 and again[2].poller._login_account._note == "account org-third"
    for polled, uuid in zip(made, ("org-home", "org-work"), strict=True):
        source = polled.poller._open_source()
        assert isinstance(source, BrowserSource) and source._wanted == uuid and source._env is os.environ
    assert accounts.renewed(again) == again, "it is not made twice"
    bench.store.put_note("organizations", "org-home org-new")
    assert len(known(bench, browser).renewed(made)) == 3


def test_a_session_in_a_single_organization_is_one_login(bench: Bench) -> None:
    browser = bench.settings._replace(source="browser")
    bench.store.put_note("organizations", "org-home")
    bench.store.put_note("account", str(read(bench.store, WORK)))
    (made,) = known(bench, browser).first(None)
    assert made.poller._login_account._note == "account" and made.poller.organization == "org-work"
    assert known(bench, browser).renewed([made]) == [made]


def test_an_account_heard_of_gives_way_to_the_login_that_turns_out_to_be_its(bench: Bench) -> None:
    home, work = read(bench.store, HOME), read(bench.store, WORK)
    bench.store.put_note("account", str(home))
    accounts = known(bench)
    made = accounts.first(None)
    assert rows(made) == [home, work] and accounts.renewed(made) == made
    made[0].poller._login_account.account_id = work
    renewed = accounts.renewed(made)
    assert renewed[0] is made[0] and rows(renewed) == [work, home] and renewed[1].poller.pinned
    third = read(bench.store, Account(email="third@example.com"))
    assert rows(accounts.renewed(renewed)) == [work, home, third]
    bench.store.close()
    assert accounts.renewed(made) == [made[0]], "what cannot be read is looked at again"


# --- keeping them -------------------------------------------------------------------------------------------------


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


# --- a store that was replaced ------------------------------------------------------------------------------------


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
    remove(bench.store.path)
    with Store.open(bench.store.path) as fresh:  # somebody else's is in there first
        work = read(fresh, WORK)
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
    remove(bench.store.path)
    await bench.poller.beat()
    with Store.open(bench.store.path) as fresh:
        assert fresh.count() == 0 and fresh.accounts() == []
    assert bench.poller.state.reading is None and bench.asked == 1
    assert "deleted or replaced" in bench.poller.state.notice


async def test_what_stood_in_for_a_reading_at_the_start_is_not_carried_over(bench: Bench) -> None:
    bench.store.put_note("account", str(read(bench.store, WORK)))
    poller = bench.another_poller()
    assert poller.state.reading is not None
    remove(bench.store.path)
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
    remove(bench.store.path)
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
    remove(bench.store.path)
    os.replace(kept, bench.store.path)
    bench.clock.advance(seconds=2)
    await bench.poller.beat()
    assert bench.poller._gate.wait_until == now + timedelta(hours=4) and bench.asked == 1


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
    bench.store.put_note("account", str(read(bench.store, WORK, timedelta(days=-1))))
    ahead = bench.another_poller().state.reading
    assert ahead is None or ahead.observed_at <= NOON, "what is dated after now is no reading of now"
    bench.store.put_note("account", "")
    assert bench.another_poller().state.reading == ahead
    bench.clock.step(hours=-3)
    assert bench.another_poller().state.skew == timedelta(hours=3)
    bench.close()
    bench.stores.clear()
    bench.store.close()
    remove(bench.store.path)
    Path(bench.store.path).write_bytes(b"no database" * 500)
    poller = bench.another_poller()
    assert poller.state.notice == poller._store.notice() != ""
