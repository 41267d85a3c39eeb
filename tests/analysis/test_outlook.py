"""The estimate and the forecast: a small fixed part of the backtest, and what they must never say."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import cast

import numpy as np
import pytest
import simulated_accounts as simulated
from backtest import judge, mean, outlook_at
from conftest import NOON, run_script
from hypothesis import given, settings
from hypothesis import strategies as st
from other_people import steady
from simulated_accounts import DAY, HOUR, Habit

from claude_meter_tui.analysis.analyse import analyse
from claude_meter_tui.analysis.background import Analyst, started
from claude_meter_tui.analysis.carried import added_by, begins, estimates
from claude_meter_tui.analysis.gathering import past_of
from claude_meter_tui.analysis.history import WindowPast
from claude_meter_tui.analysis.outlook import Outlook, WindowOutlook
from claude_meter_tui.analysis.refresh import refresh
from claude_meter_tui.analysis.weights import learn
from claude_meter_tui.domain.windows import Account, Reading, Window
from claude_meter_tui.output.outlook_json import next_stop_of
from claude_meter_tui.output.outlook_words import between, chance, next_stop_variants, row_words, why_they_differ
from claude_meter_tui.store.store import Store
from claude_meter_tui.turns.turn import Turn

BY_NAME = {habit.name: habit for habit in simulated.HABITS}
OPUS = "claude-opus-4-8"


@pytest.fixture(scope="module")
def judged() -> dict[str, list[float]]:
    """Forty-eight moments of six habits, the same in every run."""
    figures: dict[str, list[float]] = defaultdict(list)
    for name in ("office", "odd-weights", "floored", "elsewhere", "sparse", "paced"):
        account = simulated.simulate(BY_NAME[name], 1)
        inside = account.used_at(14, 42)
        for number in range(8):
            moment = Random(number).choice(inside) + 300
            judge(account, moment, (0, 1800, 3600, 7200)[number % 4], [figures])
    return figures


def test_now_is_known_far_better_than_by_holding_the_last_reading(judged: dict[str, list[float]]) -> None:
    assert mean(judged, "now") <= 0.15 * mean(judged, "hold")
    assert mean(judged, "cover of now") >= 0.7


def test_what_fills_is_foreseen_better_than_by_a_straight_line(judged: dict[str, list[float]]) -> None:
    assert mean(judged, "brier") <= 0.75 * mean(judged, "brier of the line")
    assert mean(judged, "brier") <= 0.75 * mean(judged, "brier of the last hour")
    assert mean(judged, "stop that came") >= mean(judged, "stop that came, by the line")


def test_doubt_about_prices_is_no_doubt_about_a_usual_day() -> None:
    """Odd prices make a scale hard to know by itself; what a usual day adds is known after three weeks of it."""
    account = simulated.simulate(BY_NAME["odd-weights"], 1, plan=steady)
    past, _ = outlook_at(account, account.used_at(21, 22)[0], ahead=False)
    weights = learn(past)
    draws = weights.draw(400, np.random.default_rng(1))
    alone, together = (
        np.log(each).std(axis=0) for each in (weights.scales(draws), weights.scales_of_usual(draws, past))
    )
    assert (together < 0.06).all() and (together < 0.4 * alone).all(), (alone, together)
    assert weights.scales_of_usual(weights.center[None], past)[0] == pytest.approx(
        weights.scales(weights.center[None])[0]
    )


def test_of_people_with_steady_hours_it_knows_most() -> None:
    """Another simulator: what is regular must be seen as such, not only what comes by chance."""
    figures: dict[str, list[float]] = defaultdict(list)
    for name in ("office", "floored", "paced"):
        account = simulated.simulate(BY_NAME[name], 1, plan=steady)
        inside = account.used_at(21, 42)
        for number in range(8):
            judge(account, Random(number).choice(inside) + 300, 0.0, [figures])
    assert mean(figures, "brier") <= 0.45 * mean(figures, "brier of the line")
    assert mean(figures, "stop") >= mean(figures, "stop by the line")
    assert mean(figures, "stop that came") >= mean(figures, "stop that came, by the line")


def test_use_from_elsewhere_is_told_from_use_here() -> None:
    figures: dict[str, list[float]] = defaultdict(list)
    account = simulated.simulate(BY_NAME["elsewhere"], 2)
    inside = account.used_at(21, 42)
    for number in range(6):
        judge(account, Random(number).choice(inside), 0.0, [figures])
    assert mean(figures, "elsewhere") <= 0.4 * mean(figures, "elsewhere taken for none")


def test_a_limit_that_changed_is_noticed_and_said() -> None:
    account = simulated.simulate(BY_NAME["doubled-caps"], 0)
    step_at = account.start + 26 * DAY
    _, before = outlook_at(account, step_at - HOUR, ahead=False)
    past, after = outlook_at(account, step_at + 10 * DAY, ahead=False)
    assert not any(window["step"] for window in before["windows"])
    steps = [window["step"] for window in after["windows"] if window["step"]]
    assert steps and all(0.42 < step["factor"] < 0.6 for step in steps)
    noticed = datetime.fromisoformat(steps[0]["since"]).timestamp()
    assert abs(noticed - step_at) < 3 * DAY
    said = [sentence for window in after["windows"] for sentence in why_they_differ(window)]
    assert any("% less: the limit seems to have changed" in sentence for sentence in said)
    assert past.steps


def test_the_same_past_gives_the_same_figures() -> None:
    account = simulated.simulate(BY_NAME["office"], 0, days=21)
    moment = account.turns[-1].at
    assert outlook_at(account, moment)[1] == outlook_at(account, moment)[1]


def test_no_window_is_said_to_fill_after_it_clears() -> None:
    """A simulated step of ten or thirty minutes may hold the reset; what follows it is the next instance's."""
    said = 0
    for name in ("agents-at-night", "floored"):
        account = simulated.simulate(BY_NAME[name], 1)
        inside = account.used_at(21, 42)
        for number in range(12):
            moment = Random(number).choice(inside)
            for window in outlook_at(account, moment)[1]["windows"]:
                _, _, resets_at, _ = account.at(window["key"], moment)
                if window["full_at"] and resets_at:
                    said += 1
                    assert datetime.fromisoformat(window["full_at"]["p90"]).timestamp() <= resets_at + 1
    assert said > 10


