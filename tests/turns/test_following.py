"""Transcripts that grow while somebody looks: noticed by events or by looking, read once, never lost."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import NOON
from test_transcripts import ours, row, tree_of

from claude_meter_tui.demo.transcripts import write_tree
from claude_meter_tui.store.store import Store
from claude_meter_tui.turns.transcripts import following, indexing, scanning, watching
from claude_meter_tui.turns.transcripts.following import Follower, Following
from claude_meter_tui.turns.transcripts.ledger import Ledger
from claude_meter_tui.turns.transcripts.watching import EventWatcher, NewestWatcher, on_network, watcher_for

WATCHERS = ("events", "newest")


class Followed:
    """A follower of one root, and what it has published."""

    def __init__(self, folder: Path) -> None:
        self.root, self.store_file = folder / "claude", str(folder / "state" / "meter.sqlite3")
        self.published: list[Following] = []
        Store.open(self.store_file).close()
        self.follower = Follower(self.store_file, [str(self.root)], self.published.append)

    def total(self) -> int:
        with Store.open(self.store_file) as store:
            return (
                Ledger(lambda: store.connection, [str(self.root)])
                .sum_by("total", since=None, until=None)[0]
                .total_tokens
            )

    def wait(self, until: Callable[[], bool], seconds: float = 10) -> None:
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, self.published[-3:]
            time.sleep(0.02)

    def begin(self) -> None:
        self.follower.start()
        self.wait(lambda: self.follower.state.looked)


@pytest.fixture
def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Followed]:
    monkeypatch.setattr(watching, "_LOOK_SECONDS", 0.1)
    made = Followed(tmp_path)
    yield made
    made.follower.stop(10)


@pytest.fixture(params=WATCHERS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With file events, and where the system has no watches left."""
    if request.param == "newest":

        def no_watches(*_: object) -> None:
            raise OSError("OS file watch limit reached")

        monkeypatch.setattr(watching, "EventWatcher", no_watches)
        monkeypatch.setattr(NewestWatcher, "walk_every", 0.5)
    return str(request.param)


