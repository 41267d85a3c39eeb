"""One truth from several sources: what is laid over what, window by window."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from conftest import NOON

from claude_meter_tui.store.merging import merged, same_instance

MINUTE = timedelta(minutes=1)


def iso(minutes: float) -> str:
    return (NOON + minutes * MINUTE).isoformat().replace("+00:00", "Z")


def window(key: str, used: float, resets: str | None, **more: Any) -> Any:
    base = {"key": key, "label": key, "group": "session", "length_seconds": 18000, "model": "Opus", "surface": None}
    empty = {"severity": None, "is_active": None, "observed_at": None, "source": None}
    return {**base, **empty, "utilization": used, "resets_at": resets, **more}


def said(minutes: float, source: str, *windows: Any) -> Any:
    return {
        "observed_at": iso(minutes),
        "source": source,
        "account": {"email": "a@example.com", "organization_uuid": None, "plan": None},
        "windows": list(windows),
        "extra_usage": {"enabled": True},
        "damaged": [],
        "whole_at": None,
    }


WHOLE = said(-30, "oauth", window("a", 40, iso(60), severity="warning", is_active=True), window("b", 7, iso(90)))


def over(*windows: Any) -> dict[str, Any]:
    found = merged(WHOLE, [said(-5, "statusline", *windows)])
    assert found is not None
    return {each["key"]: each for each in found["windows"]}


def test_nothing_is_nothing_and_a_whole_answer_is_itself() -> None:
    assert merged(None, []) is None
    found = merged(WHOLE, [])
    assert found is not None and found["whole_at"] == found["observed_at"] == iso(-30)
    assert {(each["observed_at"], each["source"]) for each in found["windows"]} == {(iso(-30), "oauth")}


def test_a_part_alone_has_no_whole_and_the_next_is_laid_over_it() -> None:
    found = merged(None, [said(-9, "statusline", window("a", 1, None)), said(-5, "statusline", window("b", 2, None))])
    assert found is not None and found["whole_at"] is None and found["observed_at"] == iso(-5)
    assert {each["key"]: each["observed_at"] for each in found["windows"]} == {"a": iso(-9), "b": iso(-5)}


def test_the_newer_figure_counts_and_the_rest_stays() -> None:
    found = over(window("a", 45, iso(60.5), model=None))
    assert found["a"] == {
        **WHOLE["windows"][0],
        "utilization": 45,
        "observed_at": iso(-5),
        "source": "statusline",
    }
    assert found["b"]["utilization"] == 7 and found["b"]["source"] == "oauth"


def test_what_the_server_said_of_a_higher_figure_holds_no_longer_for_a_lower_one() -> None:
    assert over(window("a", 40, iso(60)))["a"]["severity"] == "warning"
    lower = over(window("a", 39, iso(60)))["a"]
    assert lower["severity"] is None and lower["is_active"] is None and lower["resets_at"] == iso(60)


def test_another_instance_takes_its_own_reset() -> None:
    found = over(window("a", 50, iso(360)))["a"]
    assert found["resets_at"] == iso(360) and found["severity"] is None and found["is_active"] is None


@pytest.mark.parametrize(
    ("used", "known", "kept"),
    [
        (45, iso(60), True),
        (0.5, iso(60), True),
        (45, iso(-5), False),
        (0, iso(60), False),
        (45, iso(-10), False),
        (45, None, False),
    ],
)
def test_a_reset_that_is_not_told_is_the_known_one_while_it_lies_ahead(
    used: float, known: str | None, kept: bool
) -> None:
    whole = said(-30, "oauth", window("a", 40, known))
    found = merged(whole, [said(-5, "statusline", window("a", used, None))])
    assert found is not None and found["windows"][0]["resets_at"] == (known if kept else None)


def test_a_window_nobody_knew_comes_first_and_the_account_stays() -> None:
    found = merged(WHOLE, [said(-5, "statusline", window("new", 3, None))])
    assert found is not None and [each["key"] for each in found["windows"]] == ["new", "a", "b"]
    assert found["account"] == WHOLE["account"] and found["extra_usage"] == {"enabled": True}
    assert found["source"] == "statusline" and found["whole_at"] == iso(-30)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (None, None, True),
        (None, iso(0), False),
        (iso(0), None, False),
        (iso(0), iso(1.5), True),
        (iso(1.5), iso(0), True),
        (iso(0), iso(1.51), False),
    ],
)
def test_a_reset_is_the_same_within_what_sources_round_by(one: str | None, other: str | None, same: bool) -> None:
    assert same_instance(one, other) is same