def test_nothing_after_the_moment_is_used() -> None:
    account = simulated.simulate(BY_NAME["office"], 3, days=21)
    moment = account.start + 15 * DAY
    cut = simulated.Account(account.habit, account.start, scale=account.scale, steps=account.steps)
    cut.turns = [turn for turn in account.turns if turn.at <= moment]
    cut.readings = [reading for reading in account.readings if reading[0] <= moment]
    assert outlook_at(account, moment)[1] == outlook_at(cut, moment)[1]


def test_next_stop_is_the_likeliest_first_or_nothing() -> None:
    def outlook(*first: float) -> Outlook:
        windows = [{"key": f"w{number}", "first": each} for number, each in enumerate(first)]
        return cast("Outlook", {"nothing_fills": 1 - sum(first), "windows": windows})

    def named(*first: float) -> str | None:
        stop = next_stop_of(outlook(*first))
        return stop and stop["key"]

    assert named() is None and named(0.0) is None and named(0.2, 0.15) is None
    assert named(0.2, 0.25) == "w1", "several that are unlikely each make a stop likely"
    assert named(0.5, 0.1, 0.2) == "w0" and named(0.0, 1.0) == "w1"


# --- through the installed script --------------------------------------------------------------------------------


@pytest.fixture
def imported(scratch_home: Path) -> simulated.Account:
    account = simulated.simulate(BY_NAME["elsewhere"], 0, days=28)
    readings = simulated.write(account, scratch_home)
    assert run_script("history", "import", str(readings)).returncode == 0
    return account


