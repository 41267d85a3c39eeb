"""Readings in the CSV of other programs: a row for each time, a column for each window.

Seen in the wild: `timestamp,five_hour,seven_day[,sonnet,opus]`, `timestamp,five_hour_pct,weekly_pct,…`,
`timestamp,session_pct,week_pct` (seconds since 1970), claude-monitor's table `usage_history` (`session_percent`,
`weekly_all_percent`, …) and ccburn's `usage_snapshots` (`five_hour_utilization`, `seven_day_all_utilization`, …, which
are fractions of 1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.foreign_text import clean_text, shown
from claude_meter_tui.sources.files.file_reading import (
    NOBODY,
    Figure,
    FileReading,
    account_named,
    not_a_reading,
    percent_of,
    reading_of,
    utc_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SOURCE = "import"
_TIMES = ("observed_at", "timestamp", "recorded_at", "fetched_at", "sampled_at", "time", "datetime", "date", "ts")
_ACCOUNTS = ("organization_uuid", "org_uuid", "email", "account_email", "account")
_MADE_UP = "is_synthetic"  # claude-monitor draws points of its own at resets
_USED = re.compile(r"_(?:pct|percent|percentage|used_percentage|utili[sz]ation|used|usage)$")
_RESETS = re.compile(r"_(?:resets_at|reset_at|resets|reset|reset_time)$")
_FAMILY = re.compile(r"(?:(?:seven_day|weekly|week|7d)_)?(opus|sonnet|haiku|fable)(?:_(?:weekly|week|7d))?")
_NAMES = {
    **dict.fromkeys(("five_hour", "five_hours", "5h", "5_hour", "session", "session_5h"), "five_hour"),
    **dict.fromkeys(
        ("seven_day", "seven_days", "7d", "7_day", "week", "weekly", "weekly_all", "week_all", "seven_day_all"),
        "seven_day",
    ),
}
# ccburn's own name for it, which nobody else has: its figures are fractions of 1.
_FRACTIONS_OF = "seven_day_all_utilization"


class Columns(NamedTuple):
    """Which column says what: the time, the account (None: none does), and by window the figure and its reset."""

    time: str
    account: str | None
    figures: dict[str, str]
    resets: dict[str, str]
    fractions: bool
    left_out: tuple[str, ...]


def columns_of(names: Sequence[str]) -> Columns | None:
    """What a table's head says; None where it is of no kind known here."""
    plain = {name: name.strip().lower().replace(" ", "_").replace("-", "_") for name in names if name}
    time = next((name for wanted in _TIMES for name in plain if plain[name] == wanted), None)
    figures: dict[str, str] = {}
    resets: dict[str, str] = {}
    for name, text in plain.items():
        if key := _key(_RESETS.sub("", text)) if _RESETS.search(text) else None:
            resets.setdefault(key, name)
        elif key := _key(_USED.sub("", text)):
            figures.setdefault(key, name)
    if time is None or not figures:
        return None
    account = next((name for wanted in _ACCOUNTS for name in plain if plain[name] == wanted), None)
    taken = {time, account, *figures.values(), *resets.values()}
    return Columns(
        time,
        account,
        figures,
        resets,
        _FRACTIONS_OF in plain.values(),
        tuple(shown(name) for name in names if name and name not in taken),
    )


def _key(name: str) -> str | None:
    """The key of the window a column is called after; None for anything else."""
    if name in _NAMES:
        return _NAMES[name]
    if family := _FAMILY.fullmatch(name):
        return f"seven_day_{family[1]}"
    return name if name.startswith("seven_day_") else None


def readings(
    rows: Iterable[tuple[int, dict[str, str]]], columns: Columns, *, fractions: bool | None = None
) -> Iterator[FileReading]:
    """(line, row) → readings; a row without any figure is left out.

    Args:
        rows: as the file has them.
        columns: what they mean.
        fractions: whether the figures are fractions of 1, where the user said so; None: by the head.

    Raises:
        BadUsageError: a row is no reading, or it cannot be told whether the figures are percent.
    """
    scale = 100.0 if (columns.fractions if fractions is None else fractions) else 1.0
    found = [(line, row) for line, row in rows if row.get(_MADE_UP, "") not in ("1", "true", "True")]
    if fractions is None and scale == 1.0 and _may_be_fractions(found, columns):
        raise BadUsageError(
            "All figures in it are between 0 and 1: they may be fractions.",
            "Say --fractions, or --percent if they are percent.",
        )
    for line, row in found:
        try:
            observed_at = utc_text(row[columns.time])
            figures = {
                key: Figure(round(percent_of(row[name]) * scale, 4), _reset(row, columns.resets.get(key)))
                for key, name in columns.figures.items()
                if (row.get(name) or "").strip()
            }
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            raise not_a_reading(line) from None
        account = clean_text(row.get(columns.account) or "", 120) if columns.account else None
        if figures:
            yield FileReading(reading_of(observed_at, SOURCE, account_named(account) if account else NOBODY, figures))


def _may_be_fractions(rows: Iterable[tuple[int, dict[str, str]]], columns: Columns) -> bool:
    """Whether no figure is above 1 and some are neither 0 nor 1; percentages are hardly ever that low all the time."""
    between = 0
    for _, row in rows:
        for name in columns.figures.values():
            try:
                value = float((row.get(name) or "0").strip().removesuffix("%"))
            except ValueError:
                return False
            if value > 1:
                return False
            between += 0 < value < 1
    return between >= 2


def _reset(row: dict[str, str], name: str | None) -> str | None:
    """When it resets; None where that is not said as a time ("in 3 hr")."""
    try:
        return utc_text(row[name]) if name is not None and row[name] else None
    except (ValueError, KeyError):
        return None
