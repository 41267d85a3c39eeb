"""Several accounts: rows for all of them, one to look at, and nothing of one in another's."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOON, WORK, Bench, log_in, named, payload, run_script
from panes import Pane
from screens import SIZES, settle, text
from syrupy.assertion import SnapshotAssertion
from test_transcripts import row, tree_of

from claude_meter_tui.dashboard.app import MeterApp
from claude_meter_tui.demo.server import DemoServer, Reply
from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.windows import Account, Reading
from claude_meter_tui.polling.known_accounts import KnownAccounts
from claude_meter_tui.polling.state import Phase
from claude_meter_tui.settings import settings
from claude_meter_tui.settings.settings import Settings
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.system.clock import SystemClock


def heard(minutes: int = 10, account: Account = WORK, source: str = "bridge") -> Reading:
    body = payload("max-named-windows.json")
    return read_usage(body, observed_at=NOON - timedelta(minutes=minutes), source=source, account=account)


@pytest.fixture
def two(bench: Bench, scratch_home: Path) -> Settings:
    """Two folders of Claude Code, each somebody's login with transcripts of its own."""
    folders = []
    for name, output in (("home", 111), ("work", 222)):
        folder = scratch_home / name
        log_in(folder, accessToken=f"sk-ant-oat01-{name}")
        named(folder, f"{name}@example.com", f"org-{name}")
        tree_of(folder, row("m1", "r1", output, timestamp="2026-11-26T11:50:00.000Z"))
        folders.append(str(folder))
    env = {**os.environ, "CLAUDE_CONFIG_DIR": ",".join(folders), "CLAUDE_METER_API_URL": bench.server.url}
    return settings.load(env)


async def test_each_folder_is_an_account_with_its_own_login_gate_and_history(bench: Bench, two: Settings) -> None:
    accounts = KnownAccounts(two, os.environ, bench.store, bench.clock).first(None)
    bench.server.replies["/api/oauth/profile"] = bench.server.answer("/none", {})
    for polled in accounts:
        await polled.poller.beat()
    tokens = [request.headers["authorization"] for request in bench.server.requests if request.path.endswith("usage")]
    assert sorted(tokens) == ["Bearer sk-ant-oat01-home", "Bearer sk-ant-oat01-work"]
    assert len({polled.poller._source.endpoint for polled in accounts if polled.poller._source}) == 2
    # A server's wait for the one is none for the other.
    bench.server.scenario = "rate-limited"
    bench.clock.advance(minutes=31)
    await accounts[0].poller.beat()
    bench.server.scenario = "max"
    await accounts[1].poller.beat()
    phases = [polled.poller.state.phase(bench.clock.now()) for polled in accounts]
    assert phases == [Phase.WAITING, Phase.LIVE]


async def test_a_profile_that_was_never_read_shows_nothing_of_another(bench: Bench, two: Settings) -> None:
    bench.store.save(heard(account=Account(email="third@example.com")).document())
    bench.store.put_note("account", "1")
    accounts = KnownAccounts(two, os.environ, bench.store, bench.clock).first(None)
    readings = [polled.poller.state.reading for polled in accounts]
    # The account that was heard of comes first, since it was shown last; the two folders know nothing yet.
    assert readings[0] is not None and readings[0].account.email == "third@example.com" and readings[1:] == [None, None]


def test_the_account_wanted_comes_first_and_a_wrong_name_is_a_sentence(bench: Bench) -> None:
    bench.store.save(heard().document())
    bench.store.save(heard(account=Account(email="wife@example.com")).document())
    bench.store.put_note("account", "2")

    def first(wanted: str | None) -> str | None:
        reading = (
            KnownAccounts(bench.settings, os.environ, bench.store, bench.clock).first(wanted)[0].poller.state.reading
        )
        return reading.account.email if reading is not None else None

    assert [first(wanted) for wanted in (None, "work", "ORG-WORK", "wife@example.com")] == [
        *("wife@example.com", "work@example.com", "work@example.com", "wife@example.com")
    ]
    for wrong in ("w", "nobody@example.com"):
        with pytest.raises(BadUsageError) as caught:
            first(wrong)
        assert "work@example.com" in caught.value.hint


