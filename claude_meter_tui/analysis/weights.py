"""What a point costs on this account: points per weighted token of each window, learned from its own readings.

One scale a window; multipliers of token kinds and model families are shared by all windows, begin at the public price
ratios and are shrunk to them (cache reads at a fiftieth, with much doubt: FACTS §7). Use from elsewhere only adds, so
what turns do not explain is one-sided: a rise is exact within rounding, or exact plus something exponential.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING

import numpy as np

from claude_meter_tui.analysis.history import KINDS, spans_of

if TYPE_CHECKING:
    from claude_meter_tui.analysis.history import Floats, Past

PRICES = np.array([1.0, 5.0, 1.25, 2.0, 0.02])
"""Of an input, output, cache write (5 m, 1 h) and cache read token, an input token being 1 (public list, but reads)."""
_KIND_DOUBT = np.array([0.5, 0.5, 0.4, 0.4, 1.2])
_FAMILY_PRICES = {"opus": 1.0, "sonnet": 0.6, "haiku": 0.2, "fable": 1.0}
_FAMILY_DOUBT = 0.3
# Nearly nothing is known of a scale beforehand.
_SCALE_DOUBT = 5.36656
_LEAST_RISE = 4.0
# Less than this tells nothing of a window's scale.
ENOUGH_POINTS = 6.0
ENOUGH_SPANS = 2
# A step of the limit: how much better two scales must explain the rises, and how large it must be.
_STEP_GAIN = 9.0
_STEP_LEAST = log(1.18)


@dataclass
class Spans:
    """All windows' stretches, in one table."""

    window: np.ndarray
    since: Floats
    until: Floats
    rise: Floats
    rounding: Floats
    tokens: Floats  # (spans, families, kinds), only of the families that count in the window


@dataclass
class Weights:
    """What was learned.

    Attributes:
        center, spread: mean and covariance of the logarithms of scales, kinds' and families' multipliers.
        noise: what cannot be told of a rise, as a share of it.
        exact: for each window, the chance that a stretch has nothing from elsewhere.
        extra: for each window, how much else there is in a stretch that has, in points.
        known: for each window, whether there is enough to give figures.
        points: for each window, the points local turns explain so far.
        steps: for each window, when its limit seems to have changed and by what factor a point's price did.
        floored: how likely it is that the server's percentages are cut rather than rounded.
        likelihood: logarithm of how well the stretches are explained.
    """

    windows: int
    center: Floats
    spread: Floats
    noise: float
    exact: Floats
    extra: Floats
    known: np.ndarray
    points: Floats
    steps: dict[int, tuple[float, float]] = field(default_factory=dict)
    floored: float = 0.0
    likelihood: float = 0.0
    spans: Spans = field(kw_only=True)

    def scales(self, draws: Floats) -> Floats:
        """(draws, windows): points per weighted million tokens."""
        return np.exp(draws[:, : self.windows])

    def prices(self, draws: Floats, families: list[str]) -> Floats:
        """(draws, families, kinds): weight of a token."""
        kinds = np.exp(draws[:, self.windows : self.windows + len(KINDS)]) * PRICES
        each = np.exp(draws[:, self.windows + len(KINDS) :]) * family_prices(families)
        return np.asarray(each[:, :, None] * kinds[:, None, :])

    def price(self, families: list[str]) -> Floats:
        """(families, kinds): weight of a token, as most likely."""
        return np.asarray(self.prices(self.center[None], families)[0])

    def scales_of_usual(self, draws: Floats, past: Past) -> Floats:
        """(draws, windows): points per million tokens as `price` weighs them, of this account's usual tokens.

        A scale and the prices are known far better together than each alone: a draw whose tokens weigh more has a
        smaller scale. Taken without its prices, that scale would make a doubt of what is known.
        """
        used = past.tokens_between(np.array([past.begins - 1.0]), np.array([past.now]))[0]
        usual = np.array([(used * window.counts[:, None]).ravel() for window in past.windows]).reshape(self.windows, -1)
        as_drawn = self.prices(draws, past.families).reshape(len(draws), -1) @ usual.T
        as_likely = usual @ self.price(past.families).ravel()
        return self.scales(draws) * np.where(as_likely > 0, as_drawn / np.maximum(as_likely, 1e-12), 1.0)

    def scale(self, number: int) -> float:
        """Points of a window per weighted million tokens, as most likely."""
        return float(np.exp(self.center[number]))

    def draw(self, count: int, chance: np.random.Generator) -> Floats:
        """Sets of logarithms as likely as what was learned allows; the first is the center itself."""
        root = np.linalg.cholesky(self.spread + 1e-9 * np.eye(len(self.center)))
        draws = self.center + chance.standard_normal((count, len(self.center))) @ root.T
        draws[0] = self.center
        return draws


def family_prices(families: list[str]) -> Floats:
    """A family's usual price beside Opus's; an unknown one's is taken for that."""
    return np.array([_FAMILY_PRICES.get(name.removesuffix("-fast"), 1.0) for name in families])


