"""What is kept of many readings: resets, peaks and shape; and everything of few."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claude_meter_tui.store.columns import micros
from claude_meter_tui.store.store import Store
from claude_meter_tui.store.thinning import Thinner, thin, thin_now_and_then

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "meter.sqlite3")) as opened:
        yield opened


def said(
    at: datetime, source: str = "oauth", email: str = "a@example.com", **windows: tuple[float, datetime | None]
) -> Any:
    return {
        "observed_at": at.isoformat(),
        "source": source,
        "account": {"email": email, "organization_uuid": None, "plan": None},
        "windows": [
            {
                "key": key,
                "label": key,
                "group": "session",
                "utilization": used,
                "resets_at": None if reset is None else reset.isoformat(),
                "length_seconds": 18000,
                "model": None,
                "surface": None,
                "severity": None,
                "is_active": None,
                "observed_at": None,
                "source": None,
            }
            for key, (used, reset) in windows.items()
        ],
        "extra_usage": None,
        "damaged": [],
        "whole_at": None,
    }


def sawtooth(days: int, email: str = "a@example.com") -> list[Any]:
    """A reading a minute; the window fills in five hours to another height each time, and begins anew."""
    found, start = [], NOON - timedelta(days=days)
    for minute in range(days * 24 * 60):
        at = start + minute * MINUTE
        instance, into = divmod(minute, 300)
        top = 40 + instance * 7 % 80
        used = float(min(100, math.floor(top * into / 299)))
        found.append(said(at, email=email, five_hour=(used, start + (instance + 1) * 300 * MINUTE)))
    return found


def points(store: Store) -> list[tuple[float, float, float | None]]:
    return store.points(None, NOON - timedelta(days=400), NOON)["five_hour"]


def by_instance(found: list[tuple[float, float, float | None]]) -> dict[float | None, list[tuple[float, float]]]:
    grouped: dict[float | None, list[tuple[float, float]]] = {}
    for at, used, reset in found:
        grouped.setdefault(reset, []).append((at, used))
    return grouped


def test_few_readings_stay_whatever_their_age(store: Store) -> None:
    store.save_all(sawtooth(1)[:100])
    assert thin(store, NOON + timedelta(days=300)) == 0 and store.count() == 100


def test_resets_peaks_and_shape_stay_and_of_the_last_two_days_everything(store: Store) -> None:
    days = 70
    store.save_all(sawtooth(days))
    before = by_instance(points(store))
    dropped = thin(store, NOON, many=1000)
    after = by_instance(points(store))
    assert dropped > 90_000 and store.count() < 10_000
    assert before.keys() == after.keys(), "every instance is still there"
    for reset, whole in before.items():
        kept = after[reset]
        assert kept[-1] == whole[-1] and kept[0] == whole[0], "its first and its last, which is its peak"
        full = [at for at, used in whole if used >= 100]
        assert not full or full[0] == next(at for at, used in kept if used >= 100), "when it was full"
    recent = (NOON - timedelta(days=2)).timestamp()
    assert sum(at >= recent for at, _, _ in points(store)) == 2 * 24 * 60
    month = (NOON - timedelta(days=60)).timestamp()
    held = [at for at, _, _ in points(store) if month < at < recent]
    assert max(b - a for a, b in pairwise(held)) <= 30 * 60
    assert thin(store, NOON, many=1000) == 0, "what is thin is not thinned again"
    assert Path(store.path).stat().st_size < 3e6, "the room is given back"


def test_each_account_and_each_source_has_its_own(store: Store) -> None:
    store.save_all(sawtooth(4))
    store.save_all(sawtooth(4, email="b@example.com"))
    half = timedelta(seconds=30)
    start = NOON - timedelta(days=4)
    store.save_all(said(start + minute * MINUTE + half, "statusline", five_hour=(1.0, None)) for minute in range(600))
    thin(store, NOON, many=100)
    for email in ("a@example.com", "b@example.com"):
        row = store.accounts_named(email)[0]
        assert len(store.points(row, start, start + timedelta(days=1))["five_hour"]) >= 96


def test_it_is_looked_at_now_and_then(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr("claude_meter_tui.store.thinning.thin", lambda *_: asked.append(store.count()) or 0)
    for number in range(1001):
        store.save(said(NOON + number * MINUTE, five_hour=(1.0, None)))
        thin_now_and_then(store, NOON)
    assert asked == [500, 1000]


@settings(max_examples=200)
@example([(1, 0.0, None, "a"), (1, 2.0, None, "a"), (1, 0.0, None, "a")])
@given(
    st.lists(
        st.tuples(st.integers(1, 600), st.floats(0, 130), st.sampled_from((None, 1, 2, 3)), st.sampled_from("ab")),
        max_size=200,
    )
)
def test_whatever_comes_the_last_the_first_and_what_is_beside_a_reset_stay(
    given: list[tuple[int, float, int | None, str]],
) -> None:
    now = micros(NOON)
    at = now - 80 * 86_400_000_000
    thinner, rows, dropped = Thinner[int](now), [], set()
    for number, (minutes, used, reset, source) in enumerate(given):
        at += minutes * 60_000_000
        rows.append((used, reset))
        gone = thinner.pass_over(number, at, source, {"w": (used, None if reset is None else reset * 10**12)})
        if gone is not None:
            dropped.add(gone)
    assert len(rows) - 1 not in dropped and 0 not in dropped
    for number in range(1, len(rows)):
        (before, one), (after, other) = rows[number - 1], rows[number]
        if one != other or before - after >= 2:
            assert number not in dropped and number - 1 not in dropped
