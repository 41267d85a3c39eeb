"""Readings from files: backups that lose nothing, other programs' tables, and whatever else a file can hold."""

from __future__ import annotations

import io
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON, payload, run_script
from hypothesis import given
from hypothesis import strategies as st

from claude_meter_tui.domain.errors import BadUsageError, NotUsageError
from claude_meter_tui.domain.windows import Account, Reading
from claude_meter_tui.settings import settings
from claude_meter_tui.sources.files import peers_csv
from claude_meter_tui.sources.files.any_file import readings_in
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.store.backup import every_reading
from claude_meter_tui.store.store import Store

BODIES = sorted(file.name for file in (Path(__file__).parent.parent / "payloads").glob("*.json"))


def read(name: str, at: datetime = NOON, **account: Any) -> Reading:
    body: Any = payload(name)
    return read_usage(body, observed_at=at, source="oauth", account=Account(**account))


def figures(text: str, **how: Any) -> list[tuple[str, dict[str, float]]]:
    found = readings_in(io.StringIO(text), **how).readings
    return [
        (each.document["observed_at"], {w["key"]: w["utilization"] for w in each.document["windows"]}) for each in found
    ]


# --- other programs' tables ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "row", "expected"),
    [
        ("timestamp,five_hour,seven_day", "2026-11-01T10:00:00Z,12,34.5", {"five_hour": 12, "seven_day": 34.5}),
        (
            "timestamp,five_hour,seven_day,sonnet,opus",
            "2026-11-01T10:00:00Z,12,34,,7",
            {"five_hour": 12, "seven_day": 34, "seven_day_opus": 7},
        ),
        (
            "timestamp,five_hour_pct,weekly_pct,weekly_sonnet_pct,weekly_opus_pct,week_progress_pct,tier",
            "2026-11-01T10:00:00Z,12,34,5,6,50,NORMAL",
            {"five_hour": 12, "seven_day": 34, "seven_day_sonnet": 5, "seven_day_opus": 6},
        ),
        ("timestamp,session_pct,week_pct", "1793527200,10,5", {"five_hour": 10, "seven_day": 5}),
        ("time;ignored", "", None),
        ("Timestamp,5h,7d", "1793527200000,10%,5 %", {"five_hour": 10, "seven_day": 5}),
        (
            "id,account_id,timestamp,primary_percent,session_percent,weekly_all_percent,weekly_sonnet_percent,"
            "session_reset,weekly_reset,raw_data,is_synthetic",
            "1,acc,2026-11-01T10:00:00Z,9,10,20,30,in 3 hr 5 min,Thu 10:00 AM,{},0",
            {"five_hour": 10, "seven_day": 20, "seven_day_sonnet": 30},
        ),
    ],
)
def test_a_table_of_another_program_is_read_by_its_head(head: str, row: str, expected: dict[str, float] | None) -> None:
    text = f"{head}\n{row}\n"
    if expected is None:
        with pytest.raises(BadUsageError, match="name a time and windows"):
            figures(text)
        return
    assert figures(text) == [("2026-11-01T10:00:00Z", expected)]


CCBURN = (
    "id,timestamp,five_hour_utilization,five_hour_resets_at,seven_day_all_utilization,seven_day_all_resets_at,"
    "seven_day_sonnet_utilization,seven_day_sonnet_resets_at,monthly_utilization,raw_response\n"
)


def test_ccburn_s_table_has_fractions_of_one_and_resets() -> None:
    text = CCBURN + "1,2026-11-01T10:00:00.5+00:00,0.07,2026-11-01T15:00:00,0.005,2026-11-05T09:00:00Z,,,0.5,x\n"
    found = next(readings_in(io.StringIO(text)).readings).document
    assert found["observed_at"] == "2026-11-01T10:00:00.500000Z" and found["source"] == "import"
    assert [(w["key"], w["utilization"], w["resets_at"]) for w in found["windows"]] == [
        ("five_hour", 7.0, "2026-11-01T15:00:00Z"),
        ("seven_day", 0.5, "2026-11-05T09:00:00Z"),
    ]


def test_ccburn_s_json_is_read_too() -> None:
    limits = {"five_hour": {"used_percentage": 7.0, "resets_at": "2026-11-01T15:00:00Z"}}
    text = json.dumps({"version": 1, "snapshots": [{"timestamp": "2026-11-01T10:00:00+00:00", "limits": limits}]})
    assert figures(text) == [("2026-11-01T10:00:00Z", {"five_hour": 7.0})]
    assert figures(json.dumps(json.loads(text), indent=2)) == figures(text)


