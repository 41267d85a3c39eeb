"""A store that is damaged, read-only, full, or a newer version's: one sentence, and what can be read is kept."""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOON, Bench, payload, run_script
from test_reported_cases import live  # noqa: F401 - a fixture

from claude_meter_tui.demo.server import DemoServer
from claude_meter_tui.domain.errors import StoreError
from claude_meter_tui.domain.windows import Account
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.store import database_file
from claude_meter_tui.store.migrations import MIGRATIONS, Transaction
from claude_meter_tui.store.store import Store


def reading(hours: int) -> object:
    whose = Account(email="a@example.com", organization_uuid="org-1")
    moment = NOON - timedelta(days=400) + timedelta(hours=hours)
    return read_usage(payload("max-named-windows.json"), observed_at=moment, source="oauth", account=whose).document()


@pytest.fixture
def file(scratch_home: Path) -> Path:
    """A store with enough readings to have many pages; closed, so that all of it is in the one file."""
    path = scratch_home / "state" / "meter.sqlite3"
    with Store.open(str(path)) as store:
        store.save_all(reading(hours) for hours in range(400))  # type: ignore[misc]
        store.put_note("account", str(store.accounts()[0][0]))
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def damage(file: Path, table: str) -> None:
    """Overwrite a page in the middle of a table's tree."""
    with sqlite3.connect(file) as store:
        try:
            pages = [
                row[0] for row in store.execute("SELECT pageno FROM dbstat WHERE name = ? ORDER BY pageno", (table,))
            ]
        except sqlite3.OperationalError:  # not every build has dbstat
            pages = list(range(10, 14))
    store.close()
    page = pages[len(pages) // 2]
    with file.open("r+b") as out:
        out.seek((page - 1) * 4096)
        out.write(b"\xde\xad\xbe\xef" * 1024)


@pytest.mark.parametrize("table", ["windows", "readings"])
@pytest.mark.parametrize("command", [["once"], ["history"], ["doctor"]])
def test_a_damaged_page_is_found_set_aside_and_the_rest_recovered(
    live: DemoServer,  # noqa: F811
    file: Path,
    table: str,
    command: list[str],
) -> None:
    damage(file, table)
    done = run_script(*command)
    said = done.stdout + done.stderr
    assert "Traceback" not in said and "should not have" not in said and done.returncode == 0, said
    assert "set aside" in said and (file.parent / "meter.sqlite3.damaged-1").exists()
    with Store.open(str(file)) as store:
        assert store.connection.execute("PRAGMA quick_check").fetchone()[0] == "ok"
        assert store.count() > 100 and store.accounts()[0][1]["email"]
    again = run_script(*command)
    assert again.returncode == 0 and "set aside" not in again.stderr


async def test_a_page_damaged_under_an_open_dashboard_is_noticed_and_it_goes_on(bench: Bench) -> None:
    await bench.poller.beat()
    broken = sqlite3.DatabaseError("database disk image is malformed")
    broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT  # type: ignore[misc]
    bench.poller._sqlite_trouble(broken)
    assert ".damaged-1" in bench.poller.state.notice
    bench.clock.advance(minutes=20)
    await bench.poller.beat()
    assert bench.poller.state.reading is not None and bench.poller._store.count() == 2


def test_status_of_a_damaged_store_is_one_line(file: Path) -> None:
    file.write_bytes(b"not a database at all" * 1000)
    done = run_script("status")
    assert done.returncode == 4 and len(done.stderr.splitlines()) == 1 and "damaged" in done.stderr


def test_a_newer_store_is_left_alone_whatever_its_columns(file: Path) -> None:
    with sqlite3.connect(file) as store:
        store.execute("ALTER TABLE readings RENAME COLUMN observed_at TO seen_at")
        store.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    store.close()
    before = file.read_bytes()
    for command in (["once"], ["status"], ["history"], ["local"]):
        done = run_script(*command)
        assert "newer" in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert file.read_bytes() == before and not list(file.parent.glob("*.damaged*"))


def test_what_is_stored_is_read_where_nothing_can_be_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        error = sqlite3.OperationalError("attempt to write a readonly database")
        error.sqlite_errorcode = sqlite3.SQLITE_READONLY  # type: ignore[misc]
        raise error

    monkeypatch.setattr(database_file, "connected", refuse)  # root, as which CI runs, may write everywhere
    with Store.open_existing(str(file)) as store:  # type: ignore[union-attr]
        assert store.newest() is not None
    from claude_meter_tui.commands import status

    assert "7d Opus 96%" in status.text("plain", NOON - timedelta(days=390))


def test_an_old_schema_comes_up_to_date_and_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "s" / "meter.sqlite3"
    path.parent.mkdir()
    old = sqlite3.connect(path, isolation_level=None)
    for statements in MIGRATIONS[:3]:
        for statement in statements:
            old.execute(statement)
    old.execute("PRAGMA user_version = 3")
    old.execute("INSERT INTO accounts VALUES (1, 'org', 'a@example.com', 'Max')")
    old.execute("INSERT INTO readings VALUES (1, 1, 1790000000000000, 'oauth', NULL, NULL)")
    old.execute("INSERT INTO transcripts VALUES (1, '/x/', '/x/projects/p/a.jsonl', 5, 1, 5, x'00', 1)")
    old.execute("INSERT INTO notes VALUES ('skew', '2678400.0')")
    old.close()
    with Store.open(str(path)) as store:
        assert store.newest() is not None and store.accounts()[0][1]["email"] == "a@example.com"
        assert store.connection.execute("SELECT root, rules FROM transcripts").fetchone() == ("/x", 0)
        assert store.noted_skew(NOON, None) == timedelta(0)  # a month: never believed


def test_a_rollback_that_has_happened_does_not_hide_why(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "s" / "meter.sqlite3")) as store:
        with pytest.raises(ZeroDivisionError), Transaction(store.connection):
            store.connection.execute("ROLLBACK")  # as SQLite does by itself on a full disk
            raise ZeroDivisionError
        store.put_note("x", "y")


def test_import_into_a_folder_that_cannot_be_written_is_one_line(scratch_home: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    rows = "observed_at,source,account,window,utilization,resets_at\n2026-11-20T10:00:00Z,oauth,,five_hour,5,\n"
    done = run_script("history", "import", "-", input=rows, env={"CLAUDE_METER_STATE_DIR": str(blocked / "state")})
    assert done.returncode == 4 and len(done.stderr.splitlines()) == 1 and "cannot be used" in done.stderr


def test_a_full_disk_is_a_sentence(scratch_home: Path) -> None:
    with Store.open(str(scratch_home / "state" / "meter.sqlite3")) as store:
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            store.save_all(reading(hours) for hours in range(200))  # type: ignore[misc]
        assert store.count() == 0
    with pytest.raises(StoreError, match="cannot be used"):
        Store.open(os.devnull + "/x/meter.sqlite3")
    assert json.loads("{}") == {}
