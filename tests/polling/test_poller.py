"""The poller on a real store, a real client and a loopback server, stepped by hand on a fixed clock."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import NOON, TOKEN, Bench, log_in

from claude_meter_tui.demo.server import Reply
from claude_meter_tui.domain.errors import (
    AskedTooSoonError,
    MeterError,
    NotLoggedInError,
    RateLimitedError,
    ServerError,
)
from claude_meter_tui.domain.windows import Reading
from claude_meter_tui.output.words import too_soon
from claude_meter_tui.polling.poller import Poller
from claude_meter_tui.polling.state import MeterState, Phase

USAGE = "/api/oauth/usage"
PROFILE = "/api/oauth/profile"


def phase(bench: Bench, poller: Poller | None = None) -> Phase:
    return (poller or bench.poller).state.phase(bench.clock.now())


async def test_at_start_it_asks_keeps_and_shows(bench: Bench) -> None:
    assert phase(bench) is Phase.LOADING
    await bench.poller.beat()
    state = bench.poller.state
    assert phase(bench) is Phase.LIVE and state.trouble is None and not state.asking
    assert state.reading is not None and state.reading.account.email == "demo@example.com"
    assert state.next_ask == NOON + timedelta(minutes=15)
    assert bench.store.count() == 1 and bench.published


async def test_a_young_stored_reading_is_shown_and_nothing_is_asked(bench: Bench) -> None:
    await bench.poller.beat()
    again = bench.another_poller()
    assert again.state.reading is not None and phase(bench, again) is Phase.LIVE
    await again.beat()
    assert isinstance(again.state.reading, Reading) and again.state.reading == bench.poller.state.reading
    assert bench.asked == 1


async def test_the_profile_is_asked_once_per_token_and_survives_a_restart(bench: Bench, scratch_home: Path) -> None:
    for _ in range(3):
        await bench.poller.beat()
        bench.clock.advance(hours=1)
    await bench.another_poller().beat()
    assert bench.asked >= 4 and bench.server.asked(PROFILE) == 1
    log_in(scratch_home / "claude", accessToken="sk-ant-oat01-dummy-renewed")
    bench.clock.advance(hours=1)
    await bench.poller.beat()
    assert bench.server.asked(PROFILE) == 2


async def test_whose_another_token_is_is_asked_at_once_and_known_from_then_on(bench: Bench, scratch_home: Path) -> None:
    """Where no `.claude.json` tells: only the server knows whether the token was renewed or is somebody else's."""

    def belongs_to(name: str) -> None:
        profile = {"account": {"email": f"{name}@example.com"}, "organization": {"uuid": f"org-{name}"}}
        bench.server.replies[PROFILE] = Reply.json(profile)

    belongs_to("me")
    await bench.poller.beat()
    pane = bench.another_poller()
    await pane.beat()
    for token, name in (("other", "other"), ("renewed", "me")):
        belongs_to(name)
        log_in(scratch_home / "claude", accessToken=f"sk-ant-oat01-dummy-{token}")
        bench.clock.advance(minutes=2)
        before = bench.asked
        for poller in (bench.poller, pane, bench.poller):
            await poller.beat()
        assert bench.asked == before + 1
        for poller in (bench.poller, pane):
            assert poller.state.reading is not None
            assert poller.state.reading.account.email == f"{name}@example.com"
    # Known by now: shown at once, even where asking is not allowed.
    bench.server.scenario = "rate-limited"
    bench.clock.advance(hours=1)
    await bench.poller.beat()
    log_in(scratch_home / "claude", accessToken="sk-ant-oat01-dummy-other")
    before = bench.asked
    bench.clock.advance(minutes=2)
    await bench.poller.beat()
    assert bench.asked == before
    assert bench.poller.state.reading is not None
    assert bench.poller.state.reading.account.email == "other@example.com"


async def test_it_keeps_asking_at_its_cadence(bench: Bench) -> None:
    for _ in range(24 * 60):
        await bench.poller.beat()
        bench.clock.advance(minutes=1)
    assert 48 <= bench.asked <= 100


