"""By how much a person slows down near a weekly limit, and whether that is to be taken for steering by it.

Real people pace themselves (FACTS §7: from 90 % of the week on, half as much use as before). Who steers ends the week
just below or at the limit, whatever the days before say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from claude_meter_tui.analysis.forecasting.likeness import is_free_day
from claude_meter_tui.analysis.history import DAY_STEPS

if TYPE_CHECKING:
    from claude_meter_tui.analysis.history import Floats

# Near a limit a tenth less than usual, as if that had been seen for two days of average use.
_PACE = 0.9
_PACE_STEPS = 288
_LEAST, _MOST = 0.35, 1.0
# Whether it is steering starts from no slow-down, seen for a day: below .8 it may be, at half it is.
_STEERS_STEPS = 144
_MAY_STEER, _STEERS = 0.8, 0.5
# So much from elsewhere is usual; who is known by readings alone may steer unseen, as the two real accounts did.
_USUALLY_ELSEWHERE = 0.2


class Pacing(NamedTuple):
    """How a weekly limit is met.

    Attributes:
        pace: use near a weekly limit beside the usual, .35 to 1.
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
    unseen = float(np.clip((elsewhere - _USUALLY_ELSEWHERE) / (1 - _USUALLY_ELSEWHERE), 0.0, 1.0))
    if not far.any():
        return Pacing(_PACE, unseen)
    step = np.arange(len(total)) + first_step
    hour = step // 6 % 24 + 24 * is_free_day(step // DAY_STEPS)
    usual = np.array([total[far & (hour == each)].mean() if (far & (hour == each)).any() else 0 for each in range(48)])
    mean = max(float(total[far].mean()), 1e-9)
    seen, expected = float(total[near].sum()) / mean, float(usual[hour][near].sum()) / mean
    pace = np.clip((seen + _PACE * _PACE_STEPS) / (expected + _PACE_STEPS), _LEAST, _MOST)
    slowed = (seen + _STEERS_STEPS) / (expected + _STEERS_STEPS)
    steers = np.clip((_MAY_STEER - slowed) / (_MAY_STEER - _STEERS), 0.0, 1.0)
    return Pacing(float(pace), max(float(steers), unseen))