def append(file: Path, *rows: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write("".join(json.dumps(row) + "\n" for row in rows))


def test_what_is_written_is_seen(followed: Followed, kind: str) -> None:
    file = next(tree_of(followed.root, row("m1")).rglob("*.jsonl"))
    followed.begin()
    assert followed.total() == 110
    append(file, row("m2"))
    followed.wait(lambda: followed.total() == 220)
    append(file.with_name("new.jsonl"), row("m3"))
    followed.wait(lambda: followed.total() == 330)
    append(file.parent / "s" / "subagents" / "agent-1.jsonl", row("m4", isSidechain=True))
    followed.wait(lambda: followed.total() == 440)
    file.unlink()
    append(file.with_name("new.jsonl"), row("m5"))
    followed.wait(lambda: followed.total() == 550)
    assert followed.follower.state.trouble == ""


def test_a_turn_is_seen_within_two_seconds_and_only_its_bytes_are_read(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(followed.root, NOON)
    followed.begin()
    walks, read = [], []
    monkeypatch.setattr(following, "transcripts", lambda roots: walks.append(roots) or [])
    refresh = following.Index.refresh
    monkeypatch.setattr(following.Index, "refresh", lambda *args: read.append(refresh(*args)) or read[-1])
    file = next(followed.root.rglob("*.jsonl"))
    before, began = followed.total(), time.monotonic()
    append(file, row("m1"))
    followed.wait(lambda: followed.total() == before + 110)
    taken = time.monotonic() - began
    assert [done.read_bytes for done in read if done.read_files] == [len(json.dumps(row("m1"))) + 1]
    assert not walks and taken < 10  # the benchmark measures it; here only that no walk was waited for


def test_a_claude_code_that_comes_later_is_noticed(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NewestWatcher, "walk_every", 0.2)
    followed.begin()
    assert followed.follower.state.files == 0
    append(followed.root / "projects" / "p" / "s.jsonl", row("m1"))
    followed.wait(lambda: followed.total() == 110)


def test_a_folder_replaced_is_watched_anew(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_CHECK_SECONDS", 0.2)
    tree_of(followed.root, row("m1"))
    followed.begin()
    shutil.move(followed.root / "projects", followed.root / "old")
    tree_of(followed.root, row("m2"))
    followed.wait(lambda: followed.total() == 220)
    append(next((followed.root / "projects").rglob("*.jsonl")), row("m3"))
    followed.wait(lambda: followed.total() == 330)


def test_a_first_reading_is_done_elsewhere_lately_touched_files_first(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(followed.root, NOON, days=20)
    old = NOON.timestamp() - 20 * 86400
    for number, file in enumerate(sorted(followed.root.rglob("*.jsonl"))):
        if number % 3:
            os.utime(file, (old, old))
    monkeypatch.setattr(following, "_WORTH_SAYING", 1)
    here = []
    refresh = following.Index.refresh
    monkeypatch.setattr(following.Index, "refresh", lambda *args: here.append(refresh(*args)) or here[-1])
    followed.begin()
    assert followed.total() == sum(ours([followed.root]).values())
    assert sum(done.read_files for done in here) == 0  # all was read by the other process
    steps = [(state.done, state.whole) for state in followed.published if state.whole]
    whole = sum(file.stat().st_size for file in followed.root.rglob("*.jsonl"))
    assert 0 < steps[0][0] < whole and {step[1] for step in steps} == {whole}
    last = followed.published[-1]
    assert last.looked and (last.done, last.whole) == (0, 0) and last.files == len(list(followed.root.rglob("*.jsonl")))


def test_a_first_reading_is_done_here_if_the_process_fails(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(followed.root, NOON)
    monkeypatch.setattr(following, "_WORTH_SAYING", 1)
    monkeypatch.setattr(indexing, "_PROGRAM", "import sys; sys.exit(3) #{}")
    followed.begin()
    assert followed.total() == sum(ours([followed.root]).values())


def test_a_reading_is_given_up_when_the_user_leaves(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(followed.root, NOON)
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **more: started.append(popen(*args, **more)) or started[-1])
    monkeypatch.setattr(following, "_WORTH_SAYING", 1)
    endless = (
        "import itertools, time; [(print(n, 10**9, 5, flush=True), time.sleep(0.01)) for n in itertools.count()] #{}"
    )
    monkeypatch.setattr(indexing, "_PROGRAM", endless)
    followed.follower.start()
    followed.wait(lambda: len(followed.published) > 3)
    followed.follower.stop(10)
    assert not followed.follower._thread.is_alive() and not followed.follower.state.looked
    assert started[0].poll() is not None and followed.total() == 0


def test_a_store_that_fails_is_said_and_tried_again(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_AGAIN_SECONDS", 0.1)
    tree_of(followed.root, row("m1"))
    failed = []

    def full_disk(self: object, *_: object) -> object:
        if not failed:
            failed.append(1)
            raise sqlite3.OperationalError("database or disk is full")
        return refresh(self, *_)  # type: ignore[arg-type]

    refresh = following.Index.refresh
    monkeypatch.setattr(following, "read_elsewhere", lambda *_: None)
    monkeypatch.setattr(following.Index, "refresh", full_disk)
    followed.begin()
    assert "disk is full" in followed.published[0].trouble
    assert followed.follower.state.trouble == "" and followed.total() == 110


# --- watchers ---------------------------------------------------------------------------------------------------------


def test_only_the_newest_files_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, followed: Followed
) -> None:
    monkeypatch.setattr(watching, "EventWatcher", lambda *_: (_ for _ in ()).throw(OSError))
    for number in range(50):
        tree_of(followed.root / f"x{number}", row(f"m{number}"))
        file = next((followed.root / f"x{number}").rglob("*.jsonl"))
        target = followed.root / "projects" / "p" / f"{number}.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
        os.utime(target, (number, number))
    followed.begin()
    assert [Path(path).stem for path in followed.follower._newest(3)] == ["49", "48", "47"]


@pytest.mark.parametrize(
    ("table", "network"),
    [
        ("/dev/sda / ext4 rw 0 0\n", False),
        ("/dev/sda / ext4 rw 0 0\nserver:/home {0} nfs4 rw 0 0\n", True),
        ("/dev/sda / ext4 rw 0 0\nhost:/ {0} fuse.sshfs rw 0 0\ntmpfs {0}/a tmpfs rw 0 0\n", False),
        ("drvfs / 9p rw 0 0\n", True),
        ("nonsense\n", False),
        ("", False),
    ],
)
def test_network_mounts_are_told(tmp_path: Path, table: str, network: bool) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    mounts = tmp_path / "mounts"
    mounts.write_text(table.format(os.path.realpath(tmp_path)))
    assert on_network(str(folder), str(mounts)) is network
    assert on_network(str(folder), str(tmp_path / "none")) is False


def test_the_watcher_is_chosen_by_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    stopped = threading.Event()

    def chosen() -> type:
        watcher = watcher_for([str(tmp_path)], [], lambda _: [], stopped)
        watcher.close()
        return type(watcher)

    assert chosen() is NewestWatcher  # nothing there to watch yet
    (tmp_path / "projects").mkdir()
    assert chosen() is EventWatcher
    monkeypatch.setattr(watching, "on_network", lambda _: True)
    assert chosen() is NewestWatcher


def test_an_interpreter_that_is_gone_does_not_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade under an open pane: no process can be started any more, so it reads by itself."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "gone" / "python"))
    monkeypatch.setattr(scanning, "_WORTH_PROCESSES", 0)
    made = Followed(tmp_path)
    write_tree(made.root, NOON)
    made.begin()
    assert made.total() > 0 and not made.follower.state.trouble
    made.follower.stop(10)


def test_a_defect_while_following_is_said_and_it_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from claude_meter_tui.turns.transcripts import following

    def broken(*_: object) -> None:
        raise RuntimeError("sk-ant-oat01-dummy-secret")

    monkeypatch.setattr(following, "linked_folders", broken)
    made = Followed(tmp_path)
    made.follower.start()
    made.wait(lambda: "should not have" in made.follower.state.trouble)
    made.follower.stop(10)
    reports = [file.read_text() for file in Path(os.environ["CLAUDE_METER_STATE_DIR"]).rglob("*.txt")]
    assert reports and "secret" not in "".join(reports)


def test_a_turn_in_a_linked_project_is_seen(followed: Followed, tmp_path: Path) -> None:
    outside = tmp_path / "synced" / "-p"
    outside.mkdir(parents=True)
    (followed.root / "projects").mkdir(parents=True)
    (followed.root / "projects" / "-linked").symlink_to(outside)
    append(outside / "a.jsonl", row("m1", "r1", 10))
    followed.begin()
    before = followed.total()
    append(outside / "a.jsonl", row("m2", "r2", 500))
    followed.wait(lambda: followed.total() >= before + 500)


def test_processes_are_not_started_for_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_scan_in_processes", lambda *_: pytest.fail("a process for a few bytes"))
    made = Followed(tmp_path)
    write_tree(made.root, NOON)
    made.begin()
    made.follower.stop(10)
    assert made.total() == sum(ours([made.root]).values())
