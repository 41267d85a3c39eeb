"""What would have been used while a window was full and nothing could be: history is censored there (FACTS §7).

Replayed as it stands, it would say that people stop when a window fills. So such steps are filled, half an hour at a
time, with what followed moments like them that were free. Not with what preceded them: a burst that filled a window
would have ended some time too. Short pieces, because what was free for long is what had ended by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claude_meter_tui.analysis.forecasting.likeness import LOOK_BACK, distance, features, is_free_day
from claude_meter_tui.analysis.history import DAY_STEPS, stretches

if TYPE_CHECKING:
    from claude_meter_tui.analysis.history import Floats

_PIECE = 3
# After three hours what preceded says no more of what follows: the same hours of other such days do.
_LONG_RUN = 18
_OTHER_DAYS = (1, 7, 2, 3, 4, 5, 6)


def filled(use: Floats, worth: Floats, blocked: np.ndarray, first_step: int) -> Floats:
    """The same with what would have been used in blocked steps.

    Args:
        use: (steps, parts) what was used.
        worth: (parts,) what a unit of a part is on the scale of all of them.
        blocked: (steps, parts) where nothing could be.
        first_step: the first one's local time, in steps since 1970.
    """
    found = use.copy()
    closed = np.asarray(blocked.any(axis=1))
    if not closed.any():
        return found
    chance = np.random.default_rng(7)
    steps = len(use)
    moments = np.arange(12, max(12, steps - _PIECE))
    follows = np.array([closed[moments + ahead] for ahead in range(-1, _PIECE)]).any(axis=0)
    free = moments[~follows]
    theirs = features(use @ worth, free)
    kinds = is_free_day((np.arange(steps) + first_step) // DAY_STEPS)
    for start, end in stretches(closed):
        until = min(end, start + _LONG_RUN) if len(free) > DAY_STEPS // 2 else start
        for at in range(start, until, _PIECE):
            width = min(_PIECE, until - at)
            before = found[max(0, at - LOOK_BACK) : at] @ worth
            mine = features(before, np.array([len(before)]))
            weight = np.exp(-0.5 * distance(theirs, mine, free, at, first_step)) + 1e-12
            like = int(chance.choice(free, p=weight / weight.sum()))
            _put(found, blocked, slice(at, at + width), use[like : like + width])
        for at in range(until, end):
            others = [step for days in _OTHER_DAYS if (step := at - days * DAY_STEPS) >= 0 and not closed[step]]
            if others:
                other = next((step for step in others if kinds[step] == kinds[at]), others[0])
                _put(found, blocked, slice(at, at + 1), use[other : other + 1])
    return found


def _put(found: Floats, blocked: np.ndarray, where: slice, piece: Floats) -> None:
    """What was used before it closed within a step counts too."""
    found[where] = np.where(blocked[where], np.maximum(piece, found[where]), found[where])
