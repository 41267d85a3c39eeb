"""`local`: token sums from the transcripts on this machine, as local counters count them. No network, no credential."""

from __future__ import annotations

import gc
import json
import sqlite3
import sys
from contextlib import closing
from datetime import UTC
from typing import TYPE_CHECKING, TypeVar

from claude_meter_tui import paths, report, standing
from claude_meter_tui.commands.times import given_time
from claude_meter_tui.errors import BadUsageError, StoreError
from claude_meter_tui.schema import migrate
from claude_meter_tui.store import Store
from claude_meter_tui.transcripts.counting import Counting
from claude_meter_tui.transcripts.hours import HOUR_MS, Hours
from claude_meter_tui.transcripts.index import Index, Refreshed
from claude_meter_tui.transcripts.roots import transcript_files
from claude_meter_tui.transcripts.sums import TokenSum, sum_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, tzinfo

    from claude_meter_tui.transcripts.turns import Turn

    Sums = tuple[TokenSum, dict[str, TokenSum]]

_UNREAD_NAMED = 3
Result = TypeVar("Result")


def run(
    env: Mapping[str, str],
    *,
    since: str | None,
    until: str | None,
    at: str | None,
    by: str,
    timezone: str,
    as_json: bool,
) -> int:
    """Read every transcript, print the sums.

    Raises:
        BadUsageError: a time or a timezone that is none.
    """
    zone = _zone(timezone)
    start = given_time("--since", since, zone) if since else None
    ends = [given_time(flag, text, zone) for flag, text in (("--until", until), ("--at", at)) if text]
    end = min(ends, default=None)
    since_ms, until_ms = _millis(start), _millis(end)

    def summed(connection: sqlite3.Connection, index: Index, roots: Sequence[str]) -> Sums:
        if _on_full_hours(since_ms, until_ms) and (by != "day" or zone is UTC):
            hours = Hours(connection, index, roots)
            hours.bring_up_to_date()
            return hours.sum_by(by, since=since_ms, until=until_ms)
        return sum_by(_counted(index, roots), by, since=since_ms, until=until_ms, zone=zone)

    (whole, parts), files = _with_index(env, summed)
    if as_json:
        shown = {
            "schema": report.SCHEMA,
            "since": standing.iso_utc(start) if start else None,
            "until": standing.iso_utc(end) if end else None,
            "files": files,
            **whole.as_dict(),
            "by": [{"key": key, **part.as_dict()} for key, part in _ordered(parts, by)],
        }
        print(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        _print_table(whole, _ordered(parts, by), by, files)
    return 0


def count_turns(env: Mapping[str, str]) -> list[Turn]:
    """Every turn of this environment's transcripts that counts; complaints go to stderr."""
    return _with_index(env, lambda _, index, roots: _counted(index, roots))[0]


def _with_index(
    env: Mapping[str, str], use: Callable[[sqlite3.Connection, Index, Sequence[str]], Result]
) -> tuple[Result, int]:
    """What `use` makes of an index that is up to date, and how many transcripts there are."""
    roots = paths.transcript_roots(env)
    gc.disable()  # hundreds of thousands of small objects and no cycles, in a process that ends after this

    def refreshed(connection: sqlite3.Connection) -> tuple[Result, Refreshed]:
        index = Index(connection)
        done = index.refresh(transcript_files(roots))
        return use(connection, index, roots), done

    try:
        with Store.open(paths.store_file(paths.state_dir(env))) as store:
            result, done = refreshed(store.connection)
    except (StoreError, sqlite3.Error) as error:
        # The sums are the same without a usable store; only nothing is kept.
        reason = error.sentence if isinstance(error, StoreError) else f"The store cannot be written ({error})."
        print(f"claude-meter-tui: {reason} Every transcript is read anew.", file=sys.stderr)
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
            migrate(memory)
            result, done = refreshed(memory)
    unread = [paths.tilde(path, env) for path in done.unread]
    if unread:
        named = ", ".join(unread[:_UNREAD_NAMED]) + (" …" if len(unread) > _UNREAD_NAMED else "")
        print(
            f"claude-meter-tui: {len(unread)} transcripts cannot be read and are not counted: {named}", file=sys.stderr
        )
    return result, done.files


def _counted(index: Index, roots: Sequence[str]) -> list[Turn]:
    counting = Counting()
    counting.add(index.turns(roots))
    return list(counting.turns())


def _on_full_hours(*moments: int | None) -> bool:
    return all(moment is None or moment % HOUR_MS == 0 for moment in moments)


def _ordered(parts: dict[str, TokenSum], by: str) -> list[tuple[str, TokenSum]]:
    """Days in their order, everything else by size."""
    if by == "day":
        return sorted(parts.items())
    return sorted(parts.items(), key=lambda part: (-part[1].total_tokens, part[0]))


def _print_table(whole: TokenSum, parts: list[tuple[str, TokenSum]], by: str, files: int) -> None:
    from rich.console import Console
    from rich.table import Table

    if not files:
        print("No transcripts of Claude Code here.")
        return
    console = Console()
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
        show_footer=bool(parts),
        footer_style="bold",
    )
    table.add_column(
        "" if by == "total" else by,
        footer="total",
        no_wrap=True,
        overflow="ellipsis",
        max_width=max(12, console.width - 50),
    )
    figures = ("turns", "input", "output", "cache w", "cache r", "total")
    for name, total in zip(figures, whole.as_dict().values(), strict=True):
        table.add_column(name, footer=short(total), justify="right", no_wrap=True, min_width=7)
    for key, part in parts or [("total", whole)]:
        table.add_row(key or "–", *(short(value) for value in part.as_dict().values()))
    console.print(table)


def short(count: int) -> str:
    """`950`, `12.3 k`, `2.1 M`: four figures at the most."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            value = count / size
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"
    return str(count)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    import pendulum  # 60 ms, only where asked for

    try:
        return pendulum.timezone(name)
    except (ValueError, KeyError, OSError):
        raise BadUsageError(f"There is no timezone {name!r}.", "Write it like UTC or Europe/Vienna.") from None


def _millis(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
