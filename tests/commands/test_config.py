"""`config` and the TOML file: what holds and whence, lines named, the last good one kept, taken over while it runs."""

from __future__ import annotations

import json
import os
import re
import stat
import string
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Bench, run_script
from hypothesis import given, settings
from hypothesis import strategies as st
from screens import lines, settle, shown, text
from textual.keys import _character_to_key

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.output import words
from claude_meter_tui.settings.keys import _normal, clean_keys, sign_of
from claude_meter_tui.settings.looks import Looks
from claude_meter_tui.settings.settings import load
from claude_meter_tui.settings.toml_file import TEMPLATE, ConfigFile, line_of, values_of
from claude_meter_tui.settings.watched import WatchedConfig


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "my config" / "config.toml"
    path.parent.mkdir()
    monkeypatch.setenv("CLAUDE_METER_CONFIG", str(path))
    return path


def test_every_value_is_shown_with_whence_it_is(file: Path) -> None:
    file.write_text('theme = "light"\nbridge = true\n[windows]\nhide = ["seven_day_cowork"]\n')
    done = run_script("config", env={"CLAUDE_METER_API_URL": "http://127.0.0.1:1"})
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert done.returncode == 0 and "light" in rows["theme"] and rows["theme"].endswith("config.toml")
    assert rows["api_url"].endswith("CLAUDE_METER_API_URL") and rows["bridge_port"].endswith("default")
    assert "seven_day_cowork" in rows["windows.hide"] and rows["windows.order"].endswith("default")
    assert "as chosen on the screen" in rows["show_left"]
    assert run_script("config", "path").stdout.strip() == str(file)


