"""`forecast`: per window, when it fills. No network: from the stored readings and the transcripts on this machine."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from claude_meter_tui.commands.shared.known import Known, analysed, known_at
from claude_meter_tui.domain.bounds import iso_utc
from claude_meter_tui.domain.foreign_text import to_json
from claude_meter_tui.output import formats, outlook_words, words
from claude_meter_tui.output.outlook_json import next_stop_of
from claude_meter_tui.output.tables import cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.analysis.outlook import Outlook


def run(env: Mapping[str, str], *, at: str | None, as_json: bool, account: str | None = None) -> int:
    """Print the forecast as it was known at a time (default: now).

    Raises:
        BadUsageError: `at` is not a time, or no account is called so.
        NothingStoredError: no reading is stored (from then).
    """
    known = known_at(env, at, account)
    outlook, _ = analysed(env, known)
    if as_json:
        print(to_json(_as_dict(outlook, known), indent=2))
    else:
        _print_table(outlook, known)
    return 0


def _as_dict(outlook: Outlook, known: Known) -> dict[str, object]:
    stop = next_stop_of(outlook)
    return {
        "schema": formats.SCHEMA,
        "at": iso_utc(known.now),
        "next_stop": stop and {"key": stop["key"], "probability": stop["first"], "full_at": stop["first_at"]},
        "probability_nothing_fills": outlook["nothing_fills"],
        "windows": [
            {
                "key": each["key"],
                "utilization": each["utilization"],
                "resets_at": each["resets_at"],
                "probability_full_before_reset": each["probability"],
                "full_at": each["full_at"],
                "utilization_at_reset": each["at_reset"],
                "stop_now": {"utilization": each["stop_now"]},
                "this_pace": {"full_at": each["this_pace_fills_at"], "turns_left": each["turns_left"]},
            }
            for each in outlook["windows"]
        ],
    }


def _print_table(outlook: Outlook, known: Known) -> None:
    from rich.console import Console
    from rich.table import Table

    print(outlook_words.next_stop_sentence(outlook, {w.key: w.label for w in known.reading.windows}, known.now))
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("window", no_wrap=True, overflow="ellipsis", max_width=18)
    for name in ("read", "now", "fills", "likely at", "between", "at its reset", "clears"):
        table.add_column(name, justify="right", no_wrap=True)
    for window, each in zip(known.reading.windows, outlook["windows"], strict=True):
        now, at, level = each["estimate"], each["full_at"], each["at_reset"]
        table.add_row(
            cell(window.label),
            words.percent(each["utilization"]),
            outlook_words.estimated(now["estimate"]) if now else "",
            outlook_words.chance(each["probability"]),
            words.clock_time(datetime.fromisoformat(str(at["p50"])), known.now) if at else "",
            outlook_words.between(at, known.now) if at else "",
            f"{level['p10']:.0f}–{level['p90']:.0f} %" if level else "",
            words.clock_time(datetime.fromisoformat(each["resets_at"]), known.now) if each["resets_at"] else "idle",
        )
    Console().print(table)
    print("\nEstimated from this account's own readings and turns; how it works: analysis/README.md.")
