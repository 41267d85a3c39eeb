"""`history`: stored readings as a table, CSV or JSON; and readings taken in from such a CSV."""

from __future__ import annotations

import csv
import math
import sys
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from claude_meter_tui.commands.given_time import given_time
from claude_meter_tui.domain.bounds import MOST_PERCENT, bounded_time
from claude_meter_tui.domain.catalogue import name_of
from claude_meter_tui.domain.errors import BadUsageError, NothingStoredError
from claude_meter_tui.domain.foreign_text import clean_text, to_json
from claude_meter_tui.output import formats, words
from claude_meter_tui.output.tables import cell
from claude_meter_tui.polling.chosen_account import chosen_account
from claude_meter_tui.settings import settings
from claude_meter_tui.store.columns import parse_iso
from claude_meter_tui.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from claude_meter_tui.domain.plain_reading import AccountDocument, HistoryRow, ReadingDocument

COLUMNS = ("observed_at", "source", "account", "window", "utilization", "resets_at")
_UUID_LENGTH = 36


def show(
    env: Mapping[str, str], *, window: str | None, since: str | None, style: str, account: str | None = None
) -> int:
    """Print stored readings, oldest first.

    Raises:
        BadUsageError: `since` is not a time, or no account is called so.
        NothingStoredError: there is no store yet.
    """
    start = given_time("--since", since, "local") if since else None
    store = Store.open_existing(settings.load(env).store_file)
    if store is None:
        raise NothingStoredError
    with store:
        rows = store.history(window, start, None if account is None else chosen_account(store, account))
        if style == "csv":
            writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows({**row, "resets_at": row["resets_at"] or ""} for row in rows)
        elif style == "json":
            print(to_json({"schema": formats.SCHEMA, "readings": list(rows)}))
        else:
            _print_table(list(rows))
    return 0


def take_in(env: Mapping[str, str], file: str) -> int:
    """Add the readings of a CSV file; the ones already stored are left as they are.

    Raises:
        BadUsageError: the file cannot be read or a row is not what `history --format csv` writes; nothing is added.
    """
    with ExitStack() as stack:
        try:
            source: TextIO = (
                sys.stdin if file == "-" else stack.enter_context(Path(file).open(encoding="utf-8-sig", newline=""))
            )
            readings = list(_readings(source))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or "not a CSV text"
            raise BadUsageError(f"{file} cannot be read ({reason}).", "Nothing was added.") from None
        with Store.open(settings.load(env).store_file) as store:
            added = store.save_all(readings, partial=True)
    print(f"{added} readings added, {len(readings) - added} were there already.")
    return 0


def _print_table(rows: list[HistoryRow]) -> None:
    from rich.console import Console
    from rich.table import Table

    several = len({row["account"] for row in rows}) > 1
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (
        "observed (UTC)",
        "window",
        "used",
        "resets (UTC)",
        "source",
        *(["account"] if several else []),
    ):
        table.add_column(column, justify="right" if column == "used" else "left", no_wrap=True, overflow="ellipsis")
    for row in rows:
        resets = row["resets_at"]
        table.add_row(
            _minute(row["observed_at"]),
            cell(row["window"]),
            words.percent(row["utilization"]),
            _minute(resets) if resets else "–",
            cell(row["source"]),
            *([cell(row["account"])] if several else []),
        )
    Console().print(table)


def _minute(text: str) -> str:
    return parse_iso(text).strftime("%Y-%m-%d %H:%M")


# --- import --------------------------------------------------------------------------------------------------------


def _readings(source: TextIO) -> Iterator[ReadingDocument]:
    reader = csv.DictReader(source)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise BadUsageError(f"The first line must be {','.join(COLUMNS)}.", "Nothing was added.")
    rows = [_row(number, row) for number, row in enumerate(reader, start=2)]
    rows.sort(key=_whole_reading)
    for (observed_at, origin, account), group in groupby(rows, key=_whole_reading):
        windows = {row["window"]: row for row in group}
        yield {
            "observed_at": observed_at,
            "source": origin,
            "account": _account(account),
            "windows": [
                {
                    "key": key,
                    "label": name_of(key).label,
                    "group": name_of(key).group,
                    "utilization": row["utilization"],
                    "resets_at": row["resets_at"],
                    "length_seconds": name_of(key).length,
                    "model": name_of(key).model,
                    "surface": name_of(key).surface,
                    "severity": None,
                    "is_active": None,
                    "observed_at": None,
                    "source": None,
                }
                for key, row in windows.items()
            ],
            "extra_usage": None,
            "damaged": [],
            "whole_at": None,
        }


def _whole_reading(row: HistoryRow) -> tuple[str, str, str]:
    return (row["observed_at"], row["source"], row["account"])


def _row(number: int, row: dict[str, Any]) -> HistoryRow:
    try:
        utilization = float(row["utilization"])
        observed_at = _utc_text(row["observed_at"])
        resets_at = _utc_text(row["resets_at"]) if row["resets_at"] else None
        window, source = clean_text(row["window"]), clean_text(row["source"])
        if not math.isfinite(utilization) or not 0 <= utilization <= MOST_PERCENT or window is None or source is None:
            raise ValueError(number)
    except (ValueError, TypeError, OverflowError):
        raise BadUsageError(f"Line {number} is not a reading.", "Nothing was added.") from None
    return {
        "observed_at": observed_at,
        "source": source,
        "account": clean_text(row["account"], 120) or "",
        "window": window,
        "utilization": utilization,
        "resets_at": resets_at,
    }


def _utc_text(text: str) -> str:
    moment = bounded_time(parse_iso(text))
    if moment is None:
        raise ValueError(text)
    return moment.isoformat().replace("+00:00", "Z")


def _account(name: str) -> AccountDocument:
    """The account column holds an organization's uuid, else an email, else nothing."""
    is_uuid = len(name) == _UUID_LENGTH and name.count("-") == 4
    return {
        "organization_uuid": name if is_uuid else None,
        "email": None if is_uuid or not name else name,
        "plan": None,
    }