@pytest.mark.parametrize(
    ("written", "line", "said"),
    [
        ('theme = "light"\nascii = "yes"\n', 2, "ascii: Input should be a valid boolean"),
        ('\n\n# x\ntheme = "pink"\n', 4, "theme: there is no 'pink'. Choose one of dark, light"),
        ("bridge_port = 70000", 1, "bridge_port: Input should be less than or equal to 65535"),
        ('[windows]\nhide = []\nhidden = ["a"]\n', 3, "windows.hidden: there is no such key"),
        ("[windows]\norder = [1]\n", 2, "windows.order.0: Input should be a valid string"),
        ('[windows.labels]\na = "x"\n"b c" = ""\n', 3, "windows.labels.b c: String should have at least 1"),
        ("windows.labels.a = 5\n", 1, "windows.labels.a: Input should be a valid string"),
        ("nonsense = 1\n", 1, "nonsense: there is no such key"),
        ("theme = \n", None, "at line 1, column 9"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(file: Path, written: str, line: int | None, said: str) -> None:
    file.write_text(written)
    done = run_script("config", "check")
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1
    assert line is None or f"config.toml, line {line}: " in done.stderr


def test_a_right_file_and_none_at_all_are_said(file: Path) -> None:
    assert "is not there" in run_script("config", "check").stdout
    file.write_text('theme = "dark"\n')
    done = run_script("config", "check")
    assert done.returncode == 0 and "config.toml is right." in done.stdout


def test_edit_begins_with_a_template_opens_the_editor_and_checks(file: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf \'theme = "pink"\\n\' >> "$2"\nexit $CODE\n')
    editor.chmod(0o700)
    done = run_script("config", "edit", env={"EDITOR": f"{editor} --wait", "CODE": "0"})
    assert done.returncode == 2 and "line" in done.stderr and "theme" in done.stderr
    assert file.read_text().startswith(TEMPLATE) and stat.S_IMODE(file.stat().st_mode) == 0o600
    failed = run_script("config", "edit", env={"VISUAL": f"{editor} --wait", "CODE": "3"})
    assert failed.returncode == 2 and "ended with 3" in failed.stderr
    missing = run_script("config", "edit", env={"EDITOR": str(tmp_path / "none")})
    assert missing.returncode == 2 and "Set EDITOR" in missing.stderr


def test_the_template_and_the_schema_know_every_key() -> None:
    uncommented = "\n".join(line.removeprefix("# ") for line in TEMPLATE.splitlines()[1:])
    assert set(tomllib.loads(uncommented)) | {"api_url", "web_url"} == set(ConfigFile.model_fields)
    assert values_of(uncommented, "x")["windows"]["labels"] == {"seven_day_opus": "Opus week"}
    found = json.loads(run_script("config", "schema").stdout)
    assert set(found["properties"]) == set(ConfigFile.model_fields) and found["additionalProperties"] is False


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_any_text_is_read_or_refused_in_a_sentence(written: str) -> None:
    try:
        values_of(written, "config.toml")
    except BadUsageError as error:
        assert "config.toml" in error.sentence
    assert line_of(written, ["windows", "hide", 0]) is None or "windows" in written


def test_windows_are_ordered_hidden_and_named_but_never_a_full_one(bench: Bench) -> None:
    class Window:
        def __init__(self, key: str, utilization: float) -> None:
            self.key, self.utilization, self.label = key, utilization, key

    windows = [Window("a", 5), Window("b", 80), Window("c", 10), Window("d", 1)]
    looks = Looks(("d", "c"), frozenset({"a", "b"}), (("c", "Sea"),))
    found = looks.arranged(windows)  # type: ignore[arg-type]
    assert [(window.key, window.label) for window in found] == [("d", "d"), ("c", "Sea"), ("b", "b")]
    assert windows[2].label == "c" and bench is not None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('read = "p"', 'line 3: keys.read: p is the key of "pause"'),
        ('read = "1"', "line 3: keys.read: 1 is the key of choosing a row"),
        ('reed = "R"', "line 3: keys.reed: there is no such action"),
        ('read = "hyper+r"', "line 3: keys.read: there is no key 'hyper+r'"),
        ("read = []", "line 3: keys.read: it needs a key"),
    ],
)
def test_a_key_that_cannot_be_is_named_with_its_line(file: Path, line: str, said: str) -> None:
    file.write_text(f'[keys]\ncopy = "Y"\n{line}\n')
    with pytest.raises(BadUsageError, match=re.escape(said)):
        load(os.environ)


def test_keys_are_named_as_textual_names_them() -> None:
    for character in string.ascii_letters + string.punctuation:
        assert _normal("read", character) == _character_to_key(character)
        assert sign_of(_character_to_key(character)) == character


async def test_another_key_is_the_one_that_works_and_the_one_that_is_shown(bench: Bench, file: Path) -> None:
    await bench.poller.beat()
    write = file.write_text
    write('[keys]\nnext = ["n", "down"]\nhelp = "H"\n')
    watched = WatchedConfig(os.environ)
    async with shown(bench, looks=watched.first().settings.looks, reread=watched.changed) as pilot:
        assert "n/k window" in text(pilot) and "H help" in text(pilot)
        first = pilot.app.view.chosen
        await pilot.press("j")
        assert pilot.app.view.chosen == first
        await pilot.press("n")
        assert pilot.app.view.chosen != first
        await pilot.press("H")
        await settle(pilot, lambda: "n k 1-9" in text(pilot))
        await pilot.press("escape")
        write('[keys]\nnext = "ctrl+n"\n')
        pilot.app._look_at_settings()
        await settle(pilot, lambda: "^n/k window" in text(pilot))
        await pilot.press("question_mark")
        await settle(pilot, lambda: "^n k 1-9" in text(pilot))


def test_a_bad_file_leaves_the_last_good_one(file: Path, scratch_home: Path) -> None:
    file.write_text('theme = "pink"\n')
    with pytest.raises(BadUsageError, match="line 1"):
        WatchedConfig(os.environ).first()
    file.write_text('theme = "light"\n')
    assert WatchedConfig(os.environ).first().settings.theme == "light"
    kept = Path(os.environ["CLAUDE_METER_STATE_DIR"]) / "config.last-good.toml"
    assert kept.read_text() == 'theme = "light"\n' and stat.S_IMODE(kept.stat().st_mode) == 0o600
    file.write_text('theme = "light"\nascii = 3\n')
    held = WatchedConfig(os.environ).first()
    assert (
        held.settings.theme == "light"
        and "line 2: ascii" in held.trouble
        and "The last good one holds." in held.trouble
    )
    watched = WatchedConfig(os.environ)
    assert watched.first() == held and watched.changed() is None
    file.write_text('theme = "contrast" \n')
    changed = watched.changed()
    assert changed is not None and changed.settings.theme == "contrast" and changed.trouble == ""
    assert watched.changed() is None and str(scratch_home)


def test_a_first_file_that_is_bad_is_said_and_changes_nothing(file: Path, scratch_home: Path) -> None:
    file.unlink(missing_ok=True)
    watched = WatchedConfig(os.environ)
    held = watched.first().settings
    file.write_text("ascii = 3\n")
    changed = watched.changed()
    assert changed is not None and changed.settings == held and str(scratch_home)
    assert "line 1: ascii" in changed.trouble and changed.trouble.endswith("The last good one holds.")


async def test_a_change_is_taken_over_by_the_open_dashboard(bench: Bench, file: Path) -> None:
    await bench.poller.beat()
    watched, write = WatchedConfig(os.environ), file.write_text
    watched.first()
    async with shown(bench, reread=watched.changed) as pilot:
        write(
            'theme = "light"\nshow_left = true\n[windows]\norder = ["seven_day_opus"]\nhide = ["seven_day_cowork"]\n'
            '[windows.labels]\nseven_day_opus = "[b]Opus[/b] week"\n'
        )
        pilot.app._look_at_settings()
        await settle(pilot, lambda: "[b]Opus[/b] week" in text(pilot))
        rows = [line for line in lines(pilot) if "░" in line and "│" in line]
        assert "Opus" in rows[0] and pilot.app.theme == "light" and "Cowork" not in "".join(rows)
        assert "what is left" in text(pilot)
        write("theme = 5\n")
        pilot.app._look_at_settings()
        await settle(pilot, lambda: "line 1: theme" in text(pilot))
        assert pilot.app.theme == "light" and "The last good one holds." in text(pilot)
        write('theme = "dark"  # again\n')
        pilot.app._look_at_settings()
        await settle(pilot, lambda: "line 1" not in text(pilot))
        assert pilot.app.theme == "dark" and "Cowork" in text(pilot)


# --- what can be chosen of the screen ---------------------------------------------------------------------------------


def looks_of(file: Path, written: str) -> Looks:
    file.write_text(written)
    return load(os.environ).looks


async def test_thresholds_are_the_user_s_in_rows_legend_and_sentence(bench: Bench, file: Path) -> None:
    await bench.poller.beat()
    looks = looks_of(file, "[thresholds]\nwarning = 20\ncritical = 70\n")
    async with shown(bench, (120, 36), looks=looks) as pilot:
        rows = {line.split()[1].lstrip("▸"): line for line in lines(pilot) if "│" in line and "%" in line}
        assert "! from 20" in text(pilot) or "! 20  !! 70" in text(pilot)
        assert " ! " in rows["5-hour"] and "!!" in next(line for line in lines(pilot) if "▸" in line)
    async with shown(bench, (120, 36)) as pilot:
        assert " ! " not in next(line for line in lines(pilot) if "5-hour" in line and "│" in line)


async def test_times_of_day_in_12_hours(bench: Bench, file: Path) -> None:
    await bench.poller.beat()
    write = file.write_text
    write("clock = 12\n")
    watched = WatchedConfig(os.environ)
    try:
        words.use_hours(watched.first().settings.hours)
        async with shown(bench, (120, 36), reread=watched.changed) as pilot:
            assert re.search(r"\d:\d\d[ap]m", text(pilot)) and "9:00am" in text(pilot)
            assert not re.search(r"\b(1[3-9]|2[0-3]):\d\d", text(pilot))
            write("clock = 24  # again\n")
            pilot.app._look_at_settings()
            await settle(pilot, lambda: "9:00am" not in text(pilot))
    finally:
        words.use_hours(24)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (50, 12), (40, 10), (24, 4)])
