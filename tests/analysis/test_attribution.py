"""Which turns count in which window, and the comparison made of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import NOON, log_in, payload, run_script

from claude_meter_tui.analysis.attribution import (
    Share,
    blocks,
    cuts,
    family,
    fan_out,
    rises,
    share_of,
    spans,
    what_counts,
)
from claude_meter_tui.demo.server import DemoServer
from claude_meter_tui.demo.transcripts import write_tree
from claude_meter_tui.domain.instances import Point, instance_of
from claude_meter_tui.domain.windows import Window
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.system.clock import SystemClock
from claude_meter_tui.turns.transcripts.records import milliseconds
from claude_meter_tui.turns.turn import Piece, Turn

HOUR = timedelta(hours=1)
MONDAY = NOON.replace(day=23)


OPUS = "claude-opus-4-5-20251101"


def turn(at: datetime, tokens: int = 100, model: str = OPUS) -> Piece:
    moment = round(at.timestamp() * 1000)
    return Piece(moment, moment, model, 1, tokens, 0, 0, 0)


def shared(window: Window, turns: list[Piece], now: datetime) -> Share:
    return share_of(instance_of(window, (), now), turns, now)


def windows(name: str) -> dict[str, Window]:
    reading = read_usage(payload(name), observed_at=MONDAY, source="oauth")
    return {window.key: window for window in reading.windows}


NAMED = windows("max-named-windows.json")
SCOPED = windows("limits-array-only.json")


@pytest.mark.parametrize(
    ("window", "counts", "opus", "fable"),
    [
        (NAMED["five_hour"], "all", True, True),
        (NAMED["seven_day"], "all", True, True),
        (NAMED["seven_day_oauth_apps"], "all", True, True),
        (NAMED["seven_day_opus"], "model", True, False),
        (NAMED["seven_day_sonnet"], "model", False, False),
        (NAMED["seven_day_omelette"], "none", False, False),
        (NAMED["seven_day_cowork"], "none", False, False),
        (SCOPED["weekly_scoped:fable"], "model", False, True),
        (SCOPED["weekly_scoped:claude_code"], "all", True, True),
        (windows("unknown-windows.json")["tangelo"], "none", False, False),
    ],
    ids=lambda value: value.key if isinstance(value, Window) else None,
)
def test_what_counts_in_a_window(window: Window, counts: str, opus: bool, fable: bool) -> None:
    kind, counted = what_counts(window)
    assert kind == counts
    assert counted(turn(NOON)) is opus and counted(turn(NOON, model="claude-fable-5")) is fable


@pytest.mark.parametrize(
    ("label", "model", "same"),
    [
        ("Fable", "claude-fable-5", True),
        ("claude-fable-5", "claude-fable-5", True),
        ("Sonnet 4.5", "claude-sonnet-4-5-20250929", True),
        ("Sonnet 4.5", "claude-sonnet-4-20250514", False),
        ("Opus", "claude-3-opus-20240229", True),
        ("Op", "claude-opus-4-5", False),
        ("!", "claude-opus-4-5", False),
    ],
)
def test_models_are_told_by_their_family_name(label: str, model: str, same: bool) -> None:
    window = NAMED["seven_day_opus"].model_copy(update={"model": label})
    assert what_counts(window)[1](turn(NOON, model=model)) is same


def test_one_turn_reaches_several_windows() -> None:
    moved = [window.label for window in fan_out(turn(NOON), NAMED.values())]
    assert moved == ["5-hour", "7-day", "7-day Opus", "7-day apps"]


def test_the_sum_is_since_the_window_opened_and_up_to_the_moment() -> None:
    window = NAMED["five_hour"]  # 10:00 to 15:00
    turns = [turn(MONDAY - 3 * HOUR), turn(MONDAY - HOUR), turn(MONDAY), turn(MONDAY + HOUR)]
    share = shared(window, turns, MONDAY)
    assert share.tokens.turns == 2 and share.tokens.total_tokens == 200
    assert share.since == window.opened_at


def test_the_assumed_cap_is_the_largest_earlier_block_and_the_gap_is_in_points() -> None:
    turns = [turn(MONDAY - 30 * HOUR, 1000), turn(MONDAY - 29 * HOUR, 1000), turn(MONDAY - 20 * HOUR, 400)]
    share = shared(NAMED["five_hour"], [*turns, turn(MONDAY, 500)], MONDAY)
    assert share.assumed_cap == 2000 and share.percent_of_assumed_cap == 25.0
    assert share.gap_points == 41.0 - 25.0
    first = shared(NAMED["five_hour"], [turn(MONDAY)], MONDAY)
    assert first.assumed_cap is None and first.percent_of_assumed_cap is None and first.gap_points is None


def test_a_week_s_cap_is_the_largest_earlier_week() -> None:
    opened = NAMED["seven_day"].opened_at
    assert opened is not None
    turns = [turn(opened - HOUR, 10), turn(opened - 6 * 24 * HOUR, 20), turn(opened - 8 * 24 * HOUR, 50)]
    assert shared(NAMED["seven_day"], turns, MONDAY).assumed_cap == 50


def test_idle_ended_and_unseen_windows_have_no_sum() -> None:
    ended = windows("over-100-and-past-reset.json")["five_hour"]
    for window in (NAMED["seven_day_omelette"], NAMED["seven_day_cowork"], ended):
        share = shared(window, [turn(MONDAY - HOUR)], MONDAY)
        assert share.tokens.turns == 0 and share.gap_points is None


def test_blocks_begin_with_a_full_hour_and_end_after_their_length_or_a_pause() -> None:
    start = MONDAY + timedelta(minutes=40)
    turns = [turn(start), turn(start + 4 * HOUR), turn(start + 4.5 * HOUR), turn(start + 30 * HOUR)]
    assert blocks(turns, 5 * HOUR) == [200, 100, 100]
    assert blocks([], 5 * HOUR) == [] and spans([], MONDAY, HOUR) == []


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def compared(scratch_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A login, a reading, and a tree of transcripts up to now."""
    log_in(scratch_home / "claude")
    write_tree(scratch_home / "claude", SystemClock().now())
    with DemoServer(clock=SystemClock()) as server:
        monkeypatch.setenv("CLAUDE_METER_API_URL", server.url)
        assert run_script("once").returncode == 0
        asked = len(server.requests)
        assert run_script("compare").returncode == 0
        assert len(server.requests) == asked
    return scratch_home


