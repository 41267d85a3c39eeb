"""How the user wants it shown: which windows, under which names, from when on they warn; the keys. Light and pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from claude_meter_tui.domain.light_reading import altered
from claude_meter_tui.domain.urgency import CRITICAL_FROM, WARNING_FROM, level

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claude_meter_tui.domain.windows import Window
    from claude_meter_tui.settings.choices import Resets
    from claude_meter_tui.settings.keys import Changed


class Thresholds(NamedTuple):
    """From how many percent on a window warns, and from how many that is critical."""

    warning: float = WARNING_FROM
    critical: float = CRITICAL_FROM


class ChartLooks(NamedTuple):
    """`spans`: how many window lengths it begins with; `others`, `forecast`: whether these are drawn."""

    spans: int = 1
    others: bool = True
    forecast: bool = True


class Looks(NamedTuple):
    """What the user can choose of the screen.

    - `order`: windows' keys that come first; `hide`: those not shown; `labels`: (key, name).
    - `keys`: see `settings.keys`.
    - `thresholds`: from when on a window warns.
    - `resets`: whether a row says in how long it clears, at what time, or both.
    - `chart`.
    """

    order: tuple[str, ...] = ()
    hide: frozenset[str] = frozenset()
    labels: tuple[tuple[str, str], ...] = ()
    keys: Changed = MappingProxyType({})
    thresholds: Thresholds = Thresholds()
    resets: Resets = "both"
    chart: ChartLooks = ChartLooks()

    def level(self, utilization: float, severity: str | None = None) -> str:
        """How grave a utilization is, by the user's thresholds or the server's word."""
        return level(utilization, severity, *self.thresholds)

    def arranged(self, windows: tuple[Window, ...]) -> tuple[Window, ...]:
        """The windows as they are to be shown; a hidden one that warns too: it could be the one that stops you."""
        if not (self.order or self.hide or self.labels):
            return windows
        warns = self.thresholds.warning
        kept = [window for window in windows if window.key not in self.hide or window.utilization >= warns]
        places = {key: place for place, key in enumerate(self.order)}
        kept.sort(key=lambda window: places.get(window.key, len(places)))
        names = dict(self.labels)
        return tuple(altered(each, label=names[each.key]) if each.key in names else each for each in kept)
