"""The parts of the forecast, each by what it is for; no figure here depends on a simulator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_meter_tui.analysis.forecasting.adjustment import adjustment
from claude_meter_tui.analysis.forecasting.blocked import filled
from claude_meter_tui.analysis.forecasting.habit import Habit, habit_of
from claude_meter_tui.analysis.forecasting.likeness import distance, features, is_free_day
from claude_meter_tui.analysis.forecasting.pacing import Pacing, pacing_of
from claude_meter_tui.analysis.forecasting.paths import paths_ahead
from claude_meter_tui.analysis.forecasting.variation import strengths
from claude_meter_tui.analysis.history import DAY_STEPS, STEP, Past, WindowPast
from claude_meter_tui.analysis.weights import learn

MONDAY = 4 * DAY_STEPS  # 1970-01-05
FRIDAY = 1  # of days since 1970, a Thursday


def office(days: int) -> np.ndarray:
    """(steps, 1) one unit in each step of the working hours of workdays, from a Monday on."""
    step = np.arange(days * DAY_STEPS)
    at_work = (step // 6 % 24 >= 9) & (step // 6 % 24 < 17)
    return (at_work & ~is_free_day((step + MONDAY) // DAY_STEPS)).astype(float)[:, None]


# --- what would have been used while a window was full --------------------------------------------------------------


def test_a_blocked_afternoon_is_filled_and_a_blocked_evening_is_not() -> None:
    """What preceded it was work in both; but at five people go home, whatever a window says."""
    use = office(21)
    blocked = np.zeros_like(use, dtype=bool)
    afternoon = slice(14 * DAY_STEPS + 12 * 6, 14 * DAY_STEPS + 15 * 6)
    evening = slice(15 * DAY_STEPS + 17 * 6, 15 * DAY_STEPS + 20 * 6)
    for where in (afternoon, evening):
        blocked[where] = True
        use[where] = 0
    found = filled(use, np.ones(1), blocked, MONDAY)
    assert found[afternoon].mean() > 0.7
    assert found[evening].mean() < 0.3
    assert np.array_equal(found[~blocked], use[~blocked])


def test_days_without_a_chance_are_filled_with_the_same_hours_of_days_before() -> None:
    use = office(21)
    blocked = np.zeros_like(use, dtype=bool)
    long = slice(14 * DAY_STEPS, 16 * DAY_STEPS)
    blocked[long], use[long] = True, 0
    found = filled(use, np.ones(1), blocked, MONDAY)[long]
    assert found.sum() == pytest.approx(2 * 48, rel=0.35)
    assert found[: 8 * 6].sum() < 6, "nobody worked at night"


def test_what_was_used_of_a_step_before_it_closed_is_kept() -> None:
    use = office(14)
    blocked = np.zeros_like(use, dtype=bool)
    blocked[10 * DAY_STEPS + 60], use[10 * DAY_STEPS + 60] = True, 5.0
    assert filled(use, np.ones(1), blocked, MONDAY)[10 * DAY_STEPS + 60] == 5.0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 600), st.integers(0, 400), st.integers(0, 400), st.integers(1, 3))
def test_any_blocked_stretch_of_any_past_is_filled_with_what_was_seen(
    steps: int, start: int, width: int, parts: int
) -> None:
    use = np.random.default_rng(steps).random((steps, parts))
    blocked = np.zeros_like(use, dtype=bool)
    blocked[start : start + width, : max(1, parts - 1)] = True
    found = filled(use, np.ones(parts), blocked, MONDAY)
    assert found.shape == use.shape and np.isfinite(found).all()
    assert np.array_equal(found[~blocked], use[~blocked])
    assert (found >= use).all() and (not steps or found.max() <= use.max())


# --- moments like this one ------------------------------------------------------------------------------------------


def test_the_same_hour_of_the_same_kind_of_day_is_nearest() -> None:
    total = office(14)[:, 0]
    moment = 9 * DAY_STEPS + 60  # a Wednesday at ten
    others = np.array([8 * DAY_STEPS + 60, 8 * DAY_STEPS + 90, 8 * DAY_STEPS + 6, 5 * DAY_STEPS + 60])
    mine = features(total, np.array([moment]))
    yesterday, afternoon, night, saturday = distance(features(total, others), mine, others, moment, MONDAY)
    assert yesterday < afternoon < night and yesterday < saturday


def test_midnight_is_near_to_what_is_just_before_it() -> None:
    flat = np.zeros(4 * DAY_STEPS)
    others = np.array([3 * DAY_STEPS - 1, 3 * DAY_STEPS - 30])
    before, evening = distance(features(flat, others), features(flat, others[:1]), others, 3 * DAY_STEPS + 1, MONDAY)
    assert before < 1 < evening


# --- what followed, corrected for how moments differ from now --------------------------------------------------------


def corrected(total: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """The factors of moments that are all taken to be equally like now."""
    apart = features(total, moments) - features(total, np.array([len(total)]))
    return adjustment(total, moments, apart, np.full(len(moments), 1 / len(moments)))


def test_what_followed_a_quieter_moment_is_scaled_up_and_a_busier_one_down() -> None:
    """Days of many strengths; today is at noon as busy as the strongest of them."""
    chance = np.random.default_rng(3)
    strengths_of_days = chance.uniform(0.2, 2, 30)
    use = office(42)[:, 0].reshape(-1, DAY_STEPS)
    working = np.flatnonzero(use.any(axis=1))
    use[working] *= strengths_of_days[:, None]
    use[working[-1]] = office(1)[:, 0] * 2
    total = use[: working[-1] + 1].ravel()[: -12 * 6]
    noons = working[:-1] * DAY_STEPS + 12 * 6
    found = corrected(total, noons)
    quiet, busy = np.argsort(strengths_of_days[:-1])[[0, -1]]
    assert found[quiet] > 1.5 and 0.8 < found[busy] < 1.2
    assert ((found >= 1 / 3) & (found <= 3)).all()


@pytest.mark.parametrize("total", [np.zeros(500), np.ones(500), np.eye(1, 500, 499)[0]])
def test_nothing_to_learn_from_corrects_nothing(total: np.ndarray) -> None:
    moments = np.arange(12, 400)
    found = corrected(total, moments)
    assert found == pytest.approx(np.ones(len(moments)), abs=0.01)


# --- by how much weeks differ ---------------------------------------------------------------------------------------


def weeks(factors: list[float], parts: int = 2) -> np.ndarray:
    """(steps, parts): office weeks, each that much of the usual; the parts alike."""
    use = np.concatenate([office(7) * factor for factor in factors])
    return np.repeat(use, parts, axis=1)


def drawn(use: np.ndarray, steers: float) -> np.ndarray:
    return strengths(use, np.full(use.shape[1], 0.5), steers, 4000, np.random.default_rng(1)).mean(axis=1)


def test_weeks_that_were_alike_go_on_alike_and_others_do_not() -> None:
    alike = np.log(drawn(weeks([1, 1.02, 0.99, 1, 1.01, 1]), 0.0)).std()
    unlike = np.log(drawn(weeks([1, 0.4, 1.6, 0.7, 1.5, 0.5]), 0.0)).std()
    unknown = np.log(drawn(weeks([1]), 0.0)).std()
    assert alike < 0.5 * unknown and alike < 0.5 * unlike


def test_who_steers_by_a_limit_stays_hard_to_foresee() -> None:
    use = weeks([1, 1.02, 0.99, 1, 1.01, 1])
    assert np.log(drawn(use, 1.0)).std() > 1.5 * np.log(drawn(use, 0.0)).std()


@pytest.mark.parametrize("steers", [0.0, 0.5, 1.0])
def test_doubt_is_not_taken_for_more_use(steers: float) -> None:
    assert drawn(weeks([1, 0.6, 1.3, 0.9]), steers).mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("use", [np.zeros((0, 2)), np.zeros((3000, 2)), np.zeros((5, 0)), weeks([0, 0, 1, 1])])
def test_nothing_seen_gives_a_wide_but_finite_answer(use: np.ndarray) -> None:
    worth = np.full(use.shape[1], 0.5)
    with np.errstate(all="ignore"):
        found = strengths(use, worth, 0.8, 50, np.random.default_rng(1))
    assert found.shape == (50, use.shape[1]) and np.isfinite(found).all() and (found > 0).all()


# --- slowing down near a limit -------------------------------------------------------------------------------------


def pacing_with(factor: float, weeks_seen: int) -> Pacing:
    """Office weeks whose Fridays stood near a limit, with that much of the usual use on them."""
    use = office(7 * weeks_seen)[:, 0]
    friday = (np.arange(len(use)) + MONDAY) // DAY_STEPS % 7 == FRIDAY
    return pacing_of(np.where(friday, factor * use, use), friday, ~friday, MONDAY, 0.0)


def test_slowing_down_is_learned_and_a_little_is_not_taken_for_steering() -> None:
    usual, slower = pacing_with(1.0, 6), pacing_with(0.3, 6)
    assert usual.pace > 0.9 and usual.steers == 0
    assert slower.pace < 0.6 and slower.steers > 0.8
    assert usual.pace > pacing_with(0.3, 1).pace > slower.pace and pacing_with(0.3, 1).steers < slower.steers


def test_whose_days_differ_anyway_is_not_said_to_steer_by_a_quiet_day() -> None:
    use = office(28)[:, 0]
    day = (np.arange(len(use)) + MONDAY) // DAY_STEPS
    last_friday = (day % 7 == FRIDAY) & (day > day[-1] - 7)
    uneven = np.random.default_rng(2).lognormal(0, 0.8, 28).repeat(DAY_STEPS)
    even = pacing_of(np.where(last_friday, 0.4, 1) * use, last_friday, ~last_friday, MONDAY, 0.0)
    mixed = pacing_of(np.where(last_friday, 0.4, uneven) * use, last_friday, ~last_friday, MONDAY, 0.0)
    assert even.steers > 2 * mixed.steers and even.pace < mixed.pace


@given(st.floats(0, 1e9), st.integers(0, 400), st.integers(0, 1000), st.floats(0, 1))
def test_any_past_gives_a_pace_within_bounds(much: float, until: int, seed: int, elsewhere: float) -> None:
    chance = np.random.default_rng(seed)
    total = chance.random(400) * (chance.random(400) < 0.3)
    total[:until] *= much
    near = chance.random(400) < 0.2
    found = pacing_of(total, near, ~near & (chance.random(400) < 0.9), MONDAY, elsewhere)
    assert 0.3 <= found.pace <= 1 + 1e-9 and 0 <= found.steers <= 1


def test_who_was_never_near_a_limit_does_not_steer_by_it_unless_only_readings_tell() -> None:
    use = office(14)[:, 0]
    never = np.zeros(len(use), bool)
    assert pacing_of(use, never, ~never, MONDAY, 0.0).steers == 0
    assert pacing_of(use, never, ~never, MONDAY, 1.0).steers == 1
    assert 0 < pacing_of(use, never, ~never, MONDAY, 0.5).steers < 1


@pytest.mark.parametrize("steps", [0, 5, 3000])
def test_pacing_without_any_use_is_the_first_guess(steps: int) -> None:
    nothing, never = np.zeros(steps), np.zeros(steps, bool)
    for far in (never, ~never):
        assert pacing_of(nothing, never, far, MONDAY, 0.0) == pytest.approx((0.85, 0.0))


# --- the past by steps, and the paths from it -----------------------------------------------------------------------


def past_until(now: float, turns: list[float]) -> Past:
    """One five_hour window read long ago, and a turn of a million output tokens at each time."""
    window = WindowPast(
        "five_hour", 18_000.0, True, np.array([True]), np.array([now - 9e5, now - 8e5]), np.zeros(2), np.full(2, np.nan)
    )
    at = np.array(turns)
    tokens = np.tile([0.0, 1e6, 0.0, 0.0, 0.0], (len(at), 1))
    return Past(now, 0.0, [window], ["opus"], at, np.zeros(len(at), dtype=np.int64), tokens)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 299.0, 599.0])
def test_what_was_just_used_is_in_the_last_step(seconds: float) -> None:
    """Wherever in the ten minutes of a clock the moment is: a burst is seen as soon as it begins."""
    now = 1_785_700_000.0 + seconds
    past = past_until(now, [now - 8e5, now - 30])
    habit = habit_of(past, learn(past))
    assert habit.use[-1].sum() > 0 and habit.use[-2].sum() == 0
    assert habit.begins + len(habit.use) * STEP == pytest.approx(now)


def test_a_night_worker_s_days_are_of_the_kind_they_begin_on() -> None:
    """Their quietest hour is in the afternoon: the days are cut there, and a workday still follows on a workday."""
    step = np.arange(42 * DAY_STEPS)
    evening = (step // 6 % 24 >= 20) | (step // 6 % 24 < 6)
    night_of = (step - 12 * 6 + MONDAY) // DAY_STEPS
    use = (evening & ~is_free_day(night_of)).astype(float)[:, None]
    begins = MONDAY * STEP
    habit = Habit(begins, use, np.ones((1, 1)), np.ones((1, 1), bool), Pacing(1.0, 0.0))
    past = past_until(begins + len(use) * STEP, [])
    past.windows.clear()
    ahead = paths_ahead(past, habit, [], 200, 7 * DAY_STEPS, np.random.default_rng(1))[..., 0].mean(axis=0)
    by_night = ahead[12 * 6 : 12 * 6 + 6 * DAY_STEPS].reshape(6, DAY_STEPS).sum(axis=1)  # noon to noon, from Monday
    assert by_night[:4].min() > 3 * by_night[5]


def test_a_habit_without_any_use_has_no_worth() -> None:
    habit = Habit(0.0, np.zeros((10, 2)), np.eye(2), np.eye(2, dtype=bool), Pacing(1.0, 0.0))
    assert habit.worth.tolist() == [0.0, 0.0] and habit.total.sum() == 0