def test_compare_as_json_is_the_contract(compared: Path) -> None:
    answer = json.loads(run_script("compare", "--json").stdout)
    assert set(answer) == {"schema", "at", "windows"}
    local_keys = {"since", "turns", "input_tokens", "output_tokens", "cache_creation_input_tokens"}
    local_keys |= {"cache_read_input_tokens", "total_tokens", "assumed_cap", "percent_of_assumed_cap", "counts"}
    for window in answer["windows"]:
        assert set(window) == {
            *("key", "label", "server", "local", "gap_points", "tokens_per_point", "estimate_now", "elsewhere_share"),
            *("readings", "origins", "missing", "limit_changed"),
        }
        assert set(window["server"]) == {"utilization", "observed_at"} and set(window["local"]) == local_keys
    week = next(window for window in answer["windows"] if window["key"] == "seven_day")
    since = week["local"]["since"]
    alone = json.loads(run_script("local", "--since", since, "--json").stdout)
    for name in ("turns", "input_tokens", "output_tokens", "total_tokens"):
        assert week["local"][name] == alone[name]
    assert week["readings"] == 1


def test_compare_fits_the_terminal_and_says_what_it_cannot_see(compared: Path) -> None:
    shown = run_script("compare", env={"COLUMNS": "80"}).stdout
    table = shown.partition("\n\n")[0]
    assert max(map(len, table.splitlines())) <= 80 and "not seen" in table and "assumed" in shown


def test_compare_as_of_a_time_uses_nothing_later(compared: Path) -> None:
    early = run_script("compare", "--at", "2026-01-01T00:00Z")
    assert early.returncode == 4 and len(early.stderr.splitlines()) == 1
    later = json.loads(run_script("compare", "--json", "--at", "2099-01-01T00:00:00Z").stdout)
    assert later["at"] == "2099-01-01T00:00:00Z"
    assert all(window["local"]["turns"] == 0 for window in later["windows"])  # every window has ended by then
    assert run_script("compare", "--at", "someday").returncode == 2


def test_compare_without_a_reading_or_transcripts(scratch_home: Path) -> None:
    assert run_script("compare").returncode == 4


# --- where the clocks differ, and what moved a window ----------------------------------------------------------------


