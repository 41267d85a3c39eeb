"""Inputs made after public bug reports, each with the right answer (`cases/`), through the installed script."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import log_in, run_script
from test_transcripts import row
from trees import ccusage_daily

from claude_meter_tui.demo.server import DemoServer, Reply
from claude_meter_tui.system.clock import SystemClock

CASES = Path(__file__).parent / "cases"
USAGE, PROFILE = "/api/oauth/usage", "/api/oauth/profile"


@pytest.fixture
def live(scratch_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    log_in(scratch_home / "claude")
    with DemoServer(clock=SystemClock()) as server:
        monkeypatch.setenv("CLAUDE_METER_API_URL", server.url)
        yield server


def local(root: Path, by: str = "model", **env: str) -> dict[str, int]:
    done = run_script("local", "--json", "--by", by, env={"CLAUDE_CONFIG_DIR": str(root), **env})
    assert done.returncode == 0, done.stderr
    return {part["key"]: part["total_tokens"] for part in json.loads(done.stdout)["by"]}


def reply(server: DemoServer, body: object, status: int = 200, **headers: str) -> None:
    server.replies[USAGE] = Reply.json(body, status, **headers)


# --- transcripts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "by", "sums"),
    [
        ("advisor-iterations", "model", {"claude-sonnet-5": 234_930, "claude-opus-4-8": 167_224}),
        ("iterations-compaction", "model", {"claude-opus-4-8": 24_000, "claude-sonnet-5": 550}),
        ("fast-speed", "model", {"claude-opus-4-8": 220, "claude-opus-4-8-fast": 110}),
        ("nul-bytes", "model", {"claude-opus-4-8": 660}),
        (
            "cjk-projects",
            "project",
            {"-home-u-p": 110, "/home/u/项目甲": 110, "/home/u/测试乙": 110, "/home/u/日本語🦊": 110},
        ),
    ],
)
def test_every_whole_record_counts_under_its_own_model_and_project(case: str, by: str, sums: dict[str, int]) -> None:
    assert local(CASES / case, by) == sums


@pytest.mark.parametrize("case", ["advisor-iterations", "iterations-compaction", "fast-speed", "foreign-providers"])
def test_these_equal_ccusage_by_model(case: str, scratch_home: Path) -> None:
    sums: dict[str, int] = {}
    for day in ccusage_daily([CASES / case], scratch_home):
        for model in day["modelBreakdowns"]:
            kinds = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")
            sums[model["modelName"]] = sums.get(model["modelName"], 0) + sum(model[kind] for kind in kinds)
    assert local(CASES / case) == sums


def test_an_adviser_that_only_a_message_s_later_row_tells_of_counts(tmp_path: Path) -> None:
    first, later = row(), row()
    adviser = {"type": "advisor_message", "model": "claude-fable-5", "input_tokens": 1000, "output_tokens": 50}
    later["message"]["usage"]["iterations"] = [adviser]
    file = tmp_path / "projects" / "p" / "s.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text("".join(json.dumps(each) + "\n" for each in (first, first, later, later)))
    assert local(tmp_path) == {"claude-opus-4-5": 110, "claude-fable-5": 1050}


def test_whole_records_on_torn_lines_and_linked_projects_are_more_than_ccusage_sees(
    linked: Path, scratch_home: Path
) -> None:
    theirs = [day["totalTokens"] for day in ccusage_daily([CASES / "nul-bytes"], scratch_home)]
    assert sum(theirs) == 110 and sum(local(CASES / "nul-bytes").values()) == 660
    assert sum(day["totalTokens"] for day in ccusage_daily([linked], scratch_home)) < sum(local(linked).values())


def test_names_with_brackets_are_shown_as_they_are(scratch_home: Path) -> None:
    done = run_script("local", "--by", "model", env={"CLAUDE_CONFIG_DIR": str(CASES / "markup-in-names")})
    assert done.returncode == 0
    for name in ("claude-opus-4-8[1m]", "claude-x[beta]", "claude-[red]y", "gateway/claude[/x]"):
        assert name in done.stdout


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A root with a project of its own, and one that is a link into a synced folder."""
    root, outside = tmp_path / "root", tmp_path / "outside" / "-home-u-real"
    for folder, number in ((root / "projects" / "-home-u-proj", 1), (outside, 2)):
        folder.mkdir(parents=True)
        (folder / f"{number}.jsonl").write_text(json.dumps(row(f"m{number}", f"r{number}", 100 * number)) + "\n")
    (root / "projects" / "-home-u-linked").symlink_to(outside)
    return root


