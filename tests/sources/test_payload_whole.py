"""Bodies read whole: every field of what comes out, so that none can be lost, swapped or invented unseen."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pendulum
import pytest
from conftest import NOON
from hypothesis import given
from hypothesis import strategies as st

from claude_meter_tui.domain.errors import NotUsageError
from claude_meter_tui.domain.windows import ExtraUsage, Money, Reading, Window
from claude_meter_tui.sources.payload.fields import time_of
from claude_meter_tui.sources.payload.money import lacks_money, with_overage
from claude_meter_tui.sources.payload.usage import read_usage

RESET = "2026-11-27T09:00:00+00:00"
AT = datetime(2026, 11, 27, 9, tzinfo=UTC)
WEEK, FIVE = 7 * 86400, 5 * 3600


def read(body: object) -> Reading:
    return read_usage(body, observed_at=NOON, source="oauth")


def money(body: dict[str, Any]) -> ExtraUsage | None:
    return read({"five_hour": None, **body}).extra_usage


def window(key: str, label: str, used: float, **more: Any) -> Window:
    return Window(key=key, label=label, utilization=used, **{"group": "weekly", "length_seconds": WEEK, **more})


# --- windows ---------------------------------------------------------------------------------------------------------


def test_a_named_window_of_a_model_and_one_of_a_surface() -> None:
    body = {
        "extra_usage": None,
        "seven_day_oauth_apps": {"utilization": 7, "resets_at": RESET},
        "unknown": 3,
        "seven_day_opus": {"utilization": 41.5, "resets_at": RESET},
        "five_hour": {"utilization": None},
        "seven_day": {"utilization": 12, "resets_at": None},
    }
    assert read(body).windows == (
        window("seven_day", "7-day", 12),
        window("seven_day_opus", "7-day Opus", 41.5, resets_at=AT, model="Opus"),
        window("seven_day_oauth_apps", "7-day apps", 7, resets_at=AT, surface="oauth_apps"),
    )


def test_a_scoped_limit_has_every_field_and_its_length_by_group() -> None:
    def limit(kind: str, group: object, **more: Any) -> dict[str, Any]:
        return {"kind": kind, "group": group, "percent": 5, "resets_at": RESET, **more}

    limits = [
        limit(
            "weekly_scoped", "weekly", scope={"model": {"display_name": "Fable"}, "surface": "chat"}, severity="warn"
        ),
        limit("session_scoped", "session", scope={"model": {"id": "__x__"}}, is_active=True, severity="critical"),
        limit("month_long", "monthly", is_active="yes", severity=""),
        limit("weekly_scoped", "weekly", scope={"model": "★"}),
        limit("weekly_thing", "weekly"),
    ]
    found = {each.key: each for each in read({"limits": limits}).windows}
    assert found == {
        "weekly_scoped:fable_chat": window(
            "weekly_scoped:fable_chat",
            "Fable (chat)",
            5,
            resets_at=AT,
            model="Fable",
            surface="chat",
            severity="warning",
        ),
        "session_scoped:x": window(
            "session_scoped:x",
            "__x__",
            5,
            resets_at=AT,
            model="__x__",
            group="session",
            length_seconds=FIVE,
            severity="critical",
            is_active=True,
        ),
        "month_long": window("month_long", "month long", 5, resets_at=AT, group="other", length_seconds=None),
        "weekly_scoped:unnamed": window("weekly_scoped:unnamed", "★", 5, resets_at=AT, model="★"),
        "weekly_thing": window("weekly_thing", "weekly thing", 5, resets_at=AT),
    }


def test_the_order_is_named_then_scoped_then_unknown() -> None:
    limits = [
        {"kind": "zz", "group": "odd", "percent": 1},
        {"kind": "b", "group": "weekly", "percent": 1},
        {"kind": "aa", "group": "odd", "percent": 1},
        {"kind": "c", "group": "session", "percent": 1},
        {"kind": "session", "percent": 1},
    ]
    assert [each.key for each in read({"limits": limits}).windows] == ["five_hour", "b", "c", "aa", "zz"]


def test_a_mirror_gives_reset_severity_and_mark_where_the_named_form_has_none() -> None:
    limit = {"kind": "session", "percent": 30, "resets_at": RESET, "severity": "warning", "is_active": True}
    for named, resets_at in ((None, AT), ("2026-11-27T09:00:01+00:00", AT + timedelta(seconds=1))):
        (found,) = read({"five_hour": {"utilization": 30.5, "resets_at": named}, "limits": [limit]}).windows
        assert (found.utilization, found.resets_at) == (30.5, resets_at)
        assert (found.severity, found.is_active) == ("warning", True)


def test_of_two_equal_scoped_limits_the_higher_counts_and_of_equal_ones_the_first() -> None:
    def limit(percent: float, severity: str) -> dict[str, Any]:
        return {"kind": "w", "group": "weekly", "percent": percent, "severity": severity}

    (found,) = read({"limits": [limit(5, "a"), limit(9, "b"), limit(9, "c"), limit(2, "d")]}).windows
    assert (found.utilization, found.severity) == (9, "b")


def joined(old: dict[str, Any], *scoped: dict[str, Any]) -> dict[str, Window]:
    limits = [{"kind": "weekly_scoped", "group": "weekly", "resets_at": RESET, **each} for each in scoped]
    return {each.key: each for each in read({"seven_day_opus": old, "limits": limits}).windows}


def test_a_model_named_twice_is_one_row_with_the_higher_figure() -> None:
    opus = {"scope": {"model": {"display_name": "OPUS"}}, "severity": "critical", "is_active": True}
    for here, there in ((10, 12), (14, 12)):
        found = joined({"utilization": here, "resets_at": "2026-11-27T09:00:05+00:00"}, {"percent": there, **opus})
        assert found == {
            "seven_day_opus": window(
                "seven_day_opus",
                "7-day Opus",
                max(here, there),
                model="Opus",
                resets_at=AT + timedelta(seconds=5),
                severity="critical",
                is_active=True,
            )
        }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"resets_at": "2026-11-27T09:00:06+00:00"}, {}),
        ({"resets_at": None}, {}),
        ({"resets_at": RESET}, {"scope": {"model": "Fable"}}),
        ({"resets_at": RESET}, {"scope": {"model": "Opus", "surface": "chat"}}),
        ({"resets_at": RESET}, {"group": "session"}),
        ({"resets_at": RESET}, {"scope": None}),
    ],
    ids=["another reset", "no reset", "another model", "a surface", "another length", "no model"],
)
def test_what_is_not_the_same_window_stays_two(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = joined({"utilization": 10, **old}, {"percent": 12, "scope": {"model": "Opus"}, **new})
    assert len(found) == 2 and found["seven_day_opus"].utilization == 10


def test_two_idle_forms_of_one_model_are_one_and_others_are_looked_at_too() -> None:
    scoped = [{"kind": "w", "group": "weekly", "percent": 1, "scope": {"model": name}} for name in ("Sonnet", "Opus")]
    idle = {"utilization": 0, "resets_at": None}
    body = {"seven_day_opus": idle, "seven_day_sonnet": idle, "limits": scoped}
    assert {each.key: each.utilization for each in read(body).windows} == {"seven_day_opus": 1, "seven_day_sonnet": 1}


def test_bounds_of_windows_and_limits_are_said() -> None:
    def body(count: int) -> dict[str, Any]:
        return {f"w{number:03}": {"utilization": number % 50} for number in range(count)}

    assert read(body(48)).damaged == () and len(read(body(48)).windows) == 48
    found = read({**body(50), "five_hour": {"utilization": 0}})
    assert found.damaged == ("3 more windows",) and len(found.windows) == 48
    assert found.windows[0].key == "five_hour" and min(each.utilization for each in found.windows[1:]) == 3
    limits = [{"kind": f"k{number}", "percent": 1} for number in range(513)]
    assert "limits[512:]" not in read({"limits": limits[:512]}).damaged
    assert "limits[512:]" in read({"limits": limits}).damaged
    assert read({"limits": {}}).damaged == ("limits",)
    broken = {"limits": [{"kind": "k", "percent": "x"}] * 99}
    assert read(broken).damaged == tuple(f"limits[{number}]" for number in range(50))


def test_what_is_no_usage_is_refused_in_words_and_an_unknown_window_is_enough() -> None:
    assert [each.key for each in read({"brand_new": {"utilization": 3}}).windows] == ["brand_new"]
    with pytest.raises(NotUsageError) as caught:
        read({"brand_new": {"used": 3}})
    assert caught.value.sentence == "The answer is not a usage response."
    assert caught.value.hint == "Run `claude-meter-tui doctor`."


# --- money -----------------------------------------------------------------------------------------------------------


def test_spend_read_whole() -> None:
    used = {"amount_minor": 1240, "currency": "eur", "exponent": 2}
    spend = {
        "used": used,
        "limit": {"amount_minor": 50000, "currency": "EUR", "exponent": 3},
        "percent": 24.8,
        "enabled": False,
        "disabled_reason": "out_of_credits",
    }
    assert money({"spend": spend}) == ExtraUsage(
        enabled=False,
        used=Money(amount=Decimal("12.40"), currency="EUR"),
        limit=Money(amount=Decimal("50.000"), currency="EUR"),
        utilization=24.8,
        disabled_reason="out_of_credits",
    )
    assert money({"spend": {"enabled": True}}) == ExtraUsage(enabled=True)
    assert money({"spend": {"percent": 5}}) == ExtraUsage(utilization=5)
    assert money({"spend": {"limit": used}}) == ExtraUsage(limit=Money(amount=Decimal("12.40"), currency="EUR"))
    assert money({"spend": {"enabled": "yes"}}) is None
    assert money({"spend": {"used": {"amount_minor": 5}}}) == ExtraUsage(used=Money(amount=Decimal("0.05")))


def test_extra_usage_read_whole() -> None:
    older = {
        "is_enabled": True,
        "used_credits": 1240.5,
        "monthly_limit": 4000,
        "currency": "usd-too-long",
        "decimal_places": 3,
        "utilization": 31,
        "disabled_reason": "x",
    }
    assert money({"extra_usage": older}) == ExtraUsage(
        enabled=True,
        used=Money(amount=Decimal("1.2405"), currency="USD-TOO-"),
        limit=Money(amount=Decimal("4.000"), currency="USD-TOO-"),
        utilization=31,
        disabled_reason="x",
    )
    assert money({"extra_usage": {"used_credits": 1240, "is_enabled": 1}}) == ExtraUsage(
        used=Money(amount=Decimal("12.40"))
    )
    assert read({"extra_usage": {"used_credits": None}}).damaged == ()


def test_what_spend_does_not_say_comes_from_extra_usage() -> None:
    older = {"is_enabled": True, "disabled_reason": "why", "used_credits": 999, "utilization": 1}
    spend = {"percent": 40}
    assert money({"spend": spend, "extra_usage": older}) == ExtraUsage(
        enabled=True, utilization=40, disabled_reason="why"
    )
    said = {**spend, "enabled": False, "disabled_reason": "newer"}
    assert money({"spend": said, "extra_usage": older}) == ExtraUsage(
        enabled=False, utilization=40, disabled_reason="newer"
    )
    assert money({"spend": spend, "extra_usage": {}}) == ExtraUsage(utilization=40)


def test_damaged_money_is_named() -> None:
    body = {
        "spend": {"used": {"amount_minor": "5"}, "limit": 5, "percent": "x"},
        "extra_usage": {"used_credits": True, "monthly_limit": 10**15 + 1, "utilization": []},
    }
    assert read(body).damaged == (
        "spend.used",
        "spend.limit",
        "spend.percent",
        "extra_usage.used_credits",
        "extra_usage.monthly_limit",
        "extra_usage.utilization",
    )
    assert read({"spend": 1, "extra_usage": 2}).damaged == ("spend", "extra_usage")
    nine = {"used": {"amount_minor": 5, "exponent": 9}}
    assert read({"spend": nine}).damaged == ("spend.used",)
    eight = money({"spend": {"used": {"amount_minor": 5, "exponent": 8}}})
    assert eight == ExtraUsage(used=Money(amount=Decimal("0.00000005")))
    largest = money({"extra_usage": {"used_credits": 10**15}})
    assert largest == ExtraUsage(used=Money(amount=Decimal("10000000000000.00")))
    assert read({"extra_usage": {"used_credits": float("inf")}}).damaged == ("extra_usage.used_credits",)


def test_the_web_page_s_overage_is_the_extra_usage_where_a_body_has_no_money() -> None:
    overage = {"is_enabled": True, "monthly_credit_limit": 2500, "used_credits": 310, "currency": "EUR"}
    merged = with_overage({"five_hour": None}, overage)
    assert merged == {"five_hour": None, "extra_usage": {**overage, "monthly_limit": 2500}}
    for usage in ({"spend": {}}, {"extra_usage": {}}):
        assert not lacks_money(usage) and with_overage(usage, overage) is usage
    none = {"five_hour": None}
    assert lacks_money(none) and with_overage(none, []) is none


# --- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-27T09:00:00.123456+02:00", datetime(2026, 11, 27, 7, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-27T09", datetime(2026, 11, 27, 9, tzinfo=UTC)),
        ("20261127T09", datetime(2026, 11, 27, 9, tzinfo=UTC)),
        ("2026-11-27", None),
        ("2026-11-27T09:00:00.123456000000+02:00".ljust(41, "0"), None),
        ("Nov 27 2026 09:00", None),
        (1764234000, None),
        (None, None),
    ],
)
def test_a_time_is_iso_8601_and_utc(text: object, moment: datetime | None) -> None:
    found = time_of(text)
    assert found == moment and (found is None or found.tzinfo is UTC)


def test_a_time_is_the_same_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert time_of("2026-11-27T09:00:00+00:00") == AT
    finally:
        monkeypatch.undo()
        time.tzset()


@given(
    st.datetimes(min_value=datetime(1971, 1, 2), max_value=datetime(2199, 1, 1)),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
    st.sampled_from(["Z", "+00:00", "-05:30", "+14:00", "-00:00", "+23:59", "+24:00", "-12:75"]),
    st.sampled_from([None, (11, "24:00"), (17, "60"), (5, "13"), (8, "31"), (0, "0000")]),
)
def test_the_server_s_form_of_a_time_is_read_as_by_pendulum(
    moment: datetime, precision: str, offset: str, changed: tuple[int, str] | None
) -> None:
    text = moment.isoformat(timespec=precision) + offset
    if changed is not None:
        at, other = changed
        text = text[:at] + other + text[at + len(other) :]
    try:
        expected = pendulum.parse(text, strict=True)
    except ValueError:
        expected = None
    found = time_of(text)
    assert found is None or found.tzinfo is UTC
    if expected is None:
        assert found is None
    elif found is not None:
        assert isinstance(expected, pendulum.DateTime) and found.timestamp() == expected.timestamp()
