"""The command line: parses, calls one command, turns a `MeterError` into one line and an exit code.

argparse, measured: importing click takes 26-32 ms, as long as all of `status`; argparse 2 ms, building the parser 7.
It must not import a command before that command is asked for.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from typing import TYPE_CHECKING, NoReturn

from claude_meter_tui import __version__
from claude_meter_tui.domain.errors import BadUsageError, MeterError, StoreError
from claude_meter_tui.domain.foreign_text import shown
from claude_meter_tui.output import formats
from claude_meter_tui.settings.choices import ASKING_SOURCES, THEME_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ABOUT = "Which of your Claude plan's rate-limit windows stops you next, and when does it clear?"
_AFTER = """\
environment: CLAUDE_CONFIG_DIR, CLAUDE_CODE_OAUTH_TOKEN, CLAUDE_METER_STATE_DIR, CLAUDE_METER_CONFIG,
             CLAUDE_METER_API_URL, CLAUDE_METER_WEB_URL, HTTPS_PROXY, NO_COLOR
exit codes:  0 done, 2 bad usage, 3 no usable credential, 4 could not read and nothing stored
"""
_WHOSE = "whose: an email or an organization's uuid, or the beginning of it (default: the account shown last)"


def run(arguments: Sequence[str]) -> int:
    """Parse and run; gives the exit code."""
    try:
        parsed = _parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = parsed.command
        try:
            return command(parsed)
        except sqlite3.Error as error:
            _mend_store(error)
            return command(parsed)
    except sqlite3.Error as error:
        print(f"claude-meter-tui: The store cannot be used just now ({error}). Try again.", file=sys.stderr)
        return StoreError.exit_code
    except MeterError as error:
        print(f"claude-meter-tui: {shown(error.one_line())}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _mend_store(error: sqlite3.Error) -> None:
    """Set a damaged store aside and begin a new one with what can be read of it, so that the command can be run again.

    Raises:
        sqlite3.Error: it is not damaged: the same error again.
        StoreError: a new one cannot be begun.
    """
    from claude_meter_tui.store.database_file import is_broken
    from claude_meter_tui.store.store import Store
    from claude_meter_tui.system import paths

    if not is_broken(error):
        raise error
    with Store.open(paths.store_file(paths.state_dir(os.environ))) as store:
        if store.set_aside is None:
            store.begin_anew()
        print(f"claude-meter-tui: {store.notice()}", file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every command does; argparse would print the usage before it."""

    def error(self, message: str) -> NoReturn:
        sentence = " ".join(message.split())  # what was given may hold line breaks
        raise BadUsageError(f"{sentence[:1].upper()}{sentence[1:]}.", f"See `{self.prog} --help`.")


