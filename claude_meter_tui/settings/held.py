"""Every setting that holds, and whence: from a flag's or variable's default, the environment, or the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from claude_meter_tui.settings import settings, toml_file
from claude_meter_tui.system import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

# Environment variables that go before a key of the file.
_VARIABLES = {"api_url": "CLAUDE_METER_API_URL", "web_url": "CLAUDE_METER_WEB_URL"}
_AS_WRITTEN = ("quiet", "windows")
_REMEMBERED = ("theme", "show_left")


class Held(NamedTuple):
    """`name` as in the file (`windows.order`), its `value` in words, `whence` it is, and what it `means`."""

    name: str
    value: str
    whence: str
    means: str


def held(env: Mapping[str, str]) -> list[Held]:
    """All of them, in the file's order.

    Raises:
        BadUsageError: the file is not right.
    """
    text = settings.config_text(env)
    file = paths.tilde(paths.config_file(env), env)
    now = settings.load(env, config=text)
    said: dict[str, Any] = toml_file.values_of(text, file) if text.strip() else {}
    holding = _holding(now)
    found = []
    for name, field in toml_file.fields():
        *table, key = name.split(".")
        written = said.get(table[0], {}).get(key) if table else said.get(key)
        whence = "default" if written is None else file
        value = holding.get(name, written)
        if env.get(variable := _VARIABLES.get(name, "")):
            whence = variable
        if value is None and name in _REMEMBERED:
            value, whence = "as chosen on the screen", "remembered"
        found.append(Held(name, _words(value), whence, field))
    found.append(Held("state", paths.tilde(str(now.state_dir), env), "", "the folder of the store"))
    return found


def _holding(now: settings.Settings) -> dict[str, Any]:
    """What holds, whether it was written or not."""
    simple = ("theme", "ascii", "show_left", "source", "api_url", "web_url", "bridge", "bridge_port")
    return {
        **{name: getattr(now, name) for name in simple},
        "clock": now.hours,
        "resets": now.looks.resets,
        **{f"thresholds.{name}": value for name, value in now.looks.thresholds._asdict().items()},
        **{f"chart.{name}": value for name, value in now.looks.chart._asdict().items()},
        "cadence.minutes": int(now.cadence.base.total_seconds() // 60),
        "cadence.daily": now.cadence.daily,
        **{
            f"alerts.{name}": value
            for name, value in now.alerting._asdict().items()
            if name not in ("quiet", "windows")
        },
    }


def _words(value: object) -> str:
    if value is None or value in ([], {}, ()):
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_words(each)}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
