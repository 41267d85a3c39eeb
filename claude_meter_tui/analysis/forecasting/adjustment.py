"""What followed a moment of the past, corrected for how that moment differed from now.

Few moments are quite like now, so many that are nearly alike are replayed. On average they were quieter than a moment
of heavy use, or earlier in the day, and what followed them was so too. A weighted linear fit over the past says how
use in the next hours goes with those differences, and each replay is scaled by it: the regression adjustment of
approximate Bayesian computation (Beaumont, Zhang and Balding 2002).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claude_meter_tui.analysis.forecasting.likeness import hours_apart

if TYPE_CHECKING:
    from claude_meter_tui.analysis.history import Floats

AHEAD = 18
"""Steps after a moment that are corrected: differences of now say little of what is later."""
# How strongly the fit is held to no difference; and a factor is never more than this, nor a forecast of the fit less
# than this share of the mean.
_RIDGE = 0.05
_MOST = 3.0
_LEAST_OF_MEAN = 0.2


def adjustment(total: Floats, moments: np.ndarray, apart: Floats, like: Floats) -> Floats:
    """(moments,) by what to multiply the use of the `AHEAD` steps after each, to go on from now, the end of `total`.

    Args:
        total: (steps,) what was used.
        moments: steps of the past.
        apart: (moments, features) by how much the features of each are more than those of now.
        like: (moments,) how like now each is; sums to 1.
    """
    now = len(total)
    sums = np.concatenate([[0.0], np.cumsum(total)])
    followed = sums[np.minimum(moments + AHEAD, now)] - sums[moments]
    known = np.where(moments + AHEAD <= now, like, 0.0)
    weight = float(known.sum())
    mean = float(known @ followed) / max(weight, 1e-12)
    if mean <= 0:
        return np.ones(len(moments))
    table = np.column_stack([np.ones(len(moments)), apart, hours_apart(moments, now)])
    weighted = table * known[:, None]
    squares = weighted.T @ table
    squares[np.diag_indices_from(squares)] += np.where(np.arange(len(squares)) == 0, 1e-12, _RIDGE * weight)
    fit = np.linalg.solve(squares, weighted.T @ followed)
    least = _LEAST_OF_MEAN * mean
    here, there = max(float(fit[0]), least), np.maximum(table @ fit, least)
    return np.asarray(np.clip(here / there, 1 / _MOST, _MOST))
