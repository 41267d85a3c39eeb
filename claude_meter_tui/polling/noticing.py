"""What is noticed: the clock was set, another process wrote, a listener heard something, a login changed.

The second of the three parts of the poller. It sends nothing; it must not know HTTP or the screen.
"""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from claude_meter_tui.analysis.carried import stored_outlook
from claude_meter_tui.domain.errors import (
    CredentialError,
    NotLoggedInError,
    StoreError,
)
from claude_meter_tui.polling.gate import Gate, budget_window, joined, refresh
from claude_meter_tui.polling.shown_state import ShownState
from claude_meter_tui.polling.state import Phase, Trouble
from claude_meter_tui.store.database_file import is_broken
from claude_meter_tui.store.merging import observations

if TYPE_CHECKING:
    from claude_meter_tui.domain.plain_reading import ReadingDocument
    from claude_meter_tui.domain.windows import Reading
    from claude_meter_tui.polling.gate import Keys
    from claude_meter_tui.sources.source import Source

# A Keychain has no mtime: without a usable credential, look again this often even if no file changed.
_LOOK_AGAIN = timedelta(minutes=5)
# Readings of two clocks are never of the very same moment.
_CLOCK_SET_FROM = timedelta(seconds=2)
_REPLACED = "The store was deleted or replaced; the last reading was kept."
# Shorter, the machine was only busy.
_SLEPT_FROM = timedelta(seconds=30)


