"""What the benchmarks share: a scratch home, a server with eight windows, tmux, and what a process has used."""

from __future__ import annotations

import json
import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from claude_meter_tui.demo.server import DemoServer, Reply

SCRIPT = str(Path(sysconfig.get_path("scripts")) / "claude-meter-tui")
EMPTY_APP = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("READY")
Empty().run()
"""


def eight_windows(soonest: timedelta) -> Reply:
    """A body with eight open windows, the first of them clearing `soonest` from now."""
    now = datetime.now(UTC)
    keys = ["five_hour", "seven_day", "seven_day_opus", "seven_day_sonnet", "seven_day_oauth_apps"]
    keys += ["seven_day_cowork", "seven_day_omelette", "seven_day_sonnet_max"]
    resets = [soonest, *(timedelta(days=3, hours=number, minutes=7 * number) for number in range(1, 8))]
    body = {
        key: {"utilization": 12.0 * number % 97, "resets_at": (now + reset).isoformat()}
        for number, (key, reset) in enumerate(zip(keys, resets, strict=True), start=1)
    }
    return Reply.json(body)


def scratch_env(folder: Path, url: str) -> dict[str, str]:
    """An environment that knows no home but `folder` and no host but loopback, with a dummy login."""
    config = folder / "claude"
    config.mkdir(parents=True, exist_ok=True)
    login = {"claudeAiOauth": {"accessToken": "sk-ant-oat01-dummy", "expiresAt": None, "scopes": ["user:profile"]}}
    (config / ".credentials.json").write_text(json.dumps(login))
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CLAUDE_CONFIG_DIR": str(config),
        "CLAUDE_METER_STATE_DIR": str(folder / "state"),
        "CLAUDE_METER_API_URL": url,
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


def with_stored_reading(server: DemoServer, env: dict[str, str]) -> None:
    """Take one reading, so that there is something to show."""
    subprocess.run([SCRIPT, "once"], env=env, check=True, stdout=subprocess.DEVNULL)
    assert server.asked("/api/oauth/usage") == 1


class Pane:
    """A program in a tmux pane of its own server."""

    def __init__(self, name: str, command: list[str], env: dict[str, str], size: tuple[int, int] = (120, 40)) -> None:
        tmux = shutil.which("tmux")
        assert tmux, "tmux is needed"
        self._tmux = [tmux, "-L", f"bench-{os.getpid()}-{name}", "-f", "/dev/null"]
        self._run("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), *command, env=env)

    def _run(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        return subprocess.run([*self._tmux, *arguments], env=env, check=True, capture_output=True, text=True).stdout

    def pid(self) -> int:
        return int(self._run("display-message", "-p", "#{pane_pid}"))

    def text(self) -> str:
        return self._run("capture-pane", "-p")

    def wait_for(self, text: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while text not in self.text():
            assert time.monotonic() < end, self.text()
            time.sleep(0.1)

    def record(self, file: Path) -> Path:
        """Write what the program sends to the terminal from now on into a file."""
        file.touch()
        self._run("pipe-pane", "-o", f"cat >> {shlex.quote(str(file))}")
        return file

    def close(self) -> None:
        self._run("kill-server")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and the children it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Resident memory."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def seconds_to(marker: bytes, command: list[str], env: dict[str, str]) -> float:
    """From starting a program on a 120 × 40 pseudo-terminal to the first byte of `marker` on it."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, env)
    subprocess.run(["stty", "rows", "40", "cols", "120"], stdin=terminal, check=True)
    seen = b""
    while marker not in seen:
        assert select.select([terminal], [], [], 30)[0], seen[-500:]
        seen = seen[-4096:] + os.read(terminal, 65536)
    taken = time.perf_counter() - began
    os.kill(pid, 15)
    while True:
        try:
            if not os.read(terminal, 65536):
                break
        except OSError:
            break
    os.waitpid(pid, 0)
    os.close(terminal)
    return taken


def run_seconds(command: list[str], env: dict[str, str], piped: bytes = b"") -> float:
    """Wall time of a whole command that is piped something."""
    began = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, input=piped)
    return time.perf_counter() - began


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


PYTHON = sys.executable
