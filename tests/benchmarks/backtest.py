"""The estimate and the forecast judged by what happened: simulated accounts of many habits with hidden weights.

    python tests/benchmarks/backtest.py [moments a habit] [seeds] [sessions|breaks|steady] [habits, comma-separated]

At moments inside use the account is analysed as it was known then, up to three hours after the last reading. Beside
it: holding the last reading, a straight line through the window's readings, and the last hour's rate carried on. The
third argument is the way people use their accounts; a forecast that is right on one of them only has failed.
"""

from __future__ import annotations

import random
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import other_people
import simulated_accounts as simulated
from simulated_accounts import DAY, Account, Habit

from claude_meter_tui.analysis.analyse import analyse
from claude_meter_tui.analysis.gathering import past_of
from claude_meter_tui.domain.catalogue import name_of
from claude_meter_tui.domain.windows import Window
from claude_meter_tui.output.outlook_json import next_stop_of
from claude_meter_tui.turns.turn import Turn

WAYS = {"sessions": simulated.planned, "breaks": other_people.with_breaks, "steady": other_people.steady}
GAPS = (0, 900, 1800, 3600, 7200, 10_800)
Figures = dict[str, list[float]]


def outlook_at(account: Account, moment: float, gap: float = 0.0, *, turns: bool = True, ahead: bool = True):
    """The outlook as it was known at a moment whose last reading was at least `gap` seconds ago."""
    windows = []
    for key in account.scale:
        name = name_of(key)
        windows.append(
            Window(
                key=key, label=name.label, group=name.group, utilization=0, length_seconds=name.length, model=name.model
            )
        )
    readings = defaultdict(list)
    for at, key, used, resets_at in account.readings:
        if at <= moment - gap:
            readings[key].append((at, used, resets_at))
    written = [
        Turn(
            int(each.at * 1000), simulated.MODELS[simulated.FAMILIES[each.family]], "s", "p", True, False, *each.tokens
        )
        for each in account.turns
        if turns and each.at <= moment
    ]
    past, models = past_of(windows, readings, written, now=moment)
    return past, analyse(past, models, ahead=ahead)


def straight_line(times: np.ndarray, used: np.ndarray, since: float, now: float) -> float:
    """When a line through this instance's readings reaches 100; infinite where it does not rise."""
    slope = np.polyfit(times - times[0], used, 1)[0] if len(times) > 1 else used[-1] / max(now - since, 600)
    return now + (100 - used[-1]) / slope if slope > 0 else float("inf")


def judge(account: Account, moment: float, gap: float, figures: list[Figures]) -> None:
    def add(name: str, value: float) -> None:
        for each in figures:
            each[name].append(float(value))

    began = time.process_time()
    past, outlook = outlook_at(account, moment, gap)
    add("cpu", time.process_time() - began)
    lately = [turn for turn in account.turns if moment - DAY < turn.at <= moment]
    fills, lines, full_already = [], [], False
    for past_window, window in zip(past.windows, outlook["windows"], strict=True):
        key = window["key"]
        used, _, resets_at, elsewhere = account.at(key, moment)
        number = past_window.instance[-1]
        mine = np.flatnonzero((past_window.instance == number) & (past_window.resets > moment))
        now = window["estimate"]
        held = past_window.used[-1] if len(mine) else 0.0
        if used < 100 and now is not None:
            add("now", abs(now["estimate"] - used))
            add("hold", abs(held - used))
            add("cover of now", now["low"] - 0.01 <= used <= now["high"] + 0.01)
        if used > 15 and key != "five_hour" and window["elsewhere_share"] is not None:
            share = window["elsewhere_share"]
            add("elsewhere", abs(share["estimate"] - elsewhere / used))
            add("elsewhere taken for none", elsewhere / used)
        true_points = sum(account.points_of(turn, key, moment) for turn in lately)
        prices = window["points_a_token"]
        found = [(prices.get(simulated.MODELS[simulated.FAMILIES[turn.family]]), turn.tokens) for turn in lately]
        points = sum(sum(p * t for p, t in zip(price, tokens, strict=True)) for price, tokens in found if price)
        if true_points > 0.5 and prices:
            add("tokens per point", abs(true_points / points - 1))
        fills_at = account.fills_at(key, moment)
        full_already |= used >= 100
        if resets_at is None or resets_at <= moment or used >= 100:
            continue
        times, level = past_window.at[mine], past_window.used[mine]
        line = straight_line(times, level, resets_at - (past_window.length or 0), moment) if len(mine) else float("inf")
        hour_ago = np.searchsorted(times, times[-1] - 3600, "right") - 1 if len(mine) else 0
        rate = (level[-1] - (level[hour_ago] if hour_ago >= 0 else 0)) / 3600 if len(mine) else 0.0
        by_rate = moment + (100 - held) / rate if rate > 0 else float("inf")
        happened = float(fills_at is not None)
        add("brier", (window["probability"] - happened) ** 2)
        add("brier of the line", (float(line < resets_at) - happened) ** 2)
        add("brier of the last hour", (float(by_rate < resets_at) - happened) ** 2)
        add("said", window["probability"])
        add("happened", happened)
        lines.append((line if line < resets_at else float("inf"), key))
        if fills_at is not None:
            fills.append((fills_at, key))
            if window["full_at"] is not None:
                p10, p50, p90 = (_seconds(window["full_at"][name]) for name in ("p10", "p50", "p90"))
                add("hours", abs(p50 - fills_at) / 3600)
                # Where it says that nothing fills, its best word is the reset.
                add("hours by the line", abs(min(line, resets_at) - fills_at) / 3600)
                add("hours by the last hour", abs(min(by_rate, resets_at) - fills_at) / 3600)
                add("cover of hours", p10 <= fills_at <= p90)
    if full_already:  # what is full stops already, and is named
        return
    stop = next_stop_of(outlook)
    named, by_line = stop and stop["key"], _soonest(lines)
    happened_first = _soonest(fills)
    add("stop", named == happened_first)
    add("stop by the line", by_line == happened_first)
    if happened_first is not None:
        add("stop that came", named == happened_first)
        add("stop that came, by the line", by_line == happened_first)


