"""What was used when: the past in steps of ten minutes, as points each step added to each window.

Two parts: what turns here added, by the classes of models that count in the same windows; and what came from elsewhere,
from the rises that turns do not explain. While a window was full nothing could be used: `blocked` fills those steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from claude_meter_tui.analysis.forecasting.blocked import filled
from claude_meter_tui.analysis.forecasting.pacing import pacing_of
from claude_meter_tui.analysis.history import DAY_STEPS, STEP
from claude_meter_tui.analysis.weights import predicted

if TYPE_CHECKING:
    from claude_meter_tui.analysis.forecasting.pacing import Pacing
    from claude_meter_tui.analysis.history import Floats, Past
    from claude_meter_tui.analysis.weights import Weights

_DAYS = 42
_OF_ALL = ("five_hour", "seven_day")
_MORE_THAN_NOISE = 2.0


@dataclass
class Habit:
    """The past by steps.

    Attributes:
        begins: the time of the first step.
        use: (steps, parts) weighted tokens by class, then points from elsewhere by window.
        growth: (parts, windows) points of a window a unit of a part adds.
        stops: (windows, parts) whether a full window stops a part.
        pacing: how a weekly limit is met.
    """

    begins: float
    use: Floats
    growth: Floats
    stops: np.ndarray
    pacing: Pacing

    @property
    def worth(self) -> Floats:
        """(parts,) what a unit of a part is on a scale of all: in points of all windows, each weighing the same."""
        return worth_of(self.use, self.growth)

    @property
    def total(self) -> Floats:
        """(steps,) how much was used in a step, on that scale; 1 on average."""
        return np.asarray(self.use @ self.worth)


def worth_of(use: Floats, growth: Floats) -> Floats:
    """The same of (steps, parts) use and the points (parts, windows) a unit of a part adds."""
    mean = (use @ growth).mean(axis=0) if len(use) else np.zeros(growth.shape[1])
    shares = np.where(mean > 1e-9, 1 / np.maximum(mean, 1e-9), 0.0) / max(len(mean), 1)
    return np.asarray(growth @ shares)


def habit_of(past: Past, weights: Weights) -> Habit:
    """The habit as known at the moment; its last step ends there, so that what was just used is in it."""
    steps = min(_DAYS * DAY_STEPS, int((past.now - past.begins) // STEP) + 1)
    begins = past.now - steps * STEP
    first_step = int((begins + past.offset) // STEP)
    windows = len(past.windows)
    counts = np.array([window.counts for window in past.windows]).reshape(windows, len(past.families))
    signatures, classes = (
        np.unique(counts, axis=1, return_inverse=True)
        if counts.size
        else (np.zeros((windows, 0), bool), np.zeros(0, int))
    )
    classes = classes.ravel()
    used = np.zeros((steps, signatures.shape[1]))
    prices = weights.price(past.families)
    if len(past.at):
        cost = (past.tokens / 1e6 * prices[past.family]).sum(axis=1)
        place = ((past.at - begins) // STEP).astype(int)
        inside = (place >= 0) & (place < steps)
        np.add.at(used, (place[inside], classes[past.family[inside]]), cost[inside])
    elsewhere = _elsewhere(past, weights, begins, steps)
    use = np.hstack([used, elsewhere])
    scales = weights.scales(weights.center[None])[0]
    growth = np.vstack([signatures.T * scales, np.eye(windows)])
    # What every turn counts in stops all when it is full, use from elsewhere too.
    of_all = [window.key in _OF_ALL or bool(window.counts.size and window.counts.all()) for window in past.windows]
    stops = np.hstack([signatures, np.eye(windows, dtype=bool) | np.array(of_all, bool)[:, None]])
    full, near = _levels(past, begins, steps)
    use = filled(use, worth_of(use, growth), full @ stops > 0, first_step)
    worth = worth_of(use, growth)
    amounts = use.sum(axis=0) * worth
    unseen = float(amounts[used.shape[1] :].sum()) / max(float(amounts.sum()), 1e-12)
    free = ~full.any(axis=1)
    return Habit(begins, use, growth, stops, pacing_of(use @ worth, near & free, ~near & free, first_step, unseen))


def _elsewhere(past: Past, weights: Weights, begins: float, steps: int) -> Floats:
    """(steps, windows) points that turns here do not explain, spread over the time between readings."""
    found = np.zeros((steps, len(past.windows)))
    edges = begins + np.arange(steps + 1) * STEP
    prices = weights.price(past.families)
    mean, _ = predicted(weights.center, weights.spans, past)
    for number, window in enumerate(past.windows):
        if len(window.at) < 2:
            continue
        tokens = past.tokens_of(number, window.at[:-1], window.at[1:])
        here = weights.scale(number) * (tokens * prices).sum(axis=(1, 2))
        same = window.instance[1:] == window.instance[:-1]
        rise = np.where(same, window.used[1:] - window.used[:-1], window.used[1:])
        rest = rise - here
        total = np.zeros(steps + 1)
        for instance in np.unique(window.instance):
            mine = np.flatnonzero(window.instance[1:] == instance)
            if not len(mine):
                continue
            level = _rising(np.cumsum(rest[mine]))
            added = np.diff(level, prepend=min(0.0, level[0]))
            added *= _share_from_elsewhere(mean, number, window.at[mine + 1], weights)
            for start, end, points in zip(window.at[mine], window.at[mine + 1], added, strict=True):
                if points > 0.02:
                    total += points * np.clip((edges - start) / max(end - start, 1.0), 0, 1)
        found[:, number] = np.diff(total)
        if number in past.steps:
            at, factor = past.steps[number]
            found[: max(0, int((at - begins) // STEP)), number] /= factor
    return _finer(past, _before_the_first_reading(past, weights, found, begins))


def _before_the_first_reading(past: Past, weights: Weights, found: Floats, begins: float) -> Floats:
    """Where turns are known for longer than readings: what came from elsewhere was much the same before.

    The instance of the first reading had come to its percentage by then; the days before it are taken to be like those
    that are known. Else a window that only others use would have a past without any use.
    """
    steps = len(found)
    prices = weights.price(past.families)
    for number, window in enumerate(past.windows):
        if not len(window.at) or not np.isfinite(window.resets[0]) or window.length is None:
            continue
        read = float(window.at[0])
        opened = min(read, float(window.resets[0]) - window.length)
        first, until = int((opened - begins) // STEP), int((read - begins) // STEP) + 1
        if until <= 1:
            continue
        tokens = past.tokens_of(number, np.array([opened]), np.array([read]))
        rest = float(window.used[0]) - weights.scale(number) * float((tokens * prices).sum())
        if rest > _MORE_THAN_NOISE:
            found[max(0, first) : until, number] += rest / (until - first)
        if first <= 0:
            continue
        known = steps - first
        period = DAY_STEPS * min(7, known // DAY_STEPS)
        if period:
            found[:first, number] = found[first + (np.arange(-first, 0) % period), number]
        else:
            found[:first, number] = found[first:, number].mean()
    return found


def _share_from_elsewhere(mean: Floats, number: int, ends: Floats, weights: Weights) -> Floats:
    """How sure it is, for each reading, that what its stretch has over is more than rounding and noise."""
    spans = weights.spans
    mine = np.flatnonzero(spans.window == number)
    if not len(mine):
        return np.ones(len(ends))
    over = spans.rise[mine] - mean[mine]
    sd = np.sqrt(spans.rounding[mine] + (weights.noise * mean[mine]) ** 2)
    sure = np.clip((over / sd - 0.7) / 1.5, 0.0, 1.0)
    sure[mean[mine] < 0.3] = 1.0
    order = np.argsort(spans.until[mine])
    place = np.searchsorted(spans.until[mine][order], ends - 1)
    return np.where(place < len(mine), sure[order][np.minimum(place, len(mine) - 1)], 0.5)


def _rising(level: Floats) -> Floats:
    """The nearest series that never falls (pool adjacent violators)."""
    values: list[float] = []
    sizes: list[int] = []
    for value in level:
        values.append(float(value))
        sizes.append(1)
        while len(values) > 1 and values[-2] > values[-1]:
            size = sizes[-2] + sizes[-1]
            values[-2:] = [(values[-2] * sizes[-2] + values[-1] * sizes[-1]) / size]
            sizes[-2:] = [size]
    return np.repeat(values, sizes)


def _finer(past: Past, found: Floats) -> Floats:
    """The week's use by the five-hour window's rises, which are finer than its own whole percents."""
    keys = [window.key for window in past.windows]
    if "five_hour" not in keys or "seven_day" not in keys:
        return found
    five, week = found[:, keys.index("five_hour")], found[:, keys.index("seven_day")]
    if five.sum() > 20 and week.sum() > 3:
        found[:, keys.index("seven_day")] = five * week.sum() / five.sum()
    return found


def _levels(past: Past, begins: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """((steps, windows) whether it was full, (steps,) whether a weekly window stood at 90 % or more)."""
    moments = begins + (np.arange(steps) + 0.5) * STEP
    full = np.zeros((steps, len(past.windows)), bool)
    near = np.zeros(steps, bool)
    for number, window in enumerate(past.windows):
        if not len(window.at):
            continue
        place = np.searchsorted(window.at, moments, "right") - 1
        known = place >= 0
        level = np.where(known, window.used[np.maximum(place, 0)], 0)
        reset = window.resets[np.maximum(place, 0)]
        over = reset <= moments
        full[:, number] = known & (level >= 99.5) & ~over
        if not window.session:
            near |= known & (level >= 90) & ~over
    return full, near
