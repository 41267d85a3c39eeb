"""Numbers, times, counts and sizes from outside are bounded where they come in."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import NOON, Bench, run_script
from hypothesis import given
from hypothesis import strategies as st
from test_reported_cases import live, reply  # noqa: F401 - a fixture

from claude_meter_tui.commands.shared.given_time import given_time
from claude_meter_tui.demo.server import DemoServer, Reply
from claude_meter_tui.domain import errors
from claude_meter_tui.output.words import amount
from claude_meter_tui.sources.http import LONGEST_WAIT, _inflated, _retry_after
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.store.store import Store

USAGE = "/api/oauth/usage"


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("1.5", timedelta(seconds=1.5)),
        ("86399999999999", LONGEST_WAIT),
        ("9" * 300, LONGEST_WAIT),
        ("-5", None),
        ("nan", None),
        ("1e9", None),
        ("1_000", None),
        ("١٢", None),
        ("Fri, 31 Dec 9999 23:59:59 -0500", None),
        ("Thu, 26 Nov 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Thu, 26 Nov 2020 12:10:00 GMT", timedelta(0)),
        ("Fri, 01 Jan 2199 00:00:00 GMT", LONGEST_WAIT),
        ("soon", None),
    ],
)
def test_a_wait_is_bounded(header: str, wait: timedelta | None) -> None:
    assert _retry_after(header, NOON) == wait


@given(st.text(max_size=60))
def test_any_header_is_a_wait_within_bounds_or_none(header: str) -> None:
    found = _retry_after(header, NOON)
    assert found is None or timedelta(0) <= found <= LONGEST_WAIT


def test_an_absurd_utilization_is_no_window() -> None:
    given_body = {"five_hour": {"utilization": 1e300}, "seven_day": {"utilization": 10_000}, "x": {"utilization": -1}}
    reading = read_usage(given_body, observed_at=NOON, source="oauth")
    assert [window.key for window in reading.windows] == ["seven_day"]
    assert "five_hour.utilization" in reading.damaged


def test_of_thousands_of_windows_the_named_and_the_fullest_are_kept() -> None:
    many = {f"w{number}": {"utilization": number % 100} for number in range(2000)}
    reading = read_usage({"five_hour": {"utilization": 1}, **many}, observed_at=NOON, source="oauth")
    assert len(reading.windows) == 48 and reading.windows[0].key == "five_hour"
    assert min(window.utilization for window in reading.windows[1:]) >= 97


@pytest.mark.parametrize("layers", ["gzip", "deflate", "gzip, gzip", "br", "zstd"])
def test_a_compressed_answer_is_inflated_once_and_within_bounds(layers: str) -> None:
    small, bomb = gzip.compress(b"{}"), gzip.compress(b"0" * (8 << 20))
    if layers in ("gzip", "deflate"):
        assert _inflated(small, layers) == b"{}"
    else:
        with pytest.raises(errors.NotJsonError):
            _inflated(small, layers)
    with pytest.raises(errors.NotJsonError):
        _inflated(bomb, layers)


def dated(server: DemoServer, moment: datetime | str, utilization: float, resets_at: datetime) -> None:
    text = moment if isinstance(moment, str) else moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    window = {"utilization": utilization, "resets_at": resets_at.isoformat()}
    server.replies[USAGE] = Reply.json({"five_hour": window}, Date=text)


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(days=-1), timedelta(days=400)])
async def test_a_date_a_day_off_hides_no_later_reading(bench: Bench, ahead: timedelta) -> None:
    dated(bench.server, NOON + ahead, 63, NOON + timedelta(hours=3))
    await bench.poller.beat()
    assert bench.poller.state.skew == timedelta(0)
    bench.clock.advance(minutes=20)
    dated(bench.server, bench.clock.now(), 99, NOON + timedelta(hours=3))
    await bench.poller.beat()
    reading = bench.poller.state.reading
    assert reading is not None and reading.windows[0].utilization == 99
    assert reading.observed_at == bench.clock.now()


async def test_a_date_that_its_own_resets_contradict_is_not_believed(bench: Bench) -> None:
    dated(bench.server, NOON + timedelta(hours=8), 63, NOON + timedelta(hours=3))
    await bench.poller.beat()
    assert bench.poller.state.skew == timedelta(0)
    bench.clock.advance(minutes=20)
    dated(bench.server, NOON + timedelta(hours=8), 64, NOON + timedelta(hours=11))  # this clock is off
    await bench.poller.beat()
    assert timedelta(hours=7, minutes=39) < bench.poller.state.skew < timedelta(hours=7, minutes=41)


def test_what_was_dated_in_the_year_9999_is_healed(bench: Bench, scratch_home: Path) -> None:
    reading = read_usage({"five_hour": {"utilization": 5}}, observed_at=NOON, source="oauth").document()
    bench.store.save(reading)
    bench.store.connection.execute("UPDATE readings SET observed_at = 253402300799000000")
    known = bench.store.newest(now=NOON)
    assert known is not None and known["observed_at"] == "2026-11-26T12:00:00Z"
    for command in (["status"], ["status", "-f", "json"], ["history"], ["compare"]):
        done = run_script(*command)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert run_script("statusline", input="{}").returncode == 0
    assert bench.store.heal(NOON) == 1
    assert bench.store.newest(at=NOON) is not None


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "0001-01-01", "9999-12-31"])
def test_a_time_at_either_end_of_the_calendar_is_brought_within_reach(text: str) -> None:
    assert datetime(1970, 1, 1, tzinfo=UTC) < given_time("--since", text) <= datetime(2200, 1, 1, tzinfo=UTC)
    for command in (["local", "--since", text], ["local", "--until", text, "--timezone", "Asia/Tokyo", "--by", "day"]):
        assert run_script(*command).returncode == 0


def test_an_absurd_reset_of_the_status_line_leaves_the_known_one(live: DemoServer, scratch_home: Path) -> None:  # noqa: F811
    resets = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    reply(live, {"five_hour": {"utilization": 20, "resets_at": resets.isoformat()}})
    run_script("once")
    for number, absurd in enumerate((1e300, -5, "soon", 253402300799, [], True, resets.timestamp() * 1000)):
        limits = {"five_hour": {"used_percentage": 30 + number, "resets_at": absurd}}
        given_line = {"session_id": "s", "cost": {"total_cost_usd": number}, "rate_limits": limits}
        assert run_script("statusline", input=json.dumps(given_line)).returncode == 0
        found = json.loads(run_script("status", "-f", "json").stdout)["windows"][0]
        assert found["resets_at"] == resets.strftime("%Y-%m-%dT%H:%M:%SZ"), absurd
        assert found["utilization"] in (20, 30 + number)


def test_amounts_never_show_a_thousand_of_a_unit() -> None:
    shown = [amount(count) for count in (999, 1000, 99_949, 99_950, 999_499, 999_500, 999_999, 10**9 - 1, 10**15)]
    assert shown == ["999", "1.0 k", "99.9 k", "100 k", "999 k", "1.0 M", "1.0 M", "1.0 G", "1000 T"]


@given(st.integers(min_value=0, max_value=10**14))
def test_an_amount_has_four_figures_at_the_most(count: int) -> None:
    digits = amount(count).split(" ")[0].replace(".", "")
    assert len(digits) <= 3 and float(amount(count).split(" ")[0]) < 1000


def test_a_store_keeps_its_order_when_it_is_healed(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "s" / "meter.sqlite3")) as store:
        for hour in range(-2, 3):
            moment = NOON + timedelta(hours=hour)
            store.save(read_usage({"five_hour": {"utilization": hour + 2}}, observed_at=moment, source="x").document())
        assert store.newest(now=NOON)["windows"][0]["utilization"] == 2  # type: ignore[index]
        assert store.heal(NOON) == 2
        assert [row["utilization"] for row in store.history()] == [0, 1, 3, 4, 2]
        assert store.newest(at=NOON)["windows"][0]["utilization"] == 2  # type: ignore[index]