def test_cuts_are_on_the_local_clock_and_go_back_only_for_weeks() -> None:
    skew = timedelta(minutes=10)
    five, week = (instance_of(NAMED[key], (), MONDAY) for key in ("five_hour", "seven_day"))
    assert five.since is not None and week.since is not None
    earliest = MONDAY - timedelta(days=10)
    found = cuts([five, week, instance_of(NAMED["seven_day_omelette"], (), MONDAY)], MONDAY, earliest, skew)
    moments = {MONDAY - skew, five.since - skew, week.since - skew, week.since - skew - timedelta(days=7)}
    assert found == sorted(milliseconds(moment) for moment in moments)


def test_a_share_takes_what_lies_between_by_the_local_clock() -> None:
    skew = timedelta(minutes=10)
    instance = instance_of(NAMED["five_hour"], (), MONDAY)
    assert instance.since is not None
    second = timedelta(seconds=1)
    edges = [instance.since - skew - second, instance.since - skew, MONDAY - skew, MONDAY - skew + second]
    found = share_of(instance, [turn(moment, 10**number) for number, moment in enumerate(edges)], MONDAY, skew)
    assert found.tokens.total_tokens == 110 and found.assumed_cap == 1
    assert found.percent_of_assumed_cap == 11_000 and found.since == instance.since and found.early is False
    early = share_of(instance._replace(early=True), [], MONDAY)
    assert early.early is True and early.assumed_cap is None and early.gap_points is None


def a_turn(minutes: float, tokens: int, model: str = OPUS, on_plan: bool = True) -> Turn:
    at = round((MONDAY + timedelta(minutes=minutes)).timestamp() * 1000)
    return Turn(at, model, "s", "p", on_plan, False, tokens, 0, 0, 0, 0)


def test_rises_are_told_with_the_turns_between_their_readings_the_newest_first() -> None:
    points = [
        Point(MONDAY + timedelta(minutes=minutes), used, None)
        for minutes, used in ((-40, 10), (-30, 12), (-20, 12), (-10, 3), (0, 4.5))
    ]
    fable = "claude-fable-5"
    turns = [
        a_turn(-40, 1),  # of the first reading's very moment: before it
        a_turn(-35, 100),
        a_turn(-34, 300, fable),
        a_turn(-30, 5, fable),  # of the second's: it may be in it
        a_turn(-25, 7),
        a_turn(-5, 20),
        a_turn(-4, 20, on_plan=False),
        a_turn(1, 9),
    ]
    found = rises(NAMED["five_hour"], points, turns)
    assert [(each.before, each.after, each.tokens.total_tokens) for each in found] == [
        (4.5, None, 9),
        (3, 4.5, 20),
        (10, 12, 405),
    ]
    assert found[2].models == ("fable", "opus") and found[2].since == points[0].observed_at
    assert found[2].until == points[1].observed_at and found[0].until is None
    assert found[0].since == points[-1].observed_at and found[0].tokens.turns == 1
    assert rises(NAMED["five_hour"], points, [])[0].after == 4.5
    assert rises(NAMED["five_hour"], [], turns) == []
    of_opus = rises(NAMED["seven_day_opus"], points[:2], turns)
    assert [each.tokens.total_tokens for each in of_opus] == [36, 100]


def test_a_block_begins_with_its_full_hour_and_ends_after_its_length_or_a_pause() -> None:
    five = timedelta(hours=5)
    start = MONDAY.replace(hour=8, minute=30)

    def sums(*minutes: float) -> list[int]:
        return blocks([turn(start + timedelta(minutes=each), 1) for each in minutes], five)

    assert sums(0, 60, 269) == [3]  # up to 12:59 of a block that began at 8:00
    assert sums(0, 60, 270) == [2, 1]
    assert sums(0, 300) == [1, 1] and sums() == []


def test_whole_spans_end_where_the_window_opened() -> None:
    opened, week = MONDAY, timedelta(days=7)
    millisecond = timedelta(milliseconds=1)
    moments = [opened - millisecond, opened - week, opened - week - millisecond, opened - 2 * week]
    assert spans([turn(moment, 10**number) for number, moment in enumerate(moments)], opened, week) == [11, 1100]


EXACT = NAMED["five_hour"].model_copy(update={"resets_at": MONDAY + 3 * HOUR})
WEEKLY = NAMED["seven_day"].model_copy(update={"resets_at": MONDAY + timedelta(days=2)})


