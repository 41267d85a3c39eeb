"""Any body of the usage endpoints → Reading. The endpoints are undocumented, so this parses leniently.

Never an exception but `NotUsageError`, whatever JSON comes in; a damaged part costs only itself and is named in
`Reading.damaged`; nothing is invented. Shapes and rules: FACTS §1 (m13v/claude-meter `src/models.rs`,
oakoss/linesmith `docs/research/claude-data-files.md`). It must not know where the body came from.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from claude_meter_tui.domain.bounds import percentage
from claude_meter_tui.domain.catalogue import FIVE_HOURS, NAMED, SEVEN_DAYS, Name, name_of
from claude_meter_tui.domain.errors import NotUsageError
from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.domain.windows import Account, Group, Reading, Window
from claude_meter_tui.sources.payload.fields import optional_time
from claude_meter_tui.sources.payload.money import extra_usage_of

_MOST_DAMAGENAMED = 50
# Seven named windows and a handful of others were ever seen; a thousand rows are no answer but cost like one.
_MOST_WINDOWS = 48
_MOST_LIMITS = 512
# One and the same reset jitters by up to 1.9 s from one entry to the next (FACTS §1).
_SAME_RESET = timedelta(seconds=5)
_NOT_WINDOWS = {"extra_usage", "spend", "limits"}
_MIRRORS = {"session": "five_hour", "weekly_all": "seven_day"}
_SEVERITIES = {"warn": "warning"}  # both words are seen for the same thing


def read_usage(body: Any, *, observed_at: datetime, source: str, account: Account | None = None) -> Reading:
    """Parse a decoded usage response.

    Args:
        body: any JSON value.
        observed_at: when the server said it (aware).
        source: the way in, as shown and stored (`oauth`, `browser`, …).
        account: whom it belongs to, where known.

    Raises:
        NotUsageError: the body is not a usage response at all (a list, a string, an error object …).
    """
    if not isinstance(body, dict) or not _looks_like_usage(body):
        raise NotUsageError("The answer is not a usage response.", "Run `claude-meter-tui doctor`.")
    damage: list[str] = []
    windows = _named_windows(body, damage)
    _merge_limits(windows, body.get("limits"), damage)
    _join_models(windows)
    return Reading(
        observed_at=observed_at,
        source=source,
        account=account or Account(),
        windows=tuple(sorted(_bounded(windows, damage), key=_display_order)),
        extra_usage=extra_usage_of(body.get("spend"), body.get("extra_usage"), damage),
        damaged=tuple(damage[:_MOST_DAMAGENAMED]),
    )


def _looks_like_usage(body: dict[Any, Any]) -> bool:
    if any(key in body for key in NAMED) or any(key in body for key in _NOT_WINDOWS):
        return True
    return any(isinstance(value, dict) and "utilization" in value for value in body.values())


def _bounded(windows: dict[str, Window], damage: list[str]) -> list[Window]:
    """No more windows than anybody can look at: the named ones, then the fullest."""
    if len(windows) <= _MOST_WINDOWS:
        return list(windows.values())
    damage.append(f"{len(windows) - _MOST_WINDOWS} more windows")
    ranked = sorted(windows.values(), key=lambda window: (window.key not in NAMED, -window.utilization))
    return ranked[:_MOST_WINDOWS]


def _join_models(windows: dict[str, Window]) -> None:
    """A model's window named both by an old key and by a scoped limit with the same reset is one window."""
    for old in [window for window in windows.values() if window.key in NAMED and window.model and not window.surface]:
        for new in [window for window in windows.values() if window.key not in NAMED and not window.surface]:
            same_model = (new.model or "").casefold() == (old.model or "").casefold()
            if same_model and new.group == old.group and _same_reset(old.resets_at, new.resets_at):
                del windows[new.key]
                windows[old.key] = old.model_copy(
                    update={
                        "utilization": max(old.utilization, new.utilization),
                        "resets_at": old.resets_at or new.resets_at,
                        "severity": new.severity,
                        "is_active": new.is_active,
                    }
                )
                break


