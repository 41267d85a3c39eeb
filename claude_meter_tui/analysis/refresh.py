"""The outlook of an account made anew and stored: in a short-lived process, since numpy costs 25 MB and 100 ms.

So the dashboard stays small, and `status` and every other pane have it from the store.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from claude_meter_tui.analysis.gathering import outlook_of, points_of, turns_of
from claude_meter_tui.domain.light_reading import stand_in
from claude_meter_tui.store.store import Store
from claude_meter_tui.store.thinning import thin
from claude_meter_tui.turns.transcripts.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence


def refresh(store: Store, roots: Sequence[str], account_id: int, now: datetime, skew: timedelta) -> bool:
    """Analyse what is stored of an account and keep the outlook; False where there is no reading.

    Args:
        store: open.
        roots: whose transcripts, as far as they are indexed; none are read here.
        account_id: whose readings.
        now: by the local clock.
        skew: how far the server's clock is ahead of that.
    """
    document = store.newest(account_id=account_id, now=now)
    if document is None:
        return False
    points = points_of(store, account_id, now, skew)
    turns = turns_of(Ledger(lambda: store.connection, roots), now)
    outlook = outlook_of(stand_in(document), points, turns, now + skew, skew)
    store.save_outlook(account_id, now, json.dumps(outlook, separators=(",", ":")))
    thin(store, now)  # here, since it takes a moment and nobody waits for it
    return True


def answer() -> None:
    """The process's end: what to refresh as JSON on standard input."""
    import os

    if hasattr(os, "nice"):
        os.nice(10)
    given = json.load(sys.stdin)
    now, skew = datetime.fromtimestamp(given["now"], UTC), timedelta(seconds=given["skew"])
    with Store.open(given["store"]) as store:
        refresh(store, given["roots"], given["account"], now, skew)
