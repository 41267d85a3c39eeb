"""When an instance of a window began, and which readings show a reset."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from conftest import NOON

from claude_meter_tui.domain.instances import Instance, Point, instance_of, reset_between, resets_in
from claude_meter_tui.domain.windows import Window

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK = 7 * DAY


def point(hours: float, used: float, resets: datetime | None) -> Point:
    return Point(NOON + hours * HOUR, used, resets)


def week(resets: datetime | None, used: float = 40, length: int | None = 7 * 86400) -> Window:
    return Window(
        key="seven_day", label="7-day", group="weekly", utilization=used, resets_at=resets, length_seconds=length
    )


SOON, LATER = NOON + 10 * HOUR, NOON + 10 * HOUR + WEEK


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (point(-2, 40, SOON), point(-1, 41, SOON), None),
        (point(-2, 40, SOON), point(-1, 38.1, SOON), None),  # rounding, not a reset
        (point(-2, 40, SOON), point(-1, 38, SOON), "early"),
        (point(-2, 40, SOON), point(-1, 0, None), "early"),
        (point(-2, 40, NOON - 1.5 * HOUR), point(-1, 0, None), "due"),
        (point(-2, 2, NOON - 1.5 * HOUR), point(-1, 9, NOON + 3.5 * HOUR), "due"),  # used more at once than before
        (point(-2, 2, NOON - 1.5 * HOUR), point(-1, 2, NOON - 1.5 * HOUR + timedelta(seconds=2)), None),
        (point(-2, 2, NOON - HOUR), point(-1, 1, NOON - HOUR), "due"),  # at the very moment
        (point(-2, 40, SOON), point(-1, 41, LATER), None),  # moved on without a reset
        (point(-2, 40, None), point(-1, 41, SOON), None),
    ],
)
def test_a_reset_between_two_readings(before: Point, after: Point, kind: str | None) -> None:
    assert reset_between(before, after) == kind
    moment = {"early": after.observed_at, "due": before.resets_at, None: None}[kind]
    assert resets_in([before, after]) == ([] if moment is None else [moment])


def test_without_readings_it_began_its_length_before_its_reset() -> None:
    window = week(SOON)
    assert instance_of(window, (), NOON) == Instance(window, SOON - WEEK, early=False)


@pytest.mark.parametrize("window", [week(None), week(SOON, length=None), week(NOON), week(NOON - HOUR)])
def test_idle_unknown_and_ended_windows_have_none(window: Window) -> None:
    assert instance_of(window, (point(-1, 4, SOON),), NOON) == Instance(window, None, early=False)


def test_a_counter_that_fell_began_anew_after_the_last_reading_before() -> None:
    points = (point(-30, 50, SOON), point(-12, 60, SOON), point(-8, 62, SOON), point(-1, 2, SOON), point(0, 3, SOON))
    assert instance_of(week(SOON), points, NOON) == Instance(week(SOON), NOON - 8 * HOUR, early=True)
    assert instance_of(week(SOON), points[3:], NOON).since == SOON - WEEK


def test_a_reset_that_came_when_it_was_due_is_not_early() -> None:
    ended = NOON - 20 * HOUR
    points = (point(-30, 90, ended), point(-10, 4, ended + WEEK), point(-1, 6, ended + WEEK))
    assert instance_of(week(ended + WEEK), points, NOON) == Instance(week(ended + WEEK), ended, early=False)
    shifted = ended + WEEK + 3 * HOUR  # its next reset is three hours later than a week after it
    points = (point(-30, 90, ended), point(-10, 4, shifted))
    assert instance_of(week(shifted), points, NOON).since == shifted - WEEK


def test_after_a_reset_that_was_due_nothing_before_it_counts() -> None:
    ended = NOON - 20 * HOUR
    earlier = ended + WEEK - 5 * HOUR  # the anchor moved five hours forward
    points = (point(-30, 90, ended), point(-10, 4, earlier))
    assert instance_of(week(earlier), points, NOON).since == ended
    untold = (point(-22, 90, None), point(-10, 4, earlier))
    assert instance_of(week(earlier), untold, NOON) == Instance(week(earlier), NOON - 22 * HOUR, early=True)


def test_a_reset_that_moved_on_leaves_the_beginning_and_none_is_later_than_now() -> None:
    points = (point(-48, 40, SOON), point(-1, 41, SOON + 3 * DAY), point(0, 42, LATER))
    assert instance_of(week(LATER), points, NOON).since == SOON - WEEK
    assert instance_of(week(LATER), points[2:], NOON).since == NOON
    idle_first = (point(-48, 0, None), *points[1:])
    assert instance_of(week(LATER), idle_first, NOON).since == SOON + 3 * DAY - WEEK
