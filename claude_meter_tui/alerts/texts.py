"""An alert in words, and as JSON for a user's program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.domain.bounds import iso_utc
from claude_meter_tui.domain.foreign_text import shown
from claude_meter_tui.output.outlook_words import chance, step_words
from claude_meter_tui.output.words import clears, clock_time, percent

if TYPE_CHECKING:
    from datetime import datetime

    from claude_meter_tui.alerts.rules import Alert
    from claude_meter_tui.domain.plain_reading import AccountDocument

TITLE = "claude-meter"
SCHEMA = 1
_LONGEST = 200


def text(alert: Alert, now: datetime) -> str:
    """One sentence: what happened, and when it is over; `now` by the server's clock."""
    return shown(_text(alert, now))[:_LONGEST]


def _text(alert: Alert, now: datetime) -> str:
    after = "" if alert.resets_at is None else f" · {clears(alert.resets_at, now)}"
    if alert.kind == "test":
        return "This is how an alert looks."
    if alert.kind == "cleared":
        return f"{alert.label} has cleared: {percent(alert.utilization)} used"
    if alert.kind == "forecast" and alert.fills_at is not None:
        return (
            f"{alert.label} likely fills at {clock_time(alert.fills_at, now)}, {chance(alert.probability)} sure{after}"
        )
    if alert.kind == "limit_changed" and alert.since is not None and alert.factor is not None:
        return f"{alert.label}: {step_words(alert.since, alert.factor)}"
    if (alert.level or 0) >= 100 and not alert.estimated:
        return f"{alert.label} is full{after}"
    used = f"{'≈' if alert.estimated else ''}{percent(alert.utilization)}"
    return f"{alert.label} is at {used}{after}"


def document(alert: Alert, account: AccountDocument, now: datetime) -> dict[str, object]:
    """What a user's program gets on its standard input."""

    def moment(value: datetime | None) -> str | None:
        return None if value is None else iso_utc(value)

    return {
        "schema": SCHEMA,
        "kind": alert.kind,
        "at": iso_utc(now),
        "text": text(alert, now),
        "window": alert.key,
        "label": alert.label,
        "utilization": alert.utilization,
        "estimated": alert.estimated,
        "threshold": alert.level,
        "resets_at": moment(alert.resets_at),
        "probability": alert.probability,
        "fills_at": moment(alert.fills_at),
        "since": moment(alert.since),
        "factor": alert.factor,
        "account": dict(account),
    }
