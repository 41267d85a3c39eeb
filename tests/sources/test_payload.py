"""Any body → Reading: FACTS §1, shape by shape."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import NOON, PAYLOADS, payload
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_meter_tui.domain.catalogue import FIVE_HOURS, SEVEN_DAYS, name_of
from claude_meter_tui.domain.errors import NotUsageError
from claude_meter_tui.domain.windows import Reading
from claude_meter_tui.sources.payload.usage import read_usage


def read(body: object) -> Reading:
    return read_usage(body, observed_at=NOON, source="oauth")


def figures(reading: Reading) -> dict[str, float]:
    return {window.key: window.utilization for window in reading.windows}


def test_seven_named_windows_with_labels_lengths_and_exact_money() -> None:
    reading = read(payload("max-named-windows.json"))
    assert figures(reading) == {
        "five_hour": 41.0,
        "seven_day": 63.0,
        "seven_day_opus": 96.0,
        "seven_day_sonnet": 12.0,
        "seven_day_oauth_apps": 58.0,
        "seven_day_omelette": 0.0,
        "seven_day_cowork": 3.0,
    }
    assert [window.label for window in reading.windows] == [
        *("5-hour", "7-day", "7-day Opus", "7-day Sonnet", "7-day apps", "Design", "Cowork")
    ]
    five, design = reading.window("five_hour"), reading.window("seven_day_omelette")
    assert five is not None and five.length_seconds == FIVE_HOURS and five.group == "session"
    assert five.resets_at == datetime(2026, 11, 23, 15, 0, 0, 412873, UTC)
    assert five.opened_at == datetime(2026, 11, 23, 10, 0, 0, 412873, UTC)
    assert design is not None and design.resets_at is None and design.length_seconds == SEVEN_DAYS
    extra = reading.extra_usage
    assert extra is not None and extra.used is not None and extra.limit is not None
    assert (str(extra.used.amount), extra.used.currency) == ("12.40", "USD")
    assert str(extra.limit.amount) == "50.00" and not extra.limit_reached and extra.carries_on
    assert reading.damaged == ()


def test_half_a_percent_is_half_a_percent_and_an_int_is_a_percentage() -> None:
    assert figures(read(payload("pro-two-windows.json"))) == {"five_hour": 0.5, "seven_day": 7.0}


def test_mirrors_in_limits_are_one_row_with_the_named_window() -> None:
    reading = read(payload("limits-array-and-spend.json"))
    assert figures(reading) == {"five_hour": 25.0, "seven_day": 61.0, "weekly_scoped:fable": 82.0}
    fable = reading.window("weekly_scoped:fable")
    assert fable is not None
    assert (fable.label, fable.model, fable.group, fable.severity, fable.is_active) == (
        *("Fable", "Fable", "weekly", "warning", True),
    )
    five = reading.window("five_hour")
    assert five is not None and five.severity == "normal" and five.is_active is False


def test_spend_goes_before_extra_usage_and_its_limit_is_reached_whatever_the_flags_say() -> None:
    extra = read(payload("limits-array-and-spend.json")).extra_usage
    assert extra is not None and extra.used is not None
    assert (extra.used.amount, extra.used.currency, extra.limit_reached) == (Decimal("40.01"), "EUR", True)
    assert not extra.carries_on


def test_limits_alone_give_the_named_windows_and_the_higher_of_two_equal_labels() -> None:
    reading = read(payload("limits-array-only.json"))
    assert figures(reading) == {
        "five_hour": 7.0,
        "seven_day": 28.0,
        "weekly_scoped:fable": 35.0,
        "weekly_scoped:claude_code": 100.0,
    }
    surface, fable = reading.window("weekly_scoped:claude_code"), reading.window("weekly_scoped:fable")
    assert surface is not None and surface.surface == "claude_code" and surface.model is None
    assert fable is not None and fable.severity == "warning"  # sent as "warn"


def test_idle_windows_have_no_reset() -> None:
    reading = read(payload("idle-nothing-open.json"))
    assert all(window.resets_at is None and window.utilization == 0 for window in reading.windows)
    assert reading.extra_usage is not None and reading.extra_usage.enabled is False


def test_over_100_and_a_reset_in_the_past_are_kept_as_sent() -> None:
    reading = read(payload("over-100-and-past-reset.json"))
    assert figures(reading) == {"five_hour": 104.0, "seven_day": 100.0, "seven_day_opus": 113.2}
    extra = reading.extra_usage
    assert extra is not None and extra.used is not None and extra.limit is None
    assert str(extra.used.amount) == "3.10" and extra.used.currency == "GBP" and extra.carries_on


def test_unknown_windows_are_windows_and_things_without_utilization_are_not() -> None:
    reading = read(payload("unknown-windows.json"))
    assert set(figures(reading)) == {
        *("five_hour", "seven_day", "tangelo", "seven_day_sonnet_max", "brand_new_window", "monthly_all"),
    }
    sonnet, monthly = reading.window("seven_day_sonnet_max"), reading.window("monthly_all")
    assert sonnet is not None and sonnet.length_seconds == SEVEN_DAYS and sonnet.group == "weekly"
    assert monthly is not None and monthly.group == "other" and monthly.length_seconds is None
    assert reading.extra_usage is None


def test_damage_costs_only_itself_and_is_named() -> None:
    reading = read(payload("damaged-entries.json"))
    assert figures(reading) == {"seven_day_sonnet": 22.0, "weekly_scoped:fable": 44.0}
    assert set(reading.damaged) == {
        *("five_hour.utilization", "seven_day.utilization", "seven_day_opus"),
        *("limits[0]", "limits[1]", "limits[2]", "limits[3]", "extra_usage", "spend.percent"),
    }


def test_a_reset_that_is_no_time_costs_the_countdown_not_the_percentage() -> None:
    reading = read({"five_hour": {"utilization": 41, "resets_at": "not a time"}})
    assert figures(reading) == {"five_hour": 41.0} and reading.windows[0].resets_at is None
    assert reading.damaged == ("five_hour.resets_at",)


@pytest.mark.parametrize(
    "text", ["2026-11-23T15:00:00+05:30", "2026-11-23T09:30:00Z", "2026-11-23T09:30:00.000000+00:00"]
)
def test_every_offset_becomes_utc(text: str) -> None:
    window = read({"five_hour": {"utilization": 1, "resets_at": text}}).windows[0]
    assert window.resets_at == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    assert window.resets_at.utcoffset() == timedelta(0)


def test_model_and_surface_make_one_label_and_key() -> None:
    scope = {"model": {"id": "claude-fable-5", "display_name": None}, "surface": "claude_code"}
    entry = {"kind": "weekly_scoped", "group": "weekly", "percent": 3, "scope": scope}
    window = read({"limits": [entry]}).windows[0]
    assert (window.key, window.label) == (
        *("weekly_scoped:claude_fable_5_claude_code", "claude-fable-5 (claude_code)"),
    )


def test_the_exponent_is_honoured_and_no_currency_is_invented() -> None:
    def spent(spend: dict[str, object]) -> tuple[str, str | None]:
        extra = read({"five_hour": None, "spend": spend}).extra_usage
        assert extra is not None and extra.used is not None
        return str(extra.used.amount), extra.used.currency

    assert spent({"used": {"amount_minor": 1234, "currency": "JPY", "exponent": 0}}) == ("1234", "JPY")
    assert spent({"used": {"amount_minor": 1234, "currency": "kwd", "exponent": 3}}) == ("1.234", "KWD")
    assert spent({"used": {"amount_minor": 5, "exponent": 2}}) == ("0.05", None)


def test_terminal_control_characters_never_reach_a_label() -> None:
    scope = {"model": {"display_name": "Fa\x1b[31mble\n\u202e"}, "surface": None}
    window = read({"limits": [{"kind": "weekly_scoped", "group": "weekly", "percent": 3, "scope": scope}]}).windows[0]
    assert window.label == "Fa[31mble" and window.label.isprintable()


@pytest.mark.parametrize(
    "body", ["<html>", [], [{"five_hour": {}}], 7, None, True, {}, {"error": {"type": "x"}}, {"a": {"b": 1}}]
)
def test_what_is_no_usage_response_is_a_typed_error(body: object) -> None:
    with pytest.raises(NotUsageError):
        read(body)


def test_every_payload_is_read_or_refused_in_words() -> None:
    for file in PAYLOADS.glob("*.json"):
        try:
            read(json.loads(file.read_text()))
        except NotUsageError as error:
            assert error.sentence and error.hint


def test_a_reading_survives_its_plain_form() -> None:
    reading = read(payload("limits-array-and-spend.json"))
    assert Reading.model_validate(json.loads(json.dumps(reading.document()))) == reading


def test_names_of_keys_known_only_by_key() -> None:
    assert name_of("weekly_scoped:claude_code").label == "Claude Code"
    assert name_of("seven_day_overage_included").length == SEVEN_DAYS
    assert name_of("tangelo").group == "other"


# --- any JSON in, no exception out, nothing invented ----------------------------------------------------------------

TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        "five_hour",
        "seven_day",
        "tangelo",
        "utilization",
        "resets_at",
        "limits",
        "extra_usage",
        "spend",
        "2026-11-23T15:00:00Z",
    ]
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)
NUMBERS = st.integers(-(10**30), 10**30) | st.floats() | st.none() | st.booleans() | TEXTS
TIMES = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | st.none() | TEXTS
WINDOWS = st.fixed_dictionaries({}, optional={"utilization": NUMBERS, "resets_at": TIMES}) | JSON_VALUES
SCOPES = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "model": st.none() | st.dictionaries(st.sampled_from(["id", "display_name"]), TEXTS | st.none()),
        "surface": TEXTS,
    },
)
LIMITS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from(["session", "weekly_all", "weekly_scoped", "new"]) | JSON_VALUES,
            "group": TEXTS,
            "percent": NUMBERS,
            "severity": TEXTS,
            "resets_at": TIMES,
            "scope": SCOPES,
            "is_active": st.booleans() | TEXTS,
        },
    )
    | JSON_VALUES,
    max_size=6,
)
MONEY = st.fixed_dictionaries(
    {}, optional={"amount_minor": NUMBERS, "currency": TEXTS | st.none(), "exponent": NUMBERS}
)
BODIES = st.fixed_dictionaries(
    {"five_hour": WINDOWS},
    optional={
        "seven_day": WINDOWS,
        "tangelo": WINDOWS,
        "limits": LIMITS,
        "spend": st.fixed_dictionaries(
            {}, optional={"used": MONEY, "limit": MONEY, "percent": NUMBERS, "enabled": st.booleans()}
        ),
        "extra_usage": st.fixed_dictionaries(
            {},
            optional={"used_credits": NUMBERS, "monthly_limit": NUMBERS, "currency": TEXTS, "decimal_places": NUMBERS},
        ),
    },
)


@given(JSON_VALUES)
@settings(max_examples=300)
def test_any_json_value_is_read_or_refused(body: object) -> None:
    with suppress(NotUsageError):
        check(read(body))


@given(BODIES)
@settings(max_examples=400)
def test_any_body_near_the_real_one_is_read_and_nothing_is_invented(body: dict[str, object]) -> None:
    reading = read(body)
    check(reading)
    sent = set(numbers_in(body))
    for window in reading.windows:
        assert window.utilization in sent
    assert Reading.model_validate(json.loads(json.dumps(reading.document()))) == reading


def check(reading: Reading) -> None:
    keys = [window.key for window in reading.windows]
    assert len(keys) == len(set(keys))
    for window in reading.windows:
        assert math.isfinite(window.utilization) and window.utilization >= 0
        assert window.label.isprintable() and window.label and window.key.isprintable()
        assert window.resets_at is None or window.resets_at.utcoffset() == timedelta(0)


def numbers_in(value: object) -> list[float]:
    if isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        try:
            return [float(value)]
        except OverflowError:
            return []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [number for item in inner for number in numbers_in(item)]
