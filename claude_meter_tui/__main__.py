"""The entry. `status` and `statusline` answer before anything heavy is imported; everything else goes through `cli`.

Whatever nobody foresaw ends here as one plain line and exit code 1; its traceback, without any value of a variable and
without secrets, stands in a private file (`crash`).
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the process's exit code (0 done, 2 bad usage, 3 no credential, 4 nothing to show)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal or pipe that cannot show "·" gets "?", not a traceback
            stream.reconfigure(errors="replace")
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has gone; Python would complain once more while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - a traceback on a screen can show a token
        from claude_meter_tui.system import crash

        return crash.end_on(error)


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
    sys.exit(main())