async def test_soon_after_a_reset_it_asks_again(bench: Bench) -> None:
    await bench.poller.beat()
    bench.clock.advance(hours=2, seconds=-60)  # the 5-hour window resets at 14:00
    await bench.poller.beat()
    before = bench.asked
    bench.clock.advance(seconds=70)
    await bench.poller.beat()
    assert bench.asked == before
    bench.clock.advance(seconds=15)
    await bench.poller.beat()
    assert bench.asked == before + 1


async def test_a_429_waits_with_a_cushion_whoever_asks_and_survives_a_restart(bench: Bench) -> None:
    bench.server.scenario = "rate-limited"
    await bench.poller.beat()
    assert phase(bench) is Phase.WAITING
    wait = timedelta(seconds=600 + 300)
    assert bench.poller.state.next_ask == NOON + wait
    bench.server.scenario = "max"
    other = bench.another_poller()
    while bench.clock.now() + timedelta(minutes=1) < NOON + wait:
        bench.clock.advance(minutes=1)
        await bench.poller.beat()
        await other.beat()
        with pytest.raises(AskedTooSoonError, match="asked us to wait") as held:
            await bench.poller.ask("person")
        assert too_soon(held.value, bench.clock.now()) == "The server asked us to wait until 12:15."
    assert bench.asked == 1 and phase(bench, other) is Phase.WAITING
    bench.clock.advance(minutes=2)
    await other.beat()
    assert bench.asked == 2 and phase(bench, other) is Phase.LIVE
    await bench.poller.beat()
    assert phase(bench) is Phase.LIVE and bench.poller.state.trouble is None


async def test_a_zero_retry_after_is_not_a_loop(bench: Bench) -> None:
    bench.server.scenario = "rate-limited-zero"
    for _ in range(60 * 6):
        await bench.poller.beat()
        bench.clock.advance(seconds=10)
    assert bench.asked <= 7


async def test_offline_keeps_the_last_reading_and_recovers_without_a_mark(bench: Bench) -> None:
    await bench.poller.beat()
    kept = bench.poller.state.reading
    bench.server.scenario = "server-error"
    bench.clock.advance(minutes=20)
    await bench.poller.beat()
    state = bench.poller.state
    assert phase(bench) is Phase.OFFLINE and state.reading == kept and state.trouble is not None
    assert "500" in state.trouble.sentence and state.next_ask == bench.clock.now() + timedelta(seconds=75)
    bench.server.scenario = "max"
    bench.clock.advance(seconds=80)
    await bench.poller.beat()
    assert phase(bench) is Phase.LIVE and bench.poller.state.trouble is None
    assert bench.poller.state.next_ask == bench.clock.now() + timedelta(minutes=15)


async def test_one_pane_s_trouble_is_every_pane_s_and_so_is_its_reading(bench: Bench) -> None:
    other = bench.another_poller()
    bench.server.scenario = "server-error"
    await bench.poller.beat()
    await other.beat()
    assert phase(bench, other) is Phase.OFFLINE and bench.asked == 1
    bench.server.scenario = "max"
    bench.clock.advance(minutes=2)
    await bench.poller.beat()
    await other.beat()
    assert other.state.reading == bench.poller.state.reading and bench.asked == 2
    assert phase(bench, other) is Phase.LIVE


async def test_two_panes_at_the_same_moment_send_one_request(bench: Bench) -> None:
    panes = [bench.poller, *(bench.another_poller() for _ in range(4))]
    await asyncio.gather(*(pane.beat() for pane in panes))
    assert bench.asked == 1


async def test_the_key_asks_earlier_but_not_within_a_minute(bench: Bench) -> None:
    await bench.poller.ask("person")
    with pytest.raises(AskedTooSoonError, match="again in 60 s"):
        await bench.poller.ask("person")
    bench.clock.advance(seconds=61)
    await bench.poller.ask("person")
    assert bench.asked == 2


