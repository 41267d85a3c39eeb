"""`once`: one reading, stored and printed; where asking fails or is not allowed, the newest stored, as stale."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

from claude_meter_tui import report, settings
from claude_meter_tui.clock import SystemClock
from claude_meter_tui.errors import MeterError, StoreError
from claude_meter_tui.poller import Poller
from claude_meter_tui.sources import ways
from claude_meter_tui.standing import clock_time
from claude_meter_tui.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.clock import Clock


def run(env: Mapping[str, str], *, as_json: bool, source: str | None = None) -> int:
    """Ask if it is allowed, then print what is newest.

    Raises:
        MeterError: there is nothing to print; it says why.
    """
    configured = settings.load(env, source=source)

    clock = SystemClock()
    with Store.open(configured.store_file) as store:
        poller = Poller(store, ways.asked(ways.chosen(configured, store), env, store), clock, configured.cadence)
        if poller.state.notice:
            print(f"claude-meter-tui: {poller.state.notice}", file=sys.stderr)
        try:
            asyncio.run(poller.ask(by_key=True))
            failure = None
        except MeterError as error:
            failure = error
            failure.hint = failure.hint or _when_again(poller, clock)
        reading = poller.state.reading
    if failure is not None:
        if reading is None:
            raise failure
        print(f"claude-meter-tui: {failure.one_line()}", file=sys.stderr)
    if reading is None:  # pragma: no cover - an ask without a failure shows its reading
        raise StoreError("No reading came.")
    document = reading.document()
    now = poller.state.true_now(clock.now())
    if as_json:
        print(json.dumps(report.as_dict(document, now, stale=True if failure else None), ensure_ascii=False, indent=2))
    else:
        print(report.table(document, now, stale=failure is not None))
    return 0


def _when_again(poller: Poller, clock: Clock) -> str:
    at = poller.state.next_ask
    return "" if at is None else f"Ask again at {clock_time(at, clock.now(), up=True)}."
