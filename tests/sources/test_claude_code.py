"""Transcripts the real Claude Code writes: counted as its server counted, and as ccusage counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from claude_code import MessagesApi, ask_claude, claude_env, claude_script
from conftest import log_in, run_script
from panes import Pane
from test_transcripts import counted, ours, theirs

from claude_meter_tui.system.clock import SystemClock

pytestmark = pytest.mark.xdist_group("terminal")

OPUS, SONNET, FABLE = "claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929", "claude-fable-5"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MessagesApi]:
    """A day with it: three models, a tool, a resumed session with a sub-agent, a fork that replays its parent."""
    home = tmp_path_factory.mktemp("claude-code")
    with MessagesApi() as api:
        env = claude_env(home, api.url)
        ask_claude(home, env, "Say hello", "--model", OPUS)
        session = ask_claude(home, env, "Please use a TOOL", "--model", SONNET)["session_id"]
        # By its id: `--continue` takes the newest, which two sessions of one second may both be.
        ask_claude(home, env, "Please use an AGENT", "--resume", session, "--model", FABLE)
        ask_claude(home, env, "And now?", "--resume", session, "--fork-session", "--model", FABLE)
    return home / ".claude", api


def test_it_wrote_what_this_test_is_about(written: tuple[Path, MessagesApi]) -> None:
    files = list(written[0].rglob("*.jsonl"))
    assert len(files) == 4 and sum("subagents" in file.parts for file in files) == 1
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    said = Counter(row["message"]["id"] for row in rows if row["type"] == "assistant")
    assert max(said.values()) == 4  # two content blocks, in two files
    assert any("usage" in (row.get("toolUseResult") or "") for row in rows)


def test_our_sums_are_what_the_server_sent(written: tuple[Path, MessagesApi]) -> None:
    turns = counted([written[0]])
    sent = [(message["model"], message["usage"]) for message in written[1].sent.values()]
    kinds = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    assert sorted(
        (turn.model, turn.input_tokens, turn.output_tokens, turn.cache_write_tokens, turn.cache_read_tokens)
        for turn in turns
    ) == sorted((model, *(usage[kind] for kind in kinds)) for model, usage in sent)
    assert {turn.model for turn in turns} == {OPUS, SONNET, FABLE}
    split = [(turn.cache_write_5m_tokens, turn.cache_write_1h_tokens) for turn in turns]
    assert all(short * 2 == long * 3 for short, long in split)


def test_our_sums_are_ccusage_s(written: tuple[Path, MessagesApi], scratch_home: Path) -> None:
    assert ours([written[0]]) == theirs([written[0]], scratch_home)


def test_the_sub_agent_counts_with_its_session(written: tuple[Path, MessagesApi]) -> None:
    done = run_script("local", "--by", "session", "--json", env={"CLAUDE_CONFIG_DIR": str(written[0])})
    answer = json.loads(done.stdout)
    sent = len(written[1].sent)
    assert answer["turns"] == sent and answer["files"] == 4
    # The first session has one turn, the second (a sub-agent's with it) and its fork the rest: what the fork replays
    # counts once, in one of the two.
    turns = sorted(part["turns"] for part in answer["by"])
    assert len(turns) == 3 and sum(turns) == sent and turns[0] == 1


def test_its_status_line_is_on_a_running_dashboard(
    scratch_home: Path, open_pane: Callable[..., Pane], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real Claude Code in one pane, its status line set by our --install; the dashboard in another, unanswered."""
    now = SystemClock().now()
    limits = {
        "5h-utilization": "0.42",
        "5h-reset": str(int((now + timedelta(hours=3)).timestamp())),
        "7d-utilization": "0.63",
        "7d-reset": str(int((now + timedelta(days=4)).timestamp())),
    }
    home = scratch_home / "person"
    headers = {f"anthropic-ratelimit-unified-{name}": value for name, value in limits.items()}
    with MessagesApi({**headers, "anthropic-ratelimit-unified-status": "allowed"}) as api:
        env = {**claude_env(home, api.url), "CLAUDE_METER_STATE_DIR": str(scratch_home / "state")}
        del env["ANTHROPIC_API_KEY"]  # a subscriber's view
        log_in(home / ".claude")
        monkeypatch.delenv("CLAUDE_CONFIG_DIR")
        assert run_script("statusline", "--install", env=env).returncode == 0
        claude = open_pane(**env)
        claude.type(f"cd {home / 'work'} && {claude_script()}", "Enter")
        claude.wait(lambda shown: "limits: not known yet" in shown, seconds=60)
        meter = open_pane(**env, CLAUDE_METER_API_URL="http://127.0.0.1:9")
        meter.run()
        meter.wait(lambda shown: "127.0.0.1 could not be reached" in shown)
        claude.type("hello", "Enter")
        claude.wait(lambda shown: "5h 42%" in shown and "7d 63%" in shown, seconds=60)
        shown = meter.wait(lambda shown: "42 %" in shown and "63 %" in shown, seconds=15)
        assert "via the status line" in shown
        claude.type("C-c", "C-c")
        meter.type("q")
        meter.wait(lambda shown: "left with 0" in shown)
