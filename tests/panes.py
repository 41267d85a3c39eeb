"""A real tmux pane to run the installed script in."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

TMUX = shutil.which("tmux")
SCRIPT = Path(sysconfig.get_path("scripts")) / "claude-meter-tui"


# A server that is just being ended must not be the next test's.
_NUMBERS = itertools.count()


class Pane:
    """A shell in a tmux pane, in the test's scratch environment."""

    def __init__(self, name: str, env: dict[str, str]) -> None:
        assert TMUX, "tmux is needed"
        self._base = [TMUX, "-L", f"meter-test-{os.getpid()}-{next(_NUMBERS)}-{name}", "-f", "/dev/null"]
        kept = {key: value for key, value in os.environ.items() if key not in ("TMUX", "TMUX_PANE", "COLUMNS", "LINES")}
        whole = {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", "PS1": "$ ", "ENV": "", **env}
        self._tmux("new-session", "-d", "-x", "120", "-y", "36", "sh", env=whole)

    def _tmux(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [*self._base, *arguments], env=env, check=True, capture_output=True, text=True, timeout=30
        )
        return done.stdout

    def type(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def text(self, *flags: str) -> str:
        joined = self._tmux("capture-pane", "-p", "-J", *flags)
        return "\n".join(line.rstrip() for line in joined.splitlines())

    def ask(self, what: str) -> str:
        return self._tmux("display-message", "-p", what).strip()

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def wait(self, until: Callable[[str], bool], seconds: float = 20) -> str:
        end = time.monotonic() + seconds
        while not until(shown := self.text()):
            assert time.monotonic() < end, shown
            time.sleep(0.05)
        return shown

    def run(self, *arguments: str, term: str = "xterm-256color") -> None:
        # tmux sets TERM in its panes; the one a user's terminal has is set for the command.
        self.type(f"TERM={term} {SCRIPT} {' '.join(arguments)}; echo left with $?", "Enter")

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):  # it was closed already
            self._tmux("kill-server")
