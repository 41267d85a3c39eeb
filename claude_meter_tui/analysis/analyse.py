"""Everything the analysis has to say of an account at a moment: weights → estimate → elsewhere → forecast → `Outlook`.

The only door to what needs numpy. Deterministic: the same past gives the same figures.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from claude_meter_tui.analysis import weights as learning
from claude_meter_tui.analysis.estimate import Estimate, estimate
from claude_meter_tui.analysis.forecasting.forecast import Future, forecast
from claude_meter_tui.analysis.forecasting.habit import Habit, habit_of
from claude_meter_tui.analysis.history import DAY_STEPS, KINDS, STEP
from claude_meter_tui.domain.bounds import iso_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_meter_tui.analysis.history import Floats, Past
    from claude_meter_tui.analysis.outlook import Outlook, Quantiles, Range, RoseAlone, Step, WindowOutlook
    from claude_meter_tui.analysis.weights import Weights

PATHS = 400
# Less of a window says nothing of where it came from.
_SHARE_FROM = 4.0
# What fills less likely than this is not worth naming as what stops next.
_NAMED_FROM = 0.1
_QUIET = 1800.0


def analyse(past: Past, models: dict[str, int], *, ahead: bool = True) -> Outlook:
    """The outlook of an account.

    Args:
        past: what is known at `past.now`.
        models: the group (an index of `past.families`) of every model met, for what a token of it costs.
        ahead: whether to look ahead too; without, nothing is said of when a window fills.
    """
    with np.errstate(all="ignore"):  # odd figures must not print warnings on the user's terminal
        return _analysed(past, models, ahead=ahead)


def _analysed(past: Past, models: dict[str, int], *, ahead: bool) -> Outlook:
    chance = np.random.default_rng(20260101)
    weights = learning.learn(past)
    draws = weights.draw(PATHS, chance)
    habit = habit_of(past, weights)
    now = estimate(past, weights, draws, _since_reading(past, habit, chance), chance)
    futures = forecast(past, weights, habit, now, draws, chance) if ahead else [None] * len(past.windows)
    firsts = _firsts(futures)
    windows = [
        _window(past, weights, draws, number, now[number], futures[number], firsts == number, models)
        for number in range(len(past.windows))
    ]
    likely = max(windows, key=lambda window: window["first"], default=None)
    nothing = float((firsts < 0).mean()) if len(past.windows) else 1.0
    return {
        "made_at": _iso(past.now),
        "next_stop": likely["key"] if likely is not None and 1 - nothing >= _NAMED_FROM else None,
        "nothing_fills": round(nothing, 4),
        "windows": windows,
    }


def _since_reading(past: Past, habit: Habit, chance: np.random.Generator) -> Floats:
    """(draws, windows) points from elsewhere since each window's last reading: as at that time on the days before."""
    found = np.zeros((PATHS, len(past.windows)))
    steps, parts = len(habit.use), habit.use.shape[1] - len(past.windows)
    for number, window in enumerate(past.windows):
        gap = past.now - window.at[-1] if len(window.at) else 0.0
        back = min(int(np.ceil(gap / STEP)), 7 * DAY_STEPS)
        sums = np.concatenate([[0.0], np.cumsum(habit.use[:, parts + number])])
        ends = np.array([steps - DAY_STEPS * day + shift for day in range(1, 29) for shift in (-3, 0, 3)])
        ends = ends[(ends - back >= 0) & (ends <= steps)]
        if back > 0 and len(ends):
            found[:, number] = chance.choice((sums[ends] - sums[ends - back]) * gap / (back * STEP), PATHS)
    return found


def _firsts(futures: Sequence[Future | None]) -> np.ndarray:
    """(paths,) which window fills first before its reset; -1 where none does."""
    fills = np.array([future.fills for future in futures if future is not None])
    if not len(fills):
        return np.full(PATHS, -1)
    return np.where(np.isfinite(fills.min(axis=0)), fills.argmin(axis=0), -1)


def _window(
    past: Past,
    weights: Weights,
    draws: Floats,
    number: int,
    now: Estimate,
    future: Future | None,
    first: np.ndarray,
    models: dict[str, int],
) -> WindowOutlook:
    window = past.windows[number]
    known = bool(weights.known[number])
    counted = bool(window.counts.any())
    price = weights.price(past.families) * weights.scale(number)
    full = bool(now.read >= 100)
    full_since = _full_since(past, number) if full else None
    probability, times, at_reset, first_at = None, None, None, None
    if future is not None:
        fills = np.isfinite(future.fills)
        probability = 1.0 if full else round(float((fills.sum() + 0.5) / (len(fills) + 1)), 4)
        times, first_at = _times(future.fills[fills]), _times(future.fills[first])
        at_reset = _levels(future.at_reset)
    if full_since is not None:
        times = first_at = {"p10": full_since, "p50": full_since, "p90": full_since}
    read = now.read if len(now.instance.chosen) else 0.0
    hour = _points_since(past, number, price, past.now - 3600)
    pace = _this_pace(past, now, hour)
    return {
        "key": window.key,
        "read_at": _iso(now.read_at if np.isfinite(now.read_at) else past.now),
        "utilization": read,
        "resets_at": _iso(now.instance.resets_at) if np.isfinite(now.instance.resets_at) else None,
        "estimate": _range(now.used) if known and counted else None,
        "tokens_per_point": _range(1e6 / weights.scales(draws)[:, number]) if known and counted else None,
        "local_points": _range(now.local) if known and counted else None,
        "elsewhere_share": _elsewhere(now) if known and counted else None,
        "missing": _missing(weights, number, counted=counted),
        "rose_alone": _rose_alone(past, number) if counted else None,
        "step": _step(weights, number),
        "probability": probability,
        "full_at": times,
        "at_reset": at_reset,
        "fan": [] if future is None else _fan(future),
        "first": round(float(first.mean()), 4),
        "first_at": first_at,
        "points_a_token": {
            model: [float(value) / 1e6 for value in price[group]]
            for model, group in models.items()
            if known and window.counts[group]
        },
        "stop_now": round(float(np.median(now.used)), 2),
        "this_pace_fills_at": pace,
        "turns_left": _turns_left(past, now, number, hour) if known else None,
    }


