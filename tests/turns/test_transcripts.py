"""Transcripts → token sums: equal to the field's reference to the token, and better where it is wrong."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import NOON, run_script
from hypothesis import given
from hypothesis import strategies as st
from trees import Row, Tree, ccusage_daily

from claude_meter_tui.demo.transcripts import write_tree
from claude_meter_tui.output.words import amount
from claude_meter_tui.turns.transcripts.counting import what_counts
from claude_meter_tui.turns.transcripts.records import AT, Record, total_of
from claude_meter_tui.turns.transcripts.roots import TranscriptFile, transcripts
from claude_meter_tui.turns.transcripts.rows import Reader
from claude_meter_tui.turns.turn import Turn

Kinds = Counter[tuple[str, str, str]]  # (day, model, kind) → tokens


def turns_in(file: TranscriptFile) -> list[Record]:
    read = Reader().read_on(file, 0)
    return [*read.records, *read.unfinished]


def counted(roots: Iterable[Path]) -> list[Turn]:
    """Every turn that counts, read whole and kept nowhere."""
    reader = Reader()
    records: list[Record] = []
    for file, _ in transcripts(map(str, roots)):
        read = reader.read_on(file, 0)
        records += [*read.records, *read.unfinished]
    origins = reader.new_origins()
    return [
        Turn(at, *origins[origin], bool(aside), *counts) for at, _, _, origin, *counts, aside in what_counts(records)
    ]


def ours(roots: Iterable[Path]) -> Kinds:
    sums: Kinds = Counter()
    for turn in counted(roots):
        day = datetime.fromtimestamp(turn.at / 1000, UTC).date().isoformat()
        for kind, tokens in (
            ("input", turn.input_tokens),
            ("output", turn.output_tokens),
            ("cache write", turn.cache_write_tokens),
            ("cache read", turn.cache_read_tokens),
        ):
            sums[day, turn.model, kind] += tokens
    return +sums


def theirs(roots: Iterable[Path], home: Path) -> Kinds:
    sums: Kinds = Counter()
    for day in ccusage_daily(roots, home):
        for model in day["modelBreakdowns"]:
            name = model["modelName"]
            for kind, field in (
                ("input", "inputTokens"),
                ("output", "outputTokens"),
                ("cache write", "cacheCreationTokens"),
                ("cache read", "cacheReadTokens"),
            ):
                sums[day["period" if "period" in day else "date"], name, kind] += model[field]
    return +sums


@pytest.mark.parametrize("seed", range(8))
def test_generated_trees_equal_ccusage_to_the_token(tmp_path: Path, scratch_home: Path, seed: int) -> None:
    tree = Tree(tmp_path, seed, roots=1 + seed % 3)
    tree.write(sessions=4 + seed)
    assert sum(ours(tree.roots).values()) > 100_000
    assert ours(tree.roots) == theirs(tree.roots, scratch_home)


def test_the_demo_s_tree_equals_ccusage(tmp_path: Path, scratch_home: Path) -> None:
    write_tree(tmp_path / "claude", NOON)
    assert ours([tmp_path / "claude"]) == theirs([tmp_path / "claude"], scratch_home)


# --- where the reference is wrong, pinned ---------------------------------------------------------------------------


def row(message_id: str | None = "m1", request: str | None = "r1", output: int = 100, **more: object) -> Row:
    message: Row = {
        "id": message_id,
        "model": "claude-opus-4-5",
        "usage": {"input_tokens": 10, "output_tokens": output},
    }
    return {
        "type": "assistant",
        "timestamp": "2026-11-20T10:00:00.000Z",
        "sessionId": "s",
        "version": "2.1.197",
        "requestId": request,
        "message": message,
        **more,
    }


def tree_of(folder: Path, *rows: Row | str) -> Path:
    file = folder / "projects" / "p" / "s.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row, separators=(",", ":")) for row in rows]
    file.write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("field", ["cwd", "version", "sessionId", "requestId"])
def test_ccusage_drops_a_line_with_a_null_in_it_and_we_count_its_tokens(
    tmp_path: Path, scratch_home: Path, field: str
) -> None:
    folder = tree_of(tmp_path / "c", row("m1"), row("m2", **{field: None}))
    assert sum(theirs([folder], scratch_home).values()) == 110
    assert sum(ours([folder]).values()) == 220


def test_ccusage_drops_a_line_of_an_odd_version_and_we_count_it(tmp_path: Path, scratch_home: Path) -> None:
    folder = tree_of(tmp_path / "c", row("m1"), row("m2", version="dev"))
    assert sum(theirs([folder], scratch_home).values()) == 110
    assert sum(ours([folder]).values()) == 220


def test_an_aside_before_its_parent_equals_ccusage(tmp_path: Path, scratch_home: Path) -> None:
    aside = row("m1", "r-aside", isSidechain=True)
    folder = tree_of(tmp_path / "c", aside, row("m1", "r1"), row("m1", "r1"))
    assert ours([folder]) == theirs([folder], scratch_home)


# --- the rule, row by row -------------------------------------------------------------------------------------------


def total(folder: Path) -> int:
    return sum(turn.total_tokens for turn in counted([folder]))


def test_of_a_message_s_rows_the_largest_counts_once(tmp_path: Path) -> None:
    assert total(tree_of(tmp_path, row(output=1), row(output=100), row(output=40))) == 110


def test_rows_without_a_message_id_count_each(tmp_path: Path) -> None:
    nameless = row()
    del nameless["message"]["id"]
    assert total(tree_of(tmp_path, nameless, nameless)) == 220


def test_an_aside_s_replay_counts_with_its_parent_and_alone_counts_once(tmp_path: Path) -> None:
    replay = row("m1", "r2", output=500, isSidechain=True)
    assert total(tree_of(tmp_path / "both", replay, row("m1", "r1"))) == 110
    assert total(tree_of(tmp_path / "alone", replay, row("m1", "r3", isSidechain=True))) == 510


def test_a_last_line_without_its_newline_counts_if_it_is_whole(tmp_path: Path) -> None:
    folder = tree_of(tmp_path, row("m1"))
    file = next(folder.rglob("*.jsonl"))
    whole = json.dumps(row("m2"))
    file.write_text(file.read_text() + whole)
    assert total(folder) == 220
    file.write_text(file.read_text()[:-3])
    assert total(folder) == 110


def test_spaces_and_odd_types_do_not_hide_tokens(tmp_path: Path) -> None:
    odd = row("m2", cwd=7, isSidechain="no", sessionId=5)
    odd["message"]["usage"]["cache_creation"] = "none"
    folder = tree_of(
        tmp_path, json.dumps(row("m1"), indent=None), odd, json.dumps(row("m3"), separators=(" , ", " : "))
    )
    assert total(folder) == 330


@pytest.mark.parametrize("field", ["input_tokens", "output_tokens"])
@pytest.mark.parametrize("value", [-5, "7", 1.5, True, [1]])
def test_a_count_that_is_none_is_not_invented(tmp_path: Path, field: str, value: object) -> None:
    broken = row("m2")
    broken["message"]["usage"][field] = value
    assert total(tree_of(tmp_path, row("m1"), broken)) <= 110 + 100


def test_a_row_longer_than_the_buffer(tmp_path: Path) -> None:
    folder = tree_of(tmp_path, row("m1", cwd="x" * (3 << 20)), row("m2"), row("m3", cwd="y" * (1 << 20)))
    assert total(folder) == 330


def test_one_file_by_two_roads_is_read_once(tmp_path: Path) -> None:
    nameless = row()
    del nameless["message"]["id"]
    folder = tree_of(tmp_path / "one", nameless)
    (tmp_path / "two").symlink_to(folder)
    assert len(list(transcripts([str(folder), str(tmp_path / "two"), str(folder)]))) == 1


def test_cache_writes_are_split_by_lifetime(tmp_path: Path) -> None:
    split = row()
    split["message"]["usage"] |= {
        "cache_creation_input_tokens": 999,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
    }
    (turn,) = counted([tree_of(tmp_path, split)])
    assert (turn.cache_write_5m_tokens, turn.cache_write_1h_tokens, turn.cache_write_tokens) == (3, 4, 7)


IDS = st.sampled_from([b"1" * 8, b"2" * 8, bytes(8)])
RECORDS = st.lists(
    st.tuples(
        st.integers(0, 5),
        IDS,
        IDS,
        st.integers(1, 2),
        *(st.integers(0, 3), st.integers(0, 3), st.just(0), st.just(0), st.just(0)),
        st.booleans(),
    ),
    max_size=10,
)


@given(RECORDS, st.integers(0, 1000))
def test_the_order_of_reading_makes_no_difference(records: list[Record], seed: int) -> None:
    shuffled = random.Random(seed).sample(records, len(records))
    assert sorted(what_counts(records)) == sorted(what_counts(shuffled))


@given(RECORDS, st.integers(0, 10))
def test_what_counts_of_what_counts_in_parts_is_what_counts_in_the_whole(records: list[Record], cut: int) -> None:
    parts = [*what_counts(records[:cut]), *what_counts(records[cut:])]
    assert sorted(what_counts(parts)) == sorted(what_counts(records))


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_bytes_are_read_without_an_exception(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.jsonl"
    file.write_bytes(b'{"usage":' + content + b"}\n" + content + b'"usage"\n')
    assert list(turns_in(TranscriptFile("", str(file), "p", "s"))) == []


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        ("2026-11-20T10:00:00.123Z", 0.123),
        ("2026-11-20T10:00:00Z", 0),
        ("2026-11-20T12:00:00.999+02:00", 0.999),
        ("2026-11-20T10:00:00.123456789Z", 0.123),
        ("2026-11-20 10:00:00+00:00", 0),
        ("20261120T100000Z", 0),  # not RFC 3339: what the typed decoder refuses is looked at once more
        ("2026-11-20T10:00:00", None),  # without an offset it is no moment
        ("yesterday", None),
        (1795168800, None),
    ],
)
def test_a_turn_is_at_the_millisecond_its_row_says(tmp_path: Path, timestamp: object, seconds: float | None) -> None:
    folder = tree_of(tmp_path / "c", row(timestamp=timestamp))
    file = TranscriptFile("", str(folder / "projects/p/s.jsonl"), "p", "s")
    ten = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp() * 1000)
    assert [turn[AT] for turn in turns_in(file)] == ([] if seconds is None else [ten + round(seconds * 1000)])


@given(st.sampled_from(["timestamp", "message", "requestId", "isSidechain", "data"]), JSON_VALUES, JSON_VALUES)
def test_any_json_in_a_row_is_read_without_an_exception(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: object, inner: object
) -> None:
    file = tmp_path_factory.getbasetemp() / "row.jsonl"
    first = {**row(), field: value}
    second = row()
    second["message"] = {"id": value, "model": inner, "usage": {"input_tokens": value, "cache_creation": inner}}
    file.write_text("\n".join(json.dumps(each) for each in (first, second)))
    for record in turns_in(TranscriptFile("", str(file), "p", "s")):
        assert total_of(record) >= 0


# --- the command ----------------------------------------------------------------------------------------------------


def local(*arguments: str) -> dict[str, object]:
    done = run_script("local", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_local_as_json_is_the_contract(scratch_home: Path) -> None:
    write_tree(scratch_home / "claude", NOON)
    answer = local("--by", "model")
    assert set(answer) == {
        *("schema", "since", "until", "files", "turns", "input_tokens", "output_tokens"),
        *("cache_creation_input_tokens", "cache_read_input_tokens", "total_tokens", "by"),
    }
    parts = answer["by"]
    assert isinstance(parts, list) and len(parts) == 4
    for field in ("turns", "total_tokens", "output_tokens"):
        assert sum(part[field] for part in parts) == answer[field]
    assert local()["by"] == []


def test_local_counts_from_until_and_as_of_a_time(scratch_home: Path) -> None:
    write_tree(scratch_home / "claude", NOON)
    whole = local()["turns"]
    middle = "2026-11-22T12:00Z"
    before, after = local("--until", middle), local("--since", middle)
    assert before["turns"] + after["turns"] == whole  # type: ignore[operator]
    assert before["until"] == "2026-11-22T12:00:00Z" and local("--at", middle)["turns"] == before["turns"]
    days = local("--by", "day", "--timezone", "Pacific/Auckland")["by"]
    assert [day["key"] for day in days] == sorted(day["key"] for day in days)  # type: ignore[union-attr, index]
    assert days != local("--by", "day")["by"]


@pytest.mark.parametrize("by", ["total", "model", "day", "session", "project"])
def test_local_s_table_fits_the_terminal(scratch_home: Path, by: str) -> None:
    write_tree(scratch_home / "claude", NOON)
    shown = run_script("local", "--by", by, env={"COLUMNS": "80"}).stdout
    assert max(map(len, shown.splitlines())) <= 80 and "cache w" in shown and "total" in shown
    assert "…" not in shown.splitlines()[0]


def test_local_without_transcripts_says_so_and_bad_times_exit_2() -> None:
    assert run_script("local").stdout == "No transcripts of Claude Code here.\n"
    assert local()["files"] == 0
    assert run_script("local", "--since", "someday").returncode == 2
    assert run_script("local", "--timezone", "Nowhere/City").returncode == 2


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0 k"), (12_345, "12.3 k"), (123_456, "123 k"), (2_100_000, "2.1 M")],
)
def test_counts_are_short(count: int, text: str) -> None:
    assert amount(count) == text
