"""The app: holds the one View, and wakes only when a visible text changes. What its keys do stands in `actions`."""

from __future__ import annotations

import asyncio
import gc
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from textual.app import App

from claude_meter_tui.dashboard import signals
from claude_meter_tui.dashboard.crash_notices import Reports
from claude_meter_tui.dashboard.keys.actions import Actions
from claude_meter_tui.dashboard.keys.bindings import keymap
from claude_meter_tui.dashboard.screens.main import MainScreen
from claude_meter_tui.dashboard.themes import THEMES, own_theme
from claude_meter_tui.dashboard.view import View
from claude_meter_tui.dashboard.view_loader import ViewLoader
from claude_meter_tui.output import words
from claude_meter_tui.polling.accounts import PolledAccount, PolledAccounts
from claude_meter_tui.settings.looks import Looks
from claude_meter_tui.system import crash, memory
from claude_meter_tui.system.clock import follow_time_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from textual.actions import ActionParseResult
    from textual.dom import DOMNode
    from textual.screen import Screen
    from textual.timer import Timer
    from textual.worker import Worker

    from claude_meter_tui.alerts.rules import Alert
    from claude_meter_tui.alerts.watching import Watching
    from claude_meter_tui.analysis.background import Analyst
    from claude_meter_tui.analysis.local_side import LocalSide
    from claude_meter_tui.domain.plain_reading import AccountDocument
    from claude_meter_tui.polling.poller import Poller
    from claude_meter_tui.polling.state import MeterState
    from claude_meter_tui.settings.held import Held
    from claude_meter_tui.settings.own_themes import OwnTheme
    from claude_meter_tui.settings.watched import Reread
    from claude_meter_tui.system.clock import Clock

# A timer that fires a hair early would see the old text once more.
_TICK_MARGIN = 0.03
_SLOWEST_TICK = 60.0
_LOOK_AT_SETTINGS = 2.0


