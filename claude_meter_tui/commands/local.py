"""`local`: token sums from the transcripts on this machine, as local counters count them. No network, no credential."""

from __future__ import annotations

from datetime import UTC

from claude_meter_tui.commands.shared.ledger import with_ledger
from claude_meter_tui.domain.errors import BadUsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

    from claude_meter_tui.turns.sums import TokenSum
    from claude_meter_tui.turns.transcripts.ledger import Ledger


def run(
    env: Mapping[str, str],
    *,
    since: str | None = None,
    until: str | None = None,
    at: str | None = None,
    by: str = "total",
    timezone: str = "UTC",
    as_json: bool = False,
) -> int:
    """Read what is new in every transcript, print the sums.

    Raises:
        BadUsageError: a time or a timezone that is none.
    """
    zone = _zone(timezone)
    start = _given("--since", since, zone)
    ends = [end for end in (_given("--until", until, zone), _given("--at", at, zone)) if end]
    end = min(ends, default=None)

    def summed(ledger: Ledger) -> tuple[TokenSum, dict[str, TokenSum]]:
        return ledger.sum_by(by, since=_millis(start), until=_millis(end), zone=zone)

    (whole, parts), files = with_ledger(env, summed)
    if as_json:
        _print_json(whole, _ordered(parts, by), files, start, end)
    else:
        _print_table(whole, _ordered(parts, by), by, files)
    return 0


def _print_json(
    whole: TokenSum, parts: list[tuple[str, TokenSum]], files: int, start: datetime | None, end: datetime | None
) -> None:
    from claude_meter_tui.domain.bounds import iso_utc
    from claude_meter_tui.domain.foreign_text import to_json
    from claude_meter_tui.output import formats

    shown = {
        "schema": formats.SCHEMA,
        "since": iso_utc(start) if start else None,
        "until": iso_utc(end) if end else None,
        "files": files,
        **whole.as_dict(),
        "by": [{"key": key, **part.as_dict()} for key, part in parts],
    }
    print(to_json(shown, indent=2))


def _ordered(parts: dict[str, TokenSum], by: str) -> list[tuple[str, TokenSum]]:
    """Days in their order, everything else by size."""
    if by == "day":
        return sorted(parts.items())
    return sorted(parts.items(), key=lambda part: (-part[1].total_tokens, part[0]))


def _print_table(whole: TokenSum, parts: list[tuple[str, TokenSum]], by: str, files: int) -> None:
    from rich.console import Console
    from rich.table import Table

    from claude_meter_tui.output import words
    from claude_meter_tui.output.tables import cell

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
        table.add_column(name, footer=words.amount(total), justify="right", no_wrap=True, min_width=7)
    for key, part in parts or [("total", whole)]:
        table.add_row(cell(key or "–"), *(words.amount(value) for value in part.as_dict().values()))
    console.print(table)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    import pendulum  # 60 ms, only where asked for

    try:
        return pendulum.timezone(name)
    except (ValueError, KeyError, OSError):
        raise BadUsageError(f"There is no timezone {name!r}.", "Write it like UTC or Europe/Vienna.") from None


def _given(flag: str, text: str | None, zone: tzinfo) -> datetime | None:
    if text is None:
        return None
    from claude_meter_tui.commands.shared.given_time import given_time

    return given_time(flag, text, zone)


def _millis(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
