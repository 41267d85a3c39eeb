"""A window's earlier instances by its readings, and the hours of the week it is used at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_meter_tui.domain.earlier import past_instances, use_by_hour
from claude_meter_tui.domain.instances import Point

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
H = timedelta(hours=1)
FIVE = 5 * 3600


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_each_instance_has_its_peak_and_whether_it_was_full() -> None:
    points = [
        Point(NOON - 11 * H, 20, NOON - 8 * H),
        Point(NOON - 8.2 * H, 100, NOON - 8 * H),
        Point(NOON - 7 * H, 3, NOON - 3 * H),
        Point(NOON - 5 * H, 40, NOON - 3 * H),
        Point(NOON - 1 * H, 10, NOON + 3 * H),
        Point(NOON, 12, NOON + 3 * H),
    ]
    now, second, first = past_instances(points, FIVE, NOON)
    assert (first.peak, first.was_full, first.at_least) == (100, True, False)
    assert (first.opened_at, first.cleared_at) == (NOON - 13 * H, NOON - 8 * H)
    assert (second.peak, second.was_full, second.at_least) == (40, False, True)  # two hours before its end
    assert (second.opened_at, second.cleared_at) == (NOON - 8 * H, NOON - 3 * H)
    assert (now.peak, now.cleared_at, now.at_least) == (12, None, False)


def test_the_last_is_over_when_its_reset_has_passed_and_an_early_reset_ends_one() -> None:
    (only,) = past_instances([Point(NOON - 3 * H, 50, NOON - H)], FIVE, NOON)
    assert only.cleared_at == NOON - H and only.at_least
    points = [Point(NOON - 2 * H, 80, NOON + H), Point(NOON - H, 5, NOON + H)]
    now, early = past_instances(points, FIVE, NOON)
    assert early.cleared_at == NOON - H and early.peak == 80 and now.opened_at == NOON - H


def test_unused_and_none_at_all_are_no_instances() -> None:
    assert past_instances([], FIVE, NOON) == []
    assert past_instances([Point(NOON - H, 0, None), Point(NOON, 0, None)], FIVE, NOON) == []
    assert [each.peak for each in past_instances([Point(NOON, 7, None)], None, NOON)] == [7]


def test_use_is_put_to_the_hours_it_was_in() -> None:
    reset = NOON + 9 * H
    points = [
        Point(NOON - 0.5 * H, 10, reset),
        Point(NOON + 0.5 * H, 20, reset),  # half of it before noon
        Point(NOON + 5 * H, 60, reset),  # too long without a reading to be put anywhere
        Point(NOON + 6 * H, 61, reset),
        Point(NOON + 7 * H, 1, reset + 5 * H),  # a drop says nothing
    ]
    found = use_by_hour(points)
    thursday = found[3]
    assert thursday[11] == pytest.approx(5) and thursday[12] == pytest.approx(5) and thursday[17] == pytest.approx(1)
    assert sum(map(sum, found)) == pytest.approx(11)


moments = st.integers(0, 60 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))
readings = st.builds(Point, moments, st.floats(0, 1000), st.one_of(st.none(), moments))


@given(st.lists(readings, max_size=40).map(lambda points: sorted(points, key=lambda p: p.observed_at)))
def test_any_readings_give_peaks_that_were_read_and_hours_that_add_up(points: list[Point]) -> None:
    read = {point.utilization for point in points}
    found = past_instances(points, FIVE, NOON)
    assert all(each.peak in read and each.opened_at <= each.last_at for each in found)
    rises = sum(max(0.0, b.utilization - a.utilization) for a, b in pairwise(points))
    assert sum(map(sum, use_by_hour(points))) <= rises + 1e-6
