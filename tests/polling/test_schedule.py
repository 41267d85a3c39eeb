"""When the server is asked next, and why: rule by rule, and on the screen and in `doctor`."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from conftest import NOON, Bench
from hypothesis import given
from hypothesis import strategies as st

from claude_meter_tui.analysis.outlook import WindowOutlook
from claude_meter_tui.domain.windows import Account, Reading, Window
from claude_meter_tui.output.asking_words import reason, when_and_why
from claude_meter_tui.polling.gate import Gate
from claude_meter_tui.polling.schedule import Doubt, Known, Plan, Why, doubt_of, next_ask
from claude_meter_tui.settings.cadence import Cadence

CADENCE = Cadence(jitter=0.0)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def planned(known: Known, asks: int = 0, cadence: Cadence = CADENCE, **gate: object) -> Plan:
    spent = [NOON - 20 * HOUR + number * MINUTE for number in range(asks)]
    return next_ask(NOON, known, Gate(set_at=NOON, **gate), spent, cadence)  # type: ignore[arg-type]


def one_window(points: float, high: float, *, whole: bool = True, elsewhere: float = 0.0) -> Doubt:
    """What is not known of an account with one window."""
    return Doubt(points, "7-day", high, "7-day", high, whole, elsewhere)


def test_without_a_reading_it_asks_at_once() -> None:
    assert planned(Known(None)) == Plan(NOON, Why.FIRST)


def test_where_nothing_is_estimated_it_asks_by_habit_and_slower_while_nothing_changes() -> None:
    assert planned(Known(NOON - 5 * MINUTE)) == Plan(NOON + 10 * MINUTE, Why.USUAL)
    steps = [planned(Known(NOON, unchanged=number)).at - NOON for number in range(8)]
    assert steps == [15 * MINUTE, 20 * MINUTE, 25 * MINUTE, *[30 * MINUTE] * 5]
    assert planned(Known(NOON, unchanged=8)) == Plan(NOON + HOUR, Why.QUIET)
    slow = CADENCE._replace(base=90 * MINUTE)
    assert {planned(Known(NOON, unchanged=number), cadence=slow).at for number in (0, 3, 9)} == {NOON + 90 * MINUTE}


def test_doubt_asks_soon_and_what_is_known_waits() -> None:
    def doubt(points: float, *, whole: bool = True, high: float = 69.0, still: int = 0) -> Known:
        return Known(NOON, (), one_window(points, high, whole=whole), still)

    assert planned(doubt(4.0)) == Plan(NOON + 5 * MINUTE, Why.DOUBT, "7-day", 69.0)
    assert planned(doubt(3.9)) == Plan(NOON + 3 * HOUR, Why.KNOWN)
    assert planned(doubt(3.9, whole=False)) == Plan(NOON + HOUR, Why.KNOWN)
    assert planned(doubt(3.9, high=70.0)) == Plan(NOON + 15 * MINUTE, Why.NEAR, "7-day", 70.0)
    assert planned(doubt(3.9, high=70.0, still=4)) == Plan(NOON + 3 * HOUR, Why.KNOWN)


def test_the_fullest_window_decides_what_is_near_a_limit_not_the_one_least_known() -> None:
    near = Known(NOON, (), Doubt(3.0, "5-hour", 20.0, "7-day", 72.0, whole=True))
    assert planned(near) == Plan(NOON + 15 * MINUTE, Why.NEAR, "7-day", 72.0)
    doubtful = Known(NOON, (), Doubt(4.0, "5-hour", 20.0, "7-day", 72.0, whole=True))
    assert planned(doubtful) == Plan(NOON + 5 * MINUTE, Why.DOUBT, "5-hour", 20.0)


def test_where_much_is_used_elsewhere_it_looks_more_often_while_something_moves() -> None:
    def span(elsewhere: float, still: int, high: float = 50.0) -> timedelta:
        return planned(Known(NOON, (), one_window(1.0, high, elsewhere=elsewhere), still)).at - NOON

    assert span(0.05, 0) == span(0.05, 3) == 20 * MINUTE and span(0.9, 0, 90.0) == 15 * MINUTE
    often = planned(Known(NOON, (), one_window(1.0, 50.0, elsewhere=0.05)))
    assert often == Plan(NOON + 20 * MINUTE, Why.ELSEWHERE)
    assert span(0.04, 0) == span(0.05, 4) == 3 * HOUR


def test_the_more_of_a_day_s_requests_are_spent_the_more_doubt_it_takes() -> None:
    def why(asks: int, points: float) -> Why:
        return planned(Known(NOON, doubt=one_window(points, 93.4)), asks).why

    assert why(30, 4.0) is Why.DOUBT and why(31, 4.0) is Why.NEAR
    assert why(60, 8.0) is Why.DOUBT and why(60, 7.9) is Why.NEAR and why(89, 11.9) is Why.DOUBT


def test_a_busy_day_does_not_use_up_its_requests_before_it_is_over() -> None:
    asks: list[datetime] = []
    now, end = NOON, NOON + timedelta(days=3)
    while now < end:
        lately = [each for each in asks if now - each < timedelta(days=1)]
        now = next_ask(now, Known(asks[-1] if asks else None), Gate(set_at=NOON), lately, CADENCE).at
        asks.append(now)
    gaps = [after - before for before, after in pairwise(asks)]
    assert max(gaps) < 30 * MINUTE and len(asks) / 3 <= 90


def test_it_asks_soon_after_a_reset_and_once_more_where_the_ended_window_is_still_sent() -> None:
    resets = [("7-day", NOON + HOUR), ("5-hour", NOON + 3 * MINUTE)]
    assert planned(Known(NOON, resets)) == Plan(NOON + 3 * MINUTE + CADENCE.after_reset, Why.RESET, "5-hour")
    just_ended = [("5-hour", NOON - timedelta(seconds=2))]
    assert planned(Known(NOON, just_ended)) == Plan(NOON + CADENCE.again_after, Why.ENDED, "5-hour")
    assert planned(Known(NOON, [("5-hour", NOON - HOUR)])) == Plan(NOON + 15 * MINUTE, Why.USUAL)


def test_after_a_sleep_it_looks_again_unless_the_reading_is_young() -> None:
    known = Known(NOON - HOUR, doubt=one_window(1.0, 50.0), woke_at=NOON)
    assert planned(known) == Plan(NOON + CADENCE.after_wake, Why.WOKE)
    assert planned(known._replace(read_at=NOON - 14 * MINUTE)).why is Why.KNOWN
    assert planned(known._replace(read_at=NOON + MINUTE)).why is Why.KNOWN  # read since


def test_what_holds_a_request_back_is_said_instead() -> None:
    due = Known(NOON - HOUR)
    assert planned(due, wait_until=NOON + HOUR) == Plan(NOON + HOUR, Why.WAIT)
    assert planned(due, retry_at=NOON + HOUR) == Plan(NOON + HOUR, Why.TROUBLE)
    assert planned(due, asked_at=NOON) == Plan(NOON + MINUTE, Why.JUST_ASKED)
    assert planned(due, 90) == Plan(NOON + 4 * HOUR, Why.BUDGET)
    assert planned(Known(NOON), wait_until=NOON + MINUTE) == Plan(NOON + 15 * MINUTE, Why.USUAL)


@given(
    read=st.integers(0, 10**10),
    points=st.one_of(st.none(), st.floats(0, 500)),
    unchanged=st.integers(0, 100),
    asks=st.integers(0, 100),
)
def test_jitter_is_later_bounded_and_the_same_for_every_pane(
    read: int, points: float | None, unchanged: int, asks: int
) -> None:
    read_at = NOON - timedelta(microseconds=read)
    known = Known(read_at, (), None if points is None else one_window(points, 50.0), unchanged)
    jittered, plain = (planned(known, asks, CADENCE._replace(jitter=jitter)) for jitter in (0.1, 0.0))
    assert plain.at <= jittered.at <= plain.at + (plain.at - read_at) * 0.1
    assert jittered == planned(known, asks, CADENCE._replace(jitter=0.1)) and jittered.why is plain.why


def test_meters_do_not_ask_in_step() -> None:
    spans = set()
    for number in range(50):
        read_at = NOON - timedelta(microseconds=number * 7919)
        spans.add(planned(Known(read_at), cadence=Cadence()).at - read_at)
    assert len(spans) > 40


@pytest.mark.parametrize("why", list(Why))
def test_every_reason_has_words(why: Why) -> None:
    said = reason(Plan(NOON, why, "5-hour", 93.4))
    assert said and "None" not in said and said[0] != " "


def test_reasons_as_they_are_read() -> None:
    at = datetime(2026, 11, 26, 12, 31, tzinfo=NOON.tzinfo)
    assert when_and_why(Plan(at, Why.DOUBT, "5-hour", 93.4), NOON) == "12:31: 5-hour may be past 90 %"
    assert reason(Plan(at, Why.DOUBT, "5-hour", 3.0)) == "5-hour may have risen"
    assert reason(Plan(at, Why.RESET, "7-day")) == "7-day clears"


# --- by the poller ---------------------------------------------------------------------------------------------------


async def test_a_sleep_is_noticed_and_what_others_used_meanwhile_is_asked_for(bench: Bench) -> None:
    await bench.poller.beat()
    with bench.store.transaction():  # as after hours in which nothing changed
        keys = bench.poller._keys(bench.poller._source)  # type: ignore[arg-type]
        bench.poller._gate._replace(unchanged=8).save(bench.store, keys)
    bench.clock.advance(minutes=16)
    await bench.another_poller().beat()  # whoever writes has the gate read anew
    await bench.poller.beat()
    assert bench.asked == 1 and bench.poller.state.plan == Plan(NOON + HOUR, Why.QUIET)
    bench.clock.sleep(minutes=17)
    await bench.poller.beat()
    assert bench.poller.state.plan == Plan(bench.clock.now() + CADENCE.after_wake, Why.WOKE)
    bench.clock.advance(seconds=10)
    await bench.poller.beat()
    assert bench.asked == 2 and bench.poller.state.plan is not None and bench.poller.state.plan.why is not Why.WOKE


async def test_a_reading_that_is_old_by_plan_is_not_called_stale(bench: Bench) -> None:
    await bench.poller.beat()
    state = bench.poller.state
    later = NOON + timedelta(minutes=50)
    for why, phase in ((Why.KNOWN, "live"), (Why.QUIET, "live"), (Why.USUAL, "stale"), (Why.BUDGET, "stale")):
        planned = state._replace(plan=Plan(NOON + HOUR, why))
        assert planned.phase(later).value == phase and planned.phase(NOON + HOUR).value == "stale"


def test_of_several_windows_the_widest_range_and_the_fullest_are_told_apart() -> None:
    def ranged(key: str, estimate: float, wide: float) -> dict[str, object]:
        return {
            **dict.fromkeys(WindowOutlook.__required_keys__),
            "key": key,
            "read_at": "2026-11-26T12:00:00Z",
            "estimate": {"estimate": estimate, "low": estimate - wide / 2, "high": estimate + wide / 2},
            "elsewhere_share": {"estimate": 0.2, "low": 0.1, "high": 0.3} if key == "five_hour" else None,
        }

    def window(key: str, label: str, used: float) -> Window:
        return Window(key=key, label=label, group="weekly", utilization=used, resets_at=None)

    reading = Reading(
        account=Account(),
        windows=(window("five_hour", "5-hour", 10.0), window("seven_day", "7-day", 80.0)),
        observed_at=NOON,
        source="oauth",
    )
    outlook = {
        "made_at": "2026-11-26T12:00:00Z",
        "next_stop": None,
        "nothing_fills": 1.0,
        "windows": [ranged("five_hour", 30.0, 8.0), ranged("seven_day", 81.0, 2.0)],
    }
    found = doubt_of(outlook, reading, NOON)  # type: ignore[arg-type]
    assert found == Doubt(pytest.approx(8.0), "5-hour", 34.0, "7-day", 82.0, whole=True, elsewhere=0.2)  # type: ignore[arg-type]
    outlook["windows"] = [ranged("five_hour", 30.0, 8.0)]  # nothing is estimated of the other, which is in use
    assert doubt_of(outlook, reading, NOON) == found._replace(fullest="5-hour", highest=34.0, whole=False)  # type: ignore
    near = {**outlook, "windows": [ranged("five_hour", 30.0, 8.0), ranged("seven_day", 90.0, 4.0)]}
    assert doubt_of(near, reading, NOON) == Doubt(16.0, "7-day", 92.0, "7-day", 92.0, True, 0.2)  # type: ignore
    assert doubt_of(None, reading, NOON) is None


def test_at_the_very_edges() -> None:
    # A hold that ends when it is wanted anyway is no reason.
    held = {"retry_at": NOON + 15 * MINUTE}
    assert planned(Known(NOON), **held) == Plan(NOON + 15 * MINUTE, Why.USUAL)
    assert planned(Known(NOON), retry_at=NOON + 16 * MINUTE) == Plan(NOON + 16 * MINUTE, Why.TROUBLE)
    woke = Known(NOON - 2 * HOUR, doubt=one_window(1.0, 50.0), woke_at=NOON - 105 * MINUTE)
    assert planned(woke).why is Why.WOKE
    assert planned(woke._replace(woke_at=NOON - 105 * MINUTE - timedelta(seconds=1))).why is Why.KNOWN


def test_a_window_that_clears_just_as_it_is_read_has_ended_and_is_looked_at_again_for_a_while() -> None:
    assert planned(Known(NOON, [("5-hour", NOON)])) == Plan(NOON + timedelta(seconds=75), Why.ENDED, "5-hour")
    assert planned(Known(NOON, [("5-hour", NOON - CADENCE.ended_grace)])).why is Why.USUAL


def test_jitter_only_adds_by_what_all_know_alike() -> None:
    jittery = CADENCE._replace(jitter=0.1)

    def added(microseconds: int, resets: bool = False) -> timedelta:
        read_at = NOON + timedelta(microseconds=microseconds)
        if resets:
            known = Known(read_at, [("5-hour", NOON + 5 * MINUTE)])
            return planned(known, cadence=jittery).at - (NOON + 5 * MINUTE + CADENCE.after_reset)
        return planned(Known(read_at), cadence=jittery).at - read_at - 15 * MINUTE

    assert added(997) == added(0) == timedelta(0)
    assert added(996) == 90 * timedelta(seconds=1) * (996 / 997) and added(996, resets=True) > timedelta(seconds=19)


def test_a_window_without_use_needs_no_estimate_and_one_with_any_does() -> None:
    def whole(used: float) -> bool:
        windows = tuple(
            Window(key=key, label=key, group="weekly", utilization=each) for key, each in (("a", 10.0), ("b", used))
        )
        reading = Reading(account=Account(), windows=windows, observed_at=NOON, source="oauth")
        window = {
            **dict.fromkeys(WindowOutlook.__required_keys__),
            "key": "a",
            "read_at": "2026-11-26T12:00:00Z",
            "estimate": {"estimate": 10.0, "low": 9.0, "high": 11.0},
        }
        outlook = {"made_at": "2026-11-26T12:00:00Z", "next_stop": None, "nothing_fills": 1.0, "windows": [window]}
        found = doubt_of(outlook, reading, NOON)  # type: ignore[arg-type]
        assert found is not None and found.elsewhere == 0.0
        return found.whole

    assert whole(0.0) and not whole(0.5) and not whole(1.0)
