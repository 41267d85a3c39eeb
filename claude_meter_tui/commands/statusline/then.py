"""The other command of `statusline --then`: fed what Claude Code sent, its output passed on, and never waited for long.

It gets a process group of its own, so that whatever it has started ends with it. What it prints is bounded, ends with a
line break, and stands before our own line.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing import IO

SECONDS = 0.9
_MOST_OUTPUT = 64 << 10


class Other:
    """Runs from the moment it is made; what it prints is gathered meanwhile.

    Args:
        command: a shell's command line, the user's own.
        data: its standard input.
    """

    def __init__(self, command: str, data: bytes) -> None:
        self._end = time.monotonic() + SECONDS
        self._said = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError, ValueError):
            self._process = subprocess.Popen(  # noqa: S602 - the user's own, as given
                command,
                shell=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=os.name == "posix",
            )
        if self._process is not None:
            # Threads, since it may write before it reads, or never do either; they die with this process.
            self._writer = threading.Thread(target=_feed, args=(self._process.stdin, data), daemon=True)
            self._reader = threading.Thread(target=self._gather, args=(self._process.stdout,), daemon=True)
            self._writer.start()
            self._reader.start()

    def _gather(self, source: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while len(self._said) < _MOST_OUTPUT and (part := os.read(source.fileno(), 1 << 14)):
                self._said += part

    def finish(self, out: TextIO) -> None:
        """Wait for it, as long as is bearable, end it, and print what it has said."""
        if self._process is None:
            return
        self._reader.join(max(0.0, self._end - time.monotonic()))
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.0 if self._reader.is_alive() else max(0.0, min(0.2, self._end - time.monotonic())))
        self._kill()
        said = bytes(self._said[:_MOST_OUTPUT])
        if said:
            with contextlib.suppress(OSError, ValueError):
                out.flush()
                out.buffer.write(said if said.endswith(b"\n") else said + b"\n")
                out.flush()

    def _kill(self) -> None:
        """End it and everything it started, whether or not it has ended itself."""
        assert self._process is not None  # noqa: S101 - asked before
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not self._reader.is_alive() and not self._writer.is_alive():
                with contextlib.suppress(OSError):
                    pipe.close()


def _feed(to: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):
        to.write(data)
        to.close()