async def test_resets_as_the_user_wants_them(bench: Bench, file: Path, size: tuple[int, int]) -> None:
    await bench.poller.beat()

    async def row(resets: str) -> str:
        looks = looks_of(file, f'resets = "{resets}"\n')
        async with shown(bench, size, looks=looks) as pilot:
            return next(line for line in lines(pilot) if re.search(r"5-?h", line) and "░" in line).strip(" │")

    assert row_ends(await row("in"), r"\d+h ?\d+m|\d+m")
    assert row_ends(await row("at"), r"\d\d:\d\d")


def row_ends(row: str, pattern: str) -> bool:
    return re.search(f"({pattern})$", row) is not None


async def test_the_chart_leaves_out_what_is_not_wanted(bench: Bench, file: Path) -> None:
    await bench.poller.beat()
    looks = looks_of(file, "[chart]\nspans = 4\nothers = false\nforecast = false\n")
    async with shown(bench, (120, 36), looks=looks) as pilot:
        assert pilot.app.view.spans == 4 and "4 spans" in text(pilot)


def test_the_cadence_is_never_faster_than_what_the_server_bears(file: Path) -> None:
    file.write_text("[cadence]\nminutes = 45\ndaily = 40\n")
    held = load(os.environ).cadence
    assert (held.base, held.slowest, held.daily) == (timedelta(minutes=45), timedelta(minutes=45), 40)
    file.write_text("[cadence]\nminutes = 5\n")
    with pytest.raises(BadUsageError, match=r"line 2: cadence.minutes: .* greater than or equal to 15"):
        load(os.environ)
    file.write_text("[thresholds]\nwarning = 95\n")
    with pytest.raises(BadUsageError, match="warning must not be above critical"):
        load(os.environ)


