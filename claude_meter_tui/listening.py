"""Listens to the sources that ask nobody: notices that one changed, keeps what it says, and knows whose login it is.

The poller calls it at every beat, so a look costs a few stats. It must not know what a source reads.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from claude_meter_tui.sources.source import Listener, Looked
    from claude_meter_tui.store import Store
    from claude_meter_tui.windows import Account, Reading


class Listening:
    """The listeners of one process.

    Args:
        store: open, used on the event loop's thread only.
        open_listeners: makes them; called once, in a thread, since it imports pydantic.
    """

    def __init__(self, store: Store, open_listeners: Callable[[], Sequence[Listener]]) -> None:
        self._store, self._open = store, open_listeners
        self._listeners: Sequence[Listener] | None = None
        self._stamps: dict[int, object] = {}

    @property
    def owner(self) -> Account | None:
        """Whose login Claude Code's (first) folder is, where that is known."""
        return next(iter(self._listeners)).owner if self._listeners else None

    def looked(self, now: datetime) -> tuple[Looked, ...]:
        """Every place that is listened to."""
        return tuple(place for listener in self._listeners or () for place in listener.looked(now))

    @property
    def trouble(self) -> str:
        """Why one of them does not listen, as a sentence; empty while all do."""
        return next((listener.trouble for listener in self._listeners or () if listener.trouble), "")

    async def beat(self, now: datetime) -> bool:
        """Keep what is new; whether anything was said.

        Raises:
            sqlite3.Error: the store cannot be written; what was said is read again at the next beat.
        """
        if self._listeners is None:
            self._listeners = await asyncio.to_thread(self._open)
        heard = False
        for number, listener in enumerate(self._listeners):
            stamp = listener.stamp()
            if number in self._stamps and self._stamps[number] == stamp:
                continue
            for reading in await asyncio.to_thread(listener.read, now):
                keep(self._store, reading)
            self._stamps[number] = stamp
            heard = True
        return heard


def keep(store: Store, reading: Reading) -> bool:
    """Store what a listener said under its own account, else the one known; whether it was new.

    Raises:
        sqlite3.Error: the store cannot be written.
    """
    document = reading.document()
    account = document["account"]
    known = account["email"] is not None or account["organization_uuid"] is not None
    account_id = store.account_id(account) if known else store.noted_account()
    account_id = store.account_id(account) if account_id is None else account_id
    fresh = store.save(document, account_id)
    store.note_first_account(account_id)
    return fresh
