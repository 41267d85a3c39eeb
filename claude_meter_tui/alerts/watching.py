"""Watches the accounts of a dashboard for something to tell; of any number of panes one tells it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from claude_meter_tui.alerts.rules import Decision, Standing, Told, decide
from claude_meter_tui.analysis.carried import estimates, of_window
from claude_meter_tui.domain.urgency import STALE_AFTER
from claude_meter_tui.store.told import remember, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_meter_tui.alerts.rules import Alert
    from claude_meter_tui.domain.plain_reading import AccountDocument
    from claude_meter_tui.polling.state import MeterState
    from claude_meter_tui.settings.alerting import Alerting
    from claude_meter_tui.store.store import Store
    from claude_meter_tui.system.clock import Clock

# What these say was so some time ago: Claude Code's cache, a file.
_NOT_OF_NOW = ("cache", "import")
EXTRA_KEY, _EXTRA_LABEL = "extra_usage", "Extra usage"


class Watching:
    """Of one process.

    Args:
        store: open.
        clock: the local time.
        wanted: what the user wants to be told, as it is now.
        tell: told of each alert, and of whose account it is.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        wanted: Callable[[], Alerting],
        tell: Callable[[Alert, AccountDocument], None],
    ) -> None:
        self._store, self._clock, self._wanted, self._tell = store, clock, wanted, tell
        self._seen: dict[int, object] = {}

    def look(self, account_id: int | None, state: MeterState) -> None:
        """Whether there is something to tell of an account; costs next to nothing where nothing has changed.

        Raises:
            sqlite3.Error: the store cannot be used; it is looked at again.
        """
        now, wanted = self._clock.now(), self._wanted()
        if account_id is None or state.reading is None or state.demo or not wanted.by or wanted.is_quiet(now):
            return
        # By the minute as well: a window ends, and a forecast comes near, without anything new.
        seen = (state.version, state.outlook and state.outlook["made_at"], wanted, int(now.timestamp()) // 60)
        if self._seen.get(account_id) == seen:
            return
        windows = standings(state, now)
        if _is_worth(self._decide(account_id, windows, wanted, state.true_now(now))):
            with self._store.transaction():  # of several panes the first has written it down when the second looks
                decision = self._decide(account_id, windows, wanted, state.true_now(now))
                remember(self._store, account_id, decision.remember, now)
            for alert in decision.alerts:
                self._tell(alert, _document(state))
        self._seen[account_id] = seen

    def _decide(self, account_id: int, windows: list[Standing], wanted: Alerting, now: datetime) -> Decision:
        before = {each: Told(*row) for each, row in told(self._store, account_id).items()}
        return decide(windows, before, wanted, now)


def standings(state: MeterState, now: datetime) -> list[Standing]:
    """How every window and the budget stand, by what is known at the local time `now`."""
    reading = state.reading
    if reading is None:
        return []
    true = state.true_now(now)
    by_now = estimates(state.outlook, reading, {}, true)
    found = []
    for window in reading.windows:
        ahead = of_window(state.outlook, window, true)
        times = None if ahead is None else ahead["full_at"]
        step = None if ahead is None else ahead["step"]
        found.append(
            Standing(
                window.key,
                window.label,
                window.utilization,
                window.resets_at,
                _is_of_now(window.observed_at or reading.observed_at, window.source or reading.source, now),
                by_now[window.key]["estimate"] if window.key in by_now else None,
                None if ahead is None else ahead["probability"],
                None if times is None else datetime.fromisoformat(str(times["p50"])),
                None if step is None else (datetime.fromisoformat(step["since"]), step["factor"]),
            )
        )
    extra = reading.extra_usage
    if extra is not None and extra.is_shown and extra.percent is not None:
        whole_at = reading.whole_at or reading.observed_at
        exact = _is_of_now(whole_at, reading.source, now)
        found.append(Standing(EXTRA_KEY, _EXTRA_LABEL, extra.percent, None, exact))
    return found


def _is_of_now(observed_at: datetime, source: str, now: datetime) -> bool:
    return source not in _NOT_OF_NOW and now - observed_at <= STALE_AFTER


def _is_worth(decision: Decision) -> bool:
    return bool(decision.alerts or decision.remember)


def _document(state: MeterState) -> AccountDocument:
    account = state.reading.account if state.reading is not None else None
    return {
        "email": getattr(account, "email", None),
        "organization_uuid": getattr(account, "organization_uuid", None),
        "plan": getattr(account, "plan", None),
    }
