"""`alerts`: what is told, and how; `alerts test` tells something."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from claude_meter_tui.alerts.rules import Alert
from claude_meter_tui.alerts.telling import tell
from claude_meter_tui.domain.errors import BadUsageError, StoreError
from claude_meter_tui.domain.foreign_text import shown
from claude_meter_tui.output.words import clock_time
from claude_meter_tui.settings import settings
from claude_meter_tui.store.store import Store
from claude_meter_tui.store.told import last_told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from claude_meter_tui.settings.alerting import Alerting

_MOST = 10


def show(env: Mapping[str, str]) -> int:
    """Print what is told, how, and what was told last.

    Raises:
        BadUsageError: the settings are not right.
    """
    configured = settings.load(env)
    for line in _wanted(configured.alerting):
        print(line)
    store = Store.open_existing(configured.store_file)
    if store is None:
        return 0
    with store:
        now = datetime.now(UTC)
        for at, window, kind, level in last_told(store, _MOST):
            what = f"{level:g} %" if kind == "threshold" else kind.replace("_", " ")
            print(f"told {clock_time(at, now)}: {shown(window)}, {what}")
    return 0


def _wanted(wanted: Alerting) -> Iterator[str]:
    if not wanted.by:
        yield "Nothing is told: `by` in [alerts] is empty."
        return
    yield f"by: {', '.join(wanted.by)}"
    yield f"at: {', '.join(f'{each:g} %' for each in wanted.at) or 'no percentage'}"
    for key, levels in wanted.windows.items():
        yield f"at, {shown(key)}: {', '.join(f'{each:g} %' for each in levels) or 'no percentage'}"
    if wanted.forecast:
        yield f"forecast: {wanted.sure:g} % sure to fill within {wanted.forecast} minutes"
    if wanted.quiet is not None:
        begin, end = wanted.quiet
        yield f"quiet: {begin:%H:%M}–{end:%H:%M}"


def test(env: Mapping[str, str]) -> int:
    """Tell something by every way that is set up, and say of each whether it worked.

    Raises:
        BadUsageError: the settings are not right, or nothing is set up.
    """
    wanted = settings.load(env).alerting
    if not wanted.by:
        raise BadUsageError(
            "No way to tell is set up: `by` in [alerts] is empty.", "See `claude-meter-tui config edit`."
        )
    alert = Alert("test", "five_hour", "5-hour", 0.0)
    nobody = {"email": None, "organization_uuid": None, "plan": None}
    write = _terminal()
    outcomes = tell(alert, nobody, datetime.now(UTC), wanted, env, write)  # type: ignore[arg-type]
    for outcome in outcomes:
        print(f"{outcome.channel}: {outcome.trouble or 'told'}")
    return StoreError.exit_code if any(outcome.trouble for outcome in outcomes) else 0


def _terminal() -> Callable[[str], None] | None:
    """Writes to the terminal this runs in, wherever its output goes; None where it runs in none."""
    if sys.stdout.isatty():
        return _write_out
    with suppress(OSError):
        number = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY)
        return lambda text: _write(number, text)
    return None


def _write_out(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _write(number: int, text: str) -> None:
    os.write(number, text.encode())
