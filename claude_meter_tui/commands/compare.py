"""`compare`: per window, the server's percentage beside the local token sum. No network: the newest stored reading."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from claude_meter_tui import attribution, paths, report, standing
from claude_meter_tui.commands.local import with_ledger
from claude_meter_tui.commands.times import given_time
from claude_meter_tui.commands.whose import chosen_account, profile_of
from claude_meter_tui.errors import NothingStoredError
from claude_meter_tui.store import Store
from claude_meter_tui.windows import Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.attribution import Share
    from claude_meter_tui.windows import Window


def run(env: Mapping[str, str], *, at: str | None, as_json: bool, account: str | None = None) -> int:
    """Print the comparison as it was known at a time (default: now).

    Raises:
        BadUsageError: `at` is not a time, or no account is called so.
        NothingStoredError: no reading is stored (from then).
    """
    given = given_time("--at", at) if at else None
    reading, now, readings = _stored(env, given, account)
    earliest = datetime(2024, 1, 1, tzinfo=UTC)  # before there was a Claude Code
    cuts = attribution.cuts(reading.windows, now, earliest)
    pieces, _ = with_ledger(profile_of(env, reading.account), lambda ledger: ledger.pieces(cuts))
    shares = {window.key: attribution.share_of(window, pieces, now) for window in reading.windows}
    if as_json:
        windows = [_as_dict(window, shares[window.key], reading, readings) for window in reading.windows]
        print(json.dumps({"schema": report.SCHEMA, "at": standing.iso_utc(now), "windows": windows}, indent=2))
    else:
        _print_table(reading, shares, now)
    return 0


def _stored(
    env: Mapping[str, str], at: datetime | None, account: str | None
) -> tuple[Reading, datetime, dict[str, int]]:
    """The newest reading (known at `at`), the moment by the server's clock, and how many readings each window has."""
    store = Store.open_existing(paths.store_file(paths.state_dir(env)))
    if store is None:
        raise NothingStoredError
    with store:
        account_id = chosen_account(store, account)
        now = at or datetime.now(UTC) + store.noted_skew()
        document = store.newest(at=now, account_id=account_id)
        if document is None:
            raise NothingStoredError
        reading = Reading.model_validate(document)
        counts = {
            window.key: sum(
                datetime.fromisoformat(row["observed_at"]) <= now
                for row in store.history(window.key, window.opened_at, account_id)
            )
            if window.opened_at
            else 0
            for window in reading.windows
        }
    return reading, now, counts


def _as_dict(window: Window, share: Share, reading: Reading, readings: dict[str, int]) -> dict[str, object]:
    percent = share.percent_of_assumed_cap
    return {
        "key": window.key,
        "label": window.label,
        "server": {
            "utilization": window.utilization,
            "observed_at": standing.iso_utc(window.observed_at or reading.observed_at),
        },
        "local": {
            "since": standing.iso_utc(share.since) if share.since else None,
            "counts": share.counts,
            **share.tokens.as_dict(),
            "assumed_cap": share.assumed_cap,
            "percent_of_assumed_cap": None if percent is None else round(percent, 2),
        },
        "gap_points": None if share.gap_points is None else round(share.gap_points, 2),
        # Learned weights come later; null says "not enough data yet".
        "tokens_per_point": None,
        "estimate_now": None,
        "elsewhere_share": None,
        "readings": readings[window.key],
    }


def _print_table(reading: Reading, shares: dict[str, Share], now: datetime) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("window", no_wrap=True, overflow="ellipsis", max_width=18)
    for name in ("server", "local", "of assumed", "gap", "turns"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("since", no_wrap=True)
    for window in reading.windows:
        share = shares[window.key]
        over = standing.is_over(window.resets_at, now)
        table.add_row(
            window.label,
            "reset" if over else standing.percent(window.utilization),
            *_local_cells(share),
            standing.clock_time(share.since, now) if share.since else "idle",
        )
    Console().print(table)
    age = standing.age((now - reading.observed_at).total_seconds())
    print(f"\nServer: read {age}. Local: this machine's Claude Code only; its cap is assumed, the largest earlier sum.")


def _local_cells(share: Share) -> tuple[str, str, str, str]:
    if share.counts == "none":
        return ("not seen", "", "", "")
    percent = share.percent_of_assumed_cap
    return (
        standing.amount(share.tokens.total_tokens),
        "–"
        if percent is None or share.assumed_cap is None
        else f"{percent:.0f} % of {standing.amount(share.assumed_cap)}",
        "–" if share.gap_points is None else f"{share.gap_points:+.0f}",
        str(share.tokens.turns),
    )
