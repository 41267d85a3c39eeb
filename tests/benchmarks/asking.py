"""When the server is asked, judged by what the screen shows: simulated accounts, the real schedule and analysis.

    python tests/benchmarks/asking.py [days] [habits, comma-separated]

A machine that is awake around the use of it keeps the dashboard open. Every minute the schedule is asked; the analysis
is made anew as the dashboard does, after a reading or turns. Beside it: a reading every 15 minutes that holds until the
next (36 requests a day of nine hours), every 5 minutes, and one every minute, which is what whole percents alone cost.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import simulated_accounts as simulated
from simulated_accounts import DAY, HOUR, MINUTE, Account, Habit

from claude_meter_tui.analysis.analyse import analyse
from claude_meter_tui.analysis.carried import added_by, begins, estimates
from claude_meter_tui.analysis.gathering import past_of
from claude_meter_tui.domain.catalogue import name_of
from claude_meter_tui.domain.windows import Reading, Window
from claude_meter_tui.polling.gate import Gate
from claude_meter_tui.polling.schedule import Known, doubt_of, next_ask
from claude_meter_tui.settings.cadence import Cadence
from claude_meter_tui.turns.turn import Turn

WHERE_IT_MATTERS = 70.0
NAMES = "office,agents-at-night,weekends,shifts,elsewhere,paced"


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def read(account: Account, at: float) -> Reading:
    """What the server says at a time."""
    windows = []
    for key in account.scale:
        used, _, resets_at, _ = account.at(key, at)
        shown = math.floor(used) if account.habit.floored else math.floor(used + 0.5)
        name = name_of(key)
        windows.append(
            Window(
                key=key,
                label=name.label,
                group=name.group,
                utilization=float(min(shown, 100)),
                resets_at=None if resets_at is None else moment(resets_at),
                length_seconds=name.length,
                model=name.model,
            )
        )
    return Reading(observed_at=moment(at), source="oauth", windows=tuple(windows), whole_at=moment(at))


class Meter:
    """One way of asking: what it shows at a time, and how often it asked."""

    def __init__(self) -> None:
        self.errors: list[float] = []
        self.where_it_matters: list[float] = []
        self.requests = 0

    def judge(self, account: Account, at: float, shown: dict[str, float]) -> None:
        for key, figure in shown.items():
            used = min(100.0, account.at(key, at)[0])
            self.errors.append(abs(figure - used))
            if used >= WHERE_IT_MATTERS:
                self.where_it_matters.append(abs(figure - used))


def held(reading: Reading, at: float) -> dict[str, float]:
    """The last reading's figures; 0 for a window that has ended since."""
    now = moment(at)
    return {
        window.key: 0.0 if window.resets_at is not None and window.resets_at <= now else window.utilization
        for window in reading.windows
    }