def test_forecast_and_compare_keep_their_contract(imported: simulated.Account) -> None:
    moment = simulated.iso(imported.start + 24 * DAY + 15 * HOUR)
    forecast = json.loads(run_script("forecast", "--json", "--at", moment).stdout)
    assert {"schema", "at", "next_stop", "windows"} <= set(forecast)
    for window in forecast["windows"]:
        assert {"key", "utilization", "resets_at", "probability_full_before_reset"} <= set(window)
        assert 0 <= window["probability_full_before_reset"] <= 1
        assert set(window["utilization_at_reset"]) == {"p10", "p50", "p90"}
        if window["full_at"] is not None:
            assert forecast["at"] <= window["full_at"]["p10"] <= window["full_at"]["p50"] <= window["full_at"]["p90"]
            assert window["full_at"]["p90"] <= (window["resets_at"] or "9")
    if forecast["next_stop"] is not None:
        assert set(forecast["next_stop"]) == {"key", "probability", "full_at"}
        assert set(forecast["next_stop"]["full_at"]) == {"p10", "p50", "p90"}
    assert (forecast["next_stop"] is None) == (forecast["probability_nothing_fills"] > 0.6)
    compare = json.loads(run_script("compare", "--json", "--at", moment).stdout)
    for window in compare["windows"]:
        now, point, share = window["estimate_now"], window["tokens_per_point"], window["elsewhere_share"]
        assert now["low"] <= now["utilization"] <= now["high"] and now["low"] >= window["server"]["utilization"] - 1
        assert 0 < point["low"] <= point["estimate"] <= point["high"]
        assert share is None or 0 <= share["low"] <= share["estimate"] <= share["high"] <= 1
        assert window["origins"][0]["total_tokens"] == window["local"]["total_tokens"]


def test_forecast_as_a_table_says_how_sure_it_is(imported: simulated.Account) -> None:
    moment = simulated.iso(imported.start + 24 * DAY + 15 * HOUR)
    shown = run_script("forecast", "--at", moment, env={"COLUMNS": "120"})
    assert shown.returncode == 0 and not shown.stderr and "%" in shown.stdout.splitlines()[0]
    assert run_script("forecast", "--at", "2020-01-01T00:00Z").returncode == 4
    assert run_script("forecast", "--at", "someday").returncode == 2


def test_readings_alone_are_enough_for_a_forecast_but_not_for_an_estimate(scratch_home: Path) -> None:
    account = simulated.simulate(BY_NAME["office"], 0, days=21)
    account.turns = []
    readings = simulated.write(account, scratch_home)
    assert run_script("history", "import", str(readings)).returncode == 0
    moment = simulated.iso(account.start + 16 * DAY + 13 * HOUR)
    forecast = json.loads(run_script("forecast", "--json", "--at", moment).stdout)
    assert all(window["probability_full_before_reset"] is not None for window in forecast["windows"])
    compare = json.loads(run_script("compare", "--json", "--at", moment).stdout)
    for window in compare["windows"]:
        assert window["estimate_now"] is window["tokens_per_point"] is window["elsewhere_share"] is None
        assert window["missing"]


def test_a_single_reading_gets_a_wide_honest_answer(scratch_home: Path) -> None:
    file = scratch_home / "one.csv"
    file.write_text(
        "observed_at,source,account,window,utilization,resets_at\n"
        "2026-11-20T10:00:00Z,oauth,a,seven_day,40,2026-11-25T10:00:00Z\n"
    )
    run_script("history", "import", str(file))
    answer = json.loads(run_script("forecast", "--json", "--at", "2026-11-20T10:05:00Z").stdout)
    (window,) = answer["windows"]
    assert window["utilization"] == 40 and 0 < window["probability_full_before_reset"] < 1
    level = window["utilization_at_reset"]
    assert level["p90"] - level["p10"] >= 15


