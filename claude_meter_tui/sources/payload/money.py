"""What a usage body says of money: `spend` where it says anything, else `extra_usage` (FACTS §1, Money).

Amounts are exact decimals of minor units. A damaged part costs only itself, and is named.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.domain.windows import ExtraUsage, Money
from claude_meter_tui.sources.payload.fields import optional_percentage

_LARGEST_MINOR = 10**15


def extra_usage_of(spend: Any, older: Any, damage: list[str]) -> ExtraUsage | None:
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
    utilization = optional_percentage(spend.get("percent"), "spend.percent", damage)
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
        utilization=optional_percentage(older.get("utilization"), "extra_usage.utilization", damage),
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
