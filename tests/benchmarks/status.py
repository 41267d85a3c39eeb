"""`claude-meter-tui status` and `statusline` beside `python -c "import sqlite3, json"`. Bound: 1.5 ×."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from common import PYTHON, SCRIPT, eight_windows, median, run_seconds, scratch_env, with_stored_reading

from claude_meter_tui.demo.server import DemoServer


def said(number: int) -> dict[str, object]:
    """What Claude Code pipes in after the n-th answer, each with other figures: every run stores one."""
    resets_at = int(time.time()) + 7200
    limits = {"five_hour": {"used_percentage": number, "resets_at": resets_at}}
    return {"session_id": "s", "cost": {"total_cost_usd": number}, "rate_limits": limits}


def main(rounds: int = 60) -> None:
    with tempfile.TemporaryDirectory() as folder, DemoServer() as server:
        server.replies["/api/oauth/usage"] = eight_windows(timedelta(hours=2))
        env = scratch_env(Path(folder), server.url)
        with_stored_reading(server, env)
        commands = {
            "python -c 'import sqlite3, json'": [PYTHON, "-c", "import sqlite3, json"],
            "status": [SCRIPT, "status"],
            "status --format json": [SCRIPT, "status", "--format", "json"],
            "statusline": [SCRIPT, "statusline"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(rounds):  # interleaved: a noisy moment hits all alike
            for name, command in commands.items():
                piped = json.dumps(said(number)).encode() if name == "statusline" else b""
                times[name].append(run_seconds(command, env, piped))
    base = median(next(iter(times.values())))
    for name, values in times.items():
        print(f"{name:34} median {median(values) * 1000:6.1f} ms   {median(values) / base:.2f} ×")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
