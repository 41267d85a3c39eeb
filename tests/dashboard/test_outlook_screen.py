"""What the analysis says, on the screen: banner, tip of a gauge, forecast of a row, what follows, the chart."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from conftest import NOON, Bench
from screens import lines, settle, shown, text
from textual.pilot import Pilot

from claude_meter_tui.dashboard.app import MeterApp
from claude_meter_tui.dashboard.widgets.next_stop import NextStop
from claude_meter_tui.domain.bounds import iso_utc
from claude_meter_tui.store.store import Store

HOURS = timedelta(hours=1)


def outlook_of(bench: Bench, *, first: float = 0.85, key: str = "seven_day") -> dict:
    """An outlook of the reading the bench shows: one window fills, the others hold."""
    reading = bench.poller.state.reading
    assert reading is not None
    windows = []
    for window in reading.windows:
        fills = window.key == key and first > 0
        at = {"p10": iso_utc(NOON + 2 * HOURS), "p50": iso_utc(NOON + 4 * HOURS), "p90": iso_utc(NOON + 6 * HOURS)}
        more = window.utilization + 4
        windows.append(
            {
                "key": window.key,
                "read_at": iso_utc(window.observed_at or reading.observed_at),
                "utilization": window.utilization,
                "resets_at": iso_utc(window.resets_at) if window.resets_at else None,
                "estimate": {"estimate": more, "low": more - 1, "high": more + 1}
                if window.key == "five_hour"
                else None,
                "tokens_per_point": {"estimate": 13_000.0, "low": 11_000.0, "high": 16_000.0},
                "local_points": None,
                "elsewhere_share": {"estimate": 0.18, "low": 0.1, "high": 0.25},
                "missing": "",
                "rose_alone": None,
                "step": {"since": "2026-11-05T00:00:00Z", "factor": 0.6} if window.key == "five_hour" else None,
                "probability": first + 0.02 if fills else 0.01,
                "full_at": at if fills else None,
                "at_reset": {"p10": 50.0, "p50": 70.0, "p90": 90.0},
                "fan": [[(NOON + each * HOURS).timestamp(), 40, 60, 80] for each in range(100)],
                "first": first if fills else 0.0,
                "first_at": at if fills else None,
                "points_a_token": {},
                "stop_now": window.utilization,
                "this_pace_fills_at": iso_utc(NOON + 3 * HOURS),
                "turns_left": 40,
            }
        )
    return {
        "made_at": iso_utc(NOON),
        "next_stop": key if first > 0 else None,
        "nothing_fills": 1 - first,
        "windows": windows,
    }


async def told(bench: Bench, **how: object) -> None:
    """As another process stores it."""
    await bench.poller.beat()
    with Store.open(bench.settings.store_file) as other:
        other.save_outlook(bench.poller.account_id or 0, NOON, json.dumps(outlook_of(bench, **how)))
    await bench.poller.beat()


async def test_the_banner_names_what_fills_first_when_and_how_sure(bench: Bench) -> None:
    await told(bench)
    async with shown(bench, (120, 36)) as pilot:
        banner = next(line for line in text(pilot).splitlines() if "fills first" in line)
        assert "7-day fills first, likely at 16:00 (14:00–18:00), 85 % sure · clears" in banner


def without_legend(pilot: Pilot[str]) -> str:
    return "\n".join(line for line in lines(pilot) if "even pace" not in line)


async def test_a_row_has_its_tip_and_its_forecast(bench: Bench) -> None:
    await told(bench)
    async with shown(bench, (120, 36)) as pilot:
        five = next(line for line in text(pilot).splitlines() if "5-hour" in line and "▄" in line)
        week = next(
            line for line in text(pilot).splitlines() if "7-day " in line and "▄" in line and "Opus" not in line
        )
        assert "▒" in five and "≈" in five and "holds" in five and "full 16:00 · 87 %" in week


async def test_nothing_that_fills_is_said_with_its_probability(bench: Bench) -> None:
    await told(bench, first=0.0)
    async with shown(bench, (120, 36)) as pilot:
        assert "Nothing fills before it clears (100 % sure)" in text(pilot)


async def test_an_unlikely_fill_may_happen(bench: Bench) -> None:
    await told(bench, first=0.3)
    async with shown(bench, (120, 36)) as pilot:
        assert "7-day may fill first, about 16:00" in text(pilot) and "may fill · 32 %" in text(pilot)


async def test_the_detail_says_what_follows(bench: Bench) -> None:
    await told(bench)
    async with shown(bench, (120, 36)) as pilot:
        await pilot.press("enter")
        await settle(pilot)
        for part in (
            "87 % before it clears",
            "this pace",
            "stop now",
            "as usual",
            "about 40 turns like the last hour's",
        ):
            assert part in text(pilot)
        assert "░" in text(pilot)


@pytest.mark.parametrize("size", [(24, 4), (40, 10), (60, 14), (80, 24), (120, 36), (200, 60)])
async def test_at_every_size_nothing_is_wider_than_the_screen(bench: Bench, size: tuple[int, int]) -> None:
    await told(bench)
    async with shown(bench, size) as pilot:
        assert all(len(line) <= size[0] for line in text(pilot).splitlines()) and "%" in text(pilot)


async def test_in_ascii_it_is_ascii(bench: Bench) -> None:
    await told(bench)
    async with shown(bench, (120, 36), ascii_only=True) as pilot:
        assert text(pilot).isascii() and "~" in text(pilot)


async def test_an_outlook_of_yesterday_is_not_shown(bench: Bench) -> None:
    await told(bench)
    bench.clock.advance(hours=7)
    async with shown(bench, (120, 36)) as pilot:
        assert "fills first" not in text(pilot) and "▒" not in without_legend(pilot)


async def test_a_newer_reading_replaces_the_estimate(bench: Bench) -> None:
    await told(bench)
    bench.clock.advance(minutes=16)
    await bench.poller.ask("person")
    async with shown(bench, (120, 36)) as pilot:
        assert bench.asked == 2 and "▒" not in without_legend(pilot) and "fills first" in text(pilot)


async def test_the_first_picture_has_the_forecast(bench: Bench) -> None:
    await told(bench)
    app = MeterApp(bench.another_poller(), bench.clock)
    assert app.view is not None and app.view.is_forecast and app.view.fills_first is not None
    assert app.view.fills_first.key == "seven_day"


@pytest.mark.parametrize(
    "text_of",
    [
        '{"windows": 5}',
        "[1]",
        '{"made_at": "2026-11-26T12:00:00Z", "next_stop": null, "nothing_fills": 1, "windows": [{}]}',
        '{"made_at": "x", "windows": []}',
        '"x"',
        "{",
    ],
)
async def test_a_stored_outlook_of_another_shape_says_nothing(bench: Bench, text_of: str) -> None:
    await bench.poller.beat()
    assert bench.poller.account_id is not None
    bench.store.save_outlook(bench.poller.account_id, NOON, text_of)
    bench.poller = bench.another_poller()
    async with shown(bench, (120, 36), expect_trouble=True) as pilot:
        assert "7-day Opus" in text(pilot) and "at this pace" in text(pilot)


async def test_the_next_one_is_the_likeliest_to_fill_not_the_fullest(bench: Bench) -> None:
    await bench.poller.beat()
    outlook = outlook_of(bench)
    for window in outlook["windows"]:
        if window["key"] == "five_hour":
            window["probability"], window["full_at"] = (
                0.3,
                {name: iso_utc(NOON + HOURS) for name in ("p10", "p50", "p90")},
            )
    with Store.open(bench.settings.store_file) as other:
        other.save_outlook(bench.poller.account_id or 0, NOON, json.dumps(outlook))
    await bench.poller.beat()
    async with shown(bench, (120, 36)) as pilot:
        second = next(line for line in lines(pilot) if " then " in line)
        assert "then 5-hour 53 %" in second and "may fill · 30 %" in second


async def test_the_sentence_marks_the_whole_name_though_another_is_its_beginning(bench: Bench) -> None:
    await told(bench, key="seven_day_opus")
    async with shown(bench, (120, 36)) as pilot:
        name, rest = pilot.app.screen.query_one(NextStop)._painted[0][:2]
        assert name[0] == " 7-day Opus" and "bold" in name[1] and rest[0].startswith(" fills first")
