"""Keeps one MeterState true: notices new readings and credentials, asks when the gate says so, publishes changes.

An async worker of the dashboard, and the one-shot behind `once`. It is the only part that asks the network, and it
does so through a Source and the shared Gate. It must not know HTTP, SQL or the screen.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from claude_meter_tui.belonging import Belonging
from claude_meter_tui.errors import (
    AskedTooSoonError,
    CredentialError,
    MeterError,
    NotLoggedInError,
    RateLimitedError,
    StoreError,
)
from claude_meter_tui.gate import Cadence, Gate, budget_window, claim
from claude_meter_tui.listening import Listening
from claude_meter_tui.standing import clock_time
from claude_meter_tui.state import MeterState, Phase, Point, Trouble
from claude_meter_tui.stored import stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_meter_tui.clock import Clock
    from claude_meter_tui.sources.source import Listener, Source
    from claude_meter_tui.store import Store
    from claude_meter_tui.windows import Reading

# How soon another pane's reading, a new login, a due ask or the end of a sleep is noticed. Nothing is read but a
# counter of SQLite's and a file's mtime, so it costs about 0.01 % of a core.
HEARTBEAT = timedelta(seconds=1.5)
# A Keychain has no mtime: without a usable credential, look again this often even if no file changed.
_LOOK_AGAIN = timedelta(minutes=5)


class Poller:
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
        publish: what to do with a new state.
    """

    def __init__(
        self,
        store: Store,
        open_source: Callable[[], Source],
        clock: Clock,
        cadence: Cadence,
        *,
        open_listeners: Callable[[], Sequence[Listener]] = tuple,
        note: str | None = "account",
        account_id: int | None = None,
        demo: bool = False,
        publish: Callable[[MeterState], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._open_source = open_source
        self._clock = clock
        self._cadence = cadence
        self._source: Source | None = None
        self._listening = Listening(store, open_listeners)
        self._listening_trouble = ""
        self._gate = Gate(set_at=clock.now())
        self._asks: list[datetime] = []
        self._seen_version: int | None = None
        self._stamp: object = None
        self._credential_trouble: Trouble | None = None
        self._looked_at = clock.now()
        self._belonging = Belonging(store, note, account_id)
        self._store_failed = False
        self.publish = publish
        self.state = MeterState(demo=demo, skew=store.noted_skew(), notice=_set_aside_notice(store))
        if (document := self._belonging.newest()) is not None:
            self.state = replace(self.state, reading=stand_in(document))

    # --- running ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await self.beat()
            await asyncio.sleep(HEARTBEAT.total_seconds())

    async def beat(self) -> None:
        """Notice what changed and ask if it is time. Never raises for anything a user could meet."""
        try:
            source = await self._opened()
            if await self._listening.beat(self._clock.now()):
                self._turned(to_another=self._belonging.notice_owner(self._listening.owner))
                self._load_reading()
            if self._listening.trouble != self._listening_trouble:
                self._listening_trouble = self._listening.trouble
                self._update(notice=self._listening_trouble)
            self._notice_store(source)
            if self._store_failed:
                self._store_failed = False
                self.dismiss()
            if await self._credential_works(source) and not self.state.paused and self._due() <= self._clock.now():
                await self.ask(by_key=False)
        except StoreError as error:
            self._store_trouble(error)
        except MeterError:
            pass  # the state says it already
        except sqlite3.Error as error:
            self._store_trouble(_store_error(error))
        self._refresh()

    def _store_trouble(self, error: StoreError) -> None:
        self._store_failed = True
        self._update(notice=error.one_line())

    def dismiss(self) -> None:
        """Take a notice off the screen."""
        self._update(notice="")

    def pause(self) -> None:
        """Stop or resume asking; what arrives by itself is still shown."""
        self._update(paused=not self.state.paused)
        self._refresh()

    async def ask(self, *, by_key: bool) -> Reading:
        """Ask now, if it is allowed, and keep the answer.

        Raises:
            AskedTooSoonError: not allowed now; nothing was sent.
            StoreError: the store failed; a reading that came is shown all the same.
            MeterError: it was sent and gave no reading; the gate and the state say so too.
        """
        try:
            return await self._claim_and_ask(by_key=by_key)
        except sqlite3.Error as error:
            raise _store_error(error) from None

    async def _claim_and_ask(self, *, by_key: bool) -> Reading:
        now = self._clock.now()
        source = await self._opened()
        self._notice_store(source)
        try:
            await asyncio.to_thread(source.fingerprint, now)
        except CredentialError as error:
            self._no_credential(error, source)
            raise
        held = claim(self._store, source.endpoint, now, self._cadence, by_key=by_key)
        self._notice_store(source)
        if held is not None:
            raise self._too_soon(held, now)
        self._update(asking=True)
        try:
            return await self._ask(source, now)
        finally:
            self._belonging.asked()
            self._load_gate(source)
            self._update(asking=False)
            self._refresh()

    async def _ask(self, source: Source, now: datetime) -> Reading:
        from claude_meter_tui.windows import Account

        try:
            answer = await source.usage(now)
            failed = partial(self._failed, source)
            account_id = await self._belonging.learn(source, answer.fingerprint, now, failed)
        except MeterError as error:
            self._failed(source, error)
            raise
        account = Account.model_validate(self._store.account(account_id))
        reading = answer.reading.model_copy(update={"account": account})
        changed = _changed(self.state.reading, reading)
        self._belonging.account_id = account_id
        try:
            self._store.save(reading.document(), account_id)
        except sqlite3.Error:
            self._show(reading, answer.skew)  # a full disk must not hide what was read
            raise
        self._show(self._known() or reading, answer.skew)
        with self._store.transaction():
            gate = Gate.load(self._store, source.endpoint, now)
            if gate.wait_until is None or gate.wait_until <= now:  # else the profile earned a wait a moment ago
                gate.answered(self._clock.now(), changed=changed).save(self._store, source.endpoint)
            self._store.put_note("skew", str(answer.skew.total_seconds()))
            self._belonging.is_now(account_id)
        return reading

    # --- what is noticed -------------------------------------------------------------------------------------------

    def _notice_store(self, source: Source) -> None:
        """Another process wrote: take its reading, its wait."""
        version = self._store.version()
        if version == self._seen_version:
            return
        self._seen_version = version
        self._turned(to_another=self._belonging.notice_store())
        self._load_gate(source)
        self._load_reading()

    def _turned(self, *, to_another: bool) -> None:
        """Show nothing of the account before."""
        if to_another and self._belonging.newest() is None:
            self._update(reading=None, version=self.state.version + 1)
        elif to_another:
            self._load_reading()

    def _load_gate(self, source: Source) -> None:
        now = self._clock.now()
        self._gate = Gate.load(self._store, source.endpoint, now)
        self._asks = budget_window(self._store, source.endpoint, now)

    def _load_reading(self) -> None:
        from claude_meter_tui.windows import Reading  # after the first paint: see stored.py

        reading, shown = self._known(), self.state.reading
        if reading is None:
            return
        if not isinstance(shown, Reading):
            self._update(reading=reading)
        elif _observations(reading) != _observations(shown) or reading.account != shown.account:
            self._show(reading, self._store.noted_skew())

    def _known(self) -> Reading | None:
        from claude_meter_tui.windows import Reading

        document = self._belonging.newest()
        return None if document is None else Reading.model_validate(document)

    async def _credential_works(self, source: Source) -> bool:
        """Whether there is a credential to ask with; looked at again when its file changes."""
        now = self._clock.now()
        stamp = source.credential_stamp()
        looked_long_ago = abs(now - self._looked_at) >= _LOOK_AGAIN
        if stamp == self._stamp and not (self._credential_trouble and looked_long_ago):
            return self._credential_trouble is None
        first = self._stamp is None
        self._stamp, self._looked_at = stamp, now
        try:
            login = await asyncio.to_thread(source.fingerprint, now)
        except CredentialError as error:
            self._no_credential(error, source)
            return False
        self._credential_trouble = None
        self._turned(to_another=self._belonging.notice_login(login))
        if not first:
            self._forgive(source, now)
        return True

    def _forgive(self, source: Source, now: datetime) -> None:
        """A new login: what the old one ran into no longer says anything. A server's wait stays."""
        with self._store.transaction():
            gate = Gate.load(self._store, source.endpoint, now)
            if gate.retry_at is not None:
                replace(gate, set_at=now, retry_at=None, trouble=None).save(self._store, source.endpoint)
        self._load_gate(source)

    def _no_credential(self, error: CredentialError, source: Source) -> None:
        first_time = isinstance(error, NotLoggedInError) and self.state.reading is None
        phase = Phase.SETUP if first_time else Phase.SIGNED_OUT
        self._credential_trouble = Trouble(phase, error.sentence, error.hint)
        self._stamp, self._looked_at = source.credential_stamp(), self._clock.now()
        self._update(looked=source.looked() + self._listening.looked(self._clock.now()))
        self._refresh()

    def _failed(self, source: Source, error: MeterError) -> None:
        """Write the failure where every pane sees it."""
        now = self._clock.now()
        with self._store.transaction():
            gate = Gate.load(self._store, source.endpoint, now)
            if isinstance(error, RateLimitedError):
                text = Trouble(Phase.WAITING, error.sentence, error.hint).as_text()
                gate = gate.refused(now, error.server_wait, text, self._cadence)
            else:
                phase = Phase.SIGNED_OUT if isinstance(error, CredentialError) else Phase.OFFLINE
                gate = gate.failed(now, Trouble(phase, error.sentence, error.hint).as_text(), self._cadence)
            gate.save(self._store, source.endpoint)

    # --- the state -------------------------------------------------------------------------------------------------

    def _due(self) -> datetime:
        reading, skew = self.state.reading, self.state.skew
        whole_at = None if reading is None or self._belonging.unknown else _whole_at(reading)
        return self._gate.due(
            self._clock.now(),
            self._asks,
            self._cadence,
            None if whole_at is None else whole_at - skew,
            [window.resets_at - skew for window in reading.windows if window.resets_at] if reading else [],
        )

    def _refresh(self) -> None:
        """Bring trouble and next ask up to date with the gate and the credential."""
        now = self._clock.now()
        trouble = self._credential_trouble
        if trouble is None and self._gate.trouble is not None:
            trouble = Trouble.from_text(self._gate.trouble)
        if trouble is not None and trouble.phase is Phase.WAITING and (self._gate.wait_until or now) <= now:
            trouble = None  # the wait is over; the next answer decides
        held = self.state.paused or self._credential_trouble is not None
        self._update(trouble=trouble, next_ask=None if held else self._due())

    def _show(self, reading: Reading, skew: timedelta) -> None:
        same_account = self.state.reading is not None and self.state.reading.account == reading.account
        before = self.state.reading if same_account else None
        self._update(reading=reading.steadied(before), skew=skew, version=self.state.version + 1)

    def _update(self, **changes: object) -> None:
        new = replace(self.state, **changes)  # type: ignore[arg-type]
        if new != self.state:
            self.state = new
            self.publish(new)

    def _too_soon(self, held: datetime, now: datetime) -> AskedTooSoonError:
        at = clock_time(held, now, up=True)  # never name a minute that is still inside the wait
        if self._gate.wait_until is not None and self._gate.wait_until > now:
            return AskedTooSoonError(f"The server asked us to wait until {at}.", "Nothing was sent.", held)
        if held - now <= self._cadence.at_least:
            seconds = max(1, round((held - now).total_seconds()))
            return AskedTooSoonError(f"Asked just now; again in {seconds} s.", "Nothing was sent.", held)
        return AskedTooSoonError(f"Asking is possible again at {at}.", "Nothing was sent.", held)

    async def _opened(self) -> Source:
        if self._source is None:
            self._source = await asyncio.to_thread(self._open_source)
        return self._source

    @property
    def pinned(self) -> bool:
        """See `Belonging.pinned`."""
        return self._belonging.pinned

    @property
    def organization(self) -> str | None:
        """The uuid of the organization shown; None where it is not known."""
        return None if self.state.reading is None else self.state.reading.account.organization_uuid

    @property
    def account_id(self) -> int | None:
        """See `Belonging.account_id`."""
        return self._belonging.account_id

    def history(self, window: str, since: datetime) -> list[Point]:
        """Stored utilizations of a window of the account shown, from a time, oldest first; empty if unreadable."""
        try:
            rows = list(self._store.history(window, since, self._belonging.account_id))
        except sqlite3.Error:
            return []
        return [
            Point(
                datetime.fromisoformat(row["observed_at"]),
                row["utilization"],
                datetime.fromisoformat(row["resets_at"]) if row["resets_at"] else None,
            )
            for row in rows
        ]


# What only a whole answer says (a new window) is worth asking for this often even while everything known is fresh.
_WHOLE_AT_LEAST = timedelta(hours=4)


def _whole_at(reading: Reading) -> datetime | None:
    """When every window was last observed: later than the last whole answer where other sources know them all."""
    if reading.whole_at is None:
        return None
    if reading.extra_usage is not None and reading.extra_usage.is_shown:
        return reading.whole_at
    oldest = min((window.observed_at or reading.whole_at for window in reading.windows), default=reading.whole_at)
    return min(oldest, reading.whole_at + _WHOLE_AT_LEAST)


def _observations(reading: Reading) -> set[tuple[str, datetime | None]]:
    return {(window.key, window.observed_at) for window in reading.windows} | {("", reading.whole_at)}


def _changed(before: Reading | None, after: Reading) -> bool:
    def figures(reading: Reading) -> dict[str, float]:
        return {window.key: window.utilization for window in reading.windows}

    return before is None or figures(before) != figures(after) or before.extra_usage != after.extra_usage


def _set_aside_notice(store: Store) -> str:
    if store.set_aside is None:
        return ""
    return f"The store was damaged and set aside as {store.set_aside}; a new one was begun."


def _store_error(error: sqlite3.Error) -> StoreError:
    return StoreError(f"The store cannot be used just now ({error}).", "The last reading stays.")