def test_points_a_program_has_made_up_are_left_out() -> None:
    text = "timestamp,session_percent,is_synthetic\n2026-11-01T10:00:00Z,0,1\n2026-11-01T10:01:00Z,3,0\n"
    assert figures(text) == [("2026-11-01T10:01:00Z", {"five_hour": 3})]


def test_where_it_cannot_be_told_whether_figures_are_percent_the_user_is_asked() -> None:
    text = "timestamp,five_hour,seven_day\n2026-11-01T10:00:00Z,0.42,0.9\n2026-11-01T11:00:00Z,0.5,1\n"
    with pytest.raises(BadUsageError) as asked:
        figures(text)
    assert "fractions" in asked.value.sentence and "--fractions" in asked.value.hint
    assert figures(text, fractions=True)[0][1] == {"five_hour": 42, "seven_day": 90}
    assert figures(text, fractions=False)[0][1] == {"five_hour": 0.42, "seven_day": 0.9}
    low = "timestamp,five_hour\n2026-11-01T10:00:00Z,0.5\n2026-11-01T11:00:00Z,2\n"
    assert figures(low)[0][1] == {"five_hour": 0.5}, "half a percent is half a percent"


@pytest.mark.parametrize(
    "row",
    ["never,1,2", "2026-11-01T10:00:00Z,-1,2", "2026-11-01T10:00:00Z,1e300,2", "9999-12-31T23:59:59Z,1,2", "1,nan,2"],
)
def test_a_row_that_is_no_reading_is_named_by_its_line(row: str) -> None:
    text = f"timestamp,five_hour,seven_day\n2026-11-01T10:00:00Z,1,2\n{row}\n"
    with pytest.raises(BadUsageError, match="Line 3 is not a reading"):
        figures(text)


def test_columns_nobody_knows_are_named(scratch_home: Path) -> None:
    file = scratch_home / "peer.csv"
    file.write_text("timestamp,five_hour,tier,\x1b[31mx\n2026-11-01T10:00:00Z,12,NORMAL,1\n")
    done = run_script("history", "import", str(file))
    assert done.returncode == 0 and done.stdout.startswith("1 readings added, 0 were there already.")
    assert "tier" in done.stdout and "\x1b" not in done.stdout
    again = run_script("history", "import", str(file))
    assert again.stdout.startswith("0 readings added, 1 were there already.")


def test_whose_an_import_is_can_be_said(scratch_home: Path) -> None:
    with Store.open(settings.load({"HOME": str(scratch_home), **_state(scratch_home)}).store_file) as store:
        store.save(read("pro-two-windows.json", email="a@example.com").document())
        own = store.accounts_named("a@example.com")[0]
        file = scratch_home / "peer.csv"
        file.write_text("timestamp,five_hour\n2026-11-01T10:00:00Z,12\n")
        assert run_script("history", "import", str(file), "--account", "a@").returncode == 0
        since = datetime(2026, 10, 1, tzinfo=UTC)
        assert store.points(own, since, since + timedelta(days=40))["five_hour"][0][1] == 12
        assert len(store.accounts()) == 1
        assert run_script("history", "import", str(file), "--account", "nobody").returncode == 2


def _state(home: Path) -> dict[str, str]:
    return {"CLAUDE_METER_STATE_DIR": str(home / "state"), "CLAUDE_CONFIG_DIR": str(home / "claude")}


# --- backups ---------------------------------------------------------------------------------------------------------