def _same_reset(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= _SAME_RESET


def _display_order(window: Window) -> tuple[int, str]:
    """Named windows first in their usual order, then scoped ones, then those nobody knows yet; stable by key."""
    if window.key in NAMED:
        return (list(NAMED).index(window.key), "")
    return (len(NAMED) + (window.group == "other"), window.key)


# --- named windows -------------------------------------------------------------------------------------------------


def _named_windows(body: dict[Any, Any], damage: list[str]) -> dict[str, Window]:
    windows: dict[str, Window] = {}
    for raw_key, value in body.items():
        key = clean_text(raw_key)
        if key is None or key in _NOT_WINDOWS or value is None:
            continue
        expected = key in NAMED
        if not isinstance(value, dict):
            if expected:
                damage.append(key)
            continue
        if "utilization" not in value:
            if expected:
                damage.append(f"{key}.utilization")
            continue
        if value["utilization"] is None:
            continue
        utilization = percentage(value["utilization"])
        if utilization is None:
            damage.append(f"{key}.utilization")
            continue
        name = name_of(key)
        windows[key] = Window(
            key=key,
            label=name.label,
            group=name.group,
            utilization=utilization,
            resets_at=optional_time(value.get("resets_at"), f"{key}.resets_at", damage),
            length_seconds=name.length,
            model=name.model,
            surface=name.surface,
        )
    return windows


# --- the limits array ----------------------------------------------------------------------------------------------


def _merge_limits(windows: dict[str, Window], limits: Any, damage: list[str]) -> None:
    """Add what `limits[]` says: `session`/`weekly_all` mirror two named windows, scoped limits are their own."""
    if limits is None:
        return
    if not isinstance(limits, list):
        damage.append("limits")
        return
    if len(limits) > _MOST_LIMITS:
        damage.append(f"limits[{_MOST_LIMITS}:]")
    for index, entry in enumerate(limits[:_MOST_LIMITS]):
        found = _limit(entry, f"limits[{index}]", damage)
        if found is None:
            continue
        known = windows.get(found.key)
        if known is None:
            windows[found.key] = found
        elif found.key in NAMED:
            # The same window twice in one body: the named form has the finer number, the array the severity.
            windows[found.key] = known.model_copy(
                update={
                    "resets_at": known.resets_at or found.resets_at,
                    "severity": found.severity,
                    "is_active": found.is_active,
                }
            )
        elif found.utilization > known.utilization:
            windows[found.key] = found


def _limit(entry: Any, where: str, damage: list[str]) -> Window | None:
    if not isinstance(entry, dict):
        damage.append(where)
        return None
    kind = clean_text(entry.get("kind"))
    utilization = percentage(entry.get("percent"))
    if kind is None or utilization is None:
        damage.append(where)
        return None
    severity = clean_text(entry.get("severity"))
    is_active = entry.get("is_active")
    model, surface = _scope(entry.get("scope"))
    key, name = _limit_name(kind, entry.get("group"), model, surface)
    return Window(
        key=key,
        label=name.label,
        group=name.group,
        utilization=utilization,
        resets_at=optional_time(entry.get("resets_at"), f"{where}.resets_at", damage),
        length_seconds=name.length,
        model=name.model,
        surface=name.surface,
        severity=_SEVERITIES.get(severity, severity) if severity else None,
        is_active=is_active if isinstance(is_active, bool) else None,
    )


def _scope(scope: Any) -> tuple[str | None, str | None]:
    if not isinstance(scope, dict):
        return None, None
    model = scope.get("model")
    name = (
        clean_text(model.get("display_name")) or clean_text(model.get("id"))
        if isinstance(model, dict)
        else clean_text(model)
    )
    return name, clean_text(scope.get("surface"))


def _limit_name(kind: str, group: Any, model: str | None, surface: str | None) -> tuple[str, Name]:
    shown_group: Group = group if group in ("session", "weekly") else "other"
    length = {"session": FIVE_HOURS, "weekly": SEVEN_DAYS}.get(shown_group)
    if model is None and surface is None:
        key = _MIRRORS.get(kind, kind)
        if key in NAMED:
            return key, NAMED[key]
        return key, Name(kind.replace("_", " "), shown_group, length)
    label = f"{model} ({surface})" if model and surface else model or surface or kind
    slug = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or "unnamed"
    return f"{kind}:{slug}", Name(label, shown_group, length, model, surface)
