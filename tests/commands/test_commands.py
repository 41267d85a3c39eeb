"""The commands as scripts meet them: the installed script, its output, its exit codes. README, Scripts."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from conftest import NOON, REFRESH, SCRIPT, TOKEN, log_in, run_script

from claude_meter_tui.demo.server import SCENARIOS, DemoServer
from claude_meter_tui.domain.windows import Account, Reading
from claude_meter_tui.output.formats import STYLES, At, render, table
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.system.clock import SystemClock


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, scratch_home: Path):
    """Somebody logged in, and a server on the real clock."""
    log_in(scratch_home / "claude")
    with DemoServer(clock=SystemClock(), scenario="limits") as server:
        monkeypatch.setenv("CLAUDE_METER_API_URL", server.url)
        yield server


def test_once_reads_keeps_and_prints(live: DemoServer) -> None:
    done = run_script("once")
    assert done.returncode == 0 and done.stderr == ""
    assert "demo@example.com · Max 20x · read just now via the server" in done.stdout and "Fable" in done.stdout
    assert live.asked("/api/oauth/usage") == 1


def test_once_as_json_is_the_contract(live: DemoServer) -> None:
    answer = json.loads(run_script("once", "--json").stdout)
    assert set(answer) == {
        *("schema", "observed_at", "source", "stale", "age_seconds", "account", "windows", "extra_usage", "next_stop"),
    }
    assert answer["schema"] == 1 and answer["stale"] is False and answer["source"] == "oauth"
    assert set(answer["account"]) == {"email", "organization_uuid", "plan"}
    for window in answer["windows"]:
        assert set(window) == {
            *("key", "label", "group", "utilization", "resets_at", "resets_in_seconds", "length_seconds"),
            *("model", "surface", "severity", "is_active", "estimate", "forecast", "observed_at", "source"),
        }
        assert window["resets_at"].endswith("Z") and window["estimate"] is None
        assert window["forecast"] is None
    assert {window["key"] for window in answer["windows"]} == {
        "five_hour",
        "seven_day",
        "weekly_scoped:fable",
        "weekly_scoped:sonnet",
    }
    assert set(answer["extra_usage"]) == {"enabled", "used", "limit", "utilization"}
    assert answer["extra_usage"]["limit"] == {"amount": "40.00", "currency": "EUR"}
    assert json.loads(run_script("status", "--format", "json").stdout).keys() == answer.keys()


def test_once_too_soon_gives_the_stored_reading_as_stale_and_exits_0(live: DemoServer) -> None:
    run_script("once")
    again = run_script("once", "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["stale"] is True
    assert len(again.stderr.splitlines()) == 1 and "Nothing was sent" in again.stderr
    assert live.asked("/api/oauth/usage") == 1


@pytest.mark.parametrize(
    ("scenario", "code", "words"),
    [
        ("rate-limited", 4, "Ask again at"),
        ("unauthorized", 3, "401"),
        ("server-error", 4, "again at"),
        ("not-json", 4, "JSON"),
    ],
)
def test_a_failure_with_nothing_stored_is_one_line_and_its_code(
    live: DemoServer, scenario: str, code: int, words: str
) -> None:
    live.scenario = scenario
    done = run_script("once")
    assert (done.returncode, done.stdout) == (code, "") and words in done.stderr
    assert len(done.stderr.splitlines()) == 1 and "Traceback" not in done.stderr


def test_without_a_login_once_exits_3_but_shows_what_is_stored(live: DemoServer, scratch_home: Path) -> None:
    file = scratch_home / "claude" / ".credentials.json"
    kept = file.read_text()
    file.unlink()
    assert run_script("once").returncode == 3
    file.write_text(kept)
    run_script("once")
    file.unlink()
    done = run_script("once")
    assert done.returncode == 0 and "stale" in done.stdout and "login" in done.stderr


def test_status_before_any_reading_exits_4_in_one_line() -> None:
    for style in STYLES:
        done = run_script("status", "--format", style)
        assert done.returncode == 4 and done.stdout == "" and len(done.stderr.splitlines()) == 1


def test_status_asks_nobody(live: DemoServer) -> None:
    run_script("once")
    before = len(live.requests)
    for style in STYLES:
        assert run_script("status", "-f", style).returncode == 0
        assert run_script("status", f"--format={style}").returncode == 0
    assert len(live.requests) == before


def test_bad_usage_exits_2(scratch_home: Path) -> None:
    for arguments in (["status", "--format", "x"], ["nonsense"], ["once", "--source", "x"], ["--theme", "pink"]):
        assert run_script(*arguments).returncode == 2
    wrong: tuple[tuple[list[str], str], ...] = (
        (["local", "--by", "week"], "--by"),
        (["statusline", "--then"], "--then"),
        (["bridge", "--port", "x"], "65535"),
        (["local", "a\nb"], "a b"),
    )
    for arguments, word in wrong:
        done = run_script(*arguments)
        assert done.returncode == 2 and word in done.stderr and "--help" in done.stderr
        assert len(done.stderr.splitlines()) == 1 and done.stdout == ""
    refused = run_script("once", env={"CLAUDE_METER_API_URL": "http://example.com"})
    assert refused.returncode == 2 and "loopback" in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert run_script("history", "--since", "someday").returncode in (2, 4)
    assert run_script().returncode == 2  # no terminal


def test_help_and_version() -> None:
    assert run_script("--version").stdout.startswith("claude-meter-tui 0.")
    shown = run_script("--help").stdout
    for word in ("once", "status", "history", "doctor", "demo", "exit codes", "CLAUDE_CONFIG_DIR"):
        assert word in shown


def test_a_reader_that_goes_away_is_no_traceback(live: DemoServer) -> None:
    run_script("once")
    for arguments in ("status", "status -f prometheus", "history --format csv", "once --json"):
        piped = subprocess.run(f"{SCRIPT} {arguments} | true", shell=True, capture_output=True, text=True, timeout=60)
        assert "Traceback" not in piped.stderr and "BrokenPipe" not in piped.stderr


@pytest.mark.parametrize("command", ["status", "status --format json", "history export", "once"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_disk_too_full_for_the_output_is_a_sentence(live: DemoServer, command: str, unbuffered: str) -> None:
    run_script("once")
    line = f"{SCRIPT} {command} > /dev/full"
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(line, shell=True, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "claude-meter-tui: The output cannot be written: No space left on device."
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_without_an_output_status_is_no_traceback(live: DemoServer) -> None:
    run_script("once")
    done = subprocess.run(f"{SCRIPT} status >&-", shell=True, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_output_that_cannot_be_encoded_is_no_traceback(live: DemoServer) -> None:
    run_script("once")
    done = run_script("status", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and done.stderr == ""


def test_history_goes_out_and_comes_back_exactly(live: DemoServer, scratch_home: Path) -> None:
    run_script("once")
    exported = run_script("history", "--format", "csv").stdout
    assert exported.splitlines()[0] == "observed_at,source,account,window,utilization,resets_at"
    assert len(exported.splitlines()) == 5
    file = scratch_home / "history.csv"
    file.write_text(exported)
    elsewhere = {"CLAUDE_METER_STATE_DIR": str(scratch_home / "elsewhere")}
    assert run_script("history", "import", str(file), env=elsewhere).stdout.startswith("1 readings added, 0")
    assert run_script("history", "import", str(file), env=elsewhere).stdout.startswith("0 readings added, 1")
    assert run_script("history", "--format", "csv", env=elsewhere).stdout == exported
    rows = json.loads(run_script("history", "--window", "five_hour", "--format", "json").stdout)["readings"]
    assert [row["window"] for row in rows] == ["five_hour"]
    shown = run_script("history", env={"COLUMNS": "80"}).stdout
    assert "weekly_scoped:fable" in shown and max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        "HEADER\n2026-11-26T12:00:00Z,oauth,,five_hour,many,\n",
        "HEADER\n2026-11-26,oauth,,five_hour,1,\n",
    ]
    + ["HEADER\n2026-11-26T12:00:00Z,oauth,,five_hour,nan,\n", "HEADER\n2026-11-26T12:00:00Z,oauth\n"],
)
def test_a_csv_that_is_not_ours_adds_nothing(scratch_home: Path, text: str) -> None:
    file = scratch_home / "history.csv"
    good = "2026-11-26T11:00:00Z,oauth,,five_hour,1,\n"
    header = "observed_at,source,account,window,utilization,resets_at\n" + good
    file.write_text(text.replace("HEADER\n", header))
    done = run_script("history", "import", str(file))
    assert done.returncode == 2 and "Nothing was added" in done.stderr
    assert run_script("history").returncode in (0, 4)
    assert "five_hour" not in run_script("history").stdout
    assert run_script("history", "import", "no such file").returncode == 2


def test_doctor_says_what_works_and_asks_once(live: DemoServer) -> None:
    done = run_script("doctor")
    assert done.returncode == 0 and "answered with 4 windows" in done.stdout and "logged in" in done.stdout
    assert live.asked("/api/oauth/usage") == 1
    findings = json.loads(run_script("doctor", "--json").stdout)["findings"]
    assert live.asked("/api/oauth/usage") == 1
    assert {"subject", "state", "text", "do"} == set(findings[0])


def test_doctor_names_the_damage_in_a_body(live: DemoServer) -> None:
    from conftest import payload

    from claude_meter_tui.demo.server import Reply

    live.replies["/api/oauth/usage"] = Reply.json(payload("damaged-entries.json"))
    assert "9 parts of the answer could not be understood: five_hour.utilization" in run_script("doctor").stdout


def test_doctor_without_anything_says_what_to_do() -> None:
    done = run_script("doctor")
    assert done.returncode == 3 and "PROBLEM" in done.stdout and "--demo" in done.stdout


def test_demo_serve_lists_its_scenarios_and_refuses_others() -> None:
    listed = run_script("demo", "serve", "--scenario", "list").stdout
    assert all(name in listed for name in SCENARIOS)
    assert run_script("demo", "serve", "--scenario", "none").returncode == 2
    assert run_script("demo", "serve", "--port", "70000").returncode == 2
    assert "serve" in run_script("demo").stdout


def test_a_damaged_store_is_a_message_and_a_new_reading(live: DemoServer, scratch_home: Path) -> None:
    (scratch_home / "state").mkdir()
    (scratch_home / "state" / "meter.sqlite3").write_bytes(b"garbage" * 999)
    assert run_script("status").returncode == 4
    done = run_script("once")
    assert done.returncode == 0 and "set aside" in done.stderr


def test_a_locked_store_does_not_stop_status(live: DemoServer, scratch_home: Path) -> None:
    run_script("once")
    other = sqlite3.connect(scratch_home / "state" / "meter.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert run_script("status").returncode == 0
    other.close()


def test_the_token_is_nowhere_but_in_the_request(live: DemoServer, scratch_home: Path) -> None:
    outputs = []
    for scenario in SCENARIOS:
        if scenario == "hang":
            continue
        live.scenario = scenario
        for arguments in (["once"], ["once", "--json"], ["doctor"], ["doctor", "--json"], ["status"], ["history"]):
            if (scratch_home / "state").exists():
                with closing(sqlite3.connect(scratch_home / "state" / "meter.sqlite3", isolation_level=None)) as store:
                    store.executescript("DELETE FROM gates; DELETE FROM asks")  # so that every scenario is really asked
            done = run_script(*arguments)
            outputs.append(done.stdout + done.stderr)
    assert live.asked("/api/oauth/usage") > 2 * len(SCENARIOS)
    login = scratch_home / "claude" / ".credentials.json"
    files = [file for file in scratch_home.rglob("*") if file.is_file() and file != login]
    assert files
    for secret in (TOKEN, REFRESH):
        assert not any(secret in text for text in outputs)
        assert not any(secret.encode() in file.read_bytes() for file in files)


# --- the texts, on a fixed clock ------------------------------------------------------------------------------------


def document(name: str):
    from conftest import payload

    account = Account(email="dev@example.com", organization_uuid="6a0b", plan="Max 20x")
    from datetime import timedelta

    at = NOON.replace(day=23) - timedelta(minutes=2)
    reading: Reading = read_usage(payload(name), observed_at=at, source="oauth", account=account)
    return reading.document()


@pytest.mark.parametrize(
    "name",
    ["max-named-windows.json", "limits-array-and-spend.json", "over-100-and-past-reset.json", "idle-nothing-open.json"],
)
def test_the_texts_of_every_style(snapshot, name: str) -> None:
    now = NOON.replace(day=23)
    texts = {style: render(style, document(name), At(now)) for style in STYLES}
    json.loads(texts["json"]), json.loads(texts["waybar"])
    texts["table"] = table(document(name), At(now))
    assert texts == snapshot


def test_hostile_labels_do_not_break_a_status_bar() -> None:
    from claude_meter_tui.sources.payload.usage import read_usage as read

    scope = {"model": {"display_name": '#[fg=red]"<b>\\'}, "surface": None}
    body = {"limits": [{"kind": "weekly_scoped", "group": "weekly", "percent": 50, "scope": scope}]}
    hostile = read(body, observed_at=NOON, source="oauth").document()
    assert "##[fg=red]" in render("tmux", hostile, At(NOON))
    assert "&lt;b&gt;" in json.loads(render("waybar", hostile, At(NOON)))["text"]
    assert 'label="#[fg=red]\\"<b>\\\\"' in render("prometheus", hostile, At(NOON))
