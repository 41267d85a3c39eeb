"""How long this machine has been up, counted through sleep: a clock nobody can set, to notice that the other one was.

Light: `status` needs it to tell an old clock skew from one that still holds.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta

Uptime = tuple[str, int]
"""(which start of the machine, microseconds since then). Only readings of one and the same start can be compared."""


def system_uptime() -> Uptime:
    """The machine's. Where the system does not name its start, of this process alone.

    Linux tells both in files (proc(5)): `boot_id` is another at every boot, `/proc/uptime` goes on while it sleeps.
    """
    try:
        boot = boot_id()
        with open("/proc/uptime", encoding="ascii") as file:  # noqa: PTH123
            up = int(float(file.read(64).split()[0]) * 1_000_000)
    except (OSError, ValueError, IndexError):
        boot = ""
    return (boot, up) if boot else (f"process {os.getpid()}", time.monotonic_ns() // 1000)


def boot_id() -> str:
    """Which start of the machine this is; empty where the system does not name it."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123
            return file.read(64).strip()
    except (OSError, ValueError):
        return ""


def awake() -> int:
    """Microseconds of a clock that stands still while the machine sleeps, as `uptime` does not (Linux, macOS)."""
    return time.monotonic_ns() // 1000


def age_of_this_process() -> timedelta:
    """How long ago this process was started; where the system does not tell, the time it has worked, at the least."""
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            started = int(file.read(4096).rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return timedelta(seconds=max(0.0, system_uptime()[1] / 1_000_000 - started))
    except (OSError, ValueError, IndexError, AttributeError):
        return timedelta(seconds=time.process_time())
