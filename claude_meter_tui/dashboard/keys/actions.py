"""What keys and palette do: each an action on the one View, or a request to the poller. It draws nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import SystemCommand

from claude_meter_tui.dashboard.arrangement import arrange
from claude_meter_tui.dashboard.keys.bindings import BINDINGS, palette
from claude_meter_tui.dashboard.keys.view_actions import ViewActions
from claude_meter_tui.dashboard.screens.main import wanted_of
from claude_meter_tui.dashboard.themes import THEME_WORDS
from claude_meter_tui.dashboard.widgets.windows_panel import WindowsPanel
from claude_meter_tui.domain.errors import AskedTooSoonError, MeterError
from claude_meter_tui.output import words
from claude_meter_tui.output.words import too_soon
from claude_meter_tui.polling.state import Phase
from claude_meter_tui.settings.looks import Looks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.binding import BindingType
    from textual.screen import Screen
    from textual.timer import Timer
    from textual.worker import Worker

    from claude_meter_tui.dashboard.crash_notices import Reports
    from claude_meter_tui.dashboard.screens.comparison import CompareScreen
    from claude_meter_tui.dashboard.screens.detail import DetailScreen
    from claude_meter_tui.dashboard.screens.past import PastScreen
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.dashboard.view_loader import ViewLoader
    from claude_meter_tui.polling.accounts import PolledAccounts
    from claude_meter_tui.system.clock import Clock

SHOWN_NOTE = "shown"
"""What `remember` is told an account picked here by; it never says whose a login is."""


class Actions(ViewActions):
    """The keys of the app and what each does."""

    BINDINGS: ClassVar[list[BindingType]] = BINDINGS

    _accounts: PolledAccounts
    _clock: Clock
    _loader: ViewLoader
    _remember: Callable[[str, str], None]
    _timer: Timer | None
    _reading: Worker[None] | None
    reports: Reports
    theme_names: list[str]

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
            self._flash("There is no window yet.")
            return
        keys = self._order(view)
        at = keys.index(chosen.key) + step
        at = at % len(keys) if around else max(0, min(len(keys) - 1, at))
        self.view = view._replace(selected=keys[at])

    def action_jump(self, number: int) -> None:
        """Select the window in that row of the screen."""
        if self.view is None or not self.view.windows:
            self._flash("There is no window yet.")
            return
        keys = self._order(self.view)
        if number > len(keys):
            self._flash(f"There are {len(keys)} windows.")
            return
        self.view = self.view._replace(selected=keys[number - 1])

    def _order(self, view: View) -> list[str]:
        """The windows in the order they stand on the screen."""
        usual = [window.key for window in view.listed]
        for panel in self.screen_stack[0].query(WindowsPanel):
            shown = panel.shown_keys(view)
            return usual if shown == usual else [window.key for window in view.pressing if window in view.listed]
        return usual

    def on_windows_panel_picked(self, picked: WindowsPanel.Picked) -> None:
        """A click on a gauge: select it; twice, or on the selected one, its detail."""
        view = self.view
        if view is None:
            return
        again = view.selected == picked.key
        self.view = view._replace(selected=picked.key)
        if picked.opened or again:
            self.action_detail()

    def action_detail(self) -> None:
        """Open the selected window's detail."""
        from claude_meter_tui.dashboard.screens.detail import DetailScreen

        if self.view is None or isinstance(self.screen, DetailScreen):
            return
        if self.view.chosen is None:
            self._flash("There is no window yet.")
            return
        self._open(DetailScreen(classes=self._glyph_class() or None))

    def _open(self, screen: DetailScreen | PastScreen | CompareScreen) -> None:
        """A screen of its own, drawn at once from what is known."""
        screen.set_reactive(type(screen).view, self.view)
        self.push_screen(screen)
        self._fill()

    def action_past(self) -> None:
        """Open the selected window's past; the same key closes it."""
        from claude_meter_tui.dashboard.screens.past import PastScreen

        if self.view is None or isinstance(self.screen, PastScreen):
            self.call_later(self.action_back)
            return
        if self.view.chosen is None:
            self._flash("There is no window yet.")
            return
        self._open(PastScreen(classes=self._glyph_class() or None))

    async def action_back(self) -> None:
        """Leave a screen; on the main one end the readout, a large panel, the filter, then take the notice away."""
        if len(self.screen_stack) > 1:
            await super().action_back()
            self._fill()
        elif self.view is not None and self.view.cursor is not None:
            self.view = self.view._replace(cursor=None)
        elif self.view is not None and self.view.enlarged is not None:
            self.view = self.view._replace(enlarged=None)
        elif self.view is not None and self.view.filter:
            self.view = self.view._replace(filter="")
        elif self._accounts.poller.state.notice:
            self._accounts.poller.dismiss()

    def action_compare(self) -> None:
        """Show or hide the local side, remembered; where the main screen has no room for it, a screen of its own."""
        from claude_meter_tui.dashboard.screens.comparison import CompareScreen

        if self.view is None:
            return
        if isinstance(self.screen, CompareScreen):
            self._set_compare(to=False)
            self.pop_screen()
        elif len(self.screen_stack) > 1 or not self.has_room_to_compare():
            if self.view.windows:
                self._set_compare(to=True)
            self._open(CompareScreen(classes=self._glyph_class() or None))
        else:
            self._set_compare(to="compare" not in self._main.areas)

    def has_room_to_compare(self) -> bool:
        """Whether the main screen has a place for the comparison at this size."""
        view = self.view
        wished = None if view is None else wanted_of(view._replace(compare=True), self.size)
        return wished is not None and "compare" in arrange(self.size.width, self.size.height, wished)

    def _set_compare(self, *, to: bool) -> None:
        if self.view is not None:
            self.view = self.view._replace(compare=to, turns_from=0)
            self._remember("compare", str(int(to)))

    def action_scroll_turns(self, turns: int) -> None:
        """Older turns in the comparison, or newer ones."""
        view = self.view
        if view is None or view.beside is None or not view.beside.recent:
            self._flash("There are no turns to scroll.")
            return
        if len(self.screen_stack) == 1 and "compare" not in self._main.areas:
            self._flash("c shows the turns.")
            return
        last = len(view.beside.recent) - 1
        self.view = view._replace(turns_from=max(0, min(last, view.turns_from + turns)))

    def action_accounts(self) -> None:
        """Pick the account to show, where there are several."""
        from claude_meter_tui.dashboard.screens.accounts import AccountsScreen

        if self.view is None or len(self.view.accounts) < 2:
            self._flash("There is one account.")
            return
        screen = AccountsScreen(classes=self._glyph_class() or None)
        screen.set_reactive(AccountsScreen.view, self.view)
        self.push_screen(screen, self._show_account)

    def _show_account(self, number: int | None) -> None:
        if number is None or number == self._accounts.at or self.view is None or number >= len(self._accounts.states):
            return  # the last may be gone since the list was drawn
        self._accounts.at = number
        account_id = self._accounts.poller.account_id
        if account_id is not None:
            self._remember(SHOWN_NOTE, str(account_id))
        self.view = self.view._replace(
            state=self._accounts.poller.state,
            account=number,
            selected=None,
            points=(),
            past={},
            beside=None,
            local={},
            outlooks={},
            estimates={},
            span_shares={},
            cursor=None,
            pan=0,
            turns_from=0,
        )
        self._loader.follow()

    def action_all_accounts(self) -> None:
        """Show or hide all accounts as rows on the main screen; remembered."""
        if self.view is None or len(self.view.accounts) < 2:
            self._flash("There is one account.")
            return
        self.view = self.view._replace(all_accounts=not self.view.all_accounts)
        self._remember("all_accounts", str(int(self.view.all_accounts)))

    def action_help(self) -> None:
        """Open the help."""
        from claude_meter_tui.dashboard.screens.help import HelpScreen

        looks = Looks() if self.view is None else self.view.looks
        self.push_screen(HelpScreen(looks, ascii_only=bool(self._glyph_class())))

    async def action_read(self) -> None:
        """Ask now, in a worker; if that is not allowed, say when it will be."""
        if self._reading is not None and self._reading.is_running:
            self._flash("It is being asked already.")
            return
        self._reading = self.run_worker(self._read(), name="read", exit_on_error=False)

    async def _read(self) -> None:
        try:
            await self._accounts.poller.ask("person")
        except AskedTooSoonError as error:
            self._flash(too_soon(error, self._clock.now()))
        except MeterError as error:
            self._flash(error.sentence)
        except Exception as error:  # noqa: BLE001 - a key must not end the meter
            self.survived(error)

    def action_pause(self) -> None:
        """Pause or resume asking."""
        self._accounts.poller.pause()
        self._flash("Paused: nothing is asked until p." if self._accounts.poller.state.paused else "Asking again.")

    def action_next_theme(self) -> None:
        """The next of the themes, remembered."""
        names = self.theme_names
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self._remember("theme", self.theme)
        self._flash(f"Theme: {self.theme}")

    def action_used_or_left(self) -> None:
        """Show what is left, or what is used; remembered."""
        if self.view is not None:
            self.view = self.view._replace(show_left=not self.view.show_left)
            self._remember("show_left", str(int(self.view.show_left)))

    def action_copy(self) -> None:
        """Put the selected window's figures into the terminal's clipboard."""
        view = self.view
        window = None if view is None else view.chosen
        if view is None or window is None:
            self._flash("There is no window yet.")
            return
        text = f"{window.label} {words.percent(window.utilization)}"
        if window.resets_at is not None:
            text += f", clears {words.clock_time(window.resets_at, view.true_now)}"
        self.copy_to_clipboard(text)
        self._flash(f"Copied: {text}")

    def action_demo(self) -> None:
        """From the setup screen: the simulated account instead."""
        if self.view is not None and self.view.phase is Phase.SETUP:
            self.exit("demo")

    def action_browser(self) -> None:
        """From the setup screen: ask with the claude.ai session of a browser on this machine from now on."""
        if self.view is not None and self.view.phase is Phase.SETUP:
            self.exit("browser")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual's hook
        """Every action, for ctrl+p, with its key."""
        several = self.view is not None and len(self.view.accounts) > 1
        for action, name, words_of in palette({} if self.view is None else self.view.looks.keys):
            if several or "account" not in action:
                yield SystemCommand(name, words_of, partial(self.call_later, self.run_action, action))
        for name in self.theme_names:
            does = THEME_WORDS.get(name, "your own, by its file")
            yield SystemCommand(f"Theme: {name}", does, partial(self._choose_theme, name))

    def _choose_theme(self, name: str) -> None:
        self.theme = name
        self._remember("theme", name)

    def survived(self, error: BaseException) -> None:
        """Say it in a notice, once, and go on."""
        line = self.reports.line(error)
        if line is not None:
            self._accounts.poller.say(line)

    def _glyph_class(self) -> str:
        return "-ascii" if self.view is not None and self.view.ascii else ""

    def _filled(self, view: View) -> View:
        """The view with what is to be read for it; nothing before the first paint."""
        if self._timer is None:
            return view
        view = self._loader.with_local(self._loader.with_outlook(self._loader.with_points(view)))
        wanted = any(getattr(screen, "shows_earlier", False) for screen in self.screen_stack)
        return self._loader.with_earlier(view, wanted=wanted)

    def _fill(self) -> None:
        if self.view is not None and self.is_running:
            self.view = self._filled(self.view)
