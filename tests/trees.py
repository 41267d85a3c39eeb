"""Transcript trees with everything in them that FACTS §5 tells of, from a seed; and npm's ccusage to count them."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from oracles import npm_script

CCUSAGE = "ccusage@20.0.24"
START = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
MODELS = ("claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929", "claude-fable-5", "claude-haiku-4-5-20251001")

Row = dict[str, Any]


class Tree:
    """Writes sessions under some roots; the same seed writes the same bytes."""

    def __init__(self, folder: Path, seed: int, roots: int = 2) -> None:
        self.chance = random.Random(seed)
        self.roots = [folder / f"root{number}" for number in range(roots)]

    def write(self, sessions: int = 6) -> None:
        kept: list[list[Row]] = []
        for number in range(sessions):
            project = self.chance.choice(self.roots) / "projects" / f"-home-dev-p{number % 3}"
            session = f"{self.chance.getrandbits(64):016x}"
            rows = self._session(session, START + timedelta(hours=5 * number))
            if kept and self.chance.random() < 0.5:  # resumed: the old rows stand in the new file as well
                rows = [*self.chance.choice(kept), *rows]
            kept.append(rows)
            self._to_file(project / f"{session}.jsonl", rows)
            agent = self._session(session, START + timedelta(hours=5 * number), sidechain=True)
            self._to_file(project / session / "subagents" / "agent-a1.jsonl", agent)

    def _session(self, session: str, start: datetime, *, sidechain: bool = False) -> list[Row]:
        rows: list[Row] = []
        moment = start
        for _ in range(self.chance.randint(3, 40)):
            moment += timedelta(seconds=self.chance.randint(1, 900))
            rows += self._message(session, moment, sidechain=sidechain)
            rows += self._noise(session, moment)
        return rows

    def _message(self, session: str, moment: datetime, *, sidechain: bool) -> list[Row]:
        chance = self.chance
        message_id, request = f"msg_{chance.getrandbits(64):016x}", f"req_{chance.getrandbits(64):016x}"
        if chance.random() < 0.05:
            return [self._row(session, moment, "<synthetic>", self._usage(empty=True), message_id, None, sidechain)]
        if chance.random() < 0.05:  # nobody's: each row counts
            return [self._row(session, moment, MODELS[0], self._usage(), None, request, sidechain) for _ in range(2)]
        model, usage = chance.choice(MODELS), self._usage()
        rows = []
        replayed = chance.random() < 0.1
        for block in range(chance.randint(1, 4)):
            early = {**usage, "output_tokens": usage["output_tokens"] // 3} if chance.random() < 0.2 else usage
            at = moment + timedelta(seconds=block)
            rows.append(self._row(session, at, model, early, message_id, request, sidechain))
        rows.append(self._row(session, moment + timedelta(seconds=4), model, usage, message_id, request, sidechain))
        if replayed:  # an aside replays its parent's message under a request id of its own
            aside = self._row(session, moment, model, usage, message_id, request + "-aside", True)
            rows.insert(chance.randint(0, len(rows)), aside)
        if chance.random() < 0.1:
            rows.append(self._progress(moment, model, usage, message_id, request))
        return rows

    def _usage(self, *, empty: bool = False) -> Row:
        chance = self.chance
        if empty:
            return {"input_tokens": 0, "output_tokens": 0}
        short, long = chance.randint(0, 4000), chance.choice([0, 0, 900])
        usage: Row = {
            "input_tokens": chance.randint(0, 900),
            "cache_creation_input_tokens": short + long,
            "cache_read_input_tokens": chance.randint(0, 120_000),
            "output_tokens": chance.randint(3, 3000),
        }
        if chance.random() < 0.6:
            usage["cache_creation"] = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
        if chance.random() < 0.3:
            usage |= {"service_tier": "standard", "server_tool_use": {"web_search_requests": 1}, "inference_geo": "x"}
        if chance.random() < 0.2:
            usage["speed"] = chance.choice(["standard", "fast"])
        return usage

    def _row(
        self,
        session: str,
        moment: datetime,
        model: str,
        usage: Row,
        message_id: str | None,
        request: str | None,
        aside: bool,
    ) -> Row:
        text = self.chance.choice(["…", 'it said "usage":{"input_tokens":99}', "tab\tand \\ and ü", "x" * 3000])
        message: Row = {
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": text}],
            "usage": usage,
        }
        row: Row = {
            "type": "assistant",
            "sessionId": session,
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "cwd": "/home/dev/p",
            "version": "2.1.197",
            "isSidechain": aside,
            "uuid": f"{self.chance.getrandbits(64):016x}",
        }
        if message_id is not None:
            message["id"] = message_id
        if request is not None:
            row["requestId"] = request
        row["message"] = message
        return self._shuffled(row)

    def _progress(self, moment: datetime, model: str, usage: Row, message_id: str, request: str) -> Row:
        inner = {
            "type": "assistant",
            "timestamp": moment.isoformat().replace("+00:00", "Z"),
            "requestId": request,
            "message": {"id": message_id, "model": model, "usage": usage},
        }
        return {"type": "progress", "data": {"type": "agent_progress", "message": inner}, "timestamp": "x"}

    def _noise(self, session: str, moment: datetime) -> list[Row]:
        stamp = moment.isoformat().replace("+00:00", "Z")
        result = {"totalTokens": 5, "usage": {"input_tokens": 4444, "output_tokens": 4444}}
        kinds: list[Row] = [
            {"type": "user", "timestamp": stamp, "message": {"role": "user", "content": "hi"}, "toolUseResult": result},
            {"type": "system", "timestamp": stamp, "content": 'about "usage":{ and so on', "sessionId": session},
            {"type": "summary", "summary": "usage", "leafUuid": "1"},
            {"type": "user", "message": "text", "usage": {"input_tokens": 7}, "timestamp": stamp},
        ]
        return self.chance.sample(kinds, self.chance.randint(0, 2))

    def _shuffled(self, row: Row) -> Row:
        if self.chance.random() < 0.7:
            return row
        names = list(row)
        self.chance.shuffle(names)
        return {name: row[name] for name in names}

    def _to_file(self, file: Path, rows: Iterable[Row]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = []
        for row in rows:
            lines.append(json.dumps(row, separators=(",", ":"), ensure_ascii=self.chance.random() < 0.5))
            if self.chance.random() < 0.05:
                lines.append(
                    self.chance.choice(['{"message":{"usage":{"input_tokens":1', "", "\x00\x00", '"usage":{}', "[1,2"])
                )
        text = "\n".join(lines) + self.chance.choice(["\n", "", '\n{"type":"assistant","message":{"usage":{"inp'])
        file.write_text(text, encoding="utf-8")


def ccusage_script() -> str:
    """npm's ccusage."""
    return npm_script(CCUSAGE, "ccusage")


def ccusage_daily(roots: Iterable[Path], home: Path) -> list[Row]:
    """`ccusage claude daily --json --offline` over the roots, days in UTC."""
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "TZ": "UTC", "CLAUDE_CONFIG_DIR": ",".join(map(str, roots))}
    command = [ccusage_script(), "claude", "daily", "--json", "--offline", "--timezone", "UTC"]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=120)
    days: list[Row] = json.loads(done.stdout)["daily"]
    return days
