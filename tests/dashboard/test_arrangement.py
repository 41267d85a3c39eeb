"""Where the parts of the main screen stand: at every size inside it, none over another, nothing empty beside a part."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from conftest import Bench
from hypothesis import given, settings
from hypothesis import strategies as st
from screens import lines, shown, text
from textual.geometry import Size

from claude_meter_tui.dashboard.arrangement import Wanted, arrange, is_tiny, opens_by_itself

wanted = st.builds(
    Wanted,
    rows=st.integers(1, 40),
    notice=st.integers(0, 2),
    strip=st.integers(0, 5),
    compare=st.sampled_from([None, True, False]),
    message=st.booleans(),
    money=st.booleans(),
    alone=st.sampled_from([None, "chart", "compare"]),
)


@given(st.integers(20, 320), st.integers(3, 100), wanted)
@settings(max_examples=1000)
def test_every_part_is_inside_and_none_lies_over_another(width: int, height: int, asked: Wanted) -> None:
    areas = arrange(width, height, asked)
    for name, area in areas.items():
        assert area.width > 0 and area.height > 2 * area.framed, (name, area)
        assert area.x >= 0 and area.y >= 0, (name, area)
        assert area.x + area.width <= width and area.y + area.height <= height, (name, area)
    for (name, one), (other_name, other) in combinations(areas.items(), 2):
        beside = one.x + one.width <= other.x or other.x + other.width <= one.x
        below = one.y + one.height <= other.y or other.y + other.height <= one.y
        assert beside or below, (name, other_name, areas)
    assert areas.keys() & {"message" if asked.message else "windows", asked.alone}
    assert is_tiny(width, height) or "keys" in areas


@pytest.mark.parametrize("height", range(14, 80))
@pytest.mark.parametrize("width", [60, 80, 100, 110, 140, 180, 300])
def test_from_14_rows_on_no_row_is_empty(width: int, height: int) -> None:
    for compare in (None, True, False):
        areas = arrange(width, height, Wanted(rows=8, compare=compare))
        rows = {y for area in areas.values() for y in range(area.y, area.y + area.height)}
        assert rows == set(range(height)), (width, height, compare, areas)


def test_the_comparison_opens_by_itself_where_there_is_room() -> None:
    assert opens_by_itself(110, 30) and not opens_by_itself(109, 30) and not opens_by_itself(110, 29)
    assert "compare" in arrange(110, 30, Wanted(rows=8)) and "compare" not in arrange(110, 29, Wanted(rows=8))
    assert "compare" not in arrange(120, 36, Wanted(rows=8, compare=False))


async def test_at_200_random_sizes_nothing_is_cut_without_a_sign_or_empty(bench: Bench) -> None:
    await bench.poller.beat()
    sizes = random.Random(14)
    async with shown(bench, (120, 36)) as pilot:
        for _ in range(200):
            width, height = sizes.randint(24, 220), sizes.randint(4, 60)
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            found = lines(pilot)
            assert len(found) == height and pilot.app.size == Size(width, height)
            assert "Opus" in text(pilot), (width, height)
            names = sum(any(name in line for line in found) for name in ("5h", "5-hour"))
            assert names or "more" in text(pilot), (width, height, found)
            areas = pilot.app.screen.areas  # type: ignore[attr-defined]
            covered = {y for area in areas.values() for y in range(area.y, area.y + area.height)}
            assert len(covered) >= height - (3 if height < 14 else 0), (width, height, areas)
