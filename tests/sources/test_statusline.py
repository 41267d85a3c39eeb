"""The status line: what Claude Code pipes in is kept and shown; whatever is wrong, it prints what it can and ends 0."""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON, SCRIPT, payload, run_script
from hypothesis import given
from hypothesis import strategies as st
from test_payload import JSON_VALUES as JSON

from claude_meter_tui.commands.statusline import command
from claude_meter_tui.domain.catalogue import name_of
from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.windows import Account, Reading
from claude_meter_tui.output import formats
from claude_meter_tui.settings.settings import load
from claude_meter_tui.sources import statusline
from claude_meter_tui.sources.claude_code.settings_file import installed, uninstalled
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.store.store import Store

NOBODY = {"email": None, "organization_uuid": None, "plan": None}
OURS = "/opt/bin/claude-meter-tui statusline"


def said(five: float = 42.0, seven: float = 63.0, now: datetime | None = None, **more: object) -> dict[str, Any]:
    """What Claude Code pipes in."""
    now = now or datetime.now(UTC)
    limits = {
        "five_hour": {"used_percentage": five, "resets_at": int((now + timedelta(hours=2)).timestamp())},
        "seven_day": {"used_percentage": seven, "resets_at": int((now + timedelta(days=3)).timestamp())},
    }
    given = payload("statusline-input.json")
    assert isinstance(given, dict)
    return {**given, "rate_limits": limits, "cost": {"total_cost_usd": five + seven}, **more}


def pipe(given: object, *arguments: str, env: dict[str, str] | None = None) -> str:
    """Run the installed script as Claude Code does; gives what it printed."""
    text = given if isinstance(given, str) else json.dumps(given)
    done = run_script("statusline", *arguments, env=env, input=text)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    return done.stdout


def known() -> Reading:
    with Store.open(load(os.environ).store_file) as store:
        return Reading.model_validate(store.newest())


def keep(reading: Reading) -> None:
    with Store.open(load(os.environ).store_file) as store:
        store.put_note("account", str(store.account_id(reading.document()["account"])))
        store.save(reading.document())


# --- what is said --------------------------------------------------------------------------------------------------


def test_the_payload_is_two_windows_named_as_the_endpoint_names_them() -> None:
    given = payload("statusline-input.json")
    now = datetime.fromtimestamp(1795446000, UTC) - timedelta(hours=1)
    reading = statusline.reading_of(given, now, NOBODY)  # type: ignore[arg-type]
    read = Reading.model_validate(reading)
    assert [(window.key, window.utilization) for window in read.windows] == [("five_hour", 42.3), ("seven_day", 63.0)]
    for window in read.windows:
        name = name_of(window.key)
        assert (window.label, window.group, window.length_seconds) == (name.label, name.group, name.length)
    assert read.windows[0].resets_at == now + timedelta(hours=1) and read.observed_at == now


@given(JSON)
def test_any_json_is_no_exception_and_nothing_invented(body: Any) -> None:
    found = statusline.parsed(json.dumps({"rate_limits": body}).encode())
    reading = statusline.reading_of(found, NOON, NOBODY)
    statusline.stamp(found)
    statusline.session_of(found)
    if reading is not None:
        Reading.model_validate(reading)
        for window in reading["windows"]:
            assert body[window["key"]]["used_percentage"] == window["utilization"]


@given(st.binary(max_size=200))
def test_any_bytes_are_no_exception(data: bytes) -> None:
    assert isinstance(statusline.parsed(data), dict)


@pytest.mark.parametrize("limits", [None, [], {}, {"five_hour": None}, {"five_hour": {"used_percentage": "4"}}])
def test_without_limits_there_is_no_reading(limits: object) -> None:
    assert statusline.reading_of({"rate_limits": limits}, NOON, NOBODY) is None


def test_a_window_that_has_ended_is_not_told_as_current() -> None:
    old = said(now=NOON - timedelta(hours=3))
    reading = statusline.reading_of(old, NOON, NOBODY)
    assert reading is not None and [window["key"] for window in reading["windows"]] == ["seven_day"]