class Noticing(ShownState):
    """Takes in whatever changed by itself (see `Poller`)."""

    async def listen(self) -> None:
        """Take in what the sources that ask nobody have to say, and nothing else.

        Raises:
            StoreError: the store failed.
        """
        try:
            await self._listen()
        except sqlite3.Error as error:
            raise store_error(error) from None

    async def _listen(self) -> None:
        if await self._listening.beat(self._clock.now()):
            owner = self._listening.owner
            # A Keychain has no mtime: that Claude Code names another login is the sign to look at it again.
            self._look_again = self._look_again or owner != self._owner
            self._owner = owner
            self._turned(to_another=self._login_account.notice_owner(owner))
            if self._listening.unnamed is not None:
                self._login_account.show_unnamed(self._listening.unnamed)
            self._load_reading()
        if self._listening.trouble != self._listening_trouble:
            self._listening_trouble = self._listening.trouble
            self._update(notice=self._listening_trouble)

    def _sqlite_trouble(self, error: sqlite3.Error) -> None:
        """A damaged store is set aside and what can be read of it kept; anything else may pass by itself."""
        if is_broken(error):
            try:
                self._store.begin_anew()
            except StoreError as failed:
                self._store_trouble(failed)
            else:
                self._seen_version = None
                self._update(notice=self._store.notice())
            return
        self._store_trouble(store_error(error))

    async def _opened(self) -> Source:
        if self._source is None:
            self._source = await asyncio.to_thread(self._open_source)
        return self._source

    def _keys(self, source: Source) -> Keys:
        """What the limit is known by: the place of the login, and the account it is known to be."""
        account = self._account_key(source.endpoint)
        return (source.endpoint,) if account is None else (source.endpoint, account)

    def _account_key(self, endpoint: str) -> str | None:
        known = None if self._login is None else self._store.account_of(self._login)
        return None if known is None else f"{endpoint.partition(' ')[0]} account {known}"

    def _notice_clock(self, source: Source) -> None:
        """The local clock was set: waits keep their lengths, and the server's clock is as far off as before."""
        (then, up, worked), self._clocks = self._clocks, self._clock.moment()
        now, uptime, awake = self._clocks
        if uptime[0] == up[0] and timedelta(microseconds=uptime[1] - up[1] - (awake - worked)) > _SLEPT_FROM:
            self._woke_at = now
        step = now - then - timedelta(microseconds=uptime[1] - up[1])
        if uptime[0] != up[0] or abs(step) < _CLOCK_SET_FROM:
            return
        self._update(skew=self._store.noted_skew(now, uptime), version=self.state.version + 1)
        self._looked_at = now
        self._load_gate(source)
        self._load_reading()

    def _notice_store(self, source: Source) -> None:
        """Another process wrote: take its reading, its wait."""
        if self._store.is_replaced():
            self._store.reopen()
        if self._store.opened != self._store_opened:
            self._carry_over(source)
        version = self._store.version()
        if version == self._seen_version:
            return
        self._seen_version = version
        self._turned(to_another=self._login_account.notice_store())
        self._load_gate(source)
        self._load_reading()

    def _carry_over(self, source: Source) -> None:
        """The store's file is another by now: what is known here must not be lost, least of all a server's wait."""
        now, uptime, _ = self._clock.moment()
        whole = getattr(self.state.reading, "document", None)  # what stands in for one at the start has none
        known: ReadingDocument | None = None if whole is None else whole()
        row = self._login_account.carry_over(None if known is None else known["account"], self._login, now)
        with self._store.transaction():
            if known is not None and row is not None:
                for part in observations(known):  # of which one named every window there was
                    self._store.insert(part, row, partial=part["observed_at"] != known["whole_at"])
            keys = self._keys(source)
            joined([Gate.load(self._store, keys, now, uptime), self._gate]).at(now, uptime).save(self._store, keys)
            for asked_at in self._asks:
                self._store.note_ask(keys, asked_at, forget_before=now - timedelta(days=2))
        self._store_opened, self._outlook_text = self._store.opened, None
        self._update(notice=self._store.notice() or _REPLACED)

    def _turned(self, *, to_another: bool) -> None:
        """Show nothing of the account before."""
        if to_another and self._login_account.newest(self._clock.now()) is None:
            self._outlook_text = None
            self._update(reading=None, outlook=None, version=self.state.version + 1)
        elif to_another:
            self._load_reading()

    def _load_gate(self, source: Source) -> None:
        (now, uptime, _), keys = self._clock.moment(), self._keys(source)
        self._gate = refresh(self._store, keys, now, uptime)
        self._asks = budget_window(self._store, keys, now)

    def _load_reading(self) -> None:
        from claude_meter_tui.domain.windows import Reading  # after the first paint: see light_reading.py

        reading, shown = self._known(), self.state.reading
        if reading is None:
            return
        self._load_outlook()
        if not isinstance(shown, Reading):
            self._update(reading=reading)
        elif _observations(reading) != _observations(shown) or reading.account != shown.account:
            now, uptime, _ = self._clock.moment()
            self._show(reading, self._store.noted_skew(now, uptime))

    def _load_outlook(self) -> None:
        """What the analysis made of this account last, by whichever process."""
        text = self._store.outlook(self._login_account.account_id)
        if text != self._outlook_text:
            self._outlook_text = text
            self._update(outlook=None if text is None else stored_outlook(text))

    async def _credential_works(self, source: Source) -> bool:
        """Whether there is a credential to ask with; looked at again when its file changes."""
        now = self._clock.now()
        stamp = source.credential_stamp()
        looked_long_ago = abs(now - self._looked_at) >= _LOOK_AGAIN
        in_trouble = self._credential_trouble is not None or self._is_refused()
        if stamp == self._stamp and not (in_trouble and looked_long_ago) and not self._look_again:
            return not in_trouble
        self._look_again = False
        first = self._stamp is None
        self._stamp, self._looked_at = stamp, now
        try:
            login = await asyncio.to_thread(source.fingerprint, now)
        except CredentialError as error:
            self._no_credential(error, source)
            return False
        self._credential_trouble = None
        another = self._login is not None and login != self._login
        self._login = login
        self._turned(to_another=self._login_account.notice_login(login))
        self._load_gate(source)
        refused_before = self._gate.refused is not None and self._gate.refused != login
        if not first or another or refused_before:
            self._forgive(source)
        return not self._is_refused()

    def _forgive(self, source: Source) -> None:
        """The login's file was written: what the one before ran into says nothing. A server's wait stays."""
        keys, (now, uptime, _) = self._keys(source), self._clock.moment()
        with self._store.transaction():
            gate = Gate.load(self._store, keys, now, uptime)
            same = gate.refused is not None and gate.refused == self._login
            if gate.retry_at is not None and not same:
                gate.forgiven().at(now, uptime).save(self._store, keys)
        self._load_gate(source)

    def _no_credential(self, error: CredentialError, source: Source) -> None:
        first_time = isinstance(error, NotLoggedInError) and self.state.reading is None
        phase = Phase.SETUP if first_time else Phase.SIGNED_OUT
        self._credential_trouble = Trouble(phase, error.sentence, error.hint)
        self._stamp, self._looked_at = source.credential_stamp(), self._clock.now()
        self._update(looked=source.looked() + self._listening.looked(self._clock.now()))
        self._refresh()


def _observations(reading: Reading) -> set[tuple[str, datetime | None]]:
    return {(window.key, window.observed_at) for window in reading.windows} | {("", reading.whole_at)}


def store_error(error: sqlite3.Error) -> StoreError:
    """SQLite's word for it as one of ours; what is on the screen stays."""
    return StoreError(f"The store cannot be used just now ({error}).", "The last reading stays.")
