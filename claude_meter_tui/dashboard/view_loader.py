"""Fills the View with what is read only where it is seen: the chart's points and the local side.

Both are those of the account on the screen, and asked for again only when something they depend on has changed.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from claude_meter_tui.analysis.carried import estimates, of_window
from claude_meter_tui.dashboard.chart_range import range_in, span_of
from claude_meter_tui.dashboard.view import Earlier
from claude_meter_tui.dashboard.widgets.chart.cells import column_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_meter_tui.analysis.local_side import LocalSide
    from claude_meter_tui.analysis.outlook import WindowOutlook
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.domain.instances import Point
    from claude_meter_tui.domain.windows import Window
    from claude_meter_tui.polling.accounts import PolledAccount, PolledAccounts
    from claude_meter_tui.system.clock import Clock


_LONGEST_WINDOW = timedelta(days=7)
_WHOLE_UP_TO = timedelta(days=8)
# As many as the widest chart has half columns.
_MOST_POINTS = 1200
_FINEST = timedelta(minutes=1)
_PAST_EVERY = timedelta(seconds=60)
_SPAN_PARTS = 24
_LOOK_BACK, _FINE = timedelta(days=57), timedelta(minutes=2)


class ViewLoader:
    """Belongs to a running app.

    Args:
        accounts: whose history and transcripts.
        clock: the local time.
        changed: told, on the app's thread, when the local side has something new.
    """

    def __init__(self, accounts: PolledAccounts, clock: Clock, changed: Callable[[], None]) -> None:
        self._accounts, self._clock, self._changed = accounts, clock, changed
        self._points_of: tuple[object, ...] = ()
        self._past_at = datetime(1970, 1, 1, tzinfo=UTC)
        self._outlook_of: object = None
        self._outlooks: dict[str, WindowOutlook] = {}
        self._earlier_of: tuple[object, ...] = ()
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
        """The view with the points its chart and its rows need; itself if it has them."""
        window, covered = view.chosen, range_in(view)
        shape = (self._accounts.chosen, window.key if window else None, view.spans, view.zoom, view.pan)
        wanted = (*shape, view.state.version)
        if wanted == self._points_of or window is None or covered is None:
            return view
        own = wanted[:-1] != self._points_of[:-1]  # else only a new reading came
        self._points_of = wanted
        view = view._replace(points=self._own_points(window, *covered))
        # The pictures of the other windows need not follow every figure of a status line.
        if own or view.now - self._past_at >= _PAST_EVERY or set(view.past) != {each.key for each in view.windows}:
            self._past_at = view.now
            view = self._with_past(view, *covered)
        return view

    def _own_points(self, window: Window, start: datetime, end: datetime) -> tuple[Point, ...]:
        """Every reading of the selected window, or, over a long time, as many as can be told apart."""
        long = end - start > _WHOLE_UP_TO
        every = (end - start) / _MOST_POINTS if long else timedelta(0)
        found = self._accounts.poller.history(start, end, window=window.key, every=every)
        return tuple(found.get(window.key, ()))

    def _with_past(self, view: View, start: datetime, end: datetime) -> View:
        now = view.true_now
        since = min(start, now - _LONGEST_WINDOW)
        every = max(_FINEST, (max(end, now) - since) / _MOST_POINTS)
        found = self._accounts.poller.history(since, max(end, now), every=every)
        past = {window.key: tuple(found.get(window.key, ())) for window in view.windows}
        shares = {window.key: span_shares(window, past[window.key], now) for window in view.windows}
        return view._replace(past=past, span_shares=shares)

    def with_outlook(self, view: View) -> View:
        """The view with what the analysis says by now, carried on by the turns since; itself if nothing is new."""
        outlook, reading = view.state.outlook, view.state.reading
        if outlook is None or reading is None:
            return view._replace(outlooks={}, estimates={}) if view.outlooks or view.estimates else view
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
        return view._replace(outlooks=self._outlooks, estimates=by_now)

    def with_earlier(self, view: View, *, wanted: bool) -> View:
        """The view with what the screen of the past shows, while that is open."""
        window = view.chosen
        if not wanted or window is None:
            return view if view.earlier is None else view._replace(earlier=None)
        now, shape = view.true_now, (self._accounts.chosen, window.key, window.length_seconds, view.state.version)
        earlier = view.earlier
        if earlier is None or shape != self._earlier_of:
            from claude_meter_tui.domain.earlier import past_instances, use_by_hour

            self._earlier_of = shape
            long = self._accounts.poller.history(now - _LOOK_BACK, now, window=window.key, every=_FINE)
            points = long.get(window.key, [])
            instances = tuple(past_instances(points, window.length_seconds, now))
            earlier = Earlier(window.key, instances, tuple(map(tuple, use_by_hour(points))))
        spent = None
        if self._local is not None:
            spent = self._local.spent(window, view.points, view.outlook_of(window), now, view.state.skew)
        if spent is not earlier.spent:
            earlier = earlier._replace(spent=spent)
        return view if earlier is view.earlier else view._replace(earlier=earlier)

    def with_local(self, view: View) -> View:
        """The view with its local side; itself if nothing is new."""
        if self._local is None:
            return view
        window = view.chosen
        if window is None:
            sums = self._local.sums(self._clock.now())
            return view if sums is view.sums else view._replace(sums=sums)
        now = view.state.true_now(self._clock.now())  # not the last tick's: what came since would be left out
        beside = self._local.beside(window, view.windows, view.points, now, view.state.skew)
        local = self._local.shares(view.windows, now, view.state.skew)
        if beside is view.beside and local is view.local:
            return view
        return view._replace(beside=beside, local=local)


def span_shares(window: Window, points: Sequence[Point], now: datetime) -> tuple[float | None, ...]:
    """How a window filled over its span so far, 0 to 1, in equal parts; empty where it is idle."""
    if window.resets_at is None or not window.length_seconds or window.resets_at <= now:
        return ()
    start, end = span_of(window, now, 1)
    values = column_values(points, start, end, now, _SPAN_PARTS)
    return tuple(None if value is None else min(1.0, value / 100) for value in values)
