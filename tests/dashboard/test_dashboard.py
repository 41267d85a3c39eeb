"""The screen: every state at every size, every key, and what must never happen on it."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOON, Bench, log_in, payload
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from screens import SIZES, lines, reach, settle, shown, text
from textual.app import App
from textual.geometry import Region, Size
from textual.pilot import Pilot
from textual.theme import Theme
from textual.widget import Widget

from claude_meter_tui.commands.dashboard import has_few_colours
from claude_meter_tui.dashboard.themes import THEMES
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, _cells, changed_regions
from claude_meter_tui.dashboard.widgets.windows_panel import WindowsPanel
from claude_meter_tui.demo.server import Reply
from claude_meter_tui.domain.errors import StoreError
from claude_meter_tui.domain.windows import Reading
from claude_meter_tui.polling.state import Phase

USAGE = "/api/oauth/usage"


def table_of(pilot: Pilot[str]) -> WindowsPanel:
    return pilot.app.screen.query_one(WindowsPanel)


# Height and width are separate questions.
COMPOSED = (*SIZES, (160, 12), (120, 14), (120, 20), (80, 8), (200, 50), (300, 80))


@pytest.mark.parametrize("size", COMPOSED, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("phase", list(Phase), ids=lambda phase: phase.value.replace(" ", "-"))
async def test_every_state_at_every_size(
    snapshot, bench: Bench, scratch_home: Path, phase: Phase, size: tuple[int, int]
) -> None:
    await reach(bench, phase, scratch_home)
    async with shown(bench, size) as pilot:
        assert "\n".join(lines(pilot)) == snapshot


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "keys", ["enter", "question_mark", "enter h", "percent_sign", "z"], ids=lambda keys: keys.replace(" ", "-")
)
async def test_what_the_keys_open_at_every_size(
    snapshot, bench: Bench, scratch_home: Path, keys: str, size: tuple[int, int]
) -> None:
    await reach(bench, Phase.LIVE, scratch_home)
    async with shown(bench, size) as pilot:
        await pilot.press(*keys.split())
        await settle(pilot)
        assert "\n".join(lines(pilot)) == snapshot


@pytest.mark.parametrize(
    "name", ["limits-array-and-spend", "over-100-and-past-reset", "unknown-windows", "idle-nothing-open"]
)
async def test_other_bodies(snapshot, bench: Bench, name: str) -> None:
    bench.clock.advance(days=-3)  # the payloads are of Monday
    bench.server.replies[USAGE] = Reply.json(payload(f"{name}.json"))
    await bench.poller.beat()
    async with shown(bench, (100, 20)) as pilot:
        assert "\n".join(lines(pilot)) == snapshot


# --- layout ----------------------------------------------------------------------------------------------------------


async def test_at_any_size_nothing_wraps_and_the_fullest_window_is_visible(bench: Bench, scratch_home: Path) -> None:
    await reach(bench, Phase.LIVE, scratch_home)
    async with shown(bench, (120, 36)) as pilot:
        for width in (24, 31, 40, 47, 59, 60, 75, 80, 99, 100, 140, 200):
            for height in (4, 5, 9, 13, 14, 18, 21, 22, 30, 60):
                await pilot.resize_terminal(width, height)
                await pilot.pause()
                shown_lines = lines(pilot)
                assert len(shown_lines) == height
                assert any("Opus" in line and "93" in line for line in shown_lines), (width, height, shown_lines)
                gauges = [line for line in shown_lines if "▄" in line or "░" in line or "idle" in line]
                assert len(gauges) >= min(3, height - 1), (width, height, shown_lines)


async def test_when_not_all_fit_the_selected_one_and_the_fullest_are_shown(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench, (40, 5)) as pilot:
        for _ in range(7):
            await pilot.press("down")
            await pilot.pause()
            assert lines(pilot)[0].startswith("7d Opus")
            chosen = pilot.app.view.chosen  # type: ignore[attr-defined]
            assert chosen.key in table_of(pilot).rows(pilot.app.view)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(hours=9, minutes=59), "9h59m"),
        (timedelta(hours=19, minutes=16), "19h"),
        (timedelta(days=2, hours=16), "2d16h"),
        (timedelta(days=11, hours=12), "11d"),
    ],
)
async def test_where_a_countdown_has_no_room_its_larger_figure_stands(bench: Bench, left: timedelta, said: str) -> None:
    body = {"seven_day": {"utilization": 57, "resets_at": (NOON + left).isoformat()}}
    bench.server.replies[USAGE] = Reply.json(body)
    await bench.poller.beat()
    async with shown(bench, (40, 10)) as pilot:
        (row,) = (line for line in lines(pilot) if "57%" in line)
        assert row.split()[-1] == said and "…" not in row


async def test_forty_windows_do_not_break_the_screen(bench: Bench) -> None:
    body = {f"window_{number:02}": {"utilization": number * 2, "resets_at": None} for number in range(40)}
    bench.server.replies[USAGE] = Reply.json(body)
    await bench.poller.beat()
    async with shown(bench, (80, 24)) as pilot:
        assert any("window 39" in line and "78 %" in line for line in lines(pilot))
        await pilot.press("end")
        await pilot.pause()
        assert any("▸ window 00" in line for line in lines(pilot))


async def test_windows_that_come_and_go(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench, (100, 30)) as pilot:
        bench.server.replies[USAGE] = Reply.json(payload("limits-array-only.json"))
        bench.clock.advance(minutes=2)
        await pilot.press("r")
        await settle(pilot, lambda: "claude_code" in text(pilot))
        assert "Fable" in text(pilot) and "Sonnet" not in text(pilot)


# --- keys and mouse --------------------------------------------------------------------------------------------------


async def test_selection_moves_with_arrows_letters_tab_home_and_end(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench) as pilot:

        def selected() -> str:
            return next(line.split("▸ ")[1].split("  ")[0].split(" ▄")[0] for line in lines(pilot) if "▸ " in line)

        seen = [selected()]
        for key in ("down", "j", "k", "up", "home", "k", "end", "j", "tab", "shift+tab"):
            await pilot.press(key)
            await pilot.pause()
            seen.append(selected().split(" ░")[0])
        assert seen == [
            *("7-day Opus", "7-day Sonnet", "7-day apps", "7-day Sonnet", "7-day Opus", "5-hour", "5-hour"),
            *("Cowork", "Cowork", "5-hour", "Cowork"),
        ]
        assert "Fri 09:00" in next(line for line in lines(pilot) if "▸" in line)


async def test_a_click_selects_and_another_opens_the_detail(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench) as pilot:
        row = table_of(pilot).rows(pilot.app.view).index("seven_day_oauth_apps") + 1  # below the border
        await pilot.click(WindowsPanel, offset=(30, 1))
        assert pilot.app.view.selected is None  # the heads are no window
        await pilot.click(WindowsPanel, offset=(30, row))
        assert pilot.app.view.chosen.key == "seven_day_oauth_apps"  # type: ignore[attr-defined]
        await pilot.click(WindowsPanel, offset=(30, row))
        await settle(pilot)
        assert "even pace" in text(pilot) and "seven_day_oauth_apps" in text(pilot)
        await pilot.press("j")
        await pilot.pause()
        assert "seven_day_omelette" in text(pilot) and "the next use opens it" in text(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert "next stop" in text(pilot)


async def test_a_window_with_an_odd_key_can_be_clicked(bench: Bench) -> None:
    bench.server.replies[USAGE] = Reply.json({'it\'s (new), "x"': {"utilization": 5, "resets_at": None}})
    await bench.poller.beat()
    async with shown(bench) as pilot:
        await pilot.click(WindowsPanel, offset=(30, 2), times=2)
        await settle(pilot)
        assert "points ahead" not in text(pilot) and "the next use opens it" in text(pilot)


async def test_the_key_bar_can_be_clicked(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench) as pilot:
        column = lines(pilot)[-1].index("? help") + 2
        await pilot.click("KeyBar", offset=(column, 0))
        await settle(pilot)
        assert "How to read it" in text(pilot)


async def test_r_reads_or_says_when(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench) as pilot:
        await pilot.press("r")
        await settle(pilot, lambda: "again in" in text(pilot))
        assert "Asked just now; again in 60 s." in text(pilot) and bench.asked == 1
        bench.clock.advance(minutes=2)
        await pilot.press("r")
        await settle(pilot, lambda: bench.asked == 2)
        assert bench.asked == 2
        bench.server.scenario = "rate-limited"
        bench.clock.advance(minutes=2)
        await pilot.press("r")
        await settle(pilot, lambda: "waiting" in text(pilot))
        bench.clock.advance(minutes=2)
        await pilot.press("r")
        await settle(pilot, lambda: "wait until" in text(pilot))
        assert "The server asked us to wait until 12:19." in text(pilot) and bench.asked == 3


async def test_p_pauses_and_resumes(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench) as pilot:
        await pilot.press("p")
        await settle(pilot)
        assert "Paused: nothing is asked until p." in lines(pilot)[0]
        pilot.app._unflash()
        await settle(pilot)
        assert "‖ paused" in text(pilot) and "asks again" not in text(pilot)
        await pilot.press("p")
        pilot.app._unflash()
        await settle(pilot)
        assert "● live" in text(pilot) and "asks again 12:15" in text(pilot)


async def test_t_goes_through_the_themes_and_remembers(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench) as pilot:
        seen = []
        for _ in THEMES:
            await pilot.press("t")
            await pilot.pause()
            seen.append(pilot.app.theme)
        assert seen == ["light", "contrast", "colorblind", "terminal", "dark"]
        assert pilot.app.remembered == {"theme": "dark"}  # type: ignore[attr-defined]


async def test_percent_shows_what_is_left_and_remembers(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench) as pilot:
        await pilot.press("percent_sign")
        await settle(pilot)
        opus = next(line for line in lines(pilot) if "▸" in line)
        assert " 7 % " in opus and "what is left" in text(pilot)
        assert pilot.app.remembered == {"show_left": "1"}  # type: ignore[attr-defined]


async def test_every_action_is_in_the_palette(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench) as pilot:
        titles = " ".join(command.title for command in pilot.app.get_system_commands(pilot.app.screen)).lower()
        for word in ("read", "detail", "next", "previous", "used or left", "chart", "pause", "help", "quit"):
            assert word in titles
        assert all(f"theme: {known.name}" in titles for known in THEMES)
        await pilot.press("ctrl+p")
        await settle(pilot)
        await pilot.press(*"colorb", "enter")
        await settle(pilot, lambda: pilot.app.theme == "colorblind")
        assert pilot.app.theme == "colorblind"


async def test_d_on_the_setup_screen_asks_for_the_demo_and_elsewhere_does_nothing(
    bench: Bench, scratch_home: Path
) -> None:
    (scratch_home / "claude" / ".credentials.json").unlink()
    async with shown(bench) as pilot:
        await settle(pilot, lambda: "Looked for" in text(pilot))
        assert "CLAUDE_CODE_OAUTH_TOKEN: not set" in text(pilot) and "simulated account" in text(pilot)
        await pilot.press("d")
        await pilot.pause()
        assert pilot.app.return_value == "demo"


async def test_a_login_makes_the_setup_screen_go(bench: Bench, scratch_home: Path) -> None:
    file = scratch_home / "claude" / ".credentials.json"
    file.unlink()
    async with shown(bench) as pilot:
        await settle(pilot, lambda: "Looked for" in text(pilot))
        log_in(file.parent)
        await bench.poller.beat()
        await settle(pilot, lambda: "7-day Opus" in text(pilot))
        assert "Looked for" not in text(pilot) and "● live" in text(pilot)
        await pilot.press("d")
        await pilot.pause()
        assert pilot.app.is_running


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_every_way_to_quit(bench: Bench, key: str) -> None:
    await bench.poller.beat()
    async with shown(bench) as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert pilot.app.return_code == 0 and not pilot.app.is_running


# --- signs, colours, repaints ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", list(Phase), ids=lambda phase: phase.value.replace(" ", "-"))
async def test_ascii_mode_is_ascii_in_every_state(bench: Bench, scratch_home: Path, phase: Phase) -> None:
    await reach(bench, phase, scratch_home)
    async with shown(bench, ascii_only=True) as pilot:
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert text(pilot).isascii(), text(pilot)
        if phase is Phase.LIVE:
            for key in ("enter", "escape", "question_mark"):
                await pilot.press(key)
                await settle(pilot)
                assert text(pilot).replace("▇", "").replace("▁", "").isascii(), text(pilot)


@pytest.mark.parametrize("theme", [known.name for known in THEMES])
async def test_levels_differ_in_every_theme_and_have_a_sign_besides(bench: Bench, theme: str) -> None:
    await bench.poller.beat()
    async with shown(bench, theme=theme) as pilot:
        expected = next(known for known in THEMES if known.name == theme)
        background = pilot.app.screen.styles.background
        assert background.ansi is not None if expected.ansi else background.hex == expected.background
        assert pilot.app.current_theme.dark is expected.dark
        colours = {}
        table = table_of(pilot)
        for row, key in enumerate(table.rows(pilot.app.view)):
            bar = next((each for each in table.render_line(row) if set(each.text) & {"▄", "░"}), Segment(""))
            colours[key] = bar.style.color if bar.style else None
        assert colours["seven_day_opus"] != colours["five_hour"]
        assert "!!" in next(line for line in lines(pilot) if "7-day Opus" in line and "▸" in line)


async def test_without_colour_nothing_is_coloured(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench, no_color=True) as pilot:
        assert pilot.app.theme == "terminal" and pilot.app.native_ansi_color


def count_repaints(pilot: object, counted: list[DrawnText]) -> None:
    for picture in pilot.app.screen.query(DrawnText):  # type: ignore[attr-defined]
        render = picture.render

        def counting(picture: DrawnText = picture, render=render):
            counted.append(picture)
            return render()

        picture.render = counting  # type: ignore[method-assign]


async def test_only_what_reads_differently_is_painted_again(bench: Bench, scratch_home: Path) -> None:
    await reach(bench, Phase.LIVE, scratch_home)
    bench.poller.pause()
    async with shown(bench) as pilot:
        bench.clock.advance(seconds=2)  # past 12:00:00.4, where every countdown reads differently
        pilot.app._tick()
        await settle(pilot)
        counted: list[DrawnText] = []
        count_repaints(pilot, counted)
        bench.clock.advance(seconds=20)
        for _ in range(5):
            pilot.app._tick()
            await pilot.pause()
        counted_before_the_minute = [type(picture).__name__ for picture in counted]
        bench.clock.advance(seconds=40)
        pilot.app._tick()
        await pilot.pause()
        assert counted_before_the_minute == []
        assert "WindowsPanel" in {type(picture).__name__ for picture in counted}


async def test_a_second_repaints_the_cells_of_its_countdown_and_nothing_around_them(
    bench: Bench, scratch_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reach(bench, Phase.LIVE, scratch_home)
    bench.poller.pause()
    async with shown(bench) as pilot:
        bench.clock.advance(hours=1, minutes=55)  # the 5-hour window is in its last ten minutes
        pilot.app._tick()
        await settle(pilot)
        cells: dict[str, int] = {}
        usual = Widget._set_dirty

        def counting(widget: Widget, *regions: Region) -> None:
            area = sum(region.area for region in regions) if regions else widget.outer_size.area
            cells[type(widget).__name__] = cells.get(type(widget).__name__, 0) + area
            usual(widget, *regions)

        monkeypatch.setattr(Widget, "_set_dirty", counting)
        for _ in range(5):
            bench.clock.advance(seconds=1)
            pilot.app._tick()
            await pilot.pause()
        assert cells and sum(cells.values()) <= 5 * 20, cells


@given(st.lists(st.lists(st.tuples(st.text(max_size=6), st.sampled_from(["", "bold"])), max_size=4), max_size=3))
def test_every_cell_that_differs_is_in_a_region(drawn: list[list[tuple[str, str]]]) -> None:
    before = tuple(tuple(line) for line in drawn)
    after = tuple((*line, ("x", "")) if number % 2 else line[1:] for number, line in enumerate(before))
    regions = changed_regions(before, after)
    for y, (one, other) in enumerate(zip(before, after, strict=True)):
        old, new = _cells(one), _cells(other)
        differ = {x for x in range(max(len(old), len(new))) if old[x : x + 1] != new[x : x + 1]}
        inside = {x for region in regions if region.y == y for x in range(region.x, region.right)}
        assert differ <= inside and (len(old) == len(new) or not differ or max(inside) >= max(len(old), len(new)) - 1)


async def test_the_timer_sleeps_until_a_text_changes(bench: Bench, scratch_home: Path) -> None:
    await reach(bench, Phase.LIVE, scratch_home)
    async with shown(bench) as pilot:
        assert 0 < pilot.app.view.changes_in() <= 60  # type: ignore[attr-defined]
        bench.clock.advance(hours=1, minutes=55)  # the 5-hour window is in its last ten minutes
        pilot.app._tick()
        assert pilot.app.view.changes_in() <= 1  # type: ignore[attr-defined]


async def test_a_time_zone_that_is_set_while_it_runs_is_taken_over(
    bench: Bench, scratch_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reach(bench, Phase.LIVE, scratch_home)
    try:
        async with shown(bench) as pilot:
            assert "asks again 12:14" in text(pilot)
            before = pilot.app.view.state  # type: ignore[attr-defined]
            monkeypatch.setenv("TZ", "Asia/Tokyo")
            bench.clock.advance(seconds=1)
            pilot.app._tick()
            await settle(pilot, lambda: "asks again 21:14" in text(pilot))
            assert pilot.app.view.state == before  # type: ignore[attr-defined]
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_the_first_picture_is_the_same_with_and_without_pydantic(bench: Bench) -> None:
    for name in ("max-named-windows.json", "limits-array-and-spend.json", "over-100-and-past-reset.json"):
        bench.server.replies[USAGE] = Reply.json(payload(name))
        await bench.poller.ask("person")
        bench.clock.advance(minutes=2)
        stored = bench.another_poller()
        assert not isinstance(stored.state.reading, Reading)
        pictures = []
        for poller in (stored, bench.poller):
            view = None
            async with shown(bench) as pilot:
                view = pilot.app.view._replace(state=bench.poller.state._replace(reading=poller.state.reading))
                pictures.append(
                    [
                        picture.draw(view, 100, 10)
                        for picture in pilot.app.screen.query(DrawnText)
                        if type(picture).__name__ != "HistoryChart"
                    ]
                )
        assert pictures[0] == pictures[1]


async def test_markup_in_a_server_s_label_is_text(bench: Bench) -> None:
    scope = {"model": {"display_name": "[b]x[/b] [@click=app.quit]"}, "surface": None}
    limit = {"kind": "weekly_scoped", "group": "weekly", "percent": 50, "scope": scope}
    bench.server.replies[USAGE] = Reply.json({"limits": [limit]})
    await bench.poller.beat()
    async with shown(bench) as pilot:
        assert "[b]x[/b]" in text(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert "[b]x[/b]" in text(pilot)


async def test_a_store_error_on_r_is_one_line(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.poller.beat()

    async def fails(*_: object) -> Reading:
        raise StoreError("The store cannot be used just now (disk full).", "The last reading stays.")

    async with shown(bench) as pilot:
        monkeypatch.setattr(bench.poller, "ask", fails)
        await pilot.press("r")
        await settle(pilot, lambda: "disk full" in text(pilot))
        assert "7-day Opus" in text(pilot)


async def test_history_marks_resets_over_several_spans(bench: Bench, scratch_home: Path) -> None:
    await reach(bench, Phase.LIVE, scratch_home)
    async with shown(bench) as pilot:
        await pilot.press("home", "h")
        await settle(pilot)
        assert "5-hour · 4 spans" in text(pilot) and "┊" in text(pilot) and "↻" in text(pilot)
        assert pilot.app.size == Size(120, 36) and isinstance(pilot.app, App)
        assert NOON - timedelta(hours=15) > pilot.app.view.points[0].observed_at - timedelta(hours=4)  # type: ignore[attr-defined]


async def test_escape_ends_the_readout_then_takes_the_notice_away(bench: Bench, scratch_home: Path) -> None:
    await reach(bench, Phase.LIVE, scratch_home)
    async with shown(bench) as pilot:
        bench.poller.say("Something to know.")
        await pilot.press("left")
        await settle(pilot, lambda: "even pace" in lines(pilot)[18])
        assert pilot.app.view.cursor is not None and "Something to know." in text(pilot)  # type: ignore[attr-defined]
        await pilot.press("escape")
        await settle(pilot)
        assert pilot.app.view.cursor is None and "Something to know." in text(pilot)  # type: ignore[attr-defined]
        await pilot.press("escape")
        await settle(pilot)
        assert "Something to know." not in text(pilot)


async def test_no_key_is_silently_dead(bench: Bench, scratch_home: Path) -> None:
    (scratch_home / "claude" / ".credentials.json").unlink()
    async with shown(bench) as pilot:
        await settle(pilot, lambda: "Looked for" in text(pilot))
        for key in ("j", "enter", "h", "plus", "left_square_bracket", "left", "y", "3", "a", "A", "pagedown"):
            pilot.app._unflash()
            await pilot.press(key)
            await settle(pilot)
            assert "There " in lines(pilot)[0], key
        await pilot.press("c")
        await settle(pilot, lambda: "used on this machine" in text(pilot))


async def test_the_chart_is_zoomed_moved_and_read_out(bench: Bench, scratch_home: Path) -> None:
    await reach(bench, Phase.LIVE, scratch_home)
    async with shown(bench) as pilot:

        def title() -> str:
            return next(line for line in lines(pilot) if "7-day Opus ·" in line and "╭" in line)

        assert "this span" in title()
        seen = []
        for key in ("plus", "minus", "minus", "left_square_bracket", "right_square_bracket", "0"):
            await pilot.press(key)
            await settle(pilot)
            seen.append(title().split(" · ")[1].split(" ─")[0])
        assert seen == ["4 days", "this span", "14 days", "14 days, earlier", "14 days", "this span"]
        await pilot.press("left")
        await settle(pilot)
        assert " % read" in title() and "even pace" in title()
        await pilot.press(*["plus"] * 9)
        await settle(pilot)
        assert "The chart goes from an hour to 400 days." in lines(pilot)[0]


async def test_the_selected_window_can_be_jumped_to_and_copied(bench: Bench) -> None:
    await bench.poller.beat()
    async with shown(bench) as pilot:
        await pilot.press("1", "y")
        await settle(pilot)
        assert pilot.app.clipboard == "5-hour 53 %, clears 14:00"
        await pilot.press("9")
        await settle(pilot)
        assert "There are 7 windows." in lines(pilot)[0]


@pytest.mark.parametrize(
    ("env", "few"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "linux"}, True),
        ({"TERM": "xterm-16color"}, True),
        ({}, True),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-kitty"}, False),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, False),
        ({"TERM": "tmux-256color", "COLORTERM": "24bit"}, False),
    ],
)
def test_on_16_colours_the_terminal_s_own_are_taken(env: dict[str, str], few: bool) -> None:
    assert has_few_colours(env) is few


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG 2.1 has it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [known for known in THEMES if not known.ansi], ids=lambda known: known.name)
def test_text_and_marks_stand_out_in_every_theme(theme: Theme) -> None:
    backgrounds = [str(theme.background), str(theme.surface)]
    texts = {name: str(getattr(theme, name)) for name in ("foreground", "accent", "success", "warning", "error")} | {
        name: theme.variables[name] for name in ("meter-countdown", "meter-local")
    }
    marks = {name: theme.variables[name] for name in theme.variables if name not in texts}
    assert len(marks) == 5
    for background in backgrounds:
        for least, colours in ((4.5, texts), (3.0, marks)):
            for name, colour in colours.items():
                assert contrast(colour, background) >= least, (name, colour, background, contrast(colour, background))