def test_a_linked_project_counts_once_and_a_link_back_up_is_not_followed(linked: Path) -> None:
    once = local(linked, "project")
    assert set(once) == {"-home-u-proj", "-home-u-linked"}
    (linked / "projects" / "-up").symlink_to(linked)
    (linked / "projects" / "-self").symlink_to(linked / "projects")
    (linked / "projects" / "-twice").symlink_to(linked / "projects" / "-home-u-linked")
    assert local(linked, "project") == once


def test_one_folder_is_one_root_however_it_is_written(linked: Path, scratch_home: Path) -> None:
    sums = local(linked)
    for spelling in (f"{linked}/", f"{linked}/projects/..", f" {linked} , {linked}/", os.path.relpath(linked)):
        assert local(linked, CLAUDE_CONFIG_DIR=spelling) == sums, spelling
    (scratch_home / ".work").mkdir()
    shutil.copytree(linked / "projects", scratch_home / ".work" / "projects")
    assert local(linked, CLAUDE_CONFIG_DIR="~/.work") == sums


def test_pipes_devices_and_names_that_are_no_utf_8_stop_nothing(linked: Path) -> None:
    sums = local(linked)
    folder = linked / "projects" / "-home-u-proj"
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "zero.jsonl").symlink_to("/dev/zero")
    strange = os.fsencode(linked / "projects") + b"/-home-\xff\x1b[31m"
    os.mkdir(strange)
    with open(strange + b"/3.jsonl", "w") as out:
        out.write(json.dumps(row("m3", "r3", 7)) + "\n")
    done = run_script("local", "--by", "project", env={"CLAUDE_CONFIG_DIR": str(linked)})
    assert done.returncode == 0 and "\x1b" not in done.stdout and "xff" in done.stdout
    assert sum(local(linked).values()) > sum(sums.values())


def test_a_renamed_project_counts_once_rows_without_an_id_included(linked: Path) -> None:
    folder = linked / "projects" / "-home-u-proj"
    nameless = row("", "", 31)
    del nameless["message"]["id"]
    with (folder / "1.jsonl").open("a") as out:
        out.write(json.dumps(nameless) + "\n")
    before = sum(local(linked).values())
    folder.rename(folder.with_name("-home-u-renamed"))
    assert sum(local(linked).values()) == before