def _soonest(moments: list[tuple[float, str]]) -> str | None:
    """The window that fills first; None where none does."""
    first = min(moments, default=(float("inf"), ""))
    return first[1] if first[0] < float("inf") else None


def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def run(habits: tuple[Habit, ...], moments: int, seeds: int, plan: simulated.Plan) -> Figures:
    """Every figure of every moment; a line a habit is printed."""
    whole: Figures = defaultdict(list)
    for habit in habits:
        own: Figures = defaultdict(list)
        for seed in range(seeds):
            account = simulated.simulate(habit, seed, plan=plan)
            chance = random.Random(seed)
            inside = account.used_at(14, 42)
            for _ in range(moments):
                judge(account, chance.choice(inside) + chance.uniform(0, 600), chance.choice(GAPS), [own, whole])
        show(habit.name, own)
    return whole


def mean(figures: Figures, name: str) -> float:
    return float(np.mean(figures[name])) if figures.get(name) else float("nan")


def show(name: str, figures: Figures) -> None:
    def beside(own: str, other: str, form: str = ".2f") -> str:
        return f"{mean(figures, own):{form}}/{mean(figures, other):{form}}"

    print(
        f"{name:17} now {beside('now', 'hold')} cover {mean(figures, 'cover of now'):.2f} · Brier"
        f" {beside('brier', 'brier of the line', '.3f')}/{mean(figures, 'brier of the last hour'):.3f} · hours"
        f" {beside('hours', 'hours by the line', '.1f')} cover {mean(figures, 'cover of hours'):.2f} · stop"
        f" {beside('stop', 'stop by the line')} (one came {beside('stop that came', 'stop that came, by the line')})"
        f" · elsewhere {beside('elsewhere', 'elsewhere taken for none', '.3f')}"
    )


def main(moments: int = 12, seeds: int = 1, way: str = "sessions", names: str = "") -> None:
    chosen = tuple(habit for habit in simulated.HABITS if not names or habit.name in names.split(","))
    whole = run(chosen, moments, seeds, WAYS[way])
    show("all", whole)
    ratios = {
        "now ÷ holding": ("now", "hold"),
        "Brier ÷ the line's": ("brier", "brier of the line"),
        "Brier ÷ the last hour's": ("brier", "brier of the last hour"),
        "hours ÷ the line's": ("hours", "hours by the line"),
        "elsewhere ÷ taking it for none": ("elsewhere", "elsewhere taken for none"),
    }
    for name, (own, other) in ratios.items():
        print(f"{name}: {mean(whole, own) / max(mean(whole, other), 1e-9):.3f}")
    print(f"tokens per point, of the last day's mix, off by {mean(whole, 'tokens per point') * 100:.1f} %")
    print(f"CPU of one analysis: {mean(whole, 'cpu') * 1000:.0f} ms")
    said, happened = np.array(whole["said"]), np.array(whole["happened"])
    for tenth in range(10):
        mine = (said >= tenth / 10) & ((said < (tenth + 1) / 10) | (tenth == 9))
        if mine.any():
            print(f"said {said[mine].mean():.2f}, happened {happened[mine].mean():.2f} of {mine.sum()}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:5])
