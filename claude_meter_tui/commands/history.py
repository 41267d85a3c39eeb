"""`history`: stored readings as a table, CSV or JSON; a backup of them; and readings taken in from a file."""

from __future__ import annotations

import csv
import os
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from claude_meter_tui.commands.shared.given_time import given_time
from claude_meter_tui.domain.bounds import iso_utc
from claude_meter_tui.domain.errors import BadUsageError, NothingStoredError
from claude_meter_tui.domain.foreign_text import shown, storable, to_json
from claude_meter_tui.output import formats, words
from claude_meter_tui.output.tables import cell
from claude_meter_tui.polling.chosen_account import chosen_account
from claude_meter_tui.settings import settings
from claude_meter_tui.sources.files.own_csv import COLUMNS
from claude_meter_tui.store.columns import parse_iso
from claude_meter_tui.store.store import Store
from claude_meter_tui.system import paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from claude_meter_tui.domain.plain_reading import HistoryRow


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


def export(env: Mapping[str, str], file: str) -> int:
    """Write every reading with all that is known of it to a file, for `take_in`.

    Args:
        env: where the store is.
        file: made anew, for its owner only; `-`: standard output.

    Raises:
        BadUsageError: the file cannot be written.
        NothingStoredError: there is no store yet.
    """
    from claude_meter_tui.sources.files import backup
    from claude_meter_tui.sources.files.file_reading import FileReading
    from claude_meter_tui.store.backup import every_reading

    store = Store.open_existing(settings.load(env).store_file)
    if store is None:
        raise NothingStoredError
    with store:
        lines = (to_json(backup.line_of(FileReading(*each))) for each in every_reading(store))
        first = to_json(backup.head(iso_utc(datetime.now(UTC))))
        if file == "-":
            print(first)
            for line in lines:
                print(line)
            return 0
        text = StringIO()
        text.write(first + "\n")
        count = sum(bool(text.write(line + "\n")) for line in lines)
    try:
        paths.write_whole(os.path.abspath(file), text.getvalue().encode())  # noqa: PTH100
    except OSError as error:
        raise BadUsageError(
            f"{_named(file)} cannot be written ({error.strerror or error}).", "Choose another."
        ) from None
    print(f"{count} readings written to {_named(file)}.")
    return 0


def take_in(env: Mapping[str, str], file: str, *, fractions: bool | None = None, account: str | None = None) -> int:
    """Add the readings of a file (`any_file`); the ones already stored are left as they are.

    Args:
        env: where the store is.
        file: its path; `-`: standard input.
        fractions: whether figures are fractions of 1, where the user said so.
        account: whose they are where the file does not say.

    Raises:
        BadUsageError: the file cannot be read, or is of no kind known; nothing is added.
    """
    from claude_meter_tui.sources.files.any_file import readings_in
    from claude_meter_tui.store import backup

    with ExitStack() as stack:
        try:
            source: TextIO = (
                sys.stdin if file == "-" else stack.enter_context(Path(file).open(encoding="utf-8-sig", newline=""))
            )
            found = readings_in(source, fractions=fractions)
            store = stack.enter_context(Store.open(settings.load(env).store_file))
            row = None if account is None else chosen_account(store, account)
            stored: Iterator[backup.Stored] = (backup.Stored(*each) for each in found.readings)
            taken = backup.take_in(store, stored, datetime.now(UTC), row)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or "not a text of readings"
            raise BadUsageError(f"{_named(file)} cannot be read ({reason}).", "Nothing was added.") from None
    print(f"{taken.added} readings added, {taken.there} were there already.")
    if taken.left_out:
        print(f"{taken.left_out} were left out: of so many, one of each quarter of an hour is kept, and every reset.")
    if found.left_out:
        print(f"These columns say nothing that is kept: {', '.join(found.left_out)}.")
    return 0


def _named(file: str) -> str:
    return shown(storable(file))


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
