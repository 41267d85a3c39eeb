"""One shape of a reading: the model is the description, and whatever else spells it out by hand is held to it."""

from __future__ import annotations

from datetime import timedelta
from typing import get_type_hints

from conftest import NOON, payload

from claude_meter_tui.dashboard.themes import THEMES
from claude_meter_tui.domain import plain_reading
from claude_meter_tui.domain.light_reading import stand_in
from claude_meter_tui.domain.windows import Account, ExtraUsage, Money, Reading, Window
from claude_meter_tui.output.words import source_words
from claude_meter_tui.settings.choices import ASKING_SOURCES, THEME_NAMES
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.sources.statusline import reading_of


def test_the_plain_form_has_the_model_s_fields() -> None:
    pairs = {
        plain_reading.ReadingDocument: Reading,
        plain_reading.WindowDocument: Window,
        plain_reading.AccountDocument: Account,
        plain_reading.ExtraUsageDocument: ExtraUsage,
        plain_reading.MoneyDocument: Money,
    }
    for plain, model in pairs.items():
        assert set(plain.__annotations__) == set(model.model_fields), model.__name__


def test_the_stand_in_of_the_first_paint_has_every_field_and_property_of_the_model() -> None:
    reading = read_usage(payload("limits-array-and-spend.json"), observed_at=NOON, source="oauth")
    light = stand_in(reading.document())
    assert reading.extra_usage is not None and light.extra_usage is not None
    for real, other in (
        (reading, light),
        (reading.windows[0], light.windows[0]),
        (reading.extra_usage, light.extra_usage),
    ):
        kind = type(real)
        names = set(kind.model_fields) | {name for name, value in vars(kind).items() if isinstance(value, property)}
        for name in names - {"windows", "extra_usage", "account", "used", "limit"}:
            assert getattr(other, name) == getattr(real, name), f"{kind.__name__}.{name}"


def test_a_window_of_the_status_line_has_the_same_shape() -> None:
    resets_at = int((NOON + timedelta(hours=2)).timestamp())
    given = {"rate_limits": {"five_hour": {"used_percentage": 41, "resets_at": resets_at}}}
    found = reading_of(given, NOON, Account().model_dump())
    assert found is not None
    for window in found["windows"]:
        assert set(window) == set(Window.model_fields)
    assert set(found) == set(get_type_hints(plain_reading.ReadingDocument))


def test_names_to_choose_from_are_the_ones_there_are() -> None:
    assert tuple(theme.name for theme in THEMES) == THEME_NAMES
    assert all(source_words(name) != name for name in ASKING_SOURCES)
