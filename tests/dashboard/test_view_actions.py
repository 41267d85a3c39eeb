"""What keys do to the screen as a whole: filter, one panel alone, a picture without names, the settings, the hint."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import Bench, log_in
from rich.segment import Segment
from screens import lines, settle, shown, text
from textual.geometry import Offset

from claude_meter_tui.dashboard.masking import masked
from claude_meter_tui.dashboard.widgets.chart.history_chart import HistoryChart
from claude_meter_tui.settings.held import held


def rows(screen: str) -> list[str]:
    return [
        line for line in screen.splitlines() if line.startswith("│") and ("░" in line or "▄" in line) and "%" in line
    ]


async def test_a_filter_leaves_the_windows_with_these_letters_and_the_sentence_as_it_is(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench, (100, 24)) as pilot:
        before = lines(pilot)[1]
        await pilot.press("slash", "o", "P")
        await settle(pilot)
        assert len(rows(text(pilot))) == 1 and "7-day Opus" in text(pilot) and "with “oP”" in text(pilot)
        assert lines(pilot)[1] == before and pilot.app.view.chosen.key == "seven_day_opus"
        await pilot.press("enter", "j")
        await settle(pilot)
        assert pilot.app.view.chosen.key == "seven_day_opus" and "esc all windows" in text(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert len(rows(text(pilot))) > 1 and pilot.app.view.filter == ""
        await pilot.press("slash", "x", "x", "[", "/", "b", "]")
        await settle(pilot)
        assert "none has “xx[/b]”" in text(pilot) and len(rows(text(pilot))) > 1
        await pilot.press("escape")
        assert pilot.app.view.filter == "" and len(pilot.app.screen_stack) == 1


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (60, 10)])
async def test_one_panel_has_the_screen_for_itself_and_gives_it_back(bench: Bench, size: tuple[int, int]) -> None:
    await bench.poller.beat()
    async with shown(bench, size) as pilot:
        usual = text(pilot)
        await pilot.press("z")
        await settle(pilot)
        areas = pilot.app.screen.areas
        assert set(areas) == {"header", "stop", "chart", "keys"} and areas["chart"].height == size[1] - 3
        assert "esc all parts" in text(pilot) and "100 ┤" in text(pilot)
        await pilot.press("z")
        await settle(pilot)
        assert "compare" in pilot.app.screen.areas and "chart" not in pilot.app.screen.areas
        await pilot.press("z")
        await settle(pilot)
        assert text(pilot) == usual
        await pilot.press("z", "escape")
        await settle(pilot)
        assert text(pilot) == usual


async def test_where_there_is_no_room_it_is_said(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench, (40, 10)) as pilot:
        await pilot.press("z")
        await settle(pilot)
        assert "No room for a larger panel" in text(pilot) and pilot.app.view.enlarged is None


async def test_a_double_click_enlarges_the_chart(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench, (80, 24)) as pilot:
        await pilot.double_click(HistoryChart, offset=Offset(30, 4))
        await settle(pilot)
        assert pilot.app.view.enlarged == "chart" and pilot.app.view.cursor is None
        await pilot.double_click(HistoryChart, offset=Offset(30, 4))
        await settle(pilot)
        assert pilot.app.view.enlarged is None


async def test_a_picture_has_every_figure_and_no_name(bench: Bench, tmp_path: Path) -> None:
    await bench.poller.beat()
    bench.poller.say("The store of anna@secret.example was set aside.")
    pictures: list[str] = []

    def save(svg: str) -> str:
        pictures.append(svg)
        return "~/there.svg"

    async with shown(bench, (120, 36), save_picture=save) as pilot:
        usual = text(pilot)
        assert "demo@example.com" in usual and "anna@secret" in usual
        await pilot.press("P")
        await settle(pilot, lambda: bool(pictures))
        assert "Saved: ~/there.svg" in text(pilot)
    (svg,) = pictures
    assert "53&#160;%" in svg and "account&#160;1" in svg
    assert "example" not in svg and "secret" not in svg
    assert "@font-face" not in svg and "url(http" not in svg  # an opened picture fetches nothing


async def test_a_picture_that_cannot_be_kept_is_said(bench: Bench) -> None:
    await bench.poller.beat()

    def save(_: str) -> str:
        raise OSError(28, "No space left on device")

    async with shown(bench, save_picture=save) as pilot:
        await pilot.press("P")
        await settle(pilot, lambda: "could not be saved" in text(pilot))
        assert "No space left on device" in text(pilot) and "demo@example.com" in text(pilot)


async def test_the_first_picture_of_a_stored_reading_can_be_masked_and_a_sheet_is_not_taken(bench: Bench) -> None:
    await bench.poller.beat()
    bench.poller = bench.another_poller()  # a stand-in, until it beats
    async with shown(bench, save_picture=lambda _: pytest.fail("taken")) as pilot:
        view = pilot.app.view._replace(state=bench.another_poller().state)
        assert not hasattr(view.state.reading, "model_copy")
        assert "demo@example.com" not in repr(masked(view)) and "account 1" in repr(masked(view))
        await pilot.press("comma", "question_mark", "P")  # a sheet takes its own keys only: what it shows is not masked
        await settle(pilot)


async def test_masking_masks_in_every_state(bench: Bench, scratch_home: Path) -> None:
    await bench.poller.beat()
    async with shown(bench) as pilot:
        hidden = masked(pilot.app.view)
        assert "demo@example.com" not in repr(hidden) and hidden.windows == pilot.app.view.windows
    log_in(scratch_home / "claude", expiresAt=1)
    await bench.poller.beat()
    async with shown(bench, expect_trouble=True) as pilot:
        assert "demo@example.com" not in repr(masked(pilot.app.view))


async def test_the_hint_is_there_once_and_ends_with_the_first_key(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench, (100, 24), hint=True) as pilot:
        assert "New here? j k choose a window" in text(pilot)
        await pilot.press("j")
        await settle(pilot)
        assert "New here?" not in text(pilot) and pilot.app.remembered["hinted"] == "1"


async def test_the_settings_are_shown_and_edited(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.poller.beat()
    file = tmp_path / "config.toml"
    write = file.write_text
    write('resets = "in"\n[windows.labels]\nfive_hour = "[red]now"\n')
    monkeypatch.setenv("CLAUDE_METER_CONFIG", str(file))
    edited: list[str] = []

    def edit() -> str:
        edited.append("yes")
        return "config.toml is right."

    async with shown(bench, (120, 36), settings_held=lambda: held(os.environ), edit_settings=edit) as pilot:
        await pilot.press("comma")
        await settle(pilot)
        screen = text(pilot)
        assert "resets" in screen and "five_hour = [red]now" in screen and "thresholds.warning" in screen
        await pilot.press("escape")
        await settle(pilot)
        assert len(pilot.app.screen_stack) == 1
        await pilot.press("comma", "e")
        await settle(pilot, lambda: "cannot be opened here" in text(pilot) or bool(edited))
        assert len(pilot.app.screen_stack) == 1
        write("resets = 5\n")
        await pilot.press("comma")
        await settle(pilot, lambda: "line 1: resets" in text(pilot))


async def test_the_wheel_scrolls_the_turns(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench, (120, 36)) as pilot:
        await pilot.app.run_action("scroll_turns(3)")
        await settle(pilot)
        assert "There are no turns to scroll." in text(pilot)


async def test_texts_that_were_cut_are_not_kept_for_ever(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claude_meter_tui.dashboard.widgets.drawn_text._FORGOTTEN_EVERY", 5)
    cut = Segment._split_cells
    await bench.poller.beat()
    async with shown(bench, (120, 30)) as pilot:
        for number in range(2000):
            Segment(f"a wide 界 text {number} that is cut").split_cells(4)
        assert cut.cache_info().currsize >= 2000  # type: ignore[attr-defined]
        for _ in range(6):
            await pilot.press("%", "j")
            await pilot.pause()
        assert cut.cache_info().currsize < 1000  # type: ignore[attr-defined]
