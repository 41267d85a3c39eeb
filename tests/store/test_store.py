"""What is kept between runs, in real SQLite files."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOON, payload

from claude_meter_tui.domain.errors import StoreError
from claude_meter_tui.domain.windows import Account, Reading
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.store import migrations
from claude_meter_tui.store.store import Store
from claude_meter_tui.system import paths

ALICE = Account(email="alice@example.com", organization_uuid="6a0b8c1e-0000-4000-8000-000000000001", plan="Max 20x")
BOB = Account(email="bob@example.com", organization_uuid="6a0b8c1e-0000-4000-8000-000000000002")


def reading(minutes: int = 0, account: Account = ALICE, name: str = "limits-array-and-spend.json") -> Reading:
    return read_usage(payload(name), observed_at=NOON + timedelta(minutes=minutes), source="oauth", account=account)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "meter.sqlite3")


def test_a_reading_comes_back_as_it_was_kept(path: str) -> None:
    with Store.open(path) as store:
        assert store.save(reading().document())
    with Store.open(path) as store:
        kept, back = reading(), Reading.model_validate(store.newest())
        seen = {"observed_at": kept.observed_at, "source": kept.source}
        windows = tuple(window.model_copy(update=seen) for window in kept.windows)
        assert back == kept.model_copy(update={"windows": windows, "whole_at": kept.observed_at})


def test_damage_in_a_body_is_kept_for_the_doctor(path: str) -> None:
    with Store.open(path) as store:
        store.save(reading(name="damaged-entries.json").document())
        newest = store.newest()
        assert newest is not None and len(newest["damaged"]) == 9


def test_the_newest_of_one_account_or_as_of_a_time(path: str) -> None:
    with Store.open(path) as store:
        for minutes, account in ((0, ALICE), (10, BOB), (5, ALICE)):
            store.save(reading(minutes, account).document())
        alice = store.account_id(reading().document()["account"])
        newest, of_alice = store.newest(), store.newest(account_id=alice)
        early = store.newest(at=NOON + timedelta(minutes=4))
        assert newest is not None and newest["account"]["email"] == "bob@example.com"
        assert of_alice is not None and of_alice["observed_at"] == "2026-11-26T12:05:00Z"
        assert early is not None and early["observed_at"] == "2026-11-26T12:00:00Z"
        assert store.newest(at=NOON - timedelta(days=1)) is None


def test_the_same_reading_twice_is_kept_once(path: str) -> None:
    with Store.open(path) as store:
        assert [store.save(reading().document()) for _ in range(3)] == [True, False, False]
        assert store.count() == 1


def test_a_token_is_known_by_its_fingerprint_only(path: str) -> None:
    with Store.open(path) as store:
        assert store.account_of("f1") is None
        owner = store.remember_account("f1", reading().document()["account"], NOON)
        assert store.account_of("f1") == owner
        assert store.account(owner)["email"] == "alice@example.com"


def test_an_account_learns_its_plan_later(path: str) -> None:
    with Store.open(path) as store:
        bob = BOB.model_dump()
        first = store.account_id(bob)  # type: ignore[arg-type]
        assert store.account_id({**bob, "plan": "Pro"}) == first  # type: ignore[typeddict-item]
        assert store.account(first)["plan"] == "Pro"


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_files_are_the_users_alone_even_with_an_open_umask(path: str) -> None:
    before = os.umask(0)
    try:
        with Store.open(path) as store:
            store.save(reading().document())
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in Path(path).parent.iterdir()}
    finally:
        os.umask(before)
    assert len(modes) >= 2 and set(modes.values()) == {0o600}
    assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Store.open(str(tmp_path / "meter.sqlite3")).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize("damage", ["garbage", "header", "middle", "truncated", "other schema"])
def test_a_damaged_store_is_set_aside_not_fatal(path: str, damage: str) -> None:
    with Store.open(path) as store:
        for minutes in range(200):
            store.save(reading(minutes).document())
    file = Path(path)
    content = bytearray(file.read_bytes())
    if damage == "garbage":
        file.write_bytes(b"not a database" * 1000)
    elif damage == "header":
        file.write_bytes(b"\0" * 100 + bytes(content[100:]))
    elif damage == "middle":
        content[4096:] = b"\xff" * (len(content) - 4096)
        file.write_bytes(content)
    elif damage == "truncated":
        file.write_bytes(content[:5000])
    else:
        file.unlink()
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE readings (x)")
        other.execute("PRAGMA user_version = 1")
        other.commit()
        other.close()
    with Store.open(path) as store:
        assert store.newest() is None
        assert store.set_aside is not None and Path(store.set_aside).exists()
        assert store.save(reading().document())
    with Store.open(path) as store:
        assert store.set_aside is None and store.count() == 1


def test_a_store_from_a_newer_version_is_left_alone(path: str) -> None:
    Store.open(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA user_version = {len(migrations.MIGRATIONS) + 1}")
    raw.close()
    with pytest.raises(StoreError, match="newer"):
        Store.open(path)
    assert Path(path).exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used") as caught:
        Store.open(str(tmp_path / "file" / "meter.sqlite3"))
    assert "CLAUDE_METER_STATE_DIR" in caught.value.hint


def test_a_failed_migration_changes_nothing(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(path).close()
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, ("CREATE TABLE later (x)", "no SQL at all")))
    raw = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrations.migrate(raw)
    assert raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'later'").fetchone() == (0,)
    raw.close()


def test_two_processes_open_and_write_at_once(path: str) -> None:
    code = f"""
import json, sys
from claude_meter_tui.store.store import Store
reading = json.loads(sys.stdin.read())
store = Store.open({path!r})
for second in range(60):
    store.save({{**reading, "observed_at": f"2026-11-26T12:{{second:02}}:{{sys.argv[1]}}Z"}})
"""
    text = Reading.model_dump_json(reading()).encode()
    running = [
        subprocess.Popen([sys.executable, "-c", code, f"0{number}"], stdin=subprocess.PIPE) for number in range(3)
    ]
    for process in running:
        process.communicate(text, timeout=60)
        assert process.returncode == 0
    with Store.open(path) as store:
        assert store.count() == 180 and store.set_aside is None


def test_another_process_s_write_is_noticed_without_reading_anything(path: str) -> None:
    with Store.open(path) as one, Store.open(path) as other:
        before = one.version()
        assert one.version() == before
        other.save(reading().document())
        assert one.version() != before


def test_the_linux_paths_are_those_of_platformdirs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import platformdirs

    monkeypatch.delenv("CLAUDE_METER_STATE_DIR")
    for xdg in (None, str(tmp_path / "xdg")):
        if xdg:
            monkeypatch.setenv("XDG_STATE_HOME", xdg)
            monkeypatch.setenv("XDG_CONFIG_HOME", xdg)
        assert paths.state_dir(os.environ) == platformdirs.user_state_dir(paths.APP, appauthor=False)
        assert Path(paths.config_file(os.environ)).parent == Path(
            platformdirs.user_config_dir(paths.APP, appauthor=False)
        )