def test_an_unreadable_folder_is_named(linked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from claude_meter_tui.turns.transcripts import roots

    scan = os.scandir

    def refuse(path: str) -> Any:
        if "-home-u-proj" in str(path):
            raise PermissionError(13, "no", path)
        return scan(path)

    monkeypatch.setattr(roots.os, "scandir", refuse)
    unreadable: list[str] = []
    assert len(list(roots.transcripts([str(linked)], unreadable))) == 1
    assert [Path(path).name for path in unreadable] == ["-home-u-proj"]


# --- the comparison ------------------------------------------------------------------------------------------------


def at(**ago: float) -> str:
    return (datetime.now(UTC) + timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def compared(root: Path) -> dict[str, Any]:
    done = run_script("compare", "--json", env={"CLAUDE_CONFIG_DIR": str(root)})
    assert done.returncode == 0, done.stderr
    return {window["key"]: window for window in json.loads(done.stdout)["windows"]}


def readings(*rows: tuple[str, str, float, str]) -> None:
    lines = ["observed_at,source,account,window,utilization,resets_at"]
    lines += [f"{observed},oauth,a@example.com,{key},{used},{resets}" for observed, key, used, resets in rows]
    done = run_script("history", "import", "-", input="\n".join(lines) + "\n")
    assert done.returncode == 0, done.stderr


def turns(root: Path, *each: tuple[str, int]) -> None:
    folder = root / "projects" / "-p"
    folder.mkdir(parents=True)
    rows = [row(f"m{number}", f"r{number}", tokens, timestamp=when) for number, (when, tokens) in enumerate(each)]
    (folder / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))


def test_a_counter_that_began_anew_early_is_compared_from_there(tmp_path: Path) -> None:
    resets = at(hours=9)
    turns(tmp_path, (at(days=-3), 4_000_000), (at(hours=-1), 10_000))
    readings(
        (at(hours=-12), "seven_day", 60, resets),
        (at(hours=-8), "seven_day", 62, resets),
        (at(minutes=-1), "seven_day", 2, resets),
    )
    window = compared(tmp_path)["seven_day"]
    assert window["local"]["turns"] == 1 and window["local"]["output_tokens"] == 10_000
    shown = run_script("compare", env={"CLAUDE_CONFIG_DIR": str(tmp_path)}).stdout
    assert "Began anew early" in shown


def test_a_reset_that_moved_on_does_not_begin_a_window(tmp_path: Path) -> None:
    turns(tmp_path, (at(days=-6), 300), (at(hours=-1), 20))
    readings((at(days=-2), "seven_day", 40, at(hours=10)), (at(minutes=-1), "seven_day", 41, at(days=7, hours=20)))
    local_side = compared(tmp_path)["seven_day"]["local"]
    assert local_side["turns"] == 2 and local_side["since"] <= at()


def test_turns_the_plan_never_saw_are_in_no_window(tmp_path: Path) -> None:
    folder = tmp_path / "projects" / "-p"
    folder.mkdir(parents=True)
    given = next((CASES / "foreign-providers").rglob("*.jsonl")).read_text().splitlines()
    rows = [{**json.loads(line), "timestamp": at(minutes=-5)} for line in given]
    (folder / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    readings((at(minutes=-1), "five_hour", 10, at(hours=3)))
    assert compared(tmp_path)["five_hour"]["local"]["turns"] == 1
    assert sum(local(tmp_path).values()) == 9900


def test_an_import_of_one_window_hides_none_and_blocks_none(live: DemoServer, tmp_path: Path) -> None:
    run_script("once")
    before = {window["key"] for window in json.loads(run_script("status", "-f", "json").stdout)["windows"]}
    organization = json.loads(run_script("status", "-f", "json").stdout)["account"]["organization_uuid"]
    moment, resets = at(seconds=30), at(hours=2)
    for key in ("seven_day", "weekly_scoped:fable"):
        line = f"{moment},oauth,{organization},{key},33,{resets}"
        head = "observed_at,source,account,window,utilization,resets_at"
        done = run_script("history", "import", "-", input=f"{head}\n{line}\n")
        assert done.stdout.startswith("1 readings added"), done.stdout + done.stderr
    after = json.loads(run_script("status", "-f", "json").stdout)
    assert {window["key"] for window in after["windows"]} >= before


def test_an_imported_model_window_counts_its_model_only(tmp_path: Path) -> None:
    turns(tmp_path, (at(hours=-1), 20))
    readings((at(minutes=-1), "weekly_scoped:fable", 10, at(days=3)), (at(minutes=-1), "seven_day_x", 10, at(days=3)))
    found = compared(tmp_path)
    assert found["weekly_scoped:fable"]["local"]["turns"] == 0
    assert found["seven_day_x"]["local"]["counts"] == "none"


# --- plans without windows -----------------------------------------------------------------------------------------


def body(name: str) -> Any:
    return json.loads((CASES / name).read_text())


def test_a_budget_alone_is_what_stops(live: DemoServer) -> None:
    reply(live, body("team-spend-only-body.json"))
    once = run_script("once")
    assert once.returncode == 0 and "▸ budget 9.3% 46.31/500.00 USD" in once.stdout
    for style in ("plain", "tmux", "waybar"):
        assert "46.31/500.00 USD" in run_script("status", "-f", style).stdout
    assert json.loads(run_script("status", "-f", "json").stdout)["next_stop"] == "extra_usage"
    assert "46.31" in run_script("statusline", "--no-color", input="{}").stdout


def test_a_used_up_budget_is_marked_everywhere(live: DemoServer) -> None:
    money = {"amount_minor": 50_000, "currency": "USD", "exponent": 2}
    reply(live, {"limits": [], "spend": {"used": money, "limit": money, "percent": 100, "enabled": True}})
    assert "FULL" in run_script("once").stdout
    assert "FULL" in run_script("status").stdout and "red" in run_script("status", "-f", "tmux").stdout
    assert json.loads(run_script("status", "-f", "waybar").stdout)["class"] == ["full"]


def test_neither_windows_nor_money_is_a_sentence(live: DemoServer) -> None:
    reply(live, body("all-null-nothing-body.json"))
    assert "no rate-limit windows" in run_script("once").stdout
    for style in ("plain", "tmux", "waybar"):
        assert "no rate-limit windows" in run_script("status", "-f", style).stdout
    assert "no rate-limit windows" in run_script("statusline", input="{}").stdout
    assert "no rate-limit windows" in run_script("compare").stdout


def test_a_model_named_twice_with_one_reset_is_one_row(live: DemoServer) -> None:
    resets = at(days=2)
    scoped = {
        "kind": "weekly_scoped",
        "group": "weekly",
        "percent": 82,
        "severity": "warning",
        "resets_at": resets,
        "scope": {"model": {"display_name": "Opus"}},
    }
    reply(live, {"seven_day_opus": {"utilization": 81.5, "resets_at": resets}, "limits": [scoped]})
    (window,) = json.loads(run_script("once", "--json").stdout)["windows"]
    assert window["key"] == "seven_day_opus" and window["utilization"] == 82 and window["severity"] == "warning"


def test_the_status_line_s_spend_limit_is_a_window(scratch_home: Path) -> None:
    in_a_week = int((datetime.now(UTC) + timedelta(days=7)).timestamp())
    given = {"session_id": "s", "cost": {"total_cost_usd": 1}, "rate_limits": {}}
    for reset in (in_a_week, datetime.fromtimestamp(in_a_week, UTC).isoformat()):
        given["rate_limits"] = {"spend_limit": {"used_percentage": 104.2, "resets_at": reset}}
        given["cost"]["total_cost_usd"] += 1
        shown = run_script("statusline", "--no-color", input=json.dumps(given)).stdout
        assert shown.startswith("spend limit 104%") and "FULL" in shown and "d" in shown
    (window,) = json.loads(run_script("status", "-f", "json").stdout)["windows"]
    assert window["key"] == "spend_limit" and window["resets_at"]


# --- the server's words --------------------------------------------------------------------------------------------

REFUSALS = body("http-refusals-cases.json")
WORDS = {
    "403-scope": (3, "log in again", "setup-token"),
    "403-org-not-allowed": (3, "does not allow", "log in again"),
    "403-revoked": (3, "revoked", "setup-token"),
    "403-region": (4, "Request not allowed", "setup-token"),
    "403-region-html": (4, "region", "setup-token"),
    "401-org-not-allowed": (3, "does not help", "log in again"),
    "400-invalid-request": (4, "This organization has been disabled.", "no usage answer"),
    "404": (4, "Not found", "reached"),
    "200-error": (3, "This organization has been disabled.", "not a usage"),
    "529": (4, "529", "reached"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_every_refusal_has_its_own_sentence(live: DemoServer, name: str) -> None:
    given = REFUSALS[name]
    text = given["body"] if isinstance(given["body"], str) else json.dumps(given["body"])
    headers = given.get("headers", {"Content-Type": "application/json"})
    live.replies[USAGE] = Reply(given["status"], text.encode(), headers)
    done = run_script("once")
    code, said, unsaid = WORDS[name]
    assert done.returncode == code and len(done.stderr.splitlines()) == 1
    assert said in done.stderr and unsaid not in done.stderr, done.stderr


def test_a_setup_token_is_meant_only_where_it_came_from_the_environment(live: DemoServer) -> None:
    live.replies[USAGE] = Reply.json(REFUSALS["403-scope"]["body"], 403)
    done = run_script("once", env={"CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-dummy-env"})
    assert "setup-token" in done.stderr and "Unset CLAUDE_CODE_OAUTH_TOKEN" in done.stderr
