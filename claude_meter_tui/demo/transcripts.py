"""The transcripts the simulated person's Claude Code would have written: a believable tree of JSONL files.

Row shapes as FACTS §5 has them: a message in one to three rows with the same ids, sub-agents in their own files.
"""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from claude_meter_tui.demo.account import activity

if TYPE_CHECKING:
    from pathlib import Path

_MODELS = (
    ("claude-opus-4-5-20251101", 5),
    ("claude-sonnet-4-5-20250929", 3),
    ("claude-haiku-4-5-20251001", 2),
    ("claude-fable-5", 4),
)
_BUSY_BEFORE = 9  # days
_PROJECTS = ("-home-demo-web", "-home-demo-api", "-home-demo-notes")


def write_tree(root: Path, now: datetime, *, days: int = 8, seed: int = 1) -> int:
    """Write `projects/**/*.jsonl` under `root` for the days before `now`; gives how many messages there are.

    The same arguments write the same bytes.
    """
    chance = random.Random(seed)  # noqa: S311 - a believable tree, not a secret
    messages = 0
    for day in range(days - 1, -1, -1):
        # Some weeks ago there was more to do: what a local counter then takes for the cap.
        for number in range(len(_PROJECTS) * (1 if day < _BUSY_BEFORE else 3)):
            project = _PROJECTS[number % len(_PROJECTS)]
            start = now - timedelta(days=day, hours=5) + timedelta(hours=2 * (number % len(_PROJECTS)))
            session = f"{chance.getrandbits(128):032x}"
            rows = _session(chance, session, project, start, min(now, start + timedelta(hours=3)))
            messages += len({row["message"]["id"] for row in rows if row["type"] == "assistant"})
            _write(root / "projects" / project, session, rows)
    return messages


def _session(chance: random.Random, session: str, project: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    moment = start
    while moment < end:
        moment += timedelta(seconds=chance.randint(20, 240))
        if moment + timedelta(seconds=5) > end:
            break
        if chance.random() > 0.15 + activity(moment):
            continue
        model = chance.choices([name for name, _ in _MODELS], [weight for _, weight in _MODELS])[0]
        sidechain = chance.random() < 0.1
        rows.append(_row("user", session, project, moment, sidechain, {"role": "user", "content": "…"}, chance))
        message = _message(chance, model)
        request = f"req_{chance.getrandbits(64):016x}"
        for block in range(chance.randint(1, 3)):
            at = moment + timedelta(seconds=2 + block)
            rows.append(_row("assistant", session, project, at, sidechain, message, chance, request))
    return rows


def _message(chance: random.Random, model: str) -> dict[str, Any]:
    short, long = chance.randint(0, 4000), chance.randint(0, 1500)
    return {
        "id": f"msg_{chance.getrandbits(64):016x}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "…"}],
        "usage": {
            "input_tokens": chance.randint(2, 900),
            "output_tokens": chance.randint(20, 3000),
            "cache_creation_input_tokens": short + long,
            "cache_read_input_tokens": chance.randint(8_000, 120_000),
            "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
            "service_tier": "standard",
        },
    }


def _row(
    kind: str,
    session: str,
    project: str,
    moment: datetime,
    sidechain: bool,
    message: dict[str, Any],
    chance: random.Random,
    request: str | None = None,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "parentUuid": None,
        "isSidechain": sidechain,
        "sessionId": session,
        "cwd": project.replace("-", "/"),
        "version": "2.1.197",
        "type": kind,
        "message": message,
        "uuid": f"{chance.getrandbits(128):032x}",
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return row | {"requestId": request} if request else row


def _write(folder: Path, session: str, rows: list[dict[str, Any]]) -> None:
    """The session's own file, and its sub-agent's."""
    for aside, file in ((False, folder / f"{session}.jsonl"), (True, folder / session / "subagents" / "agent-1.jsonl")):
        lines = [json.dumps(row, separators=(",", ":")) + "\n" for row in rows if row["isSidechain"] is aside]
        if lines:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(lines), encoding="utf-8")
