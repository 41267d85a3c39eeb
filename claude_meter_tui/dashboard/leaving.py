"""Leaving at once and in order, whatever hangs: a closed pane, a kill, a look-up that takes half a minute."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LEAVE_SECONDS = 2.0


def without_waiting_for_threads() -> None:
    """A look-up of a name may hang for half a minute in a thread of the running loop; its end must not wait for it."""

    class Unwaited(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
            super().shutdown(wait=False, cancel_futures=True)

    asyncio.get_running_loop().set_default_executor(Unwaited(max_workers=4))


def on_signals(leave: Callable[[], object]) -> None:
    """A closed pane or a kill ends the app as q does: the terminal is restored, the exit code is 0.

    But where the terminal is gone Textual waits for ever to write to it, so it is not given long.
    """

    def leave_soon() -> None:
        deadline = threading.Timer(_LEAVE_SECONDS, os._exit, (0,))
        deadline.daemon = True
        deadline.start()
        leave()

    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP"):
        with contextlib.suppress(NotImplementedError, AttributeError, ValueError, RuntimeError):
            loop.add_signal_handler(getattr(signal, name), leave_soon)
