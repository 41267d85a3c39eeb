"""How a window stands at a moment, and the words for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from conftest import NOON
from hypothesis import given
from hypothesis import strategies as st

from claude_meter_tui.domain import urgency
from claude_meter_tui.output import words
from claude_meter_tui.system.clock import follow_time_zone

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3 * 86400 + 20 * 3600 + 59, "3d 20h"),
        (5 * 86400 + 3 * 3600, "5d  3h"),
        (2 * 3600 + 57 * 60 + 59.9, "2h 57m"),
        (42 * 60, "42m"),
        (600, "10m"),
        (599.9, "9:59"),
        (252, "4:12"),
        (0.9, "now"),
        (-5, "now"),
    ],
)
def test_countdowns_are_as_fine_as_a_person_needs(seconds: float, text: str) -> None:
    assert words.countdown(seconds) == text


@given(st.integers(10, 8 * 86400_000).map(lambda milliseconds: milliseconds / 1000))
def test_nothing_wakes_before_the_countdown_reads_differently_and_then_it_does(seconds: float) -> None:
    wait = words.countdown_changes_in(seconds)
    assert words.countdown(seconds - wait * 0.99) == words.countdown(seconds)
    assert words.countdown(seconds - wait - 0.01) != words.countdown(seconds) or words.countdown(seconds) == "now"


@given(st.integers(0, 9 * 86400_000).map(lambda milliseconds: milliseconds / 1000))
def test_nor_before_an_age_does(seconds: float) -> None:
    wait = words.age_changes_in(seconds)
    assert words.age(seconds + wait * 0.99) == words.age(seconds)
    assert words.age(seconds + wait + 0.01) != words.age(seconds)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"),
        (0.5, "0.5 %"),
        (41.0, "41 %"),
        (24.8, "25 %"),
        (99.6, "99.6 %"),
        (99.99, "99.9 %"),
        (113.2, "113 %"),
    ],
)
def test_percentages_never_round_up_to_full(value: float, text: str) -> None:
    assert words.percent(value) == text


@pytest.mark.parametrize(("points", "text"), [(26.7, "+27"), (-11.2, "-11"), (0.3, "+0"), (-0.3, "+0"), (0.0, "+0")])
def test_a_gap_of_nothing_has_no_minus(points: float, text: str) -> None:
    assert words.gap(points) == text


def test_a_reset_that_jitters_around_nine_reads_nine() -> None:
    for seconds in (-1.9, 0.4, 1.9):
        assert words.clock_time(NOON.replace(hour=9) + timedelta(days=1, seconds=seconds), NOON) == "Fri 09:00"
    assert words.clock_time(NOON + HOUR, NOON) == "13:00"
    assert words.clock_time(NOON + timedelta(days=28), NOON) == "Dec 24 12:00"
    assert words.clock_time(NOON + timedelta(seconds=1), NOON, up=True) == "12:01"
    assert words.clock_time(NOON, NOON, up=True) == "12:00"


def test_across_a_change_to_or_from_summer_time_the_wall_clock_jumps_and_the_countdown_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    try:
        follow_time_zone()
        spring = datetime(2026, 3, 8, 6, 30, tzinfo=UTC)  # 01:30, half an hour before
        assert words.clock_time(spring, spring) == "01:30" and words.clock_time(spring + 2 * HOUR, spring) == "04:30"
        assert words.countdown((2 * HOUR).total_seconds()) == "2h  0m"
        autumn = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
        assert words.clock_time(autumn, autumn) == words.clock_time(autumn + HOUR, autumn) == "01:30"
        assert words.clock_time(autumn + 7 * 24 * HOUR, autumn) == "Nov 8 00:30"
    finally:
        monkeypatch.undo()
        follow_time_zone()


def order(*windows: tuple[str, float, timedelta | None]) -> list[str]:
    ranked = sorted(
        windows,
        key=lambda window: urgency.rank(window[1], NOON + window[2] if window[2] is not None else None, None, NOON),
        reverse=True,
    )
    return [name for name, *_ in ranked]


def test_the_fullest_comes_first_ended_ones_last_and_of_full_ones_the_one_that_clears_last() -> None:
    assert order(("a", 40, HOUR), ("b", 96, HOUR), ("c", 104, -HOUR)) == ["b", "a", "c"]
    assert order(("five", 130, HOUR), ("week", 100, 50 * HOUR), ("b", 99, HOUR)) == ["week", "five", "b"]
    assert order(("idle", 0, None), ("used", 0.5, HOUR)) == ["used", "idle"]


def test_the_server_s_mark_breaks_a_tie() -> None:
    marked = urgency.rank(50, NOON + HOUR, True, NOON)
    assert marked > urgency.rank(50, NOON + HOUR, False, NOON)


def test_the_even_pace_is_the_elapsed_share() -> None:
    assert urgency.even_pace(NOON + HOUR, 4 * 3600, NOON) == 0.75
    assert urgency.even_pace(NOON - HOUR, 4 * 3600, NOON) is None
    assert urgency.even_pace(None, 4 * 3600, NOON) is None
    assert urgency.even_pace(NOON + HOUR, None, NOON) is None
    assert urgency.even_pace(NOON + 9 * HOUR, 4 * 3600, NOON) == 0.0


@pytest.mark.parametrize(
    ("used", "severity", "level"),
    [(10, None, "normal"), (75, None, "warning"), (10, "warning", "warning"), (90, "normal", "critical")]
    + [(10, "critical", "critical"), (100, None, "full"), (20, "unheard-of", "normal")],
)
def test_levels_are_the_graver_of_ours_and_the_server_s(used: float, severity: str | None, level: str) -> None:
    assert urgency.level(used, severity) == level
