"""Any body of the usage endpoints → Reading. The endpoints are undocumented, so this parses leniently.

Never an exception but `NotUsageError`, whatever JSON comes in; a damaged part costs only itself and is named in
`Reading.damaged`; nothing is invented. Shapes and rules: FACTS §1 (m13v/claude-meter `src/models.rs`,
oakoss/linesmith `docs/research/claude-data-files.md`). It must not know where the body came from.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pendulum

from claude_meter_tui.errors import NotUsageError
from claude_meter_tui.foreign_text import clean_text
from claude_meter_tui.values import bounded_time, percentage
from claude_meter_tui.windows import Account, ExtraUsage, Group, Money, Reading, Window

FIVE_HOURS = 5 * 3600
SEVEN_DAYS = 7 * 86400

_MOST_DAMAGE_NAMED = 50
# Seven named windows and a handful of others were ever seen; a thousand rows are no answer but cost like one.
_MOST_WINDOWS = 48
_MOST_LIMITS = 512
# One and the same reset jitters by up to 1.9 s from one entry to the next (FACTS §1).
_SAME_RESET = timedelta(seconds=5)
_LARGEST_MINOR = 10**15
_NOT_WINDOWS = {"extra_usage", "spend", "limits"}
_MIRRORS = {"session": "five_hour", "weekly_all": "seven_day"}
_SEVERITIES = {"warn": "warning"}  # both words are seen for the same thing


class _Name(NamedTuple):
    label: str
    group: Group
    length: int | None
    model: str | None = None
    surface: str | None = None


# "Claude Design" and "Cowork" are how peers show these two code names (FACTS §1).
_NAMED: dict[str, _Name] = {
    "five_hour": _Name("5-hour", "session", FIVE_HOURS),
    "seven_day": _Name("7-day", "weekly", SEVEN_DAYS),
    "seven_day_opus": _Name("7-day Opus", "weekly", SEVEN_DAYS, model="Opus"),
    "seven_day_sonnet": _Name("7-day Sonnet", "weekly", SEVEN_DAYS, model="Sonnet"),
    "seven_day_oauth_apps": _Name("7-day apps", "weekly", SEVEN_DAYS, surface="oauth_apps"),
    "seven_day_omelette": _Name("Design", "weekly", SEVEN_DAYS, surface="omelette"),
    "seven_day_cowork": _Name("Cowork", "weekly", SEVEN_DAYS, surface="cowork"),
    # A gateway's budget, which only the status line names: its length is whatever its period is (FACTS §2).
    "spend_limit": _Name("spend limit", "other", None),
}


def name_of(key: str) -> _Name:
    """Label, group and length of a window known only by its key (an unknown window, an imported row)."""
    if known := _NAMED.get(key):
        return known
    kind, _, scope = key.partition(":")
    if scope:
        group: Group = "weekly" if kind.startswith("weekly") else "other"
        label = scope.replace("_", " ").title()
        return _Name(label, group, SEVEN_DAYS if group == "weekly" else None, model=label)
    if key.startswith("seven_day_"):
        return _Name("7-day " + key.removeprefix("seven_day_").replace("_", " "), "weekly", SEVEN_DAYS)
    return _Name(key.replace("_", " "), "other", None)


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
        extra_usage=_extra_usage(body.get("spend"), body.get("extra_usage"), damage),
        damaged=tuple(damage[:_MOST_DAMAGE_NAMED]),
    )


def _looks_like_usage(body: dict[Any, Any]) -> bool:
    if any(key in body for key in _NAMED) or any(key in body for key in _NOT_WINDOWS):
        return True
    return any(isinstance(value, dict) and "utilization" in value for value in body.values())


def _bounded(windows: dict[str, Window], damage: list[str]) -> list[Window]:
    """No more windows than anybody can look at: the named ones, then the fullest."""
    if len(windows) <= _MOST_WINDOWS:
        return list(windows.values())
    damage.append(f"{len(windows) - _MOST_WINDOWS} more windows")
    ranked = sorted(windows.values(), key=lambda window: (window.key not in _NAMED, -window.utilization))
    return ranked[:_MOST_WINDOWS]


def _join_models(windows: dict[str, Window]) -> None:
    """A model's window named both by an old key and by a scoped limit with the same reset is one window."""
    for old in [window for window in windows.values() if window.key in _NAMED and window.model and not window.surface]:
        for new in [window for window in windows.values() if window.key not in _NAMED and not window.surface]:
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
    if window.key in _NAMED:
        return (list(_NAMED).index(window.key), "")
    return (len(_NAMED) + (window.group == "other"), window.key)


# --- named windows -------------------------------------------------------------------------------------------------


def _named_windows(body: dict[Any, Any], damage: list[str]) -> dict[str, Window]:
    windows: dict[str, Window] = {}
    for raw_key, value in body.items():
        key = clean_text(raw_key)
        if key is None or key in _NOT_WINDOWS or value is None:
            continue
        expected = key in _NAMED
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
            resets_at=_time(value.get("resets_at"), f"{key}.resets_at", damage),
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
        elif found.key in _NAMED:
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
        resets_at=_time(entry.get("resets_at"), f"{where}.resets_at", damage),
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