def test_status_compare_and_history_of_one_account(bench: Bench) -> None:
    now = SystemClock().now()
    for email, used in (("a@example.com", 11), ("b@example.com", 22)):
        body = {"five_hour": {"utilization": used, "resets_at": (now + timedelta(hours=1)).isoformat()}}
        account = Account(email=email)
        bench.store.save(read_usage(body, observed_at=now, source="oauth", account=account).document())
    bench.store.put_note("account", "1")
    for wanted, used in (((), 11), (("--account", "b@"), 22), (("--account", "a@example.com"), 11)):
        assert f"5h {used}%" in run_script("status", *wanted).stdout
        compared = json.loads(run_script("compare", "--json", *wanted).stdout)
        assert compared["windows"][0]["server"]["utilization"] == used
    assert "5h 22%" in run_script("--account", "b@example.com", "status").stdout
    rows = json.loads(run_script("history", "--format", "json", "--account", "b@").stdout)["readings"]
    assert [each["utilization"] for each in rows] == [22.0]
    wrong = run_script("status", "--account", "c")
    assert wrong.returncode == 2 and "is no account with readings. Known: " in wrong.stderr


def test_compare_uses_the_transcripts_of_the_account_s_own_folder(bench: Bench, two: Settings) -> None:
    for name in ("home", "work"):
        account = Account(email=f"{name}@example.com", organization_uuid=f"org-{name}")
        bench.store.save(heard(account=account).document())
    folders = ",".join(map(str, two.credential_dirs))
    for name, output in (("home", 111), ("work", 222)):
        arguments = ("compare", "--json", "--at", NOON.isoformat(), "--account", name)
        answer = json.loads(run_script(*arguments, env={"CLAUDE_CONFIG_DIR": folders}).stdout)
        assert answer["windows"][1]["local"]["output_tokens"] == output


# --- on the screen -------------------------------------------------------------------------------------------------


def app_of(bench: Bench, **more: object) -> MeterApp:
    known = KnownAccounts(bench.settings, os.environ, bench.store, bench.clock)
    first, *others = known.first(None)
    remembered: dict[str, str] = {}
    app = MeterApp(
        first.poller,
        bench.clock,
        open_local=first.open_local,
        others=others,
        renewed=known.renewed,
        remember=remembered.__setitem__,
        **more,  # type: ignore[arg-type]
    )
    app.remembered = remembered  # type: ignore[attr-defined]
    return app


async def test_another_account_is_picked_and_shown_whole(bench: Bench) -> None:
    await bench.poller.beat()
    bench.store.save(heard().document())
    app = app_of(bench)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "demo@example.com" in text(pilot) and "a account" in text(pilot)
        await pilot.press("a")
        await settle(pilot, lambda: "accounts" in text(pilot))
        assert "▸ demo@example.com" in text(pilot) and "work@example.com" in text(pilot)
        await pilot.press("j", "enter")
        await settle(pilot, lambda: "Max 5x" in text(pilot))
        assert "96 %" in text(pilot) and "demo@example.com" not in text(pilot)
        assert app.remembered["shown"] == str(app._accounts.poller.account_id)  # type: ignore[attr-defined]
        assert "This account has no login here" in text(pilot) or "via the extension" in text(pilot)
        await pilot.press("a", "escape")
        await pilot.pause(0.1)
        assert "Max 5x" in text(pilot)


async def test_an_account_heard_of_while_it_runs_is_shown_and_is_one_with_a_later_login(
    bench: Bench, scratch_home: Path
) -> None:
    await bench.poller.beat()
    app = app_of(bench)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "a account" not in text(pilot)
        bench.store.save(heard().document())
        app._accounts.renew()
        await settle(pilot, lambda: "a account" in text(pilot))
        await pilot.press("a", "j", "enter")
        await settle(pilot, lambda: "Max 5x" in text(pilot))
        assert app.view is not None and app.view.account == 1
        # Claude Code is logged in to that account now: its one polled is the one that asks, and still on the screen.
        named(scratch_home / "claude", "work@example.com", "org-work")
        log_in(scratch_home / "claude", accessToken="sk-ant-oat01-dummy-work")
        await app._accounts._accounts[0].poller.beat()
        app._accounts.renew()
        await settle(pilot, lambda: "This account has no login here" not in text(pilot))
        assert [state.reading.account.email for state in app._accounts.states if state.reading] == [
            "work@example.com",
            "demo@example.com",
        ]
        assert app.view.account == 0 and "work@example.com" in text(pilot)


async def test_with_one_account_the_key_says_so(bench: Bench) -> None:
    await bench.poller.beat()
    async with app_of(bench).run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "a account" not in text(pilot)
        await pilot.press("a")
        await settle(pilot, lambda: "There is one account." in text(pilot))


async def test_the_comparison_uses_the_profile_s_transcripts(bench: Bench, two: Settings) -> None:
    bench.settings = two
    bench.server.replies["/api/oauth/profile"] = bench.server.answer("/none", {})
    for polled in KnownAccounts(two, os.environ, bench.store, bench.clock).first(None):
        await polled.poller.beat()
        bench.clock.advance(seconds=1)
    app = app_of(bench, compare=True)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot, lambda: " 111 " in text(pilot) or " 222 " in text(pilot))
        first = " 111 " in text(pilot)
        assert (" 222 " in text(pilot)) is not first
        await pilot.press("a", "j", "enter")
        await settle(pilot, lambda: (" 222 " if first else " 111 ") in text(pilot))
        assert (" 111 " if first else " 222 ") not in text(pilot)


