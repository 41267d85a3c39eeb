"""The plain-dict form of a reading: what the store gives back and the scripts' texts are made from.

The same keys as `windows.Reading` dumps to, so that `status` can print a reading without importing pydantic.
Only type checkers import this module.
"""

from __future__ import annotations

from typing import TypedDict


class MoneyDocument(TypedDict):
    """`amount` is the exact decimal as text."""

    amount: str
    currency: str | None


class ExtraUsageDocument(TypedDict):
    """See `windows.ExtraUsage`."""

    enabled: bool | None
    used: MoneyDocument | None
    limit: MoneyDocument | None
    utilization: float | None
    disabled_reason: str | None


class WindowDocument(TypedDict):
    """See `windows.Window`; times are ISO-8601 UTC with microseconds where there are any."""

    key: str
    label: str
    group: str
    utilization: float
    resets_at: str | None
    length_seconds: int | None
    model: str | None
    surface: str | None
    severity: str | None
    is_active: bool | None
    observed_at: str | None
    source: str | None


class AccountDocument(TypedDict):
    """See `windows.Account`."""

    email: str | None
    organization_uuid: str | None
    plan: str | None


class ReadingDocument(TypedDict):
    """See `windows.Reading`."""

    observed_at: str
    source: str
    account: AccountDocument
    windows: list[WindowDocument]
    extra_usage: ExtraUsageDocument | None
    damaged: list[str]
    whole_at: str | None


class HistoryRow(TypedDict):
    """One window of one stored reading; `account` is the organization's uuid, else the email, else empty."""

    observed_at: str
    source: str
    account: str
    window: str
    utilization: float
    resets_at: str | None
