"""The local side of what is on the screen: follows the transcripts, and says what stands beside a window.

It lives on the event loop's thread and only reads; the reading of transcripts is the follower's, in another thread. It
must not know the screen. What it says is immutable and made anew only when something it depends on has changed.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from claude_meter_tui.analysis import attribution
from claude_meter_tui.analysis.carried import added_by, begins
from claude_meter_tui.domain.instances import instance_of
from claude_meter_tui.turns.spent import spent_by
from claude_meter_tui.turns.transcripts.following import Follower, Following
from claude_meter_tui.turns.transcripts.ledger import Ledger
from claude_meter_tui.turns.transcripts.records import HOUR_MS, MINUTE_MS, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from claude_meter_tui.analysis.attribution import Rise, Share
    from claude_meter_tui.analysis.outlook import Outlook, WindowOutlook
    from claude_meter_tui.domain.instances import Instance, Point
    from claude_meter_tui.domain.windows import Reading, Window
    from claude_meter_tui.store.store import Store
    from claude_meter_tui.turns.spent import Spent
    from claude_meter_tui.turns.sums import TokenSum
    from claude_meter_tui.turns.turn import Piece, Turn

# Enough for the highest panel.
_TURNS = 60
_RISES = 30
_EVER = 2**53

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecentTurn:
    """One turn, and the labels of the windows it moved."""

    turn: Turn
    moved: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside one window.

    Attributes:
        key: the window's.
        share: its local side.
        recent: the last turns, the newest first, whichever windows they moved.
        series: (ms since 1970, tokens) of what counts in the window, by the minute in short windows, else by the hour.
        rises: what it rose by between readings and the tokens used meanwhile, the newest first.
        following: how far the transcripts are read.
        empty: whether there is nothing: no Claude Code has written here.
    """

    key: str
    share: Share
    recent: tuple[RecentTurn, ...]
    series: tuple[tuple[int, int], ...]
    rises: tuple[Rise, ...]
    following: Following
    empty: bool


@dataclass(frozen=True, slots=True)
class LocalSums:
    """What was used here lately, whatever windows there are: needs no login.

    `sums` are (name of a time that ends now, tokens used in it); `following` how far the transcripts are read.
    """

    sums: tuple[tuple[str, TokenSum], ...]
    following: Following


_MADE_EVERY = timedelta(seconds=20)
_LATELY = (
    ("last 5 hours", timedelta(hours=5)),
    ("last 24 hours", timedelta(days=1)),
    ("last 7 days", timedelta(days=7)),
)


class _Kept(Generic[T]):
    """An answer made anew only when what it depends on has changed, and kept while the store cannot be read."""

    def __init__(self, first: T) -> None:
        self.answer = first
        self._of: object = None

    def get(self, of: Callable[[], object], make: Callable[[], T]) -> T:
        with suppress(sqlite3.Error):
            wanted = of()
            if wanted != self._of:
                self.answer = make()
                self._of = wanted
        return self.answer


class _KeptAWhile(_Kept[T]):
    """The same, and for the same question not made anew within a while: in a burst of turns not at each."""

    def __init__(self, first: T) -> None:
        super().__init__(first)
        self._question: object = None
        self._made_at = datetime(1970, 1, 1, tzinfo=UTC)

    def asked(self, question: object, now: datetime, change: Callable[[], int], make: Callable[[], T]) -> T:
        young = timedelta(0) <= now - self._made_at < _MADE_EVERY
        if self.answer and young and question == self._question:  # of nothing there is more as soon as it is counted
            return self.answer

        def made() -> T:
            self._question, self._made_at = question, now
            return make()

        return self.get(lambda: (change(), question), made)


