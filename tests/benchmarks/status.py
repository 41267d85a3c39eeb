"""`claude-meter-tui status` beside `python -c "import sqlite3, json"`. Bound: 1.5 ×."""

from __future__ import annotations

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from common import PYTHON, SCRIPT, eight_windows, median, run_seconds, scratch_env, with_stored_reading

from claude_meter_tui.demo.server import DemoServer


def main(rounds: int = 60) -> None:
    with tempfile.TemporaryDirectory() as folder, DemoServer() as server:
        server.replies["/api/oauth/usage"] = eight_windows(timedelta(hours=2))
        env = scratch_env(Path(folder), server.url)
        with_stored_reading(server, env)
        commands = {
            "python -c 'import sqlite3, json'": [PYTHON, "-c", "import sqlite3, json"],
            "status": [SCRIPT, "status"],
            "status --format json": [SCRIPT, "status", "--format", "json"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):  # interleaved: a noisy moment hits all alike
            for name, command in commands.items():
                times[name].append(run_seconds(command, env))
    base = median(next(iter(times.values())))
    for name, values in times.items():
        print(f"{name:34} median {median(values) * 1000:6.1f} ms   {median(values) / base:.2f} ×")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
