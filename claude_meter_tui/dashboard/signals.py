"""What the process is told from outside: to leave, at once and in order whatever hangs, or to go on after a stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from textual.driver import Driver

_LEAVE_SECONDS = 2.0


def without_waiting_for_threads() -> None:
    """A look-up of a name may hang for half a minute in a thread of the running loop; its end must not wait for it."""

    class Unwaited(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
            super().shutdown(wait=False, cancel_futures=True)

    asyncio.get_running_loop().set_default_executor(Unwaited(max_workers=4))


def on_ending(leave: Callable[[], object]) -> None:
    """A closed pane or a kill ends the app as q does: the terminal is restored, the exit code is 0.

    But where the terminal is gone, or its output is held (ctrl+s), writing to it waits for ever, and the loop with it:
    so the signal is heard outside the loop, and leaving is not given long.
    """
    loop = asyncio.get_running_loop()
    restore = _terminal_as_it_is()

    def end() -> None:
        restore()
        os._exit(0)

    def leave_soon(*_: object) -> None:
        deadline = threading.Timer(_LEAVE_SECONDS, end)
        deadline.daemon = True
        deadline.start()
        loop.call_soon_threadsafe(leave)

    for name in ("SIGTERM", "SIGHUP"):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # not on this system, or not the main thread
            signal.signal(getattr(signal, name), leave_soon)


def on_continuing(driver: Driver | None, paint: Callable[[], object]) -> None:
    """Stopped by `kill -STOP` and continued: the terminal is set up anew once, not twice, and painted.

    Textual takes every continuation for the end of its own ctrl+z. Where it was stopped without that, it would start a
    second thread that reads keys beside the first (some are lost, and leaving waits for ever), and take its own modes
    for those of the shell.

    Args:
        driver: the terminal's.
        paint: paints the whole screen; called on the running loop.
    """
    loop = asyncio.get_running_loop()
    number = getattr(signal, "SIGCONT", None)
    set_up = None if number is None else signal.getsignal(number)
    if driver is None or number is None or not callable(set_up):
        return

    def continued(heard: int, frame: FrameType | None) -> None:
        stopped_by_itself = getattr(driver, "_must_signal_resume", False)
        if getattr(driver, "_auto_restart", False) and not stopped_by_itself:  # no editor has the terminal
            driver.suspend_application_mode()
        set_up(heard, frame)
        loop.call_soon_threadsafe(paint)

    with contextlib.suppress(ValueError, OSError):  # not the main thread
        signal.signal(number, continued)


def _terminal_as_it_is() -> Callable[[], None]:
    """What gives the terminal back its echo and line mode, without waiting for its output.

    To be made before the app changes them; Textual has done so by now, so it is the modes a shell wants.
    """
    try:
        import termios

        number = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
        modes = termios.tcgetattr(number)
    except (ImportError, OSError, ValueError):
        return lambda: None
    except Exception:  # noqa: BLE001 - termios.error is no OSError
        return lambda: None
    modes[0] |= termios.ICRNL | termios.IXON
    modes[3] |= termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN

    def restore() -> None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(number, termios.TCSANOW, modes)

    return restore
