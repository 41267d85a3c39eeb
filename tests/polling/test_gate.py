"""When the endpoint may be asked: FACTS §4, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import NOON
from hypothesis import given
from hypothesis import strategies as st

from claude_meter_tui.polling.gate import Gate, budget_window, claim
from claude_meter_tui.settings.cadence import Cadence
from claude_meter_tui.store.store import Store

CADENCE = Cadence()
KEYS = ("e",)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "s" / "meter.sqlite3")) as opened:
        yield opened


def gate(**known: object) -> Gate:
    return Gate(set_at=NOON, **known)  # type: ignore[arg-type]


def test_without_a_reading_it_asks_at_once() -> None:
    assert gate().due(NOON, [], CADENCE, None, []) == NOON


def test_a_young_reading_is_not_asked_for_again() -> None:
    assert gate().due(NOON, [], CADENCE, NOON - 5 * MINUTE, []) == NOON + 10 * MINUTE


def test_it_slows_down_while_nothing_changes_and_no_further_than_half_an_hour() -> None:
    steps = [gate(unchanged=number).interval(CADENCE) for number in range(6)]
    assert steps == [15 * MINUTE, 20 * MINUTE, 25 * MINUTE, 30 * MINUTE, 30 * MINUTE, 30 * MINUTE]


def test_it_asks_soon_after_a_reset_passes() -> None:
    resets = [NOON + 3 * MINUTE, NOON + HOUR]
    assert gate().due(NOON, [], CADENCE, NOON, resets) == NOON + 3 * MINUTE + CADENCE.after_reset


def test_an_answer_that_still_holds_the_ended_window_is_looked_at_again_once_soon() -> None:
    just_ended = NOON - timedelta(seconds=2)
    assert gate().due(NOON, [], CADENCE, NOON, [just_ended]) == NOON + CADENCE.again_after
    long_ended = NOON - HOUR
    assert gate().due(NOON, [], CADENCE, NOON, [long_ended]) == NOON + CADENCE.base


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
    for by_key in (True, False):
        assert refused.closed_until(NOON + wait - MINUTE, [], CADENCE, by_key=by_key) == NOON + wait
        assert refused.closed_until(NOON + wait, [], CADENCE, by_key=by_key) is None


def test_other_trouble_climbs_the_ladder_and_a_key_may_go_earlier() -> None:
    troubled, waits = gate(), []
    for _ in range(8):
        troubled = troubled.failed(NOON, "offline", CADENCE)
        assert troubled.retry_at is not None
        waits.append((troubled.retry_at - NOON).total_seconds())
    assert waits == [75, 180, 300, 600, 1200, 1800, 1800, 1800]
    assert troubled.closed_until(NOON, [], CADENCE, by_key=False) == NOON + timedelta(seconds=1800)
    assert troubled.closed_until(NOON, [], CADENCE, by_key=True) is None


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
    for by_key in (True, False):
        assert asked.closed_until(NOON + 59 * timedelta(seconds=1), [], CADENCE, by_key=by_key) == NOON + MINUTE
        assert asked.closed_until(NOON + MINUTE, [], CADENCE, by_key=by_key) is None


def test_the_day_has_a_budget_and_a_part_of_it_is_kept_for_the_key() -> None:
    asks = [NOON - timedelta(hours=23) + number * MINUTE for number in range(100)]
    assert gate().closed_until(NOON, asks[:89], CADENCE, by_key=False) is None
    assert gate().closed_until(NOON, asks[:90], CADENCE, by_key=False) == asks[0] + timedelta(days=1)
    assert gate().closed_until(NOON, asks[:90], CADENCE, by_key=True) is None
    assert gate().closed_until(NOON, asks, CADENCE, by_key=True) == asks[0] + timedelta(days=1)


def test_a_wait_outlives_the_process_and_a_clock_set_back(store: Store) -> None:
    gate().made_to_wait(NOON, HOUR, "waiting", CADENCE).save(store, KEYS)
    again = Gate.load(store, KEYS, NOON + MINUTE)
    assert again.wait_until == NOON + HOUR + CADENCE.cushion
    earlier = NOON - timedelta(days=300)
    back = Gate.load(store, KEYS, earlier)
    assert back.wait_until == earlier + HOUR + CADENCE.cushion


def test_of_many_panes_one_asks(store: Store, tmp_path: Path) -> None:
    panes = [store, *(Store.open(store.path) for _ in range(5))]
    taken = [claim(pane, KEYS, NOON, CADENCE, by_key=False) for pane in panes]
    assert taken == [None, *[NOON + MINUTE] * 5]
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
            if state.due(now, budget_window(pane, KEYS, now), CADENCE, read_at, resets) > now:
                continue
            if claim(pane, KEYS, now, CADENCE, by_key=False) is None:
                asked.append(now)
                read_at = now
                Gate.load(pane, KEYS, now).answered(changed=True).at(now, None).save(pane, KEYS)
    assert max(sum(at <= other < at + timedelta(days=1) for other in asked) for at in asked) <= 100
    assert len(asked) > 80
    for pane in panes[1:]:
        pane.close()


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 3), st.booleans()), max_size=40))
def test_no_request_is_ever_sent_inside_a_wait(events: list[tuple[int, int, bool]]) -> None:
    """Whatever happens, in whatever order: what `closed_until` lets through is outside every wait the server named."""
    state, now = gate(), NOON
    waits: list[tuple[datetime, datetime]] = []
    for seconds, outcome, by_key in events:
        now += timedelta(seconds=seconds)
        if state.closed_until(now, [], CADENCE, by_key=by_key) is not None:
            continue
        assert not any(start <= now < end for start, end in waits)
        state = state.asked(now)
        if outcome == 0:
            state = state.answered(changed=by_key)
        elif outcome == 1:
            state = state.failed(now, "offline", CADENCE)
        else:
            wait = timedelta(seconds=(outcome - 2) * 1600)
            state = state.made_to_wait(now, wait, "waiting", CADENCE)
            waits.append((now, now + wait))
