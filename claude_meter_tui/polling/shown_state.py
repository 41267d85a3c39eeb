"""What is told: the one MeterState, brought up to date and published whenever it changes.

The first of the three parts of the poller (told, noticed, asked). It must not know sources, HTTP or the screen.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from claude_meter_tui.analysis.carried import stored_outlook
from claude_meter_tui.domain.instances import Point
from claude_meter_tui.domain.light_reading import stand_in
from claude_meter_tui.polling.gate import Gate
from claude_meter_tui.polling.listeners import Listening
from claude_meter_tui.polling.login import LoginAccount
from claude_meter_tui.polling.schedule import Known, doubt_of, next_ask
from claude_meter_tui.polling.state import MeterState, Phase, Trouble
from claude_meter_tui.store.columns import time_of
from claude_meter_tui.system import crash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_meter_tui.analysis.outlook import Outlook
    from claude_meter_tui.domain.errors import (
        StoreError,
    )
    from claude_meter_tui.domain.windows import Account, Reading
    from claude_meter_tui.polling.schedule import Plan
    from claude_meter_tui.settings.cadence import Cadence
    from claude_meter_tui.sources.source import Listener, Source
    from claude_meter_tui.store.store import Store
    from claude_meter_tui.system.clock import Clock


class ShownState:
    """Owns the state; `publish` is called with every new one (see `Poller`)."""

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
        waits_for_store: bool = False,
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
        self._clocks = clock.moment()
        self._asks: list[datetime] = []
        self._woke_at: datetime | None = None
        self._store_opened = store.opened
        self._seen_version: tuple[int, int] | None = None
        self._stamp: object = None
        self._credential_trouble: Trouble | None = None
        self._looked_at = clock.now()
        self._login_account = LoginAccount(store, note, account_id)
        self._login: str | None = None
        self._owner: Account | None = None
        self._look_again = False
        self._outlook_text: str | None = None
        self._store_failed = self._failed_unforeseen = False
        self._waits_for_store = waits_for_store
        self.publish = publish
        skew = store.noted_skew(self._clocks.now, self._clocks.uptime)
        self.state = MeterState(demo=demo, skew=skew, notice=store.notice())
        if (document := self._login_account.newest(clock.now())) is not None:
            self.state = self.state._replace(reading=stand_in(document), outlook=self._stored_outlook())

    def _stored_outlook(self) -> Outlook | None:
        """What is known ahead from the start on, so that the first picture has it; a damaged row is made anew."""
        try:
            self._outlook_text = self._store.outlook(self._login_account.account_id)
        except sqlite3.Error:
            return None
        return None if self._outlook_text is None else stored_outlook(self._outlook_text)

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

    def _update(self, **changes: object) -> None:
        new = self.state._replace(**changes)  # type: ignore[arg-type]
        if new != self.state:
            self.state = new
            self.publish(new)

    def _show(self, reading: Reading, skew: timedelta) -> None:
        same_account = self.state.reading is not None and self.state.reading.account == reading.account
        before = self.state.reading if same_account else None
        self._update(reading=reading.steadied(before), skew=skew, version=self.state.version + 1)

    def _store_trouble(self, error: StoreError) -> None:
        self._store_failed = True
        self._update(notice=error.one_line())

    def _unforeseen(self, error: Exception) -> None:
        """Said once, not at every beat."""
        if not self._failed_unforeseen:
            self._failed_unforeseen = True
            self._update(notice=crash.one_line(error))

    def _is_refused(self) -> bool:
        """Whether the server has refused this very credential: it is not sent again by itself until it is another."""
        return self._gate.refused is not None and self._gate.refused == self._login

    def plan(self) -> Plan | None:
        """When the server is asked next, and why; None: not by itself, since it has refused this credential."""
        if self._is_refused():
            return None
        reading, skew, now = self.state.reading, self.state.skew, self._clock.now()
        if reading is None:
            return next_ask(now, Known(None), self._gate, self._asks, self._cadence)
        known = Known(
            None if self._login_account.unknown else _whole_at(reading),
            [(window.label, window.resets_at - skew) for window in reading.windows if window.resets_at],
            doubt_of(self.state.outlook, reading, now + skew),
            self._gate.unchanged,
            self._woke_at,
        )
        return next_ask(now, known, self._gate, self._asks, self._cadence)

    def _refresh(self) -> None:
        """Bring trouble and next ask up to date with the gate and the credential."""
        now = self._clock.now()
        trouble = self._credential_trouble
        if trouble is None and self._gate.trouble is not None:
            trouble = Trouble.from_text(self._gate.trouble)
        if trouble is not None and trouble.phase is Phase.WAITING and (self._gate.wait_until or now) <= now:
            trouble = None  # the wait is over; the next answer decides
        held = self.state.paused or self._credential_trouble is not None
        shown = self.state
        same = (trouble and trouble.phase) == (shown.trouble and shown.trouble.phase) and shown.since is not None
        since = shown.since if same else now
        plan = None if held else self.plan()
        self._update(trouble=trouble, since=since, next_ask=None if plan is None else plan.at, plan=plan)

    def _known(self) -> Reading | None:
        from claude_meter_tui.domain.windows import Reading

        document = self._login_account.newest(self._clock.now())
        return None if document is None else Reading.model_validate(document)

    @property
    def organization(self) -> str | None:
        """The uuid of the organization shown; None where it is not known."""
        return None if self.state.reading is None else self.state.reading.account.organization_uuid

    @property
    def account_id(self) -> int | None:
        """See `LoginAccount.account_id`."""
        return self._login_account.account_id

    @property
    def pinned(self) -> bool:
        """See `LoginAccount.pinned`."""
        return self._login_account.pinned

    def now(self) -> datetime:
        """The local time."""
        return self._clock.now()

    def history(
        self, since: datetime, until: datetime, *, window: str | None = None, every: timedelta = timedelta(0)
    ) -> dict[str, list[Point]]:
        """Stored utilizations of the account shown, by window, oldest first; empty if unreadable.

        By the server's clock, as resets are. `window`: only of that one. `every`: of each such stretch of time only
        the last reading.
        """
        skew, account_id = self.state.skew, self._login_account.account_id
        try:
            found = self._store.points(account_id, since - skew, until - skew, window=window, every=every)
        except sqlite3.Error:
            return {}
        return {
            key: [
                Point(time_of(at) + skew, used, None if resets_at is None else time_of(resets_at))
                for at, used, resets_at in points
            ]
            for key, points in found.items()
        }


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
