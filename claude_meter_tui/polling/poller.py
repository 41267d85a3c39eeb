"""Keeps one MeterState true: notices new readings and credentials, asks when the gate says so, publishes changes.

An async worker of the dashboard, and the one-shot behind `once`. It is the only part that asks the network, and it
does so through a Source and the shared Gate. It must not know HTTP, SQL or the screen.
"""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta

from claude_meter_tui.domain.errors import (
    MeterError,
    StoreError,
)
from claude_meter_tui.polling.asking import Asking

# How soon another pane's reading, a new login, a due ask or the end of a sleep is noticed. Nothing is read but a
# counter of SQLite's and a file's mtime, so it costs about 0.01 % of a core.
HEARTBEAT = timedelta(seconds=1.5)


class Poller(Asking):
    """Owns the state; `publish` is called with every new one.

    Args:
        store: open, used on the event loop's thread only.
        open_source: makes the source; called once, in a thread, since it imports httpx.
        clock: the local time.
        cadence: how often to ask.
        open_listeners: makes the sources that ask nobody; called once, in a thread.
        note: where the account of this poller's profile is noted; None: it is `account_id` and stays so.
        account_id: whose readings to show, where that is known from the start.
        demo: marks the state as simulated.
        waits_for_store: whether what the server answered is kept until a locked store takes it; for a dashboard, whose
            store is opened with little patience, so that its screen never stands still.
        publish: what to do with a new state.
    """

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await self.beat()
            await asyncio.sleep(HEARTBEAT.total_seconds())

    async def beat(self) -> None:
        """Notice what changed and ask if it is time. Never raises: whatever goes wrong, the meter goes on."""
        works = False
        try:
            source = await self._opened()
            self._notice_clock(source)
            await self._listen()
            self._notice_store(source)
            if await self._credential_works(source) and not self.state.paused and self._is_due():
                await self.ask("meter")
            works = True
        except StoreError as error:
            self._store_trouble(error)
        except MeterError:
            works = True  # the state says it already
        except sqlite3.Error as error:
            self._sqlite_trouble(error)
        except Exception as error:  # noqa: BLE001 - a defect must not end a meter that is left open for days
            self._unforeseen(error)
        if works and (self._store_failed or self._failed_unforeseen):
            self._store_failed = self._failed_unforeseen = False
            self.dismiss()
        self._refresh()

    def _is_due(self) -> bool:
        plan = self.plan()
        return plan is not None and plan.at <= self._clock.now()
