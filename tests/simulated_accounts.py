"""Simulated accounts with hidden weights: what a person of a habit uses, what the server makes of it, what is read."""

from __future__ import annotations

import json
import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0
FAMILIES = ("opus", "sonnet", "haiku")
MODELS = {"opus": "claude-opus-4-8", "sonnet": "claude-sonnet-5", "haiku": "claude-haiku-4-5"}
LENGTHS = {"five_hour": 5 * HOUR, "seven_day": 7 * DAY, "seven_day_opus": 7 * DAY, "seven_day_sonnet": 7 * DAY}


@dataclass(frozen=True)
class Habit:
    """How a person uses an account, and what is particular about it."""

    name: str
    hours: tuple[float, float] = (9.0, 18.0)
    workdays: tuple[float, ...] = (1, 1, 1, 1, 1, 0.15, 0.1)  # chance of use by day of week
    sessions: float = 5.0
    minutes: float = 50.0
    seconds_between: float = 75.0
    night_agents: float = 0.0  # chance of a long unattended run in a night
    vacation: tuple[int, int] = (99, 99)
    rotate: int = 0  # hours of shift rotation a week
    elsewhere: float = 0.0  # share of the use
    floored: bool = False
    every: float = 15.0  # minutes between readings
    asleep: bool = False  # whether readings are taken only around use
    cap_step: tuple[int, float] = (99, 1.0)
    early_reset: int = 99
    pace: float = 1.0
    kinds: tuple[float, ...] = (1.0, 5.0, 1.25, 2.0, 0.02)
    models: tuple[float, ...] = (1.0, 0.6, 0.2)
    mix: tuple[float, ...] = (0.55, 0.35, 0.1)
    week: float = 1.0  # a usual week's use, in weeks' caps
    five: float = 0.8  # a strong five hours' use, in caps
    second: str = "seven_day_opus"


HABITS = (
    Habit("office", week=0.7),
    Habit("agents-at-night", night_agents=0.6, sessions=3, week=1.6),
    Habit("weekends", workdays=(0.2, 0.2, 0.2, 0.2, 0.4, 1, 1), hours=(11, 23), sessions=7, week=0.6),
    Habit("vacation", vacation=(24, 31), week=1.4),
    Habit("shifts", rotate=6, hours=(6, 14), workdays=(1, 1, 1, 1, 1, 0.5, 0.5), week=0.8),
    Habit("odd-weights", kinds=(3.0, 2.2, 2.0, 2.4, 0.004), models=(1.0, 0.9, 0.35), five=1.2),
    Habit("floored", floored=True, week=1.5, five=0.7),
    Habit("elsewhere", elsewhere=0.25, week=1.2),
    Habit("doubled-caps", cap_step=(26, 2.0), week=1.3, five=1.0),
    Habit("sparse", every=90, week=0.85),
    Habit("early-reset", early_reset=34, week=1.1),
    Habit("paced", pace=0.4, week=1.25),
    Habit("list-price-reads", kinds=(1.0, 5.0, 1.25, 2.0, 0.1), asleep=True, five=1.0),
)


class Event(NamedTuple):
    """A request: when, the model's family, tokens of the five kinds, and whether it came from elsewhere."""

    at: float
    family: int
    tokens: tuple[int, ...]
    elsewhere: bool = False


@dataclass
class Account:
    """What happened: turns written here, readings, and the truth by window."""

    habit: Habit
    start: float
    turns: list[Event] = field(default_factory=list)
    readings: list[tuple[float, str, float, float | None]] = field(default_factory=list)
    steps: dict[str, list[tuple[float, float, int, float | None, float]]] = field(default_factory=dict)
    """(at, utilization, instance, resets_at, elsewhere's part) after each change."""
    scale: dict[str, float] = field(default_factory=dict)

    def at(self, key: str, moment: float) -> tuple[float, int, float | None, float]:
        steps = self.steps[key]
        found = bisect_right(steps, moment, key=lambda step: step[0]) - 1
        _, used, instance, resets_at, part = steps[max(found, 0)]
        return used, instance, resets_at, part

    def used_at(self, first_day: float, last_day: float) -> list[float]:
        """The times of turns between two days since the start: moments inside use."""
        return [turn.at for turn in self.turns if first_day * DAY < turn.at - self.start < last_day * DAY]

    def points_of(self, turn: Event, key: str, moment: float) -> float:
        """The points a turn would add to a window at a moment's price; 0 where it does not count there."""
        family = FAMILIES[turn.family]
        if key not in ("five_hour", "seven_day") and not key.endswith(family):
            return 0.0
        cost = self.habit.models[turn.family] * sum(k * t for k, t in zip(self.habit.kinds, turn.tokens, strict=True))
        changed = (moment - self.start) / DAY >= self.habit.cap_step[0]
        return cost * self.scale[key] / (self.habit.cap_step[1] if changed else 1)

    def fills_at(self, key: str, moment: float) -> float | None:
        """When the instance of a moment reaches 100 %, at or after it; None: it holds."""
        used, instance, _, _ = self.at(key, moment)
        if used >= 100:
            return moment
        first = bisect_right(self.steps[key], moment, key=lambda step: step[0])
        for at, value, number, _, _ in self.steps[key][first:]:
            if number != instance:
                return None
            if value >= 100:
                return at
        return None


