"""What is asked: one request, if the gate allows it, and what its answer or failure changes for every pane.

The third of the three parts of the poller, and the only code that asks the network. It knows neither HTTP nor screen.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from claude_meter_tui.domain.errors import (
    AskedTooSoonError,
    CredentialError,
    MeterError,
    PointlessError,
    RateLimitedError,
    RefusedError,
)
from claude_meter_tui.polling.gate import Gate, claim, unclaim
from claude_meter_tui.polling.noticing import Noticing, store_error
from claude_meter_tui.polling.state import Phase, Trouble
from claude_meter_tui.store.store import is_locked

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_meter_tui.domain.windows import Reading
    from claude_meter_tui.polling.gate import Asker, Keys
    from claude_meter_tui.polling.schedule import Plan
    from claude_meter_tui.sources.source import Answer, Source

# A key that finds the store locked by another program is tried again that long; what the server answered, for good.
_PERSON_WAITS = 5.0
_NO_END = float("inf")
_TRIED_AGAIN_SECONDS = 0.15
# A request that the server does not take at all is not worth more tries than a few a day; said once, it may be a slip.
_POINTLESS_AT_FIRST = timedelta(hours=1)
_POINTLESS = timedelta(hours=6)
# Longer no request takes: whoever sent it has died.
_LONGEST_REQUEST = timedelta(seconds=45)

T = TypeVar("T")


class Asking(Noticing):
    """Asks through a Source and the shared Gate (see `Poller`)."""

    async def ask(self, by: Asker) -> Reading:
        """Ask now, if it is allowed, and keep the answer.

        Raises:
            AskedTooSoonError: not allowed now; nothing was sent.
            StoreError: the store failed; a reading that came is shown all the same.
            MeterError: it was sent and gave no reading; the gate and the state say so too.
        """
        try:
            return await self._claim_and_ask(by)
        except sqlite3.Error as error:
            self._sqlite_trouble(error)
            raise store_error(error) from None

    async def _claim_and_ask(self, by: Asker) -> Reading:
        now = self._clock.now()
        source = await self._opened()
        self._notice_clock(source)
        self._notice_store(source)
        try:
            self._login = await asyncio.to_thread(source.fingerprint, now)
        except CredentialError as error:
            self._no_credential(error, source)
            raise
        self._turned(to_another=self._login_account.notice_login(self._login))
        keys = self._keys(source)

        def take() -> tuple[datetime, Plan | None]:
            now, uptime, _ = self._clock.moment()  # not the one from before the look at the login, which took a while
            return now, claim(self._store, keys, now, self._cadence, by, uptime)

        now, held = await self._when_free(take, _PERSON_WAITS if by == "person" else 0.0)
        self._notice_store(source)
        if held is not None:
            self._refresh()
            raise AskedTooSoonError(held.why.value, held.at, now)
        self._update(asking=True)
        try:
            return await self._ask(source, keys, now)
        finally:
            self._login_account.asked()
            self._load_gate(source)
            self._update(asking=False)
            self._refresh()

    async def _ask(self, source: Source, keys: Keys, now: datetime) -> Reading:
        before = self.state.reading
        try:
            answer = await source.usage(now)
        except MeterError as error:
            await self._when_free(partial(self._note_failure, source, keys, error, now), _NO_END)
            raise
        while True:
            try:
                return await self._take_in(answer, source, keys, now, before)
            except sqlite3.Error as error:
                if not (self._waits_for_store and is_locked(error)):
                    raise
                self._store_trouble(store_error(error))
            if before is not None and not self._login_account.unknown:  # a locked store must not hide what was read
                self._show(
                    answer.reading.model_copy(update={"account": before.account}), answer.skew or self.state.skew
                )
            await asyncio.sleep(_TRIED_AGAIN_SECONDS)

    async def _when_free(self, write: Callable[[], T], seconds: float) -> T:
        """Write to the store; where another program holds it, again and again that long, while the screen goes on.

        Raises:
            sqlite3.Error: it cannot be written.
        """
        end = time.monotonic() + (seconds if self._waits_for_store else 0.0)
        while True:
            try:
                return write()
            except sqlite3.Error as error:
                if not is_locked(error) or time.monotonic() >= end:
                    raise
            await asyncio.sleep(_TRIED_AGAIN_SECONDS)

    def _note_failure(self, source: Source, keys: Keys, error: MeterError, asked_at: datetime) -> None:
        if not error.sent:
            unclaim(self._store, keys, asked_at)
        self._failed(source, keys, error)

    async def _take_in(
        self, answer: Answer, source: Source, keys: Keys, now: datetime, before: Reading | None
    ) -> Reading:
        from claude_meter_tui.domain.windows import Account

        account_id = await self._login_account.learn(source, answer, keys, now, partial(self._failed, source, keys))
        account = Account.model_validate(self._store.account(account_id))
        reading = answer.reading.model_copy(update={"account": account})
        changed = _changed(before, reading)
        self._login_account.account_id = account_id
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
        now, uptime, _ = self._clock.moment()
        if answer.skew == timedelta(0):  # the server agrees with this clock: what is dated after now was not
            self._store.heal(now)
        with self._store.transaction():
            if answer.skew is not None:
                self._store.note_skew(answer.skew, now, uptime)
            self._login_account.is_now(account_id)
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
            return "awaited" if gate.asked_at > since - _LONGEST_REQUEST and not gate.orphaned else "none"
        if gate.set_at < since:
            return "none"
        came = reading is not None and reading.observed_at >= gate.asked_at
        return "came" if came and gate.trouble is None else "none"

    def _failed(self, source: Source, keys: Keys, error: MeterError) -> None:
        """Write the failure where every pane sees it."""
        now, uptime, _ = self._clock.moment()
        with self._store.transaction():
            gate = Gate.load(self._store, keys, now, uptime)
            if isinstance(error, RateLimitedError):
                text = Trouble(Phase.WAITING, error.sentence, error.hint).as_text()
                gate = gate.made_to_wait(now, error.server_wait, text, self._cadence)
            else:
                phase = Phase.SIGNED_OUT if isinstance(error, CredentialError) else Phase.OFFLINE
                text = Trouble(phase, error.sentence, error.hint).as_text()
                pointless = _pointless_wait(gate, error) if isinstance(error, PointlessError) else timedelta(0)
                refused = self._login if isinstance(error, RefusedError) else None
                gate = gate.failed(now, text, self._cadence, at_least=pointless, refused=refused)
            gate.at(now, uptime).save(self._store, keys)
        source.failed(error)


def _pointless_wait(gate: Gate, error: PointlessError) -> timedelta:
    """How long a request that the server does not take is not repeated: longer where the one before was not either."""
    said_before = gate.trouble is not None and Trouble.from_text(gate.trouble).sentence == error.sentence
    return _POINTLESS if said_before else _POINTLESS_AT_FIRST


def _changed(before: Reading | None, after: Reading) -> bool:
    def figures(reading: Reading) -> dict[str, float]:
        return {window.key: window.utilization for window in reading.windows}

    return before is None or figures(before) != figures(after) or before.extra_usage != after.extra_usage
