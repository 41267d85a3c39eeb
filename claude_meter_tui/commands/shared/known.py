"""What is stored of an account as it was known at a moment: what `compare` and `forecast` begin from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.analysis.gathering import outlook_of, points_of, turns_of
from claude_meter_tui.commands.shared.given_time import given_time
from claude_meter_tui.commands.shared.ledger import with_ledger
from claude_meter_tui.domain.errors import NothingStoredError
from claude_meter_tui.domain.instances import Instance, Point, instance_of
from claude_meter_tui.domain.light_reading import stand_in
from claude_meter_tui.polling.chosen_account import chosen_account, profile_of
from claude_meter_tui.store.store import Store
from claude_meter_tui.system import paths
from claude_meter_tui.system.uptime import system_uptime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from claude_meter_tui.analysis.gathering import Measured
    from claude_meter_tui.analysis.outlook import Outlook
    from claude_meter_tui.domain.windows import Reading
    from claude_meter_tui.turns.transcripts.ledger import Ledger
    from claude_meter_tui.turns.turn import Piece, Turn


class Known(NamedTuple):
    """What the store knows of an account at a moment: `now` by the server's clock, `skew` ahead of the local one.

    `points` are each window's readings of the last eight weeks, (seconds, percent, reset) by the server's clock.
    """

    reading: Reading
    now: datetime
    skew: timedelta
    instances: list[Instance]
    readings: dict[str, int]
    """How many readings each window has in its instance."""
    points: dict[str, list[Measured]]


def known_at(env: Mapping[str, str], at: str | None, account: str | None) -> Known:
    """As it was known at a time (default: now).

    Raises:
        BadUsageError: `at` is not a time, or no account is called so.
        NothingStoredError: no reading is stored (from then).
    """
    given = given_time("--at", at) if at else None
    store = Store.open_existing(paths.store_file(paths.state_dir(env)))
    if store is None:
        raise NothingStoredError
    with store:
        account_id = chosen_account(store, account)
        local = given or datetime.now(UTC)
        if account_id is None:
            account_id = store.account_of_newest(local)
        skew = timedelta(0) if given else store.noted_skew(local, system_uptime())
        document = store.newest(at=given, account_id=account_id, now=local)
        if document is None:
            raise NothingStoredError
        reading = stand_in(document)  # pydantic would cost a third of the command
        points = points_of(store, account_id, local, skew)
    now = local + skew
    instances = [
        instance_of(window, _near(points.get(window.key, []), window.length_seconds, now), now)
        for window in reading.windows
    ]
    readings = {
        instance.window.key: sum(
            reading_at >= instance.since.timestamp() for reading_at, _, _ in points.get(instance.window.key, [])
        )
        if instance.since
        else 0
        for instance in instances
    }
    return Known(reading, now, skew, instances, readings, points)


def _near(points: list[Measured], length: int | None, now: datetime) -> list[Point]:
    """The window's readings as far back as its instance can reach."""
    if length is None:
        return []
    since = now.timestamp() - 2 * length
    return [
        Point(_moment(at), used, None if reset is None else _moment(reset)) for at, used, reset in points if at >= since
    ]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds, 6), UTC)


def analysed(
    env: Mapping[str, str], known: Known, cuts: Sequence[int] = (), *, ahead: bool = True
) -> tuple[Outlook, list[Piece]]:
    """The outlook of an account as it was known, and the pieces of its turns cut at `cuts` (ms)."""

    def both(ledger: Ledger) -> tuple[list[Piece], list[Turn]]:
        return ledger.pieces(cuts) if cuts else [], turns_of(ledger, known.now - known.skew)

    (pieces, turns), _ = with_ledger(profile_of(env, known.reading.account), both)
    return outlook_of(known.reading, known.points, turns, known.now, known.skew, ahead=ahead), pieces
