"""The dashboard command: opens the store, wires poller and app, and runs the demo's server where the demo is shown."""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from claude_meter_tui import settings
from claude_meter_tui.clock import SystemClock
from claude_meter_tui.commands.whose import chosen_account
from claude_meter_tui.errors import BadUsageError, MeterError
from claude_meter_tui.poller import Poller
from claude_meter_tui.sources import claude_config, ways
from claude_meter_tui.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.beside import LocalSide
    from claude_meter_tui.clock import Clock
    from claude_meter_tui.dashboard.seats import Seat
    from claude_meter_tui.settings import Settings


def run_plainly() -> int:
    """`run` for a command line without any argument, sparing it argparse (10 ms of the start)."""
    try:
        return run(os.environ, demo=False, theme=None, ascii_only=None)
    except MeterError as error:
        print(f"claude-meter-tui: {error.one_line()}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def run(
    env: Mapping[str, str],
    *,
    demo: bool,
    theme: str | None,
    ascii_only: bool | None,
    source: str | None = None,
    account: str | None = None,
) -> int:
    """Show the dashboard until the user leaves it.

    Raises:
        BadUsageError: not a terminal, or settings that cannot be used.
        StoreError: the store cannot be opened.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadUsageError("The dashboard needs a terminal.", "In a script use `once` or `status`.")
    gc.disable()  # the app turns it on again after its first paint
    configured = settings.load(env, theme=theme, ascii_only=ascii_only, source=source)
    while True:
        with ExitStack() as stack:
            if demo:
                configured = _start_demo(configured, stack)
            wish = _show(configured, env, stack, account)
        if wish == "browser":
            configured = replace(configured, source="browser")
        elif wish == "demo" and not demo:
            demo = True
        else:
            _leave_hanging_threads()
            return 0


def _leave_hanging_threads() -> None:
    """End at once if a thread still hangs in a look-up or waits for files: the user should not wait for it."""
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _show(configured: Settings, env: Mapping[str, str], stack: ExitStack, account: str | None) -> str | None:
    from claude_meter_tui.dashboard.app import MeterApp

    store = stack.enter_context(Store.open(configured.store_file))
    configured = ways.chosen(configured, store)
    clock = SystemClock()
    if configured.demo:
        from claude_meter_tui.commands.demo import seed_history

        seed_history(store, clock.now())

    def remember(name: str, value: str) -> None:
        with suppress(sqlite3.Error):  # a preference is not worth a message
            store.put_note(name, value)

    first, *others = _seats(configured, env, store, clock, account)
    noted_left = store.note("show_left") == "1"
    app = MeterApp(
        first.poller,
        clock,
        theme=configured.theme or _noted_theme(store),
        show_left=noted_left if configured.show_left is None else configured.show_left,
        ascii_only=configured.ascii,
        open_local=first.open_local,
        others=others,
        all_accounts=store.note("all_accounts") == "1",
        compare=store.note("compare") == "1",
        remember=remember,
        no_color=bool(env.get("NO_COLOR")),
    )
    wish = app.run()
    if wish == "browser":
        remember(ways.CHOSEN_NOTE, wish)
    return wish


# An account that has only been heard of (the extension's, another login's) is shown while its windows can still count.
_HEARD_OF = timedelta(days=7)


def _seats(configured: Settings, env: Mapping[str, str], store: Store, clock: Clock, wanted: str | None) -> list[Seat]:
    """Every account, the one wanted first: Claude Code's folders or a browser session's organizations, those heard of.

    Raises:
        BadUsageError: `wanted` names no account, or several.
    """
    from claude_meter_tui.dashboard.seats import Seat

    profiles = configured.profiles()
    seats: list[Seat] = []
    for uuid in uuids if len(uuids := ways.organizations(configured, store)) > 1 else ():
        found = store.accounts_named(uuid)
        poller = Poller(
            store,
            ways.asked(configured, env, store, uuid),
            clock,
            configured.cadence,
            open_listeners=partial(ways.listened_to, configured, env),
            note=f"account {uuid}",
            account_id=found[0] if found else None,
        )
        seats.append(Seat(poller, partial(_local_side, store, configured)))
    for profile in profiles if not seats else ():
        note = "account" if len(profiles) == 1 else f"account {profile.credential_dirs[0]}"
        poller = Poller(
            store,
            ways.asked(profile, env, store),
            clock,
            profile.cadence,
            open_listeners=partial(ways.listened_to, profile, env),
            note=note,
            # One profile alone has its note; a look into a file of megabytes would hold up the first paint.
            account_id=_named_in(profile, store) if len(profiles) > 1 else None,
            demo=profile.demo,
        )
        seats.append(Seat(poller, partial(_local_side, store, profile)))
    chosen = chosen_account(store, wanted)
    # Where one profile was never read, its poller shows what there is.
    if not configured.demo and (len(seats) > 1 or seats[0].poller.account_id is not None):
        seats += _heard_of(configured, store, clock, {seat.poller.account_id for seat in seats}, chosen)
    seats.sort(key=lambda seat: seat.poller.account_id is None or seat.poller.account_id != chosen)
    return seats


def _named_in(profile: Settings, store: Store) -> int | None:
    """The account Claude Code's folder says it is logged in to, where that has readings: for the first paint."""
    if profile.token is not None or profile.source == "browser" or not profile.claude_config_files:
        return None
    named = claude_config.account_in(claude_config.content(str(profile.claude_config_files[0])))
    who = named and (named["organization_uuid"] or named["email"])
    found = store.accounts_named(who) if who else []
    return found[0] if len(found) == 1 else None


def _heard_of(
    configured: Settings, store: Store, clock: Clock, known: set[int | None], chosen: int | None
) -> list[Seat]:
    from claude_meter_tui.dashboard.seats import Seat

    since = clock.now() - _HEARD_OF
    return [
        Seat(Poller(store, ways.nobody, clock, configured.cadence, note=None, account_id=account_id))
        for account_id, account, observed_at in store.accounts()
        if account_id not in known
        and (account_id == chosen or observed_at > since)
        and (account["email"] or account["organization_uuid"])
    ]


def _local_side(store: Store, configured: Settings) -> LocalSide:
    from claude_meter_tui.beside import LocalSide

    return LocalSide(store, configured.transcript_roots)


def _noted_theme(store: Store) -> str:
    noted = store.note("theme")
    return noted if noted in settings.THEME_NAMES else "dark"


def _start_demo(configured: Settings, stack: ExitStack) -> Settings:
    from claude_meter_tui.commands.demo import write_transcripts_once
    from claude_meter_tui.demo.server import DemoServer

    demo = configured.for_demo(stack.enter_context(DemoServer()).url)
    write_transcripts_once(demo.state_dir / "claude", SystemClock().now())
    return demo
