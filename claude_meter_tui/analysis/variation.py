"""By how much this person's weeks differ, and the mix of models and places in them: learned from their own.

Days drawn at random make weeks that differ a little; people's differ more (FACTS §7: a real account's Sonnet week went
from a third to full). With few weeks that is taken to be much, with more it is what was seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claude_meter_tui.analysis.history import DAY_STEPS

if TYPE_CHECKING:
    from claude_meter_tui.analysis.history import Floats

_WEEK_STEPS = 7 * DAY_STEPS
# Log standard deviations while little is known, and as how many weeks that counts.
_WEEKS, _MIXES = 0.35, 0.55
_AS_WEEKS = 2.0
# A week with less than this share of the usual was a holiday.
_HOLIDAY = 0.2


def weeks_differ(use: Floats, total: Floats) -> tuple[float, Floats]:
    """(log sd of whole weeks, log sd of each part's share in them) beyond what days drawn at random would make.

    Args:
        use: (steps, parts) what was used of each part.
        total: (steps,) of all.
    """
    parts = use.shape[1]
    count = len(total) // _WEEK_STEPS
    if count < 2:
        return _WEEKS, np.full(parts, _MIXES)
    start = len(total) - count * _WEEK_STEPS
    weeks = total[start:].reshape(count, _WEEK_STEPS).sum(axis=1)
    usual = weeks > _HOLIDAY * np.median(weeks)
    if usual.sum() < 2:
        return _WEEKS, np.full(parts, _MIXES)
    by_part = use[start:].reshape(count, _WEEK_STEPS, parts).sum(axis=1)[usual]
    days = total[start:].reshape(count, 7, DAY_STEPS).sum(axis=2)[usual]
    by_chance = float((days / days.mean(axis=1, keepdims=True)).std(axis=1).mean()) ** 2 / 7
    found = _shrunk(np.log(weeks[usual]).var(ddof=1) - by_chance, int(usual.sum()), _WEEKS)
    shares = np.log(np.maximum(by_part, 1e-9) / weeks[usual][:, None])
    known = by_part.min(axis=0) > 0
    variances = shares.var(axis=0, ddof=1) - by_chance
    count = int(usual.sum())
    mixes = [_shrunk(variances[part], count, _MIXES) if known[part] else _MIXES for part in range(parts)]
    return found, np.array(mixes)


def _shrunk(variance: float, weeks: int, prior: float) -> float:
    known = weeks - 1
    return float(np.sqrt((known * min(max(variance, 0.0), 1.0) + _AS_WEEKS * prior**2) / (known + _AS_WEEKS)))
