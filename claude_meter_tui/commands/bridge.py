"""`bridge`: only the receiver for the browser extension, until interrupted."""

from __future__ import annotations

import queue
import signal
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from claude_meter_tui.output import words
from claude_meter_tui.polling.listeners import keep
from claude_meter_tui.settings import settings
from claude_meter_tui.sources.bridge import PATH, Bridge
from claude_meter_tui.sources.source import Heard
from claude_meter_tui.store.store import Store
from claude_meter_tui.store.thinning import thin_now_and_then

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.domain.windows import Reading


def run(env: Mapping[str, str], *, port: int | None) -> int:
    """Listen, keep what comes, and say so.

    Raises:
        BadUsageError: the port cannot be used.
        StoreError: the store cannot be opened.
    """
    configured = settings.load(env)
    heard: queue.SimpleQueue[list[Reading] | None] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: heard.put(None))
    with Store.open(configured.store_file) as store:
        bridge = Bridge(lambda: datetime.now(UTC), configured.bridge_port if port is None else port, heard.put)
        bridge.start()
        print(f"Listening for the browser extension on http://127.0.0.1:{bridge.port}{PATH}; ctrl+c ends.", flush=True)
        while (readings := heard.get()) is not None:
            for reading in readings:
                print(_kept(store, reading), flush=True)
        bridge.stop()
    return 0


def _kept(store: Store, reading: Reading) -> str:
    who = reading.account.email or reading.account.organization_uuid or "unknown account"
    now = datetime.now(UTC)
    try:
        kept, fresh = keep(store, Heard(reading, reading.source), now)
        if fresh:
            thin_now_and_then(store, now)
    except sqlite3.Error as error:
        return f"{who}: not stored ({error})"
    if kept is None:
        return f"{who}: not kept, since more accounts were heard of than anybody has"
    figures = " · ".join(f"{window.label} {words.percent(window.utilization)}" for window in reading.windows)
    return f"{who}: {figures}" if fresh else f"{who}: nothing new"