class MeterApp(Actions):
    """The dashboard. Exits with `demo` when the user asked for the demo on the setup screen.

    Args:
        poller: makes the state; its `publish` is taken over.
        clock: the local time.
        theme: the theme to begin with.
        show_left: whether figures show what is left instead of what is used.
        ascii_only: whether to draw in ASCII.
        open_local: makes the local side of the comparison, after the first paint; None: there is none.
        open_analyst: makes who analyses the account in the background; None: nobody does.
        others: the other accounts there are.
        renewed: the accounts there are by now, given those there were.
        all_accounts: whether to show them all as rows.
        compare: whether the comparison is open; None: where there is room for it.
        remember: keeps a preference (name, value) for the next run.
        looks: how the user wants the windows shown.
        reread: what holds since the settings' file changed; None while it has not.
        no_color: draw without any colour.
        own_themes: the user's, beside ours.
        hint: whether to say once what the keys are for.
        watch: makes what watches for something to tell, given what to do with it, after the first paint.
        tell: tells it, given what writes to the terminal: the sentence, and what did not work. It takes its time.
        save_picture, settings_held, edit_settings: see `ViewActions`.
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

    def __init__(
        self,
        poller: Poller,
        clock: Clock,
        *,
        theme: str = "dark",
        show_left: bool = False,
        ascii_only: bool = False,
        open_local: Callable[[], LocalSide] | None = None,
        open_analyst: Callable[[], Analyst] | None = None,
        others: Sequence[PolledAccount] = (),
        renewed: Callable[[Sequence[PolledAccount]], Sequence[PolledAccount]] = tuple,
        all_accounts: bool = False,
        compare: bool | None = None,
        remember: Callable[[str, str], None] = lambda _name, _value: None,
        looks: Looks = Looks(),  # noqa: B008 - a NamedTuple
        reread: Callable[[], Reread | None] = lambda: None,
        no_color: bool = False,
        own_themes: Sequence[OwnTheme] = (),
        hint: bool = False,
        watch: Callable[[Callable[[Alert, AccountDocument], None]], Watching] | None = None,
        tell: Callable[[Alert, AccountDocument, Callable[[str], None]], tuple[str, list[str]]] | None = None,
        save_picture: Callable[[str], str] | None = None,
        settings_held: Callable[[], list[Held]] | None = None,
        edit_settings: Callable[[], str] | None = None,
    ) -> None:
        # Without colour, Textual's grey filter would still send colours; its ANSI filter sends none.
        super().__init__(ansi_color=True if no_color else None)
        self._accounts = PolledAccounts(
            (PolledAccount(poller, open_local, open_analyst), *others),
            self._show_state,
            self.survived,
            renewed,
            self._look_for_alerts,
        )
        self._watch, self._tell_by = watch, tell
        self._watching: Watching | None = None
        self._troubles_told: set[str] = set()
        self._loader = ViewLoader(self._accounts, clock, self._fill)
        self._clock = clock
        self._remember, self._reread = remember, reread
        self.save_picture, self.settings_held, self.edit_settings = save_picture, settings_held, edit_settings
        self._timer: Timer | None = None
        self._flash_timer: Timer | None = None
        self._reading: Worker[None] | None = None
        self.reports = Reports()
        """What nobody foresaw, and how often it is told."""
        self.last_words = ""
        """What to say on the terminal once the app has ended on an exception."""
        self.theme_names: list[str] = []
        self._take_themes(own_themes)
        self._begin_with("terminal" if no_color else theme)
        first = View(
            state=poller.state,
            now=clock.now(),
            show_left=show_left,
            looks=looks,
            ascii=ascii_only,
            accounts=self._accounts.states,
            all_accounts=all_accounts,
            compare=compare,
            spans=looks.chart.spans,
            hint=hint,
        )
        self.set_reactive(MeterApp.view, self._loader.with_outlook(first))
        if looks.keys:
            self.set_keymap(keymap(looks.keys))

    def _take_themes(self, own: Iterable[OwnTheme]) -> None:
        """Ours, and the user's after them."""
        for known in (*THEMES, *map(own_theme, own)):
            self.register_theme(known)
            if known.name not in self.theme_names:
                self.theme_names.append(known.name)

    def _begin_with(self, theme: str) -> None:
        """Set the first theme. Not by assignment: that parses every style once more before the first paint."""
        chosen = self.available_themes[theme]
        if chosen.ansi:
            self.theme = theme  # its colours need another output filter, which only an assignment makes
            return
        self.set_reactive(App.theme, theme)
        self.stylesheet.set_variables(self.get_css_variables())
        self.update_classes({"-dark-mode": chosen.dark, "-light-mode": not chosen.dark}, update=False)

    # --- what nobody foresaw ---------------------------------------------------------------------------------------

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """A key's action; one that fails says so and changes nothing else. The first ends the hint for good."""
        if self.view is not None and self.view.hint:
            self.view = self.view._replace(hint=False)
            self._remember("hinted", "1")
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

    def on_mount(self) -> None:
        """Paint first; then ask, look into the history, and keep time."""
        asyncio.get_running_loop().set_exception_handler(self._survived_in_loop)
        signals.on_ending(self.exit)
        signals.on_continuing(self._driver, lambda: self.screen.refresh(layout=True))
        signals.without_waiting_for_threads()
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
        memory.keep_little()
        self._timer = self.set_timer(_SLOWEST_TICK, self._tick)
        self._loader.follow()
        self._fill()
        self._tick()
        self.run_worker(self._accounts.run(), name="poller", exit_on_error=False)
        self.set_interval(_LOOK_AT_SETTINGS, self._look_at_settings)

    def _look_for_alerts(self, account_id: int | None, state: MeterState) -> None:
        if self._watch is None:
            return
        if self._watching is None:
            self._watching = self._watch(self._tell)
        self._watching.look(account_id, state)

    def _tell(self, alert: Alert, account: AccountDocument) -> None:
        """By every way the user wants, in a thread; on the screen what was told, and once what did not work."""
        tell, driver = self._tell_by, self._driver
        if tell is None or driver is None:
            return

        def work() -> None:
            said, troubles = tell(alert, account, driver.write)
            new = [trouble for trouble in troubles if trouble not in self._troubles_told]
            self._troubles_told.update(new)
            self.call_from_thread(self._accounts.poller.say, " ".join([f"{said}.", *new]))

        self.run_worker(work, thread=True, exit_on_error=False, group="alerts")

    def _look_at_settings(self) -> None:
        """Take over what of the settings' file can change while the app runs; say what is wrong with it."""
        try:
            new = self._reread()
            if new is None or self.view is None:
                return
            held = new.settings
            self._take_themes(held.own_themes)
            words.use_hours(held.hours)
            left = self.view.show_left if held.show_left is None else held.show_left
            if held.looks.keys != self.view.looks.keys:
                self.set_keymap(keymap(held.looks.keys))
            self.view = self.view._replace(looks=held.looks, show_left=left)
            if held.theme is not None and held.theme != self.theme:
                self.theme = held.theme
            self._accounts.poller.say(new.trouble)
        except Exception as error:  # noqa: BLE001 - the meter goes on
            self.survived(error)

    def on_unmount(self) -> None:
        """Follow no more."""
        self._loader.stop()

    def _show_state(self) -> None:
        if self.view is not None:
            states, at = self._accounts.states, self._accounts.at
            self.view = self.view._replace(state=states[at], accounts=states, account=at, now=self._clock.now())
            if self._timer is not None:
                self._loader.follow()

    def watch_view(self, view: View | None) -> None:
        """Hand it to every screen, and see that history and timer fit it."""
        if view is None or not self.is_running:
            return
        filled = self._filled(view)
        if filled != view:
            self.view = filled
            return
        if filled is not view:  # the same in other objects: an assignment would be no change, and nothing be shown
            self.set_reactive(MeterApp.view, filled)
        self.show_on_screens(filled)
        self._keep_time(filled)

    def _tick(self) -> None:
        follow_time_zone()
        try:
            if self.view is not None:
                self.view = self.view._replace(now=self._clock.now())
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
