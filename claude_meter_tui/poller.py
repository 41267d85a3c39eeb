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

from claude_meter_tui import crash
from claude_meter_tui.belonging import Belonging
from claude_meter_tui.errors import (
    AskedTooSoonError,
    CredentialError,
    MeterError,
    NotLoggedInError,
    PointlessError,
    RateLimitedError,
    RefusedError,
    StoreError,
)
from claude_meter_tui.gate import POINTLESS_WAIT, Cadence, Gate, budget_window, claim, refresh, unclaim
from claude_meter_tui.listening import Listening
from claude_meter_tui.opening import is_broken
from claude_meter_tui.standing import clock_time
from claude_meter_tui.state import MeterState, Phase, Point, Trouble
from claude_meter_tui.stored import stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_meter_tui.clock import Clock
    from claude_meter_tui.gate import Keys
    from claude_meter_tui.sources.source import Answer, Listener, Source
    from claude_meter_tui.store import Store
    from claude_meter_tui.windows import Account, Reading

# How soon another pane's reading, a new login, a due ask or the end of a sleep is noticed. Nothing is read but a
# counter of SQLite's and a file's mtime, so it costs about 0.01 % of a core.
HEARTBEAT = timedelta(seconds=1.5)
# A Keychain has no mtime: without a usable credential, look again this often even if no file changed.
_LOOK_AGAIN = timedelta(minutes=5)
# Longer no request takes: whoever sent it has died.
_LONGEST_REQUEST = timedelta(seconds=45)
# Readings of two clocks are never of the very same moment.
_CLOCK_SET_FROM = timedelta(seconds=2)


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
        self._clocks = (clock.now(), clock.uptime())
        self._asks: list[datetime] = []
        self._seen_version: int | None = None
        self._stamp: object = None
        self._credential_trouble: Trouble | None = None
        self._looked_at = clock.now()
        self._belonging = Belonging(store, note, account_id)
        self._login: str | None = None
        self._owner: Account | None = None
        self._look_again = False
        self._store_failed = self._failed_unforeseen = False
        self.publish = publish
        skew = store.noted_skew(clock.now(), clock.uptime())
        self.state = MeterState(demo=demo, skew=skew, notice=store.notice())
        if (document := self._belonging.newest(clock.now())) is not None:
            self.state = replace(self.state, reading=stand_in(document))

    # --- running ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await self.beat()
            await asyncio.sleep(HEARTBEAT.total_seconds())

    async def beat(self) -> None:
        """Notice what changed and ask if it is time. Never raises: whatever goes wrong, the meter goes on."""
        try:
            source = await self._opened()
            self._notice_clock(source)
            await self._listen()
            self._notice_store(source)
            if self._store_failed or self._failed_unforeseen:
                self._store_failed = self._failed_unforeseen = False
                self.dismiss()
            if await self._credential_works(source) and not self.state.paused and self._is_due():
                await self.ask(by_key=False)
        except StoreError as error:
            self._store_trouble(error)
        except MeterError:
            pass  # the state says it already
        except sqlite3.Error as error:
            self._sqlite_trouble(error)
        except Exception as error:  # noqa: BLE001 - a defect must not end a meter that is left open for days
            self._unforeseen(error)
        self._refresh()

    async def _listen(self) -> None:
        if await self._listening.beat(self._clock.now()):
            owner = self._listening.owner
            # A Keychain has no mtime: that Claude Code names another login is the sign to look at it again.
            self._look_again = self._look_again or owner != self._owner
            self._owner = owner
            self._turned(to_another=self._belonging.notice_owner(owner))
            if self._listening.unnamed is not None:
                self._belonging.show_unnamed(self._listening.unnamed)
            self._load_reading()
        if self._listening.trouble != self._listening_trouble:
            self._listening_trouble = self._listening.trouble
            self._update(notice=self._listening_trouble)

    async def listen(self) -> None:
        """Take in what the sources that ask nobody have to say, and nothing else.

        Raises:
            StoreError: the store failed.
        """
        try:
            await self._listen()
        except sqlite3.Error as error:
            raise _store_error(error) from None

    def _is_due(self) -> bool:
        due = self._due()
        return due is not None and due <= self._clock.now()

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
        self._store_trouble(_store_error(error))

    def _store_trouble(self, error: StoreError) -> None:
        self._store_failed = True
        self._update(notice=error.one_line())

    def _unforeseen(self, error: Exception) -> None:
        """Said once, not at every beat."""
        if not self._failed_unforeseen:
            self._failed_unforeseen = True
            self._update(notice=crash.one_line(error))

    def say(self, notice: str) -> None:
        """Put a notice on the screen."""
        self._update(notice=notice)

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
            self._sqlite_trouble(error)
            raise _store_error(error) from None

    async def _claim_and_ask(self, *, by_key: bool) -> Reading:
        now = self._clock.now()
        source = await self._opened()
        self._notice_clock(source)
        self._notice_store(source)
        try:
            self._login = await asyncio.to_thread(source.fingerprint, now)
        except CredentialError as error:
            self._no_credential(error, source)
            raise
        self._turned(to_another=self._belonging.notice_login(self._login))
        keys = self._keys(source)
        held = claim(self._store, keys, now, self._cadence, by_key=by_key, uptime=self._clock.uptime())
        self._notice_store(source)
        if held is not None:
            raise self._too_soon(held, now)
        self._update(asking=True)
        try:
            return await self._ask(source, keys, now)
        finally:
            self._belonging.asked()
            self._load_gate(source)
            self._update(asking=False)
            self._refresh()

    async def _ask(self, source: Source, keys: Keys, now: datetime) -> Reading:
        from claude_meter_tui.windows import Account

        try:
            answer = await source.usage(now)
        except MeterError as error:
            if not error.sent:
                unclaim(self._store, keys, now)
            self._failed(source, keys, error)
            raise
        account_id = await self._belonging.learn(source, answer, keys, now, partial(self._failed, source, keys))
        account = Account.model_validate(self._store.account(account_id))
        reading = answer.reading.model_copy(update={"account": account})
        changed = _changed(self.state.reading, reading)
        self._belonging.account_id = account_id
        skew = self.state.skew if answer.skew is None else answer.skew
        try:
            self._store.save(reading.document(), account_id)
        except sqlite3.Error:
            self._show(reading, skew)  # a full disk must not hide what was read
            raise
        self._answered(keys, answer, account_id, changed=changed)
        self._show(self._known() or reading, skew)
        return reading

    def _answered(self, keys: Keys, answer: Answer, account_id: int, *, changed: bool) -> None:
        now, uptime = self._clock.now(), self._clock.uptime()
        if answer.skew == timedelta(0):  # the server agrees with this clock: what is dated after now was not
            self._store.heal(now)
        with self._store.transaction():
            if answer.skew is not None:
                self._store.note_skew(answer.skew, now, uptime)
            self._belonging.is_now(account_id)
            keys = (*keys, *(key for key in (self._account_key(keys[0]),) if key and key not in keys))
            gate = Gate.load(self._store, keys, now, uptime)
            if gate.wait_until is None or gate.wait_until <= now:  # else the profile earned a wait a moment ago
                gate = gate.answered(changed=changed)
            gate.at(now, uptime).save(self._store, keys)

    def answer_to_another(self, since: datetime) -> str:
        """What became of another process's request: its answer `came` since a time, is `awaited`, or `none` comes.

        Takes over the reading that came. For whoever was told that asking is not allowed just now.
        """
        if self._source is None:
            return "none"
        self._notice_store(self._source)
        gate, reading = self._gate, self.state.reading
        if gate.asked_at is None:
            return "none"
        if gate.set_at <= gate.asked_at:  # nothing was written since it was sent
            return "awaited" if gate.asked_at > since - _LONGEST_REQUEST else "none"
        if gate.set_at < since:
            return "none"
        came = reading is not None and reading.observed_at >= gate.asked_at
        return "came" if came and gate.trouble is None else "none"

    # --- what is noticed -------------------------------------------------------------------------------------------

    def _keys(self, source: Source) -> Keys:
        """What the limit is known by: the place of the login, and the account it is known to be."""
        account = self._account_key(source.endpoint)
        return (source.endpoint,) if account is None else (source.endpoint, account)

    def _account_key(self, endpoint: str) -> str | None:
        known = None if self._login is None else self._store.account_of(self._login)
        return None if known is None else f"{endpoint.partition(' ')[0]} account {known}"

    def _notice_clock(self, source: Source) -> None:
        """The local clock was set: waits keep their lengths, and the server's clock is as far off as before."""
        now, uptime = self._clock.now(), self._clock.uptime()
        (then, up), self._clocks = self._clocks, (now, uptime)
        step = now - then - timedelta(microseconds=uptime[1] - up[1])
        if uptime[0] != up[0] or abs(step) < _CLOCK_SET_FROM:
            return
        self._update(skew=self._store.noted_skew(now, uptime), version=self.state.version + 1)
        self._looked_at = now
        self._load_gate(source)
        self._load_reading()

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
        if to_another and self._belonging.newest(self._clock.now()) is None:
            self._update(reading=None, version=self.state.version + 1)
        elif to_another:
            self._load_reading()

    def _load_gate(self, source: Source) -> None:
        now, keys = self._clock.now(), self._keys(source)
        self._gate = refresh(self._store, keys, now, self._clock.uptime())
        self._asks = budget_window(self._store, keys, now)

    def _load_reading(self) -> None:
        from claude_meter_tui.windows import Reading  # after the first paint: see stored.py

        reading, shown = self._known(), self.state.reading
        if reading is None:
            return
        if not isinstance(shown, Reading):
            self._update(reading=reading)
        elif _observations(reading) != _observations(shown) or reading.account != shown.account:
            self._show(reading, self._store.noted_skew(self._clock.now(), self._clock.uptime()))

    def _known(self) -> Reading | None:
        from claude_meter_tui.windows import Reading

        document = self._belonging.newest(self._clock.now())
        return None if document is None else Reading.model_validate(document)

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
        self._turned(to_another=self._belonging.notice_login(login))
        self._load_gate(source)
        refused_before = self._gate.refused is not None and self._gate.refused != login
        if not first or another or refused_before:
            self._forgive(source, now)
        return not self._is_refused()

    def _is_refused(self) -> bool:
        """Whether the server has refused this very credential: it is not sent again by itself until it is another."""
        return self._gate.refused is not None and self._gate.refused == self._login

    def _forgive(self, source: Source, now: datetime) -> None:
        """The login's file was written: what the one before ran into says nothing. A server's wait stays."""
        keys, uptime = self._keys(source), self._clock.uptime()
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

    def _failed(self, source: Source, keys: Keys, error: MeterError) -> None:
        """Write the failure where every pane sees it."""
        now, uptime = self._clock.now(), self._clock.uptime()
        with self._store.transaction():
            gate = Gate.load(self._store, keys, now, uptime)
            if isinstance(error, RateLimitedError):
                text = Trouble(Phase.WAITING, error.sentence, error.hint).as_text()
                gate = gate.made_to_wait(now, error.server_wait, text, self._cadence)
            else:
                phase = Phase.SIGNED_OUT if isinstance(error, CredentialError) else Phase.OFFLINE
                text = Trouble(phase, error.sentence, error.hint).as_text()
                pointless = POINTLESS_WAIT if isinstance(error, PointlessError) else timedelta(0)
                refused = self._login if isinstance(error, RefusedError) else None
                gate = gate.failed(now, text, self._cadence, at_least=pointless, refused=refused)
            gate.at(now, uptime).save(self._store, keys)
        source.failed(error)

    # --- the state -------------------------------------------------------------------------------------------------

    def _due(self) -> datetime | None:
        """When the server is asked next; None: not by itself, since it has refused this credential."""
        if self._is_refused():
            return None
        reading, skew = self.state.reading, self.state.skew
        whole_at = None if reading is None or self._belonging.unknown else _whole_at(reading)
        return self._gate.due(
            self._clock.now(),
            self._asks,
            self._cadence,
            whole_at,
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
        """Stored utilizations of a window of the account shown, from a time, oldest first; empty if unreadable.

        By the server's clock, as resets are.
        """
        try:
            rows = list(self._store.history(window, since - self.state.skew, self._belonging.account_id))
        except sqlite3.Error:
            return []
        return [
            Point(
                self.state.true_now(datetime.fromisoformat(row["observed_at"])),
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


def _store_error(error: sqlite3.Error) -> StoreError:
    return StoreError(f"The store cannot be used just now ({error}).", "The last reading stays.")
