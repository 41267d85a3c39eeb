"""`once`: one reading, stored and printed; where asking fails or is not allowed, the newest stored, as stale."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from claude_meter_tui.domain.errors import AskedTooSoonError, MeterError, StoreError
from claude_meter_tui.domain.foreign_text import shown, to_json
from claude_meter_tui.output import formats
from claude_meter_tui.output.words import clock_time, too_soon
from claude_meter_tui.polling.poller import Poller
from claude_meter_tui.settings import settings
from claude_meter_tui.sources import available
from claude_meter_tui.store.store import Store
from claude_meter_tui.store.thinning import thin_now_and_then
from claude_meter_tui.system.clock import SystemClock
from claude_meter_tui.system.uptime import age_of_this_process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from claude_meter_tui.system.clock import Clock

# Another process may be asking while this one starts: its answer is waited for this long, and as good as one's own.
_WAIT_SECONDS = 6.0
_LOOK_SECONDS = 0.1


def run(env: Mapping[str, str], *, as_json: bool, source: str | None = None) -> int:
    """Ask if it is allowed, then print what is newest.

    Raises:
        MeterError: there is nothing to print; it says why.
    """
    configured = settings.load(env, source=source)

    clock = SystemClock()
    with Store.open(configured.store_file) as store:
        if store.mend():
            print(f"claude-meter-tui: {store.notice()}", file=sys.stderr)
        configured = available.chosen(configured, store)
        poller = Poller(
            store,
            available.asked(configured, env, store),
            clock,
            configured.cadence,
            open_listeners=partial(available.listened_to, configured, env, bridge=False),
        )
        failure = asyncio.run(_ask(poller, clock))
        with suppress(sqlite3.Error):
            thin_now_and_then(store, clock.now())
        reading = poller.state.reading
        outlook = None
        with suppress(sqlite3.Error):
            outlook = store.outlook(poller.account_id)
    if failure is not None:
        failure.hint = failure.hint or _when_again(poller, clock)
        if isinstance(failure, AskedTooSoonError):
            failure.sentence = too_soon(failure, clock.now())
        if reading is None:
            raise failure
        print(f"claude-meter-tui: {shown(failure.one_line())}", file=sys.stderr)
    if reading is None:  # pragma: no cover - an ask without a failure shows its reading
        raise StoreError("No reading came.")
    document = reading.document()
    at = formats.At(clock.now(), poller.state.skew, outlook)
    if as_json:
        print(to_json(formats.as_dict(document, at, stale=True if failure else None), indent=2))
    else:
        print(formats.table(document, at, stale=failure is not None))
    return 0


async def _ask(poller: Poller, clock: Clock) -> MeterError | None:
    """Take in what can be heard for free, then ask; gives why no new reading came, if none did."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # it would print to the user's terminal
    begun = clock.now() - age_of_this_process()
    with suppress(StoreError):
        await poller.listen()
    try:
        await poller.ask("script")
    except AskedTooSoonError as error:
        return None if await _answered_elsewhere(poller, begun) else error
    except MeterError as error:
        return error
    return None


async def _answered_elsewhere(poller: Poller, begun: datetime) -> bool:
    """Whether another process, which asked this very moment, gets its answer now."""
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end:
        match poller.answer_to_another(since=begun):
            case "came":
                return True
            case "none":
                return False
        await asyncio.sleep(_LOOK_SECONDS)
    return False


def _when_again(poller: Poller, clock: Clock) -> str:
    at = poller.state.next_ask
    return "" if at is None else f"Ask again at {clock_time(at, clock.now(), up=True)}."