def table(past: Past, least: float = _LEAST_RISE) -> Spans:
    """The stretches of all windows with what was used in them."""
    parts = []
    for number, window in enumerate(past.windows):
        since, until, rise, rounding = spans_of(window, least)
        tokens = past.tokens_between(since, until) * window.counts[None, :, None]
        parts.append((np.full(len(since), number), since, until, rise, rounding, tokens))
    if not parts:
        empty = np.zeros(0)
        return Spans(np.zeros(0, int), empty, empty, empty, empty, np.zeros((0, len(past.families), len(KINDS))))
    return Spans(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def learn(past: Past) -> Weights:
    """Weights from every stretch; steps of a limit are looked for, and only what came after one counts for a scale."""
    spans = table(past)
    weights = _better(past, spans, {})
    steps = {}
    for number in range(len(past.windows)):
        step = _step_of(weights, spans, number, past)
        if step is not None:
            steps[number] = step
    if steps:
        weights = _better(past, spans, steps)
    weights.steps = past.steps = steps
    return weights


def _better(past: Past, spans: Spans, steps: dict[int, tuple[float, float]]) -> Weights:
    """The fit for rounded percentages, or for those cut down: whichever explains the rises from 0 better."""
    rounded = _fit(past, spans, steps)
    if any(window.fraction for window in past.windows):
        return rounded
    cut = _fit(past, spans, steps, cut=0.5)
    gain = np.clip(cut.likelihood - rounded.likelihood - 1.0, -30, 30)
    chosen = cut if gain > 0 else rounded
    chosen.floored = float(1 / (1 + np.exp(-gain)))
    return chosen


def predicted(center: Floats, spans: Spans, past: Past) -> tuple[Floats, Floats]:
    """(points each stretch should have risen by, the same by family and kind)."""
    windows = len(past.windows)
    kinds = np.exp(center[windows : windows + len(KINDS)]) * PRICES
    each = np.exp(center[windows + len(KINDS) :]) * family_prices(past.families)
    parts = spans.tokens * each[None, :, None] * kinds[None, None, :]
    parts *= np.exp(center[spans.window])[:, None, None]
    return parts.sum(axis=(1, 2)), parts


def _fit(past: Past, spans: Spans, steps: dict[int, tuple[float, float]], cut: float = 0.0) -> Weights:
    windows, families = len(past.windows), len(past.families)
    size = windows + len(KINDS) + families
    # A stretch before a limit changed is told in today's points.
    rise = spans.rise + cut * (spans.rounding < 0.12) * (spans.rise > 0)
    for number, (at, factor) in steps.items():
        rise[(spans.window == number) & (spans.until <= at)] /= factor
    usable = np.ones(len(rise), bool)
    for number, (at, _) in steps.items():
        usable &= ~((spans.window == number) & (spans.since < at) & (spans.until > at))
    doubt = np.concatenate([np.full(windows, _SCALE_DOUBT), _KIND_DOUBT, np.full(families, _FAMILY_DOUBT)])
    center = np.zeros(size)
    base, _ = predicted(center, spans, past)
    first = _first_scales(past, spans, rise, base)
    center[:windows] = first
    prior = np.zeros(size)
    prior[:windows] = first
    precision = 1 / doubt**2
    exact = np.full(windows, 0.7)
    extra = np.full(windows, 4.0)
    noise = 0.08
    hessian = np.diag(precision)
    for _ in range(40):
        mean, parts = predicted(center, spans, past)
        sd = np.sqrt(spans.rounding + 0.01 + (noise * mean) ** 2)
        error = rise - mean
        chance_exact, slope, curve, total = _mixture(error, sd, exact[spans.window], extra[spans.window])
        slope, curve = slope * usable, curve * usable
        jacobian = np.zeros((len(mean), size))
        jacobian[np.arange(len(mean)), spans.window] = mean
        jacobian[:, windows : windows + len(KINDS)] = parts.sum(axis=1)
        jacobian[:, windows + len(KINDS) :] = parts.sum(axis=2)
        gradient = jacobian.T @ slope - precision * (center - prior)
        hessian = (jacobian * curve[:, None]).T @ jacobian + np.diag(precision)
        move = np.clip(np.linalg.solve(hessian, gradient), -0.5, 0.5)
        center = center + move
        for number in range(windows):
            mine = (spans.window == number) & usable
            told = mine & (mean > 0.2)
            exact[number] = (chance_exact[told].sum() + 4.0) / (told.sum() + 5.0)
            rest = (1 - chance_exact) * np.maximum(error, 0) * mine
            weight = ((1 - chance_exact) * mine).sum()
            extra[number] = np.clip((rest.sum() + 4.0) / (weight + 1.0), 1.0, 30.0)
        told = usable & (mean > 1)
        if told.any():
            weight = chance_exact[told]
            found = max(0.0, (weight * (error**2 - spans.rounding)[told]).sum()) + 0.08**2 * 20
            noise = float(np.clip(np.sqrt(found / ((weight * mean[told] ** 2).sum() + 20)), 0.02, 0.3))
        if np.abs(move).max() < 1e-4:
            break
    mean, _ = predicted(center, spans, past)
    told = np.minimum(mean, spans.rise)
    explained = np.array([float(told[spans.window == number].sum()) for number in range(windows)])
    counts = np.array([((spans.window == number) & (mean > 0.5)).sum() for number in range(windows)])
    return Weights(
        windows,
        center,
        np.asarray(np.linalg.inv(hessian), dtype=np.float64),
        noise,
        exact,
        extra,
        (explained >= ENOUGH_POINTS) & (counts >= ENOUGH_SPANS),
        explained,
        likelihood=float((total * usable).sum()),
        spans=spans,
    )


def _first_scales(past: Past, spans: Spans, rise: Floats, base: Floats) -> Floats:
    """A scale to begin with: the lower middle of what the stretches say, since use from elsewhere only adds."""
    scales = np.full(len(past.windows), np.nan)
    for number in range(len(past.windows)):
        told = (spans.window == number) & (base > 0) & (rise >= 1)
        if told.any():
            ratios = rise[told] / base[told]
            order = np.argsort(ratios)
            heavy = np.cumsum(base[told][order])
            scales[number] = ratios[order][np.searchsorted(heavy, 0.4 * heavy[-1])]
    guess = np.nan_to_num(np.nanmean(np.log(scales)), nan=-1.0) if np.isfinite(scales).any() else -1.0
    return np.where(np.isfinite(scales), np.log(scales), guess)


def _mixture(error: Floats, sd: Floats, exact: Floats, extra: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """(chance that a stretch is exact, slope and curvature of the log-likelihood by its mean, that itself).

    Exact: normal. Else: normal plus exponential (an exponentially modified normal distribution).
    """

    def both(shift: Floats) -> tuple[Floats, Floats]:
        normal = np.log(exact) - 0.5 * (shift / sd) ** 2 - np.log(sd)
        argument = (sd / extra - shift / sd) / np.sqrt(2)
        more = np.log1p(-exact) - np.log(extra) + (sd / extra) ** 2 / 2 - shift / extra + _log_erfc(argument)
        more += np.log(0.5) + 0.5 * np.log(2 * np.pi)  # the same constant left out of both
        return normal, more

    normal, more = both(error)
    total = np.logaddexp(normal, more)
    step = 0.05 * sd
    up, down = (np.logaddexp(*both(error + sign * step)) for sign in (1, -1))
    slope = -(up - down) / (2 * step)
    curve = -(up + down - 2 * total) / step**2
    return np.exp(normal - total), slope, np.maximum(curve, 0.05 / (sd + extra) ** 2), total


def _log_erfc(value: Floats) -> Floats:
    """Log of the complementary error function (Numerical Recipes' erfcc, relative error below 1.2e-7)."""
    size = np.abs(value)
    t = 1 / (1 + 0.5 * size)
    inner = -1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))
    inner = -0.18628806 + t * (0.27886807 + t * inner)
    inner = 1.00002368 + t * (0.37409196 + t * (0.09678418 + t * inner))
    log_positive = np.log(t) - size**2 - 1.26551223 + t * inner
    return np.asarray(
        np.where(value >= 0, log_positive, np.log(np.maximum(2 - np.exp(np.minimum(log_positive, 0)), 1e-300)))
    )


