"""The outlook of an account made anew and stored: in a short-lived process, since numpy costs 25 MB and 100 ms.

So the dashboard stays small, and `status` and every other pane have it from the store.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from claude_meter_tui.analysis.gathering import outlook_of
from claude_meter_tui.domain.light_reading import stand_in
from claude_meter_tui.store.store import Store
from claude_meter_tui.turns.transcripts.ledger import Ledger
from claude_meter_tui.turns.transcripts.records import milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOK_BACK = timedelta(days=60)


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
    ahead = skew.total_seconds()
    found = store.points(account_id, now - _LOOK_BACK, now)
    points = {key: [(at + ahead, used, reset) for at, used, reset in each] for key, each in found.items()}
    turns = Ledger(store.connection, roots).turns(milliseconds(now - _LOOK_BACK), milliseconds(now) + 1)
    outlook = outlook_of(stand_in(document), points, turns, now + skew, skew)
    store.save_outlook(account_id, now, json.dumps(outlook, separators=(",", ":")))
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