def days_of(habit: Habit, start: float, days: int) -> Iterator[tuple[float, int, float]]:
    """(morning, hours the day is shifted by, how likely it is worked on) of each day that is no holiday."""
    for day in range(days):
        if not habit.vacation[0] <= day < habit.vacation[1]:
            morning = start + day * DAY
            yield morning, habit.rotate * (day // 7) % 24, habit.workdays[int(morning // DAY + 3) % 7]


def planned(habit: Habit, start: float, days: int, chance: random.Random) -> list[Event]:
    """Sessions by chance in the hours of a day; most are independent of each other."""
    events: list[Event] = []

    def run(at: float, minutes: float, between: float, family: int, elsewhere: bool = False) -> None:
        end = at + minutes * MINUTE
        context = chance.lognormvariate(10.4, 0.5)
        while at < end:
            size = chance.lognormvariate(0, 0.8)
            written = int(2500 * size + (context if chance.random() < 0.07 else 0))
            long = chance.random() < 0.3
            tokens = (
                int(chance.lognormvariate(2.5, 1.2)),
                int(900 * chance.lognormvariate(0, 0.9)),
                0 if long else written,
                written if long else 0,
                int(context),
            )
            used = family if chance.random() > 0.08 else 2
            events.append(Event(at, used, tokens, elsewhere))
            context = min(180_000.0, context + written)
            at += chance.expovariate(1 / between) + 8

    for morning, shift, worked in days_of(habit, start, days):
        if chance.random() < worked:
            strength = chance.lognormvariate(0, 0.35)
            for _ in range(max(1, round(chance.gauss(habit.sessions * strength, 1)))):
                begin = morning + (chance.uniform(*habit.hours) + shift) * HOUR
                family = chance.choices(range(3), habit.mix)[0]
                run(begin, chance.lognormvariate(math.log(habit.minutes), 0.6), habit.seconds_between, family)
        if chance.random() < habit.night_agents:
            run(morning + chance.uniform(22, 24) * HOUR, chance.uniform(120, 420), 45.0, chance.choice((0, 0, 1)))
        if habit.elsewhere:
            for _ in range(chance.choice((0, 1, 1, 2, 3))):
                begin = morning + chance.uniform(8, 23) * HOUR
                run(begin, chance.lognormvariate(3.2, 0.7), 60.0, chance.choice((0, 1)), elsewhere=True)
    return sorted(events, key=lambda event: event.at)


Plan = Callable[[Habit, float, int, random.Random], list[Event]]


def simulate(
    habit: Habit, seed: int = 0, days: int = 49, start: float = 1_785_715_200.0, plan: Plan = planned
) -> Account:
    """Weeks of one account; `start` is a midnight UTC, `plan` what a person would use if nothing stopped them."""
    chance = random.Random(f"{habit.name} {seed}")
    events = plan(habit, start, days, chance)
    costs = [
        habit.models[event.family] * sum(k * t for k, t in zip(habit.kinds, event.tokens, strict=True))
        for event in events
    ]
    if habit.elsewhere:
        own = sum(cost for cost, event in zip(costs, events, strict=True) if not event.elsewhere)
        other = sum(costs) - own
        factor = habit.elsewhere / (1 - habit.elsewhere) * own / max(other, 1)
        costs = [cost * factor if event.elsewhere else cost for cost, event in zip(costs, events, strict=True)]
    weeks = [0.0] * (days // 7 + 1)
    fives: dict[int, float] = {}
    for event, cost in zip(events, costs, strict=True):
        weeks[int((event.at - start) // (7 * DAY))] += cost
        fives[int(event.at // (5 * HOUR))] = fives.get(int(event.at // (5 * HOUR)), 0) + cost
    usual_week = sorted(weeks[: days // 7])[days // 14]
    strong_five = sorted(fives.values())[int(len(fives) * 0.9)]
    opus_share = sum(c for c, e in zip(costs, events, strict=True) if e.family == 0) / sum(costs)
    second_family = 0 if habit.second.endswith("opus") else 1
    part = opus_share if second_family == 0 else 1 - opus_share
    scale = {
        "five_hour": 100 * habit.five / strong_five,
        "seven_day": 100 * habit.week / usual_week,
        habit.second: 100 * habit.week * chance.uniform(0.7, 1.15) / (usual_week * part),
    }
    account = Account(habit, start, scale=scale)
    anchor = {key: start + chance.uniform(0, 7) * DAY - 7 * DAY for key in scale}
    anchor = {key: value // HOUR * HOUR for key, value in anchor.items()}
    anchor[habit.second] = anchor["seven_day"]
    used = dict.fromkeys(scale, 0.0)
    other = dict.fromkeys(scale, 0.0)
    number = dict.fromkeys(scale, 0)
    resets: dict[str, float | None] = {key: None if key == "five_hour" else anchor[key] + 7 * DAY for key in scale}
    account.steps = {key: [(start - DAY, 0.0, 0, resets[key], 0.0)] for key in scale}

    def note(key: str, at: float) -> None:
        account.steps[key].append((at, used[key], number[key], resets[key], other[key]))

    def pass_time(at: float) -> None:
        for key in scale:
            while (reset := resets[key]) is not None and reset <= at:
                used[key] = other[key] = 0.0
                number[key] += 1
                resets[key] = None if key == "five_hour" else reset + 7 * DAY
                note(key, reset)

    early_done = False
    for event, cost in zip(events, costs, strict=True):
        pass_time(event.at)
        if not early_done and (event.at - start) / DAY >= habit.early_reset:
            early_done = True
            used["seven_day"] = other["seven_day"] = 0.0
            number["seven_day"] += 1
            note("seven_day", event.at)
        keys = [k for k in scale if k in ("five_hour", "seven_day") or event.family == second_family]
        if any(used[key] >= 100 for key in keys):
            continue
        if max(used[key] for key in scale if key != "five_hour") >= 90 and chance.random() > habit.pace:
            continue
        if not event.elsewhere:
            account.turns.append(event)
        for key in keys:
            if resets[key] is None:
                resets[key] = event.at // HOUR * HOUR + 5 * HOUR
            step = (event.at - start) / DAY >= habit.cap_step[0]
            rise = cost * scale[key] / (habit.cap_step[1] if step else 1)
            used[key] += rise
            other[key] += rise if event.elsewhere else 0
            note(key, event.at)
    pass_time(start + days * DAY)
    own_times = [event.at for event in account.turns]
    moment = start + chance.uniform(0, 600)
    while moment < start + days * DAY:
        near = bisect_right(own_times, moment)
        awake = any(abs(own_times[i] - moment) < 2 * HOUR for i in (near - 1, near) if 0 <= i < len(own_times))
        if awake or not habit.asleep:
            for key in scale:
                value, _, resets_at, _ = account.at(key, moment)
                shown = math.floor(value) if habit.floored else math.floor(value + 0.5)
                account.readings.append((moment, key, float(min(shown, 100)), resets_at))
        moment += habit.every * MINUTE * chance.uniform(0.95, 1.05)
    return account


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write(account: Account, folder: Path) -> Path:
    """The account's transcripts under `folder/claude`; gives its readings as a CSV for `history import`."""
    project = folder / "claude" / "projects" / "-home-u-p"
    project.mkdir(parents=True)
    with (project / "s.jsonl").open("w") as out:
        for number, turn in enumerate(account.turns):
            given, output, short, long, read = turn.tokens
            usage = {
                "input_tokens": given,
                "output_tokens": output,
                "cache_creation_input_tokens": short + long,
                "cache_read_input_tokens": read,
                "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
            }
            message = {"id": f"msg_{number}", "model": MODELS[FAMILIES[turn.family]], "usage": usage}
            row = {"sessionId": "s", "timestamp": iso(turn.at), "requestId": f"req_{number}", "message": message}
            out.write(json.dumps(row) + "\n")
    readings = folder / "readings.csv"
    lines = ["observed_at,source,account,window,utilization,resets_at"]
    for at, key, used, resets_at in account.readings:
        lines.append(f"{iso(at)},oauth,simulated,{key},{used},{'' if resets_at is None else iso(resets_at)}")
    readings.write_text("\n".join(lines) + "\n")
    return readings
