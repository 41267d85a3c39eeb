"""Which accounts there are to look at, and which of them a person means."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from conftest import HOME, WORK, Bench, log_in, named, save_reading

from claude_meter_tui.analysis.background import Analyst
from claude_meter_tui.analysis.local_side import LocalSide
from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.identity import HEARD_OF_FOR, MOST_HEARD_OF
from claude_meter_tui.domain.windows import Account
from claude_meter_tui.polling.accounts import PolledAccount
from claude_meter_tui.polling.chosen_account import chosen_account, profile_of
from claude_meter_tui.polling.known_accounts import KnownAccounts
from claude_meter_tui.settings import settings
from claude_meter_tui.settings.settings import Settings
from claude_meter_tui.sources.browser.session import BrowserSource
from claude_meter_tui.store.store import Store


def login_of(folder: Path, account: Account) -> None:
    named(folder, account.email, account.organization_uuid)


# --- which account a person means --------------------------------------------------------------------------------


def test_without_a_name_it_is_the_one_shown_last(store: Store) -> None:
    assert chosen_account(store, None) is None
    save_reading(store, HOME)
    work = save_reading(store, WORK)
    store.put_note("account", str(work))
    assert chosen_account(store, None) == work == chosen_account(store, "work@") == chosen_account(store, "org-w")


def test_a_name_that_is_nobodys_or_several_is_said_with_those_known(store: Store) -> None:
    def said(wanted: str) -> tuple[str, str]:
        with pytest.raises(BadUsageError) as caught:
            chosen_account(store, wanted)
        return caught.value.sentence, caught.value.hint

    assert said("home") == ("'home' is no account with readings.", "Known: none yet.")
    save_reading(store, HOME)
    save_reading(store, WORK, timedelta(minutes=11))
    assert said("o") == ("'o' means several accounts.", "Known: home@example.com, work@example.com.")
    assert said("x") == ("'x' is no account with readings.", "Known: home@example.com, work@example.com.")
    # Of one email in two organizations the email says nothing; of an organization alone there is no email.
    save_reading(store, Account(email="work@example.com", organization_uuid="org-second"), timedelta(minutes=12))
    save_reading(store, Account(organization_uuid="org-third"), timedelta(minutes=13))
    assert said("x")[1] == "Known: home@example.com, org-work, org-second, org-third."
    assert said("work@example.com")[0] == "'work@example.com' means several accounts."
    save_reading(store, Account(email="work@example.com"), timedelta(minutes=14))
    save_reading(store, Account(), timedelta(minutes=15))
    assert said("x")[1] == "Known: home@example.com, org-work, org-second, org-third, work@example.com."


def test_an_account_s_own_folder_is_found_by_its_organization_else_by_its_email(scratch_home: Path) -> None:
    folders = [scratch_home / "one", scratch_home / "two"]
    env = {"HOME": str(scratch_home), "CLAUDE_CONFIG_DIR": ",".join(map(str, folders))}
    only = {**env, "CLAUDE_CONFIG_DIR": str(folders[0])}
    login_of(folders[0], HOME)
    assert profile_of(only, HOME) is only and profile_of(only, WORK) is only

    def folder_of(account: Account) -> str:
        return profile_of(env, account)["CLAUDE_CONFIG_DIR"]

    assert folder_of(HOME) == str(folders[0]) and profile_of(env, HOME)["HOME"] == str(scratch_home)
    assert profile_of(env, WORK) is env
    login_of(folders[1], Account(email=HOME.email, organization_uuid="org-second"))
    assert folder_of(Account(email=HOME.email, organization_uuid="org-second")) == str(folders[1])
    assert profile_of(env, Account(email=HOME.email, organization_uuid="org-third")) is env
    assert folder_of(Account(organization_uuid="org-second")) == str(folders[1])
    assert folder_of(Account(email=HOME.email)) == str(folders[0])
    login_of(folders[0], Account(email=HOME.email))  # an older file names no organization
    assert folder_of(HOME) == str(folders[0])
    login_of(folders[0], Account(organization_uuid="org-home"))
    login_of(folders[1], Account(organization_uuid="org-second"))
    assert profile_of(env, Account()) is env and profile_of(env, Account(email=HOME.email)) is env


# --- the accounts on the dashboard -------------------------------------------------------------------------------


def known(bench: Bench, configured: Settings | None = None) -> KnownAccounts:
    return KnownAccounts(configured or bench.settings, os.environ, bench.store, bench.clock)


@pytest.fixture
def two(bench: Bench, scratch_home: Path) -> Settings:
    """Two folders of Claude Code, each somebody's login."""
    for name, account in (("home", HOME), ("work", WORK)):
        log_in(scratch_home / name, accessToken=f"sk-ant-oat01-{name}")
        login_of(scratch_home / name, account)
    folders = f"{scratch_home / 'home'},{scratch_home / 'work'}"
    return settings.load({**os.environ, "CLAUDE_CONFIG_DIR": folders, "CLAUDE_METER_API_URL": bench.server.url})


