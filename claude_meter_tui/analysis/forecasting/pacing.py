"""By how much a person slows down near a weekly limit, and how likely it is that they steer by it.

Real people pace themselves (FACTS §7: from 90 % of the week on, half as much use as before). Who steers ends the week
just below or at the limit, whatever the days before say. How surely a slow-down is one follows from how much the
person's days differ anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from claude_meter_tui.analysis.forecasting.likeness import is_free_day
from claude_meter_tui.analysis.history import DAY_STEPS

if TYPE_CHECKING:
    from claude_meter_tui.analysis.history import Floats

# Use near a limit beside the usual that is thought possible, and how likely each is before anything is seen: most
# people do as always, some slow down, by anything.
_POSSIBLE = np.linspace(0.3, 1.0, 15)
_BEFORE = np.append(np.full(14, 0.4 / 14), 0.6)
# So much slower is steering.
_STEERS = 0.8
# Days in a row are alike, so they say half of what their number does; and turns within a day come in bursts: as much
# doubt as if what is expected had come in pieces of so many average steps.
_DAYS_IN_A_ROW = 2.0
_PIECES = 24
# So much from elsewhere is usual; who is known by readings alone may steer unseen, as the two real accounts did.
_USUALLY_ELSEWHERE = 0.2


class Pacing(NamedTuple):
    """How a weekly limit is met.

    Attributes:
        pace: use near a weekly limit beside the usual, .3 to 1.
        steers: how likely it is that the person steers by the limit, 0 to 1.
    """

    pace: float
    steers: float


def pacing_of(total: Floats, near: np.ndarray, far: np.ndarray, first_step: int, elsewhere: float) -> Pacing:
    """Use near a weekly limit beside the usual at the same hours of such days.

    Args:
        total: (steps,) what was used.
        near: (steps,) whether a weekly window stood near its limit and none was full.
        far: (steps,) whether none was near or full.
        first_step: the first one's local time, in steps since 1970.
        elsewhere: the share of use that only readings tell of.
    """
    likely = _likely(total, near, far, first_step)
    slows = _POSSIBLE < _STEERS
    before = float(_BEFORE[slows].sum())
    steers = (float(likely[slows].sum()) - before) / (1 - before)
    unseen = (elsewhere - _USUALLY_ELSEWHERE) / (1 - _USUALLY_ELSEWHERE)
    return Pacing(float(likely @ _POSSIBLE), float(np.clip(max(steers, unseen), 0.0, 1.0)))


def _likely(total: Floats, near: np.ndarray, far: np.ndarray, first_step: int) -> Floats:
    """How likely each possible pace is by what was seen."""
    step = np.arange(len(total)) + first_step
    hour = step // 6 % 24 + 24 * is_free_day(step // DAY_STEPS)
    usual = np.array([total[far & (hour == each)].mean() if (far & (hour == each)).any() else 0 for each in range(48)])
    expected = usual[hour]
    day = step // DAY_STEPS - first_step // DAY_STEPS
    by_day = np.bincount(day[near], expected[near])
    if by_day.sum() <= 0:
        return _BEFORE
    far_by_day = np.bincount(day[far], expected[far])
    differ = ((np.bincount(day[far], total[far]) - far_by_day) ** 2).sum() / (far_by_day**2).sum()
    days = _DAYS_IN_A_ROW * differ * (by_day**2).sum() / by_day.sum() ** 2
    doubt = days + _PIECES * total[far].mean() / by_day.sum()
    unlike = (total[near].sum() / by_day.sum() - _POSSIBLE) ** 2 / doubt
    found = _BEFORE * np.exp((unlike.min() - unlike) / 2)
    return np.asarray(found / found.sum())
