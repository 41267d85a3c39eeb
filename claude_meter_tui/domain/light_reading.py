"""A stored reading in the shape of `windows.Reading`, made without pydantic, for the first paint.

pydantic and the domain's models cost 70 ms, a third of an empty Textual app's whole start, and what stands in the
store was validated when it was written. The poller puts the real Reading in its place right after the first paint.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from claude_meter_tui.domain.money import limit_reached, percent_of_limit, worth_showing

if TYPE_CHECKING:
    from claude_meter_tui.domain.plain_reading import ExtraUsageDocument, MoneyDocument, ReadingDocument, WindowDocument
    from claude_meter_tui.domain.windows import Reading

Thing = TypeVar("Thing")


def stand_in(document: ReadingDocument) -> Reading:
    """Has every attribute the screen draws from; a test holds its picture equal to the real one's."""
    windows = tuple(map(_window, document["windows"]))
    reading = SimpleNamespace(
        observed_at=_moment(document["observed_at"]),
        source=document["source"],
        account=SimpleNamespace(**document["account"]),
        windows=windows,
        extra_usage=_extra(document["extra_usage"]),
        damaged=tuple(document["damaged"]),
        whole_at=_moment(document["whole_at"]),
    )
    return cast("Reading", reading)


def altered(thing: Thing, **changes: object) -> Thing:
    """A copy with other values: of a domain model, or of what stands in for one."""
    if hasattr(thing, "model_copy"):
        return cast("Thing", thing.model_copy(update=changes))
    other = copy(thing)
    vars(other).update(changes)
    return other


def _window(document: WindowDocument) -> SimpleNamespace:
    resets_at, length = _moment(document["resets_at"]), document["length_seconds"]
    known = resets_at is not None and length is not None
    opened_at = resets_at - timedelta(seconds=length) if known else None  # type: ignore[operator, arg-type]
    times = {"resets_at": resets_at, "opened_at": opened_at, "observed_at": _moment(document["observed_at"])}
    return SimpleNamespace(**{**document, **times})


def _extra(document: ExtraUsageDocument | None) -> SimpleNamespace | None:
    if document is None:
        return None
    used, limit = _money(document["used"]), _money(document["limit"])
    reached = limit_reached(used, limit)
    return SimpleNamespace(
        enabled=document["enabled"],
        used=used,
        limit=limit,
        utilization=document["utilization"],
        disabled_reason=document["disabled_reason"],
        limit_reached=reached,
        percent=percent_of_limit(used, limit, document["utilization"]),
        is_shown=worth_showing(document["enabled"], used),
        carries_on=bool(document["enabled"]) and not reached,
    )


def _money(document: MoneyDocument | None) -> Any:
    if document is None:
        return None
    return SimpleNamespace(amount=Decimal(document["amount"]), currency=document["currency"])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
