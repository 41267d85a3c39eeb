"""The entry. `status` and `statusline` answer before anything heavy is imported; everything else goes through `cli`.

Whatever nobody foresaw ends here as one plain line and exit code 1; its traceback, without any value of a variable and
without secrets, stands in a private file (`crash`).
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

# A disk that is full, a quota that is used up, a device that fails.
_NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def entry() -> NoReturn:
    """The installed script: `main`, and the process's end.

    What answers a status bar every few seconds makes no garbage worth looking for, and leaves without taking down every
    module one by one: a sixth of its time.
    """
    import gc

    given = sys.argv[1:2]
    brief = given in (["status"], ["statusline"])
    if brief or not given:
        gc.disable()  # the dashboard turns it on again after its first paint
    code = main()
    if brief:
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the process's exit code (0 done, 2 bad usage, 3 no credential, 4 nothing to show)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal or pipe that cannot show "·" gets "?", not a traceback
            stream.reconfigure(errors="replace")
    try:
        try:
            return _run(list(sys.argv[1:] if arguments is None else arguments))
        finally:  # here, where it can still be said what went wrong
            if sys.stdout is not None:  # None: closed by whoever started us
                sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _write_nowhere()  # the reader has gone
        return 0
    except Exception as error:  # noqa: BLE001 - a traceback on a screen can show a token
        if isinstance(error, OSError) and error.filename is None and error.errno in _NOT_WRITTEN:
            _write_nowhere()
            print(f"claude-meter-tui: The output cannot be written: {os.strerror(error.errno)}.", file=sys.stderr)
            return 1
        from claude_meter_tui.system import crash

        return crash.end_on(error)


def _write_nowhere() -> None:
    """What is still to be printed goes nowhere: Python would complain once more while flushing at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _run(given: list[str]) -> int:
    if given[:1] == ["status"]:
        from claude_meter_tui.commands import status

        style = status.plainly_asked(given[1:])
        if style is not None:
            return status.run(style)
    if given[:1] == ["statusline"]:
        from claude_meter_tui.commands.statusline import command

        wish = command.plainly_asked(given[1:])
        if wish is not None:
            return command.run(os.environ, wish)
    from claude_meter_tui.system import crash

    crash.quietly_in_threads()
    if not given:
        from claude_meter_tui.commands import dashboard

        return dashboard.run_plainly()
    from claude_meter_tui import cli

    return cli.run(given)


if __name__ == "__main__":
    entry()
