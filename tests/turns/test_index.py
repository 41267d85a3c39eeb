"""The index of transcripts: read on, never twice; nothing lost or doubled whatever happens to file or process."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import NOON, run_script
from test_transcripts import counted, ours, row, tree_of
from trees import Tree

from claude_meter_tui.demo.transcripts import write_tree
from claude_meter_tui.store.store import Store
from claude_meter_tui.turns.sums import TokenSum
from claude_meter_tui.turns.transcripts import scanning
from claude_meter_tui.turns.transcripts.counting import what_counts
from claude_meter_tui.turns.transcripts.hours import Hours
from claude_meter_tui.turns.transcripts.index import Index, every_record
from claude_meter_tui.turns.transcripts.ledger import Ledger
from claude_meter_tui.turns.transcripts.records import HOUR_MS, total_of
from claude_meter_tui.turns.transcripts.roots import transcripts
from claude_meter_tui.turns.turn import Turn, piece_of


class Kept:
    """An index in a store of its own, over one root."""

    def __init__(self, store: Store, root: Path) -> None:
        self.root, self.store = root, store
        self.index, self.ledger = Index(store.connection, [str(root)]), Ledger(lambda: store.connection, [str(root)])

    def refresh(self) -> tuple[int, int, int, list[str]]:
        done = self.index.refresh(transcripts([str(self.root)]))
        return done.files, done.read_files, done.read_bytes, done.unread

    def total(self) -> int:
        """By the kept sums, which must be what the kept turns say, counted whole."""
        whole = sum(map(total_of, what_counts(every_record(self.store.connection, [str(self.root)]))))
        assert self.ledger.sum_by("total", since=None, until=None)[0].total_tokens == whole
        assert sum(turn.total_tokens for turn in self.ledger.turns(0, 2**50)) == whole
        return whole

    @property
    def file(self) -> Path:
        return next(self.root.rglob("*.jsonl"))


@pytest.fixture
def store_path(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "meter.sqlite3")


@pytest.fixture(params=[None, 106], ids=["", "in small parts"])
def kept(
    store_path: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Kept]:
    if request.param is not None:
        monkeypatch.setattr("claude_meter_tui.turns.transcripts.index._PART_BYTES", request.param)
    with Store.open(store_path) as store:
        yield Kept(store, tmp_path / "root")


def nameless(output: int = 100) -> dict[str, object]:
    made = row(output=output)
    del made["message"]["id"]
    return made


def append(file: Path, text: str) -> None:
    with file.open("a") as out:
        out.write(text)


def test_a_second_look_reads_nothing(kept: Kept) -> None:
    tree_of(kept.root, row("m1"), row("m2"))
    assert kept.refresh()[1] == 1 and kept.total() == 220
    assert kept.refresh() == (1, 0, 0, []) and kept.total() == 220


def test_what_is_appended_is_read_and_nothing_else(kept: Kept) -> None:
    tree_of(kept.root, row("m1"), nameless())
    kept.refresh()
    line = json.dumps(row("m2")) + "\n"
    append(kept.file, line)
    assert kept.refresh()[2] == len(line) and kept.total() == 330


def test_a_half_written_line_counts_once_it_is_whole_and_then_once(kept: Kept) -> None:
    tree_of(kept.root, row("m1"))
    line = json.dumps(nameless())
    for part in (line[:40], line[40:], "\n", json.dumps(nameless()) + "\n"):
        append(kept.file, part)
        kept.refresh()
    assert kept.total() == 330


def test_a_whole_last_line_without_newline_counts_at_once_and_only_once(kept: Kept) -> None:
    tree_of(kept.root, row("m1"))
    append(kept.file, json.dumps(nameless()))
    kept.refresh()
    assert kept.total() == 220
    append(kept.file, "\n")
    kept.refresh()
    assert kept.total() == 220


@pytest.mark.parametrize("how", ["truncated", "rewritten longer", "rewritten same length", "replaced"])
def test_a_rewritten_file_is_read_anew_and_what_it_said_stays_counted(kept: Kept, how: str) -> None:
    tree_of(kept.root, row("m1"), row("m2"), row("m3"), nameless())
    kept.refresh()
    whole = kept.file.read_text().splitlines(keepends=True)
    new = {
        "truncated": whole[:1],
        "rewritten longer": [json.dumps(row("m9")) + "\n", *whole, *whole],
        "rewritten same length": [whole[0].replace("m1", "m9"), *whole[1:3], whole[3].replace("r1", "r9")],
        "replaced": [json.dumps(row("m9")) + "\n"],
    }[how]
    file = kept.file
    if how == "replaced":
        file.unlink()
    file.write_text("".join(new))
    os.utime(file, ns=(1, 1))
    kept.refresh()
    named = 3 if how == "truncated" else 4
    without_id = sum('"id"' not in line for line in new)
    assert kept.total() == 110 * (named + without_id)


def test_a_deleted_file_stays_counted(kept: Kept) -> None:
    tree_of(kept.root, row("m1"), nameless())
    kept.refresh()
    kept.file.unlink()
    assert kept.refresh()[0] == 0 and kept.total() == 220


def test_a_file_that_cannot_be_read_is_named_and_the_others_count(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    tree_of(kept.root, row("m1"))
    (kept.root / "projects" / "p" / "gone.jsonl").symlink_to(kept.root / "nowhere")
    unread = kept.refresh()[3]
    assert [Path(path).name for path in unread] == ["gone.jsonl"] and kept.total() == 110


@pytest.mark.parametrize("seed", range(4))
def test_growing_trees_equal_reading_them_whole(kept: Kept, tmp_path: Path, seed: int) -> None:
    """A tree that grows by random pieces, cut anywhere, is at every moment what a whole reading finds."""
    source = Tree(tmp_path / "whole", seed, roots=1)
    source.write(sessions=3)
    chance = random.Random(seed)
    contents = {file.relative_to(source.roots[0]): file.read_bytes() for file in source.roots[0].rglob("*.jsonl")}
    done = dict.fromkeys(contents, 0)
    while any(done[name] < len(content) for name, content in contents.items()):
        name = chance.choice([name for name, content in contents.items() if done[name] < len(content)])
        size = chance.randint(1, 20_000)
        file = kept.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as out:
            out.write(contents[name][done[name] : done[name] + size])
        done[name] += size
        kept.refresh()
    assert kept.total() == sum(ours([kept.root]).values()) == sum(ours(source.roots).values())


def test_a_long_transcript_is_kept_in_parts_and_read_again_whole_by_other_rules(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claude_meter_tui.turns.transcripts.index._PART_BYTES", 106)
    tree_of(kept.root, row("m0"), nameless())
    for number in range(1, 9):
        kept.refresh()
        append(kept.file, json.dumps(row(f"m{number}")) + "\n" + json.dumps(nameless()) + "\n")
    kept.refresh()
    total, db = kept.total(), kept.store.connection
    assert total == 18 * 110
    assert max(row[0] for row in db.execute("SELECT length(turns) FROM packed")) <= 4 * 53
    assert db.execute("SELECT count(*) FROM transcripts WHERE part_of IS NOT NULL").fetchone()[0] >= 4
    monkeypatch.setattr("claude_meter_tui.turns.transcripts.index.RULES", 99)
    kept.refresh()
    assert kept.total() == total
    assert db.execute("SELECT count(*) FROM transcripts WHERE part_of IS NOT NULL").fetchone()[0] <= 1
    assert (
        db.execute("SELECT count(*) FROM packed").fetchone()
        == db.execute("SELECT count(*) FROM transcripts").fetchone()
    )


def test_two_roots_do_not_mix(store_path: str, tmp_path: Path) -> None:
    with Store.open(store_path) as store:
        one = Kept(store, tree_of(tmp_path / "one", row("m1")))
        two = Kept(store, tree_of(tmp_path / "two", row("m2"), row("m3")))
        one.refresh(), two.refresh()
        assert (one.total(), two.total()) == (110, 220)


REFRESH = """
import sys
from claude_meter_tui.store.store import Store
from claude_meter_tui.turns.transcripts import index
from claude_meter_tui.turns.transcripts.index import Index
from claude_meter_tui.turns.transcripts.roots import transcripts
index._BATCH_BYTES = 20_000
with Store.open(sys.argv[1]) as store:
    print("begun", flush=True)
    Index(store.connection, [sys.argv[2]]).refresh(transcripts([sys.argv[2]]))
