"""How often the usage endpoint is asked: plain numbers, each with the incident that set it. Knows no store."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple


class Cadence(NamedTuple):
    """How often to ask. The defaults are for the real endpoint; the demo's own server bears more.

    - `base`, `slowest`: while nothing is known of what was used since a reading. claude-meter went from 60 s by way of
      180 s to 900 s before the 429s ended, and up to 1800 s while nothing changes (FACTS §4). After `quiet_after`
      readings in a row that said the same, `quiet`.
    - `doubtful`, `in_doubt`: points of doubt about how full windows are by now from which on a request is worth it, and
      how long after the last reading at the least. `known`, where it is less: at the latest then; `partly_known` where
      some window in use is not estimated (FACTS §7 had 6 points, 5 min, 3 h).
    - `elsewhere`: where `much_elsewhere` (a share of 1) of the use is not seen here; `near_limit`: where a window may
      be at `near` percent; both until `still_after` readings in a row said the same.
    - `plenty`: requests in 24 h up to which that holds; of more, the more doubt is needed, the more there were.
      `sparing`: the same for `base` and `slowest`, which then grow by as much as a day needs to last.
    - `after_wake`: after a sleep, for the network to come up.
    - `after_reset`: past a reset's instant, which jitters by up to 1.9 s; then `again_after` while the server still
      sends the ended window's percentage, for `ended_grace` at the most.
    - `jitter`: the part of a span that is added at random, so that meters do not ask in step.
    - `cushion`: retrying exactly at the end of a wait earned another 3600 s.
    - `ladder`: our own waits after failures, so that `Retry-After: 0` (sent for days) does not become a loop.
    - `at_least`: between two requests whoever wants them, a key included; `after_crash` where the process that sent the
      last one is gone, `under_way` where it is there and has not written down what came (stopped, or the store locked).
    - `daily`, `kept_for_keys`: requests in any 24 h, and how many of them only a person may spend. `scripted` in any
      `scripted_span` are what a script may bring them to.
    """

    base: timedelta = timedelta(minutes=15)
    slowest: timedelta = timedelta(minutes=30)
    quiet_after: int = 8
    quiet: timedelta = timedelta(minutes=60)
    doubtful: float = 4.0
    in_doubt: timedelta = timedelta(minutes=5)
    known: timedelta = timedelta(hours=3)
    much_elsewhere: float = 0.05
    elsewhere: timedelta = timedelta(minutes=20)
    near: float = 70.0
    near_limit: timedelta = timedelta(minutes=15)
    still_after: int = 4
    partly_known: timedelta = timedelta(minutes=60)
    plenty: int = 30
    sparing: int = 40
    after_wake: timedelta = timedelta(seconds=10)
    after_reset: timedelta = timedelta(seconds=20)
    again_after: timedelta = timedelta(seconds=75)
    ended_grace: timedelta = timedelta(minutes=4)
    jitter: float = 0.1
    cushion: timedelta = timedelta(seconds=300)
    ladder: tuple[int, ...] = (75, 180, 300, 600, 1200, 1800)
    at_least: timedelta = timedelta(seconds=60)
    after_crash: timedelta = timedelta(seconds=5)
    under_way: timedelta = timedelta(minutes=15)
    daily: int = 100
    kept_for_keys: int = 10
    scripted: int = 5
    scripted_span: timedelta = timedelta(minutes=150)

    def step(self, failures: int) -> timedelta:
        """The ladder's wait after the n-th failure in a row (n from 1)."""
        return timedelta(seconds=self.ladder[min(max(failures, 1), len(self.ladder)) - 1])


DEMO_CADENCE = Cadence(
    base=timedelta(seconds=10),
    slowest=timedelta(seconds=20),
    quiet=timedelta(seconds=20),
    in_doubt=timedelta(seconds=5),
    known=timedelta(seconds=20),
    partly_known=timedelta(seconds=20),
    plenty=100_000,
    sparing=100_000,
    after_wake=timedelta(seconds=1),
    after_reset=timedelta(seconds=3),
    again_after=timedelta(seconds=5),
    jitter=0.0,
    cushion=timedelta(seconds=5),
    ladder=(5, 10, 20, 30),
    at_least=timedelta(seconds=2),
    daily=100_000,
    kept_for_keys=0,
    scripted=100_000,
)
