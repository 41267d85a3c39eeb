"""What nobody foresaw: one plain line for the user, and the whole traceback in a private file of the state folder.

The traceback is without the values of variables, and everything in it that looks like a secret is masked, so that the
file can be attached to a report. It must not know the screen or the store.
"""

from __future__ import annotations

import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_CODE = 1
_FOLDER = "crashes"
_MOST_KEPT = 20
_MASK = "***"
# Tokens and session keys by their form, a header's and a cookie's value by what stands before it.
_SECRETS = (
    r"sk-ant-[\w+/=.~-]+",
    r"(?i)(?<=bearer )[^\s'\",;)]+",
    r"(?i)(?:(?<=sessionkey=)|(?<=lastactiveorg=)|(?<=cf_clearance=))[^\s'\";]+",
)


def masked(text: str, env: Mapping[str, str] = os.environ) -> str:
    """The text without anything that is, or looks like, a secret."""
    token = env.get("CLAUDE_CODE_OAUTH_TOKEN", "").strip()
    if token:
        text = text.replace(token, _MASK)
    for pattern in _SECRETS:
        text = re.sub(pattern, _MASK, text)
    return text


def report(error: BaseException, env: Mapping[str, str] = os.environ) -> str | None:
    """Write the traceback where only the user can read it; gives the file's path, None where it cannot be written."""
    import tempfile
    import traceback
    from datetime import UTC, datetime

    from claude_meter_tui import __version__
    from claude_meter_tui.system import paths

    try:
        folder = os.path.join(paths.state_dir(env), _FOLDER)  # noqa: PTH118
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
        now = datetime.now(UTC)
        python = sys.version.split(maxsplit=1)[0]
        head = f"claude-meter-tui {__version__}, Python {python}, {sys.platform}, {now:%Y-%m-%dT%H:%M:%SZ}\n\n"
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        number, path = tempfile.mkstemp(prefix=f"{now:%Y%m%d-%H%M%S}-", suffix=".txt", dir=folder)  # mode 0600
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as out:
            out.write(masked(head + "".join(lines), env))
        for old in sorted(os.listdir(folder))[:-_MOST_KEPT]:  # noqa: PTH208
            os.remove(os.path.join(folder, old))  # noqa: PTH107, PTH118
    except (OSError, ValueError, RecursionError):
        return None
    return path


def sentence(error: BaseException, path: str | None) -> str:
    """One line for the user: what happened, and where the rest stands."""
    from claude_meter_tui.system import paths

    what = f"Something went wrong that should not have ({type(error).__name__})."
    if path is None:
        return f"{what} Its details could not be written to the state folder."
    return f"{what} The details are in {paths.tilde(path, os.environ)}."


def one_line(error: BaseException) -> str:
    """`sentence` of an error whose report has just been written."""
    return sentence(error, report(error))


def end_on(error: BaseException) -> int:
    """Say it on stderr; gives the process's exit code."""
    print(f"claude-meter-tui: {one_line(error)}", file=sys.stderr)
    return EXIT_CODE


def quietly_in_threads() -> None:
    """An exception that ends a thread goes to a report, not over the screen."""
    import threading

    def hook(given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None:
            report(given.exc_value)

    threading.excepthook = hook
