"""The catalogue of window names: what a key is called, its group, its length and its model (FACTS §1). Light.

The server sends neither labels nor lengths. It must not know a body nor the screen.
"""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claude_meter_tui.domain.windows import Group

FIVE_HOURS = 5 * 3600
SEVEN_DAYS = 7 * 86400


class Name(NamedTuple):
    """How a window is shown and grouped; `length` in seconds, None where it is not known."""

    label: str
    group: Group
    length: int | None
    model: str | None = None
    surface: str | None = None


# "Claude Design" and "Cowork" are how peers show these two code names (FACTS §1).
NAMED: dict[str, Name] = {
    "five_hour": Name("5-hour", "session", FIVE_HOURS),
    "seven_day": Name("7-day", "weekly", SEVEN_DAYS),
    "seven_day_opus": Name("7-day Opus", "weekly", SEVEN_DAYS, model="Opus"),
    "seven_day_sonnet": Name("7-day Sonnet", "weekly", SEVEN_DAYS, model="Sonnet"),
    "seven_day_oauth_apps": Name("7-day apps", "weekly", SEVEN_DAYS, surface="oauth_apps"),
    "seven_day_omelette": Name("Design", "weekly", SEVEN_DAYS, surface="omelette"),
    "seven_day_cowork": Name("Cowork", "weekly", SEVEN_DAYS, surface="cowork"),
    # A gateway's budget, which only the status line names: its length is whatever its period is (FACTS §2).
    "spend_limit": Name("spend limit", "other", None),
}


def name_of(key: str) -> Name:
    """Label, group and length of a window known only by its key (an unknown window, an imported row)."""
    if known := NAMED.get(key):
        return known
    kind, _, scope = key.partition(":")
    if scope:
        group: Group = "weekly" if kind.startswith("weekly") else "other"
        label = scope.replace("_", " ").title()
        return Name(label, group, SEVEN_DAYS if group == "weekly" else None, model=label)
    if key.startswith("seven_day_"):
        return Name("7-day " + key.removeprefix("seven_day_").replace("_", " "), "weekly", SEVEN_DAYS)
    return Name(key.replace("_", " "), "other", None)
