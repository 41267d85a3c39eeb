"""A user's own program, fed with an alert as JSON: no shell, bounded in time, and nothing it started stays behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from claude_meter_tui.domain.foreign_text import shown, storable, to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 10.0


def run(command: Sequence[str], document: dict[str, object], seconds: float = SECONDS) -> str:
    """Run it to its end; gives why that did not work, in a sentence, empty where it did.

    Args:
        command: the program and its arguments, as they are: nothing in them is expanded.
        document: what it gets on standard input, as one line.
        seconds: how long it may take; then it is ended with all it has started.
    """
    if not command:
        return "There is no `command` in [alerts]."
    name = shown(storable(command[0]))[:80]
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own program
            [os.path.expanduser(command[0]), *command[1:]],  # noqa: PTH111 - a program may be named without a folder
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",
        )
    except (OSError, ValueError) as error:
        return f"{name} cannot be run ({getattr(error, 'strerror', None) or 'not a command'})."
    try:
        process.communicate(to_json(document).encode() + b"\n", timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"{name} took longer than {seconds:.0f} s and was ended."
    except OSError:
        pass  # it has not read what it got: its matter
    finally:
        _end(process)
    return "" if process.returncode == 0 else f"{name} ended with code {process.returncode}."


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and everything it started, whether or not it has ended itself."""
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1.0)