async def test_paused_it_asks_nothing_and_then_goes_on(bench: Bench) -> None:
    await bench.poller.beat()
    bench.poller.pause()
    bench.clock.advance(hours=3)
    await bench.poller.beat()
    assert bench.asked == 1 and bench.poller.state.paused and bench.poller.state.next_ask is None
    assert phase(bench) is Phase.STALE
    bench.poller.pause()
    await bench.poller.beat()
    assert bench.asked == 2 and phase(bench) is Phase.LIVE


async def test_without_a_login_it_is_setup_and_a_login_is_noticed(bench: Bench, scratch_home: Path) -> None:
    file = scratch_home / "claude" / ".credentials.json"
    file.unlink()
    await bench.poller.beat()
    assert phase(bench) is Phase.SETUP and bench.asked == 0
    assert {place.place for place in bench.poller.state.looked} == {
        *("CLAUDE_CODE_OAUTH_TOKEN", "~/claude/.credentials.json"),
        *("Claude Code's cache (.claude.json)", "Claude Code's status line", "Browsers", "Browser extension"),
    }
    with pytest.raises(NotLoggedInError):
        await bench.poller.ask("person")
    log_in(file.parent)
    bench.clock.advance(seconds=2)
    await bench.poller.beat()
    assert phase(bench) is Phase.LIVE and bench.asked == 1


async def test_an_expired_token_is_never_sent_and_a_renewed_one_is_noticed(bench: Bench, scratch_home: Path) -> None:
    await bench.poller.beat()
    log_in(scratch_home / "claude", expiresAt=1)
    for _ in range(100):
        bench.clock.advance(minutes=1)
        await bench.poller.beat()
    assert phase(bench) is Phase.SIGNED_OUT and bench.asked == 1
    assert bench.poller.state.reading is not None and bench.poller.state.next_ask is None
    log_in(scratch_home / "claude")
    await bench.poller.beat()
    assert phase(bench) is Phase.LIVE and bench.asked == 2


async def test_a_token_that_expires_while_running_is_not_sent(bench: Bench, scratch_home: Path) -> None:
    log_in(scratch_home / "claude", expiresAt=int((NOON + timedelta(minutes=5)).timestamp() * 1000))
    await bench.poller.beat()
    bench.clock.advance(minutes=20)
    await bench.poller.beat()
    assert bench.asked == 1 and phase(bench) is Phase.SIGNED_OUT


async def test_a_refused_token_climbs_the_ladder_until_the_login_changes(bench: Bench, scratch_home: Path) -> None:
    bench.server.scenario = "unauthorized"
    await bench.poller.beat()
    assert phase(bench) is Phase.SIGNED_OUT
    bench.clock.advance(seconds=61)
    await bench.poller.beat()
    assert bench.asked == 1
    bench.server.scenario = "max"
    log_in(scratch_home / "claude", accessToken="sk-ant-oat01-dummy-new")
    await bench.poller.beat()
    assert bench.asked == 2 and phase(bench) is Phase.LIVE


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_is_sent_again_by_key_but_not_by_itself(
    bench: Bench, scratch_home: Path, status: int
) -> None:
    said = {"type": "error", "error": {"type": "permission_error", "message": "OAuth token has been revoked."}}
    bench.server.replies[USAGE] = Reply.json(said, status)
    for _ in range(24 * 12):
        await bench.poller.beat()
        await bench.another_poller().beat() if _ % 50 == 0 else None
        bench.clock.advance(minutes=5)
    assert bench.asked == 1 and phase(bench) is Phase.SIGNED_OUT and bench.poller.state.next_ask is None
    assert bench.poller.state.trouble is not None and "revoked" in bench.poller.state.trouble.sentence
    with pytest.raises(MeterError):
        await bench.poller.ask("person")
    assert bench.asked == 2
    os.utime(scratch_home / "claude" / ".credentials.json")  # written again, and the same
    await bench.poller.beat()
    assert bench.asked == 2
    del bench.server.replies[USAGE]
    log_in(scratch_home / "claude", accessToken="sk-ant-oat01-dummy-new")
    bench.clock.advance(minutes=2)
    await bench.poller.beat()
    assert bench.asked == 3 and phase(bench) is Phase.LIVE


