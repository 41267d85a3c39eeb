"""`local` beside npm's ccusage (native binary) over a generated tree: cold, warm, and after a turn was appended.

    python tests/benchmarks/transcripts.py [megabytes] [rounds]

Bounds (DESIGN, 2 cores, 1 GB): cold 0.5 × wall and 0.45 × CPU, warm 0.06 ×.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from common import SCRIPT, median

sys.path.insert(0, str(Path(__file__).parent.parent))
from trees import ccusage_script


def write_tree(root: Path, megabytes: int, seed: int = 5) -> int:
    """Sessions with long tool results between short answers; gives how many files there are."""
    chance = random.Random(seed)
    fillers = ["".join(chance.choice("abcdefghij klmnop") for _ in range(size)) for size in (300, 2000, 9000, 30_000)]
    written = files = 0
    while written < megabytes * 1_000_000:
        file = root / "projects" / f"p{files % 20}" / f"s{files}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        moment = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=files % 400)
        lines = []
        for _ in range(chance.randint(50, 250)):
            moment += timedelta(seconds=chance.randint(5, 90))
            lines += exchange(chance, f"s{files}", moment, fillers)
        text = "\n".join(lines) + "\n"
        file.write_text(text)
        written, files = written + len(text), files + 1
    return files


def exchange(chance: random.Random, session: str, moment: datetime, fillers: list[str]) -> list[str]:
    """A tool's result, and the answer in one to three rows."""
    stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    base = {"sessionId": session, "timestamp": stamp, "cwd": "/home/dev/p", "version": "2.1.197"}
    result = {"type": "user", **base, "message": {"role": "user", "content": chance.choice(fillers)}}
    written = chance.randint(0, 4000)
    usage = {
        "input_tokens": chance.randint(1, 9),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": chance.randint(0, 99_999),
        "output_tokens": chance.randint(1, 2000),
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
    }
    content = [{"type": "text", "text": chance.choice(fillers)[:900]}]
    message = {"id": f"msg_{chance.getrandbits(64):x}", "model": "claude-opus-4-5-20251101", "role": "assistant"}
    answer = {
        "type": "assistant",
        **base,
        "requestId": f"req_{chance.getrandbits(64):x}",
        "isSidechain": False,
        "message": {**message, "content": content, "usage": usage},
    }
    line = json.dumps(answer, separators=(",", ":"))
    return [json.dumps(result, separators=(",", ":")), *[line] * chance.randint(1, 3)]


def measured(command: list[str], env: dict[str, str]) -> tuple[float, float, int]:
    """(wall seconds, CPU seconds, total tokens) of a command that prints JSON."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answer = json.loads(done.stdout)
    return wall, cpu, answer["total_tokens"] if "total_tokens" in answer else answer["totals"]["totalTokens"]


def main(megabytes: int = 300, rounds: int = 5) -> None:
    launcher = Path(ccusage_script()).resolve()
    native = next(launcher.parent.parent.parent.glob("@ccusage/ccusage-*/bin/ccusage"), launcher)
    with tempfile.TemporaryDirectory() as folder:
        root, state = Path(folder) / "claude", Path(folder) / "state"
        files = write_tree(root, megabytes)
        env = {"PATH": os.environ["PATH"], "HOME": folder, "CLAUDE_CONFIG_DIR": str(root), "TZ": "UTC"}
        env["CLAUDE_METER_STATE_DIR"] = str(state)
        ours, theirs = [SCRIPT, "local", "--json"], [str(native), "claude", "daily", "--json", "--offline"]
        measured(theirs, env)  # the tree into the page cache
        runs: dict[str, list[tuple[float, float, int]]] = {"ccusage": [], "cold": [], "warm": [], "appended": []}
        for number in range(rounds):
            shutil.rmtree(state, ignore_errors=True)
            runs["cold"].append(measured(ours, env))
            runs["warm"].append(measured(ours, env))
            runs["ccusage"].append(measured(theirs, env))
            assert len({run[-1][2] for name, run in runs.items() if name != "appended" and run}) == 1, (
                "not the same sum"
            )
            with next(root.rglob("*.jsonl")).open("a") as out:
                out.write("\n".join(exchange(random.Random(number), "s0", datetime.now(UTC), ["x"])) + "\n")
            runs["appended"].append(measured(ours, env))
        wall, cpu = (median([run[part] for run in runs["ccusage"]]) for part in (0, 1))
        print(f"{megabytes} MB in {files} files, {os.cpu_count()} cores")
        for name, each in runs.items():
            own_wall, own_cpu = (median([run[part] for run in each]) for part in (0, 1))
            print(
                f"{name:9} {own_wall * 1000:7.0f} ms wall {own_wall / wall:5.2f} ×"
                f"   {own_cpu * 1000:7.0f} ms CPU {own_cpu / cpu:5.2f} ×"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