def _step_of(weights: Weights, spans: Spans, number: int, past: Past) -> tuple[float, float] | None:
    """(when, by what factor a weighted token's points changed) the latest change of a limit, if there was one."""
    mean, _ = predicted(weights.center, spans, past)
    told = np.flatnonzero((spans.window == number) & (mean > 1.5) & (spans.rise >= 1))
    if len(told) < 8:
        return None
    told = told[np.argsort(spans.until[told])]
    ratio = np.log(spans.rise[told] / mean[told])
    sd = np.sqrt(spans.rounding[told] / spans.rise[told] ** 2 + weights.noise**2 + 0.05**2)
    best: tuple[float, int, float] | None = None
    all_of_it = _loss(ratio - _middle(ratio, sd), sd)
    for cut in range(3, len(told) - 2):
        one, other = _middle(ratio[:cut], sd[:cut]), _middle(ratio[cut:], sd[cut:])
        gain = all_of_it - _loss(ratio[:cut] - one, sd[:cut]) - _loss(ratio[cut:] - other, sd[cut:])
        if best is None or gain > best[0]:
            best = (gain, cut, one - other)
    if best is None or best[0] < _STEP_GAIN + np.log(len(told)) or abs(best[2]) < _STEP_LEAST:
        return None
    at = spans.since[told[best[1]]]
    return float(at), float(np.exp(best[2]))


def _middle(ratio: Floats, sd: Floats) -> float:
    order = np.argsort(ratio)
    weight = np.cumsum(1 / sd[order])
    return float(ratio[order][np.searchsorted(weight, 0.45 * weight[-1])])


def _loss(error: Floats, sd: Floats) -> float:
    """Robust: use from elsewhere must not look like a step."""
    size = np.abs(error) / sd
    return float(np.where(size < 1.5, 0.5 * size**2, 1.5 * size - 1.125).sum())
