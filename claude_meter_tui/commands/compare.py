"""`compare`: per window, the server's percentage beside the local token sum. No network: the newest stored reading."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from claude_meter_tui.analysis import attribution
from claude_meter_tui.commands.shared.known import Known, analysed, known_at
from claude_meter_tui.domain import urgency
from claude_meter_tui.domain.bounds import iso_utc
from claude_meter_tui.domain.foreign_text import shown, to_json
from claude_meter_tui.output import formats, outlook_words, words
from claude_meter_tui.output.tables import cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.analysis.attribution import Share
    from claude_meter_tui.analysis.outlook import Outlook, Range, WindowOutlook
    from claude_meter_tui.domain.windows import Window


# Below it what was learned stands in sentences only.
_LEARNED_FROM = 104


def run(env: Mapping[str, str], *, at: str | None, as_json: bool, account: str | None = None) -> int:
    """Print the comparison as it was known at a time (default: now).

    Raises:
        BadUsageError: `at` is not a time, or no account is called so.
        NothingStoredError: no reading is stored (from then).
    """
    known = known_at(env, at, account)
    earliest = datetime(2024, 1, 1, tzinfo=UTC)  # before there was a Claude Code
    cuts = attribution.cuts(known.instances, known.now, earliest, known.skew)
    outlook, pieces = analysed(env, known, cuts, ahead=False)
    shares = {
        instance.window.key: attribution.share_of(instance, pieces, known.now, known.skew)
        for instance in known.instances
    }
    outlooks = {each["key"]: each for each in outlook["windows"]}
    if as_json:
        windows = [_as_dict(each, shares[each.key], outlooks[each.key], known) for each in known.reading.windows]
        print(to_json({"schema": formats.SCHEMA, "at": iso_utc(known.now), "windows": windows}, indent=2))
    else:
        _print_table(known, shares, outlook)
    return 0


def _as_dict(window: Window, share: Share, outlook: WindowOutlook, known: Known) -> dict[str, object]:
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
        "origins": [
            {"origin": "claude_code", "machine": None, **share.tokens.as_dict(), "points": outlook["local_points"]}
        ],
        # Null says "not enough data yet", and `missing` what is missing.
        "tokens_per_point": outlook["tokens_per_point"],
        "estimate_now": _as_estimate(outlook["estimate"]),
        "elsewhere_share": outlook["elsewhere_share"],
        "missing": outlook["missing"] or None,
        "limit_changed": outlook["step"],
        "readings": known.readings[window.key],
    }


def _as_estimate(range_: Range | None) -> dict[str, float] | None:
    return range_ and {"utilization": range_["estimate"], "low": range_["low"], "high": range_["high"]}


def _print_table(known: Known, shares: dict[str, Share], outlook: Outlook) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("window", no_wrap=True, overflow="ellipsis", max_width=18)
    for name in ("server", "local", "of assumed", "gap", "turns"):
        table.add_column(name, justify="right", no_wrap=True)
    console = Console()
    roomy = console.width >= _LEARNED_FROM
    for name in ("now", "1 point", "elsewhere") if roomy else ():
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("since", no_wrap=True)
    outlooks = {each["key"]: each for each in outlook["windows"]}
    reading, now = known.reading, known.now
    for window in reading.windows:
        share = shares[window.key]
        over = urgency.is_over(window.resets_at, now)
        table.add_row(
            cell(window.label),
            "reset" if over else words.percent(window.utilization),
            *_local_cells(share),
            *(_learned_cells(outlooks[window.key]) if roomy else ()),
            words.clock_time(share.since, now) + (" *" if share.early else "") if share.since else "idle",
        )
    console.print(table)
    age = words.age((now - known.skew - reading.observed_at).total_seconds())
    early = [window.label for window in reading.windows if shares[window.key].early]
    if early:
        print(f"\nBegan anew early, before the reset that was announced: {', '.join(map(shown, early))}.")
    if not reading.windows:
        print(words.NO_LIMITS_SENTENCE)
    for window, each in ((window, outlooks[window.key]) for window in reading.windows):
        for sentence in outlook_words.why_they_differ(each):
            print(f"{shown(window.label)}: {sentence}")
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
        "–" if share.gap_points is None else words.gap(share.gap_points),
        str(share.tokens.turns),
    )


def _learned_cells(outlook: WindowOutlook) -> tuple[str, str, str]:
    """The estimate of now, what a point costs, and what came from elsewhere; empty where that is not known yet."""
    now, point, elsewhere = outlook["estimate"], outlook["tokens_per_point"], outlook["elsewhere_share"]
    return (
        outlook_words.estimated(now["estimate"]) if now else "",
        f"≈{words.amount(round(point['estimate']))}" if point else "",
        f"≈{elsewhere['estimate'] * 100:.0f} %" if elsewhere else "",
    )
