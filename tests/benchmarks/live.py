"""A turn appended by Claude Code until it is on a dashboard in tmux, what that costs, and what watching costs.

    python tests/benchmarks/live.py [files] [turns] [idle seconds]

Bounds (DESIGN): seen within 2 s at 50 ms of CPU with 10 000 files; left open 0.4 % of a core and 70 MB.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from common import SCRIPT, Pane, cpu_seconds, eight_windows, median, memory_mb, scratch_env
from transcripts import Session, write_tree

from claude_meter_tui.demo.server import DemoServer
from claude_meter_tui.store.store import Store


def main(files: int = 10_000, turns: int = 15, idle: int = 120) -> None:
    with tempfile.TemporaryDirectory() as folder, DemoServer() as server:
        server.replies["/api/oauth/usage"] = eight_windows(timedelta(hours=2, minutes=31))
        env = scratch_env(Path(folder), server.url)
        root = Path(env["CLAUDE_CONFIG_DIR"])
        write_tree(root, files // 50, files)
        Path(env["CLAUDE_METER_STATE_DIR"]).mkdir()
        store_file = f"{env['CLAUDE_METER_STATE_DIR']}/meter.sqlite3"
        with Store.open(store_file) as store:
            store.put_note("compare", "1")
        pane = Pane("live", [SCRIPT], env)
        try:
            began = time.perf_counter()
            pane.wait_for("local beside server", 60)
            while current(store_file) == 0:
                time.sleep(0.05)
            print(f"{files} files, a first reading: {time.perf_counter() - began:.1f} s")
            time.sleep(5)
            taken, used = [], []
            file = next(root.rglob("*.jsonl"))
            for number in range(turns):
                session = Session(random.Random(1000 + number), datetime.now(UTC) - timedelta(seconds=90))
                before, change, began = cpu_seconds(pane.pid()), current(store_file), time.perf_counter()
                with file.open("a") as out:
                    out.write(session.exchange())
                text = pane.text()
                while pane.text() == text or current(store_file) == change:
                    assert time.perf_counter() - began < 30, pane.text()
                    time.sleep(0.02)
                taken.append(time.perf_counter() - began)
                time.sleep(1.5)
                used.append(cpu_seconds(pane.pid()) - before)
            print(f"a turn appended: seen after {median(taken):.2f} s (at most {max(taken):.2f})")
            print(f"  CPU of the dashboard from the write until all is still: {median(used) * 1000:.0f} ms")
            before = cpu_seconds(pane.pid())
            time.sleep(idle)
            share = (cpu_seconds(pane.pid()) - before) / idle * 100
            print(f"left open, comparison shown: {share:.2f} % of a core, {memory_mb(pane.pid()):.1f} MB")
        finally:
            pane.close()


def current(store_file: str) -> int:
    """The change the sums on the screen include."""
    connection = sqlite3.connect(store_file)
    row = connection.execute("SELECT upto FROM scopes").fetchone()
    connection.close()
    return row[0] or 0 if row else 0


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
