"""`local` beside npm's ccusage (native binary) over a generated tree: cold, warm, one exchange appended, memory.

    python tests/benchmarks/transcripts.py [megabytes] [rounds] [files]

Rows are shaped as Claude Code writes them. With `files` the same bytes are spread over that many files. Bounds (DESIGN,
2 cores, 1 GB): cold 0.5 × wall and 0.45 × CPU, 100 MB a process; warm 0.06 ×, with 10 000 files 0.16 ×, the stored
figure itself 0.03 ×.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from common import PYTHON, SCRIPT, median

sys.path.insert(0, str(Path(__file__).parent.parent))
from trees import ccusage_script

_TEXT = "".join(random.Random(1).choices('abcdefghij klmnop"\n{}:,', k=60_000))
_MODEL = "claude-opus-4-5-20251101"
FIRST_FIGURE = """
import sys, time
from claude_meter_tui.store.store import Store
from claude_meter_tui.turns.transcripts.ledger import Ledger
began = time.perf_counter()
with Store.open(sys.argv[1]) as store:
    whole = Ledger(lambda: store.connection, [sys.argv[2]]).sum_by("total", since=None, until=None)[0]
print(time.perf_counter() - began, whole.total_tokens)
"""


class Session:
    """Writes one session's rows: a tool's result, and the answer in one to three rows of its content."""

    def __init__(self, chance: random.Random, start: datetime) -> None:
        self.chance, self.now = chance, start
        self.id, self.prompt = (str(UUID(int=chance.getrandbits(128))) for _ in range(2))
        self.parent: str | None = None

    def hex(self, digits: int) -> str:
        return f"{self.chance.getrandbits(4 * digits):0{digits}x}"

    def text(self, size: float) -> str:
        length = int(min(30_000, size))
        start = self.chance.randrange(len(_TEXT) - length)
        return _TEXT[start : start + length]

    def row(self, kind: str, message: dict[str, object], **more: object) -> str:
        """As Claude Code 2.1.197 writes it, key by key."""
        uuid = str(UUID(int=self.chance.getrandbits(128)))
        stamp = self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row: dict[str, object] = {"parentUuid": self.parent, "isSidechain": False}
        row |= {"message": message, "requestId": more.pop("request"), "type": kind} if kind == "assistant" else {}
        row |= {"promptId": self.prompt, "type": kind, "message": message} if kind == "user" else {}
        row |= {"uuid": uuid, "timestamp": stamp, **more, "userType": "external", "entrypoint": "cli"}
        row |= {"cwd": "/home/dev/p", "sessionId": self.id, "version": "2.1.197", "gitBranch": "main"}
        self.parent = uuid
        return json.dumps(row, separators=(",", ":")) + "\n"

    def exchange(self) -> str:
        chance = self.chance
        self.now += timedelta(seconds=chance.randint(5, 90))
        result = self.text(chance.lognormvariate(7.2, 1.2))
        tool = f"toolu_{self.hex(24)}"
        content: list[object] = [
            {"tool_use_id": tool, "type": "tool_result", "content": result, "is_error": False},
        ]
        said = {"stdout": result, "stderr": "", "interrupted": False, "isImage": False, "noOutputExpected": False}
        asked = {"sourceToolAssistantUUID": self.parent}
        rows = [self.row("user", {"role": "user", "content": content}, toolUseResult=said, **asked)]
        written = chance.randint(0, 4000)
        usage = {
            "input_tokens": chance.randint(1, 9),
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": chance.randint(0, 99_999),
            "output_tokens": chance.randint(1, 2000),
            "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
            "service_tier": "standard",
            "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": written},
            "inference_geo": "",
            "iterations": [],
            "speed": "standard",
        }
        begun = {"id": f"msg_{self.hex(24)}", "type": "message", "role": "assistant", "model": _MODEL}
        ended = {"stop_reason": "tool_use", "stop_sequence": None, "usage": usage, "stop_details": None}
        request = f"req_{self.hex(24)}"
        for number in range(chance.choice([1, 2, 2, 3])):
            block: dict[str, object] = {"type": "thinking", "thinking": self.text(chance.randint(50, 1500))}
            if number:
                written_file = {"content": self.text(2000 * chance.random())}
                block = {"type": "tool_use", "id": tool, "name": "Write", "input": written_file}
            rows.append(self.row("assistant", {**begun, "content": [block], **ended}, request=request))
        return "".join(rows)


def write_tree(root: Path, megabytes: int, files: int = 0, seed: int = 5) -> int:
    """Gives how many files there are: as many as asked for, else as sessions of 50 to 400 exchanges make."""
    chance = random.Random(seed)
    written = number = 0
    while written < megabytes * 1_000_000 if not files else number < files:
        session = Session(chance, datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=number % 500))
        file = root / "projects" / f"-home-dev-p{number % 20}" / f"{session.id}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        size = 0
        with file.open("w", encoding="utf-8") as out:
            exchanges = chance.randint(50, 400)
            while size < megabytes * 1_000_000 / files if files else exchanges:
                size += out.write(session.exchange())
                exchanges -= 1
        written, number = written + size, number + 1
    return number


class Run:
    """What a command that prints JSON used: wall and CPU seconds, memory of its largest process, and its total."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
        assert process.stdout is not None
        answer = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        assert process.returncode == 0
        self.wall, self.cpu = time.perf_counter() - began, used.ru_utime + used.ru_stime
        self.megabytes = used.ru_maxrss / 1024
        self.total = answer["total_tokens"] if "total_tokens" in answer else answer["totals"]["totalTokens"]


