"""Two more ways to use an account than `simulated_accounts.planned`, so that no forecast is tuned to one simulator."""

from __future__ import annotations

import math
import random

from simulated_accounts import HOUR, MINUTE, Event, Habit, days_of


def _tokens(chance: random.Random, context: float) -> tuple[int, ...]:
    written = int(2500 * chance.lognormvariate(0, 0.8))
    long = chance.random() < 0.3
    output = int(900 * chance.lognormvariate(0, 0.9))
    return (
        int(chance.lognormvariate(2.5, 1.2)),
        output,
        0 if long else written,
        written if long else 0,
        int(context),
    )


def with_breaks(habit: Habit, start: float, days: int, chance: random.Random) -> list[Event]:
    """Work from morning to evening, three quarters of an hour at a time with breaks between."""
    events: list[Event] = []
    shape = [chance.lognormvariate(0, 0.5) for _ in range(24)]

    def burst(at: float, end: float, between: float, family: int, elsewhere: bool = False) -> None:
        context = chance.lognormvariate(10.4, 0.5)
        while at < end:
            tokens = _tokens(chance, context)
            events.append(Event(at, family if chance.random() > 0.15 else 2, tokens, elsewhere))
            context = min(180_000.0, context + tokens[2] + tokens[3])
            at += chance.expovariate(1 / between) + 5

    for morning, shift, worked in days_of(habit, start, days):
        strength = chance.lognormvariate(0, 0.15)
        if chance.random() < worked:
            at = morning + (habit.hours[0] + shift + chance.expovariate(2)) * HOUR
            stop = morning + (habit.hours[1] + shift + chance.gauss(0, 0.5)) * HOUR
            while at < stop:
                end = min(stop, at + chance.expovariate(1 / (45 * MINUTE)))
                between = habit.seconds_between / strength / math.sqrt(shape[int(at // HOUR) % 24])
                burst(at, end, between, chance.choices(range(3), habit.mix)[0])
                at = end + chance.expovariate(1 / (25 * MINUTE))
        if chance.random() < habit.night_agents:
            begin = morning + chance.uniform(22, 23) * HOUR
            burst(begin, begin + chance.uniform(200, 400) * MINUTE, 45.0, 0)
        for _ in range(chance.choice((1, 1, 2, 3)) if habit.elsewhere else 0):
            begin = morning + chance.uniform(8, 23) * HOUR
            burst(begin, begin + chance.lognormvariate(3.2, 0.5) * MINUTE, 60.0, chance.choice((0, 1)), True)
    return sorted(events, key=lambda event: event.at)


def steady(habit: Habit, start: float, days: int, chance: random.Random) -> list[Event]:
    """Every hour of the day has its rate, at which turns come by chance; days are much alike."""
    events: list[Event] = []
    shape = [chance.lognormvariate(0, 0.5) for _ in range(24)]

    def turns(at: float, minutes: float, rate: float, family: int | None, elsewhere: bool = False) -> None:
        end = at + minutes * MINUTE
        while (at := at + chance.expovariate(rate / MINUTE)) < end:
            used = chance.choices(range(3), habit.mix)[0] if family is None else family
            events.append(Event(at, used, _tokens(chance, chance.lognormvariate(11, 0.4)), elsewhere))

    for morning, shift, worked in days_of(habit, start, days):
        busy = chance.lognormvariate(0, 0.2) * worked
        for ten in range(int(habit.hours[0] * 6), int(habit.hours[1] * 6)):
            if chance.random() < 0.6:
                rate = shape[ten // 6 % 24] * busy * 60 / habit.seconds_between
                turns(morning + shift * HOUR + ten * 600, 10, rate, None)
        if chance.random() < habit.night_agents:
            turns(morning + 22.5 * HOUR, chance.uniform(200, 360), 1.2, 0)
        for _ in range(2 if habit.elsewhere else 0):
            turns(morning + chance.uniform(8, 22) * HOUR, chance.uniform(20, 60), 1.0, chance.choice((0, 1)), True)
    return sorted(events, key=lambda event: event.at)
