"""`config` and the TOML file: what holds and whence, lines named, the last good one kept, taken over while it runs."""

from __future__ import annotations

import json
import os
import re
import stat
import string
import tomllib
from pathlib import Path

import pytest
from conftest import Bench, run_script
from hypothesis import given, settings
from hypothesis import strategies as st
from screens import lines, settle, shown, text
from textual.keys import _character_to_key

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.settings.keys import _normal, sign_of
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
        ('\n\n# x\ntheme = "pink"\n', 4, "theme: Input should be 'dark', 'light'"),
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
