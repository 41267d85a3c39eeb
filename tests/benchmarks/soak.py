"""The dashboard in tmux while a turn is written every second: does it cost the same after a day as at the start?

    python tests/benchmarks/soak.py [minutes] [turns already written]

The comparison is open. Every half a minute: share of a core, memory, open files, bytes sent to the terminal; at the end
the slope of each over an hour, and the means of the first and last quarter. With turns already written (a turn a second
up to now), the first minutes are what a dashboard costs that has been open that long.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from common import SCRIPT, Pane, cpu_seconds, eight_windows, memory_mb, scratch_env

from claude_meter_tui.demo.server import DemoServer
from claude_meter_tui.store.store import Store

EVERY = 30.0


def row(number: int, at: datetime, chance: random.Random) -> str:
    usage = {
        "input_tokens": chance.randrange(40),
        "output_tokens": chance.randrange(2000),
        "cache_creation_input_tokens": chance.randrange(9000),
        "cache_read_input_tokens": chance.randrange(90_000),
    }
    message = {"id": f"msg_{number}", "model": chance.choice(("claude-opus-4-8", "claude-sonnet-5")), "usage": usage}
    written = {
        "type": "assistant",
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "sessionId": "s",
        "requestId": f"req_{number}",
        "message": message,
    }
    return json.dumps(written) + "\n"


def main(minutes: float = 10.0, before: int = 0) -> None:
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder, DemoServer() as server:
        server.replies["/api/oauth/usage"] = eight_windows(timedelta(minutes=40))
        env = scratch_env(Path(folder), server.url)
        project = Path(env["CLAUDE_CONFIG_DIR"]) / "projects" / "-home-u-p"
        project.mkdir(parents=True)
        file, begun = project / "s.jsonl", datetime.now(UTC)
        file.write_text(
            "".join(row(number, begun - timedelta(seconds=before - number), chance) for number in range(before))
        )
        Path(env["CLAUDE_METER_STATE_DIR"]).mkdir()
        with Store.open(f"{env['CLAUDE_METER_STATE_DIR']}/meter.sqlite3") as store:
            store.put_note("compare", "1")
        pane = Pane("soak", [SCRIPT], env)
        stopped = threading.Event()

        def write() -> None:
            number = before
            while not stopped.wait(1.0):
                with file.open("a") as out:
                    out.write(row(number, datetime.now(UTC), chance))
                number += 1

        try:
            pane.wait_for("local beside server", 60)
            threading.Thread(target=write, daemon=True).start()
            time.sleep(30)  # the first reading, the first analysis
            shown = pane.record(Path(folder) / "out")
            pid = pane.pid()
            samples = []
            used, sent, end = cpu_seconds(pid), 0, time.monotonic() + minutes * 60
            while time.monotonic() < end:
                began = time.monotonic()
                time.sleep(EVERY)
                span, now, written = time.monotonic() - began, cpu_seconds(pid), shown.stat().st_size
                files = len(os.listdir(f"/proc/{pid}/fd"))
                samples.append(((now - used) / span * 100, memory_mb(pid), files, (written - sent) / span * 60))
                used, sent = now, written
                print(
                    "{:5.2f} % of a core  {:5.1f} MB  {:3d} files  {:7.0f} bytes a minute".format(*samples[-1]),
                    flush=True,
                )
        finally:
            stopped.set()
            pane.close()
    hours = np.arange(len(samples)) * EVERY / 3600
    part = max(1, len(samples) // 4)
    for name, values in zip(("% of a core", "MB", "files", "bytes a minute"), np.array(samples).T, strict=True):
        slope = np.polyfit(hours, values, 1)[0] if len(samples) > 2 else float("nan")
        print(f"{name}: {values[:part].mean():.2f} first, {values[-part:].mean():.2f} last, {slope:+.2f} an hour")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]), *map(int, sys.argv[2:3]))
