"""When the user wants to be told of something, and how. Light and pure."""

from __future__ import annotations

from datetime import datetime, time
from types import MappingProxyType
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

CHANNELS = ("bell", "terminal", "desktop", "command")
TERMINALS = ("auto", "osc9", "osc777", "osc99")


class Alerting(NamedTuple):
    """The `[alerts]` of the file.

    - `by`: the ways to tell; none: nobody is told anything.
    - `at`: percent at which a window is told of; `windows`: of single ones, by key.
    - `forecast`: minutes; a window that likely fills within is told of; 0: none is. `sure`: from how many percent on.
    - `cleared`: whether it is told that a window that was near full has begun anew.
    - `limit_changed`: whether it is told that a point seems to buy more or less than before.
    - `estimates`: whether an estimate is enough to be told of a percentage.
    - `quiet`: from when to when nothing is told, by the local time of day; what still holds then is told afterwards.
    - `command`: a program and its arguments, fed with JSON. `terminal`: which sequence the terminal understands.
    """

    by: tuple[str, ...] = ("bell",)
    at: tuple[float, ...] = (90.0, 100.0)
    windows: Mapping[str, tuple[float, ...]] = MappingProxyType({})
    forecast: int = 60
    sure: float = 80.0
    cleared: bool = True
    limit_changed: bool = True
    estimates: bool = False
    quiet: tuple[time, time] | None = None
    command: tuple[str, ...] = ()
    terminal: str = "auto"

    def thresholds(self, key: str) -> tuple[float, ...]:
        """The percentages at which a window is told of."""
        return self.windows.get(key, self.at)

    def is_quiet(self, now: datetime) -> bool:
        """Whether nothing is told at a moment."""
        if self.quiet is None:
            return False
        begin, end = self.quiet
        moment = now.astimezone().time()
        return begin <= moment < end if begin <= end else moment >= begin or moment < end


def alerting_of(table: dict[str, Any]) -> Alerting:
    """What a validated `[alerts]` table says."""
    given = dict(table)
    if "quiet" in given:
        given["quiet"] = quiet_hours(given["quiet"])
    if "windows" in given:
        given["windows"] = {key: tuple(map(float, each)) for key, each in given["windows"].items()}
    for name in ("by", "at", "command"):
        if name in given:
            given[name] = tuple(given[name])
    return Alerting(**given)


def quiet_hours(text: str) -> tuple[time, time] | None:
    """`22:00-07:00` → the two times; None for an empty text.

    Raises:
        ValueError: it is no such thing.
    """
    if not text.strip():
        return None
    begin, end = (time.fromisoformat(part.strip()) for part in text.replace("–", "-").split("-"))
    if begin == end or begin.tzinfo or end.tzinfo:
        raise ValueError(text)
    return begin, end