async def test_a_theme_of_one_s_own_and_one_that_is_not_right(bench: Bench, file: Path) -> None:
    await bench.poller.beat()
    sea = file.parent / "themes" / "sea.toml"
    make, write, configure = sea.parent.mkdir, sea.write_text, file.write_text
    make()
    write('like = "light"\nbackground = "#001122"\ntrack = "#445566"\n')
    configure('theme = "sea"\n')
    watched = WatchedConfig(os.environ)
    held = watched.first().settings
    assert (held.theme, held.trouble) == ("sea", "")
    async with shown(bench, (120, 36), theme="sea", own_themes=held.own_themes, reread=watched.changed) as pilot:
        theme = pilot.app.current_theme
        assert (theme.background, theme.variables["meter-track"], theme.dark) == ("#001122", "#445566", False)
        assert "Theme: sea" in [each.title for each in pilot.app.get_system_commands(pilot.app.screen)]
        write('like = "light"\nbackground = "blue"\n')
        pilot.app._look_at_settings()
        await settle(pilot, lambda: "background" in text(pilot))
        assert "sea.toml, line 2: background: it must be a colour like #5fa8d3" in " ".join(text(pilot).split())
        write('like = "light"\nbackground = "#010101"\n')
        pilot.app._look_at_settings()
        await settle(pilot, lambda: pilot.app.current_theme.background == "#010101")
    write('like = "blue"\n')
    done = run_script("config", "check")
    assert done.returncode == 2 and "sea.toml, line 1: like: it must be one of" in done.stderr
    assert WatchedConfig(os.environ).first().settings.theme is None


@given(st.dictionaries(st.text(max_size=12), st.one_of(st.text(max_size=12), st.lists(st.text(max_size=4)))))
def test_any_keys_are_taken_or_refused_in_a_sentence(wanted: dict[str, str | list[str]]) -> None:
    try:
        clean_keys(wanted)
    except ValueError as error:
        assert len(error.args) == 2
