"""How like one moment of the past is to another: hour, workday or not, and how much was used just before.

What followed moments like this one is what may follow now. Moments are indices of steps of ten minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claude_meter_tui.analysis.history import DAY_STEPS

if TYPE_CHECKING:
    from claude_meter_tui.analysis.history import Floats

# Use in the last 10, 30 and 120 minutes and 8 hours, and how far each may differ. Wide ones: what is drawn from is
# few weeks, and a handful of moments says less than many that are nearly alike (`adjustment` corrects for the rest).
_BACK = (1, 3, 12, 48)
LOOK_BACK = _BACK[-1]
"""Steps before a moment that say how like it is to another."""
_MAY_DIFFER = np.array([1.5, 2.0, 2.0, 2.0])
_HOURS_MAY_DIFFER = 1.0
_OTHER_KIND_OF_DAY = 3.0


def is_free_day(day: np.ndarray | int) -> np.ndarray:
    """Saturday or Sunday, of days since 1970 (a Thursday)."""
    return np.asarray((np.asarray(day) + 3) % 7 >= 5)


def hours_apart(moments: np.ndarray, moment: int) -> Floats:
    """(moments,) by how many hours of the day each is later than `moment`, -12 to 12."""
    return np.asarray(((moments - moment + DAY_STEPS // 2) % DAY_STEPS - DAY_STEPS // 2) * 24 / DAY_STEPS)


def features(total: Floats, moments: np.ndarray) -> Floats:
    """(moments, 4) use up to each moment, on a scale on which likeness can be measured."""
    sums = np.concatenate([[0.0], np.cumsum(total)])
    columns = [(sums[moments] - sums[np.maximum(moments - back, 0)]) / back for back in _BACK]
    return np.asarray(np.log1p(np.stack(columns, axis=1) * 2) / _MAY_DIFFER)


def distance(theirs: Floats, mine: Floats, moments: np.ndarray, moment: int, first_step: int) -> Floats:
    """(moments,) how unlike each is to `moment`, squared; `first_step` is the local time of the first one's index 0."""
    other_kind = is_free_day((moments + first_step) // DAY_STEPS) != is_free_day((moment + first_step) // DAY_STEPS)
    hours = hours_apart(moments, moment) / _HOURS_MAY_DIFFER
    found = ((theirs - mine) ** 2).sum(axis=1) + hours**2 + _OTHER_KIND_OF_DAY * other_kind
    return np.asarray(found)
