"""The app: holds the one View, turns keys into requests to the poller, and wakes only when a visible text changes."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from shutil import get_terminal_size
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.reactive import reactive

from claude_meter_tui import crash
from claude_meter_tui.dashboard import leaving
from claude_meter_tui.dashboard.compare_panel import roomy
from claude_meter_tui.dashboard.filling import Filling
from claude_meter_tui.dashboard.main_screen import MainScreen
from claude_meter_tui.dashboard.panel import WindowsPanel
from claude_meter_tui.dashboard.seats import Seat, Seats
from claude_meter_tui.dashboard.survival import Reports, Surviving
from claude_meter_tui.dashboard.themes import THEMES
from claude_meter_tui.dashboard.view import View
from claude_meter_tui.errors import MeterError
from claude_meter_tui.state import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from textual.actions import ActionParseResult
    from textual.binding import BindingType
    from textual.dom import DOMNode
    from textual.screen import Screen
    from textual.timer import Timer
    from textual.worker import Worker

    from claude_meter_tui.beside import LocalSide
    from claude_meter_tui.clock import Clock
    from claude_meter_tui.dashboard.gauge import Gauge
    from claude_meter_tui.poller import Poller

SHOWN_NOTE = "shown"
"""What `remember` is told an account picked here by; it never says whose a login is."""
_FLASH_SECONDS = 4.0
_LONG_HISTORY = 4
# A timer that fires a hair early would see the old text once more.
_TICK_MARGIN = 0.03
_SLOWEST_TICK = 60.0


class MeterApp(Surviving, App[str]):
    """The dashboard. Exits with `demo` when the user asked for the demo on the setup screen.

    Args:
        poller: makes the state; its `publish` is taken over.
        clock: the local time.
        theme: the theme to begin with.
        show_left: whether figures show what is left instead of what is used.
        ascii_only: whether to draw in ASCII.
        open_local: makes the local side of the comparison, after the first paint; None: there is none.
        others: the other accounts there are.
        renewed: the accounts there are by now, given those there were.
        all_accounts: whether to show them all as rows.
        compare: whether to begin with the comparison open.
        remember: keeps a preference (name, value) for the next run.
        no_color: draw without any colour.
    """

    CSS_PATH = "meter.tcss"
    TITLE = "claude-meter"
    ALLOW_SELECT = False
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-tiny"),
        (60, "-narrow"),
        (100, "-wide"),
        (140, "-huge"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-flat"),
        (14, "-low"),
        (22, "-high"),
        (30, "-tall"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "select(1)", "Next window", id="next"),
        Binding("k,up", "select(-1)", "Previous window", id="previous"),
        Binding("home,g", "select(-1000)", "First window", id="first"),
        Binding("end,G", "select(1000)", "Last window", id="last"),
        Binding("tab", "select_around(1)", "Next window, around", id="around", priority=True),
        Binding("shift+tab", "select_around(-1)", "Previous window, around", id="around_back", priority=True),
        Binding("enter", "detail", "Detail", id="detail"),
        Binding("escape", "back", "Back", id="back"),
        Binding("c", "compare", "Compare with local tokens", id="compare"),
        Binding("a", "accounts", "Accounts", id="accounts"),
        Binding("A", "all_accounts", "All accounts as rows", id="all_accounts"),
        Binding("r", "read", "Read now", id="read"),
        Binding("p", "pause", "Pause or resume asking", id="pause"),
        Binding("t", "next_theme", "Next theme", id="theme"),
        Binding("h", "history", "Longer or shorter history", id="history"),
        Binding("percent_sign", "used_or_left", "Used or left", id="used_or_left"),
        Binding("d", "demo", "Demo", id="demo"),
        Binding("b", "browser", "Browser session", id="browser"),
        Binding("question_mark", "help", "Help", id="help"),
        Binding("q", "quit", "Quit", id="quit"),
        Binding("ctrl+c", "quit", "Quit", id="interrupt", priority=True, show=False),
    ]

    view: reactive[View | None] = reactive(None, repaint=False)

    def __init__(
        self,
        poller: Poller,
        clock: Clock,
        *,
        theme: str = "dark",
        show_left: bool = False,
        ascii_only: bool = False,
        open_local: Callable[[], LocalSide] | None = None,
        others: Sequence[Seat] = (),
        renewed: Callable[[Sequence[Seat]], Sequence[Seat]] = tuple,
        all_accounts: bool = False,
        compare: bool = False,
        remember: Callable[[str, str], None] = lambda _name, _value: None,
        no_color: bool = False,
    ) -> None:
        # Without colour, Textual's grey filter would still send colours; its ANSI filter sends none.
        super().__init__(ansi_color=True if no_color else None)
        self._seats = Seats((Seat(poller, open_local), *others), self._show_state, self.survived, renewed)
        self._filling = Filling(self._seats, clock, self._fill)
        self._clock = clock
        self._remember = remember
        self._timer: Timer | None = None
        self._flash_timer: Timer | None = None
        self._reading: Worker[None] | None = None
        self.reports = Reports()
        """What nobody foresaw, and how often it is told."""
        self.last_words = ""
        """What to say on the terminal once the app has ended on an exception."""
        for known in THEMES:
            self.register_theme(known)
        self._begin_with("terminal" if no_color else theme)
        first = View(state=poller.state, now=clock.now(), show_left=show_left, ascii=ascii_only, compare=compare)
        first = replace(first, accounts=self._seats.states, all_accounts=all_accounts)
        self.set_reactive(MeterApp.view, first)

    def _begin_with(self, theme: str) -> None:
        """Set the first theme. Not by assignment: that parses every style once more before the first paint."""
        chosen = next(known for known in THEMES if known.name == theme)
        if chosen.ansi:
            self.theme = theme  # its colours need another output filter, which only an assignment makes
            return
        self.set_reactive(App.theme, theme)
        self.stylesheet.set_variables(self.get_css_variables())
        self.update_classes({"-dark-mode": chosen.dark, "-light-mode": not chosen.dark}, update=False)

    # --- what nobody foresaw ---------------------------------------------------------------------------------------

    def survived(self, error: BaseException) -> None:
        """Say it in a notice, once, and go on."""
        line = self.reports.line(error)
        if line is not None:
            self._seats.poller.say(line)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """A key's action; one that fails says so and changes nothing else."""
        try:
            return await super().run_action(action, default_namespace, namespaces)
        except Exception as error:  # noqa: BLE001 - a key must not end the meter
            self.survived(error)
            return True

    def _handle_exception(self, error: Exception) -> None:
        """End on what cannot be survived, without Textual's traceback: it prints the values of variables."""
        self._return_code = crash.EXIT_CODE
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self.last_words = self.last_words or crash.one_line(error)
        self._close_messages_no_wait()

    # --- running ---------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        """The main screen, drawn from the stored reading before anything else is done."""
        screen = MainScreen(id="_default", classes=f"{self._first_classes()} {self._glyph_class()}".strip())
        screen.set_reactive(MainScreen.view, self.view)
        return screen

    def _first_classes(self) -> str:
        """The breakpoint classes of the terminal as it is, so that the first resize need not style all anew."""
        width, height = get_terminal_size()
        wide = next(name for least, name in reversed(self.HORIZONTAL_BREAKPOINTS) if width >= least)
        high = next(name for least, name in reversed(self.VERTICAL_BREAKPOINTS) if height >= least)
        return f"{wide} {high}"

    def _glyph_class(self) -> str:
        return "-ascii" if self.view is not None and self.view.ascii else ""

    def on_mount(self) -> None:
        """Paint first; then ask, look into the history, and keep time."""
        asyncio.get_running_loop().set_exception_handler(self._survived_in_loop)
        leaving.on_signals(self.exit)
        leaving.without_waiting_for_threads()
        self.call_after_refresh(self._painted)

    def _survived_in_loop(self, _: object, context: dict[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            self.survived(error)

    def _painted(self) -> None:
        # All that was made so far stays for good: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.enable()
        self._timer = self.set_timer(_SLOWEST_TICK, self._tick)
        self._filling.follow()
        self._fill()
        self._tick()
        self.run_worker(self._seats.run(), name="poller", exit_on_error=False)

    def on_unmount(self) -> None:
        """Follow no more."""
        self._filling.stop()

    def _show_state(self) -> None:
        if self.view is not None:
            states, at = self._seats.states, self._seats.at
            self.view = replace(self.view, state=states[at], accounts=states, account=at, now=self._clock.now())
            if self._timer is not None:
                self._filling.follow()

    def watch_view(self, view: View | None) -> None:
        """Hand it to every screen, and see that history and timer fit it."""
        if view is None or not self.is_running:
            return
        filled = self._filled(view)
        if filled is not view:
            self.view = filled
            return
        for screen in self.screen_stack:
            if hasattr(screen, "view"):
                screen.view = view
        self._keep_time(view)

    def _filled(self, view: View) -> View:
        """The view with what is to be read for it; nothing before the first paint."""
        if self._timer is None:
            return view
        filled = self._filling.with_points(view)
        return self._filling.with_beside(filled) if view.compare or len(self.screen_stack) > 1 else filled

    def _fill(self) -> None:
        if self.view is not None and self.is_running:
            self.view = self._filled(self.view)

    def _tick(self) -> None:
        try:
            if self.view is not None:
                self.view = replace(self.view, now=self._clock.now())
        except Exception as error:  # noqa: BLE001 - the next tick comes all the same
            self.survived(error)
        if self.view is not None:
            self._keep_time(self.view)

    def _keep_time(self, view: View) -> None:
        """One timer, for the moment the next text changes."""
        if self._timer is None:
            return
        self._timer.stop()
        try:
            wait = view.changes_in()
        except Exception as error:  # noqa: BLE001 - the clock goes on
            self.survived(error)
            wait = _SLOWEST_TICK
        self._timer = self.set_timer(min(_SLOWEST_TICK, wait) + _TICK_MARGIN, self._tick)

    # --- actions ---------------------------------------------------------------------------------------------------

    def action_select(self, step: int) -> None:
        """Move the selection, stopping at the ends."""
        self._move(step, around=False)

    def action_select_around(self, step: int) -> None:
        """Move the selection, around the ends."""
        self._move(step, around=True)

    def _move(self, step: int, *, around: bool) -> None:
        view = self.view
        chosen = view.chosen if view else None
        if view is None or chosen is None:
            return
        keys = self._order(view)
        at = keys.index(chosen.key) + step
        at = at % len(keys) if around else max(0, min(len(keys) - 1, at))
        self.view = replace(view, selected=keys[at])

    def _order(self, view: View) -> list[str]:
        """The windows in the order they stand on the screen."""
        usual = [window.key for window in view.windows]
        for panel in self.screen_stack[0].query(WindowsPanel):
            shown = panel.shown_keys(view)
            return usual if shown == usual else [window.key for window in view.pressing]
        return usual

    def on_gauge_picked(self, picked: Gauge.Picked) -> None:
        """A click on a gauge: select it; twice, or on the selected one, its detail."""
        view = self.view
        if view is None:
            return
        again = view.selected == picked.key
        self.view = replace(view, selected=picked.key)
        if picked.opened or again:
            self.action_detail()

    def action_detail(self) -> None:
        """Open the selected window's detail."""
        from claude_meter_tui.dashboard.detail_screen import DetailScreen

        if self.view is None or self.view.chosen is None or isinstance(self.screen, DetailScreen):
            return
        screen = DetailScreen(classes=self._glyph_class() or None)
        screen.set_reactive(DetailScreen.view, self.view)
        self.push_screen(screen)
        self._fill()

    def action_compare(self) -> None:
        """Show or hide the local side, remembered; where the main screen has no room for it, a screen of its own."""
        from claude_meter_tui.dashboard.compare_screen import CompareScreen

        if self.view is None or self.view.phase is Phase.SETUP:
            return
        if isinstance(self.screen, CompareScreen):
            self._set_compare(to=False)
            self.pop_screen()
        elif len(self.screen_stack) > 1 or not roomy(self.size):
            self._set_compare(to=True)
            screen = CompareScreen(classes=self._glyph_class() or None)
            screen.set_reactive(CompareScreen.view, self.view)
            self.push_screen(screen)
            self._fill()
        else:
            self._set_compare(to=not self.view.compare)

    def _set_compare(self, *, to: bool) -> None:
        if self.view is not None:
            self.view = replace(self.view, compare=to)
            self._remember("compare", str(int(to)))

    def action_accounts(self) -> None:
        """Pick the account to show, where there are several."""
        from claude_meter_tui.dashboard.accounts import AccountsScreen

        if self.view is None or len(self.view.accounts) < 2:
            self._flash("There is one account.")
            return
        screen = AccountsScreen(classes=self._glyph_class() or None)
        screen.set_reactive(AccountsScreen.view, self.view)
        self.push_screen(screen, self._show_account)

    def _show_account(self, number: int | None) -> None:
        if number is None or number == self._seats.at or self.view is None or number >= len(self._seats.states):
            return  # the last may be gone since the list was drawn
        self._seats.at = number
        account_id = self._seats.poller.account_id
        if account_id is not None:
            self._remember(SHOWN_NOTE, str(account_id))
        self.view = replace(
            self.view, state=self._seats.poller.state, account=number, selected=None, points=(), beside=None
        )
        self._filling.follow()

    def action_all_accounts(self) -> None:
        """Show or hide all accounts as rows on the main screen; remembered."""
        if self.view is not None:
            self.view = replace(self.view, all_accounts=not self.view.all_accounts)
            self._remember("all_accounts", str(int(self.view.all_accounts)))

    def action_help(self) -> None:
        """Open the help."""
        from claude_meter_tui.dashboard.help_screen import HelpScreen

        comparing = self.view is not None and (self.view.compare or self.view.beside is not None)
        self.push_screen(HelpScreen(ascii_only=bool(self._glyph_class()), comparing=comparing))

    async def action_read(self) -> None:
        """Ask now, in a worker; if that is not allowed, say when it will be."""
        if self._reading is not None and self._reading.is_running:
            self._flash("It is being asked already.")
            return
        self._reading = self.run_worker(self._read(), name="read", exit_on_error=False)

    async def _read(self) -> None:
        try:
            await self._seats.poller.ask(by_key=True)
        except MeterError as error:
            self._flash(error.sentence)
        except Exception as error:  # noqa: BLE001 - a key must not end the meter
            self.survived(error)

    def action_pause(self) -> None:
        """Pause or resume asking."""
        self._seats.poller.pause()
        self._flash("Paused: nothing is asked until p." if self._seats.poller.state.paused else "Asking again.")

    def action_next_theme(self) -> None:
        """The next of the themes, remembered."""
        names = [known.name for known in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self._remember("theme", self.theme)
        self._flash(f"Theme: {self.theme}")

    def action_used_or_left(self) -> None:
        """Show what is left, or what is used; remembered."""
        if self.view is not None:
            self.view = replace(self.view, show_left=not self.view.show_left)
            self._remember("show_left", str(int(self.view.show_left)))

    def action_history(self) -> None:
        """Chart one span of the window, or several."""
        if self.view is not None:
            self.view = replace(self.view, spans=1 if self.view.spans > 1 else _LONG_HISTORY)

    def action_demo(self) -> None:
        """From the setup screen: the simulated account instead."""
        if self.view is not None and self.view.phase is Phase.SETUP:
            self.exit("demo")

    def action_browser(self) -> None:
        """From the setup screen: ask with the claude.ai session of a browser on this machine from now on."""
        if self.view is not None and self.view.phase is Phase.SETUP:
            self.exit("browser")

    def _flash(self, text: str) -> None:
        """Show a short answer to a key, for a moment."""
        if self.view is None:
            return
        self.view = replace(self.view, flash=text)
        if self._flash_timer is not None:
            self._flash_timer.stop()
        self._flash_timer = self.set_timer(_FLASH_SECONDS, self._unflash)

    def _unflash(self) -> None:
        if self.view is not None:
            self.view = replace(self.view, flash="")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual's hook
        """Every action, for ctrl+p."""
        yield SystemCommand("Read now", "Ask the server, if it is allowed", self.action_read)
        yield SystemCommand("Detail", "The selected window in full", self.action_detail)
        yield SystemCommand("Next window", "Select the next window", lambda: self.action_select(1))
        yield SystemCommand("Previous window", "Select the previous window", lambda: self.action_select(-1))
        yield SystemCommand("Used or left", "Show what is used or what is left", self.action_used_or_left)
        yield SystemCommand("Compare", "The local token sum beside the server's window", self.action_compare)
        yield SystemCommand("History", "Chart one span or four", self.action_history)
        yield SystemCommand("Accounts", "Pick the account to show", self.action_accounts)
        yield SystemCommand("All accounts", "All accounts as rows on the main screen", self.action_all_accounts)
        yield SystemCommand("Pause", "Pause or resume asking", self.action_pause)
        for known in THEMES:
            yield SystemCommand(f"Theme: {known.name}", "Colours", lambda name=known.name: self._choose_theme(name))
        yield SystemCommand("Help", "What the signs mean, and the keys", self.action_help)
        yield SystemCommand("Quit", "Leave the dashboard", self.action_quit)

    def _choose_theme(self, name: str) -> None:
        self.theme = name
        self._remember("theme", name)