def test_a_turn_at_the_very_beginning_counts_and_the_order_of_pieces_does_not_matter() -> None:
    opened = MONDAY - 2 * HOUR
    millisecond = timedelta(milliseconds=1)
    later, other = turn(MONDAY + HOUR, 5), turn(opened, 7, model="glm-4.7")._replace(on_plan=False)
    found = shared(EXACT, [later, other, turn(opened, 10), turn(opened - millisecond, 100), turn(MONDAY, 1)], MONDAY)
    assert found.tokens.total_tokens == 11 and found.assumed_cap == 100 and found.counts == "all"


def test_a_session_s_cap_is_a_block_s_and_a_week_s_is_a_whole_week_s_by_the_local_clock() -> None:
    skew = timedelta(minutes=30)
    days = [turn(MONDAY - timedelta(days=number) - HOUR, 10) for number in range(1, 5)]
    five = share_of(instance_of(EXACT, (), MONDAY), days, MONDAY, skew)
    assert five.assumed_cap == 10 and five.counts == "all"
    opened = MONDAY - timedelta(days=5)
    edges = [turn(opened - skew - timedelta(days=7), 1), turn(opened - skew - timedelta(days=7, minutes=1), 50)]
    week = share_of(instance_of(WEEKLY, (), MONDAY), edges, MONDAY, skew)
    assert week.assumed_cap == 50


def test_what_no_transcript_tells_of_says_so_and_keeps_its_beginning() -> None:
    design = NAMED["seven_day_omelette"].model_copy(update={"resets_at": MONDAY + timedelta(days=2)})
    instance = instance_of(design, (), MONDAY)._replace(early=True)
    found = share_of(instance, [turn(MONDAY)], MONDAY)
    assert (found.counts, found.since, found.early) == ("none", MONDAY - timedelta(days=5), True)
    assert found.tokens.turns == 0 and found.assumed_cap is None and found.gap_points is None
    unknown = instance_of(EXACT.model_copy(update={"length_seconds": None}), (), MONDAY)._replace(since=MONDAY)
    assert share_of(unknown, [turn(MONDAY)], MONDAY).tokens.turns == 0


def test_a_surface_or_group_nobody_knows_counts_nothing_even_with_a_model() -> None:
    opus = NAMED["seven_day_opus"]
    for changes in ({"surface": "cowork"}, {"group": "other"}):
        assert what_counts(opus.model_copy(update=changes))[0] == "none"
    assert what_counts(opus.model_copy(update={"surface": "oauth_apps"}))[0] == "model"


def test_cuts_pass_over_an_idle_window_and_stop_at_the_earliest() -> None:
    idle = instance_of(NAMED["seven_day_omelette"], (), MONDAY)
    week = instance_of(WEEKLY, (), MONDAY)
    opened = MONDAY - timedelta(days=5)
    found = cuts([idle, week], MONDAY, opened - timedelta(days=7))
    assert found == sorted(milliseconds(moment) for moment in (MONDAY, opened, opened - timedelta(days=7)))


def test_a_family_is_a_model_s_first_word_that_is_a_name() -> None:
    names = {
        "claude-opus-4-5-20251101": "opus",
        "claude-3-haiku": "haiku",
        "4-5": "4-5",
        "": "?",
        "claude-4": "claude-4",
    }
    assert {name: family(name) for name in names} == names


def test_families_stand_by_their_tokens_not_by_their_names() -> None:
    points = [Point(MONDAY - HOUR, 10, None), Point(MONDAY, 12, None)]
    one, other = a_turn(-30, 1, "claude-opus-4"), a_turn(-20, 5, "claude-aaa-1")
    assert rises(EXACT, points, [one, other])[0].models == ("aaa", "opus")
    assert rises(EXACT, points, [one._replace(input_tokens=9), other])[0].models == ("opus", "aaa")
    assert rises(EXACT, points, [a_turn(5, 1)])[0].models == ("opus",)


def test_a_session_s_blocks_begin_with_full_hours_and_not_at_its_own_multiples() -> None:
    five = Window(
        key="five_hour",
        label="5-hour",
        group="session",
        utilization=10,
        resets_at=NOON + 5 * HOUR,
        length_seconds=18000,
    )
    # 03:10 and 07:50 are one block from 03:00; as spans that end at noon they are two.
    made = [turn(NOON - 8 * HOUR - HOUR / 6 * 5), turn(NOON - 4 * HOUR - HOUR / 6), turn(NOON + HOUR, 40)]
    found = shared(five, made, NOON + 2 * HOUR)
    assert found.assumed_cap == 200 and found.percent_of_assumed_cap == 20