class LocalSide:
    """Answers `beside`, and says when the answer may be another.

    Args:
        store: open, used on this thread only.
        roots: whose transcripts.
    """

    def __init__(self, store: Store, roots: Sequence[str]) -> None:
        self._ledger = Ledger(lambda: store.connection, roots)
        self._store_file, self._roots = store.path, tuple(roots)
        self._follower: Follower | None = None
        self._following = Following()
        self._pieces: tuple[object, list[Piece]] = (None, [])
        self._beside: _Kept[Beside | None] = _Kept(None)
        self._added: _Kept[dict[str, float]] = _Kept({})
        self._shares: _KeptAWhile[dict[str, float]] = _KeptAWhile({})
        self._spent: _KeptAWhile[dict[str, tuple[Spent, ...]]] = _KeptAWhile({})
        self._courses: _KeptAWhile[tuple[tuple[tuple[int, int], ...], tuple[Rise, ...]]] = _KeptAWhile(((), ()))
        self._sums: _Kept[LocalSums | None] = _Kept(None)

    def start(self, soon: Callable[[Callable[[], None]], object], changed: Callable[[], None]) -> None:
        """Begin to follow.

        Args:
            soon: calls something on this thread, from another (`loop.call_soon_threadsafe`).
            changed: called on this thread when `beside` may answer something else.
        """

        def notice(following: Following) -> None:
            def on_this_thread() -> None:
                self._following = following
                changed()

            with suppress(RuntimeError):  # the loop has ended: nobody looks any more
                soon(on_this_thread)

        self._follower = Follower(self._store_file, self._roots, notice)
        self._follower.start()

    def stop(self) -> None:
        """Follow no more; nothing is waited for."""
        if self._follower is not None:
            self._follower.stop()

    def beside(
        self,
        window: Window,
        windows: Sequence[Window],
        points: tuple[Point, ...],
        now: datetime,
        skew: timedelta = timedelta(0),
    ) -> Beside | None:
        """What stands beside a window; None where the store cannot be read just now.

        Args:
            window: one of `windows`.
            windows: all there are.
            points: the window's stored readings, oldest first, by the server's clock.
            now: by the server's clock.
            skew: how far that is ahead of the local one, which transcripts are dated by.
        """
        over = window.resets_at is not None and window.resets_at <= now
        hour = int(now.timestamp()) // 3600
        return self._beside.get(
            lambda: (self._ledger.change(), self._following, window, tuple(windows), points, over, hour, skew),
            lambda: self._compared(window, windows, points, now, skew),
        )

    def shares(self, windows: Sequence[Window], now: datetime, skew: timedelta = timedelta(0)) -> dict[str, float]:
        """What the local tokens of each window come to, as a share of the assumed cap; only where that is known.

        Args:
            windows: all there are.
            now: by the server's clock.
            skew: how far that is ahead of the local one.
        """
        shape = tuple((window.key, window.resets_at) for window in windows)

        def made() -> dict[str, float]:
            instances = [instance_of(window, (), now) for window in windows]
            pieces = self._cut_pieces(instances, now, skew)
            found = ((each.window.key, attribution.share_of(each, pieces, now, skew)) for each in instances)
            return {
                key: share.percent_of_assumed_cap / 100
                for key, share in found
                if share.percent_of_assumed_cap is not None
            }

        return self._shares.asked(shape, now, self._ledger.change, made)

    def sums(self, now: datetime) -> LocalSums | None:
        """What was used here lately; None where the store cannot be read just now. `now`: by the local clock."""

        def made() -> LocalSums:
            end = milliseconds(now) + 1
            found = tuple(
                (name, self._ledger.sum_by("total", since=milliseconds(now - length), until=end)[0])
                for name, length in _LATELY
            )
            return LocalSums(found, self._following)

        return self._sums.get(lambda: (self._ledger.change(), self._following, int(now.timestamp()) // 60), made)

    def added(self, outlook: Outlook, reading: Reading, skew: timedelta = timedelta(0)) -> dict[str, float]:
        """Points the turns since an outlook or a later reading add to each window, by what a token costs."""

        def made() -> dict[str, float]:
            since = {key: milliseconds(at - skew) for key, at in begins(outlook, reading).items()}
            return added_by(outlook, self._ledger.each_turn(min(since.values(), default=_EVER), _EVER), since)

        return self._added.get(lambda: (self._ledger.change(), outlook, reading), made)

    def spent(
        self, window: Window, points: Sequence[Point], outlook: WindowOutlook | None, now: datetime, skew: timedelta
    ) -> dict[str, tuple[Spent, ...]]:
        """What this instance of a window went to, by model, project and session; in a burst of turns not at each.

        Args:
            window: which.
            points: its readings, oldest first, by the server's clock, as `now` is.
            outlook: what a token costs, if that is known.
            now: the moment.
            skew: how far the server's clock is ahead of the local one.
        """
        since = instance_of(window, points, now).since
        shape = (window.key, since, outlook is None)

        def made() -> dict[str, tuple[Spent, ...]]:
            if since is None:
                return {}
            turns = self._ledger.each_turn(milliseconds(since - skew), milliseconds(now - skew) + 1)
            prices = outlook["points_a_token"] if outlook is not None else {}
            return spent_by(turns, attribution.what_counts(window)[1], prices)

        return self._spent.asked(shape, now, self._ledger.change, made)

    def _compared(
        self, window: Window, windows: Sequence[Window], points: tuple[Point, ...], now: datetime, skew: timedelta
    ) -> Beside:
        instance = instance_of(window, points, now)
        pieces = self._cut_pieces([instance, *(instance_of(each, (), now) for each in windows)], now, skew)
        share = attribution.share_of(instance, pieces, now, skew)
        end = milliseconds(now - skew) + 1
        recent = tuple(
            RecentTurn(turn, tuple(moved.label for moved in attribution.fan_out(turn, windows)))
            for turn in self._ledger.newest_turns(_TURNS, end)
        )
        local_points = tuple(point._replace(observed_at=point.observed_at - skew) for point in points)
        # The chart's line and what moved it go through hours of turns: not at each of a burst.
        shape = (window.key, share.since, share.counts, local_points, end // HOUR_MS)
        series, rises = self._courses.asked(
            shape,
            now,
            self._ledger.change,
            lambda: (
                self._series(window, share, pieces, end, skew),
                tuple(attribution.rises(window, *self._moved(local_points, end))[:_RISES]),
            ),
        )
        return Beside(
            window.key,
            share,
            recent,
            series,
            rises,
            self._following,
            empty=self._following.looked and not pieces,
        )

    def _cut_pieces(self, instances: Sequence[Instance], now: datetime, skew: timedelta) -> list[Piece]:
        cuts = attribution.cuts(instances, now, now - timedelta(days=400), skew)
        # Not through `get`: where the store cannot be read, whoever asked keeps its own last answer.
        asked = (self._ledger.change(), frozenset(cut // MINUTE_MS for cut in cuts))
        if asked != self._pieces[0]:
            self._pieces = (asked, self._ledger.pieces(cuts))
        return self._pieces[1]

    def _series(
        self, window: Window, share: Share, pieces: list[Piece], end: int, skew: timedelta
    ) -> tuple[tuple[int, int], ...]:
        """By the server's clock, as the chart is."""
        if share.since is None or share.counts == "none":
            return ()
        counted = attribution.what_counts(window)[1]
        start, ahead = milliseconds(share.since - skew), skew // timedelta(milliseconds=1)
        if window.group == "session":
            pieces = self._ledger.minutes(start, end)
        return tuple(
            (piece.first_at + ahead, piece.total_tokens)
            for piece in pieces
            if start <= piece.first_at and piece.last_at < end and counted(piece)
        )

    def _moved(self, points: tuple[Point, ...], end: int) -> tuple[tuple[Point, ...], Iterable[Turn]]:
        """The last readings that rose, and the turns since the first of them."""
        at = len(points)
        for _ in range(_RISES):
            at = next((i for i in range(at - 1, 0, -1) if points[i].utilization > points[i - 1].utilization), 0)
            if at == 0:
                break
        kept = points[max(0, at - 1) :]
        return kept, self._ledger.each_turn(milliseconds(kept[0].observed_at), end) if kept else ()
