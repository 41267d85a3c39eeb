"""How full each window is now: what every reading of this instance allows, carried on by the turns since.

Sets of weights as likely as what was learned allows each give a figure; their spread is the range. Never below what a
reading allows, and replaced by the next reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from claude_meter_tui.analysis.history import Floats, Past, WindowPast
    from claude_meter_tui.analysis.weights import Weights

# Older readings say little more of now than the last dozens.
_MOST_READINGS = 60
# Several readings allow the ends of what each allows only by chance (backtest: else 95 % lie within the 80 %).
_MIDDLE = 0.6
_HOUR = 3600.0


@dataclass
class Instance:
    """The instance of a window at a moment.

    Attributes:
        since: when it opened or stood at 0; NaN where that is not known.
        resets_at: when it ends; NaN while it is not open or nobody knows.
        chosen: the readings of it.
    """

    since: float
    resets_at: float
    chosen: np.ndarray


def instance_now(window: WindowPast, past: Past) -> Instance:
    """Its instance at the moment, also where that began after the last reading."""
    none = np.zeros(0, int)
    if not len(window.at):
        return Instance(np.nan, np.nan, none)
    number, reset = window.instance[-1], window.resets[-1]
    if not reset <= past.now:
        chosen = np.flatnonzero(window.instance == number)
        return Instance(float(window.zero_at[number]), float(reset), chosen)
    if window.length is None:
        return Instance(float(reset), np.nan, none)
    if not window.session:
        since = reset + np.floor((past.now - reset) / window.length) * window.length
        return Instance(float(since), float(since + window.length), none)
    since = float(reset)
    counted = past.at[window.counts[past.family]] if len(past.at) else past.at
    while True:  # each one opens with the first request after the one before
        first = np.searchsorted(counted, since, "right")
        if first >= len(counted):
            return Instance(past.now, np.nan, none)
        ends = opened_at(window, float(counted[first])) + window.length
        if ends > past.now:
            return Instance(since, float(ends), none)
        since = float(ends)


def opened_at(window: WindowPast, first: float) -> float:
    """When an instance counts as opened whose first request came at a time: many begin with the full hour."""
    announced = window.resets[np.isfinite(window.resets)][-40:]
    off = np.abs((announced + _HOUR / 2) % _HOUR - _HOUR / 2)
    return float(first // _HOUR * _HOUR) if len(off) and np.mean(off < 90) > 0.8 else first


@dataclass
class Estimate:
    """Draws of how full a window is now (`used`), and of what turns here made of it since its instance began (`local`).

    `read` and `read_at` are its last reading's; 0 and NaN where its instance has none.
    """

    instance: Instance
    used: Floats
    local: Floats
    read: float
    read_at: float


def estimate(
    past: Past, weights: Weights, draws: Floats, elsewhere: Floats, chance: np.random.Generator
) -> list[Estimate]:
    """One for each window.

    Args:
        past: what is known.
        weights: learned from it.
        draws: (draws, …) of the weights.
        elsewhere: (draws, windows) points that came from elsewhere since the window's last reading.
        chance: for what rounding hides.
    """
    prices = weights.prices(draws, past.families).reshape(len(draws), -1)
    scales = weights.scales(draws)
    cut = chance.random(len(draws)) < weights.floored
    low_side, high_side = np.where(cut, 0.0, 0.5), np.where(cut, 1.0, 0.5)
    found = []
    for number, window in enumerate(past.windows):
        now = instance_now(window, past)
        wide = 0.05 if window.fraction else 1.0
        chosen = now.chosen[-_MOST_READINGS:]
        times = window.at[chosen]
        start = now.since if now.since == now.since else (times[0] if len(times) else past.now)
        anchors = np.append(times, start)
        tokens = past.tokens_of(number, anchors, np.full(len(anchors), past.now))
        points = scales[:, number, None] * (prices @ tokens.reshape(len(anchors), -1).T)  # (draws, anchors)
        since_last = points[:, -2] if len(times) else points[:, -1]
        low, high = np.full(len(draws), -1e9), np.full(len(draws), 1e9)
        level = window.used[chosen]
        for index in range(len(times) - 1, -1, -1):
            between = points[:, index] - since_last
            doubt = 0.03 * between
            one = level[index] - low_side * wide + between - doubt
            other = level[index] + high_side * wide + between + doubt
            new_low, new_high = np.maximum(low, one), np.minimum(high, other)
            fits = new_low <= new_high
            low, high = np.where(fits, new_low, low), np.where(fits, new_high, high)
            if index < len(times) - 1 and fits.mean() < 0.5:
                break
        if not len(times):
            low = high = np.zeros(len(draws))
        elif now.since == now.since and len(now.chosen) <= _MOST_READINGS:
            between = points[:, -1] - since_last
            new_low = np.maximum(low, between * (1 - 2 * weights.noise) - 0.2)
            low = np.where(new_low <= high, new_low, low)
        seen = low + (high - low) * (0.5 + _MIDDLE * (chance.random(len(draws)) - 0.5))
        seen = np.maximum(seen, 0.0)
        noise = 1 + weights.noise * 0.9 * chance.standard_normal(len(draws))
        used = seen + since_last * np.clip(noise, 0.5, 1.5) + elsewhere[:, number]
        if len(times):
            used = np.maximum(used, np.maximum(0.0, level[-1] - low_side * wide))
            if level[-1] >= 100:
                used = np.maximum(used, level[-1])
        if not past.carries_on:
            used = np.minimum(used, max(100.0, level[-1] if len(times) else 0.0))
        read, read_at = (float(level[-1]), float(times[-1])) if len(times) else (0.0, np.nan)
        doubt = np.clip(1 + 0.4 * weights.noise * chance.standard_normal(len(draws)), 0.5, 1.5)
        found.append(Estimate(now, used, points[:, -1] * doubt, read, read_at))
    return found