@pytest.mark.parametrize(
    "reply",
    [
        Reply.json({"error": {"message": "Not found"}}, 404),
        Reply.json({"error": {"message": "disabled"}}, 400),
        Reply.json({"type": "error", "error": {"message": "no"}}),
        Reply.json({"error": {"message": "Request not allowed"}}, 403),
    ],
    ids=["404", "400", "200", "403"],
)
async def test_a_pointless_question_is_put_a_few_times_a_day(bench: Bench, reply: Reply) -> None:
    bench.server.replies[USAGE] = reply
    for _ in range(24 * 12):
        await bench.poller.beat()
        bench.clock.advance(minutes=5)
    assert 2 <= bench.asked <= 5 and phase(bench) is Phase.OFFLINE


async def test_a_single_pointless_answer_silences_an_hour_also_after_other_trouble(bench: Bench) -> None:
    asked_at: list[float] = []

    async def until(minutes: int) -> None:
        for _ in range(minutes):
            before = bench.asked
            await bench.poller.beat()
            asked_at.extend([bench.clock.now().timestamp() / 60] * (bench.asked - before))
            bench.clock.advance(minutes=1)

    bench.server.replies[USAGE] = Reply.json({}, 503)
    await until(10)
    tries = len(asked_at)
    bench.server.replies[USAGE] = Reply.json({"error": {"message": "id 1"}}, 400)
    await until(10)
    assert len(asked_at) == tries + 1
    bench.server.replies[USAGE] = Reply.json({"error": {"message": "id 2"}}, 400)  # the same, in other words
    await until(24 * 60)
    gaps = [round((later - at) / 60) for at, later in pairwise(asked_at[tries:])]
    assert gaps == [1, 6, 6, 6]


async def test_a_new_login_does_not_lift_a_server_s_wait(bench: Bench, scratch_home: Path) -> None:
    bench.server.scenario = "rate-limited"
    await bench.poller.beat()
    log_in(scratch_home / "claude", accessToken="sk-ant-oat01-dummy-new")
    bench.clock.advance(minutes=5)
    await bench.poller.beat()
    assert bench.asked == 1


async def test_a_profile_that_fails_does_not_cost_the_reading(bench: Bench) -> None:
    bench.server.replies[PROFILE] = Reply.json({}, 500)
    await bench.poller.beat()
    state = bench.poller.state
    assert phase(bench) is Phase.LIVE and state.reading is not None
    assert state.reading.account.email is None and state.reading.account.plan == "Max 20x"
    del bench.server.replies[PROFILE]
    bench.clock.advance(minutes=16)
    await bench.poller.beat()
    assert bench.poller.state.reading is not None
    assert bench.poller.state.reading.account.email == "demo@example.com"


async def test_a_wait_that_the_profile_earned_is_kept(bench: Bench) -> None:
    bench.server.replies[PROFILE] = Reply.json({}, 429, Retry_After="1200")
    await bench.poller.beat()
    assert bench.poller.state.reading is not None and phase(bench) is Phase.WAITING
    for _ in range(24):
        bench.clock.advance(minutes=1)
        await bench.poller.beat()
    assert bench.asked == 1 and bench.server.asked(PROFILE) == 1


async def test_a_token_that_may_not_read_its_profile_is_not_asked_for_it_again(bench: Bench) -> None:
    bench.server.replies[PROFILE] = Reply.json({}, 403)
    for _ in range(4):
        await bench.poller.beat()
        bench.clock.advance(minutes=31)
    assert bench.asked == 4 and bench.server.asked(PROFILE) == 1 and phase(bench) is Phase.LIVE


