"""What keys do to the screen as a whole: fewer windows, one panel alone, a picture of it, the settings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from claude_meter_tui.dashboard.arrangement import arrange
from claude_meter_tui.dashboard.keys.chart_actions import ChartActions
from claude_meter_tui.dashboard.screens.main import wanted_of
from claude_meter_tui.domain.errors import MeterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.settings.held import Held

_PANELS = ("chart", "compare")


class ViewActions(ChartActions):
    """Filter, enlarge, picture, settings.

    The app knows no files: `save_picture` keeps an SVG and says where, `settings_held` gives what holds,
    `edit_settings` opens the file in the user's editor and says what is wrong with it.
    """

    save_picture: Callable[[str], str] | None
    settings_held: Callable[[], list[Held]] | None
    edit_settings: Callable[[], str] | None

    def action_command_palette(self) -> None:
        """Textual's, with looks of its own."""
        from claude_meter_tui.dashboard.screens.palette import Palette

        if not Palette.is_open(self):  # type: ignore[arg-type]
            self.push_screen(Palette(id="--command-palette"))

    def action_filter(self) -> None:
        """Show only the windows whose names have the letters that are typed."""
        from claude_meter_tui.dashboard.screens.filter import FilterScreen

        if self.view is None or not self.view.windows:
            self._flash("There is no window yet.")
            return
        self.push_screen(FilterScreen(self.view.filter, self._filter_by))

    def _filter_by(self, letters: str) -> None:
        if self.view is not None:
            self.view = self.view._replace(filter=letters)

    def action_enlarge(self) -> None:
        """The chart alone, then the comparison alone, then all parts again."""
        if self.view is None or len(self.screen_stack) > 1:
            return
        order = [None, *_PANELS]
        for panel in order[order.index(self.view.enlarged) + 1 :]:
            if panel is not None and self._fits(panel):
                self._enlarge(panel)
                return
        if self.view.enlarged is None:
            self._flash("No room for a larger panel at this size.")
        self._enlarge(None)

    def action_enlarge_panel(self, panel: str) -> None:
        """One panel alone, or all again: a double click."""
        if self.view is not None and len(self.screen_stack) == 1:
            self._enlarge(None if self.view.enlarged == panel or not self._fits(panel) else panel)

    def _enlarge(self, panel: str | None) -> None:
        if self.view is not None:
            self.view = self.view._replace(enlarged=panel)

    def _fits(self, panel: str) -> bool:
        """Whether there is anything to enlarge, and room for it."""
        if self.view is None or not self.view.windows:
            return False
        wanted = wanted_of(self.view._replace(enlarged=panel), self.size)
        return panel in arrange(self.size.width, self.size.height, wanted)

    def action_picture(self) -> None:
        """Save the screen as it is, but for names: a picture that can be shown to others."""
        if self.view is None or self.save_picture is None:
            self._flash("Pictures cannot be saved here.")
        else:  # in a worker: what is waited for is drawn by the app, which waits for its actions
            self.run_worker(self._picture(self.view, self.save_picture), name="picture", exit_on_error=False)

    async def _picture(self, shown: View, save: Callable[[str], str]) -> None:
        from claude_meter_tui.dashboard.masking import masked
        from claude_meter_tui.dashboard.picture import self_contained

        try:
            self.show_on_screens(masked(shown))
            await self._painted_all()
            svg = self_contained(self.export_screenshot(title="claude-meter"))
        finally:
            self.show_on_screens(shown)
        try:
            self._flash(f"Saved: {save(svg)}")
        except OSError as error:
            self._flash(f"The picture could not be saved ({error.strerror}).")

    def show_on_screens(self, view: View) -> None:
        """Hand a view to every screen."""
        for screen in self.screen_stack:
            if hasattr(screen, "view"):
                screen.view = view

    async def _painted_all(self) -> None:
        """Until what was handed over is drawn."""
        painted = asyncio.Event()
        self.call_after_refresh(painted.set)
        await painted.wait()

    def action_settings(self) -> None:
        """What holds and whence."""
        from claude_meter_tui.dashboard.screens.settings import SettingsScreen

        if self.settings_held is None:
            self._flash("There are no settings here.")
            return
        try:
            held = self.settings_held()
        except MeterError as error:
            self._flash(error.one_line())
            return
        self.push_screen(SettingsScreen(held, ascii_only=self.view is not None and self.view.ascii))

    def action_edit_settings(self) -> None:
        """The settings' file in the user's editor; what was written holds at once."""
        if self.edit_settings is None:
            self._flash("There are no settings here.")
            return
        try:
            with self.suspend():
                said = self.edit_settings()
        except SuspendNotSupported:
            said = "An editor cannot be opened here: `claude-meter-tui config edit` in another terminal."
        self._flash(said)