def test_a_full_window_is_full_and_says_since_when(scratch_home: Path) -> None:
    file = scratch_home / "full.csv"
    rows = [
        f"2026-11-20T10:{minute:02}:00Z,oauth,a,five_hour,{used},2026-11-20T14:00:00Z"
        for minute, used in ((0, 92), (20, 100), (40, 100))
    ]
    file.write_text("\n".join(["observed_at,source,account,window,utilization,resets_at", *rows]) + "\n")
    run_script("history", "import", str(file))
    answer = json.loads(run_script("forecast", "--json", "--at", "2026-11-20T10:45:00Z").stdout)
    (window,) = answer["windows"]
    assert window["probability_full_before_reset"] == 1 and window["full_at"]["p50"] == "2026-11-20T10:20:00Z"
    assert answer["next_stop"]["key"] == "five_hour" and answer["next_stop"]["probability"] == 1


# --- what is stored, and carried on by turns ----------------------------------------------------------------------


def stored(store: Store, used: float = 40.0, now: datetime = NOON) -> tuple[Reading, int]:
    window = Window(
        key="seven_day",
        label="7-day",
        group="weekly",
        utilization=used,
        resets_at=now + timedelta(days=3),
        length_seconds=7 * 86400,
    )
    reading = Reading(observed_at=now, source="oauth", account=Account(email="a@example.com"), windows=(window,))
    return reading, store.save(reading.document())


def test_the_outlook_is_stored_for_status_and_gone_with_its_instance(scratch_home: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    (scratch_home / "state").mkdir()
    with Store.open(str(scratch_home / "state" / "meter.sqlite3")) as store:
        _, account = stored(store, now=now)
        assert refresh(store, (), account, now, timedelta(0))
        document = store.outlook(account)
    answer = json.loads(run_script("status", "--format", "json").stdout)
    (window,) = answer["windows"]
    assert window["forecast"]["probability_full_before_reset"] == json.loads(document)["windows"][0]["probability"]
    assert "claude_meter_window_full_before_reset_probability" in run_script("status", "--format", "prometheus").stdout
    with Store.open(str(scratch_home / "state" / "meter.sqlite3")) as store:
        store.save_outlook(account, now, "{damaged")
    assert json.loads(run_script("status", "--format", "json").stdout)["windows"][0]["forecast"] is None


def test_turns_carry_the_estimate_on_and_a_reading_replaces_it(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "s.sqlite3")) as store:
        reading, _ = stored(store)
    outlook = {
        "made_at": "2026-11-26T12:00:00Z",
        "reading_at": "2026-11-26T12:00:00Z",
        "next_stop": None,
        "nothing_fills": 1.0,
        "windows": [
            {
                "key": "seven_day",
                "read_at": "2026-11-26T12:00:00Z",
                "resets_at": "2026-11-29T12:00:00Z",
                "estimate": {"estimate": 41.0, "low": 40.5, "high": 41.5},
                "points_a_token": {OPUS: [1e-6, 5e-6, 1e-6, 2e-6, 1e-8]},
            }
        ],
    }
    turn = Turn(0, OPUS, "s", "p", True, False, 0, 400_000, 0, 0, 0)
    added = added_by(
        outlook, [turn, turn._replace(model="claude-unknown"), turn._replace(on_plan=False)], {"seven_day": -1}
    )
    assert added == {"seven_day": pytest.approx(2.0)}
    assert estimates(outlook, reading, added, NOON)["seven_day"]["estimate"] == pytest.approx(43.0)
    assert added_by(outlook, [turn], {"seven_day": 0}) == {}
    later = reading.model_copy(update={"observed_at": NOON + timedelta(minutes=5)})
    assert begins(outlook, reading)["seven_day"] == NOON and begins(outlook, later)["seven_day"] == later.observed_at
    assert estimates(outlook, later, {}, NOON)["seven_day"] == {"estimate": 40.0, "low": 40.0, "high": 40.5}
    assert estimates(outlook, reading, {"seven_day": 500.0}, NOON)["seven_day"]["high"] == 100
    assert estimates(outlook, reading, added, NOON + timedelta(hours=7)) == {}
    fuller = reading.windows[0].model_copy(update={"utilization": 55.0})
    low = estimates(outlook, reading.model_copy(update={"windows": (fuller,)}), {}, NOON)["seven_day"]["low"]
    assert low == 55  # never below what was read


