"""Which process did something, and whether it is still there: a request whose sender has died gets no answer."""

from __future__ import annotations

import os

from claude_meter_tui.system.uptime import boot_id


def mark_of_this_process() -> str:
    """`PID BOOT START`: a number that is given out again after a while, and what tells the next one from this."""
    return f"{os.getpid()} {boot_id()} {_started(os.getpid())}"


def is_gone(mark: str) -> bool:
    """Whether the process of a mark has ended for certain.

    False where that cannot be told: another start of the machine (or another machine that shares the folder), a system
    that does not say.
    """
    number, _, rest = mark.partition(" ")
    boot, _, started = rest.partition(" ")
    if os.name != "posix" or not number.isdecimal() or boot != boot_id():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return _started(int(number)) != started


def _started(number: int) -> str:
    """When it was started, in clock ticks since the machine was (proc(5)); `-` where that is not told."""
    try:
        with open(f"/proc/{number}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            fields = file.read(4096).rpartition(")")[2].split()
        return "-" if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        return "-"