class Scheduled(Meter):
    """The dashboard's way: schedule, estimate, analysis."""

    def __init__(self, account: Account, start: float) -> None:
        super().__init__()
        self.account, self.cadence = account, Cadence()
        self.gate = Gate(set_at=moment(start))
        self.asks: list[datetime] = []
        self.points = defaultdict(list)
        for at, key, used, resets_at in account.readings:
            if at <= start:
                self.points[key].append((at, used, resets_at))
        self.turns = [
            Turn(int(e.at * 1000), simulated.MODELS[simulated.FAMILIES[e.family]], "s", "p", True, False, *e.tokens)
            for e in account.turns
        ]
        self.times = [turn.at for turn in self.turns]
        self.reading: Reading | None = None
        self.outlook, self.made_at, self.analysed = None, -1e18, -1
        self.woke_at: datetime | None = None
        self.unchanged = 0

    def minute(self, at: float, slept: bool) -> None:
        now = moment(at)
        if slept:
            self.woke_at = now
        self.asks = [each for each in self.asks if now - each < timedelta(days=1)]
        known = (
            Known(None)
            if self.reading is None
            else Known(
                self.reading.observed_at,
                [(window.label, window.resets_at) for window in self.reading.windows if window.resets_at],
                doubt_of(self.outlook, self.reading, now),
                self.unchanged,
                self.woke_at,
            )
        )
        if next_ask(now, known, self.gate, self.asks, self.cadence).at <= now:
            self.ask(at)
        written = bisect_right(self.times, at * 1000)
        figures = None if self.outlook is None else {w["key"]: round(w["utilization"]) for w in self.outlook["windows"]}
        moved = figures is not None and any(figures[w.key] != round(w.utilization) for w in self.reading.windows)
        age = at - self.made_at
        if figures is None or (moved and age > 180) or (written != self.analysed and age > 300) or age > 1800:
            self.analyse(at, written)
        shown = held(self.reading, at)
        turns = self.turns[max(0, written - 400) : written]
        since = {key: int(each.timestamp() * 1000) for key, each in begins(self.outlook, self.reading).items()}
        added = added_by(self.outlook, turns, since)
        shown |= {k: e["estimate"] for k, e in estimates(self.outlook, self.reading, added, now).items()}
        self.judge(self.account, at, shown)

    def ask(self, at: float) -> None:
        before, self.reading = self.reading, read(self.account, at)
        self.requests += 1
        self.asks.append(moment(at))
        same = before is not None and [w.utilization for w in before.windows] == [
            w.utilization for w in self.reading.windows
        ]
        self.unchanged = self.unchanged + 1 if same else 0
        self.gate = self.gate.asked(moment(at)).answered(changed=not same)
        for window in self.reading.windows:
            reset = None if window.resets_at is None else window.resets_at.timestamp()
            self.points[window.key].append((at, window.utilization, reset))

    def analyse(self, at: float, written: int) -> None:
        past, models = past_of(self.reading.windows, self.points, self.turns[:written], now=at)
        self.outlook, self.made_at, self.analysed = analyse(past, models, ahead=False), at, written


class Every(Meter):
    """A reading every so many minutes, which holds."""

    def __init__(self, account: Account, minutes: float) -> None:
        super().__init__()
        self.account, self.span = account, minutes * MINUTE
        self.reading, self.read_at = None, -1e18

    def minute(self, at: float, slept: bool) -> None:
        if at - self.read_at >= self.span - 1:
            self.reading, self.read_at = read(self.account, at), at
            self.requests += 1
        self.judge(self.account, at, held(self.reading, at))


def run(habit: Habit, days: int, seed: int = 0) -> list[Meter]:
    """The last days of one account, in three ways."""
    account = simulated.simulate(habit, seed)
    end = account.start + 49 * DAY
    start = end - days * DAY
    own = [turn.at for turn in account.turns]
    meters = [Scheduled(account, start), Every(account, 15), Every(account, 5), Every(account, 1)]
    at, last = start + 30.0, start
    while at < end:
        near = bisect_right(own, at)
        if any(abs(own[i] - at) < 2 * HOUR for i in (near - 1, near) if 0 <= i < len(own)):
            for meter in meters:
                meter.minute(at, at - last > 2 * MINUTE)
            last = at
        at += MINUTE
    return meters


def main(days: int = 9, names: str = NAMES) -> None:
    chosen = [habit for habit in simulated.HABITS if habit.name in names.split(",")]
    whole: list[list[Meter]] = []
    print("requests a day, mean error, mean error of windows at 70 % and more, worst · every 15 min · 5 min · 1 min")
    for habit in chosen:
        whole.append(run(habit, days))
        print(f"{habit.name:17}", " · ".join(show([meter], days) for meter in whole[-1]), flush=True)
    columns = list(zip(*whole, strict=True))
    print(f"{'all':17}", " · ".join(show(list(each), days * len(chosen)) for each in columns))
    ours, fixed = columns[0], columns[1]
    for name in ("errors", "where_it_matters"):
        a, b = (np.concatenate([getattr(m, name) for m in side]).mean() for side in (ours, fixed))
        print(f"{name}: {a / b:.3f} × that of every 15 minutes")
    print(f"requests: {sum(m.requests for m in ours) / sum(m.requests for m in fixed):.3f} ×")


def show(meters: list[Meter], days: int) -> str:
    errors = np.concatenate([meter.errors for meter in meters])
    matters = np.concatenate([meter.where_it_matters or [math.nan] for meter in meters])
    requests = sum(meter.requests for meter in meters) / days
    return f"{requests:5.1f} {errors.mean():.3f} {np.nanmean(matters):.3f} {errors.max():4.1f}"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3])