def test_doubt_asks_soon_and_certainty_waits(bench) -> None:
    import asyncio

    asyncio.run(bench.poller.beat())
    reading = bench.poller.state.reading
    assert reading is not None

    def told(low: float, high: float) -> timedelta:
        window = reading.windows[0]
        outlook = {
            "made_at": "2026-11-26T12:00:00Z",
            "next_stop": None,
            "nothing_fills": 1.0,
            "windows": [
                {
                    **dict.fromkeys(WindowOutlook.__required_keys__),
                    "key": window.key,
                    "read_at": "2026-11-26T12:00:00Z",
                    "resets_at": window.resets_at.isoformat() if window.resets_at else None,
                    "estimate": {"estimate": (low + high) / 2, "low": low, "high": high},
                }
            ],
        }
        with Store.open(bench.settings.store_file) as other:
            other.save_outlook(bench.poller.account_id or 0, NOON, json.dumps(outlook))
        asyncio.run(bench.poller.beat())
        assert bench.poller.state.next_ask is not None
        return bench.poller.state.next_ask - NOON

    used = reading.windows[0].utilization
    assert told(used, used + 10) == timedelta(minutes=5)
    assert told(used, used + 3.5) == timedelta(minutes=60)  # of other windows nothing is known


class Processes:
    """Counts what would be started."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.running = False

    def __call__(self, given: str) -> Processes:
        self.given.append(given)
        self.running = True
        return self

    def poll(self) -> int | None:
        return None if self.running else 0

    def kill(self) -> None:
        self.running = False

    def wait(self) -> int:
        return 0


def test_it_is_analysed_once_for_a_reading_and_for_all_panes(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "s.sqlite3")) as store, Store.open(str(tmp_path / "s.sqlite3")) as other:
        reading, account = stored(store)
        first, second = Processes(), Processes()
        pane, another = Analyst(store, (), first), Analyst(other, (), second)
        for analyst in (pane, another, pane):
            analyst.notice(account, reading, None, NOON, timedelta(0))
        assert (len(first.given), len(second.given)) == (1, 0)
        first.running = False
        outlook = {"made_at": "2026-11-26T12:00:00Z", "windows": [{"key": "seven_day", "utilization": 40.0}]}
        pane.notice(account, reading, outlook, NOON + timedelta(minutes=10), timedelta(0))
        assert len(first.given) == 1  # nothing is new
        fuller = reading.windows[0].model_copy(update={"utilization": 42.0})
        newer = reading.model_copy(update={"observed_at": NOON + timedelta(minutes=11), "windows": (fuller,)})
        another.notice(account, newer, outlook, NOON + timedelta(minutes=11), timedelta(0))
        assert len(second.given) == 1
        another.stop()
        assert not second.running


def test_the_process_stores_what_it_found_and_ends(scratch_home: Path) -> None:
    file = str(scratch_home / "s.sqlite3")
    with Store.open(file) as store:
        _, account = stored(store)
        given = {"store": file, "roots": [], "account": account, "now": NOON.timestamp(), "skew": 0.0}
        process = started(json.dumps(given))
        assert process is not None and process.wait(60) == 0
        assert json.loads(store.outlook(account) or "{}")["windows"][0]["key"] == "seven_day"


def test_an_account_that_turns_out_to_be_another_loses_its_outlook(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "s.sqlite3")) as store:
        _, account = stored(store)
        store.save_outlook(account, NOON, "{}")
        named = Account(email="a@example.com", organization_uuid="6a0b8c1e-0000-4000-8000-000000000001")
        other = Reading(observed_at=NOON, source="oauth", account=named)
        store.save(
            Reading(
                observed_at=NOON, source="oauth", account=Account(organization_uuid=named.organization_uuid)
            ).document()
        )
        kept = store.save(other.document())
        assert store.outlook(kept) is None


def test_a_rise_without_a_turn_here_is_said() -> None:
    week = Window(key="seven_day", label="7-day", group="weekly", utilization=0, length_seconds=604800)
    turns = [Turn(1_000_000 + 1000 * at, OPUS, "s", "p", True, False, 0, 90_000, 0, 0, 0) for at in range(0, 600, 20)]
    readings = [(900.0, 10.0, 5e5), (1700.0, 14.0, 5e5), (4000.0, 17.0, 5e5), (9000.0, 20.0, 5e5)]
    past, models = past_of([week], {"seven_day": readings}, turns, now=9100.0)
    from claude_meter_tui.analysis.analyse import analyse

    (window,) = analyse(past, models)["windows"]
    assert window["rose_alone"] is not None and window["rose_alone"]["points"] == 6
    assert any("it rose 6 points" in sentence for sentence in why_they_differ(window))


# --- odd readings --------------------------------------------------------------------------------------------------


def window_of(*rows: tuple[float, float, float | None], session: bool = False) -> WindowPast:
    table = np.array([(at, used, np.nan if reset is None else reset) for at, used, reset in rows], float)
    length = 5 * HOUR if session else 7 * DAY
    return WindowPast("w", length, session, np.array([True]), table[:, 0], table[:, 1], table[:, 2])


def test_an_ended_percentage_said_once_more_is_no_reading_of_the_new_instance() -> None:
    week = window_of((0, 90, 1000), (1000, 90, None), (1010, 100, None), (1100, 0, None), (1200, 3, 1000 + 7 * DAY))
    assert week.used.tolist() == [90, 0, 3] and week.instance.tolist() == [0, 1, 1]


def test_a_counter_that_began_anew_early_is_another_instance_and_a_moved_reset_is_not() -> None:
    early = window_of((0, 60, 9 * DAY), (600, 61, 9 * DAY), (1200, 2, 9 * DAY))
    assert early.instance.tolist() == [0, 0, 1] and np.isnan(early.zero_at[1])
    moved = window_of((0, 60, 9 * DAY), (600, 61, 9 * DAY + 7200))
    assert moved.instance.tolist() == [0, 0]


numbers = st.floats(0, 200, allow_nan=False)
rows = st.lists(st.tuples(st.floats(0, 30 * DAY), numbers, st.none() | st.floats(0, 40 * DAY)), min_size=1, max_size=40)
turns = st.lists(st.tuples(st.floats(0, 31 * DAY), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), max_size=30)


@settings(max_examples=60, deadline=None)
@given(rows, rows, turns)
def test_any_readings_and_turns_give_figures_within_bounds(five: list, week: list, used: list) -> None:
    from claude_meter_tui.analysis.analyse import analyse

    windows = [
        Window(key="five_hour", label="5-hour", group="session", utilization=0, length_seconds=18000),
        Window(key="seven_day", label="7-day", group="weekly", utilization=0, length_seconds=604800),
    ]
    readings = {"five_hour": sorted(five, key=lambda row: row[0]), "seven_day": sorted(week, key=lambda row: row[0])}
    made = [Turn(int(at * 1000), OPUS, "s", "p", True, False, a, b, 0, 0, b) for at, a, b in used]
    past, models = past_of(windows, readings, made, now=30 * DAY)
    outlook = analyse(past, models)
    text = json.dumps(outlook, allow_nan=False)
    assert "Infinity" not in text
    for window in outlook["windows"]:
        assert 0 <= window["probability"] <= 1
        assert window["elsewhere_share"] is None or 0 <= window["elsewhere_share"]["low"] <= 1


# --- words ---------------------------------------------------------------------------------------------------------


def test_every_sentence_says_how_sure_it_is() -> None:
    account = simulated.simulate(BY_NAME["floored"], 0, days=35)
    labels = {"five_hour": "5-hour", "seven_day": "7-day", "seven_day_opus": "7-day Opus"}
    for number in range(6):
        moment = account.start + (20 + 2 * number) * DAY + 13 * HOUR
        _, outlook = outlook_at(account, moment)
        now = datetime.fromtimestamp(moment, UTC)
        for sentence in next_stop_variants(outlook, labels, now):
            assert "%" in sentence or "full" in sentence
        for window in outlook["windows"]:
            words, short = row_words(window, now)
            assert words in ("", "holds", "full") or "%" in words
            assert bool(short) == bool(words)
    assert chance(0.0001) == "< 1 %" and chance(0.9999) == "> 99 %" and chance(1) == "100 %"
    times = {"p10": "2026-11-26T15:50:00Z", "p50": "2026-11-26T16:40:00Z", "p90": "2026-11-26T18:10:00Z"}
    assert between(times, NOON) == "15:50–18:10"


def test_learning_needs_enough_and_says_how_much_is_missing() -> None:
    week = Window(key="seven_day", label="7-day", group="weekly", utilization=0, length_seconds=604800)
    past, _ = past_of([week], {"seven_day": [(1000.0, 1.0, 6e5), (2000.0, 2.0, 6e5)]}, [], now=3000.0)
    weights = learn(past)
    assert not weights.known[0]


def test_the_real_account_s_span_ends_are_known_better_than_by_holding() -> None:
    """`shared/real/spans.txt` is not in this repository; a habit like it stands in: cache reads that cost nothing."""
    habit = Habit("reads-free", kinds=(2.0, 2.0, 0.9, 0.9, 0.0005), every=180, week=0.9)
    figures: dict[str, list[float]] = defaultdict(list)
    account = simulated.simulate(habit, 0, days=35)
    inside = account.used_at(20, 34)
    for number in range(8):
        judge(account, Random(number).choice(inside), 10_800.0, [figures])
    assert mean(figures, "now") <= 0.3 * mean(figures, "hold")


def test_the_poller_shows_the_outlook_another_process_stored(bench) -> None:
    import asyncio

    asyncio.run(bench.poller.ask("meter"))
    account = bench.poller.account_id
    with Store.open(bench.settings.store_file) as other:
        assert refresh(other, (), account, bench.clock.now(), timedelta(0))
    asyncio.run(bench.poller.beat())
    assert bench.poller.state.outlook is not None
    assert {window["key"] for window in bench.poller.state.outlook["windows"]} >= {"five_hour", "seven_day"}


def test_an_unreadable_outlook_is_no_trouble(bench) -> None:
    import asyncio

    asyncio.run(bench.poller.ask("meter"))
    with sqlite3.connect(bench.settings.store_file) as other:
        other.execute("INSERT INTO outlooks VALUES (?, 0, '{')", (bench.poller.account_id,))
    asyncio.run(bench.poller.beat())
    assert bench.poller.state.outlook is None and not bench.poller.state.notice


def test_a_window_others_use_is_not_thought_idle_before_its_first_reading() -> None:
    """A new installation: forty days of turns, and one reading of a window that no turn explains."""
    now, day = 40 * DAY, DAY
    ends = now + 3.2 * day
    windows = [
        Window(key="seven_day", label="7-day", group="weekly", utilization=24, length_seconds=604800),
        Window(key="seven_day_omelette", label="Design", group="weekly", utilization=84, length_seconds=604800),
    ]
    readings = {"seven_day": [(now - 60, 24.0, ends)], "seven_day_omelette": [(now - 60, 84.0, ends)]}
    made = [
        Turn(int((number * day + hour * HOUR) * 1000), "claude-opus-4-5", "s", "p", True, False, 50, 900, 4000, 0, 9000)
        for number in range(40)
        for hour in range(9, 17)
    ]
    past, models = past_of(windows, readings, made, now=now)
    found = {each["key"]: each for each in analyse(past, models)["windows"]}
    assert found["seven_day_omelette"]["probability"] > 0.3  # its pace alone comes to 155 %
    at_reset = found["seven_day_omelette"]["at_reset"]
    assert at_reset is not None and float(at_reset["p50"]) > 95
