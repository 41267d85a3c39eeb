"""By how much a person's weeks differ, and the mix of models and places in them: learned from their own.

Days drawn at random make weeks that differ a little; people's differ more (FACTS §7: a real account's Sonnet week went
from a third to full). Whose weeks were alike is believed to go on so, with a doubt that their number allows. But for
who steers by a limit (`pacing`), how far a week goes is not told by how far weeks went, and stays wide; and so it does
before there are two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from claude_meter_tui.analysis.history import DAY_STEPS, WEEK_STEPS

if TYPE_CHECKING:
    from claude_meter_tui.analysis.history import Floats

# Log standard deviations that are thought possible, and how likely each is before anything is seen.
_POSSIBLE = np.array([0.02, 0.1, 0.2, 0.35, 0.55, 0.8])
_BEFORE = np.array([0.4, 0.25, 0.15, 0.1, 0.07, 0.03])
# Of those who steer: log standard deviations while little is known, and as how many weeks that counts.
_WEEKS, _MIXES = 0.35, 0.55
_AS_WEEKS = 2.0
# A week with less than this share of the usual was a holiday.
_HOLIDAY = 0.2


class _Seen(NamedTuple):
    """How many usual weeks there are; variance of the log of their sums and of each part's share, and by chance."""

    weeks: int
    of_weeks: float
    by_chance: float
    of_shares: Floats
    shares_by_chance: Floats


def strengths(use: Floats, worth: Floats, steers: float, paths: int, chance: np.random.Generator) -> Floats:
    """(paths, parts) how much is used of each part in the days ahead, beside the days of the past: 1 on average.

    Args:
        use: (steps, parts) what was used of each part.
        worth: (parts,) what a unit of a part is on the scale of all of them.
        steers: how likely it is that the person steers by a limit.
        paths: how many to draw.
        chance: drawn from.
    """
    seen = _seen(use, worth)
    if not seen.weeks:
        return _wide(seen, paths, chance)
    steering = chance.random((paths, 1)) < steers
    return np.where(steering, _wide(seen, paths, chance), _alike(seen, use.sum(axis=0) * worth, paths, chance))


def _seen(use: Floats, worth: Floats) -> _Seen:
    parts = use.shape[1]
    none = _Seen(0, 0.0, 0.0, np.full(parts, np.nan), np.zeros(parts))
    count = len(use) // WEEK_STEPS
    if count < 2:
        return none
    by_part = use[len(use) - count * WEEK_STEPS :].reshape(count, 7, DAY_STEPS, parts).sum(axis=2)
    days = by_part @ worth
    weeks = days.sum(axis=1)
    usual = weeks > _HOLIDAY * np.median(weeks)
    if usual.sum() < 2:
        return none
    by_part, days, weeks = by_part[usual], days[usual], weeks[usual]
    # What is usual for a day of the week is no chance; what is left has 6 degrees of freedom a week but the first.
    beside = days / days.mean(axis=1, keepdims=True)
    by_chance = float(((beside - beside.mean(axis=0)) ** 2).sum()) / ((len(weeks) - 1) * 6) / 7
    shares = by_part.sum(axis=1) / weeks[:, None]
    daily = by_part / np.maximum(days, 1e-12)[:, :, None]
    heavy = (days / weeks[:, None])[:, :, None] ** 2
    varied = (heavy * (daily - shares[:, None]) ** 2).sum(axis=1) / np.maximum(shares, 1e-9) ** 2
    logs = np.log(np.maximum(shares, 1e-9)).var(axis=0, ddof=1)
    of_shares = np.where(shares.min(axis=0) > 0, logs, np.nan)
    return _Seen(len(weeks), float(np.log(weeks).var(ddof=1)), by_chance, of_shares, varied.mean(axis=0) + 1e-4)


def _alike(seen: _Seen, amounts: Floats, paths: int, chance: np.random.Generator) -> Floats:
    """By the evidence of the weeks; their mix shifts what is used, not how much of all."""
    drawn = chance.choice(_POSSIBLE, paths, p=_likely(seen.weeks, seen.of_weeks, seen.by_chance))
    doubt = np.sqrt(drawn**2 + seen.by_chance / seen.weeks)
    mixes = np.ones((paths, len(amounts)))
    for part, (variance, by_chance) in enumerate(zip(seen.of_shares, seen.shares_by_chance, strict=True)):
        likely = _likely(seen.weeks if variance == variance else 0, float(variance), float(by_chance))
        mixes[:, part] = _about_one(chance.choice(_POSSIBLE, paths, p=likely), paths, chance)
    total = mixes @ (amounts / max(float(amounts.sum()), 1e-12))
    return np.asarray(mixes / np.maximum(total, 1e-9)[:, None] * _about_one(doubt, paths, chance)[:, None])


def _likely(weeks: int, variance: float, by_chance: float) -> Floats:
    """How likely each possible deviation is, given the variance of so many weeks and what chance alone makes of it."""
    if weeks < 2:
        return _BEFORE
    expected = by_chance + _POSSIBLE**2
    log_likelihood = -(weeks - 1) / 2 * (np.log(expected) + variance / expected)
    found = _BEFORE * np.exp(log_likelihood - log_likelihood.max())
    return np.asarray(found / found.sum())


def _wide(seen: _Seen, paths: int, chance: np.random.Generator) -> Floats:
    found = np.ones((paths, len(seen.of_shares)))
    for part, variance in enumerate(seen.of_shares.tolist()):
        mix = _shrunk(variance - seen.by_chance, seen.weeks, _MIXES) if variance == variance else _MIXES
        found[:, part] = _about_one(mix, paths, chance)
    return found * _about_one(_shrunk(seen.of_weeks - seen.by_chance, seen.weeks, _WEEKS), paths, chance)[:, None]


def _shrunk(variance: float, weeks: int, before: float) -> float:
    known = max(0, weeks - 1)
    return float(np.sqrt((known * min(max(variance, 0.0), 1.0) + _AS_WEEKS * before**2) / (known + _AS_WEEKS)))


def _about_one(deviation: Floats | float, paths: int, chance: np.random.Generator) -> Floats:
    """(paths,) log-normal with a mean of 1: doubt must not be taken for more use."""
    return np.asarray(np.exp(deviation * chance.standard_normal(paths) - np.square(deviation) / 2))
