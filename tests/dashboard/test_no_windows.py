"""Plans without windows on the screen, and users without a plan: never an empty screen."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import Bench, log_in, run_script
from screens import SIZES, settle, shown, text

from claude_meter_tui.demo.server import Reply
from claude_meter_tui.sources.claude_code.api_key import used_with

CASES = Path(__file__).parent.parent / "cases"
USAGE = "/api/oauth/usage"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("body", "words"), [("team-spend-only-body.json", "46.31"), ("all-null-nothing-body.json", "This login has")]
)
async def test_a_plan_without_windows_says_what_there_is(
    bench: Bench, size: tuple[int, int], body: str, words: str
) -> None:
    bench.server.replies[USAGE] = Reply.json(json.loads((CASES / body).read_text()))
    async with shown(bench, size) as pilot:
        await settle(pilot, lambda: words[:20] in text(pilot))
        for key in ("j", "enter", "escape", "c", "c", "percent_sign", "h", "end"):
            await pilot.press(key)
            await settle(pilot)
        await settle(pilot, lambda: words[:20] in text(pilot))
        if size[0] >= 80 and "46" in words:
            assert "Budget" in text(pilot) and "9.3 %" in text(pilot)


async def test_a_used_up_budget_beside_windows_is_the_headline(bench: Bench) -> None:
    money = {"amount_minor": 5000, "currency": "EUR", "exponent": 2}
    spend = {"used": money, "limit": money, "percent": 100, "enabled": True}
    bench.server.replies[USAGE] = Reply.json({"five_hour": {"utilization": 30}, "spend": spend})
    async with shown(bench, (100, 30)) as pilot:
        await settle(pilot, lambda: "Extra usage is used up" in text(pilot))
        assert "50.00 / 50.00 EUR" in text(pilot)


@pytest.mark.parametrize(
    ("env", "settings", "config", "said"),
    [
        ({"ANTHROPIC_API_KEY": "x"}, None, None, "an API key"),
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, None, None, "Amazon Bedrock"),
        ({"CLAUDE_CODE_USE_VERTEX": "0"}, None, None, None),
        ({}, {"env": {"CLAUDE_CODE_USE_VERTEX": "true"}}, None, "Google Vertex AI"),
        ({}, {"apiKeyHelper": "/bin/x"}, None, "an API key"),
        ({}, None, {"primaryApiKey": "sk-ant-api03-dummy"}, "an API key"),
        ({}, [1], "x", None),
    ],
)
def test_use_without_a_plan_is_told_apart(
    tmp_path: Path, env: dict[str, str], settings: object, config: object, said: str | None
) -> None:
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    (tmp_path / ".claude.json").write_text(json.dumps(config))
    assert used_with(env, [tmp_path], [tmp_path / ".claude.json"]) == said


def test_with_an_api_key_nobody_is_told_to_log_in_first(scratch_home: Path) -> None:
    done = run_script("once", env={"ANTHROPIC_API_KEY": "sk-ant-api03-dummy"})
    assert done.returncode == 3 and "no rate-limit windows" in done.stderr and len(done.stderr.splitlines()) == 1
    log_in(scratch_home / "claude")
    assert "API key" not in run_script("once", env={"ANTHROPIC_API_KEY": "sk-ant-api03-dummy"}).stderr
    assert os.environ["HOME"] == str(scratch_home)
