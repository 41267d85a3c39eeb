"""When each window fills before its reset: the account's own past, replayed from moments like this one.

Each of some hundred paths begins at a drawn estimate of now and adds what `paths` drew. A full window stops what
counts in it, five_hour opens with the first request, a reset ends an instance, near a weekly limit people slow down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from claude_meter_tui.analysis.estimate import opened_at
from claude_meter_tui.analysis.forecasting.paths import paths_ahead
from claude_meter_tui.analysis.history import DAY_STEPS, STEP, WEEK_STEPS

if TYPE_CHECKING:
    from claude_meter_tui.analysis.estimate import Estimate
    from claude_meter_tui.analysis.forecasting.habit import Habit
    from claude_meter_tui.analysis.history import Floats, Past
    from claude_meter_tui.analysis.weights import Weights

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
    use = paths_ahead(past, habit, now, paths, horizon, chance)
    scales = weights.scales_of_usual(draws, past)
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
        rises[near] *= habit.pacing.pace
        begin = (rises > 1e-6) & ~opened
        if begin.any():
            for number in np.flatnonzero(begin.any(axis=0)):
                moment = opened_at(windows[number], past.now + step * STEP)
                open_until[begin[:, number], number] = (moment - past.now) / STEP + length[number]
            opened |= begin
        before = level
        # Of a step in which the instance ends, only what came before counts in it.
        level = level + rises * np.clip((open_until - step) / width, 0.0, 1.0)
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
    return min(max(steps, DAY_STEPS if idle else 1), WEEK_STEPS + 1)