async def test_another_account_s_login_never_mixes_histories(bench: Bench, scratch_home: Path) -> None:
    await bench.poller.beat()
    other = {"account": {"email": "other@example.com"}, "organization": {"uuid": "other-org"}}
    bench.server.replies[PROFILE] = Reply.json(other)
    log_in(scratch_home / "claude", accessToken="sk-ant-oat01-dummy-other")
    bench.clock.advance(minutes=16)
    await bench.poller.beat()
    assert bench.poller.state.reading is not None
    assert bench.poller.state.reading.account.email == "other@example.com"
    points = bench.poller.history(NOON - timedelta(days=1), bench.clock.now()).get("five_hour", [])
    assert [point.observed_at for point in points] == [bench.clock.now()]


async def test_a_skewed_clock_counts_down_to_the_true_reset(bench: Bench, clock: object) -> None:
    true_now = bench.clock.now()
    slow = NOON - timedelta(minutes=9)
    bench.clock.advance(minutes=-9)
    bench.server._clock = type(bench.clock)(true_now)  # the server's clock is right, ours is nine minutes slow
    await bench.poller.beat()
    state = bench.poller.state
    assert state.skew == timedelta(minutes=9) and state.true_now(slow) == true_now
    assert phase(bench) is Phase.LIVE
    assert bench.another_poller().state.skew == timedelta(minutes=9)


async def test_jitter_does_not_move_a_reset_and_a_real_move_does(bench: Bench) -> None:
    def body(second: str) -> Reply:
        return Reply.json({"five_hour": {"utilization": 5, "resets_at": f"2026-11-26T{second}+00:00"}})

    seen = []
    for reset in ("15:00:00.412", "15:00:01.9", "14:59:59.7", "20:00:00.1"):
        bench.server.replies[USAGE] = body(reset)
        await bench.poller.ask("person")
        reading = bench.poller.state.reading
        assert reading is not None and reading.windows[0].resets_at is not None
        seen.append(reading.windows[0].resets_at.strftime("%H:%M:%S"))
        bench.clock.advance(minutes=2)
    assert seen == ["15:00:00", "15:00:00", "15:00:00", "20:00:00"]


async def test_a_window_just_past_its_reset_is_looked_at_again_soon(bench: Bench) -> None:
    bench.server.scenario = "full"
    await bench.poller.beat()
    assert bench.poller.state.next_ask == NOON + timedelta(seconds=75)


async def test_a_machine_that_slept_asks_on_waking(bench: Bench) -> None:
    await bench.poller.beat()
    bench.clock.advance(hours=9)
    await bench.poller.beat()
    assert bench.asked == 2 and phase(bench) is Phase.LIVE


async def test_a_store_that_fails_does_not_hide_what_was_read(bench: Bench) -> None:
    bench.stores[0]._db.execute("PRAGMA query_only = ON")
    await bench.poller.beat()
    assert "store cannot be used" in bench.poller.state.notice


async def test_typed_errors_reach_whoever_asks_by_key(bench: Bench) -> None:
    bench.server.scenario = "server-error"
    with pytest.raises(ServerError):
        await bench.poller.ask("person")
    bench.server.scenario = "rate-limited"
    bench.clock.advance(seconds=61)
    with pytest.raises(RateLimitedError):
        await bench.poller.ask("person")


async def test_states_are_published_only_when_they_differ(bench: Bench) -> None:
    await bench.poller.beat()
    count = len(bench.published)
    for _ in range(50):
        bench.clock.advance(seconds=2)
        await bench.poller.beat()
    assert len(bench.published) == count
    assert all(isinstance(state, MeterState) for state in bench.published)


async def test_the_token_is_in_no_state(bench: Bench) -> None:
    for scenario in ("max", "unauthorized", "server-error"):
        bench.server.scenario = scenario
        bench.clock.advance(minutes=40)
        await bench.poller.beat()
    assert TOKEN not in repr(bench.published) and "sk-ant" not in repr(bench.published)
