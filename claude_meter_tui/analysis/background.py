"""When an account's outlook is made anew while the dashboard is open: only when something changed, one at a time.

A new reading is worth it at once; turns only every few minutes, since between two analyses the estimate is carried on
by what each token was found to cost. Several panes share it: one begins, all see what it stored. It knows no screen.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from claude_meter_tui.turns.transcripts.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_meter_tui.analysis.outlook import Outlook
    from claude_meter_tui.domain.windows import Reading
    from claude_meter_tui.store.store import Store

# Not imported from there: that module brings numpy.
PROGRAM = "import sys; sys.path[:] = {!r}; from claude_meter_tui.analysis import refresh; refresh.answer()"
_PAUSE = timedelta(seconds=20)
# A status line tells of new figures every few seconds; between two analyses they are carried on.
_READINGS_EVERY = timedelta(minutes=3)
_TURNS_EVERY = timedelta(minutes=5)
_AT_THE_LATEST = timedelta(minutes=30)
_GIVEN_UP_AFTER = timedelta(seconds=60)


class Analyst:
    """Of one account's transcripts.

    Args:
        store: open, used on this thread only.
        roots: whose transcripts.
        start: starts the process, given what to refresh; for tests.
    """

    def __init__(
        self, store: Store, roots: Sequence[str], start: Callable[[str], subprocess.Popen[str] | None] | None = None
    ) -> None:
        self._store, self._roots = store, tuple(roots)
        self._ledger = Ledger(lambda: store.connection, roots)
        self._start = start or started
        self._process: subprocess.Popen[str] | None = None
        self._begun: datetime | None = None
        self._change = -1

    def notice(
        self, account_id: int | None, reading: Reading | None, outlook: Outlook | None, now: datetime, skew: timedelta
    ) -> None:
        """Begin an analysis if there is something new to it; costs next to nothing otherwise. Never raises."""
        if account_id is None or reading is None or self._is_running(now):
            return
        try:
            change = self._ledger.change()
            if self._is_due(reading, outlook, change, now) and self._store.claim_analysis(account_id, now, _PAUSE):
                self._begun, self._change = now, change
                given = {
                    "store": self._store.path,
                    "roots": self._roots,
                    "account": account_id,
                    "now": now.timestamp(),
                    "skew": skew.total_seconds(),
                }
                self._process = self._start(json.dumps(given))
        except sqlite3.Error:
            return  # the poller says so

    def _is_due(self, reading: Reading, outlook: Outlook | None, change: int, now: datetime) -> bool:
        if self._begun is not None and timedelta(0) <= now - self._begun < _PAUSE:
            return False
        if outlook is None:
            return True
        made_at = datetime.fromisoformat(outlook["made_at"])
        figures = {window["key"]: round(window["utilization"]) for window in outlook["windows"]}
        current = [window for window in reading.windows if window.resets_at is None or window.resets_at > now]
        if any(figures.get(window.key) != round(window.utilization) for window in current):
            return now - made_at > _READINGS_EVERY
        if abs(now - made_at) > _AT_THE_LATEST:
            return True
        return change not in (self._change, -1) and now - made_at > _TURNS_EVERY

    def _is_running(self, now: datetime) -> bool:
        if self._process is None:
            return False
        if self._process.poll() is None:
            if self._begun is not None and now - self._begun > _GIVEN_UP_AFTER:
                self._process.kill()
            return True
        self._process = None
        return False

    def stop(self) -> None:
        """Nothing is left running."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._process = None


def started(given: str) -> subprocess.Popen[str] | None:
    """The process that refreshes; None where none can be started (the interpreter is gone: an upgrade)."""
    try:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-S", "-E", "-c", PROGRAM.format(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        return None
    assert process.stdin is not None  # noqa: S101 - asked for
    try:
        process.stdin.write(given)
        process.stdin.close()
    except OSError:
        pass  # it ended at once; what it would have said is asked for again
    return process