async def test_what_is_read_anew_and_is_the_same_does_not_keep_a_change_from_the_screen(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.poller.beat()
    app = app_of(bench)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot, lambda: "12:15" in text(pilot))
        with_points = app._loader.with_points
        monkeypatch.setattr(app._loader, "with_points", lambda view: with_points(view)._replace(past=dict(view.past)))
        app.view = app.view._replace(show_left=True)
        await settle(pilot, lambda: "47 %" in text(pilot))
        assert "what is left" in text(pilot)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", ["a", "A"])
async def test_accounts_at_every_size(
    bench: Bench, size: tuple[int, int], key: str, snapshot: SnapshotAssertion
) -> None:
    await bench.poller.beat()
    bench.store.save(heard().document())
    bench.store.save(heard(2000, Account(organization_uuid="6a0b8c1e-0000-4000-8000-00000000ffff")).document())
    async with app_of(bench).run_test(size=size) as pilot:
        await settle(pilot, lambda: pilot.app.view.state.next_ask is not None)  # type: ignore[attr-defined]
        await pilot.press(key)
        await settle(pilot, lambda: key == "a" or size[0] < 40 or "12:15" in text(pilot))
        assert text(pilot) == snapshot


def test_two_logins_in_a_real_pane(scratch_home: Path, open_pane: Callable[..., Pane]) -> None:
    folders = [scratch_home / "one", scratch_home / "two"]
    for folder in folders:
        log_in(folder, accessToken=f"sk-ant-oat01-{folder.name}")
        named(folder, f"{folder.name}@example.com", f"org-{folder.name}")
    with DemoServer(clock=SystemClock()) as server:
        server.replies["/api/oauth/profile"] = server.answer("/none", {})
        pane = open_pane(CLAUDE_METER_API_URL=server.url, CLAUDE_CONFIG_DIR=",".join(map(str, folders)))
        pane.run()
        pane.wait(lambda shown: "● live" in shown and "one@example.com" in shown)
        pane.type("A")
        pane.wait(lambda shown: "two@example.com" in shown)
        pane.type("a")
        pane.wait(lambda shown: "accounts" in shown)
        pane.type("j", "Enter")
        pane.wait(lambda shown: "claude-meter · two@example.com" in shown and "● live" in shown)
        pane.type("q")
        pane.wait(lambda shown: "left with 0" in shown)


async def test_the_organizations_of_a_browsers_session_are_accounts_of_their_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_browser import session

    from claude_meter_tui.sources.browser import cookies as browser_cookies

    monkeypatch.setattr(browser_cookies, "sessions", lambda _env: ([session()], []))
    organizations = payload("organizations.json")
    assert isinstance(organizations, list)
    bench.server.replies["/api/organizations"] = Reply.json(organizations)
    for number, each in enumerate(organizations[:2]):
        body = {"five_hour": {"utilization": 10 + number, "resets_at": None}, "extra_usage": {"is_enabled": False}}
        bench.server.replies[f"/api/organizations/{each['uuid']}/usage"] = Reply.json(body)
    env = {**os.environ, "CLAUDE_METER_WEB_URL": bench.server.url}
    bench.settings = settings.load(env, source="browser")
    known = KnownAccounts(bench.settings, env, bench.store, bench.clock)
    accounts = known.first(None)
    assert len(accounts) == 1 and len(known.renewed(accounts)) == 1
    for later in (known.renewed, lambda _: KnownAccounts(bench.settings, env, bench.store, bench.clock).first(None)):
        for polled in accounts:
            await polled.poller.beat()
        accounts = later(accounts)  # the same session's other organization: while it runs, and at the next start
        bench.clock.advance(minutes=31)
        for polled in accounts:
            await polled.poller.beat()
        states = [polled.poller.state for polled in accounts]
        figures = [
            (state.reading.account.organization_uuid, state.reading.windows[0].utilization)
            for state in states
            if state.reading is not None
        ]
        assert sorted(figures) == sorted([(organizations[0]["uuid"], 10.0), (organizations[1]["uuid"], 11.0)])
        assert known.renewed(accounts) == accounts
    async with app_of(bench).run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot, lambda: "accounts" in text(pilot))
        assert "demo@example.com …0001" in text(pilot) and "demo@example.com …0002" in text(pilot)