def rows(accounts: list[PolledAccount]) -> list[int | None]:
    return [polled.poller.account_id for polled in accounts]


def test_a_single_login_that_was_never_read_shows_the_one_account_there_is_and_of_two_both(bench: Bench) -> None:
    assert rows(known(bench).first(None)) == [None]
    home = save_reading(bench.store, HOME)
    assert rows(known(bench).first(None)) == [None], "it may be its"
    assert known(bench).first(None)[0].poller.state.reading is not None
    work = save_reading(bench.store, WORK, timedelta(minutes=11))
    assert rows(known(bench).first(None)) == [None, home, work]
    assert rows(known(bench).first("work")) == [work, None, home]
    assert rows(known(bench, bench.settings._replace(demo=True)).first(None)) == [None]


def test_those_heard_of_are_named_lately_heard_of_and_few(bench: Bench) -> None:
    old = save_reading(bench.store, HOME, HEARD_OF_FOR)
    recent = save_reading(bench.store, WORK, HEARD_OF_FOR - timedelta(seconds=1))
    save_reading(bench.store, Account())
    by_organization = save_reading(bench.store, Account(organization_uuid="org-only"))
    by_email = save_reading(bench.store, Account(email="only@example.com"))
    shown = rows(known(bench).first(None))
    assert shown[0] is None and sorted(filter(None, shown)) == sorted((recent, by_organization, by_email))
    assert rows(known(bench).first("home@example.com"))[0] == old, "the one asked for, however old"
    for number in range(MOST_HEARD_OF + 3):
        save_reading(bench.store, Account(email=f"{number}@example.com"), timedelta(minutes=1))
    assert len(known(bench).first(None)) == 1 + MOST_HEARD_OF


def test_one_heard_of_is_pinned_asks_nobody_and_has_no_transcripts_here(bench: Bench) -> None:
    bench.store.put_note("account", str(save_reading(bench.store, HOME)))
    work = save_reading(bench.store, WORK)
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
    home, work = save_reading(bench.store, HOME), save_reading(bench.store, WORK)
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
    home = save_reading(bench.store, HOME)
    assert set(rows(known(bench, two).first(None))) == {home, None}
    login_of(two.credential_dirs[0], Account(email=HOME.email))
    assert set(rows(known(bench, two).first(None))) == {home, None}
    second = save_reading(bench.store, Account(email=HOME.email, organization_uuid="org-second"))
    login_of(two.credential_dirs[0], Account(email=HOME.email))  # an email of two accounts tells nothing
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
    home = save_reading(bench.store, HOME)
    bench.store.put_note("organizations", "org-home org-work")
    accounts = known(bench, browser)
    made = accounts.first(None)
    assert rows(made) == [home, None] or rows(made) == [None, home]
    assert {polled.poller._login_account._note for polled in made} == {"account org-home", "account org-work"}
    assert {polled.poller.organization for polled in made} == {"org-home", None}
    bench.store.put_note("organizations", "org-home org-work org-third")
    assert accounts.renewed(made) == made, "of one it is not known yet"
    unknown = next(polled for polled in made if polled.poller.account_id is None)
    unknown.poller._login_account.account_id = save_reading(bench.store, WORK)
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
    bench.store.put_note("account", str(save_reading(bench.store, WORK)))
    (made,) = known(bench, browser).first(None)
    assert made.poller._login_account._note == "account" and made.poller.organization == "org-work"
    assert known(bench, browser).renewed([made]) == [made]


def test_an_account_heard_of_gives_way_to_the_login_that_turns_out_to_be_its(bench: Bench) -> None:
    home, work = save_reading(bench.store, HOME), save_reading(bench.store, WORK)
    bench.store.put_note("account", str(home))
    accounts = known(bench)
    made = accounts.first(None)
    assert rows(made) == [home, work] and accounts.renewed(made) == made
    made[0].poller._login_account.account_id = work
    renewed = accounts.renewed(made)
    assert renewed[0] is made[0] and rows(renewed) == [work, home] and renewed[1].poller.pinned
    third = save_reading(bench.store, Account(email="third@example.com"))
    assert rows(accounts.renewed(renewed)) == [work, home, third]
    bench.store.close()
    assert accounts.renewed(made) == [made[0]], "what cannot be read is looked at again"