"""


def test_two_processes_at_once_double_nothing(store_path: str, tmp_path: Path) -> None:
    write_tree(tmp_path / "root", NOON)
    Store.open(store_path).close()
    command = [sys.executable, "-c", REFRESH, store_path, str(tmp_path / "root")]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    with Store.open(store_path) as store:
        kept = Kept(store, tmp_path / "root")
        assert kept.refresh()[1] == 0
        assert kept.total() == sum(ours([tmp_path / "root"]).values())
        rows = store.connection.execute("SELECT count(*), count(DISTINCT path) FROM transcripts").fetchone()
        assert rows[0] == rows[1]


def test_killed_again_and_again_it_loses_and_doubles_nothing(store_path: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    tree = Tree(tmp_path, 99, roots=0)
    tree.roots = [root]
    tree.write(sessions=12)
    Store.open(store_path).close()
    chance = random.Random(7)
    killed = 0
    for _ in range(25):
        with subprocess.Popen(
            [sys.executable, "-c", REFRESH, store_path, str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.random() * 0.03)
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        with next(root.rglob("*.jsonl")).open("a") as out:
            out.write(json.dumps(row(f"m{killed}-{chance.random()}")) + "\n")
    assert killed > 5
    with Store.open(store_path) as store:
        assert store.set_aside is None
        kept = Kept(store, root)
        kept.refresh()
        assert kept.total() == sum(ours([root]).values())


def test_local_without_a_usable_store_counts_all_the_same(scratch_home: Path) -> None:
    write_tree(scratch_home / "claude", NOON)
    (scratch_home / "file").write_text("")
    whole = json.loads(run_script("local", "--json").stdout)
    done = run_script("local", "--json", env={"CLAUDE_METER_STATE_DIR": str(scratch_home / "file" / "state")})
    assert done.returncode == 0 and json.loads(done.stdout) == whole
    assert "read anew" in done.stderr and len(done.stderr.splitlines()) == 1


# --- sums by the hour -------------------------------------------------------------------------------------------------

GROUPINGS = {
    "total": lambda turn: "",
    "model": lambda turn: turn.model,
    "day": lambda turn: datetime.fromtimestamp(turn.at / 1000, UTC).date().isoformat(),
    "session": lambda turn: turn.session,
    "project": lambda turn: turn.project,
}


def summed(turns: Iterable[Turn]) -> TokenSum:
    whole = TokenSum()
    for turn in turns:
        whole.add(piece_of(turn))
    return whole


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_hourly_sums_equal_the_turns_sums(store_path: str, tmp_path: Path, grouping: str) -> None:
    tree = Tree(tmp_path, 5, roots=2)
    tree.write(sessions=8)
    roots = [str(root) for root in tree.roots]
    with Store.open(store_path) as store:
        Index(store.connection, roots).refresh(transcripts(roots))
        ledger = Ledger(lambda: store.connection, roots)
        turns = counted(tree.roots)
        assert sorted(ledger.turns(0, 2**50)) == sorted(turns)
        first = min(turn.at for turn in turns) // HOUR_MS * HOUR_MS
        ends = [(None, None), (first + 9 * HOUR_MS, None), (first + 2 * HOUR_MS + 7, first + 20 * HOUR_MS + 1_234_567)]
        ends += [(first + 2 * HOUR_MS + 7, first + 2 * HOUR_MS + 1_800_000), (first + 9, first), (0, 5)]
        for since, until in ends:
            inside = [turn for turn in turns if (since or 0) <= turn.at < (until or 2**50)]
            whole, parts = ledger.sum_by(grouping, since=since, until=until)
            assert whole == summed(inside)
            keys = {GROUPINGS[grouping](turn) for turn in inside} if grouping != "total" else set()
            assert parts == {key: summed(turn for turn in inside if GROUPINGS[grouping](turn) == key) for key in keys}


def test_pieces_are_hours_by_model_cut_where_asked(store_path: str, tmp_path: Path) -> None:
    write_tree(tmp_path / "root", NOON)
    with Store.open(store_path) as store:
        kept = Kept(store, tmp_path / "root")
        kept.refresh()
        turns = kept.ledger.turns(0, 2**50)
        cut = turns[len(turns) // 2].at
        for cuts in ([], [cut], [turn.at for turn in turns]):
            pieces = kept.ledger.pieces(cuts)
            assert sum(piece.total_tokens for piece in pieces) == sum(turn.total_tokens for turn in turns)
            assert all(piece.last_at < when or piece.first_at >= when for piece in pieces for when in cuts)
            assert pieces == sorted(pieces)
        assert len(kept.ledger.pieces()) < len(turns) / 3 and len(pieces) == len(turns)
        assert kept.ledger.newest_turns(3, 2**45) == sorted(turns, reverse=True)[:3]
        assert kept.ledger.newest_turns(3, cut)[0].at < cut


def test_hourly_sums_follow_every_change(kept: Kept) -> None:
    tree_of(kept.root, row("m1"), nameless())

    def total() -> int:
        kept.refresh()
        return kept.total()

    assert total() == 220
    append(kept.file, json.dumps(row("m2")))
    assert total() == 330
    append(kept.file, "\n" + json.dumps(row("m1", output=500)) + "\n")
    assert total() == 730
    kept.file.write_text(json.dumps(row("m9")) + "\n")
    assert total() == 730


def test_a_change_is_followed_without_counting_everything_anew(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(kept.root, NOON)
    kept.refresh()
    monkeypatch.setattr(Hours, "_rebuild", lambda *_: pytest.fail("everything was counted anew"))
    append(kept.file, json.dumps(row("m1")) + "\n" + json.dumps(row("m2", isSidechain=True)) + "\n")
    before = kept.ledger.change()
    kept.refresh()
    assert kept.ledger.change() > before
    kept.total()


def test_another_set_of_roots_has_sums_of_its_own(store_path: str, tmp_path: Path) -> None:
    with Store.open(store_path) as store:
        one, two = tree_of(tmp_path / "one", row("m1")), tree_of(tmp_path / "two", row("m1"), row("m2"))
        roots = [str(one), str(two)]
        for _ in range(2):
            for chosen in (roots, roots[:1], roots[1:]):
                Index(store.connection, chosen).refresh(transcripts(chosen))
            totals = [
                Ledger(lambda: store.connection, chosen).sum_by("total", since=None, until=None)[0].total_tokens
                for chosen in (roots, roots[:1], roots[1:])
            ]
            assert totals in ([220, 110, 220], [330, 110, 330])
            append(next(two.rglob("*.jsonl")), json.dumps(row("m3")) + "\n")


def test_an_unchanged_tree_is_summed_without_a_look_at_its_turns(scratch_home: Path) -> None:
    write_tree(scratch_home / "claude", NOON)
    whole = run_script("local", "--by", "day", "--json").stdout
    with Store.open(str(scratch_home / "state" / "meter.sqlite3")) as store:
        store.connection.execute("UPDATE packed SET turns = zeroblob(length(turns))")
        store.connection.execute("UPDATE counted SET turns = zeroblob(length(turns))")
    assert run_script("local", "--by", "day", "--json").stdout == whole


# --- many files, in processes of their own ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_processes_find_what_one_finds(
    store_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    tree = Tree(tmp_path, seed, roots=2)
    tree.write(sessions=8)
    roots = [str(root) for root in tree.roots]
    monkeypatch.setattr(scanning, "_WORTH_PROCESSES", 0)
    with Store.open(store_path) as store:
        done = Index(store.connection, roots).refresh(transcripts(roots))
        assert done.read_files == done.files and done.unread == []
        assert sorted(Ledger(lambda: store.connection, roots).turns(0, 2**50)) == sorted(counted(tree.roots))


@pytest.mark.parametrize("program", ["import os; os._exit(3)", "import sys; sys.stdin.buffer.read(); print('odd')"])
def test_what_a_failed_process_leaves_is_read_here(kept: Kept, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    tree_of(kept.root, row("m1"), row("m2"))
    monkeypatch.setattr(scanning, "_WORTH_PROCESSES", 0)
    monkeypatch.setattr(scanning, "_PROGRAM", program + " #{}")
    assert kept.refresh()[1] == 1 and kept.total() == 220


def test_a_process_that_fails_half_way_costs_nothing(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        file = tree_of(kept.root, row(f"m{number}")) / "projects" / "p" / "s.jsonl"
        file.rename(file.with_name(f"s{number}.jsonl"))
    monkeypatch.setattr(scanning, "_WORTH_PROCESSES", 0)
    dies = "from claude_meter_tui.turns.transcripts import scanning; one = scanning._scan_one; left = [7]\n"
    dies += "def dying(*args):\n    left[0] -= 1\n    return one(*args) if left[0] else sys.exit(1)\n"
    dies += "scanning._scan_one = dying\n"
    whole = scanning._PROGRAM
    monkeypatch.setattr(scanning, "_PROGRAM", whole.replace("; scanning.answer()", f"\n{dies}scanning.answer()"))
    monkeypatch.setattr(scanning, "_PORTION_FILES", 2)
    left_over: list[object] = []
    one = scanning._scan_one
    monkeypatch.setattr(scanning, "_scan_one", lambda *args: left_over.append(args) or one(*args))
    assert kept.refresh()[1] == 40 and kept.total() == 40 * 110
    assert 0 < len(left_over) < 40


def test_a_scan_that_is_given_up_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path, NOON)
    monkeypatch.setattr(scanning, "_WORTH_PROCESSES", 0)
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **more: started.append(popen(*args, **more)) or started[-1])
    answers = scanning.scan([(file, 0, status.st_size) for file, status in transcripts([str(tmp_path)]) if status])
    assert next(answers)[1] is not None
    answers.close()
    assert started and all(process.poll() is not None for process in started)
