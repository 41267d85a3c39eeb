"""When the endpoint may be asked: FACTS §4, rule by rule."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import NOON
from hypothesis import given
from hypothesis import strategies as st

from claude_meter_tui.polling.gate import Asker, Gate, budget_window, claim
from claude_meter_tui.polling.schedule import Doubt, Known, Plan, Why, next_ask
from claude_meter_tui.settings.cadence import Cadence
from claude_meter_tui.store.store import Store
from claude_meter_tui.system import processes

CADENCE = Cadence(jitter=0.0)
EVERYBODY: tuple[Asker, ...] = ("meter", "person", "script")
KEYS = ("e",)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def gate(**known: object) -> Gate:
    return Gate(set_at=NOON, **known)  # type: ignore[arg-type]


def until(state: Gate, now: datetime, asks: list[datetime], by: Asker) -> datetime | None:
    """When the gate opens to somebody; None: it is open."""
    hold = state.held(now, asks, CADENCE, by)
    return None if hold is None else hold.at


@pytest.mark.parametrize(
    ("server", "failures", "wait"),
    [
        (timedelta(seconds=990), 0, timedelta(seconds=1290)),  # the server's and a cushion
        (timedelta(0), 0, timedelta(seconds=300)),  # Retry-After: 0 is no leave to ask at once
        (timedelta(0), 5, timedelta(seconds=1800)),  # the ladder, where it is longer
        (timedelta(days=4000), 0, timedelta(days=7)),  # a broken header does not silence the meter for good
    ],
)
def test_a_429_waits_for_the_longer_of_the_server_and_the_ladder(
    server: timedelta, failures: int, wait: timedelta
) -> None:
    refused = gate(failures=failures).made_to_wait(NOON, server, "waiting", CADENCE)
    assert refused.wait_until == NOON + wait
    for by in EVERYBODY:
        assert until(refused, NOON + wait - MINUTE, [], by) == NOON + wait
        assert until(refused, NOON + wait, [], by) is None


def test_other_trouble_climbs_the_ladder_and_a_key_may_go_earlier() -> None:
    troubled, waits = gate(), []
    for _ in range(8):
        troubled = troubled.failed(NOON, "offline", CADENCE)
        assert troubled.retry_at is not None
        waits.append((troubled.retry_at - NOON).total_seconds())
    assert waits == [75, 180, 300, 600, 1200, 1800, 1800, 1800]
    assert until(troubled, NOON, [], "meter") == NOON + timedelta(seconds=1800)
    assert until(troubled, NOON, [], "person") is None


def test_what_is_written_down_of_a_wait_and_of_a_failure() -> None:
    before = gate(failures=1, retry_at=NOON, asked_at=NOON, trouble="old", unchanged=3)
    waits = before.made_to_wait(NOON, HOUR, "waiting", CADENCE)
    until = NOON + HOUR + CADENCE.cushion
    assert waits == gate(failures=2, wait_until=until, asked_at=NOON, trouble="waiting", unchanged=3)
    failed = before.failed(NOON, "refused", CADENCE, at_least=6 * HOUR, refused="f")
    retry = NOON + 6 * HOUR
    assert failed == gate(failures=2, retry_at=retry, asked_at=NOON, trouble="refused", refused="f", unchanged=3)
    assert before.failed(NOON, "offline", CADENCE).retry_at == NOON + timedelta(seconds=180)
    assert failed.forgiven() == gate(failures=2, asked_at=NOON, unchanged=3)
    assert waits.forgiven() == waits


def test_recovery_leaves_no_mark() -> None:
    troubled = gate(asked_at=NOON).failed(NOON, "offline", CADENCE).made_to_wait(NOON, HOUR, "waiting", CADENCE)
    assert troubled.answered(changed=True) == gate(asked_at=NOON)


def test_nobody_asks_twice_within_a_minute() -> None:
    asked = gate().asked(NOON)
    assert asked.held(NOON, [], CADENCE, "meter") == Plan(NOON + MINUTE, Why.JUST_ASKED)
    for by in EVERYBODY:
        assert until(asked, NOON + 59 * timedelta(seconds=1), [], by) == NOON + MINUTE
        assert until(asked, NOON + MINUTE, [], by) is None


def test_the_day_has_a_budget_and_a_part_of_it_is_kept_for_the_key() -> None:
    asks = [NOON - timedelta(hours=23) + number * MINUTE for number in range(100)]
    assert until(gate(), NOON, asks[:89], "meter") is None
    assert until(gate(), NOON, asks[:90], "meter") == asks[0] + timedelta(days=1)
    assert until(gate(), NOON, asks[:90], "person") is None
    assert gate().held(NOON, asks, CADENCE, "person") == Plan(asks[0] + timedelta(days=1), Why.BUDGET)


def test_a_script_spends_from_the_same_budget_and_not_faster_than_it_lasts() -> None:
    asks: list[datetime] = []
    for minute in range(24 * 60):
        now = NOON + minute * MINUTE
        if until(gate(), now, asks, "script") is None:
            asks.append(now)
    assert 40 <= len(asks) <= 60 and asks[4] == NOON + 4 * MINUTE  # a person who runs it by hand is answered
    assert until(gate(), now, [now - 2 * HOUR + number * MINUTE for number in range(5)], "script") is not None
    troubled = gate().failed(NOON, "offline", CADENCE)
    assert troubled.held(NOON, [], CADENCE, "script") == Plan(NOON + timedelta(seconds=75), Why.TROUBLE)


def test_a_request_whose_sender_is_gone_holds_nobody_for_long(store: Store) -> None:
    code = (
        "import sys; from datetime import *; from claude_meter_tui.polling.gate import *;"
        "from claude_meter_tui.store.store import Store; from claude_meter_tui.settings.cadence import Cadence;"
        "print(claim(Store.open(sys.argv[1]), ('e',), datetime.fromisoformat(sys.argv[2]), Cadence(), 'meter'))"
    )
    command = [sys.executable, "-c", code, store.path, NOON.isoformat()]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "None\n"
    left = Gate.load(store, KEYS, NOON)
    assert left.orphaned and left.held(NOON, [], CADENCE, "meter") == Plan(NOON + CADENCE.after_crash, Why.JUST_ASKED)
    assert claim(store, KEYS, NOON + timedelta(seconds=4), CADENCE, "person") is not None
    assert claim(store, KEYS, NOON + timedelta(seconds=5), CADENCE, "meter") is None
    own = Gate.load(store, KEYS, NOON + timedelta(seconds=5))
    assert own.asker == processes.mark_of_this_process() and not own.orphaned
    for done in (
        own.answered(changed=True),
        own.failed(NOON, "t", CADENCE),
        own.made_to_wait(NOON, HOUR, "t", CADENCE),
    ):
        assert done.asker is None


def test_a_request_whose_sender_lives_holds_everybody_until_its_answer_is_written_down(store: Store) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        mark = f"{other.pid} {processes.mark_of_this_process().split(' ')[1]} {processes._started(other.pid)}"
        sent = gate().asked(NOON)._replace(asker=mark)
        sent.save(store, KEYS)
        store.note_ask(KEYS, NOON, forget_before=NOON - HOUR)
        for by in EVERYBODY:  # what it waits to write may be a server's wait: the store was locked for minutes, say
            held = claim(store, KEYS, NOON + 5 * MINUTE, CADENCE, by)
            assert held == Plan(NOON + CADENCE.under_way, Why.AWAITED)
        waiting = Gate.load(store, KEYS, NOON + 5 * MINUTE)
        for done in (
            waiting.answered(changed=True),
            waiting.failed(NOON, "t", CADENCE),
            waiting.made_to_wait(NOON, HOUR, "t", CADENCE),
        ):
            assert waiting.awaited and not done.awaited
    finally:
        other.kill()
        other.communicate()
    assert claim(store, KEYS, NOON + 5 * MINUTE, CADENCE, "meter") is None, "it is gone by now"


def test_whether_a_process_is_gone_is_only_said_where_it_is_known() -> None:
    own = processes.mark_of_this_process()
    number, boot, started = own.split(" ")
    assert not processes.is_gone(own)
    assert processes.is_gone(f"{number} {boot} {int(started) + 1}")  # its number was given out again
    assert not processes.is_gone(f"{number} another {started}") and not processes.is_gone(f"4194999 another {started}")
    assert (
        processes.is_gone(f"4194999 {boot} {started}") and not processes.is_gone("") and not processes.is_gone("x y z")
    )


def test_a_wait_outlives_the_process_and_a_clock_set_back(store: Store) -> None:
    gate().made_to_wait(NOON, HOUR, "waiting", CADENCE).save(store, KEYS)
    again = Gate.load(store, KEYS, NOON + MINUTE)
    assert again.wait_until == NOON + HOUR + CADENCE.cushion
    earlier = NOON - timedelta(days=300)
    back = Gate.load(store, KEYS, earlier)
    assert back.wait_until == earlier + HOUR + CADENCE.cushion


def test_of_many_panes_one_asks(store: Store, tmp_path: Path) -> None:
    panes = [store, *(Store.open(store.path) for _ in range(5))]
    taken = [claim(pane, KEYS, NOON, CADENCE, "meter") for pane in panes]
    assert taken == [None, *[Plan(NOON + MINUTE, Why.JUST_ASKED)] * 5]
    assert budget_window(store, KEYS, NOON) == [NOON]
    for pane in panes[1:]:
        pane.close()


def test_a_day_of_any_number_of_panes_stays_within_the_budget(store: Store) -> None:
    """A whole day by the second heartbeat, the busiest kind: every reading differs, windows reset every five hours."""
    panes = [store, *(Store.open(store.path) for _ in range(2))]
    asked: list[datetime] = []
    read_at: datetime | None = None
    for beat in range(0, 26 * 3600, 30):
        now = NOON + timedelta(seconds=beat)
        resets = [NOON + number * 5 * HOUR for number in range(8)]
        for pane in panes:
            state = Gate.load(pane, KEYS, now)
            known = Known(
                read_at, [("5-hour", reset) for reset in resets], Doubt(9.0, "5-hour", 95.0, "5-hour", 95.0, whole=True)
            )
            if next_ask(now, known, state, budget_window(pane, KEYS, now), CADENCE).at > now:
                continue
            if claim(pane, KEYS, now, CADENCE, "meter") is None:
                asked.append(now)
                read_at = now
                Gate.load(pane, KEYS, now).answered(changed=True).at(now, None).save(pane, KEYS)
    assert max(sum(at <= other < at + timedelta(days=1) for other in asked) for at in asked) <= 100
    assert len(asked) > 60
    for pane in panes[1:]:
        pane.close()


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 3), st.sampled_from(EVERYBODY)), max_size=40))
def test_no_request_is_ever_sent_inside_a_wait(events: list[tuple[int, int, Asker]]) -> None:
    """Whatever happens, in whatever order: what `held` lets through is outside every wait the server named."""
    state, now = gate(), NOON
    waits: list[tuple[datetime, datetime]] = []
    for seconds, outcome, by in events:
        now += timedelta(seconds=seconds)
        if until(state, now, [], by) is not None:
            continue
        assert not any(start <= now < end for start, end in waits)
        state = state.asked(now)
        if outcome == 0:
            state = state.answered(changed=by == "meter")
        elif outcome == 1:
            state = state.failed(now, "offline", CADENCE)
        else:
            wait = timedelta(seconds=(outcome - 2) * 1600)
            state = state.made_to_wait(now, wait, "waiting", CADENCE)
            waits.append((now, now + wait))
