"""The TOML file's keys, validated by pydantic. Only imported where there is such a file (see `settings.py`)."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.foreign_text import shown as clean
from claude_meter_tui.domain.urgency import CRITICAL_FROM, WARNING_FROM
from claude_meter_tui.settings.alerting import quiet_hours
from claude_meter_tui.settings.choices import (
    THEME_NAME_PATTERN,
    AskingSource,
    Resets,
    ThemeName,
)
from claude_meter_tui.settings.keys import clean_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_KEYS = 64
Key = Annotated[str, StringConstraints(min_length=1, max_length=80)]
OwnThemeName = Annotated[str, StringConstraints(pattern=THEME_NAME_PATTERN)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class WindowsTable(_Table):
    """`[windows]`: how the rows are shown. Keys are those of `status --format json`."""

    order: list[Key] | None = Field(default=None, max_length=_MOST_KEYS, description="these windows first")
    hide: list[Key] | None = Field(default=None, max_length=_MOST_KEYS, description="not shown below 75 %")
    labels: dict[Key, Label] | None = Field(default=None, max_length=_MOST_KEYS, description="other names")


class ThresholdsTable(_Table):
    """`[thresholds]`: from how many percent on a window warns."""

    warning: float | None = Field(default=None, ge=1, le=100, description="from so many percent on a window has `!`")
    critical: float | None = Field(default=None, ge=1, le=100, description="from so many percent on it has `!!`")

    @model_validator(mode="after")
    def _in_order(self) -> ThresholdsTable:
        if (self.warning or WARNING_FROM) > (self.critical or CRITICAL_FROM):
            raise PydanticCustomError("order", "warning must not be above critical")
        return self


class ChartTable(_Table):
    """`[chart]`: what it draws."""

    spans: int | None = Field(default=None, ge=1, le=8, description="how many window lengths it begins with")
    others: bool | None = Field(default=None, description="the other windows as thin lines")
    forecast: bool | None = Field(default=None, description="the likely course and its range")


class CadenceTable(_Table):
    """`[cadence]`: how often the server is asked; not more often than what it bears."""

    minutes: int | None = Field(default=None, ge=15, le=240, description="between two readings while nothing presses")
    daily: int | None = Field(default=None, ge=20, le=100, description="requests in any 24 hours at the most")


Percent = Annotated[float, Field(ge=1, le=1000)]
Levels = Annotated[list[Percent], Field(max_length=10)]


class AlertsTable(_Table):
    """`[alerts]`: what is told, and how."""

    by: list[Literal["bell", "terminal", "desktop", "command"]] | None = Field(
        default=None, max_length=4, description="the ways to tell; [] tells nothing"
    )
    at: Levels | None = Field(default=None, description="percent at which a window is told of")
    windows: dict[Key, Levels] | None = Field(default=None, max_length=_MOST_KEYS, description="of single windows")
    forecast: int | None = Field(default=None, ge=0, le=1440, description="minutes within which one likely fills")
    sure: float | None = Field(default=None, ge=50, le=99, description="how likely that must be, in percent")
    cleared: bool | None = Field(default=None, description="that a window that was near full has begun anew")
    limit_changed: bool | None = Field(default=None, description="that a limit seems to have changed")
    estimates: bool | None = Field(default=None, description="whether an estimate is enough")
    quiet: str | None = Field(default=None, max_length=20, description="hours in which nothing is told")
    command: list[Annotated[str, StringConstraints(min_length=1, max_length=500)]] | None = Field(
        default=None, max_length=20, description="a program and its arguments, fed with JSON"
    )
    terminal: Literal["auto", "osc9", "osc777", "osc99"] | None = Field(
        default=None, description="which sequence the terminal understands"
    )

    @field_validator("quiet")
    @classmethod
    def _are_hours(cls, text: str | None) -> str | None:
        try:
            quiet_hours(text or "")
        except ValueError:
            raise PydanticCustomError("quiet", 'it must be like "22:00-07:00"') from None
        return text

    @model_validator(mode="after")
    def _has_a_command(self) -> AlertsTable:
        if "command" in (self.by or ()) and not self.command:
            raise PydanticCustomError("command", "the way `command` needs a `command`")
        return self


class ConfigFile(_Table):
    """The keys of the TOML file; every one optional, an unknown one is an error that names it."""

    theme: ThemeName | OwnThemeName | None = Field(default=None, description="the colours; also a file in themes/")
    ascii: bool | None = Field(default=None, description="only ASCII on the screen")
    show_left: bool | None = Field(default=None, description="what is left instead of what is used")
    api_url: str | None = Field(default=None, description="for tests and proxies: https, or http on loopback")
    web_url: str | None = Field(default=None, description="the same for claude.ai")
    source: AskingSource | None = Field(default=None, description="whom to ask")
    bridge: bool | None = Field(default=None, description="hear claude-meter's browser extension")
    bridge_port: int | None = Field(default=None, ge=1, le=65535, description="where it posts to")
    clock: Literal[12, 24] | None = Field(default=None, description="how times of day are written")
    resets: Resets | None = Field(default=None, description="in how long a window clears, at what time, or both")
    windows: WindowsTable | None = None
    thresholds: ThresholdsTable | None = None
    chart: ChartTable | None = None
    cadence: CadenceTable | None = None
    alerts: AlertsTable | None = None
    keys: dict[Key, Key | list[Key]] | None = Field(
        default=None, max_length=_MOST_KEYS, description="other keys for the actions of the dashboard"
    )

    @field_validator("keys")
    @classmethod
    def _are_keys(cls, wanted: dict[str, str | list[str]] | None) -> dict[str, str | list[str]] | None:
        try:
            clean_keys(wanted or {})
        except ValueError as error:
            name, reason = error.args
            raise PydanticCustomError("keys", "{reason}", {"reason": reason, "name": name}) from None
        return wanted


TEMPLATE = """\
# claude-meter-tui: every key is optional; `claude-meter-tui config check` says whether all is right.

