"""The terminal's own troubles: output that nobody takes, a locale without UTF-8, a port just given up, a hasty key."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import NOON, Bench, log_in, run_script
from panes import SCRIPT
from screens import settle, shown, text
from test_bridge import post

from claude_meter_tui.demo.server import DemoServer
from claude_meter_tui.settings import settings
from claude_meter_tui.sources.bridge import Bridge
from claude_meter_tui.system.clock import SystemClock

pytestmark = pytest.mark.xdist_group("terminal")


@pytest.fixture
def terminal(scratch_home: Path) -> Iterator[tuple[int, int]]:
    """The dashboard on a terminal of its own: (process, the terminal's other end)."""
    log_in(scratch_home / "claude")
    with DemoServer(clock=SystemClock()) as server:
        process, master = pty.fork()
        if process == 0:
            os.environ.update(CLAUDE_METER_API_URL=server.url, TERM="xterm-256color", LANG="C.UTF-8")
            os.execv(SCRIPT, [str(SCRIPT)])
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        yield process, master
        try:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(master)


def read_until(master: int, word: bytes, seconds: float = 20) -> None:
    said, end = b"", time.monotonic() + seconds
    while word not in said:
        assert time.monotonic() < end, said[-500:]
        if select.select([master], [], [], 0.2)[0]:
            said += os.read(master, 1 << 16)


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_though_nobody_takes_its_output(terminal: tuple[int, int], way: signal.Signals) -> None:
    process, master = terminal
    read_until(master, b"live")
    for _ in range(150):  # each paints the whole screen anew, and nobody reads it
        if not select.select([], [master], [], 0.1)[1]:
            break
        os.write(master, b"t")
        time.sleep(0.02)
    time.sleep(1.0)
    os.kill(process, way)
    end = time.monotonic() + 10
    while True:
        gone, status = os.waitpid(process, os.WNOHANG)
        if gone:
            break
        assert time.monotonic() < end, "it is still there"
        time.sleep(0.05)
    assert os.waitstatus_to_exitcode(status) == 0
    modes = termios.tcgetattr(master)
    assert modes[3] & termios.ECHO and modes[3] & termios.ICANON


def test_stopped_and_continued_it_goes_on(terminal: tuple[int, int]) -> None:
    process, master = terminal
    read_until(master, b"live")
    threads = Path(f"/proc/{process}/task")
    before = len(list(threads.iterdir()))
    for _ in range(3):
        os.kill(process, signal.SIGSTOP)
        assert os.WIFSTOPPED(os.waitpid(process, os.WUNTRACED)[1])
        time.sleep(1.0)
        os.kill(process, signal.SIGCONT)
        read_until(master, b"live")
    assert len(list(threads.iterdir())) <= before + 2, "nothing that reads keys was started beside another"
    end = time.monotonic() + 20
    while not select.select([master], [], [], 0)[0] or b"closes" not in os.read(master, 1 << 16):
        assert time.monotonic() < end, "it takes no keys"
        os.write(master, b"?")  # one that comes while the terminal is set up may be lost
        time.sleep(0.5)
    end = time.monotonic() + 10
    while not (gone := os.waitpid(process, os.WNOHANG))[0]:
        assert time.monotonic() < end, "it is still there"
        with suppress(OSError):  # a key that comes while the terminal is set up again may be lost
            os.write(master, b"q")
        if select.select([master], [], [], 0.05)[0]:
            with suppress(OSError):  # it has ended just now
                os.read(master, 1 << 16)
    assert os.waitstatus_to_exitcode(gone[1]) == 0
    modes = termios.tcgetattr(master)
    assert modes[3] & termios.ECHO and modes[3] & termios.ICANON


@pytest.mark.parametrize(
    ("env", "ascii_only"),
    [
        ({"LANG": "C"}, True),
        ({"LC_ALL": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),  # as Python itself sets it (PEP 538)
        ({"LANG": "POSIX", "LC_CTYPE": "de_DE.UTF-8"}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "C", "LC_ALL": "en_US.utf8"}, False),
        ({}, False),
    ],
)
def test_the_c_locale_is_drawn_in_ascii(env: dict[str, str], ascii_only: bool) -> None:
    assert settings.load({"HOME": "/nowhere", **env}).ascii is ascii_only


def test_after_a_post_the_bridge_can_listen_at_once_again() -> None:
    first = Bridge(lambda: NOON, port=0)
    first.start()
    assert post(first).status_code == 200
    first.stop()
    second = Bridge(lambda: NOON, port=first.port)
    second.start()
    assert post(second).status_code == 200
    second.stop()


async def test_a_second_key_does_not_cancel_the_request_in_flight(bench: Bench) -> None:
    await bench.poller.beat()
    bench.clock.advance(minutes=5)
    bench.server.scenario = "hang"
    async with shown(bench, (100, 30)) as pilot:
        await pilot.press("r")
        await pilot.pause(0.3)
        await pilot.press("r")
        await pilot.pause(0.3)
        assert "It is being asked already." in text(pilot) and bench.poller.state.asking
        bench.server._released.set()
        await settle(pilot, lambda: bench.poller.state.reading is not None and not bench.poller.state.asking)
    assert bench.asked == 2


def test_a_folder_that_may_not_be_entered_is_a_sentence(scratch_home: Path) -> None:
    if os.geteuid() == 0 and not Path("/usr/bin/setpriv").exists():
        pytest.skip("root may enter every folder")
    folder = scratch_home / "claude"
    folder.mkdir(mode=0o000)
    done = run_script("doctor")
    assert "Traceback" not in done.stderr and "should not have" not in done.stderr and done.stdout
    folder.chmod(0o700)
