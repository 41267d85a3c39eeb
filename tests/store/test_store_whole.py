"""What the store gives back, field by field: nothing lost, swapped or invented on the way through SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON

from claude_meter_tui.domain.errors import StoreError
from claude_meter_tui.store import database_file, recovery
from claude_meter_tui.store.accounts import SHOWN_NOTE
from claude_meter_tui.store.columns import iso_of, micros, parse_iso, time_of
from claude_meter_tui.store.migrations import MIGRATIONS
from claude_meter_tui.store.store import Store

MINUTE = timedelta(minutes=1)
ALICE = {"email": "alice@example.com", "organization_uuid": "0000-a", "plan": "Max 20x"}
BOB = {"email": "bob@example.com", "organization_uuid": "0000-b", "plan": None}
UP = ("boot id", 5_000_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "meter.sqlite3")) as opened:
        yield opened


def iso(minutes: float) -> str:
    return iso_of(micros(NOON + minutes * MINUTE)) or ""


def window(key: str, used: float, **more: Any) -> dict[str, Any]:
    return {
        "key": key,
        "label": f"label of {key}",
        "group": "weekly",
        "utilization": used,
        "resets_at": iso(600),
        "length_seconds": 604800,
        "model": f"model of {key}",
        "surface": f"surface of {key}",
        "severity": "warning",
        "is_active": True,
        "observed_at": None,
        "source": None,
        **more,
    }


def said(minutes: float, source: str, *windows: dict[str, Any], **more: Any) -> Any:
    money = {"enabled": True, "used": {"amount": "1.20", "currency": "EUR"}, "limit": None, "utilization": 3.5}
    return {
        "observed_at": iso(minutes),
        "source": source,
        "account": ALICE,
        "windows": list(windows),
        "extra_usage": {**money, "disabled_reason": None},
        "damaged": ["x.utilization"],
        "whole_at": None,
        **more,
    }


def seen(each: dict[str, Any], minutes: float, source: str) -> dict[str, Any]:
    return {**each, "observed_at": iso(minutes), "source": source}


def test_a_document_comes_back_field_by_field(store: Store) -> None:
    other = {"severity": None, "is_active": None, "model": None, "surface": None, "resets_at": None}
    windows = [window("a", 5.5), window("b", 6, **other), window("c", 7, is_active=False)]
    document = said(-5, "oauth", *windows)
    assert store.save(document) and not store.save(document)
    kept = {**document, "whole_at": iso(-5), "windows": [seen(each, -5, "oauth") for each in windows]}
    assert store.newest() == kept
    plain = said(-4, "oauth", extra_usage=None, damaged=[])
    store.save(plain)
    assert store.newest() == {**plain, "whole_at": iso(-4)}


def test_parts_are_laid_over_the_last_whole_answer_only(store: Store) -> None:
    old, whole = window("a", 1), [window("a", 10), window("b", 20)]
    for document in (
        said(-60, "statusline", window("b", 99)),
        said(-50, "oauth", old),
        said(-40, "oauth", *whole),
        said(-30, "statusline", window("a", 11)),
        said(-20, "statusline", window("a", 12), window("c", 1)),
        said(-10, "statusline", window("c", 2)),
    ):
        store.save(document)
    found = store.newest()
    assert found is not None and (found["whole_at"], found["observed_at"]) == (iso(-40), iso(-10))
    figures = {each["key"]: (each["utilization"], each["observed_at"], each["source"]) for each in found["windows"]}
    assert figures == {
        "a": (12, iso(-20), "statusline"),
        "b": (20, iso(-40), "oauth"),
        "c": (2, iso(-10), "statusline"),
    }
    at = store.newest(at=NOON - 25 * MINUTE)
    assert at is not None and {each["key"]: each["utilization"] for each in at["windows"]} == {"a": 11, "b": 20}


def test_without_a_whole_answer_parts_of_the_last_eight_days_count(store: Store) -> None:
    day = 24 * 60
    store.save(said(-9 * day, "statusline", window("old", 5)))
    store.save(said(-7 * day, "statusline", window("a", 6)))
    store.save(said(-1, "statusline", window("b", 7)))
    found = store.newest()
    assert found is not None and found["whole_at"] is None
    assert {each["key"] for each in found["windows"]} == {"a", "b"}


def test_an_import_of_one_window_completes_and_hides_nothing(store: Store) -> None:
    assert store.save_all([said(-5, "csv", window("a", 1))], partial=True) == 1
    assert store.save_all([said(-5, "csv", window("a", 2))], partial=True) == 0
    again = said(-5, "csv", window("b", 3), window("a", 2))
    again["windows"][0], again["windows"][1] = again["windows"][1], again["windows"][0]
    assert store.save_all([again, said(-4, "csv", window("c", 4))], partial=True) == 2
    assert store.save_all([said(-5, "csv", window("d", 9))]) == 0, "a whole one is there or not"
    found = store.newest()
    assert found is not None and {each["key"]: each["utilization"] for each in found["windows"]} == {
        "a": 1,
        "b": 3,
        "c": 4,
    }
    assert store.count() == 2


def test_what_is_dated_after_now_counts_only_alone_and_as_of_now(store: Store) -> None:
    store.save(said(60, "oauth", window("a", 5)))
    found = store.newest(now=NOON)
    assert found is not None and found["observed_at"] == found["whole_at"] == iso(0)
    assert [each["observed_at"] for each in found["windows"]] == [iso(0)] and found["windows"][0]["key"] == "a"
    store.save(said(-60, "oauth", window("a", 4)))
    older = store.newest(now=NOON)
    assert older is not None and older["observed_at"] == iso(-60) and older["windows"][0]["utilization"] == 4
    assert store.newest(at=NOON - 61 * MINUTE, now=NOON) is None
    for minutes in (61, 62):
        store.save(said(minutes, "oauth", window("a", minutes)))
    assert store.heal(NOON) == 3 and store.heal(NOON) == 0
    rows = [(row["utilization"], row["observed_at"]) for row in store.history("a")]
    assert [used for used, _ in rows] == [4, 5, 61, 62] and rows[-1][1] == iso_of(micros(NOON) - 1)


# --- history ---------------------------------------------------------------------------------------------------------


def test_history_rows_and_points_of_one_window_one_account_and_a_time(store: Store) -> None:
    for minutes in (-30, -20, -10):
        store.save(said(minutes, "oauth", window("a", 100 + minutes), window("b", 5, resets_at=None)))
    store.save(said(-15, "bridge", window("a", 1), account=BOB))
    alice = store.account_id(ALICE)  # type: ignore[arg-type]
    assert list(store.history("a", NOON - 20 * MINUTE, alice)) == [
        {
            "observed_at": iso(minutes),
            "source": "oauth",
            "account": "0000-a",
            "window": "a",
            "utilization": 100 + minutes,
            "resets_at": iso(600),
        }
        for minutes in (-20, -10)
    ]
    assert [row["window"] for row in store.history()] == ["a", "b", "a", "b", "a", "a", "b"]
    assert [row["resets_at"] for row in store.history("b")] == [None] * 3
    assert {row["account"] for row in store.history("a")} == {"0000-a", "0000-b"}
    at = {minutes: (NOON + minutes * MINUTE).timestamp() for minutes in (-30, -20, -15, -10, 600)}
    points = store.points(alice, NOON - 20 * MINUTE, NOON)
    assert points == {
        "a": [(at[-20], 80, at[600]), (at[-10], 90, at[600])],
        "b": [(at[-20], 5, None), (at[-10], 5, None)],
    }
    assert store.points(alice, NOON - 60 * MINUTE, NOON - 20 * MINUTE, window="a") == {
        "a": [(at[-30], 70, at[600]), (at[-20], 80, at[600])]
    }
    assert store.points(None, NOON - 15 * MINUTE, NOON, window="a") == {
        "a": [(at[-15], 1, at[600]), (at[-10], 90, at[600])]
    }
    store.save(said(-55, "oauth", window("a", 45)))
    hourly = store.points(alice, NOON - 60 * MINUTE, NOON, every=timedelta(hours=1))
    assert hourly == {"a": [(at[-10], 90, at[600])], "b": [(at[-10], 5, None)]}
    assert store.account_of_newest(NOON - 14 * MINUTE) == store.account_id(BOB)  # type: ignore[arg-type]
    assert store.account_of_newest(NOON) == alice and store.account_of_newest(NOON - 56 * MINUTE) is None


def test_what_was_stored_beyond_any_percentage_is_bounded(store: Store) -> None:
    store.save(said(-5, "csv", window("a", 1e300), window("b", 1)))
    points = store.points(None, NOON - 60 * MINUTE, NOON)
    assert points["a"][0][1] == next(store.history("a"))["utilization"] < 1e7 and points["b"][0][1] == 1


# --- accounts and notes ----------------------------------------------------------------------------------------------


def test_accounts_by_name_and_by_their_newest_reading(store: Store) -> None:
    for minutes, account in ((-30, BOB), (-20, ALICE), (-10, BOB)):
        store.save(said(minutes, "oauth", window("a", 1), account=account))
    alice, bob = store.account_id(ALICE), store.account_id(BOB)  # type: ignore[arg-type]
    store.account_id({"email": "nobody@example.com", "organization_uuid": None, "plan": None})
    assert store.accounts() == [(bob, BOB, NOON - 10 * MINUTE), (alice, ALICE, NOON - 20 * MINUTE)]
    assert store.account(alice) == ALICE and store.account(bob) == BOB
    with pytest.raises(KeyError, match="99"):
        store.account(99)
    assert store.accounts_named("ALICE@example.com") == store.accounts_named("0000-A") == [alice]
    assert store.accounts_named("bo") == [bob] and store.accounts_named("0000") == [bob, alice]
    assert store.accounts_named("nobody") == store.accounts_named("example") == []
    longer = {"email": "bob@example.com.org", "organization_uuid": "0000-c", "plan": None}
    store.save(said(-5, "oauth", window("a", 1), account=longer))
    assert store.accounts_named("bob@example.com") == [bob], "an exact name goes before a beginning"


def test_whose_is_shown_is_what_was_chosen_else_the_login_s(store: Store) -> None:
    assert store.shown_account() is None
    store.put_note("account", "3")
    assert store.shown_account() == store.noted_account() == 3
    store.put_note(SHOWN_NOTE, "7")
    assert store.shown_account() == 7 and store.noted_account() == 3
    store.put_note("account", "x")
    assert store.noted_account() is None


def test_an_outlook_is_the_account_s_and_the_last_one(store: Store) -> None:
    alice, bob = store.account_id(ALICE), store.account_id(BOB)  # type: ignore[arg-type]
    assert store.outlook(alice) is None and store.outlook(None) is None
    store.save_outlook(alice, NOON, "one")
    store.save_outlook(alice, NOON, "two")
    store.save_outlook(bob, NOON, "bob's")
    assert (store.outlook(alice), store.outlook(bob)) == ("two", "bob's")


def test_an_analysis_is_claimed_once_within_its_pause(store: Store) -> None:
    pause = 3 * MINUTE
    assert store.claim_analysis(1, NOON, pause) and not store.claim_analysis(1, NOON, pause)
    assert store.claim_analysis(2, NOON, pause)
    assert not store.claim_analysis(1, NOON + pause - timedelta(seconds=1), pause)
    assert store.claim_analysis(1, NOON + pause, pause)
    assert not store.claim_analysis(1, NOON + MINUTE, pause), "a clock set back a little is within it too"
    assert store.claim_analysis(1, NOON - 9 * MINUTE, pause), "set back far: nobody waits for that"
    store.put_note("analysis 1", "x")
    assert store.claim_analysis(1, NOON, pause)


def test_asks_are_noted_taken_back_and_brought_to_now(store: Store) -> None:
    store.note_ask(["one", "other"], NOON - 5 * MINUTE, NOON - 60 * MINUTE)
    store.note_ask(["one"], NOON, NOON - 60 * MINUTE)
    store.put_gate_row("one", (1, None, None, 0, 0, micros(NOON), None, None, None, None, None))
    store.put_gate_row("other", (1, None, None, 0, 0, micros(NOON), None, None, None, None, None))
    assert store.asks_since("one", NOON - 5 * MINUTE) == [NOON]
    assert store.asks_since("one", NOON - 6 * MINUTE) == [NOON - 5 * MINUTE, NOON]
    store.forget_ask(["one"], NOON)
    assert store.asks_since("one", NOON - 60 * MINUTE) == [NOON - 5 * MINUTE]
    one, other = store.gate_row("one"), store.gate_row("other")
    assert one is not None and one[5] is None and other is not None and other[5] == micros(NOON)
    store.asks_not_after(["one"], NOON - 7 * MINUTE)
    assert store.asks_since("one", NOON - 60 * MINUTE) == [NOON - 7 * MINUTE]
    assert store.asks_since("other", NOON - 60 * MINUTE) == [NOON - 5 * MINUTE]
    store.note_ask(["one"], NOON, NOON - 7 * MINUTE)
    assert store.asks_since("one", NOON - 60 * MINUTE) == [NOON - 7 * MINUTE, NOON], "what is as old is kept"
    store.note_ask([], NOON, NOON - 6 * MINUTE)
    assert store.asks_since("one", NOON - 60 * MINUTE) == [NOON]


def test_skew_follows_a_clock_that_was_set_and_is_bounded(store: Store) -> None:
    zero = timedelta(0)
    assert store.noted_skew(NOON, UP) == zero
    store.note_skew(timedelta(seconds=90), NOON, None)
    assert store.note("skew") == "90.0" and store.noted_skew(NOON + 500 * MINUTE, UP) == timedelta(seconds=90)
    store.note_skew(timedelta(seconds=90), NOON, UP)
    later = (UP[0], UP[1] + 60_000_000)
    assert store.noted_skew(NOON + MINUTE, later) == timedelta(seconds=90), "only time has passed"
    assert store.noted_skew(NOON + MINUTE + timedelta(seconds=1.5), later) == timedelta(seconds=90), (
        "a drift is no step"
    )
    assert store.noted_skew(NOON + MINUTE + timedelta(seconds=2), later) == timedelta(seconds=88)
    assert store.noted_skew(NOON - 9 * MINUTE, later) == timedelta(seconds=690)
    assert store.noted_skew(NOON - 9 * MINUTE, ("another boot", 1)) == timedelta(seconds=90)
    assert store.noted_skew(NOON - 9 * MINUTE, None) == timedelta(seconds=90)
    for hours, kept in ((23, 23), (-23, -23), (23.001, 0), (-24, 0)):
        store.note_skew(timedelta(hours=hours), NOON, None)
        assert store.noted_skew(NOON, None) == timedelta(hours=kept)
    for nonsense in ("x", "1e99", "5 a 5 boot_id", ""):
        store.put_note("skew", nonsense)
        assert store.noted_skew(NOON, UP) == zero


def test_times_in_columns() -> None:
    assert iso_of(None) is None and iso_of(-5) == "1970-01-01T00:00:00Z" and iso_of(2**62) == "2200-01-01T00:00:00Z"
    assert parse_iso("2026-11-26T14:00:00+02:00") == NOON and parse_iso("2026-11-26T14:00:00+02:00").tzinfo is UTC
    with pytest.raises(ValueError, match="2026-11-26T14:00:00"):
        parse_iso("2026-11-26T14:00:00")
    assert time_of(NOON.timestamp()) == NOON and time_of(1e30).year == 2200 and time_of(-1).year == 1970
    assert time_of(1.5) == datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)


# --- the file --------------------------------------------------------------------------------------------------------


def test_recovery_takes_what_can_be_read_and_belongs_together(tmp_path: Path) -> None:
    damaged, path = str(tmp_path / "damaged"), str(tmp_path / "fresh")
    with Store.open(damaged) as old:
        old.save(said(-5, "oauth", window("a", 1), window("b", 2)))
        old.save(said(-4, "oauth", window("a", 3), account=BOB))
        old.remember_account("f1", ALICE, NOON)  # type: ignore[arg-type]
        old.put_note("theme", "light")
        old.note_ask(["e"], NOON, NOON)
        old.put_gate_row("e", (1, None, None, 0, 0, micros(NOON), "why", None, None, None, None))
        db = old.connection
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("INSERT INTO windows SELECT 999, position, key, label, window_group, utilization, resets_at,"
                   " length_seconds, model, surface, severity, is_active FROM windows LIMIT 1")  # fmt: skip
        db.execute("DELETE FROM accounts WHERE email = 'bob@example.com'")
        db.execute("ALTER TABLE notes ADD COLUMN later TEXT")
    with Store.open(path) as fresh:
        assert recovery.recover(damaged, fresh.connection) == 1
        (row,) = fresh.accounts()
        assert row[1] == ALICE and fresh.account_of("f1") == row[0]
        assert [found["window"] for found in fresh.history()] == ["a", "b"]
        assert fresh.note("theme") == "light" and fresh.asks_since("e", NOON - MINUTE) == [NOON]
        gate = fresh.gate_row("e")
        assert gate is not None and gate[6] == "why"
        assert fresh.connection.execute("PRAGMA foreign_key_check").fetchall() == []
        with pytest.raises(sqlite3.Error):
            fresh.connection.execute("SELECT later FROM notes")
    assert recovery.recover(str(tmp_path / "nothing" / "there"), sqlite3.connect(path)) == 0


def touched(path: Path) -> Path:
    path.touch()
    return path


def test_a_damaged_file_is_set_aside_with_its_companions_and_numbered(tmp_path: Path) -> None:
    path = tmp_path / "meter.sqlite3"
    assert database_file._set_aside(str(touched(tmp_path / "other"))) == f"{tmp_path}/other.damaged-1"
    (tmp_path / "meter.sqlite3.damaged-1").touch()
    path.write_bytes(b"no database at all, but long enough to be looked at" * 99)
    with Store.open(str(path), patience=0.5) as store:
        assert store.set_aside == f"{path}.damaged-2" and store.path == str(path)
        assert f"set aside as {path}.damaged-2" in store.notice()
        assert store.mend() == store.set_aside
    with Store.open(str(path)) as store:
        assert store.notice() == "" and store.mend() is None
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").write_text(suffix)
    assert database_file._set_aside(str(path)) == f"{path}.damaged-3"
    for suffix in ("-wal", "-shm"):
        assert Path(f"{path}.damaged-3{suffix}").read_text() == suffix and not Path(f"{path}{suffix}").exists()


def test_errors_name_the_file_the_reason_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hint = "Set CLAUDE_METER_STATE_DIR to a folder you can write to."
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as folder:
        Store.open(str(tmp_path / "file" / "deeper" / "meter"))
    assert folder.value.sentence == f"The store at {tmp_path}/file/deeper cannot be used (Not a directory)."
    assert folder.value.hint == hint
    (tmp_path / "meter").mkdir()
    with pytest.raises(StoreError) as taken:
        Store.open(str(tmp_path / "meter"))
    assert taken.value.sentence == f"The store at {tmp_path}/meter cannot be used (unable to open database file)."
    locked = sqlite3.connect(tmp_path / "locked", isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError) as held:
        Store.open(str(tmp_path / "locked"), patience=0.01)
    assert held.value.sentence == "The store is locked by another program."
    locked.close()
    newer = sqlite3.connect(tmp_path / "newer")
    newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer.close()
    with pytest.raises(StoreError) as newest:
        Store.open(str(tmp_path / "newer"))
    assert newest.value.sentence == "The store was written by a newer claude-meter-tui."
    assert newest.value.hint == "Update claude-meter-tui."
    monkeypatch.setattr(database_file, "_set_aside", lambda _: (_ for _ in ()).throw(PermissionError(13, "No")))
    (tmp_path / "bad").write_bytes(b"x" * 5000)
    with pytest.raises(StoreError) as refused:
        Store.open(str(tmp_path / "bad"))
    assert refused.value.sentence == f"The store at {tmp_path}/bad cannot be used (No)."


def test_what_is_damage_and_what_is_not() -> None:
    def failing(code: int | None, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
        error = kind("x")
        if code is not None:
            error.sqlite_errorcode = code
        return error

    for code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT | 256):
        assert database_file.is_damage(failing(code)) and database_file.is_broken(failing(code))
    missing = failing(sqlite3.SQLITE_ERROR)
    assert database_file.is_damage(missing) and not database_file.is_broken(missing)
    for code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, None):
        assert not database_file.is_damage(failing(code)) and not database_file.is_broken(failing(code))
    assert database_file.is_damage(failing(None, sqlite3.DatabaseError))
    assert not database_file.is_damage(failing(None, sqlite3.Error))


def test_reading_only_what_is_there(tmp_path: Path) -> None:
    path = str(tmp_path / "with space?" / "meter")
    assert Store.open_existing(path) is None
    with Store.open(path) as store:
        store.save(said(-5, "oauth", window("a", 1)))
    reading = database_file.for_reading(path)
    assert reading.execute("SELECT key FROM windows").fetchall() == [("a",)]
    with pytest.raises(sqlite3.OperationalError):
        reading.execute("DELETE FROM windows")
    reading.close()
    existing = Store.open_existing(path)
    assert existing is not None and existing.path == path and existing.count() == 1
    existing.connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) - 1}")
    existing.close()
    with pytest.raises(StoreError) as older:
        database_file.for_reading(path)
    assert older.value.sentence == "The store is an older version's and cannot be written."
    assert older.value.hint == "Make its folder writable once."
    with pytest.raises(sqlite3.OperationalError):
        database_file.for_reading(str(tmp_path / "none"))
    (tmp_path / "rubbish").write_bytes(b"x" * 5000)
    with pytest.raises(StoreError, match="The store is damaged"):
        Store.open_existing(str(tmp_path / "rubbish"))


class Torn:
    """Stands for a damaged file: its table breaks after some rows, from whichever end it is read."""

    def __init__(self, rows: list[int], readable: int) -> None:
        self.rows, self.readable, self.asked = rows, readable, list[str]()

    def execute(self, query: str) -> Torn:
        self.asked.append(query)
        self.left = list(reversed(self.rows) if query.endswith("DESC") else self.rows)[: self.readable]
        return self

    def fetchone(self) -> tuple[int] | None:
        if not self.left and self.readable < len(self.rows):
            raise sqlite3.DatabaseError("database disk image is malformed")
        return (self.left.pop(0),) if self.left else None


def test_a_broken_table_is_read_from_both_ends_where_it_has_a_key() -> None:
    def read(torn: Torn, table: str) -> list[int]:
        return [row[0] for row in recovery._rows(torn, table, "id")]  # type: ignore[arg-type]

    torn = Torn([1, 2, 3, 4, 5], 2)
    assert read(torn, "readings") == [1, 2, 5, 4]
    assert torn.asked == [
        "SELECT id FROM readings ORDER BY rowid",
        "SELECT id FROM readings ORDER BY rowid DESC",
    ]
    assert read(Torn([1, 2, 3], 3), "accounts") == [1, 2, 3], "a whole one is read once"
    unkeyed = Torn([1, 2, 3], 1)
    assert read(unkeyed, "notes") == [1] and unkeyed.asked == ["SELECT id FROM notes"]


def test_what_cannot_be_written_is_read_and_what_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "meter")
    with Store.open(path) as store:
        store.save(said(-5, "oauth", window("a", 1)))

    def read_only(*_: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(database_file, "connected", read_only)
    existing = Store.open_existing(path)
    assert existing is not None and existing.path == path and existing.count() == 1
    existing.close()

    def broken(_: str) -> sqlite3.Connection:
        raise failure

    monkeypatch.setattr(database_file, "for_reading", broken)
    failure: sqlite3.Error = sqlite3.DatabaseError("malformed")
    with pytest.raises(StoreError) as damaged:
        Store.open_existing(path)
    assert damaged.value.sentence == "The store is damaged."
    assert damaged.value.hint == "Run `claude-meter-tui once`: it keeps what can be read."
    failure = sqlite3.OperationalError("disk I/O error")
    with pytest.raises(StoreError) as unreadable:
        Store.open_existing(path)
    assert unreadable.value.sentence == "The store cannot be read (disk I/O error)."
    assert unreadable.value.hint == "Run `claude-meter-tui doctor`."


def test_without_a_place_for_its_companions_a_store_is_read_as_unchanging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "meter")
    with Store.open(path) as store:
        store.save(said(-5, "oauth", window("a", 1)))
    tried, refuse = list[str](), database_file.refuse_newer

    def picky(connection: sqlite3.Connection) -> None:
        tried.append("")
        if len(tried) == 1:  # no -shm file can be made beside it
            raise sqlite3.OperationalError("unable to open database file")
        refuse(connection)

    monkeypatch.setattr(database_file, "refuse_newer", picky)
    reading = database_file.for_reading(path)
    assert len(tried) == 2 and reading.execute("SELECT count(*) FROM readings").fetchone() == (1,)
    assert not Path(f"{path}-shm").exists(), "nothing is made beside it"
    writer = sqlite3.connect(path)  # a file that is taken as unchanging is not locked
    writer.execute("DELETE FROM windows")
    writer.commit()
    writer.close()
    reading.close()


class Failing:
    """A connection on which everything fails."""

    def __init__(self, code: int) -> None:
        self.code = code

    def execute(self, _: str) -> None:
        error = sqlite3.DatabaseError("x")
        error.sqlite_errorcode = self.code
        raise error

    def close(self) -> None:
        """As a real one."""


def test_a_page_that_cannot_be_looked_at_begins_anew_and_a_lock_does_not(tmp_path: Path) -> None:
    path = str(tmp_path / "meter")
    with Store.open(path) as store:
        store.save(said(-5, "oauth", window("a", 1)))
        real, store._db = store._db, Failing(sqlite3.SQLITE_BUSY)  # type: ignore[assignment]
        assert store.mend() is None and not Path(f"{path}.damaged-1").exists()
        real.close()
        store._db = Failing(sqlite3.SQLITE_CORRUPT)  # type: ignore[assignment]
        assert store.mend() == store.set_aside == f"{path}.damaged-1"
        assert store.count() == 1, "what could be read is in the new one"


def test_an_email_of_two_organizations_is_neither_s(store: Store) -> None:
    def row(email: str | None, organization: str | None) -> int:
        return store.account_id({"email": email, "organization_uuid": organization, "plan": None})

    first = row("e@example.com", "org-1")
    alone = row("other@example.com", None)
    assert row("other@example.com", "org-2") == alone, "learned later"
    bare = store.connection.execute("INSERT INTO accounts (email) VALUES ('e@example.com')").lastrowid
    second = row("e@example.com", "org-3")
    assert len({first, bare, second, alone}) == 4, "the bare email stays for itself: it cannot be told whose it is"
    assert row("e@example.com", None) == bare


def test_names_are_cleaned_on_the_way_out_too(store: Store) -> None:
    store.save(said(-5, "oauth", window("a", 1)))
    store.connection.execute("UPDATE windows SET label = 'x' || char(27) || '[31my', model = char(155) || 'm'")
    found = store.newest()
    assert found is not None and "\x1b" not in found["windows"][0]["label"]
    assert "\x9b" not in str(found["windows"][0]["model"]) and found["windows"][0]["surface"] == "surface of a"


def test_a_row_that_no_longer_fits_does_not_stop_the_others(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "old")
    old.execute("CREATE TABLE accounts (id, organization_uuid, email, plan, known_by)")
    old.executemany("INSERT INTO accounts VALUES (?, NULL, ?, NULL, NULL)", [("abc", "x"), (2, "y@example.com")])
    old.commit()
    old.close()
    with Store.open(str(tmp_path / "fresh")) as fresh:
        assert recovery.recover(str(tmp_path / "old"), fresh.connection) == 0
        assert fresh.account(2)["email"] == "y@example.com"


def test_a_file_that_may_not_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> sqlite3.Connection:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(database_file, "connected", refuse)
    with pytest.raises(StoreError) as refused:
        Store.open(str(tmp_path / "meter"))
    assert refused.value.sentence == f"The store at {tmp_path}/meter cannot be used (Permission denied)."


def test_what_is_dated_after_now_is_still_the_account_s_own(store: Store) -> None:
    store.save(said(30, "oauth", window("a", 5)))
    store.save(said(60, "oauth", window("a", 9), account=BOB))
    found = store.newest(account_id=store.account_id(ALICE), now=NOON)  # type: ignore[arg-type]
    assert found is not None and found["account"] == ALICE and found["windows"][0]["utilization"] == 5


def test_as_of_a_time_nothing_later_is_used_even_where_there_is_nothing_else(store: Store) -> None:
    store.save(said(60, "oauth", window("a", 5)))
    assert store.newest(at=NOON) is None and store.newest(at=NOON, now=NOON) is None
    assert store.newest(now=NOON) is not None and store.newest() is not None
