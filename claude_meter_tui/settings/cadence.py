"""How often the usage endpoint is asked: plain numbers, each with the incident that set it. Knows no store."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple


class Cadence(NamedTuple):
    """How often to ask. The defaults are for the real endpoint; the demo's own server bears more.

    - `base`, `slowest`: claude-meter went from 60 s by way of 180 s to 900 s before the 429s ended, and up to 1800 s
      while nothing changes (FACTS §4).
    - `cushion`: retrying exactly at the end of a wait earned another 3600 s.
    - `ladder`: our own waits after failures, so that `Retry-After: 0` (sent for days) does not become a loop.
    - `at_least`: between two requests whoever wants them, a key included.
    - `after_reset`: past a reset's instant, which jitters by up to 1.9 s; then `again_after` while the server still
      sends the ended window's percentage, for `ended_grace` at the most.
    - `doubtful`, `certain`: points of doubt about how full windows are by now, from which on `in_doubt` after the last
      reading is soon enough, and up to which `slowest` is (FACTS §7). Doubt stops counting once `doubts` of a day's
      requests are spent: what is left is for the rest of the day.
    - `daily`, `kept_for_keys`: requests in any 24 h, and how many of them only a person may spend.
    """

    base: timedelta = timedelta(minutes=15)
    slowest: timedelta = timedelta(minutes=30)
    cushion: timedelta = timedelta(seconds=300)
    ladder: tuple[int, ...] = (75, 180, 300, 600, 1200, 1800)
    at_least: timedelta = timedelta(seconds=60)
    after_reset: timedelta = timedelta(seconds=20)
    again_after: timedelta = timedelta(seconds=75)
    ended_grace: timedelta = timedelta(minutes=4)
    daily: int = 100
    kept_for_keys: int = 10
    doubtful: float = 6.0
    certain: float = 1.5
    in_doubt: timedelta = timedelta(minutes=5)
    doubts: int = 50

    def step(self, failures: int) -> timedelta:
        """The ladder's wait after the n-th failure in a row (n from 1)."""
        return timedelta(seconds=self.ladder[min(max(failures, 1), len(self.ladder)) - 1])


DEMO_CADENCE = Cadence(
    base=timedelta(seconds=10),
    slowest=timedelta(seconds=20),
    cushion=timedelta(seconds=5),
    ladder=(5, 10, 20, 30),
    at_least=timedelta(seconds=2),
    in_doubt=timedelta(seconds=5),
    after_reset=timedelta(seconds=3),
    again_after=timedelta(seconds=5),
    daily=100_000,
    kept_for_keys=0,
)