def test_a_backup_loses_nothing(scratch_home: Path, tmp_path: Path) -> None:
    """Every kind of body, partial readings, nameless accounts, money, models, surfaces, damaged parts."""
    with Store.open(str(scratch_home / "state" / "meter.sqlite3")) as store:
        for number, name in enumerate(BODIES):
            try:
                account = {"email": f"{number % 3}@example.com", "organization_uuid": f"u{number % 3}"}
                reading = read(name, NOON + timedelta(microseconds=number * 7), **account)
            except NotUsageError:
                continue
            store.save(reading.document())
            partial = {**reading.document(), "source": "import", "windows": reading.document()["windows"][:1]}
            store.save_all([partial], partial=True)
        nameless = store.account_id({"email": None, "organization_uuid": None, "plan": None}, "token abc")
        other = store.account_id({"email": None, "organization_uuid": None, "plan": None}, "folder /x")
        for row in (nameless, other):
            store.save(reading.document(), row)
        whole = list(every_reading(store))
        newest = {row: store.newest(account_id=row) for row, _, _ in store.accounts()}
    assert len(whole) > 15 and any(each.document["extra_usage"] for each in whole)
    file = tmp_path / "backup.jsonl"
    done = run_script("history", "export", str(file))
    assert done.stdout == f"{len(whole)} readings written to {file}.\n" and oct(file.stat().st_mode & 0o777) == "0o600"
    elsewhere = {"CLAUDE_METER_STATE_DIR": str(tmp_path / "other")}
    assert run_script("history", "import", str(file), env=elsewhere).stdout.startswith(
        f"{len(whole)} readings added, 0"
    )
    with Store.open(str(tmp_path / "other" / "meter.sqlite3")) as restored:
        assert list(every_reading(restored)) == whole
        assert len(restored.accounts()) == len(newest)
        for row, _, _ in restored.accounts():
            assert restored.newest(account_id=row) in newest.values()
    assert run_script("history", "import", str(file), env=elsewhere).stdout.startswith("0 readings added")
    printed = run_script("history", "export", env=elsewhere).stdout.splitlines()
    assert printed[1:] == file.read_text().splitlines()[1:]


def test_a_backup_that_is_damaged_newer_or_another_s_adds_nothing(scratch_home: Path) -> None:
    with Store.open(str(scratch_home / "state" / "meter.sqlite3")) as store:
        store.save(read("pro-two-windows.json").document())
    lines = run_script("history", "export").stdout.splitlines()
    elsewhere = {"CLAUDE_METER_STATE_DIR": str(scratch_home / "other")}
    newer = json.dumps({**json.loads(lines[0]), "version": 2})
    for text, said in (
        ([*lines, lines[1][:-20]], "Line 3 is not a JSON object"),
        ([*lines, '{"observed_at": 5}'], "Line 3 is not a reading"),
        ([newer, lines[1]], "newer claude-meter-tui"),
        (['{"kind": "other"}'], "no backup of claude-meter-tui"),
        (['{"a": 1}'], "neither a backup nor a history"),
        (["{" * 100_000], "neither a backup nor a history"),
    ):
        file = scratch_home / "b.jsonl"
        file.write_text("\n".join(text))
        done = run_script("history", "import", str(file), env=elsewhere)
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, (text, done)
    with Store.open(str(scratch_home / "other" / "meter.sqlite3")) as other:
        assert other.count() == 0
    assert run_script("history", "export", "/proc/nothing/x").returncode == 2
    assert run_script("history", "export", env={"CLAUDE_METER_STATE_DIR": str(scratch_home / "none")}).returncode == 4


def test_an_import_into_a_locked_store_says_so_in_a_line(scratch_home: Path) -> None:
    file = scratch_home / "peer.csv"
    file.write_text("timestamp,five_hour\n2026-11-01T10:00:00Z,12\n")
    assert run_script("history", "import", str(file)).returncode == 0
    locked = sqlite3.connect(scratch_home / "state" / "meter.sqlite3", isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    done = run_script("history", "import", str(file))
    locked.close()
    assert done.returncode == 4 and "locked" in done.stderr and done.stderr.count("\n") == 1, done.stderr


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=6), st.booleans())
def test_any_lines_in_and_nothing_but_a_sentence_out(values: list[Any], headed: bool) -> None:
    head = [json.dumps({"kind": "claude-meter-tui history", "version": 1})] if headed else []
    try:
        list(readings_in(io.StringIO("\n".join([*head, *map(json.dumps, values)]))).readings)
    except BadUsageError as error:
        assert error.one_line()


@given(st.text(), st.lists(st.text(), max_size=5))
def test_any_table_in_and_nothing_but_a_sentence_out(head: str, rows: list[str]) -> None:
    for first in (head, "timestamp,five_hour,seven_day"):
        try:
            found = list(readings_in(io.StringIO("\n".join([first, *rows]))).readings)
        except BadUsageError as error:
            assert error.one_line()
        except Exception as error:
            assert type(error).__name__ == "Error", error  # csv's
        else:
            assert all(w["utilization"] >= 0 for each in found for w in each.document["windows"])


@given(st.lists(st.text(), max_size=6))
def test_any_head_is_understood_or_not(names: list[str]) -> None:
    peers_csv.columns_of(names)