# --- kept ----------------------------------------------------------------------------------------------------------


def test_what_is_piped_in_is_kept_and_shown() -> None:
    shown = pipe(said())
    assert shown.startswith("\x1b[32m5h 42% 1h59m\x1b[0m · \x1b[32m7d 63%") and shown.count("\n") == 1
    reading = known()
    assert reading.source == "statusline" and [window.utilization for window in reading.windows] == [42.0, 63.0]
    status = run_script("status")
    assert status.returncode == 0 and status.stdout.startswith("5h 42%")


def test_it_is_laid_over_the_newest_whole_reading_and_erases_none_of_it() -> None:
    at = datetime.now(UTC) - timedelta(minutes=20)
    body = payload("limits-array-and-spend.json")
    whole = read_usage(body, observed_at=at, source="oauth", account=Account(email="dev@example.com"))
    later = {"session": timedelta(hours=2, minutes=20), "weekly": timedelta(days=3, minutes=20)}
    windows = tuple(w.model_copy(update={"resets_at": at + later[w.group]}) for w in whole.windows)
    whole = whole.model_copy(update={"windows": windows})
    keep(whole)
    folder = Path(os.environ["CLAUDE_CONFIG_DIR"])
    folder.mkdir()
    (folder / ".claude.json").write_text(json.dumps({"oauthAccount": {"emailAddress": "dev@example.com"}}))
    pipe(said(61.5, 90.0))
    reading = known()
    figures = {window.key: (window.utilization, window.source) for window in reading.windows}
    assert figures["five_hour"] == (61.5, "statusline") and figures["seven_day"] == (90.0, "statusline")
    assert figures["weekly_scoped:fable"] == (82.0, "oauth")
    assert reading.extra_usage == whole.extra_usage and reading.account.email == "dev@example.com"
    assert reading.whole_at == whole.observed_at


def test_an_idle_session_that_is_redrawn_says_nothing_new() -> None:
    first = said(40.0)
    pipe(first)
    before = known()
    pipe({**first, "cost": {**first["cost"], "total_duration_ms": 99}})
    assert known() == before
    pipe(said(40.0, now=datetime.now(UTC), cost={"total_cost_usd": 7.0}))  # the same figure, but after another answer
    assert known().observed_at > before.observed_at


def test_another_session_with_older_figures_does_not_turn_the_meter_back() -> None:
    pipe(said(40.0, session_id="busy"))
    pipe(said(12.0, 80.0, session_id="idle"))
    assert [window.utilization for window in known().windows] == [40.0, 80.0]


def test_it_belongs_to_the_account_claude_code_is_logged_in_to(scratch_home: Path) -> None:
    pipe(said(10.0))
    config = scratch_home / "claude" / ".claude.json"
    config.parent.mkdir(exist_ok=True)
    for email, used in (("a@example.com", 20.0), ("b@example.com", 30.0)):
        config.write_text(json.dumps({"oauthAccount": {"emailAddress": email, "organizationUuid": f"org-{email}"}}))
        os.utime(config, ns=(int(used), int(used)))
        pipe(said(used))
        pipe(said(used + 1))
    with Store.open(load(os.environ).store_file) as store:
        rows = [(row["account"], row["utilization"]) for row in store.history("five_hour")]
    assert rows == [
        *[("", 10.0), ("org-a@example.com", 20.0), ("org-a@example.com", 21.0)],
        *[("org-b@example.com", 30.0), ("org-b@example.com", 31.0)],
    ]


# --- never in the way ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("garbage", ["", "{", "[]", "null", '"x"', "{}", '{"rate_limits": 3}', "\x00\xff"])
def test_garbage_is_one_line_and_exit_0(garbage: str) -> None:
    assert pipe(garbage) == "limits: not known yet\n"


