"""The ways to tell: bell and terminal through tmux, the desktop, a user's program, and which pane tells."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON, Bench, run_script
from panes import Pane
from screens import settle, shown, text

from claude_meter_tui.alerts import command, terminal, texts
from claude_meter_tui.alerts.rules import Alert
from claude_meter_tui.alerts.telling import Outcome, tell
from claude_meter_tui.alerts.watching import Watching, standings
from claude_meter_tui.settings.alerting import Alerting
from claude_meter_tui.store.store import Store

FULL = Alert("threshold", "five_hour", "5-hour", 100.0, NOON + timedelta(hours=2), 100.0)
NOBODY: Any = {"email": None, "organization_uuid": None, "plan": None}


def test_sentences() -> None:
    reset = NOON + timedelta(hours=2)
    assert texts.text(FULL, NOON) == "5-hour is full · clears 14:00 (2h 0m)"
    near = Alert("threshold", "five_hour", "5-hour", 91.0, reset, 90.0)
    assert texts.text(near, NOON).startswith("5-hour is at 91 % · clears 14:00")
    assert "≈91 %" in texts.text(near._replace(estimated=True), NOON)
    assert "≈100 %" in texts.text(FULL._replace(estimated=True), NOON), "an estimate is never said to be full"
    ahead = Alert("forecast", "x", "7-day", 80.0, reset, probability=0.85, fills_at=NOON + timedelta(minutes=40))
    assert texts.text(ahead, NOON).startswith("7-day likely fills at 12:40, 85 % sure · clears 14:00")
    assert texts.text(Alert("cleared", "x", "5-hour", 0.0), NOON) == "5-hour has cleared: 0 % used"
    step = Alert("limit_changed", "x", "7-day", 1.0, since=NOON - timedelta(days=2), factor=0.6)
    assert texts.text(step, NOON) == "7-day: since Nov 24 a token uses up 40 % less: the limit seems to have changed"
    foreign = Alert("cleared", "x", "\x1b]0;x\x07[b]" + "y" * 999, 0.0)
    assert "\x1b" not in texts.text(foreign, NOON) and len(texts.text(foreign, NOON)) <= 200


@pytest.mark.parametrize(
    ("env", "kind"),
    [
        ({}, "osc9"),
        ({"TERM": "foot"}, "osc777"),
        ({"TERM": "xterm-kitty"}, "osc99"),
        ({"TERM_PROGRAM": "WezTerm", "TERM": "xterm-256color"}, "osc9"),
        ({"TERM_PROGRAM": "tmux", "KITTY_WINDOW_ID": "1", "TERM": "tmux-256color"}, "osc99"),
        ({"TERM": "rxvt-unicode-256color"}, "osc777"),
    ],
)
def test_the_terminal_is_known_by_what_it_sets(env: dict[str, str], kind: str) -> None:
    assert terminal.terminal_of(env) == kind


def test_sequences_alone_in_tmux_and_in_screen() -> None:
    assert terminal.sequence("a;b", "osc9", {}) == "\x1b]9;claude-meter: a;b\a"
    assert terminal.sequence("a;b", "osc777", {}) == "\x1b]777;notify;claude-meter;a,b\a"
    assert terminal.sequence("a", "osc99", {}).count("\x1b]99;") == 2
    assert terminal.sequence("a", "osc9", {"TMUX": "x"}) == "\x1bPtmux;\x1b\x1b]9;claude-meter: a\a\x1b\\"
    long = terminal.sequence("a" * 400, "osc9", {"STY": "x"})
    assert long.count("\x1bP") == 2 and long.endswith("\x1b\\")
    assert "\x07x" not in terminal.sequence("\x1b]0;\x07x", "osc9", {}).removesuffix("\a")


# --- a user's program ------------------------------------------------------------------------------------------------


def script(folder: Path, body: str) -> list[str]:
    file = folder / "tell"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o700)
    return [str(file), "$HOME; rm -rf x", "`id`"]


def test_a_program_gets_json_and_its_arguments_as_they_are(tmp_path: Path) -> None:
    wanted = script(tmp_path, f'cat > {tmp_path}/in; printf "%s|" "$@" > {tmp_path}/args')
    assert command.run(wanted, texts.document(FULL, NOBODY, NOON)) == ""
    given = json.loads((tmp_path / "in").read_text())
    assert given["schema"] == 1 and given["kind"] == "threshold" and given["window"] == "five_hour"
    assert given["resets_at"] == "2026-11-26T14:00:00Z" and given["threshold"] == 100 and given["text"]
    assert (tmp_path / "args").read_text() == "$HOME; rm -rf x|`id`|"


def test_a_program_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    wanted = script(tmp_path, f"sleep 300 & echo $! > {tmp_path}/child; sleep 300")
    begun = time.monotonic()
    assert "took longer than" in command.run(wanted, {}, seconds=1.0)
    assert time.monotonic() - begun < 5
    child = int((tmp_path / "child").read_text())
    for _ in range(50):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("its child lives on")


def test_a_program_that_fails_floods_is_missing_or_reads_nothing(tmp_path: Path) -> None:
    assert command.run(script(tmp_path, "exit 3"), {}).endswith("ended with code 3.")
    assert command.run(script(tmp_path, "yes | head -c 50000000"), {}) == ""
    assert command.run(script(tmp_path, "exec <&-; true"), {"text": "x" * 1_000_000}) == ""
    assert "cannot be run (No such file" in command.run(["/nowhere/at/all"], {})
    assert "cannot be run" in command.run(["a\0b"], {})
    assert command.run([], {}) == "There is no `command` in [alerts]."


# --- by every way ----------------------------------------------------------------------------------------------------


def test_every_way_is_tried_and_says_what_did_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    written: list[str] = []
    wanted = Alerting(("bell", "terminal", "desktop", "command"), command=("/nowhere",))
    found = tell(FULL, NOBODY, NOON, wanted, {}, written.append)
    assert written == ["\a", "\x1b]9;claude-meter: 5-hour is full · clears 14:00 (2h 0m)\a"]
    assert found[:2] == [Outcome("bell", ""), Outcome("terminal", "")]
    assert "no desktop session" in found[2].trouble and "/nowhere cannot be run" in found[3].trouble
    assert tell(FULL, NOBODY, NOON, Alerting(("bell",)), {}, None) == [Outcome("bell", "There is no terminal here.")]


def configured(home: Path, text: str) -> dict[str, str]:
    file = home / "config.toml"
    file.write_text(text)
    return {"CLAUDE_METER_CONFIG": str(file)}


def test_the_command_tries_every_way(scratch_home: Path) -> None:
    told = scratch_home / "told"
    program = script(scratch_home, f"cat > {told}")
    env = configured(scratch_home, f"[alerts]\nby = ['command', 'desktop']\ncommand = {json.dumps(program)}\n")
    done = run_script("alerts", "test", env={**env, "DBUS_SESSION_BUS_ADDRESS": ""})
    assert done.returncode == 4 and done.stdout.splitlines() == [
        "command: told",
        "desktop: There is no desktop session here to notify.",
    ]
    assert json.loads(told.read_text())["kind"] == "test"
    none = run_script("alerts", "test", env=configured(scratch_home, "[alerts]\nby = []\n"))
    assert none.returncode == 2 and "No way to tell" in none.stderr
    shown_ = run_script("alerts", env=configured(scratch_home, "[alerts]\nquiet = '22:00-07:00'\nat = [70]\n"))
    assert shown_.stdout.splitlines() == [
        "by: bell",
        "at: 70 %",
        "forecast: 80 % sure to fill within 60 minutes",
        "quiet: 22:00–07:00",
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("quiet = 'late'", 'must be like "22:00-07:00"'),
        ("by = ['pigeon']", "line 2"),
        ("by = ['command']", "needs a `command`"),
        ("at = [0]", "line 2"),
        ("command = 'rm -rf x'", "line 2"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(scratch_home: Path, table: str, said: str) -> None:
    done = run_script("config", "check", env=configured(scratch_home, f"[alerts]\n{table}\n"))
    assert done.returncode == 2 and said in done.stdout + done.stderr, done


def test_through_a_real_tmux(open_pane: Callable[..., Pane], scratch_home: Path) -> None:
    """Nothing of the sequences is left standing on the screen."""
    env = configured(scratch_home, "[alerts]\nby = ['bell', 'terminal']\n")
    pane = open_pane(**env)
    pane.run("alerts", "test")
    screen = pane.wait(lambda shown: "left with 0" in shown)
    assert "bell: told" in screen and "terminal: told" in screen and "]9;" not in screen
    assert pane.ask("#{window_bell_flag}") in ("0", "1")


# --- which pane tells, and when --------------------------------------------------------------------------------------


def watching(store: Store, bench: Bench, heard: list[str], wanted: Alerting = Alerting()) -> Watching:  # noqa: B008
    return Watching(store, bench.clock, lambda: wanted, lambda alert, _: heard.append(f"{alert.key} {alert.level}"))


async def test_of_many_panes_one_tells_and_none_after_a_restart(bench: Bench) -> None:
    await bench.poller.beat()
    row, heard = bench.poller.account_id, []
    state = bench.poller.state
    panes = [watching(Store.open(bench.store.path), bench, heard) for _ in range(4)]
    bench.stores += [pane._store for pane in panes]
    for pane in panes:
        pane.look(row, state)
        pane.look(row, state)
    assert len(heard) == len(set(heard)) == 1 and heard == ["seven_day_opus 90.0"], heard
    again = watching(bench.store, bench, heard)
    again.look(row, state)
    assert len(heard) == 1
    bench.clock.advance(hours=1)
    stale = watching(bench.store, bench, heard, Alerting(at=(1.0,)))
    stale.look(row, state)
    assert len(heard) == 1, "a reading of an hour ago is told nothing of"


async def test_it_is_quiet_in_quiet_hours_in_the_demo_and_where_nothing_is_wanted(bench: Bench) -> None:

    await bench.poller.beat()
    row, heard, state = bench.poller.account_id, [], bench.poller.state
    now = bench.clock.now().astimezone()
    quiet = Alerting(quiet=((now - timedelta(hours=1)).time(), (now + timedelta(hours=1)).time()))
    watching(bench.store, bench, heard, quiet).look(row, state)
    watching(bench.store, bench, heard, Alerting(by=())).look(row, state)
    watching(bench.store, bench, heard).look(row, state._replace(demo=True))
    watching(bench.store, bench, heard).look(None, state)
    assert heard == []
    watching(bench.store, bench, heard).look(row, state)
    assert heard, "what still holds afterwards is told then"


async def test_budgets_are_told_of_and_a_cache_is_not(bench: Bench) -> None:
    bench.server.scenario = "extra-usage-reached" if "extra-usage-reached" in _scenarios() else "max"
    await bench.poller.beat()
    state = bench.poller.state
    assert any(each.key == "extra_usage" and each.exact for each in standings(state, bench.clock.now()))
    reading = state.reading
    assert reading is not None

    windows = tuple(window.model_copy(update={"source": "cache"}) for window in reading.windows)
    cached = state._replace(reading=reading.model_copy(update={"windows": windows}))
    assert not any(each.exact for each in standings(cached, bench.clock.now()) if each.key != "extra_usage")


def _scenarios() -> set[str]:
    from claude_meter_tui.demo.server import SCENARIOS

    return set(SCENARIOS)


async def test_the_dashboard_tells_and_says_so(bench: Bench) -> None:
    await bench.poller.beat()
    told: list[str] = []

    def by(alert: Alert, account: Any, write: Callable[[str], None]) -> tuple[str, list[str]]:
        told.append(alert.key)
        write("\a")
        return texts.text(alert, NOON), ["The bell is broken."]

    def watch(tell: Any) -> Watching:
        return Watching(bench.store, bench.clock, Alerting, tell)

    async with shown(bench, (120, 36), watch=watch, tell=by) as pilot:
        await settle(pilot, lambda: bool(told) and "broken" in text(pilot))
        assert told == ["seven_day_opus"] and "7-day Opus is at" in text(pilot)
        await asyncio.sleep(0)
    assert re.search(r"seven_day_opus", run_script("alerts").stdout)


def test_the_helper_of_the_desktop_never_prints_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from claude_meter_tui.alerts import desktop

    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    assert desktop.notify("x") == "No notification service of the desktop answers."


SERVICE = """
import asyncio, sys
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, method
class Notifications(ServiceInterface):
    @method()
    def Notify(
        self, a: 's', old: 'u', icon: 's', title: 's', body: 's', actions: 'as', hints: 'a{sv}', wait: 'i'
    ) -> 'u':
        open(sys.argv[1], 'w').write(title + ': ' + body)
        return 1
    @method()
    def GetCapabilities(self) -> 'as':
        return ['body']
    @method()
    def GetServerInformation(self) -> 'ssss':
        return ['x', 'x', '1', '1.2']
async def main():
    bus = await MessageBus().connect()
    bus.export('/org/freedesktop/Notifications', Notifications('org.freedesktop.Notifications'))
    await bus.request_name('org.freedesktop.Notifications')
    print('ready', flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def test_a_real_notification_service_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from claude_meter_tui.alerts import desktop

    daemon = shutil.which("dbus-daemon")
    if daemon is None and os.environ.get("CI") != "true":
        pytest.skip("dbus-daemon is not installed")
    assert daemon
    bus = subprocess.Popen([daemon, "--session", "--print-address", "--nofork"], stdout=subprocess.PIPE, text=True)
    assert bus.stdout
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
    heard = tmp_path / "heard"
    try:
        assert desktop.notify("x") == "No notification service of the desktop answers."
        program = [sys.executable, "-W", "ignore", "-c", SERVICE, str(heard)]
        service = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
        assert service.stdout and service.stdout.readline() == "ready\n"
        assert desktop.notify("5-hour <b>is</b> full") == ""
        assert heard.read_text() == "claude-meter: 5-hour ‹b›is‹/b› full"
        service.kill()
        service.communicate()
    finally:
        bus.kill()
        bus.communicate()
