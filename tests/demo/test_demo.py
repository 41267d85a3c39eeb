"""The simulated account: believable, repeatable, and met only over HTTP and files."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from conftest import NOON, SCRIPT
from hypothesis import given
from hypothesis import strategies as st

from claude_meter_tui.demo import account
from claude_meter_tui.demo.server import DemoServer
from claude_meter_tui.demo.transcripts import write_tree
from claude_meter_tui.sources.payload.usage import read_usage

MOMENTS = st.datetimes(datetime(2026, 2, 1), datetime(2028, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@given(MOMENTS, st.sampled_from(["named", "limits", "limits-only", "pro"]))
def test_every_shape_at_every_moment_is_read_without_damage(moment: datetime, shape: str) -> None:
    reading = read_usage(account.usage(moment, shape), observed_at=moment, source="demo")
    assert reading.damaged == () and len(reading.windows) >= 2
    for window in reading.windows:
        assert 0 <= window.utilization <= 160
        assert window.resets_at is None or window.resets_at > moment


@given(MOMENTS, st.integers(1, 600))
def test_within_a_window_use_only_grows(moment: datetime, minutes: int) -> None:
    later = moment + timedelta(minutes=minutes)
    before, after = (read_usage(account.usage(at), observed_at=at, source="demo") for at in (moment, later))
    for window in before.windows:
        then = after.window(window.key)
        assert then is not None
        if then.resets_at == window.resets_at:
            assert then.utilization >= window.utilization


def test_it_moves_while_somebody_looks_on_a_working_day() -> None:
    figures = {account.usage(NOON + timedelta(minutes=step))["five_hour"]["utilization"] for step in range(0, 90, 5)}
    assert len(figures) > 4


def test_the_same_arguments_write_the_same_transcripts(tmp_path: Path) -> None:
    counts = [write_tree(tmp_path / name, NOON) for name in ("one", "two")]
    assert counts[0] == counts[1] > 300
    for file in (tmp_path / "one").rglob("*.jsonl"):
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()


def test_transcripts_are_as_claude_code_writes_them(tmp_path: Path) -> None:
    write_tree(tmp_path, NOON)
    files = list((tmp_path / "projects").rglob("*.jsonl"))
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    turns = [row for row in rows if row["type"] == "assistant"]
    assert any("subagents" in str(file) for file in files)
    assert len(turns) > len({(row["message"]["id"], row["requestId"]) for row in turns})  # a row a content block
    for row in turns:
        usage, split = row["message"]["usage"], row["message"]["usage"]["cache_creation"]
        assert usage["cache_creation_input_tokens"] == sum(split.values())
        assert datetime.fromisoformat(row["timestamp"]) <= NOON


@pytest.mark.parametrize(
    "path",
    ["/api/oauth/profile", "/api/organizations", "/api/account"]
    + [
        f"/api/organizations/{account.ORGANIZATION}/{part}"
        for part in ("usage", "overage_spend_limit", "subscription_details")
    ],
)
def test_both_endpoints_shapes_are_served(path: str) -> None:
    with DemoServer() as server:
        answer = httpx.get(server.url + path, headers={"Authorization": "Bearer sk-ant-oat01-dummy"}, trust_env=False)
        assert answer.status_code == 200 and answer.json()
        assert httpx.get(server.url + "/nothing", trust_env=False).status_code == 404
        assert httpx.get(server.url + "/api/oauth/usage", trust_env=False).status_code == 401


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_serve_serves_until_told_to_stop(scratch_home: Path, number: signal.Signals) -> None:
    command = [str(SCRIPT), "demo", "serve", "--scenario", "pro", "--transcripts", str(scratch_home / "tree")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        assert "messages written" in serving.stdout.readline()
        url = serving.stdout.readline().split()[0].partition("=")[2]
        answer = httpx.get(
            url + "/api/oauth/usage", headers={"Authorization": "Bearer sk-ant-oat01-dummy"}, trust_env=False
        )
        assert answer.json()["five_hour"]["utilization"] >= 0
        serving.send_signal(number)
        assert serving.wait(10) == 0
    assert list((scratch_home / "tree").rglob("*.jsonl"))
