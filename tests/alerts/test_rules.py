"""What is told, once for each instance of a window, and what never is."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_meter_tui.alerts.rules import Alert, Standing, Told, decide
from claude_meter_tui.settings.alerting import Alerting, alerting_of, quiet_hours

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WANTED = Alerting()


def standing(used: float, resets_in: timedelta | None = 2 * HOUR, **more: Any) -> Standing:
    known = {"exact": True, **more}
    return Standing("five_hour", "5-hour", used, None if resets_in is None else NOON + resets_in, **known)


class Memory:
    """Decides again and again, as the dashboard does, and forgets nothing."""

    def __init__(self, wanted: Alerting = WANTED) -> None:
        self.wanted = wanted
        self.told: dict[tuple[str, str], Told] = {}

    def look(self, *windows: Standing, now: datetime = NOON) -> list[tuple[str, float | None]]:
        decision = decide(windows, self.told, self.wanted, now)
        for key, told in decision.remember.items():
            if told is None:
                self.told.pop(key, None)
            else:
                self.told[key] = told
        return [(alert.kind, alert.level) for alert in decision.alerts]


def test_a_threshold_is_told_once_and_the_next_one_again() -> None:
    memory = Memory()
    assert memory.look(standing(89.9)) == []
    assert memory.look(standing(90)) == [("threshold", 90)]
    assert memory.look(standing(95)) == memory.look(standing(99)) == []
    assert memory.look(standing(100)) == [("threshold", 100)]
    assert memory.look(standing(100)) == memory.look(standing(104)) == []


def test_several_passed_at_once_are_one_message() -> None:
    memory = Memory(Alerting(at=(50, 75, 90)))
    assert memory.look(standing(96)) == [("threshold", 90)] and memory.look(standing(96)) == []


def test_what_wavers_around_a_threshold_is_told_once() -> None:
    memory = Memory()
    told = [memory.look(standing(used)) for used in (90, 89, 91, 85, 90, 81, 92)]
    assert [each for each in told if each] == [[("threshold", 90)]]


def test_a_new_instance_is_told_of_anew_and_that_the_old_one_has_cleared() -> None:
    memory = Memory()
    memory.look(standing(100))
    later = NOON + 2 * HOUR + timedelta(seconds=30)
    assert memory.look(standing(100), now=later) == [], "an ended window's figure says nothing"
    assert memory.look(standing(0, None), now=later) == [("cleared", None)]
    assert memory.look(standing(0, None), now=later) == []
    assert memory.look(standing(93, 7 * HOUR), now=later + HOUR) == [("threshold", 90)]


def test_a_counter_that_began_anew_early_is_a_new_instance() -> None:
    memory = Memory()
    memory.look(standing(91))
    assert memory.look(standing(2)) == [("cleared", None)]
    assert memory.look(standing(90)) == [("threshold", 90)]


def test_jitter_and_a_moved_reset_are_none() -> None:
    memory = Memory()
    memory.look(standing(91))
    assert memory.look(standing(92, 2 * HOUR + timedelta(seconds=2))) == []
    assert memory.look(standing(92, 9 * HOUR)) == []


def test_that_it_cleared_is_told_soon_or_not_at_all_and_only_who_waits_for_it() -> None:
    night = Memory()
    night.look(standing(100))
    assert night.look(standing(0, None), now=NOON + 9 * HOUR) == []
    low = Memory(Alerting(at=(50,)))
    assert low.look(standing(60)) == [("threshold", 50)] and low.look(standing(0, None)) == []
    silent = Memory(Alerting(cleared=False))
    silent.look(standing(100))
    assert silent.look(standing(0)) == []


def test_stale_ended_and_estimated_figures_are_not_told() -> None:
    memory = Memory()
    assert memory.look(standing(99, exact=False)) == []
    assert memory.look(standing(99, -HOUR)) == []
    assert memory.look(standing(80, estimate=99.0)) == []
    asked_for = Memory(Alerting(estimates=True))
    assert asked_for.look(standing(80, estimate=99.0)) == [("threshold", 90)]
    decision = decide([standing(80, estimate=99.0)], {}, Alerting(estimates=True), NOON)
    assert decision.alerts[0].estimated and decision.alerts[0].utilization == 99
    assert asked_for.look(standing(92)) == [], "what the estimate said is not told again"


def test_a_forecast_is_told_once_within_its_time_and_likelihood() -> None:
    def ahead(probability: float, minutes: int, **more: Any) -> Standing:
        fills_at = NOON + timedelta(minutes=minutes)
        return standing(80, probability=probability, fills_at=fills_at, **more)

    memory = Memory()
    assert memory.look(ahead(0.79, 30)) == memory.look(ahead(0.9, 61)) == memory.look(ahead(0.9, 30, exact=False)) == []
    assert memory.look(ahead(0.8, 60)) == [("forecast", None)]
    assert memory.look(ahead(0.3, 60)) == memory.look(ahead(0.9, 10)) == []
    after = standing(80, 9 * HOUR, probability=0.9, fills_at=NOON + HOUR)
    assert memory.look(after) == [("forecast", None)], "another instance"
    assert Memory(Alerting(forecast=0)).look(ahead(0.99, 1)) == []
    assert Memory().look(standing(100, probability=1.0, fills_at=NOON))[0][0] == "threshold"


def test_a_limit_that_changed_is_told_once_though_its_hour_is_found_anew() -> None:
    since = NOON - timedelta(days=3)
    memory = Memory()
    assert memory.look(standing(10, step=(since, 0.9))) == []
    assert memory.look(standing(10, step=(since, 0.6))) == [("limit_changed", None)]
    assert memory.look(standing(10, step=(since + timedelta(hours=20), 0.62))) == []
    assert memory.look(standing(10, step=(since + timedelta(days=9), 1.5))) == [("limit_changed", None)]
    assert Memory(Alerting(limit_changed=False)).look(standing(10, step=(since, 0.5))) == []


def test_windows_can_have_percentages_of_their_own() -> None:
    wanted = Alerting(windows={"five_hour": (50.0,), "seven_day": ()})
    assert Memory(wanted).look(standing(60)) == [("threshold", 50)]
    assert Memory(wanted).look(standing(99)._replace(key="seven_day")) == []


@given(
    st.lists(
        st.tuples(st.floats(0, 150), st.one_of(st.none(), st.integers(-5, 10)), st.booleans(), st.integers(0, 120)),
        max_size=40,
    )
)
def test_whatever_happens_nothing_is_told_twice_of_one_instance(
    events: list[tuple[float, int | None, bool, int]],
) -> None:
    memory, now, told, lowest = Memory(), NOON, {}, 200.0
    reset: datetime | None = None
    for used, hours, exact, minutes in events:
        now += timedelta(minutes=minutes)
        if hours is not None:
            reset = now + hours * HOUR
        if used <= min(told.values(), default=0) - 10 or (reset is not None and reset <= now):
            told.clear()
        window = Standing("w", "W", used, reset, exact)
        for alert in decide([window], memory.told, WANTED, now).alerts:
            assert exact and (reset is None or reset > now) and used >= (alert.level or 0)
            assert isinstance(alert, Alert)
        kinds = memory.look(window, now=now)
        assert memory.look(window, now=now) == [], "looking twice tells nothing"
        del kinds
        lowest = min(lowest, used)


# --- when it is quiet ------------------------------------------------------------------------------------------------


def test_quiet_hours_over_midnight_and_by_day(monkeypatch: pytest.MonkeyPatch) -> None:
    night = Alerting(quiet=(time(22), time(7)))
    local = [NOON.replace(hour=hour).astimezone() for hour in range(24)]
    quiet = [moment.astimezone().hour for moment in local if night.is_quiet(moment)]
    assert sorted(quiet) == [0, 1, 2, 3, 4, 5, 6, 22, 23]
    lunch = Alerting(quiet=(time(12), time(13)))
    assert [hour for hour in range(24) if lunch.is_quiet(NOON.replace(hour=hour))] == [12]
    assert not Alerting().is_quiet(NOON)


@pytest.mark.parametrize("text", ["22-7x", "late", "22:00", "22:00-22:00", "25:00-07:00", "1-2-3"])
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(ValueError):
        quiet_hours(text)


def test_the_table_of_the_file_becomes_what_is_wanted() -> None:
    wanted = alerting_of({"by": ["bell"], "at": [50], "quiet": "22:00-07:00", "windows": {"x": [1, 2]}, "sure": 60})
    assert wanted == Alerting(("bell",), (50,), {"x": (1.0, 2.0)}, sure=60, quiet=(time(22), time(7)))
    assert alerting_of({"quiet": ""}).quiet is None
