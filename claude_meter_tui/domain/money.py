"""How much of a budget is used, and whether it stops work. Pure and light; the amounts are exact decimals."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claude_meter_tui.domain.windows import Money


def limit_reached(used: Money | None, limit: Money | None) -> bool:
    """Used ≥ limit of the same currency, whatever the server's older flags say (FACTS §1, `spend`)."""
    return used is not None and limit is not None and used.currency == limit.currency and used.amount >= limit.amount


def budget_percent(used: float | None, limit: float | None, utilization: float | None) -> float | None:
    """How much of a budget is used, in percent: by its amounts, else as the server says; None where neither tells.

    A limit of nothing is used up.
    """
    if used is not None and limit is not None:
        return 100.0 if limit <= 0 else used / limit * 100
    return utilization


def percent_of_limit(used: Money | None, limit: Money | None, utilization: float | None) -> float | None:
    """See `budget_percent`; amounts of two currencies cannot be divided."""
    same = used is not None and limit is not None and used.currency == limit.currency
    most = float(limit.amount) if same and limit is not None else None
    return budget_percent(None if used is None else float(used.amount), most, utilization)


def worth_showing(enabled: bool | None, used: Money | None) -> bool:
    """Whether extra usage has anything to say: it is on, or something was spent."""
    return bool(enabled) or (used is not None and used.amount > 0)
