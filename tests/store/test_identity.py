"""Whose a reading is: one rule, and no account's figures under another's name."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON, Bench, log_in, payload, run_script

from claude_meter_tui.demo.server import DemoServer, Reply
from claude_meter_tui.domain import identity
from claude_meter_tui.domain.plain_reading import AccountDocument
from claude_meter_tui.domain.secret import fingerprint
from claude_meter_tui.domain.windows import Account
from claude_meter_tui.settings import settings
from claude_meter_tui.sources.claude_code import credentials
from claude_meter_tui.sources.claude_code.credentials import CredentialFinder, keychain_services
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.store import account_identity
from claude_meter_tui.store.store import Store
from claude_meter_tui.system.clock import SystemClock
from claude_meter_tui.system.paths import login_places

USAGE, PROFILE = "/api/oauth/usage", "/api/oauth/profile"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "s" / "meter.sqlite3")) as opened:
        yield opened


def who(email: str | None = None, organization: str | None = None, plan: str | None = None) -> AccountDocument:
    return {"email": email, "organization_uuid": organization, "plan": plan}


def count(store: Store) -> int:
    return int(store.connection.execute("SELECT count(*) FROM accounts").fetchone()[0])


# --- the rule ------------------------------------------------------------------------------------------------------


def test_an_email_and_later_its_organization_are_one_account(store: Store) -> None:
    first = store.account_id(who("a@example.com"))
    assert store.account_id(who("a@example.com", "org-1")) == first
    assert store.account_id(who("a@example.com")) == first and store.account_id(who(None, "org-1")) == first
    assert count(store) == 1


def test_an_organization_and_an_email_met_apart_become_one_when_both_are_said(store: Store) -> None:
    alone, organization = store.account_id(who("a@example.com")), store.account_id(who(None, "org-1"))
    store.save(read_usage(payload("pro-two-windows.json"), observed_at=NOON, source="oauth").document(), alone)
    store.put_note("account", str(alone))
    assert store.account_id(who("a@example.com", "org-1")) == organization and count(store) == 1
    assert store.newest(account_id=organization) is not None and store.noted_account() == organization


def test_one_email_s_organizations_stay_apart_and_the_email_alone_is_none_of_them(store: Store) -> None:
    one, two = store.account_id(who("a@example.com", "org-1")), store.account_id(who("a@example.com", "org-2"))
    alone = store.account_id(who("a@example.com"))
    assert len({one, two, alone}) == 3
    assert store.account_id(who("a@example.com", "org-1")) == one and store.account_id(who("a@example.com")) == alone


def test_nameless_ones_are_apart_by_what_sets_them_apart(store: Store) -> None:
    rows = [store.account_id(who(), key) for key in ("token a", "token b", "folder /x", None, "token a")]
    assert len(set(rows)) == 4 and rows[0] == rows[4]


def test_a_token_s_nameless_account_becomes_the_one_the_server_says(store: Store) -> None:
    nameless = store.account_id(who(), identity.token_key("f1"))
    store.save(read_usage(payload("pro-two-windows.json"), observed_at=NOON, source="oauth").document(), nameless)
    owner = store.remember_account("f1", who("a@example.com", "org-1"), NOON)
    assert store.newest(account_id=owner) is not None and store.account_of("f1") == owner and count(store) == 1


def test_a_plan_that_a_token_names_anew_is_the_account_s(store: Store) -> None:
    owner = store.remember_account("f1", who("a@example.com", "org-1", "Max 5x"), NOON, "Max 5x")
    store.notice_plan("f1", "Max 5x")
    assert store.account(owner)["plan"] == "Max 5x"
    store.notice_plan("f1", "Max 20x")
    assert store.account(owner)["plan"] == "Max 20x"


def test_what_one_account_had_is_the_other_s_and_nothing_is_doubled(store: Store) -> None:
    kept, gone = store.account_id(who("a@example.com", "org-1")), store.account_id(who(), "token f1")
    both = read_usage(payload("pro-two-windows.json"), observed_at=NOON, source="oauth").document()
    later = read_usage(
        payload("pro-two-windows.json"), observed_at=NOON + timedelta(hours=1), source="oauth"
    ).document()
    store.save(both, kept), store.save(both, gone), store.save(later, gone)
    store.remember_account("f2", who(), NOON)
    store.connection.execute("UPDATE credentials SET account_id = ?", (gone,))
    for name in ("account", "shown", "account /x", "theme"):
        store.put_note(name, str(gone))
    store.put_note("whose /x", f"stamp {gone}")
    with store.transaction():
        account_identity.absorb(store.connection, kept, kept)
        account_identity.absorb(store.connection, gone, kept)
    rows = store.connection.execute("SELECT account_id, count(*) FROM readings GROUP BY 1").fetchall()
    assert rows == [(kept, 2)] and store.account_of("f2") == kept
    notes = {name: store.note(name) for name in ("account", "shown", "account /x", "theme", "whose /x")}
    assert notes == {
        "account": str(kept), "shown": str(kept), "account /x": str(kept), "theme": str(gone), "whose /x": None
    }  # fmt: skip
    with pytest.raises(KeyError):
        store.account(gone)


def test_completing_an_account_keeps_what_is_not_said(store: Store) -> None:
    row = store.account_id(who("a@example.com", "org-1", "Max 5x"))
    assert store.account_id(who(None, "org-1")) == row
    assert store.account(row) == who("a@example.com", "org-1", "Max 5x")
    assert store.account_id(who("new@example.com", "org-1", "Max 20x")) == row
    assert store.account(row) == who("new@example.com", "org-1", "Max 20x")


def test_a_credential_is_asked_about_again_only_after_a_while(store: Store) -> None:
    assert store.account_of("f") is None and not store.asked_whose("f", NOON)
    store.remember_account("f", who("a@example.com"), NOON)
    assert store.asked_whose("f", NOON) and not store.asked_whose("f", NOON + timedelta(seconds=1))
    store.remember_account("f", who("b@example.com"), NOON + timedelta(hours=1))
    assert store.account(store.account_of("f") or 0)["email"] == "b@example.com"
    assert store.asked_whose("f", NOON + timedelta(hours=1))


def test_two_credentials_nobody_may_name_are_two_accounts(store: Store) -> None:
    one, two = store.remember_account("f1", who(), NOON), store.remember_account("f2", who(), NOON)
    assert one != two and store.account_id(who(), identity.token_key("f1")) == one


def test_a_plan_not_named_before_or_now_is_no_news(store: Store) -> None:
    owner = store.remember_account("f", who("a@example.com", None, "Pro"), NOON, None)
    for named in ("Max", None, "Max"):
        store.notice_plan("f", named)
    assert store.account(owner)["plan"] == "Pro"
    store.notice_plan("unknown", "Max")
    store.notice_plan("f", "Max 20x")
    assert store.account(owner)["plan"] == "Max 20x"


def test_the_very_same_observation_of_another_account_is_told(store: Store) -> None:
    mine, other = store.account_id(who("a@example.com")), store.account_id(who("b@example.com"))
    cached = read_usage(payload("pro-two-windows.json"), observed_at=NOON, source="cache").document()
    store.save(cached, other)
    assert store.is_anothers(mine, cached) and not store.is_anothers(other, cached)
    assert not store.is_anothers(mine, {**cached, "source": "oauth"})
    assert not store.is_anothers(mine, {**cached, "observed_at": "2026-11-26T12:00:01Z"})


def test_a_few_dozen_are_heard_of_by_one_source_within_its_time(store: Store) -> None:
    for number in range(identity.MOST_HEARD_OF):
        reading = read_usage(payload("pro-two-windows.json"), observed_at=NOON, source="bridge").document()
        store.save(reading, store.account_id(who(f"{number}@example.com", f"org-{number}")))
    new, known = who("new@example.com", "org-new"), who("0@example.com")
    assert store.too_many_heard_of(new, "bridge", NOON)
    assert store.too_many_heard_of(who("new@example.com"), "bridge", NOON)
    assert not store.too_many_heard_of(new, "bridge", NOON + timedelta(seconds=1))
    assert not store.too_many_heard_of(new, "cache", NOON)
    assert not store.too_many_heard_of(known, "bridge", NOON)
    assert not store.too_many_heard_of(who(None, "org-1"), "bridge", NOON)


# --- as it happens -------------------------------------------------------------------------------------------------


@pytest.fixture
def live(scratch_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    with DemoServer(clock=SystemClock()) as server:
        monkeypatch.setenv("CLAUDE_METER_API_URL", server.url)
        yield server


def accounts(home: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(home / "state" / "meter.sqlite3") as store:
        rows = store.execute(
            "SELECT a.email, a.organization_uuid, r.source, w.utilization FROM readings r JOIN accounts a"
            " ON a.id = r.account_id JOIN windows w ON w.reading_id = r.id WHERE w.key = 'five_hour' ORDER BY r.id"
        ).fetchall()
    store.close()
    return rows


def body(utilization: float, hours: float = 3) -> dict[str, Any]:
    resets = datetime.now(UTC) + timedelta(hours=hours)
    return {"five_hour": {"utilization": utilization, "resets_at": resets.isoformat()}}


def test_two_tokens_whose_profile_is_refused_are_two_accounts(live: DemoServer, scratch_home: Path) -> None:
    live.replies[PROFILE] = Reply.json({}, 403)
    for number, used in ((1, 3.0), (2, 88.0)):
        live.replies[USAGE] = Reply.json(body(used))
        run_script("once", env={"CLAUDE_CODE_OAUTH_TOKEN": f"sk-ant-oat01-dummy-{number}"})
    with sqlite3.connect(scratch_home / "state" / "meter.sqlite3") as store:
        assert store.execute("SELECT count(DISTINCT account_id) FROM readings").fetchone()[0] == 2
    store.close()


def line(used: float) -> str:
    limits = {"five_hour": {"used_percentage": used, "resets_at": int((datetime.now(UTC)).timestamp()) + 9000}}
    return json.dumps({"session_id": "s", "cost": {"total_cost_usd": used}, "rate_limits": limits})


def test_the_status_line_under_a_token_is_the_token_s(live: DemoServer, scratch_home: Path) -> None:
    folder = scratch_home / "claude"
    folder.mkdir()
    (folder / ".claude.json").write_text(json.dumps({"oauthAccount": {"emailAddress": "other@example.com"}}))
    token = {"CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-dummy-env"}
    live.replies[USAGE] = Reply.json(body(10))
    run_script("once", env=token)
    run_script("statusline", input=line(12), env=token)
    assert {row[0] for row in accounts(scratch_home)} == {"demo@example.com"}
    run_script("statusline", input=line(13))
    assert accounts(scratch_home)[-1][0] == "other@example.com"


def test_a_folder_that_names_no_login_is_nobody_s_but_its_own(live: DemoServer, scratch_home: Path) -> None:
    log_in(scratch_home / "one")
    two = scratch_home / "two"
    two.mkdir()
    cached = {"fetchedAtMs": int(datetime.now(UTC).timestamp() * 1000), "utilization": body(88)}
    (two / ".claude.json").write_text(json.dumps({"cachedUsageUtilization": cached}))
    live.replies[USAGE] = Reply.json(body(3))
    env = {"CLAUDE_CONFIG_DIR": f"{scratch_home / 'one'},{two}"}
    done = run_script("once", "--json", env=env)
    assert json.loads(done.stdout)["windows"][0]["utilization"] == 3
    assert {(row[0], row[3]) for row in accounts(scratch_home)} == {("demo@example.com", 3.0), (None, 88.0)}


def test_a_former_login_s_cache_does_not_become_the_next_one_s(scratch_home: Path) -> None:
    folder = scratch_home / "claude"
    folder.mkdir()
    cached = {"fetchedAtMs": int(datetime.now(UTC).timestamp() * 1000), "utilization": body(88)}
    for email in ("first@example.com", "second@example.com"):
        login = {"emailAddress": email}
        (folder / ".claude.json").write_text(json.dumps({"oauthAccount": login, "cachedUsageUtilization": cached}))
        run_script("once")
    assert [row[0] for row in accounts(scratch_home)] == ["first@example.com"]


def test_a_cache_of_an_account_id_the_login_does_not_name_is_unknown(scratch_home: Path) -> None:
    folder = scratch_home / "claude"
    folder.mkdir()
    at = int(datetime.now(UTC).timestamp() * 1000)
    cached = {"fetchedAtMs": at, "utilization": body(88), "accountUuid": "somebody"}
    login = {"emailAddress": "me@example.com"}
    (folder / ".claude.json").write_text(json.dumps({"oauthAccount": login, "cachedUsageUtilization": cached}))
    run_script("once")
    assert [row[0] for row in accounts(scratch_home)] == [None]


async def test_a_login_that_changes_between_usage_and_profile_is_not_remembered_as_the_other(
    bench: Bench, scratch_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = bench.server.answer

    def swap(path: str, headers: Any) -> Reply:
        if path == USAGE:
            log_in(scratch_home / "claude", accessToken="sk-ant-oat01-dummy-other")
        return answer(path, headers)

    monkeypatch.setattr(bench.server, "answer", swap)
    await bench.poller.beat()
    first, other = fingerprint("sk-ant-oat01-dummy"), fingerprint("sk-ant-oat01-dummy-other")
    assert bench.store.account_of(first) is None
    assert bench.store.account(bench.store.account_of(other) or 0)["email"] == "demo@example.com"
    assert bench.poller.state.reading is not None and bench.poller.state.reading.account.email is None


async def test_a_plan_upgraded_under_the_same_token_is_noticed(bench: Bench, scratch_home: Path) -> None:
    await bench.poller.beat()
    log_in(scratch_home / "claude", rateLimitTier="default_claude_max_5x")
    bench.clock.advance(minutes=40)
    await bench.poller.beat()
    assert bench.poller.state.reading is not None and bench.poller.state.reading.account.plan == "Max 5x"
    bench.clock.advance(hours=25)
    await bench.poller.beat()
    assert bench.server.asked(PROFILE) == 2  # whose it is is asked again now and then


def test_an_account_picked_to_be_seen_is_not_the_login_s(bench: Bench) -> None:
    from claude_meter_tui.polling.known_accounts import KnownAccounts

    other = bench.store.account_id(who("other@example.com", "org-other"))
    reading = read_usage(payload("pro-two-windows.json"), observed_at=NOON, source="bridge")
    bench.store.save(reading.document(), other)
    bench.store.put_note("shown", str(other))
    accounts = KnownAccounts(bench.settings, os.environ, bench.store, bench.clock).first(None)
    asking = next(polled.poller for polled in accounts if not polled.poller.pinned)
    assert asking.account_id != other


async def test_two_folders_with_one_login_share_its_wait(bench: Bench, scratch_home: Path) -> None:
    await bench.poller.beat()
    bench.clock.advance(minutes=20)
    bench.server.scenario = "rate-limited"
    await bench.poller.beat()
    asked = bench.asked
    log_in(scratch_home / "second")
    env = {**os.environ, "CLAUDE_CONFIG_DIR": str(scratch_home / "second"), "CLAUDE_METER_API_URL": bench.server.url}
    bench.settings = settings.load(env)
    second = bench.another_poller()
    for _ in range(3):
        bench.clock.advance(minutes=2)
        await second.beat()
    assert bench.asked == asked


# --- where a login is looked for -----------------------------------------------------------------------------------


def test_the_keychain_item_is_the_folder_s_own(tmp_path: Path) -> None:
    items = {
        "Claude Code-credentials": json.dumps({"claudeAiOauth": {"accessToken": "sk-ant-oat01-dummy-bare"}}),
        keychain_services(("/x", ("/home/u/.claude-work",)))[0]: json.dumps(
            {"claudeAiOauth": {"accessToken": "sk-ant-oat01-dummy-work"}}
        ),
    }
    for config, token in (("/home/u/.claude-work", "work"), ("", "bare"), ("/home/u/.claude-other", None)):
        places = login_places({"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": config})
        found, looked = CredentialFinder(places, None, tmp_path, items.get).look()
        assert (found and found.token.reveal()) == (token and f"sk-ant-oat01-dummy-{token}")
        assert any("Keychain" in place.place for place in looked)


def test_the_suffix_is_the_hash_of_the_text_as_it_was_given() -> None:
    import hashlib

    given = hashlib.sha256(b"/x/").hexdigest()[:8]
    assert keychain_services(login_places({"CLAUDE_CONFIG_DIR": "/x/"})[0])[0].endswith(f"-{given}")


def test_an_item_printed_in_hex_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    item = json.dumps({"claudeAiOauth": {"accessToken": "sk-ant-oat01-dummy"}, "name": "Zoë"}, ensure_ascii=False)

    class Done:
        returncode, stdout = 0, item.encode().hex() + "\n"

    monkeypatch.setattr(credentials.subprocess, "run", lambda *_, **__: Done)
    assert credentials.read_macos_keychain("x") == item


def test_the_secure_storage_folder_goes_before_the_configuration(tmp_path: Path) -> None:
    log_in(tmp_path / "store", accessToken="sk-ant-oat01-dummy-stored")
    log_in(tmp_path / ".claude", accessToken="sk-ant-oat01-dummy-old")
    env = {"HOME": str(tmp_path), "CLAUDE_SECURESTORAGE_CONFIG_DIR": str(tmp_path / "store")}
    found = CredentialFinder(login_places(env), None, tmp_path).find()
    assert found.token.reveal() == "sk-ant-oat01-dummy-stored"
    empty = {**env, "CLAUDE_SECURESTORAGE_CONFIG_DIR": "", "CLAUDE_CONFIG_DIR": str(tmp_path / "x")}
    assert CredentialFinder(login_places(empty), None, tmp_path).find().token.reveal() == "sk-ant-oat01-dummy-old"


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = log_in(tmp_path / "claude")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert CredentialFinder([(str(tmp_path / "claude"), ())], None, tmp_path).find()


def test_on_windows_the_profile_folder_is_home(monkeypatch: pytest.MonkeyPatch) -> None:
    from claude_meter_tui.system import paths

    env = {"HOME": "C:\\SPB_Data", "USERPROFILE": "C:\\Users\\me"}
    monkeypatch.setattr(paths.sys, "platform", "win32")
    assert paths.home(env) == "C:\\Users\\me"
    monkeypatch.setattr(paths.sys, "platform", "linux")
    assert paths.home(env) == "C:\\SPB_Data"


def test_a_cached_reading_is_shown_without_any_login(scratch_home: Path) -> None:
    folder = scratch_home / "claude"
    folder.mkdir()
    cached = {"fetchedAtMs": int(datetime.now(UTC).timestamp() * 1000), "utilization": body(41)}
    login = {"emailAddress": "me@example.com"}
    (folder / ".claude.json").write_text(json.dumps({"oauthAccount": login, "cachedUsageUtilization": cached}))
    done = run_script("once", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["stale"] is True and found["source"] == "cache"
    assert found["windows"][0]["utilization"] == 41 and "login" in done.stderr


def test_of_many_invented_accounts_a_few_dozen_are_kept(store: Store) -> None:
    from claude_meter_tui.polling.listeners import keep
    from claude_meter_tui.sources.source import Heard

    for number in range(200):
        whose = Account(email=f"{number}@example.com", organization_uuid=f"org-{number}")
        at = NOON + timedelta(seconds=number)
        reading = read_usage(payload("pro-two-windows.json"), observed_at=at, source="bridge", account=whose)
        keep(store, Heard(reading, "bridge"), at)
    assert count(store) == identity.MOST_HEARD_OF
