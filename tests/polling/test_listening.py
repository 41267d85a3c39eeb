"""Sources that ask nobody: Claude Code's cache and status line reach the screen without a request, and never mix."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON, Bench, payload, run_script
from hypothesis import HealthCheck, given, settings
from test_payload import JSON_VALUES

from claude_meter_tui.domain.windows import Account
from claude_meter_tui.output.words import outcome
from claude_meter_tui.polling.state import Phase
from claude_meter_tui.sources.claude_code.cache import ClaudeCache
from claude_meter_tui.store.store import Store
from claude_meter_tui.system.clock import SystemClock

ME = {"emailAddress": "me@example.com", "organizationUuid": "org-1", "accountUuid": "acc-1"}
YOU = {"emailAddress": "you@example.com", "organizationUuid": "org-2", "accountUuid": "acc-2"}


def cached(age: timedelta = timedelta(hours=3), **more: object) -> dict[str, object]:
    at = NOON - age
    return {"fetchedAtMs": int(at.timestamp() * 1000), "utilization": payload("max-named-windows.json"), **more}


def write(folder: Path, login: object = ME, cache: object = None, **more: object) -> Path:
    """A `.claude.json` as Claude Code keeps it, with much else in it."""
    folder.mkdir(exist_ok=True)
    file = folder / ".claude.json"
    content = {"numStartups": 3, "projects": {"/x": {"history": ["secret prompt"]}}, "oauthAccount": login, **more}
    if cache is not None:
        content["cachedUsageUtilization"] = cache
    file.write_text(json.dumps(content))
    return file


@pytest.fixture
def folder(scratch_home: Path) -> Path:
    return scratch_home / "claude"


def cache_in(folder: Path) -> ClaudeCache:
    return ClaudeCache(folder / ".claude.json", folder)


# --- the cache -----------------------------------------------------------------------------------------------------


def test_the_cache_is_a_reading_with_its_own_time_and_account(folder: Path) -> None:
    write(folder, cache=cached(accountUuid="acc-1"))
    source = cache_in(folder)
    ((reading, _),) = source.read(NOON)
    assert reading.observed_at == NOON - timedelta(hours=3) and reading.source == "cache"
    assert reading.account == Account(email="me@example.com", organization_uuid="org-1") == source.owner
    assert len(reading.windows) == 7 and "secret" not in repr(reading)
    assert outcome(source.looked(NOON)[0], NOON) == "written 3h ago"


def test_the_newer_file_is_read_too(folder: Path) -> None:
    write(folder)
    (folder / "limits-cache.json").write_text(json.dumps(cached(timedelta(hours=1))))
    ((reading, _),) = cache_in(folder).read(NOON)
    assert reading.observed_at == NOON - timedelta(hours=1) and reading.account.email == "me@example.com"


@pytest.mark.parametrize(
    "cache",
    [
        cached(timedelta(days=8)),
        cached(-timedelta(hours=1)),
        cached(accountUuid="another's"),
        {**cached(), "fetchedAtMs": "yesterday"},
        {**cached(), "utilization": None},
        [],
        "x",
    ],
)
def test_what_is_too_old_of_the_future_anothers_or_damaged_is_no_reading(folder: Path, cache: object) -> None:
    write(folder, cache=cache)
    assert cache_in(folder).read(NOON) == []


@given(JSON_VALUES, JSON_VALUES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_json_is_no_exception(folder: Path, cache: Any, login: Any) -> None:
    write(folder, login=login, cache={"fetchedAtMs": int(NOON.timestamp() * 1000), "utilization": cache})
    source = cache_in(folder)
    for heard in source.read(NOON):
        heard.reading.document()
    (folder / ".claude.json").write_text(json.dumps(cache))
    assert isinstance(source.read(NOON), list)


def test_no_folder_at_all(folder: Path) -> None:
    source = cache_in(folder)
    assert source.read(NOON) == [] and source.owner is None and source.stamp() == (None, None)
    assert source.looked(NOON)[0][:3] == ("Claude Code's cache (.claude.json)", False, "not there")


# --- on the screen -------------------------------------------------------------------------------------------------


async def test_the_cache_is_shown_but_never_as_live_and_an_answer_replaces_it(bench: Bench, folder: Path) -> None:
    write(folder, cache=cached(timedelta(minutes=5)))
    bench.server.scenario = "server-error"
    await bench.poller.beat()
    state = bench.poller.state
    assert state.reading is not None and state.reading.source == "cache"
    assert state.phase(bench.clock.now()) is not Phase.LIVE
    bench.server.scenario = "max"
    bench.clock.advance(seconds=2000)
    await bench.poller.beat()
    state = bench.poller.state
    assert (
        state.reading is not None and state.reading.source == "oauth" and state.phase(bench.clock.now()) is Phase.LIVE
    )


async def test_the_file_is_read_only_when_it_has_changed(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    read = ClaudeCache.read
    monkeypatch.setattr(ClaudeCache, "read", lambda self, now: reads.append(now) or read(self, now))
    write(folder, cache=cached())
    for _ in range(5):
        await bench.poller.beat()
    assert len(reads) == 1
    write(folder, cache=cached(timedelta(hours=1)))
    await bench.poller.beat()
    assert len(reads) == 2


async def test_the_status_line_is_on_the_screen_at_the_next_beat_without_a_request(bench: Bench, folder: Path) -> None:
    write(folder, login={"emailAddress": "demo@example.com"})
    await bench.poller.beat()
    before = bench.poller.state.reading
    assert before is not None and bench.asked == 1
    resets_at = before.windows[0].resets_at
    assert resets_at is not None
    said = before.model_copy(
        update={
            "source": "statusline",
            "observed_at": NOON + timedelta(minutes=1),
            "windows": (before.windows[0].model_copy(update={"utilization": 99.0}),),
        }
    )
    with Store.open(bench.settings.store_file) as other:
        other.save(said.document())
    bench.clock.advance(seconds=62)
    await bench.poller.beat()
    after = bench.poller.state.reading
    assert after is not None and bench.asked == 1
    assert after.windows[0].utilization == 99.0 and after.windows[0].source == "statusline"
    assert after.windows[1:] == before.windows[1:] and after.source == "statusline"
    # The other windows are as old as they were: they are asked for when they are due, not later.
    assert bench.poller.state.next_ask == NOON + bench.settings.cadence.base


async def test_without_a_login_the_status_line_alone_is_live(bench: Bench, folder: Path) -> None:
    (folder / ".credentials.json").unlink()
    await bench.poller.beat()
    assert bench.poller.state.phase(NOON) is Phase.SETUP
    env = {"HOME": str(folder.parent), "CLAUDE_METER_STATE_DIR": str(bench.settings.state_dir)}
    at = SystemClock().now()
    resets_at = int((at + timedelta(hours=1)).timestamp())
    said = {"rate_limits": {"five_hour": {"used_percentage": 12, "resets_at": resets_at}}}
    assert "5h 12%" in run_script("statusline", env=env, input=json.dumps(said)).stdout
    await bench.poller.beat()
    reading = bench.poller.state.reading
    assert reading is not None and bench.poller.state.phase(reading.observed_at) is Phase.LIVE


async def test_another_login_is_noticed_and_the_histories_never_mix(bench: Bench, folder: Path) -> None:
    write(folder, cache=cached(timedelta(hours=2)))
    bench.server.scenario = "rate-limited"
    await bench.poller.beat()
    mine = bench.poller.state.reading
    assert mine is not None and mine.account.email == "me@example.com"
    write(folder, login=YOU)
    await bench.poller.beat()
    assert bench.poller.state.reading is None
    write(folder, login=YOU, cache=cached(timedelta(hours=1), accountUuid="acc-2"))
    await bench.poller.beat()
    yours = bench.poller.state.reading
    assert yours is not None and yours.account.email == "you@example.com"
    rows = {row["account"] for row in bench.store.history("five_hour")}
    assert rows == {"org-1", "org-2"}
    assert len(bench.poller.history(NOON - timedelta(days=1), bench.clock.now()).get("five_hour", [])) == 1
    write(folder, login=ME)
    await bench.poller.beat()
    back = bench.poller.state.reading
    assert back is not None and back.account.email == "me@example.com" and bench.asked == 1


def test_doctor_lists_the_cache(folder: Path) -> None:
    write(folder)
    done = run_script("doctor")
    assert "Claude Code's cache (.claude.json): holds no usage" in done.stdout
    assert "Claude Code's status line: not set → Run `claude-meter-tui statusline --install`." in done.stdout
    assert run_script("statusline", "--install").returncode == 0
    assert "Claude Code's status line: installed" in run_script("doctor").stdout
