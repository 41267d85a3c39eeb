"""How the user wants it shown: windows in which order, which not, under which names; the keys. Light and pure."""

from __future__ import annotations

from copy import copy
from types import MappingProxyType
from typing import NamedTuple

from claude_meter_tui.domain.urgency import WARNING_FROM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claude_meter_tui.domain.windows import Window
    from claude_meter_tui.settings.keys import Changed


class Looks(NamedTuple):
    """`order`: windows' keys that come first; `hide`: those not shown; `labels`: (key, name); `keys`: see `keys`."""

    order: tuple[str, ...] = ()
    hide: frozenset[str] = frozenset()
    labels: tuple[tuple[str, str], ...] = ()
    keys: Changed = MappingProxyType({})

    def arranged(self, windows: tuple[Window, ...]) -> tuple[Window, ...]:
        """The windows as they are to be shown; a hidden one that warns too: it could be the one that stops you."""
        if not (self.order or self.hide or self.labels):
            return windows
        kept = [window for window in windows if window.key not in self.hide or window.utilization >= WARNING_FROM]
        places = {key: place for place, key in enumerate(self.order)}
        kept.sort(key=lambda window: places.get(window.key, len(places)))
        names = dict(self.labels)
        return tuple(_named(window, names.get(window.key)) for window in kept)


def _named(window: Window, name: str | None) -> Window:
    """The window under another name; one from the store, before the first paint, is a plain stand-in, no model."""
    if name is None:
        return window
    if hasattr(window, "model_copy"):
        return window.model_copy(update={"label": name})
    other = copy(window)
    vars(other)["label"] = name
    return other