def _parser() -> _Parser:
    parser = _Parser(
        prog="claude-meter-tui",
        description=f"{_ABOUT} Without a command: the dashboard.",
        epilog=_AFTER,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_dashboard)
    parser.add_argument("--version", action="version", version=f"claude-meter-tui {__version__}")
    parser.add_argument("--demo", action="store_true", help="a simulated account: no credential, no network")
    parser.add_argument(
        "--theme",
        metavar="NAME",
        help=f"colours: {', '.join(THEME_NAMES)}, or yours",
    )
    parser.add_argument("--ascii", action="store_true", help="only ASCII on the screen")
    parser.add_argument("--account", metavar="WHO", help=_WHOSE)
    parser.add_argument(
        "--source", choices=ASKING_SOURCES, help="whom to ask: Claude Code's login or a browser's session"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    once = _add(commands, "once", _once, "take one reading, store it, print it")
    once.add_argument("--json", action="store_true", help="as JSON (README, Scripts)")
    once.add_argument("--source", choices=ASKING_SOURCES, help="the way in (default: the one chosen, else oauth)")

    status = _add(commands, "status", _status, "the newest stored reading, for a status bar; no network")
    status.add_argument("-f", "--format", choices=tuple(formats.STYLES), default="plain", help="(default: plain)")

    local = _add(commands, "local", _local, "token sums from Claude Code's transcripts on this machine; no network")
    local.add_argument("--since", metavar="T", help="count from this time on (ISO-8601)")
    local.add_argument("--until", metavar="T", help="count up to, not including, this time")
    local.add_argument("--at", metavar="T", help="as it was known then: nothing written from then on")
    local.add_argument("--by", choices=("total", "model", "day", "session", "project"), default="total")
    local.add_argument("--timezone", default="UTC", metavar="ZONE", help="whose days, and times without offset (UTC)")
    local.add_argument("--json", action="store_true", help="as JSON (README, Scripts)")

    compare = _add(commands, "compare", _compare, "per window: the server's percentage beside the local token sum")
    compare.add_argument("--at", metavar="T", help="as it was known then (default: now)")
    compare.add_argument("--json", action="store_true", help="as JSON (README, Scripts)")
    forecast = _add(commands, "forecast", _forecast, "per window: when it fills, and how sure that is")
    forecast.add_argument("--at", metavar="T", help="as it was known then (default: now)")
    forecast.add_argument("--json", action="store_true", help="as JSON (README, Scripts)")

    for command in (status, compare, forecast):
        command.add_argument("--account", metavar="WHO", default=argparse.SUPPRESS, help=_WHOSE)

    history = _add(commands, "history", _history, "stored readings")
    history.add_argument("--window", metavar="KEY", help="only this window, for example five_hour")
    history.add_argument("--account", metavar="WHO", default=argparse.SUPPRESS, help="only this account's")
    history.add_argument("--since", metavar="T", help="from this time on (ISO-8601; a time without offset is local)")
    history.add_argument("--format", choices=("table", "csv", "json"), default="table", help="(default: table)")
    actions = history.add_subparsers(title="actions", metavar="ACTION")
    exported = _add(actions, "export", _history_export, "write every reading, with all that is known of it, to a file")
    exported.add_argument("file", metavar="FILE", nargs="?", default="-", help="(default: -, standard output)")
    imported = _add(
        actions,
        "import",
        _history_import,
        "add readings from a backup, a CSV of ours, or another tool's",
    )
    imported.add_argument("file", metavar="FILE", help="the file, or - for standard input")
    imported.add_argument(
        "--account", metavar="WHO", default=argparse.SUPPRESS, help="whose they are, where the file does not say"
    )
    unit = imported.add_mutually_exclusive_group()
    unit.add_argument(
        "--fractions", action="store_true", default=None, help="figures are fractions of 1 (default: as the file says)"
    )
    unit.add_argument("--percent", dest="fractions", action="store_false", help="figures are percent")

    line = _add(
        commands, "statusline", _statusline, "Claude Code's status line: keeps the limits it pipes in, prints one line"
    )
    line.add_argument("--then", metavar="CMD", help="also feed this command, and print what it prints first")
    line.add_argument("--quiet", action="store_true", help="print nothing of our own")
    line.add_argument("--no-color", action="store_true", help="without ANSI colours")
    line.add_argument("--width", type=int, metavar="N", help="cells there are (default: COLUMNS, or the terminal's)")
    line.add_argument("--windows", metavar="KEY,KEY", default="", help="only these windows, in this order")
    which = line.add_mutually_exclusive_group()
    which.add_argument("--install", action="store_true", help="make it Claude Code's status line; wraps one there is")
    which.add_argument("--uninstall", action="store_true", help="take it out again; puts back what was wrapped")
    line.add_argument("--dry-run", action="store_true", help="with --install or --uninstall: only show the change")

    bridge = _add(commands, "bridge", _bridge, "take what claude-meter's browser extension sends, on loopback")
    bridge.add_argument("--port", type=_port, metavar="N", help="(default: 63762, where the extension posts to)")

    config = _add(commands, "config", _config, "the TOML file: what holds and whence, where it is, is it right")
    config.add_argument(
        "what",
        nargs="?",
        choices=("show", "path", "check", "edit", "keys", "schema"),
        default="show",
        help="(default: show)",
    )

    alerts = _add(commands, "alerts", _alerts, "what is told of the windows, and how; `alerts test` tries it")
    alert_actions = alerts.add_subparsers(title="actions", metavar="ACTION")
    _add(alert_actions, "test", _alerts_test, "tell something by every way that is set up")

    doctor = _add(commands, "doctor", _doctor, "what was found, what works, what to do; asks the network at most once")
    doctor.add_argument("--json", action="store_true", help="as JSON")

    demo = _add(commands, "demo", _demo_help, "the simulated account")
    demo_actions = demo.add_subparsers(title="actions", metavar="ACTION")
    serve = _add(demo_actions, "serve", _demo_serve, "serve the simulated account over HTTP on loopback")
    serve.add_argument("--port", type=_port, default=0, help="(default: any free one)")
    serve.add_argument("--scenario", default="max", metavar="NAME", help="what to answer; `list` shows them")
    serve.add_argument("--transcripts", metavar="DIR", help="also write a believable transcript tree there")
    demo.set_defaults(help_of=demo)
    return parser


def _add(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    command: Callable[[argparse.Namespace], int],
    text: str,
) -> _Parser:
    added: _Parser = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    added.set_defaults(command=command)
    return added


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is from 0 to 65535")
    return number


def _dashboard(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import dashboard

    return dashboard.run(
        os.environ,
        demo=parsed.demo,
        theme=parsed.theme,
        ascii_only=parsed.ascii or None,
        source=parsed.source,
        account=parsed.account,
    )


def _once(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import once

    return once.run(os.environ, as_json=parsed.json, source=parsed.source)


def _status(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import status

    return status.run(parsed.format, parsed.account)


def _local(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import local

    return local.run(
        os.environ,
        since=parsed.since,
        until=parsed.until,
        at=parsed.at,
        by=parsed.by,
        timezone=parsed.timezone,
        as_json=parsed.json,
    )


def _forecast(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import forecast

    return forecast.run(os.environ, at=parsed.at, as_json=parsed.json, account=parsed.account)


def _compare(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import compare

    return compare.run(os.environ, at=parsed.at, as_json=parsed.json, account=parsed.account)


def _history(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import history

    return history.show(
        os.environ, window=parsed.window, since=parsed.since, style=parsed.format, account=parsed.account
    )


def _history_import(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import history

    return history.take_in(os.environ, parsed.file, fractions=parsed.fractions, account=parsed.account)


def _history_export(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import history

    return history.export(os.environ, parsed.file)


def _statusline(parsed: argparse.Namespace) -> int:
    if parsed.install or parsed.uninstall:
        from claude_meter_tui.commands.statusline import install

        return install.run(os.environ, install=parsed.install, dry_run=parsed.dry_run)
    from claude_meter_tui.commands.statusline import command

    keys = tuple(key.strip() for key in parsed.windows.split(",") if key.strip())
    wish = command.Wish(
        then=parsed.then, quiet=parsed.quiet, color=not parsed.no_color, width=parsed.width, windows=keys
    )
    return command.run(os.environ, wish)


def _bridge(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import bridge

    return bridge.run(os.environ, port=parsed.port)


def _config(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import config

    doing = {
        "show": config.show,
        "path": config.path,
        "check": config.check,
        "edit": config.edit,
        "keys": config.keys,
        "schema": config.schema,
    }
    return doing[parsed.what](os.environ)


def _alerts(_: argparse.Namespace) -> int:
    from claude_meter_tui.commands import alerts

    return alerts.show(os.environ)


def _alerts_test(_: argparse.Namespace) -> int:
    from claude_meter_tui.commands import alerts

    return alerts.test(os.environ)


def _doctor(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import doctor

    return doctor.run(os.environ, as_json=parsed.json)


def _demo_help(parsed: argparse.Namespace) -> int:
    parsed.help_of.print_help()
    return 0


def _demo_serve(parsed: argparse.Namespace) -> int:
    from claude_meter_tui.commands import demo

    return demo.serve(parsed.port, parsed.scenario, parsed.transcripts)