def _fan(future: Future) -> list[tuple[float, float, float, float]]:
    return [(round(t), round(a, 1), round(b, 1), round(c, 1)) for t, a, b, c in future.fan.tolist()]


def _range(values: Floats) -> Range:
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    return {"estimate": _figures(middle), "low": _figures(low), "high": _figures(high)}


def _figures(value: float) -> float:
    """Four figures are more than an estimate has."""
    return float(f"{value:.4g}")


def _elsewhere(now: Estimate) -> Range | None:
    used = np.median(now.used)
    if used < _SHARE_FROM:
        return None
    share = np.clip(1 - now.local / np.maximum(now.used, 1e-9), 0.0, 1.0)
    low, middle, high = np.quantile(share, (0.1, 0.5, 0.9))
    return {"estimate": round(float(middle), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _missing(weights: Weights, number: int, *, counted: bool) -> str:
    """What is missing until there is an estimate; empty where nothing is."""
    if not counted:
        return "no turn written here counts in this window"
    if weights.known[number]:
        return ""
    points = max(1, round(learning.ENOUGH_POINTS - float(weights.points[number])))
    return f"{points} more point{'' if points == 1 else 's'} of use while readings come"


def _rose_alone(past: Past, number: int) -> RoseAlone | None:
    """What it rose by since the last turn here, if that is half an hour ago and the rise more than rounding."""
    window = past.windows[number]
    mine = np.flatnonzero(window.instance == window.instance[-1]) if len(window.at) else np.zeros(0, int)
    turns = past.at[window.counts[past.family]] if len(past.at) else past.at
    if len(mine) < 2 or not len(turns) or past.now - turns[-1] < _QUIET or window.resets[-1] <= past.now:
        return None
    since = max(float(turns[-1]), float(window.at[mine[0]]))
    before = mine[window.at[mine] <= since + STEP]
    rise = float(window.used[-1] - window.used[before[-1]]) if len(before) else 0.0
    return {"since": _iso(since), "points": rise} if rise >= 2 else None


def _step(weights: Weights, number: int) -> Step | None:
    step = weights.steps.get(number)
    return None if step is None else {"since": _iso(step[0]), "factor": round(1 / step[1], 3)}


def _full_since(past: Past, number: int) -> str:
    window = past.windows[number]
    full = np.flatnonzero((window.instance == window.instance[-1]) & (window.used >= 100))
    return _iso(float(window.at[full[0]]))


def _points_since(past: Past, number: int, price: Floats, since: float) -> float:
    """Points that turns here added since a time; `price` in points per million tokens, by family and kind."""
    tokens = past.tokens_between(np.array([since]), np.array([past.now]))[0] * past.windows[number].counts[:, None]
    return float((tokens * price).sum())


def _this_pace(past: Past, now: Estimate, hour: float) -> str | None:
    """When it fills if the last hour's use goes on; None where that is not before its reset."""
    left = 100 - float(np.median(now.used))
    if hour <= 0.05 or left <= 0:
        return None
    moment = past.now + left / hour * 3600
    return _iso(moment) if np.isfinite(now.instance.resets_at) and moment < now.instance.resets_at else None


def _turns_left(past: Past, now: Estimate, number: int, hour: float) -> int | None:
    """How many turns like the last hour's fit below 100 %."""
    counts = past.windows[number].counts
    lately = past.at > past.now - 3600
    turns = int(counts[past.family[lately]].sum())
    left = 100 - float(np.median(now.used))
    return int(left / (hour / turns)) if turns >= 3 and hour > 0.05 and left > 0 else None


def _times(moments: Floats) -> Quantiles | None:
    if len(moments) < 5:
        return None
    p10, p50, p90 = (_iso(float(value)) for value in np.quantile(moments, (0.1, 0.5, 0.9)))
    return {"p10": p10, "p50": p50, "p90": p90}


def _levels(values: Floats) -> Quantiles:
    p10, p50, p90 = (round(float(value), 1) for value in np.quantile(values, (0.1, 0.5, 0.9)))
    return {"p10": p10, "p50": p50, "p90": p90}


def _iso(moment: float) -> str:
    return iso_utc(datetime.fromtimestamp(moment, UTC))


assert len(KINDS) == 5  # the order of `points_a_token`  # noqa: S101
