"""What was told of each window, so that no pane tells it again, nor after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.store.columns import micros, moment_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from claude_meter_tui.store.store import Store


def told(store: Store, account_id: int) -> dict[tuple[str, str], tuple[datetime | None, float]]:
    """(reset of the instance, level) by window and kind of alert.

    Raises:
        sqlite3.Error: the store cannot be read.
    """
    rows = store.connection.execute(
        "SELECT window, kind, instance, level FROM alerts WHERE account_id = ?", (account_id,)
    )
    return {
        (window, kind): (None if instance is None else moment_of(instance), level)
        for window, kind, instance, level in rows
    }


def remember(
    store: Store,
    account_id: int,
    changes: Mapping[tuple[str, str], tuple[datetime | None, float] | None],
    now: datetime,
) -> None:
    """Write down what was told; None: it may be told again. Inside a transaction.

    Raises:
        sqlite3.Error: the store cannot be written.
    """
    for (window, kind), row in changes.items():
        if row is None:
            query = "DELETE FROM alerts WHERE account_id = ? AND window = ? AND kind = ?"
            store.connection.execute(query, (account_id, window, kind))
            continue
        instance = None if row[0] is None else micros(row[0])
        store.connection.execute(
            "INSERT OR REPLACE INTO alerts VALUES (?,?,?,?,?,?)",
            (account_id, window, kind, instance, row[1], micros(now)),
        )


def last_told(store: Store, most: int) -> list[tuple[datetime, str, str, float]]:
    """(when, window, kind, level) of what was told last, the newest first.

    Raises:
        sqlite3.Error: the store cannot be read.
    """
    rows = store.connection.execute(
        "SELECT told_at, window, kind, level FROM alerts ORDER BY told_at DESC LIMIT ?", (most,)
    )
    return [(moment_of(told_at), window, kind, level) for told_at, window, kind, level in rows]
