"""What is used from now on, in some hundred paths drawn from the account's own past.

Each goes on as the past went on from a moment like this one, then with whole days of the same kind. With a day or two
of history, part of them follow an invented, widely drawn habit: a wide answer, not silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claude_meter_tui.analysis.forecasting.adjustment import AHEAD, adjustment
from claude_meter_tui.analysis.forecasting.likeness import distance, features, is_free_day
from claude_meter_tui.analysis.forecasting.variation import strengths
from claude_meter_tui.analysis.history import DAY_STEPS, STEP, stretches

if TYPE_CHECKING:
    from claude_meter_tui.analysis.estimate import Estimate
    from claude_meter_tui.analysis.forecasting.habit import Habit
    from claude_meter_tui.analysis.history import Floats, Past

# By how much a moment's weight falls in so many days.
_RECENT_DAYS, _FORGETTING = 20.0, 0.7
# As if this many days of a widely drawn, invented habit had been seen besides the real ones.
_INVENTED_DAYS = 1.0
# How much more is used in a step of use than in all on average, as such a habit has it.
_BUSY = 4.5
# So many days without any use are a holiday, which says little of the days after it.
_AWAY_DAYS = 4
_AWAY_WEIGHT = 0.1
# And no burst is quite like another.
_BURSTS_DIFFER = 0.2
# A working day says that little of a free one.
_OTHER_KIND = 0.02


def paths_ahead(
    past: Past, habit: Habit, now: list[Estimate], paths: int, horizon: int, chance: np.random.Generator
) -> Floats:
    """(paths, steps, parts): what is used from now on, replayed."""
    steps, parts = habit.use.shape
    found = np.zeros((paths, horizon, parts))
    first_step = int((habit.begins + past.offset) // STEP)
    here = first_step + steps
    total = habit.total
    cut = _quiet_step(total, first_step)
    until_cut = (cut - here) % DAY_STEPS or DAY_STEPS
    # What follows has to be known until the cut; with a day or two, for an hour.
    followed = min(until_cut, horizon) if steps >= 2 * DAY_STEPS else 6
    moments = np.arange(12, max(12, steps - followed))
    invented = chance.random(paths) < _INVENTED_DAYS / (_INVENTED_DAYS + steps / DAY_STEPS)
    if len(moments) > DAY_STEPS // 2:
        theirs, mine = features(total, moments), features(total, np.array([steps]))
        unlike = distance(theirs, mine, moments, steps, first_step)
        like = np.exp(-0.5 * unlike) * _recent(moments, steps) + 1e-12
        like /= like.sum()
        place = chance.choice(len(moments), paths, p=like)
        start, more = moments[place], adjustment(total, moments, theirs - mine, like)[place]
    else:
        start, more = np.full(paths, max(0, steps - 6)), np.ones(paths)
        invented[:] = True
    today = chance.lognormal(-(_BURSTS_DIFFER**2) / 2, _BURSTS_DIFFER, paths)
    for path in range(paths):
        piece = habit.use[start[path] : start[path] + min(until_cut, horizon)]
        found[path, : len(piece)] = piece * today[path]
        found[path, :AHEAD] *= more[path]
    days = _whole_days(total, first_step, cut)
    at = until_cut
    strength = strengths(habit.use, habit.worth, habit.pacing.steers, paths, chance)
    while at < horizon:
        kind = is_free_day((here + at + DAY_STEPS // 2) // DAY_STEPS)
        chosen = _drawn_days(days, kind, steps, paths, chance)
        if chosen is None:
            invented[:] = True
            break
        width = min(DAY_STEPS, horizon - at)
        for path in range(paths):
            piece = habit.use[chosen[path] : chosen[path] + width]
            found[path, at : at + len(piece)] = piece * strength[path]
        at += DAY_STEPS
    usual = _usual(past, habit, now) if invented.any() else np.zeros(parts)
    for number in np.flatnonzero(invented):
        found[number] = _invented(habit, usual, horizon, here, chance)
    return found


def _recent(moments: np.ndarray, now: int) -> Floats:
    """(moments,) what each weighs by how long ago it was."""
    return np.asarray(np.exp(-_FORGETTING * ((now - moments) / DAY_STEPS / _RECENT_DAYS)))


def _quiet_step(total: Floats, first_step: int) -> int:
    """The step of the day at whose hour least is used: days are cut there."""
    day = (np.arange(len(total)) + first_step) % DAY_STEPS
    sums = np.bincount(day, total, minlength=DAY_STEPS)
    smooth = np.convolve(np.concatenate([sums[-9:], sums, sums[:9]]), np.ones(19), "valid")
    quiet = np.flatnonzero(smooth <= smooth.min() + 1e-9)
    near_four = np.abs(quiet - 24)
    return int(quiet[np.argmin(near_four)])


def _whole_days(total: Floats, first_step: int, cut: int) -> np.ndarray:
    """(first step, whether a free day, whether away) of every day known as a whole, cut at the quiet step."""
    first = (cut - first_step) % DAY_STEPS
    starts = np.arange(first, len(total) - DAY_STEPS + 1, DAY_STEPS)
    kinds = is_free_day((starts + first_step + DAY_STEPS // 2) // DAY_STEPS)
    if not len(starts):
        return np.zeros((0, 3), int)
    idle = np.array([total[start : start + DAY_STEPS].sum() < 1e-9 for start in starts])
    away = np.zeros(len(starts), bool)
    for first_day, after in stretches(idle):
        # Days away are no habit, unless they go on.
        away[first_day:after] = after - first_day >= _AWAY_DAYS and after < len(starts)
    return np.stack([starts, np.asarray(kinds, int), away], axis=1)


def _drawn_days(
    days: np.ndarray, free: np.ndarray, steps: int, paths: int, chance: np.random.Generator
) -> np.ndarray | None:
    if not len(days):
        return None
    weight = (
        _recent(days[:, 0], steps)
        * np.where(days[:, 2], _AWAY_WEIGHT, 1.0)
        * np.where(days[:, 1] == int(bool(free)), 1.0, _OTHER_KIND)
        + 1e-9
    )
    return chance.choice(days[:, 0], paths, p=weight / weight.sum())


def _usual(past: Past, habit: Habit, now: list[Estimate]) -> Floats:
    """(parts,) a guess at what is used in a step of use, by the little that is known and by how full windows are."""
    steps, parts = habit.use.shape
    mean = habit.use.mean(axis=0) if steps else np.zeros(parts)
    usual = mean * (_BUSY if steps >= DAY_STEPS else 1.0)
    explained = usual @ habit.growth
    for number, (window, each) in enumerate(zip(past.windows, now, strict=True)):
        ends = each.instance.resets_at
        if not np.isfinite(ends) or window.length is None:
            continue
        passed = max((past.now - (ends - window.length)) / STEP, 6.0)
        rate = max(float(np.median(each.used)), 2.0) / passed * (_BUSY if passed >= DAY_STEPS else 1.0)
        usual[parts - len(past.windows) + number] += max(0.0, rate - explained[number])
    return np.asarray(usual)


def _invented(habit: Habit, usual: Floats, horizon: int, here: int, chance: np.random.Generator) -> Floats:
    """A habit drawn widely: the present pace for a while, then some hours of use on most days."""
    lately = habit.use[-6:].mean(axis=0) if len(habit.use) else np.zeros(len(usual))
    found = np.zeros((horizon, len(usual)))
    burst = int(chance.exponential(12.0))
    found[:burst] = lately
    rate = usual * chance.lognormal(0.0, 0.8)
    for day in range(horizon // DAY_STEPS + 2):
        if chance.random() < 0.75:
            begin = day * DAY_STEPS - here % DAY_STEPS + int(chance.normal(60, 10))
            width = int(chance.uniform(18, 66))
            start, end = max(begin, burst), min(begin + width, horizon)
            if end > start:
                found[start:end] += rate
    return found
