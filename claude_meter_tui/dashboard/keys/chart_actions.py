"""What keys and mouse do to the chart, and the short answers every action gives. It draws nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App
from textual.reactive import reactive

from claude_meter_tui.dashboard.chart_range import can_zoom
from claude_meter_tui.dashboard.crash_notices import Surviving
from claude_meter_tui.dashboard.screens.main import MainScreen
from claude_meter_tui.dashboard.widgets.chart.axis import MARGIN
from claude_meter_tui.dashboard.widgets.chart.history_chart import HistoryChart

if TYPE_CHECKING:
    from textual.timer import Timer

    from claude_meter_tui.dashboard.view import View

_FLASH_SECONDS = 4.0
_LONG_HISTORY = 4
_MOST_ZOOM, _LEAST_ZOOM = 8, -7


class ChartActions(Surviving, App[str]):
    """The chart's time, and the column that is read out."""

    view: reactive[View | None] = reactive(None, repaint=False)
    _flash_timer: Timer | None

    @property
    def _main(self) -> MainScreen:
        screen = self.screen_stack[0]
        if not isinstance(screen, MainScreen):
            raise TypeError(type(screen))
        return screen

    def action_history(self) -> None:
        """Chart one span of the window, or several."""
        if self.view is not None and self._has_chart():
            self._show_range(spans=1 if self.view.spans > 1 else _LONG_HISTORY, zoom=0, pan=0)

    def _show_range(self, **changes: int | None) -> None:
        if self.view is not None:
            self.view = self.view._replace(**changes)  # type: ignore[arg-type]

    def _has_chart(self) -> bool:
        """Whether the chart is on the screen; else it is said why the key did nothing."""
        if self.view is None or self.view.chosen is None:
            self._flash("There is no window yet.")
        elif len(self.screen_stack) == 1 and "chart" not in self._main.areas:
            self._flash("No room for the chart at this size.")
        else:
            return True
        return False

    def action_zoom(self, step: int) -> None:
        """Half or twice as long a time in the chart."""
        view = self.view
        window = None if view is None else view.chosen
        if not self._has_chart() or view is None or window is None:
            return
        zoom = max(_LEAST_ZOOM, min(_MOST_ZOOM, view.zoom + step))
        if zoom == view.zoom or not can_zoom(window, view.true_now, view.spans, view.zoom, zoom):
            self._flash("The chart goes from an hour to 400 days.")
            return
        self._show_range(zoom=zoom, pan=0)

    def action_pan(self, step: int) -> None:
        """The chart half its time earlier, or later again."""
        if self.view is not None and self._has_chart():
            self._show_range(pan=max(0, self.view.pan + step), cursor=None)

    def action_whole(self) -> None:
        """The chart as it was: this span."""
        self._show_range(zoom=0, pan=0, spans=1, cursor=None)

    def action_cursor(self, step: int) -> None:
        """Read out one column of the chart, and the next."""
        if self.view is None or not self._has_chart():
            return
        width = next((chart.content_size.width for chart in self.screen.query(HistoryChart) if chart.display), 0)
        last = max(0, width - MARGIN - 1)
        cursor = self.view.cursor
        self._show_range(cursor=last // 2 if cursor is None else max(0, min(last, cursor - step)))

    def on_history_chart_pointed(self, message: HistoryChart.Pointed) -> None:
        """A click into the chart."""
        self._show_range(cursor=message.column)

    def _flash(self, text: str) -> None:
        """Show a short answer to a key, for a moment."""
        if self.view is None:
            return
        self.view = self.view._replace(flash=text)
        if self._flash_timer is not None:
            self._flash_timer.stop()
        self._flash_timer = self.set_timer(_FLASH_SECONDS, self._unflash)

    def _unflash(self) -> None:
        if self.view is not None:
            self.view = self.view._replace(flash="")
