"""Foreign text is text: hostile names through every way in, to every command, format and screen."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON, Bench, log_in, run_script
from hypothesis import HealthCheck, given
from hypothesis import settings as trial
from hypothesis import strategies as st
from rich.cells import cell_len
from screens import lines, settle, shown, text
from test_transcripts import row

from claude_meter_tui.demo.server import DemoServer, Reply
from claude_meter_tui.domain.foreign_text import cells, clean_text, storable, to_json
from claude_meter_tui.domain.foreign_text import shown as shown_text
from claude_meter_tui.output import formats
from claude_meter_tui.output.tables import cell
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.system.clock import SystemClock

USAGE, PROFILE = "/api/oauth/usage", "/api/oauth/profile"
HOSTILE = (
    "[/red]x",
    "Sonnet [beta]",
    "[link=http://127.0.0.1]x[/link]",
    "[@click=app.quit]x[/]",
    "\x1b[31mred\x1b]8;;http://127.0.0.1\x07link\x1b]8;;\x07",
    "\x1b]0;title\x07",
    "c1\x9b31m\x9d0;t\x9c\x7f\x85",
    "bidi\u202etfel\u2066\u200f",
    "zero\u200bwidth\u200d\ufeff",
    "宽字符测试宽字符",
    "emoji 👩‍👩‍👧‍👦 🇦🇹 ✈️",
    "zalgo" + "\u0301" * 200,
    "x" * 10_000,
    "lone \ud800 surrogate \udcff",
    "a\nb\tc\r\u2028d\u0000",
    "%(x)s {0} #[fg=red] \\ \" ' & <b>",
    "\u2003\u00a0",
)
# What a terminal may act on: everything a name is never printed with.
ACTED_ON = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
names = st.text(st.characters(codec=None, exclude_categories=()), max_size=80) | st.sampled_from(HOSTILE)


def harmless(printed: str) -> None:
    assert not ACTED_ON.search(printed.replace("\x1b[", "").replace("\r", "")), ACTED_ON.findall(printed)


@given(names)
def test_a_cleaned_name_is_one_bounded_printable_line(name: str) -> None:
    found = clean_text(name)
    assert found is None or (found.isprintable() and 0 < len(found) <= 60 and found == found.strip())
    assert shown_text(name).isprintable()
    assert isinstance(storable(name).encode(), bytes)
    assert str(cell(name)) == shown_text(name)


@given(st.recursive(names, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)))
def test_json_says_the_same_and_holds_nothing_a_terminal_acts_on(value: Any) -> None:
    text_of = to_json(value)
    harmless(text_of)
    assert json.loads(text_of) == json.loads(json.dumps(value))
    assert json.loads(to_json(value, indent=2)) == json.loads(text_of)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Cn", "Co")), max_size=30))
def test_cells_are_counted_as_the_terminal_does(name: str) -> None:
    plain = "".join(each for each in name if cell_len(each) == cells(each))
    assert cells(plain) == sum(cell_len(each) for each in plain)


def limits(*labels: str) -> dict[str, Any]:
    scoped = [
        {
            "kind": "weekly_scoped",
            "group": "weekly",
            "percent": 50 + number % 40,
            "severity": label,
            "resets_at": (NOON + timedelta(days=2)).isoformat(),
            "scope": {"model": {"display_name": label}, "surface": None},
        }
        for number, label in enumerate(labels)
    ]
    return {"five_hour": {"utilization": 5}, "limits": scoped, **{label: {"utilization": 3} for label in labels}}


@given(st.lists(names, max_size=4))
@trial(max_examples=60, deadline=None)
def test_every_format_of_any_labels(labels: list[str]) -> None:
    document = read_usage(limits(*labels), observed_at=NOON, source="oauth").document()
    at = formats.At(NOON)
    for style in formats.STYLES:
        harmless(formats.render(style, document, at))
    harmless(formats.table(document, at))
    json.loads(formats.render("json", document, at)), json.loads(formats.render("waybar", document, at))


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (40, 10)])
@pytest.mark.parametrize("start", range(0, len(HOSTILE), 6))
async def test_every_screen_of_hostile_labels(bench: Bench, size: tuple[int, int], start: int) -> None:
    whose = {
        "account": {"email": HOSTILE[start]},
        "organization": {"uuid": HOSTILE[start + 1], "rate_limit_tier": HOSTILE[4]},
    }
    bench.server.replies[PROFILE] = Reply.json(whose)
    bench.server.replies[USAGE] = Reply.json(limits(*HOSTILE[start : start + 6]))
    async with shown(bench, size) as pilot:
        for keys in (
            ("j", "j"),
            ("enter",),
            ("j",),
            ("escape", "c"),
            ("j",),
            ("c", "question_mark"),
            ("escape", "end"),
        ):
            await pilot.press(*keys)
            await settle(pilot)
            for line in lines(pilot):
                harmless(line)
                assert cell_len(line) <= size[0]
        if start == 0 and size[0] == 120:
            for part in ("[/red]x", "Sonnet [beta]", "[@click=app.quit]"):
                assert part in text(pilot)


def test_every_command_with_hostile_names_everywhere(scratch_home: Path, tmp_path: Path) -> None:
    """Through the server's body, `.claude.json`, transcripts, folders and an import; everything printed is harmless."""
    config = log_in(scratch_home / "claude").parent
    named = {"emailAddress": HOSTILE[4], "organizationUuid": HOSTILE[0]}
    (config / ".claude.json").write_text(json.dumps({"oauthAccount": named}))
    for number, name in enumerate(HOSTILE):
        folder = (
            config
            / "projects"
            / (name.replace("/", "_").replace("\x00", "")[:60].encode("utf-8", "replace").decode() or "x")
        )
        folder.mkdir(parents=True, exist_ok=True)
        one = row(
            f"m{number}", f"r{number}", 10 + number, timestamp=datetime.now(UTC).isoformat(), sessionId=name, cwd=name
        )
        one["message"]["model"] = name
        (folder / "a.jsonl").write_text(json.dumps(one) + "\n")
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("observed_at", "source", "account", "window", "utilization", "resets_at"))
    for number, name in enumerate(HOSTILE):
        kept = name.encode("utf-8", "replace").decode()
        writer.writerow((f"2026-11-2{number % 5}T10:00:{number:02d}Z", kept[:50], kept[:90], kept, 5, ""))
    (tmp_path / "rows.csv").write_text(out.getvalue())
    with DemoServer(clock=SystemClock()) as server:
        server.replies[USAGE] = Reply.json(limits(*HOSTILE))
        env = {"CLAUDE_METER_API_URL": server.url, "COLUMNS": "300"}
        commands = [["once"], ["once", "--json"], ["history", "import", str(tmp_path / "rows.csv")], ["history"]]
        commands += [["status", "-f", style] for style in formats.STYLES]
        commands += [["local", "--by", by] for by in ("model", "session", "project", "day")]
        commands += [["local", "--by", "project", "--json"], ["compare"], ["compare", "--json"], ["doctor"]]
        commands += [["doctor", "--json"], ["history", "--format", "csv"], ["history", "--format", "json"]]
        for command in commands:
            done = run_script(*command, env=env)
            assert "Traceback" not in done.stderr and "should not have" not in done.stderr, (command, done.stderr)
            if command[:2] != ["history", "import"]:
                assert done.returncode == 0, (command, done.stderr)
            harmless(done.stdout), harmless(done.stderr)
    local = run_script("local", "--by", "model").stdout
    assert "[/red]x" in local and "Sonnet [beta]" in local


@given(st.dictionaries(st.sampled_from(["accessToken", "rateLimitTier", "subscriptionType", "scopes"]), names))
@trial(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_credential_names_a_harmless_plan(tmp_path: Path, login: dict[str, str]) -> None:
    from claude_meter_tui.sources.claude_code.credentials import CredentialFinder

    item = json.dumps({"claudeAiOauth": login})
    found, _ = CredentialFinder([(os.devnull, ())], None, tmp_path, lambda _: item).look()
    assert found is None or found.plan is None or found.plan.isprintable()
