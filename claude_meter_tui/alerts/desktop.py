"""A notification of the desktop, by the library `desktop-notifier`, in a process of its own: it brings its own bus.

The library is an extra (`pip install 'claude-meter-tui[desktop]'`): many a pane with a meter has no desktop around it.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys

from claude_meter_tui.alerts.texts import TITLE

_SECONDS = 10.0
# A desktop may take a text for markup; a window's name comes from outside.
_NO_MARKUP = str.maketrans({"<": "‹", ">": "›", "&": "＆"})
_PROGRAM = "import sys; sys.path[:] = {!r}; from claude_meter_tui.alerts import desktop; desktop.answer()"


def notify(text: str) -> str:
    """Show it; gives why that did not work, in a sentence, empty where it did. Takes up to ten seconds."""
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", _PROGRAM.format(sys.path)],
            input=json.dumps({"text": text.translate(_NO_MARKUP)}),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "No notification service of the desktop answers."
    return "" if done.returncode == 0 else (done.stdout.strip() or "No notification service of the desktop answers.")


def answer() -> None:
    """The process's end: the text as JSON on standard input, what is wrong on standard output."""
    import asyncio
    import os

    text = json.load(sys.stdin)["text"]
    try:
        from desktop_notifier import DesktopNotifier
    except ImportError:
        print("Desktop notifications need `pip install 'claude-meter-tui[desktop]'`.")
        sys.exit(1)
    heard = _Heard()  # the library raises nothing, it only writes down that it did not work
    logging.getLogger("desktop_notifier").addHandler(heard)
    logging.getLogger("desktop_notifier").propagate = False
    if sys.platform == "linux" and not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        print("There is no desktop session here to notify.")
        sys.exit(1)
    try:
        asyncio.run(DesktopNotifier(app_name=TITLE).send(title=TITLE, message=text))
    except Exception:  # noqa: BLE001 - whatever a bus answers
        heard.failed = True
    if heard.failed:
        print("No notification service of the desktop answers.")
        sys.exit(1)


class _Heard(logging.Handler):
    """Whether the library has complained."""

    failed = False

    def emit(self, record: logging.LogRecord) -> None:
        self.failed = self.failed or record.levelno >= logging.WARNING