def main(megabytes: int = 300, rounds: int = 5, files: int = 0) -> None:
    launcher = Path(ccusage_script()).resolve()
    native = next(launcher.parent.parent.parent.glob("@ccusage/ccusage-*/bin/ccusage"), launcher)
    with tempfile.TemporaryDirectory() as folder:
        root, state = Path(folder) / "claude", Path(folder) / "state"
        files = write_tree(root, megabytes, files)
        env = {"PATH": os.environ["PATH"], "HOME": folder, "CLAUDE_CONFIG_DIR": str(root), "TZ": "UTC"}
        env["CLAUDE_METER_STATE_DIR"] = str(state)
        ours, theirs = [SCRIPT, "local", "--json"], [str(native), "claude", "daily", "--json", "--offline"]
        Run(theirs, env)  # the tree into the page cache
        runs: dict[str, list[Run]] = {"ccusage": [], "cold": [], "warm": [], "appended": []}
        figures = []
        for number in range(rounds):
            shutil.rmtree(state, ignore_errors=True)
            runs["ccusage"].append(Run(theirs, env))
            runs["cold"].append(Run(ours, env))
            runs["warm"].append(Run(ours, env))
            assert len({each[-1].total for name, each in runs.items() if name != "appended"}) == 1, "not the same sum"
            first = [PYTHON, "-c", FIRST_FIGURE, str(state / "meter.sqlite3"), str(root)]
            done = subprocess.run(first, env=env, check=True, capture_output=True, text=True).stdout.split()
            assert int(done[1]) == runs["warm"][-1].total
            figures.append(float(done[0]))
            session = Session(random.Random(number), datetime.now(UTC))
            with next(root.rglob("*.jsonl")).open("a") as out:
                out.write(session.exchange())
            runs["appended"].append(Run(ours, env))
        wall, cpu = median([run.wall for run in runs["ccusage"]]), median([run.cpu for run in runs["ccusage"]])
        print(f"{megabytes} MB in {files} files, {os.cpu_count()} cores")
        for name, each in runs.items():
            own_wall, own_cpu = median([run.wall for run in each]), median([run.cpu for run in each])
            print(
                f"{name:9} {own_wall * 1000:7.0f} ms wall {own_wall / wall:5.2f} ×"
                f"   {own_cpu * 1000:7.0f} ms CPU {own_cpu / cpu:5.2f} ×"
                f"   {max(run.megabytes for run in each):5.0f} MB"
            )
        figure = median(figures)
        print(f"stored figure, store opened and asked: {figure * 1000:.1f} ms {figure / wall:.3f} ×")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
