"""Listens to the sources that ask nobody: notices that one changed, keeps what it says, and knows whose login it is.

The poller calls it at every beat, so a look costs a few stats. It must not know what a source reads.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from claude_meter_tui.domain.identity import HEARD_OF_FOR, is_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from claude_meter_tui.domain.windows import Account
    from claude_meter_tui.sources.source import Heard, Listener, Looked
    from claude_meter_tui.store.store import Store

# Anybody's page can post to the extension's bridge and invent accounts.
_INVENTABLE = "bridge"
# Claude Code's cache stays when another person logs in to its folder.
_LEFT_BEHIND = "cache"


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
        self.unnamed: int | None = None
        """The account of what was heard last without a name, where anything was."""

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
        spoken = False
        for number, listener in enumerate(self._listeners):
            stamp = listener.stamp()
            if number in self._stamps and self._stamps[number] == stamp:
                continue
            for heard in await asyncio.to_thread(listener.read, now):
                account_id, _ = keep(self._store, heard, now)
                if account_id is not None and not is_named(heard.reading.document()["account"]):
                    self.unnamed = account_id
            self._stamps[number] = stamp
            spoken = True
        return spoken


def keep(store: Store, heard: Heard, now: datetime) -> tuple[int | None, bool]:
    """Store what a listener said under its own account: that account's row, None if it was not kept; whether it is new.

    Raises:
        sqlite3.Error: the store cannot be written.
    """
    document = heard.reading.document()
    if heard.reading.source == _INVENTABLE and store.too_many_heard_of(
        document["account"], _INVENTABLE, now - HEARD_OF_FOR
    ):
        return None, False
    account_id = store.account_id(document["account"], heard.known_by)
    if heard.reading.source == _LEFT_BEHIND and store.is_anothers(account_id, document):
        return None, False
    return account_id, store.save(document, account_id)
