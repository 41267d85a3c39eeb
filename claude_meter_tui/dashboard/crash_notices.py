"""What nobody foresaw does not end the dashboard: the screen says so in a notice, and the meter goes on.

Textual ends the app on any exception in a handler, and prints its traceback with the values of variables, where a token
may stand. Here an exception is caught where it leaves our code, written to a private file without any value (`crash`),
and named in a notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from claude_meter_tui.system import crash

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App
    from textual.message import Message


class Survivor(Protocol):
    """An app that goes on."""

    def survived(self, error: BaseException) -> None:
        """Say it, once."""
        ...


class Surviving:
    """Mixed into the app, its screens and widgets: an exception in a handler or a timer does not end their messages."""

    app: App[object]

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 - whatever it is, the meter goes on
            tell(self.app, error)


def tell(app: object, error: BaseException) -> None:
    """Let the app say it; one that cannot (a test's, Textual's own) writes only the report."""
    survived: Callable[[BaseException], None] | None = getattr(app, "survived", None)
    if survived is None:
        crash.report(error)
    else:
        survived(error)


class Reports:
    """Writes each kind of exception down once: a timer may meet the same one every second."""

    def __init__(self) -> None:
        self._met: dict[tuple[object, ...], str] = {}
        self.all: list[BaseException] = []
        """Every one that was met first of its kind."""

    def line(self, error: BaseException) -> str | None:
        """What to tell the user; None if that was told before."""
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        kind = (type(error), None if place is None else (place.tb_frame.f_code.co_filename, place.tb_lineno))
        if kind in self._met:
            return None
        self._met[kind] = line = crash.one_line(error)
        self.all.append(error)
        return line
