"""All accounts as compact rows: a strip on the main screen, and a screen to pick one from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.binding import Binding
from textual.reactive import reactive
from textual.screen import Screen

from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.view import name_of
from claude_meter_tui.dashboard.widgets.bar import FLAGS, LEVEL_STYLES
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, GrowingText, Line, Lines, Piece, fitted, width_of
from claude_meter_tui.dashboard.widgets.key_bar import KeyBar
from claude_meter_tui.domain import urgency
from claude_meter_tui.output import words
from claude_meter_tui.output.words import short_label

if TYPE_CHECKING:
    from datetime import datetime
    from typing import ClassVar

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.geometry import Size

    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.windows import Window
    from claude_meter_tui.polling.state import MeterState

_QUIET = "$meter-countdown"
_MOST_IN_STRIP = 5
_STRIP_WIDTH, _STRIP_HEIGHT = 140, 14


class AccountStrip(GrowingText):
    """A row for each account, where there are several."""

    def draw(self, view: View, width: int, height: int) -> Lines:  # noqa: ARG002 - it grows
        """The first of them, the one shown marked."""
        return rows(view, width, view.account)[:_MOST_IN_STRIP] if len(view.accounts) > 1 else ()


def strip_height(view: View, size: Size) -> int:
    """How many lines it takes: where the screen is wide anyway, else where it was asked for."""
    if len(view.accounts) < 2 or size.height < _STRIP_HEIGHT or not (size.width >= _STRIP_WIDTH or view.all_accounts):
        return 0
    return min(len(view.accounts), _MOST_IN_STRIP)


class AccountList(DrawnText):
    """The same to pick from: the cursor instead of the mark."""

    cursor: reactive[int] = reactive(0)

    def frame(self, view: View, width: int) -> tuple[str, str]:  # noqa: ARG002 - always the same
        """Its name."""
        return "accounts", ""

    def draw(self, view: View, width: int, height: int) -> Lines:
        """As many as fit around the cursor."""
        first = max(0, self.cursor - height + 1)
        return rows(view, width, self.cursor)[first : first + height]


def rows(view: View, width: int, marked: int) -> Lines:
    """One line an account: whose, its windows (the most pressing first), how old they are."""
    names = [name_of(state, number) for number, state in enumerate(view.accounts)]
    names = [
        f"{name} {_organization(state)}" if names.count(name) > 1 else name
        for name, state in zip(names, view.accounts, strict=True)
    ]
    longest = min(max(map(cell_len, names), default=0), max(12, width // 3))
    return tuple(
        _row(view, state, name, longest, width, marked=number == marked)
        for number, (state, name) in enumerate(zip(view.accounts, names, strict=True))
    )


def _organization(state: MeterState) -> str:
    """The end of its uuid: one person's accounts differ by it."""
    uuid = state.reading.account.organization_uuid if state.reading is not None else None
    return f"…{uuid[-4:]}" if uuid else ""


def _row(view: View, state: MeterState, name: str, longest: int, width: int, *, marked: bool) -> Line:
    whose = (fitted(name, longest), "bold $accent" if marked else "")
    line: Line = (("▸ " if marked else "  ", "bold $accent"), whose)
    reading = state.reading
    if reading is None:
        return (*line, (f"  {state.trouble.sentence if state.trouble else 'no reading yet'}", _QUIET))
    age = f"  {words.age((view.now - reading.observed_at).total_seconds())}"
    now = state.true_now(view.now)
    pressing = sorted(
        (window for window in reading.windows if not urgency.is_over(window.resets_at, now)),
        key=lambda window: urgency.rank(window.utilization, window.resets_at, window.is_active, now),
        reverse=True,
    )
    for window in pressing:
        more = _figure(window, view.looks.level(window.utilization, window.severity), now)
        variants = (
            (more, more[:-1]) if window is pressing[0] else (more,)
        )  # at least the next stop, if without its time
        fits = next((each for each in variants if width_of((*line, *each, (age, ""))) <= width), None)
        if fits is None:
            break
        line = (*line, *fits)
    room = width - width_of(line) - len(age)
    return (*line, (" " * max(0, room), ""), (age, _QUIET))


def _figure(window: Window, level: str, now: datetime) -> tuple[Piece, ...]:
    figure = words.percent(window.utilization).replace(" ", "") + FLAGS[level]
    left = ""
    if window.resets_at is not None:
        left = " " + words.countdown((window.resets_at - now).total_seconds()).replace(" ", "")
    return ((f"  {short_label(window.label)} ", ""), (figure, LEVEL_STYLES[level]), (left, _QUIET))


class AccountsScreen(Surviving, Screen[int]):
    """Picks an account; ends with its number."""

    CSS_PATH = "screens.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Next account"),
        Binding("k,up", "move(-1)", "Previous account"),
        Binding("enter", "pick", "Show it"),
        Binding("escape,a", "leave", "Back"),
    ]

    view: reactive[View | None] = reactive(None, repaint=False)

    def compose(self) -> ComposeResult:
        """The list and the keys."""
        yield AccountList().data_bind(AccountsScreen.view)
        yield KeyBar("accounts").data_bind(AccountsScreen.view)

    def on_mount(self) -> None:
        """The cursor begins at the one shown."""
        if self.view is not None:
            self.query_one(AccountList).cursor = self.view.account

    def action_move(self, step: int) -> None:
        """Move the cursor, stopping at the ends."""
        last = len(self.view.accounts) - 1 if self.view is not None else 0
        found = self.query_one(AccountList)
        found.cursor = max(0, min(last, found.cursor + step))
        found.refresh()

    def action_pick(self) -> None:
        """End with the one under the cursor."""
        self.dismiss(self.query_one(AccountList).cursor)

    def action_leave(self) -> None:
        """End without a choice."""
        self.dismiss(None)
