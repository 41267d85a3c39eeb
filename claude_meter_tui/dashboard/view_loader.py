"""Fills the View with what is read only where it is seen: the chart's points and the local side.

Both are those of the account on the screen, and asked for again only when something they depend on has changed.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from claude_meter_tui.analysis.carried import estimates, of_window
from claude_meter_tui.dashboard.widgets.chart import span_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_meter_tui.analysis.local_side import LocalSide
    from claude_meter_tui.analysis.outlook import WindowOutlook
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.polling.accounts import PolledAccount, PolledAccounts
    from claude_meter_tui.system.clock import Clock


class ViewLoader:
    """Belongs to a running app.

    Args:
        accounts: whose history and transcripts.
        clock: the local time.
        changed: told, on the app's thread, when the local side has something new.
    """

    def __init__(self, accounts: PolledAccounts, clock: Clock, changed: Callable[[], None]) -> None:
        self._accounts, self._clock, self._changed = accounts, clock, changed
        self._points_of: tuple[PolledAccount, str | None, int, int] | None = None
        self._outlook_of: object = None
        self._outlooks: dict[str, WindowOutlook] = {}
        self._local: LocalSide | None = None
        self._local_of: PolledAccount | None = None

    def follow(self) -> None:
        """Follow the transcripts of the account on the screen, and no other's."""
        if self._local_of is self._accounts.chosen:
            return
        self.stop()
        self._local_of = self._accounts.chosen
        make = self._local_of.open_local
        self._local = make() if make is not None else None
        if self._local is not None:
            self._local.start(asyncio.get_running_loop().call_soon_threadsafe, self._changed)

    def stop(self) -> None:
        """Follow no more."""
        if self._local is not None:
            self._local.stop()
        self._local = self._local_of = None

    def with_points(self, view: View) -> View:
        """The view with the points its chart needs; itself if it has them."""
        window = view.chosen
        wanted = (self._accounts.chosen, window.key if window else None, view.spans, view.state.version)
        if wanted == self._points_of:
            return view
        self._points_of = wanted
        if window is None:
            return view
        start, _ = span_of(window, view.true_now, view.spans)
        points = tuple(self._accounts.poller.history(window.key, start))
        return view if points == view.points else replace(view, points=points)

    def with_outlook(self, view: View) -> View:
        """The view with what the analysis says by now, carried on by the turns since; itself if nothing is new."""
        outlook, reading = view.state.outlook, view.state.reading
        if outlook is None or reading is None:
            return replace(view, outlooks={}, estimates={}) if view.outlooks or view.estimates else view
        added = {} if self._local is None else self._local.added(outlook, reading, view.state.skew)
        now = view.true_now
        wanted = (outlook, reading, added, int(now.timestamp()) // 60)
        if wanted == self._outlook_of and (view.outlooks or not self._outlooks):
            return view
        self._outlook_of = wanted
        self._outlooks = {
            window.key: found for window in reading.windows if (found := of_window(outlook, window, now)) is not None
        }
        by_now = estimates(outlook, reading, added, now)
        if view.outlooks == self._outlooks and view.estimates == by_now:
            return view
        return replace(view, outlooks=self._outlooks, estimates=by_now)

    def with_beside(self, view: View) -> View:
        """The view with what stands beside the selected window; itself if nothing is new."""
        if self._local is None:
            return view
        window = view.chosen
        now = view.state.true_now(self._clock.now())  # not the last tick's: what came since would be left out
        beside = self._local.beside(window, view.windows, view.points, now, view.state.skew) if window else None
        return view if beside is view.beside else replace(view, beside=beside)