# theme = "dark"          # dark, light, contrast, colorblind, terminal, or a file of yours in themes/
# ascii = false
# show_left = false       # what is left instead of what is used
# clock = 24              # or 12
# resets = "both"         # in how long a window clears ("in"), at what time ("at"), or both
# source = "oauth"        # whom to ask: oauth (Claude Code's login) or browser
# bridge = false          # take what claude-meter's browser extension posts
# bridge_port = 63762

# [windows]               # keys as `claude-meter-tui status --format json` names them
# order = ["seven_day_opus", "five_hour"]
# hide = ["seven_day_cowork"]     # shown all the same from 75 % on

# [windows.labels]
# seven_day_opus = "Opus week"

# [thresholds]            # from how many percent on a window warns
# warning = 75
# critical = 90

# [chart]
# spans = 1               # how many window lengths it begins with
# others = true           # the other windows as thin lines
# forecast = true         # the likely course and its range

# [cadence]
# minutes = 15            # between two readings while nothing presses, 15 at the least
# daily = 100             # requests in any 24 hours at the most

# [alerts]                # `claude-meter-tui alerts test` tries them
# by = ["bell"]           # and "terminal", "desktop", "command"; [] tells nothing
# at = [90, 100]          # percent at which a window is told of, once until it has cleared
# forecast = 60           # that one likely fills within so many minutes; 0 for never
# sure = 80               # how likely that must be, in percent
# cleared = true          # that a window that was near full has begun anew
# limit_changed = true    # that a limit seems to have changed
# estimates = false       # whether an estimate is enough
# quiet = "22:00-07:00"   # what still holds then is told afterwards
# command = ["notify-send", "Claude"]   # a program of yours, fed with JSON; no shell
# terminal = "auto"       # or "osc9", "osc777", "osc99"

# [alerts.windows]        # other percentages of single windows
# five_hour = [80, 95]

# [keys]                  # the names are in `claude-meter-tui config keys`
# read = "R"
# next = ["n", "down"]
"""


def fields() -> Iterator[tuple[str, str]]:
    """(name, what it means) of every key of the file: `theme`, `windows.order`."""
    for name, field in ConfigFile.model_fields.items():
        table = next((each for each in get_args(field.annotation) if isinstance(each, type)), None)
        if table is not None and issubclass(table, BaseModel):
            yield from ((f"{name}.{key}", each.description or "") for key, each in table.model_fields.items())
        else:
            yield name, field.description or ""


def values_of(text: str, shown: str) -> dict[str, Any]:
    """The values set in a TOML text; `shown` is how to name the file.

    Raises:
        BadUsageError: not TOML, or a key that is unknown or of the wrong kind; the sentence names the line.
    """
    try:
        return ConfigFile.model_validate(tomllib.loads(text)).model_dump(exclude_none=True)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadUsageError(f"{shown} is not TOML ({error}).", "Mend it or move it away.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = [part for part in first["loc"] if part != "[key]"]
        if name := first.get("ctx", {}).get("name"):
            place.append(name)
        reason = "there is no such key" if first["type"] == "extra_forbidden" else str(first["msg"])
        raise wrong_line(shown, text, place, reason) from None


def wrong_line(file: str, text: str, place: Sequence[int | str], reason: str) -> BadUsageError:
    """What is wrong with a value of a TOML text, with its line."""
    line = line_of(text, place)
    where, name = f"{file}, line {line}" if line else file, ".".join(clean(str(part)) for part in place)
    return BadUsageError(f"{where}: {name}: {reason}.", "Mend that line.")


def line_of(text: str, place: Sequence[int | str]) -> int | None:
    """The line a value stands on, counted from 1: of its key, or of the nearest table around it."""
    names = [part for part in place if isinstance(part, str)]
    table: list[str] = []
    found: int | None = None
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[{1,2}\s*([^\]]+?)\s*\]", line)
        if head:
            table = _parts(head[1])
            key: list[str] = []
        else:
            assigned = re.match(r"\s*([^=#]+?)\s*=", line)
            if not assigned:
                continue
            key = _parts(assigned[1])
        whole = [*table, *key]
        same = len(whole) if names[: len(whole)] == whole else 0
        if same > depth:
            found, depth = number, same
    return found


def _parts(name: str) -> list[str]:
    return [part.strip().strip("\"'") for part in name.split(".")]
