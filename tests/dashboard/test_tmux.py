"""The installed script in a real tmux pane: what a person sees, types, resizes and leaves."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import log_in, payload, run_script
from panes import Pane
from test_browser import firefox_store
from test_transcripts import row, tree_of

from claude_meter_tui.demo.server import DemoServer, Reply
from claude_meter_tui.system.clock import SystemClock

pytestmark = pytest.mark.xdist_group("terminal")


@pytest.fixture
def live(scratch_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    """Somebody logged in, and a server that sends the newest body shape."""
    log_in(scratch_home / "claude")
    with DemoServer(clock=SystemClock(), scenario="limits") as server:
        monkeypatch.setenv("CLAUDE_METER_API_URL", server.url)
        yield server


def assert_terminal_restored(pane: Pane) -> None:
    assert pane.ask("#{alternate_on} #{cursor_flag} #{mouse_any_flag}") == "0 1 0"
    pane.type("echo still $((40 + 2))", "Enter")
    pane.wait(lambda shown: "still 42" in shown)


def test_it_reads_shows_resizes_and_quits(live: DemoServer, open_pane: Callable[..., Pane]) -> None:
    pane = open_pane()
    pane.run()
    words = ("● live", "Fable", "demo@example.com", "Max 20x", "next stop", "5-hour", "7-day", "EUR", "asks again")
    shown = pane.wait(lambda shown: all(word in shown for word in (*words, "read just now")))
    assert live.asked("/api/oauth/usage") == 1 and "sk-ant" not in shown
    for width, height in ((80, 24), (40, 10), (24, 4), (200, 60), (120, 36)):
        pane.resize(width, height)
        framed = (width >= 60, height >= 30)  # the table, and the sentence
        pane.wait(
            lambda shown, width=width, framed=framed: (
                "Fable" in shown
                and ("─ windows ─" in shown, "─ next stop ─" in shown) == framed
                and all(len(line) <= width for line in shown.splitlines())
            )
        )
    pane.type("Enter")
    pane.wait(lambda shown: all(word in shown for word in ("even pace", "esc back", "key ")))  # whichever is selected
    pane.type("Escape")
    pane.wait(lambda shown: "next stop" in shown)
    pane.type("?")
    pane.wait(lambda shown: "How to read it" in shown)
    pane.type("Escape")
    pane.wait(lambda shown: "How to read it" not in shown)
    pane.type("r")
    pane.wait(lambda shown: "Asked just now" in shown)
    pane.type("q")
    pane.wait(lambda shown: "left with 0" in shown)
    assert_terminal_restored(pane)
    assert live.asked("/api/oauth/usage") == 1


def test_after_200_sizes_the_screen_is_as_it_was(live: DemoServer, open_pane: Callable[..., Pane]) -> None:
    chance = random.Random(1)
    pane = open_pane()
    pane.run()
    pane.wait(lambda shown: "● live" in shown and "asks again" in shown)
    # The forecast comes last, and may change the chart's scale.
    pane.wait(lambda shown: "holds" in shown or "may fill" in shown, 60)

    def begins(shown: str) -> list[list[str]]:
        return [line.split()[:2] for line in shown.splitlines()]  # without what counts down

    names: list[list[str]] = []
    while (seen := begins(pane.text())) != names:  # until all has come
        names = seen
        time.sleep(2.0)
    for _ in range(200):
        pane.resize(chance.randint(10, 250), chance.randint(3, 80))
    pane.resize(120, 36)
    pane.wait(lambda shown: begins(shown) == names)
    pane.type("q")
    pane.wait(lambda shown: "left with 0" in shown)
    assert_terminal_restored(pane)


@pytest.mark.parametrize("way", ["C-c", "SIGTERM", "SIGHUP"])
def test_every_end_restores_the_terminal_and_exits_0(
    live: DemoServer, open_pane: Callable[..., Pane], way: str
) -> None:
    pane = open_pane()
    pane.run()
    pane.wait(lambda shown: "● live" in shown)
    if way == "C-c":
        pane.type("C-c")
    else:
        os.kill(int(meter_in(pane).name), getattr(signal, way))
    pane.wait(lambda shown: "left with 0" in shown)
    assert_terminal_restored(pane)


def test_when_its_pane_is_closed_it_is_gone(live: DemoServer, open_pane: Callable[..., Pane]) -> None:
    pane = open_pane()
    pane.run()
    pane.wait(lambda shown: "● live" in shown)
    process = meter_in(pane)
    pane.close()
    end = time.monotonic() + 10
    while process.exists():
        assert time.monotonic() < end, "it runs on without a terminal"
        time.sleep(0.1)


def meter_in(pane: Pane) -> Path:
    """The process the pane's shell runs."""
    shell = int(pane.ask("#{pane_pid}"))
    return next(path for path in Path("/proc").iterdir() if path.name.isdigit() and parent(path) == shell)


def parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return -1


def test_the_stored_reading_is_there_before_any_answer(live: DemoServer, open_pane: Callable[..., Pane]) -> None:
    run_script("once")
    live.scenario = "hang"
    pane = open_pane()
    pane.run()
    pane.wait(lambda shown: "Fable" in shown)
    pane.type("q")
    pane.wait(lambda shown: "left with 0" in shown)


def test_a_new_reading_by_another_process_is_on_the_screen_within_seconds(
    live: DemoServer, open_pane: Callable[..., Pane], scratch_home: Path
) -> None:
    pane = open_pane()
    pane.run()
    pane.wait(lambda shown: "● live" in shown)
    csv = scratch_home / "one.csv"
    exported = run_script("history", "--format", "csv").stdout.splitlines()
    last = exported[-1].split(",")
    from datetime import UTC, datetime

    last[0], last[4] = datetime.now(UTC).isoformat(), "77.0"
    csv.write_text("\n".join([exported[0], ",".join(last)]))
    assert run_script("history", "import", str(csv)).returncode == 0
    pane.wait(lambda shown: "77 %" in shown, seconds=6)
    pane.type("q")
    pane.wait(lambda shown: "left with 0" in shown)


def test_a_turn_claude_code_appends_is_on_the_screen(
    live: DemoServer, open_pane: Callable[..., Pane], scratch_home: Path
) -> None:
    now = SystemClock().now()
    stamp = (now - timedelta(minutes=3)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    tree = tree_of(scratch_home / "claude", row("m1", timestamp=stamp))
    pane = open_pane()
    pane.run()
    pane.wait(lambda shown: "● live" in shown)
    pane.wait(lambda shown: "local beside server" in shown and "7d" in shown.partition("local beside")[2])
    stamp = (now - timedelta(seconds=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with (tree / "projects" / "p" / "s.jsonl").open("a") as out:
        out.write(json.dumps(row("m2", "r2", 77_777, timestamp=stamp), separators=(",", ":")) + "\n")
    # 2 s is the aim, and what the benchmark measures; a busy test machine gets more.
    pane.wait(lambda shown: " 77.8 k " in shown, seconds=15)
    pane.type("c")
    pane.wait(lambda shown: "local beside server" not in shown)


def test_first_use_shows_what_was_looked_for_and_a_login_is_noticed(
    live: DemoServer, open_pane: Callable[..., Pane], scratch_home: Path
) -> None:
    (scratch_home / "claude" / ".credentials.json").unlink()
    pane = open_pane()
    pane.run()
    pane.wait(lambda shown: "~/claude/.credentials.json: not there" in shown and "simulated account" in shown)
    log_in(scratch_home / "claude")
    pane.wait(lambda shown: "● live" in shown and "Fable" in shown, 60)
    pane.type("q")
    pane.wait(lambda shown: "left with 0" in shown)


def test_the_demo_from_the_setup_screen_and_from_the_flag(open_pane: Callable[..., Pane], scratch_home: Path) -> None:
    pane = open_pane(CLAUDE_METER_API_URL="http://127.0.0.1:9")
    pane.run()
    pane.wait(lambda shown: "Looked for" in shown)
    pane.type("d")
    shown = pane.wait(lambda shown: "DEMO" in shown and "● live" in shown)
    assert "demo@example.com" in shown and "7-day Opus" in shown
    pane.type("q")
    pane.wait(lambda shown: "left with 0" in shown)
    pane.run("--demo", "--theme", "light")
    pane.wait(lambda shown: "DEMO" in shown and "● live" in shown)
    pane.type("q")
    pane.wait(lambda shown: shown.count("left with 0") == 2)
    assert_terminal_restored(pane)
    assert (scratch_home / "state" / "demo" / "meter.sqlite3").exists()
    assert run_script("status").returncode == 4  # nothing simulated reached the real store


def test_a_browsers_session_from_the_setup_screen_is_used_and_remembered(
    open_pane: Callable[..., Pane], scratch_home: Path
) -> None:
    firefox_store(scratch_home, ("claude.ai", "sessionKey", "sk-ant-sid01-dummy"))
    with DemoServer(clock=SystemClock()) as server:
        pane = open_pane(CLAUDE_METER_WEB_URL=server.url)
        pane.run()
        pane.wait(lambda shown: "Use the claude.ai session of a browser" in shown)
        pane.type("b")
        pane.wait(lambda shown: "● live" in shown and "via the browser" in shown and "demo@example.com" in shown)
        pane.type("q")
        pane.wait(lambda shown: "left with 0" in shown)
        pane.type("clear", "Enter")
        pane.run()
        pane.wait(lambda shown: "via the browser" in shown)
        assert server.asked("/api/organizations") == 1
        shutil.rmtree(scratch_home / ".mozilla")
        pane.type("q")
    done = run_script("doctor", env={"CLAUDE_METER_WEB_URL": server.url})
    assert "no browser was found here" in done.stdout and done.returncode == 3


def test_without_colour_no_colour_is_sent(live: DemoServer, open_pane: Callable[..., Pane]) -> None:
    live.replies["/api/oauth/usage"] = Reply.json(payload("max-named-windows.json"))
    pane = open_pane(NO_COLOR="1")
    pane.run()
    pane.wait(lambda shown: "● live" in shown)
    codes = {code for part in pane.text("-e").split("\x1b[")[1:] for code in part.partition("m")[0].split(";")}
    assert codes <= {"", "0", "1", "2", "3", "4", "7", "22", "23", "24", "27", "39", "49"}, codes


def test_sixteen_colours_and_ascii(live: DemoServer, open_pane: Callable[..., Pane]) -> None:
    pane = open_pane(COLORTERM="")
    pane.run("--ascii", "--theme", "dark", term="xterm-16color")
    shown = pane.wait(lambda shown: "* live" in shown and "Fable" in shown)
    assert shown.isascii()
    codes = {code for part in pane.text("-e").split("\x1b[")[1:] for code in part.partition("m")[0].split(";")}
    assert "38" not in codes and "48" not in codes


def test_a_name_that_hangs_in_its_look_up_does_not_hold_the_terminal(
    scratch_home: Path, open_pane: Callable[..., Pane]
) -> None:
    log_in(scratch_home / "claude")
    hanging = scratch_home / "hanging.py"
    hanging.write_text(
        "import socket, sys, time\n"
        "socket.getaddrinfo = lambda *_, **__: time.sleep(60)\n"
        "from claude_meter_tui.__main__ import main\n"
        "sys.exit(main())\n"
    )
    pane = open_pane(CLAUDE_METER_API_URL="https://slow.invalid")
    pane.type(f"{sys.executable} {hanging}; echo left with $?", "Enter")
    pane.wait(lambda shown: "asking now" in shown)
    time.sleep(0.5)
    pane.type("q")
    pane.wait(lambda shown: "left with 0" in shown, seconds=5)
    assert_terminal_restored(pane)


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--theme", "terminal"], "cannot be used"), (["--demo"], "cannot be used")]
)
def test_a_store_that_cannot_be_made_is_one_line(
    open_pane: Callable[..., Pane], scratch_home: Path, arguments: list[str], words: str
) -> None:
    (scratch_home / "file").write_text("")
    pane = open_pane(CLAUDE_METER_STATE_DIR=str(scratch_home / "file" / "state"))
    pane.run(*arguments)
    shown = pane.wait(lambda shown: "left with 4" in shown and words in shown)
    assert "Traceback" not in shown
