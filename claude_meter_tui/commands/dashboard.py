"""The dashboard command: opens the store, wires poller and app, and runs the demo's server where the demo is shown."""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
import threading
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from claude_meter_tui.domain.errors import BadUsageError, MeterError
from claude_meter_tui.domain.foreign_text import shown
from claude_meter_tui.output import words
from claude_meter_tui.polling.known_accounts import KnownAccounts
from claude_meter_tui.settings.choices import THEME_NAMES
from claude_meter_tui.settings.watched import WatchedConfig
from claude_meter_tui.sources import available
from claude_meter_tui.store.store import Store
from claude_meter_tui.system import crash, paths
from claude_meter_tui.system.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claude_meter_tui.alerts.rules import Alert
    from claude_meter_tui.alerts.watching import Watching
    from claude_meter_tui.domain.plain_reading import AccountDocument
    from claude_meter_tui.settings.alerting import Alerting
    from claude_meter_tui.settings.held import Held
    from claude_meter_tui.settings.settings import Settings
    from claude_meter_tui.settings.watched import Reread
    from claude_meter_tui.system.clock import Clock


# Seconds to wait for another program's transaction: longer, a key would freeze the screen.
_PATIENCE = 0.2


def run_plainly() -> int:
    """`run` for a command line without any argument, sparing it argparse (10 ms of the start)."""
    try:
        return run(os.environ, demo=False, theme=None, ascii_only=None)
    except MeterError as error:
        print(f"claude-meter-tui: {shown(error.one_line())}", file=sys.stderr)
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
    if not (sys.stderr and sys.stderr.isatty()):  # Textual paints there
        raise BadUsageError(
            "The dashboard paints on stderr, which is not a terminal here.", "Run it without redirecting 2>."
        )
    gc.disable()  # the app turns it on again after its first paint
    watched = WatchedConfig(env, theme=theme, ascii_only=ascii_only, source=source)
    configured, trouble = watched.first()
    while True:
        with ExitStack() as stack:
            if demo:
                configured = _start_demo(configured, stack)
            wish = _show(configured, env, stack, account, watched, trouble)
        if wish == "browser":
            configured = configured._replace(source="browser")
        elif wish == "demo" and not demo:
            demo = True
        else:
            _leave_hanging_threads()
            return 0


class _EndedError(MeterError):
    """The app ended on an exception nobody foresaw, which is written down already."""

    exit_code = crash.EXIT_CODE


def _leave_hanging_threads() -> None:
    """End at once if a thread still hangs in a look-up or waits for files: the user should not wait for it."""
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _show(
    configured: Settings,
    env: Mapping[str, str],
    stack: ExitStack,
    account: str | None,
    watched: WatchedConfig,
    trouble: str,
) -> str | None:
    from claude_meter_tui.dashboard.app import MeterApp

    store = stack.enter_context(Store.open(configured.store_file, patience=_PATIENCE))
    configured = available.chosen(configured, store)
    clock = SystemClock()
    words.use_hours(configured.hours)
    if configured.demo:
        from claude_meter_tui.commands.demo import seed_history

        seed_history(store, clock.now())

    def remember(name: str, value: str) -> None:
        with suppress(sqlite3.Error):  # a preference is not worth a message
            store.put_note(name, value)

    alerting = [configured.alerting]

    def reread() -> Reread | None:
        new = watched.changed()
        if new is not None:
            alerting[0] = new.settings.alerting
        return new

    def watch(tell: Callable[[Alert, AccountDocument], None]) -> Watching:
        from claude_meter_tui.alerts.watching import Watching

        return Watching(store, clock, lambda: alerting[0], tell)

    known = KnownAccounts(configured, env, store, clock)
    first, *others = known.first(account)
    noted_left = store.note("show_left") == "1"
    app = MeterApp(
        first.poller,
        clock,
        theme=configured.theme or _noted_theme(store, configured, env),
        show_left=noted_left if configured.show_left is None else configured.show_left,
        ascii_only=configured.ascii,
        open_local=first.open_local,
        open_analyst=first.open_analyst,
        others=others,
        renewed=known.renewed,
        all_accounts=store.note("all_accounts") == "1",
        compare={"1": True, "0": False}.get(store.note("compare") or ""),
        remember=remember,
        looks=configured.looks,
        reread=reread,
        watch=None if configured.demo else watch,
        tell=lambda alert, account, write: _tell(alert, account, alerting[0], env, clock, write),
        no_color=bool(env.get("NO_COLOR")),
        own_themes=configured.own_themes,
        hint=store.note("hinted") is None and not configured.demo,
        save_picture=partial(_save_picture, configured, env, clock),
        settings_held=partial(_held, env),
        edit_settings=partial(_edit, env),
    )
    if trouble:
        first.poller.say(trouble)
    wish = app.run()
    if app.last_words:
        raise _EndedError(app.last_words)
    if wish == "browser":
        remember(available.CHOSEN_NOTE, wish)
    return wish


def _tell(
    alert: Alert,
    account: AccountDocument,
    wanted: Alerting,
    env: Mapping[str, str],
    clock: Clock,
    write: Callable[[str], None],
) -> tuple[str, list[str]]:
    """The sentence, and what did not work."""
    from claude_meter_tui.alerts import telling, texts

    now = clock.now()
    outcomes = telling.tell(alert, account, now, wanted, env, write)
    return texts.text(alert, now), [outcome.trouble for outcome in outcomes if outcome.trouble]


def _save_picture(configured: Settings, env: Mapping[str, str], clock: Clock, svg: str) -> str:
    """Keep it for its owner only; gives its path in words."""
    folder = os.path.join(str(configured.state_dir), "pictures")  # noqa: PTH118
    os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
    path = os.path.join(folder, f"claude-meter-{clock.now().astimezone():%Y%m%d-%H%M%S}.svg")  # noqa: PTH118
    paths.write_whole(path, svg.encode())
    return shown(paths.tilde(path, env))


def _held(env: Mapping[str, str]) -> list[Held]:
    from claude_meter_tui.settings.held import held  # it validates the file, which costs too much at the start

    return held(env)


def _edit(env: Mapping[str, str]) -> str:
    """What came of it, in a sentence."""
    from claude_meter_tui.commands import config

    try:
        return config.edited(env)
    except MeterError as error:
        return error.one_line()


def _noted_theme(store: Store, configured: Settings, env: Mapping[str, str]) -> str:
    noted = store.note("theme")
    if noted in (*THEME_NAMES, *(own.name for own in configured.own_themes)):
        return str(noted)
    return "terminal" if has_few_colours(env) else "dark"


def has_few_colours(env: Mapping[str, str]) -> bool:
    """Whether the terminal draws 16 colours at the most, as Rich, which draws for us, sees it."""
    if env.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return False
    return env.get("TERM", "").strip().lower().rpartition("-")[2] not in ("256color", "kitty")


def _start_demo(configured: Settings, stack: ExitStack) -> Settings:
    from claude_meter_tui.commands.demo import write_transcripts_once
    from claude_meter_tui.demo.server import DemoServer

    demo = configured.for_demo(stack.enter_context(DemoServer()).url)
    write_transcripts_once(demo.state_dir / "claude", SystemClock().now())
    return demo
