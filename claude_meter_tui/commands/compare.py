"""`compare`: per window, the server's percentage beside the local token sum. No network: the newest stored reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.analysis import attribution
from claude_meter_tui.commands.given_time import given_time
from claude_meter_tui.commands.local import with_ledger
from claude_meter_tui.domain import urgency
from claude_meter_tui.domain.bounds import iso_utc
from claude_meter_tui.domain.errors import NothingStoredError
from claude_meter_tui.domain.foreign_text import shown, to_json
from claude_meter_tui.domain.instances import Instance, Point, instance_of
from claude_meter_tui.domain.windows import Reading
from claude_meter_tui.output import formats, words
from claude_meter_tui.output.tables import cell
from claude_meter_tui.polling.chosen_account import chosen_account, profile_of
from claude_meter_tui.store.store import Store
from claude_meter_tui.system import paths
from claude_meter_tui.system.uptime import system_uptime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.analysis.attribution import Share
    from claude_meter_tui.domain.windows import Window


def run(env: Mapping[str, str], *, at: str | None, as_json: bool, account: str | None = None) -> int:
    """Print the comparison as it was known at a time (default: now).

    Raises:
        BadUsageError: `at` is not a time, or no account is called so.
        NothingStoredError: no reading is stored (from then).
    """
    given = given_time("--at", at) if at else None
    known = _stored(env, given, account)
    earliest = datetime(2024, 1, 1, tzinfo=UTC)  # before there was a Claude Code
    cuts = attribution.cuts(known.instances, known.now, earliest, known.skew)
    pieces, _ = with_ledger(profile_of(env, known.reading.account), lambda ledger: ledger.pieces(cuts))
    shares = {
        instance.window.key: attribution.share_of(instance, pieces, known.now, known.skew)
        for instance in known.instances
    }
    if as_json:
        windows = [_as_dict(window, shares[window.key], known) for window in known.reading.windows]
        print(to_json({"schema": formats.SCHEMA, "at": iso_utc(known.now), "windows": windows}, indent=2))
    else:
        _print_table(known, shares)
    return 0


class _Known(NamedTuple):
    """What the store knows of an account at a moment: `now` by the server's clock, `skew` ahead of the local one."""

    reading: Reading
    now: datetime
    skew: timedelta
    instances: list[Instance]
    readings: dict[str, int]
    """How many readings each window has in its instance."""


def _stored(env: Mapping[str, str], at: datetime | None, account: str | None) -> _Known:
    store = Store.open_existing(paths.store_file(paths.state_dir(env)))
    if store is None:
        raise NothingStoredError
    with store:
        account_id = chosen_account(store, account)
        local = at or datetime.now(UTC)
        skew = timedelta(0) if at else store.noted_skew(local, system_uptime())
        document = store.newest(at=at, account_id=account_id, now=local)
        if document is None:
            raise NothingStoredError
        reading = Reading.model_validate(document)
        points = {window.key: _points(store, window, account_id, local, skew) for window in reading.windows}
    now = local + skew
    instances = [instance_of(window, points[window.key], now) for window in reading.windows]
    readings = {
        instance.window.key: sum(point.observed_at >= instance.since for point in points[instance.window.key])
        if instance.since
        else 0
        for instance in instances
    }
    return _Known(reading, now, skew, instances, readings)


def _points(store: Store, window: Window, account_id: int | None, until: datetime, skew: timedelta) -> list[Point]:
    """The window's readings as far back as its instance can reach, by the server's clock."""
    if window.length_seconds is None:
        return []
    since = until - 2 * timedelta(seconds=window.length_seconds)
    found = [(datetime.fromisoformat(row["observed_at"]), row) for row in store.history(window.key, since, account_id)]
    return [
        Point(
            observed_at + skew,
            row["utilization"],
            datetime.fromisoformat(row["resets_at"]) if row["resets_at"] else None,
        )
        for observed_at, row in found
        if observed_at <= until
    ]


def _as_dict(window: Window, share: Share, known: _Known) -> dict[str, object]:
    percent = share.percent_of_assumed_cap
    return {
        "key": window.key,
        "label": window.label,
        "server": {
            "utilization": window.utilization,
            "observed_at": iso_utc(window.observed_at or known.reading.observed_at),
        },
        "local": {
            "since": iso_utc(share.since) if share.since else None,
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
        "readings": known.readings[window.key],
    }


def _print_table(known: _Known, shares: dict[str, Share]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("window", no_wrap=True, overflow="ellipsis", max_width=18)
    for name in ("server", "local", "of assumed", "gap", "turns"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("since", no_wrap=True)
    reading, now = known.reading, known.now
    for window in reading.windows:
        share = shares[window.key]
        over = urgency.is_over(window.resets_at, now)
        table.add_row(
            cell(window.label),
            "reset" if over else words.percent(window.utilization),
            *_local_cells(share),
            words.clock_time(share.since, now) + (" *" if share.early else "") if share.since else "idle",
        )
    Console().print(table)
    age = words.age((now - known.skew - reading.observed_at).total_seconds())
    early = [window.label for window in reading.windows if shares[window.key].early]
    if early:
        print(f"\nBegan anew early, before the reset that was announced: {', '.join(map(shown, early))}.")
    if not reading.windows:
        print(formats.NO_LIMITS_SENTENCE)
    print(f"\nServer: read {age}. Local: this machine's Claude Code only; its cap is assumed, the largest earlier sum.")


def _local_cells(share: Share) -> tuple[str, str, str, str]:
    if share.counts == "none":
        return ("not seen", "", "", "")
    percent = share.percent_of_assumed_cap
    return (
        words.amount(share.tokens.total_tokens),
        "–"
        if percent is None or share.assumed_cap is None
        else f"{percent:.0f} % of {words.amount(share.assumed_cap)}",
        "–" if share.gap_points is None else f"{share.gap_points:+.0f}",
        str(share.tokens.turns),
    )