def _limit_name(kind: str, group: Any, model: str | None, surface: str | None) -> tuple[str, _Name]:
    shown_group: Group = group if group in ("session", "weekly") else "other"
    length = {"session": FIVE_HOURS, "weekly": SEVEN_DAYS}.get(shown_group)
    if model is None and surface is None:
        key = _MIRRORS.get(kind, kind)
        if key in _NAMED:
            return key, _NAMED[key]
        return key, _Name(kind.replace("_", " "), shown_group, length)
    label = f"{model} ({surface})" if model and surface else model or surface or kind
    slug = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or "unnamed"
    return f"{kind}:{slug}", _Name(label, shown_group, length, model, surface)


# --- money ---------------------------------------------------------------------------------------------------------


def _extra_usage(spend: Any, older: Any, damage: list[str]) -> ExtraUsage | None:
    """`spend` is authoritative where it says anything; else `extra_usage` (FACTS §1, Money)."""
    newer = _spend(spend, damage)
    old = _older_extra_usage(older, damage)
    if newer is None or old is None:
        return newer or old
    missing = {
        name: getattr(old, name)
        for name in ("enabled", "disabled_reason")
        if getattr(newer, name) is None and getattr(old, name) is not None
    }
    return newer.model_copy(update=missing)


def _spend(spend: Any, damage: list[str]) -> ExtraUsage | None:
    if spend is None:
        return None
    if not isinstance(spend, dict):
        damage.append("spend")
        return None
    used = _spend_money(spend.get("used"), "spend.used", damage)
    limit = _spend_money(spend.get("limit"), "spend.limit", damage)
    enabled = spend.get("enabled")
    enabled = enabled if isinstance(enabled, bool) else None
    utilization = _optional_percentage(spend.get("percent"), "spend.percent", damage)
    if used is None and limit is None and utilization is None and enabled is None:
        return None
    return ExtraUsage(
        enabled=enabled,
        used=used,
        limit=limit,
        utilization=utilization,
        disabled_reason=clean_text(spend.get("disabled_reason")),
    )


def _spend_money(value: Any, where: str, damage: list[str]) -> Money | None:
    if value is None:
        return None
    if isinstance(value, dict):
        minor, exponent = _minor(value.get("amount_minor")), _exponent(value.get("exponent", 2))
        if minor is not None and exponent is not None:
            return _money(minor, exponent, value.get("currency"))
    damage.append(where)
    return None


def with_overage(usage: dict[str, Any], overage: Any) -> dict[str, Any]:
    """A usage body with claude.ai's `overage_spend_limit` as its `extra_usage`, where it says nothing of its own."""
    if not isinstance(overage, dict) or not lacks_money(usage):
        return usage
    return {**usage, "extra_usage": {**overage, "monthly_limit": overage.get("monthly_credit_limit")}}


def lacks_money(usage: dict[str, Any]) -> bool:
    """Whether a usage body says nothing of what is spent beyond the plan."""
    return usage.get("spend") is None and usage.get("extra_usage") is None


def _older_extra_usage(older: Any, damage: list[str]) -> ExtraUsage | None:
    if older is None:
        return None
    if not isinstance(older, dict):
        damage.append("extra_usage")
        return None
    # Cents by long use where the body does not say (claude-meter divides by 100).
    exponent = _exponent(older.get("decimal_places"))
    exponent = 2 if exponent is None else exponent
    amounts: dict[str, Money | None] = {}
    for name in ("used_credits", "monthly_limit"):
        value = older.get(name)
        minor = _minor(value)
        if value is not None and minor is None:
            damage.append(f"extra_usage.{name}")
        amounts[name] = None if minor is None else _money(minor, exponent, older.get("currency"))
    enabled = older.get("is_enabled")
    return ExtraUsage(
        enabled=enabled if isinstance(enabled, bool) else None,
        used=amounts["used_credits"],
        limit=amounts["monthly_limit"],
        utilization=_optional_percentage(older.get("utilization"), "extra_usage.utilization", damage),
        disabled_reason=clean_text(older.get("disabled_reason")),
    )


def _money(minor: Decimal, exponent: int, currency: Any) -> Money:
    code = clean_text(currency, 8)
    code = code.upper() if code else None
    if minor == minor.to_integral_value():
        return Money.from_minor(int(minor), exponent, code)
    return Money(amount=minor.scaleb(-exponent), currency=code)


def _minor(value: Any) -> Decimal | None:
    """An amount in minor units; whole in all bodies seen, but sent as a float by `extra_usage`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or abs(value) > _LARGEST_MINOR:
        return None
    return Decimal(repr(value))


def _exponent(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 8:
        return None
    return value


# --- numbers and times ---------------------------------------------------------------------------------------------


def _optional_percentage(value: Any, where: str, damage: list[str]) -> float | None:
    if value is None:
        return None
    found = percentage(value)
    if found is None:
        damage.append(where)
    return found


def _time(value: Any, where: str, damage: list[str]) -> datetime | None:
    """None stays None; what is no time is damage and None."""
    found = time_of(value)
    if found is None and value is not None:
        damage.append(where)
    return found


def time_of(value: Any) -> datetime | None:
    """ISO-8601 with offset → aware UTC; None for anything else."""
    if not isinstance(value, str) or not 10 < len(value) <= 40:
        return None
    try:
        parsed = pendulum.parse(value, strict=True)
        if not isinstance(parsed, pendulum.DateTime):
            return None
        return bounded_time(datetime.fromtimestamp(parsed.int_timestamp, UTC).replace(microsecond=parsed.microsecond))
    except (ValueError, OverflowError, OSError):
        return None