def test_a_locked_store_is_not_waited_for() -> None:
    pipe(said(30.0))
    locked = sqlite3.connect(load(os.environ).store_file)
    locked.execute("BEGIN IMMEDIATE")
    assert "5h 55%" in pipe(said(55.0, session_id="other"))
    locked.rollback()
    locked.close()
    assert known().windows[0].utilization == 30.0


@pytest.mark.parametrize("trouble", ["a file where the folder should be", "garbage in the store"])
def test_a_store_that_cannot_be_used_costs_only_the_keeping(trouble: str, scratch_home: Path) -> None:
    state = scratch_home / "state"
    if trouble.startswith("a file"):
        state.write_text("")
    else:
        state.mkdir()
        (state / "meter.sqlite3").write_bytes(b"garbage" * 999)
    assert "5h 42%" in pipe(said())


@pytest.mark.parametrize("stored", [False, True], ids=["nothing stored", "a store"])
def test_a_full_disk_costs_only_the_keeping(stored: bool) -> None:
    if stored:
        pipe(said(30.0))
    command_line = f"ulimit -f 0; exec {shlex.quote(str(SCRIPT))} statusline"  # no file can grow: as on a full disk
    done = subprocess.run(
        ["sh", "-c", command_line], input=json.dumps(said(50.0)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "5h 50%" in done.stdout and "Traceback" not in done.stderr
    if stored:
        assert known().windows[0].utilization == 30.0


def test_another_command_gets_the_same_input_and_is_printed_first(scratch_home: Path) -> None:
    given = said()
    lines = pipe(given, "--then", "tee seen.json | wc -c; echo theirs; exit 3", env={"PWD": str(scratch_home)})
    assert lines.splitlines()[1] == "theirs" and "5h 42%" in lines.splitlines()[2]
    assert int(lines.splitlines()[0]) == len(json.dumps(given))
    Path("seen.json").unlink()
    assert pipe(given, "--then", "no-such-command-at-all").endswith("\n")
    assert pipe(said(44.0), "--then", "echo theirs", "--quiet") == "theirs\n"
    assert known().windows[0].utilization == 44.0


# --- the line ------------------------------------------------------------------------------------------------------


def document(name: str = "max-named-windows.json") -> Any:
    return read_usage(payload(name), observed_at=NOON, source="oauth").document()


@pytest.mark.parametrize("width", [8, 20, 40, 60, 200])
def test_the_line_fits_and_the_most_pressing_window_stays(width: int) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    text = command.line(document(), formats.At(now), width=width, color=False)
    assert len(text) <= width and "7d Opus 96%"[:width] in text


def test_the_line_has_the_windows_wished_for_in_their_order() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    text = command.line(
        document(), formats.At(now), width=200, color=False, keys=("seven_day_opus", "five_hour", "nonsense")
    )
    assert [part.split(" ")[:2] for part in text.split(" · ")] == [["7d", "Opus"], ["5h", "41%"]]
    colored = command.line(document(), formats.At(now), width=200, color=True)
    assert "\x1b[31m7d Opus 96%!!" in colored
    assert "\x1b" not in pipe(said(), "--no-color") and "\x1b" not in pipe(said(), env={"NO_COLOR": "1"})
    assert pipe(said(), "--no-color", "--width", "12").strip() == "7d 63% 2d23h"
    assert pipe(said(), "--no-color", env={"COLUMNS": "12"}).strip() == "7d 63% 2d23h"


# --- installing ----------------------------------------------------------------------------------------------------

FORMATS = (
    '{\n  "model": "opus",\n  "x": [1, 2,   3],\n  "env": {"A": "\\u00e9"}\n}\n',
    '{\n\t"model": "opus"\n}',
    '{"model":"opus","n":1e5}',
    "{}",
    "{ }\n",
    '{\r\n    "a": null\r\n}\r\n',
)


@pytest.mark.parametrize("before", FORMATS)
def test_installing_keeps_every_other_byte_and_uninstalling_puts_the_file_back(before: str) -> None:
    after = installed(before, OURS)
    assert json.loads(after) == {**json.loads(before), "statusLine": {"type": "command", "command": OURS}}
    assert installed(after, OURS) == after
    back = uninstalled(after)
    assert back == before or json.loads(before) == json.loads(back) == {}
    for line in before.splitlines()[1:-1]:
        assert line.strip().rstrip(",") in after


@pytest.mark.parametrize("there", ["~/bin/line.sh", "echo 'it''s' \"$HOME\" | cut -c1-9", "claude-meter-tui-like x"])
def test_a_status_line_that_is_there_is_wrapped_and_put_back(there: str) -> None:
    before = json.dumps({"statusLine": {"type": "command", "padding": 0, "command": there}, "z": 1}, indent=4)
    after = installed(before, OURS)
    line = json.loads(after)["statusLine"]
    assert line["padding"] == 0 and shlex.split(line["command"])[-2:] == ["--then", there]
    assert uninstalled(after) == before and uninstalled(before) == before and installed(after, OURS) == after


@pytest.mark.parametrize("text", ["", "[]", "{", '// mine\n{"a": 1}', '{"a": 1,}', '{"statusLine": "x"}'])
def test_what_is_not_plain_json_is_not_touched(text: str) -> None:
    with pytest.raises(BadUsageError):
        installed(text, OURS)


JSON_OBJECT = st.dictionaries(st.text(max_size=5), JSON, max_size=4).filter(lambda found: "statusLine" not in found)


@given(JSON_OBJECT, st.sampled_from([None, 0, 1, 2, 4, "\t"]))
def test_any_settings_come_back(settings: dict[str, Any], indent: int | str | None) -> None:
    before = json.dumps(settings, indent=indent)
    after = installed(before, OURS)
    assert json.loads(after)["statusLine"]["command"] == OURS
    assert uninstalled(after) == before


def test_the_command_shows_the_change_makes_a_backup_and_what_it_installs_runs(scratch_home: Path) -> None:
    file = scratch_home / "claude" / "settings.json"
    file.parent.mkdir()
    before = '{\n  "statusLine": {"type": "command", "command": "echo theirs"}\n}\n'
    file.write_text(before)
    file.chmod(0o640)
    dry = run_script("statusline", "--install", "--dry-run")
    assert dry.returncode == 0 and '+  "statusLine"' in dry.stdout and file.read_text() == before
    done = run_script("statusline", "--install")
    assert done.returncode == 0 and '-  "statusLine"' in done.stdout, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    backups = list(file.parent.glob("settings.json.*.bak"))
    assert len(backups) == 1 and backups[0].read_text() == before
    command_line = json.loads(file.read_text())["statusLine"]["command"]
    assert str(SCRIPT) in command_line
    shown = subprocess.run(
        command_line, shell=True, input=json.dumps(said()), text=True, capture_output=True, check=True
    )
    assert shown.stdout.splitlines()[0] == "theirs" and "5h 42%" in shown.stdout.splitlines()[1]
    assert "nothing to do" in run_script("statusline", "--install").stdout
    assert run_script("statusline", "--uninstall").returncode == 0 and file.read_text() == before
    assert "nothing to do" in run_script("statusline", "--uninstall").stdout


def test_installing_where_there_are_no_settings_yet(scratch_home: Path) -> None:
    assert run_script("statusline", "--install").returncode == 0
    file = scratch_home / "claude" / "settings.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and list(json.loads(file.read_text())) == ["statusLine"]
    file.write_text("// mine\n{}")
    refused = run_script("statusline", "--install")
    assert refused.returncode == 2 and "not plain JSON" in refused.stderr and file.read_text() == "// mine\n{}"


def test_it_imports_nothing_heavy() -> None:
    from test_imports import HEAVY, imported_by

    code = "import io\nsys.stdin = io.TextIOWrapper(io.BytesIO(b'{}'))\n"
    code += "from claude_meter_tui.__main__ import main\nmain(['statusline'])"
    assert not imported_by(code) & set(HEAVY), sys.platform
