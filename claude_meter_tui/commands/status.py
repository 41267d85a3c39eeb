"""`status`: the newest stored reading for a status bar. No network, no scan, and nothing heavy imported."""

from __future__ import annotations

import os
import sqlite3
import sys
from datetime import UTC, datetime

from claude_meter_tui.domain.errors import MeterError, NothingStoredError, StoreError
from claude_meter_tui.output import formats
from claude_meter_tui.store.store import Store
from claude_meter_tui.system import paths
from claude_meter_tui.system.uptime import system_uptime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def plainly_asked(arguments: Sequence[str]) -> str | None:
    """The format, where the arguments are so simple that argparse (8 ms) is not needed; else None."""
    match arguments:
        case []:
            return "plain"
        case ["--format", style] | ["-f", style] if style in formats.STYLES:
            return style
        case [flag] if flag.startswith("--format=") and flag[9:] in formats.STYLES:
            return flag[9:]
    return None


def run(style: str, account: str | None = None) -> int:
    """Print the newest stored reading in this style; of the account named, else of the one shown last."""
    try:
        print(text(style, datetime.now(UTC), account))
    except MeterError as error:
        print(f"claude-meter-tui: {error.one_line()}", file=sys.stderr)
        return error.exit_code
    return 0


def _chosen(store: Store, account: str) -> int | None:
    from claude_meter_tui.polling.chosen_account import chosen_account

    return chosen_account(store, account)


def text(style: str, now: datetime, account: str | None = None) -> str:
    """The newest stored reading as it stands at the local time `now`.

    Raises:
        BadUsageError: no account is called so.
        NothingStoredError: no reading is stored.
        StoreError: the store cannot be read.
    """
    store = Store.open_existing(paths.store_file(paths.state_dir(os.environ)))
    if store is None:
        raise NothingStoredError
    try:
        with store:
            account_id = store.shown_account() if account is None else _chosen(store, account)
            reading = store.newest(account_id=account_id, now=now)
            skew = store.noted_skew(now, system_uptime())
            outlook = store.outlook(account_id if account_id is not None else store.account_of_newest(now))
    except sqlite3.Error:
        raise StoreError("The store cannot be read.", "Run `claude-meter-tui doctor`.") from None
    if reading is None:
        raise NothingStoredError
    return formats.render(style, reading, formats.At(now, skew, outlook))
