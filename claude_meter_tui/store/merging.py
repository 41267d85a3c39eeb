"""One truth from several sources: per window the newest observation wins, and says whence and when it came.

Most sources answer for every window at once; Claude Code's status line knows only two, so what it says is laid over
the newest whole answer and erases nothing of it. Light: `status` and `statusline` run it on plain documents.
"""

from __future__ import annotations

from datetime import datetime, timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from claude_meter_tui.domain.plain_reading import ReadingDocument, WindowDocument

PARTIAL_SOURCES = ("statusline",)
"""Sources that know some of the windows only: a window they do not name is not gone."""

# One and the same reset, as different sources round it (to the second, or jittering by 2 s; FACTS §1).
_SAME_RESET = timedelta(seconds=90)


def merged(whole: ReadingDocument | None, later: Iterable[ReadingDocument]) -> ReadingDocument | None:
    """What is known now.

    Args:
        whole: the newest answer that names every window, or None.
        later: what partial sources of the same account said since then, the oldest first.

    Returns:
        A reading whose windows each carry `observed_at` and `source`; its own are those of the newest observation.
        None where there is nothing.
    """
    known: ReadingDocument | None = None
    if whole is not None:
        windows = [_seen(window, whole) for window in whole["windows"]]
        known = {**whole, "windows": windows, "whole_at": whole["observed_at"]}
    for reading in later:
        if known is None:
            windows = [_seen(window, reading) for window in reading["windows"]]
            known = {**reading, "windows": windows, "whole_at": None}
            continue
        fresh = {window["key"]: _seen(window, reading) for window in reading["windows"]}
        kept = [_laid_over(window, fresh.pop(window["key"], None)) for window in known["windows"]]
        known = {
            **known,
            "observed_at": reading["observed_at"],
            "source": reading["source"],
            "windows": [*fresh.values(), *kept],
        }
    return known


def observations(known: ReadingDocument) -> list[ReadingDocument]:
    """What `merged` made one of, as far as it is still in it: for each time and source the windows observed then."""
    groups: dict[tuple[str, str], list[WindowDocument]] = {}
    for window in known["windows"]:
        seen = (window["observed_at"] or known["observed_at"], window["source"] or known["source"])
        groups.setdefault(seen, []).append({**window, "observed_at": None, "source": None})
    whole_at = known["whole_at"] or known["observed_at"]
    if not groups:
        groups[(known["observed_at"], known["source"])] = []
    first = min(groups, key=lambda seen: (seen[0] != whole_at, seen[0]))
    return [
        {
            **known,
            "observed_at": observed_at,
            "source": source,
            "windows": windows,
            "extra_usage": known["extra_usage"] if (observed_at, source) == first else None,
            "damaged": known["damaged"] if (observed_at, source) == first else [],
            "whole_at": None,
        }
        for (observed_at, source), windows in groups.items()
    ]


def same_instance(one: str | None, other: str | None) -> bool:
    """Whether two resets (ISO-8601, or None: idle) are of one and the same instance of a window."""
    if one is None or other is None:
        return one is other
    return abs(datetime.fromisoformat(one) - datetime.fromisoformat(other)) <= _SAME_RESET


def _lies_ahead(resets_at: str | None, observed_at: str | None) -> bool:
    if resets_at is None or observed_at is None:
        return False
    return datetime.fromisoformat(resets_at) > datetime.fromisoformat(observed_at)


def _seen(window: WindowDocument, reading: ReadingDocument) -> WindowDocument:
    return {**window, "observed_at": reading["observed_at"], "source": reading["source"]}


def _laid_over(known: WindowDocument, fresh: WindowDocument | None) -> WindowDocument:
    """The fresh figures, with what the older answer said besides, as far as that still holds."""
    if fresh is None:
        return known
    resets_at = fresh["resets_at"]
    if resets_at is None and fresh["utilization"] > 0 and _lies_ahead(known["resets_at"], fresh["observed_at"]):
        resets_at = known["resets_at"]  # the source did not say, or said what cannot be
    same = same_instance(known["resets_at"], resets_at)
    still = same and fresh["utilization"] >= known["utilization"]
    return {
        **known,
        "utilization": fresh["utilization"],
        "resets_at": known["resets_at"] if same else resets_at,
        "severity": known["severity"] if still else None,
        "is_active": known["is_active"] if still else None,
        "observed_at": fresh["observed_at"],
        "source": fresh["source"],
    }
