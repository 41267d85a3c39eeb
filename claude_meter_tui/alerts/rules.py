"""What is worth telling: a pure function of how the windows stand, what was told already, and what the user wants.

Once for each instance of a window and never again, also after a restart: what was told is remembered. A window is armed
again when its reset has passed, or when it has fallen well below what was told.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from claude_meter_tui.domain.urgency import is_over

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from claude_meter_tui.settings.alerting import Alerting

Kind = Literal["threshold", "forecast", "cleared", "limit_changed", "test"]
# A figure that wavers around a threshold is told once: only what fell by so many points has begun anew.
_FALLEN_BY = 10.0
# One and the same reset moves by seconds from answer to answer (FACTS §1), an instance by hours.
_SAME_RESET = timedelta(minutes=10)
# Only who was told that a window is nearly full waits for it to clear; and not for one of long ago.
_CLEARED_FROM = 90.0
_CLEARED_WITHIN = timedelta(hours=2)
# The analysis finds one and the same step at another hour now and then; a smaller one is not worth a message.
_SAME_STEP = timedelta(days=3)
_STEP_FROM = 0.15


class Standing(NamedTuple):
    """How a window stands.

    `exact`: read lately, by a source that knows it now; else it is told nothing of. `estimate`: percent, where another
    figure than the reading's is known. `probability` that it fills before its reset, `fills_at` when, most likely.
    `step`: since when a point buys so many times as much as before.
    """

    key: str
    label: str
    utilization: float
    resets_at: datetime | None
    exact: bool
    estimate: float | None = None
    probability: float | None = None
    fills_at: datetime | None = None
    step: tuple[datetime, float] | None = None


class Told(NamedTuple):
    """What was told of a window: for the instance with this reset, at this percentage or threshold."""

    instance: datetime | None
    level: float


class Alert(NamedTuple):
    """Something to tell. `level`: the threshold passed; `estimated`: that it was is an estimate."""

    kind: Kind
    key: str
    label: str
    utilization: float
    resets_at: datetime | None = None
    level: float | None = None
    estimated: bool = False
    probability: float | None = None
    fills_at: datetime | None = None
    since: datetime | None = None
    factor: float | None = None


class Decision(NamedTuple):
    """What to tell, and what is to be remembered from now on (None: forgotten), by window and kind."""

    alerts: tuple[Alert, ...]
    remember: dict[tuple[str, str], Told | None]


def decide(
    windows: Iterable[Standing], told: Mapping[tuple[str, str], Told], wanted: Alerting, now: datetime
) -> Decision:
    """What is to be told now.

    Args:
        windows: how they stand.
        told: what was told, by window and kind.
        wanted: what the user wants to be told.
        now: by the server's clock, as resets are.
    """
    alerts: list[Alert] = []
    remember: dict[tuple[str, str], Told | None] = {}
    for window in windows:
        if is_over(window.resets_at, now):
            continue
        _threshold(window, told.get((window.key, "threshold")), wanted, now, alerts, remember)
        _forecast(window, told.get((window.key, "forecast")), wanted, now, alerts, remember)
        _step(window, told.get((window.key, "limit_changed")), wanted, alerts, remember)
    return Decision(tuple(alerts), remember)


def _threshold(
    window: Standing,
    before: Told | None,
    wanted: Alerting,
    now: datetime,
    alerts: list[Alert],
    remember: dict[tuple[str, str], Told | None],
) -> None:
    if not window.exact:
        return
    ended = before is not None and is_over(before.instance, now)
    fallen = before is not None and window.utilization <= before.level - _FALLEN_BY
    if before is not None and (ended or fallen):
        lately = before.instance is None or now - before.instance <= _CLEARED_WITHIN
        if wanted.cleared and before.level >= _CLEARED_FROM and fallen and lately:
            alerts.append(Alert("cleared", window.key, window.label, window.utilization, window.resets_at))
        remember[window.key, "threshold"] = before = None
    used = window.utilization
    estimated = wanted.estimates and window.estimate is not None and window.estimate > used
    if estimated and window.estimate is not None:
        used = window.estimate
    passed = max((each for each in wanted.thresholds(window.key) if used >= each), default=None)
    if passed is None or (before is not None and passed <= before.level):
        return
    remember[window.key, "threshold"] = Told(window.resets_at, passed)
    estimated = estimated and window.utilization < passed
    alerts.append(Alert("threshold", window.key, window.label, used, window.resets_at, passed, estimated))


def _forecast(
    window: Standing,
    before: Told | None,
    wanted: Alerting,
    now: datetime,
    alerts: list[Alert],
    remember: dict[tuple[str, str], Told | None],
) -> None:
    if before is not None and not _same_instance(before.instance, window.resets_at):
        remember[window.key, "forecast"] = before = None
    if (
        before is not None
        or not window.exact
        or not wanted.forecast
        or window.utilization >= 100
        or window.probability is None
        or window.fills_at is None
        or window.probability * 100 < wanted.sure
        or window.fills_at - now > timedelta(minutes=wanted.forecast)
    ):
        return
    remember[window.key, "forecast"] = Told(window.resets_at, window.utilization)
    alerts.append(
        Alert(
            "forecast",
            window.key,
            window.label,
            window.utilization,
            window.resets_at,
            probability=window.probability,
            fills_at=window.fills_at,
        )
    )


def _step(
    window: Standing,
    before: Told | None,
    wanted: Alerting,
    alerts: list[Alert],
    remember: dict[tuple[str, str], Told | None],
) -> None:
    if window.step is None or not wanted.limit_changed or abs(window.step[1] - 1) < _STEP_FROM:
        return
    since, factor = window.step
    if before is not None and before.instance is not None and abs(before.instance - since) < _SAME_STEP:
        return
    remember[window.key, "limit_changed"] = Told(since, factor)
    alerts.append(
        Alert(
            "limit_changed", window.key, window.label, window.utilization, window.resets_at, since=since, factor=factor
        )
    )


def _same_instance(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < _SAME_RESET
