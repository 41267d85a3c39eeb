"""What the analysis came to, in sentences a person acts on. Every one names how sure it is. Light."""

from __future__ import annotations

from datetime import datetime

from claude_meter_tui.analysis.carried import LIKELY_FROM
from claude_meter_tui.output.words import amount, clears, clock_time, time_of_day

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.analysis.outlook import Outlook, Quantiles, Range, WindowOutlook

SAID_FROM = 0.1
"""A window that fills with less probability than this is said to hold."""
# A share of a window that small is not told from rounding.
_ELSEWHERE_FROM = 0.04


def estimated(percent: float) -> str:
    """`≈44 %`: an estimate, never below one percent's doubt."""
    return f"≈{percent:.0f} %"


def chance(probability: float | None) -> str:
    """`85 %`, `< 1 %`, `> 99 %`: nothing is quite certain."""
    if probability is None:
        return ""
    if probability < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < probability < 1 else f"{probability * 100:.0f} %"


def moment_of(value: str | float) -> datetime:
    """A time of the outlook."""
    return datetime.fromisoformat(str(value))


def between(times: Quantiles, now: datetime) -> str:
    """`15:50–18:10`, `Thu 16:30–Fri 09:10`: the range that holds with 80 %."""
    first, last = (clock_time(moment_of(times[name]), now) for name in ("p10", "p90"))
    if first == last:
        return first
    day = first.rpartition(" ")[0]
    return f"{first}–{last.removeprefix(day + ' ') if day else last}"


def next_stop_sentence(outlook: Outlook, labels: Mapping[str, str], now: datetime) -> str:
    """The sentence to act on: which window, when, how sure, free again when; or that nothing fills."""
    variants = next_stop_variants(outlook, labels, now)
    return variants[0]


def next_stop_variants(outlook: Outlook, labels: Mapping[str, str], now: datetime) -> list[str]:
    """The same from long to short, for as much room as there is."""
    stop = next((each for each in outlook["windows"] if each["key"] == outlook["next_stop"]), None)
    if stop is None or stop["first_at"] is None:
        sure = chance(outlook["nothing_fills"])
        return [f"Nothing fills before it clears ({sure} sure)", f"nothing fills ({sure})"]
    label = labels.get(stop["key"], stop["key"])
    after = _clears(stop, now)
    if stop["utilization"] >= 100:
        return [f"{label} is full{after}", f"{label} full{after}", f"{label} full"]
    times = stop["full_at"] or stop["first_at"]  # the same times as in its row and its chart
    at, span = clock_time(moment_of(times["p50"]), now), between(times, now)
    sure = chance(stop["first"])
    if stop["first"] < LIKELY_FROM:
        holds = chance(outlook["nothing_fills"])
        return [
            f"{label} may fill first, about {at} ({span}), {sure} likely · nothing fills: {holds}{after}",
            f"{label} may fill first, about {at} ({span}), {sure} likely{after}",
            f"{label} may fill first, about {at}, {sure} likely{after}",
            f"{label} may fill {at} ({sure})",
        ]
    return [
        f"{label} fills first, likely at {at} ({span}), {sure} sure{after}",
        f"{label} fills first, likely {at}, {sure} sure{after}",
        f"{label} fills {at}, {sure} sure{after.partition(' (')[0]}",
        f"{label} fills {at} ({sure})",
    ]


def _clears(stop: WindowOutlook, now: datetime) -> str:
    if stop["resets_at"] is None:
        return ""
    return f" · {clears(moment_of(stop['resets_at']), now)}"


def row_words(window: WindowOutlook, now: datetime) -> tuple[str, str]:
    """`full Thu 16:30 · 85 %`, `may fill · 30 %`, `holds`, and shorter: for a window's row; empty: nothing is known."""
    probability, at = window["probability"], window["full_at"]
    if probability is None or window["resets_at"] is None:
        return "", ""
    if window["utilization"] >= 100:
        return "full", "full"
    if probability < SAID_FROM or at is None:
        return "holds", "holds"
    if probability < LIKELY_FROM:
        return f"may fill · {chance(probability)}", f"may {chance(probability)}"
    when = clock_time(moment_of(at["p50"]), now)
    return f"full {when} · {chance(probability)}", when


def step_words(since: datetime, factor: float) -> str:
    """`since Sep 5 a token uses up 40 % less: the limit seems to have changed`."""
    change = (factor - 1) * 100
    less = f"{-change:.0f} % less" if change < 0 else f"{change:.0f} % more"
    return f"since {since:%b} {since.day} a token uses up {less}: the limit seems to have changed"


def why_they_differ(window: WindowOutlook) -> list[str]:
    """Why the server's percentage and a local token sum disagree, in plain sentences; empty where it is not known."""
    found = []
    point, share, step = window["tokens_per_point"], window["elsewhere_share"], window["step"]
    if step is not None:
        found.append(step_words(moment_of(step["since"]), step["factor"]))
    alone = window["rose_alone"]
    if alone is not None:
        since = moment_of(alone["since"]).astimezone()
        found.append(f"nothing was sent here since {time_of_day(since)} and it rose {alone['points']:.0f} points")
    if point is not None:
        low, high = amount(round(point["low"])), amount(round(point["high"]))
        found.append(f"1 point ≈ {amount(round(point['estimate']))} weighted tokens ({low}–{high})")
    if share is not None:
        least, most = share["low"] * 100, share["high"] * 100
        if share["estimate"] >= _ELSEWHERE_FROM:
            found.append(f"elsewhere ≈ {share['estimate'] * 100:.0f} % of it ({least:.0f}–{most:.0f} %)")
        else:
            found.append(f"nearly all of it was used here (elsewhere at most {most:.0f} %)")
    return found


def outlook_figures(window: WindowOutlook, estimate: Range | None, now: datetime) -> list[tuple[str, str]]:
    """(name, text) of what is estimated of a window, and of what follows if one stops, goes on, or does as usual."""
    found = []
    if estimate is not None:
        span = f"{estimate['low']:.0f}–{estimate['high']:.0f}"
        text = f"{estimated(estimate['estimate'])} ({span}) by the turns since the reading"
        if abs(estimate["estimate"] - window["utilization"]) >= 1 or estimate["high"] - estimate["low"] >= 2:
            found.append(("now", text))
    at, probability, level = window["full_at"], window["probability"], window["at_reset"]
    if probability is not None and window["utilization"] < 100:
        if at is not None and probability >= SAID_FROM:
            when = clock_time(moment_of(at["p50"]), now)
            found.append(("fills", f"{chance(probability)} before it clears, likely {when}"))
            found.append(("between", f"{between(at, now)} (80 %)"))
        else:
            found.append(("fills", f"holds until it clears, {chance(1 - probability)} sure"))
    if window["stop_now"] is not None and level is not None:
        pace = window["this_pace_fills_at"]
        found.append(("stop now", f"≈{window['stop_now']:.0f} % at its reset"))
        found.append(("this pace", "holds" if pace is None else f"full {clock_time(moment_of(pace), now)}"))
        found.append(("as usual", f"{float(level['p10']):.0f}–{float(level['p90']):.0f} % at its reset (80 %)"))
    if window["turns_left"] is not None:
        found.append(("room for", f"about {window['turns_left']} turns like the last hour's"))
    return found
