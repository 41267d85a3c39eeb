"""When each window fills before its reset: the account's own past, replayed from moments like this one.

Each of some hundred paths begins at a drawn estimate of now, goes on as the past went on from a moment like this one
(hour, workday, use in the last 10, 30 and 120 minutes), then with whole days of the same kind. A full window stops what
counts in it, five_hour opens with the first request, a reset ends an instance, near a weekly limit people slow down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from claude_meter_tui.analysis.estimate import opened_at
from claude_meter_tui.analysis.history import DAY_STEPS, STEP
from claude_meter_tui.analysis.variation import weeks_differ

if TYPE_CHECKING:
    from claude_meter_tui.analysis.estimate import Estimate
    from claude_meter_tui.analysis.habit import Habit
    from claude_meter_tui.analysis.history import Floats, Past
    from claude_meter_tui.analysis.weights import Weights

_WEEK_STEPS = 7 * DAY_STEPS
_RECENT_DAYS = 20.0
# As if this many days of a widely drawn, invented habit had been seen besides the real ones.
_INVENTED_DAYS = 1.0
# How much more is used in a step of use than in all on average, as such a habit has it.
_BUSY = 4.5
# So many days without any use are a holiday, which says little of the days after it.
_AWAY_DAYS = 4
_AWAY_WEIGHT = 0.1
# And no burst is quite like another.
_BURSTS_DIFFER = 0.3
_FAN_POINTS = 84


@dataclass
class Future:
    """What the paths say of one window.

    Attributes:
        fills: (paths,) when it reaches 100, seconds since 1970; infinite where its instance ends before.
        at_reset: (paths,) how full it is when its instance ends.
        fan: (moments, 4) seconds since 1970, and 10, 50 and 90 % of how full it is then.
    """

    fills: Floats
    at_reset: Floats
    fan: Floats


def forecast(
    past: Past, weights: Weights, habit: Habit, now: list[Estimate], draws: Floats, chance: np.random.Generator
) -> list[Future]:
    """One for each window, from as many paths as there are draws."""
    paths = len(draws)
    windows = past.windows
    ends = np.array([each.instance.resets_at for each in now])
    horizon = _horizon(past, now)
    use = _paths(past, habit, now, paths, horizon, chance)
    scales = weights.scales(draws)
    level = np.array([each.used for each in now]).T.copy()
    session = np.array([window.session for window in windows])
    weekly = ~session
    parts = habit.growth.shape[0] - len(windows)
    fills = np.full((paths, len(windows)), np.inf)
    final = np.full((paths, len(windows)), np.nan)
    limit = 100.0
    already = level >= limit
    fills[already] = past.now
    open_until = np.where(np.isfinite(ends), (ends - past.now) / STEP, np.inf)[None].repeat(paths, axis=0)
    opened = np.isfinite(ends)[None].repeat(paths, axis=0) | weekly[None]
    ended = np.zeros((paths, len(windows)), bool)
    stops = habit.stops.astype(float)
    length = np.array([(window.length or np.inf) / STEP for window in windows])
    signature = habit.growth[:parts] > 0
    edges = _edges(horizon)
    use = np.add.reduceat(use, edges[:-1], axis=1)
    every = max(1, -(-(len(edges) - 1) // _FAN_POINTS))
    moments: list[float] = []
    fan: list[Floats] = []
    for index, step in enumerate(edges[:-1].tolist()):
        width = int(edges[index + 1]) - step
        if index % every == 0:
            fan.append(np.where(ended, np.nan, level))
            moments.append(past.now + step * STEP)
        over = (open_until <= step) & opened
        if over.any():
            first = over & ~ended
            final[first] = level[first]
            ended |= over
            level[over] = 0.0
            renew = over & weekly[None]
            open_until[renew] += length[None].repeat(paths, axis=0)[renew]
            opened[over & session[None]] = False
            open_until[over & session[None]] = np.inf
            if ended.all():
                break
        added = use[:, index]
        if not past.carries_on:
            added = added * ((level >= limit).astype(float) @ stops < 0.5)
        rises = (added[:, :parts] @ signature.astype(float)) * scales + added[:, parts:]
        near = ((level >= 90) & weekly[None]).any(axis=1)
        rises[near] *= habit.pace
        begin = (rises > 1e-6) & ~opened
        if begin.any():
            for number in np.flatnonzero(begin.any(axis=0)):
                moment = opened_at(windows[number], past.now + step * STEP)
                open_until[begin[:, number], number] = (moment - past.now) / STEP + length[number]
            opened |= begin
        before = level
        level = level + rises
        reached = (level >= limit) & (before < limit) & ~ended & ~np.isfinite(fills)
        if reached.any():
            part = np.clip((limit - before) / np.maximum(rises, 1e-9), 0, 1)
            moment = past.now + (step + part * width) * STEP
            fills[reached] = moment[reached]
        if not past.carries_on:
            level = np.minimum(level, np.maximum(limit, before))
    left = ~np.isfinite(final)
    final[left] = level[left]
    table = np.array(fan)
    return [
        Future(fills[:, number], final[:, number], _fan_of(table[:, :, number], moments))
        for number in range(len(windows))
    ]


def _fan_of(levels: Floats, moments: list[float]) -> Floats:
    """(moments, 4): the time, and 10, 50 and 90 % of the paths whose instance has not ended by then."""
    rows = []
    for moment, row in zip(moments, levels, strict=True):
        open_still = row[np.isfinite(row)]
        if len(open_still) < 0.2 * len(row):
            break
        rows.append((moment, *np.quantile(open_still, (0.1, 0.5, 0.9))))
    return np.array(rows).reshape(-1, 4)


def _edges(horizon: int) -> np.ndarray:
    """Where the simulated steps begin: ten minutes for half a day, half an hour from then on."""
    fine = min(horizon, DAY_STEPS // 2)
    edges = np.concatenate([np.arange(fine), np.arange(fine, horizon, 3), [horizon]])
    return np.unique(edges)


def _horizon(past: Past, now: list[Estimate]) -> int:
    """Steps until the last of the instances of now has ended, a week at most."""
    last = max((each.instance.resets_at for each in now if np.isfinite(each.instance.resets_at)), default=past.now)
    steps = int(np.ceil((last - past.now) / STEP)) + 1
    idle = any(not np.isfinite(each.instance.resets_at) for each in now)
    return min(max(steps, DAY_STEPS if idle else 1), _WEEK_STEPS + 1)


def _paths(
    past: Past, habit: Habit, now: list[Estimate], paths: int, horizon: int, chance: np.random.Generator
) -> Floats:
    """(paths, steps, parts): what is used from now on, replayed."""
    steps, parts = habit.use.shape
    found = np.zeros((paths, horizon, parts))
    local = past.now + past.offset
    first_step = int((habit.begins + past.offset) // STEP)
    here = int(local // STEP)
    total = habit.total
    cut = _quiet_step(total, first_step)
    until_cut = (cut - here) % DAY_STEPS or DAY_STEPS
    now_features = _features(total, np.array([steps]))
    moments = np.arange(12, max(12, steps - 6))
    invented = chance.random(paths) < _INVENTED_DAYS / (_INVENTED_DAYS + steps / DAY_STEPS)
    if len(moments) > DAY_STEPS // 2:
        weight = _likeness(total, moments, now_features[0], first_step, here, steps)
        start = chance.choice(moments, paths, p=weight)
    else:
        start = np.full(paths, max(0, steps - 6))
        invented[:] = True
    today = chance.lognormal(0.0, _BURSTS_DIFFER, paths)
    for path in range(paths):
        piece = habit.use[start[path] : start[path] + min(until_cut, horizon)]
        found[path, : len(piece)] = piece * today[path]
    days = _whole_days(total, first_step, cut)
    at = until_cut
    weeks, mixes = weeks_differ(habit.use, total)
    strength = chance.lognormal(0.0, weeks, (paths, 1)) * np.exp(chance.standard_normal((paths, parts)) * mixes)
    while at < horizon:
        kind = _is_free_day((here + at) // DAY_STEPS)
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


def _features(total: Floats, moments: np.ndarray) -> Floats:
    """(moments, 4) use in the last 10, 30 and 120 minutes and 8 hours, on a scale on which likeness can be measured."""
    sums = np.concatenate([[0.0], np.cumsum(total)])
    columns = [(sums[moments] - sums[np.maximum(moments - back, 0)]) / back for back in (1, 3, 12, 48)]
    return np.asarray(np.log1p(np.stack(columns, axis=1) * 2))


def _likeness(total: Floats, moments: np.ndarray, now: Floats, first_step: int, here: int, steps: int) -> Floats:
    features = _features(total, moments)
    hour = ((moments + first_step - here) % DAY_STEPS + DAY_STEPS // 2) % DAY_STEPS - DAY_STEPS // 2
    distance = (hour / 9.0) ** 2 + ((features - now) ** 2 / np.array([0.9, 0.7, 0.5, 0.5]) ** 2).sum(axis=1)
    other_kind = _is_free_day((moments + first_step) // DAY_STEPS) != _is_free_day(here // DAY_STEPS)
    distance += 3.0 * other_kind
    age = (steps - moments) / DAY_STEPS / _RECENT_DAYS
    weight = np.exp(-0.5 * distance - 0.7 * age) + 1e-12
    return np.asarray(weight / weight.sum())


def _is_free_day(day: np.ndarray | int) -> np.ndarray | bool:
    """Saturday or Sunday, of days since 1970 (a Thursday)."""
    return (day + 3) % 7 >= 5


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
    kinds = _is_free_day((starts + first_step + DAY_STEPS // 2) // DAY_STEPS)
    if not len(starts):
        return np.zeros((0, 3), int)
    idle = np.array([total[start : start + DAY_STEPS].sum() < 1e-9 for start in starts])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], idle, [False]])))
    away = np.zeros(len(starts), bool)
    for first_day, after in zip(edges[::2], edges[1::2], strict=True):
        # Days away are no habit, unless they go on.
        away[first_day:after] = after - first_day >= _AWAY_DAYS and after < len(starts)
    return np.stack([starts, np.asarray(kinds, int), away], axis=1)


def _drawn_days(
    days: np.ndarray, free: np.ndarray | bool, steps: int, paths: int, chance: np.random.Generator
) -> np.ndarray | None:
    if not len(days):
        return None
    age = (steps - days[:, 0]) / DAY_STEPS / _RECENT_DAYS
    weight = (
        np.exp(-0.7 * age)
        * np.where(days[:, 2], _AWAY_WEIGHT, 1.0)
        * np.where(days[:, 1] == int(bool(free)), 1.0, 0.06)
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
