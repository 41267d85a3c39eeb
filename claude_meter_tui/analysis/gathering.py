"""What is stored of an account → `Past`: its readings thinned to where they change, its turns by groups of models."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from claude_meter_tui.analysis.attribution import family, what_counts
from claude_meter_tui.analysis.history import Past, WindowPast
from claude_meter_tui.turns.transcripts.records import milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from claude_meter_tui.analysis.outlook import Outlook
    from claude_meter_tui.domain.windows import Reading, Window
    from claude_meter_tui.store.store import Store
    from claude_meter_tui.turns.transcripts.ledger import Ledger
    from claude_meter_tui.turns.turn import Turn

Measured = tuple[float, float, float | None]
"""(seconds since 1970, percent, reset in seconds since 1970)."""
LOOK_BACK = timedelta(days=56)
"""How much of the past is looked at: a habit and a price of longer ago are no longer this account's."""


def points_of(store: Store, account_id: int | None, now: datetime, skew: timedelta) -> dict[str, list[Measured]]:
    """Every window's readings up to the local time `now`, by the server's clock, which is `skew` ahead."""
    found = store.points(account_id, now - LOOK_BACK, now)
    ahead = skew.total_seconds()
    if not ahead:
        return found
    return {key: [(at + ahead, used, reset) for at, used, reset in each] for key, each in found.items()}


def turns_of(ledger: Ledger, now: datetime) -> list[Turn]:
    """The turns up to and with the local time `now`."""
    return ledger.turns(milliseconds(now - LOOK_BACK), milliseconds(now) + 1)


def outlook_of(
    reading: Reading,
    points: Mapping[str, Sequence[Measured]],
    turns: Iterable[Turn],
    now: datetime,
    skew: timedelta,
    *,
    ahead: bool = True,
) -> Outlook:
    """The outlook of an account: see `past_of` and `analyse`; `now` and `points` are by the server's clock."""
    from claude_meter_tui.analysis.analyse import analyse

    extra = reading.extra_usage
    past, models = past_of(
        reading.windows,
        points,
        turns,
        now=now.timestamp(),
        skew=skew.total_seconds(),
        offset=(now.astimezone().utcoffset() or timedelta(0)).total_seconds(),
        carries_on=extra is not None and extra.carries_on,
    )
    return analyse(past, models, ahead=ahead)


def past_of(
    windows: Sequence[Window],
    readings: Mapping[str, Sequence[Measured]],
    turns: Iterable[Turn],
    *,
    now: float,
    skew: float = 0.0,
    offset: float = 0.0,
    carries_on: bool = False,
) -> tuple[Past, dict[str, int]]:
    """What is known at a moment, and the group of every model met.

    Args:
        windows: as newly read.
        readings: of each window, oldest first, by the server's clock.
        turns: what counts, by the local clock.
        now: the moment, by the server's clock, in seconds.
        skew: seconds the server's clock is ahead of the local one.
        offset: seconds the local time of day is ahead of UTC.
        carries_on: whether extra usage goes on past 100 %.
    """
    rules = [what_counts(window)[1] for window in windows]
    groups: dict[tuple[str, tuple[bool, ...]], int] = {}
    models: dict[str, int] = {}
    rows: list[tuple[float, int, int, int, int, int, int]] = []
    for turn in turns:
        at = turn.at / 1000 + skew
        if not turn.on_plan or at > now:
            continue
        group = models.get(turn.model)
        if group is None:
            counts = tuple(rule(turn) for rule in rules)
            group = models[turn.model] = groups.setdefault((family(turn.model), counts), len(groups))
        rows.append((at, group, *turn.kinds))
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    table = table[np.argsort(table[:, 0], kind="stable")]
    counted = [[counts[number] for _, counts in groups] for number in range(len(windows))]
    made = [
        _window(window, readings.get(window.key, ()), counted[number], now) for number, window in enumerate(windows)
    ]
    families = [name for name, _ in groups]
    past = Past(now, offset, made, families, table[:, 0], table[:, 1].astype(np.int64), table[:, 2:], carries_on)
    return past, models


def _window(window: Window, readings: Sequence[Measured], counts: list[bool], now: float) -> WindowPast:
    kept = _thinned([reading for reading in readings if now - LOOK_BACK.total_seconds() < reading[0] <= now])
    table = np.array([(at, used, np.nan if reset is None else reset) for at, used, reset in kept], dtype=np.float64)
    table = table.reshape(-1, 3)
    length = None if window.length_seconds is None else float(window.length_seconds)
    return WindowPast(
        window.key,
        length,
        window.group == "session",
        np.array(counts, dtype=np.bool_),
        table[:, 0],
        table[:, 1],
        table[:, 2],
    )


def _thinned(readings: list[Measured]) -> list[Measured]:
    """Of readings that say the same one after the other, the first and the last; jitter of a reset is no change."""
    kept: list[Measured] = []
    for reading in readings:
        if len(kept) >= 2 and _same(kept[-2], kept[-1]) and _same(kept[-1], reading):
            kept[-1] = reading
        else:
            kept.append(reading)
    return kept


def _same(one: Measured, other: Measured) -> bool:
    if one[1] != other[1] or (one[2] is None) != (other[2] is None):
        return False
    return one[2] is None or other[2] is None or abs(one[2] - other[2]) < 60
