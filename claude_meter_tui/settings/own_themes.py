"""Themes of the user's own: one TOML file each, in the folder `themes` beside the settings' file.

Only what is listed here can be set; the rest is of the theme they are `like`. It knows no Textual.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.foreign_text import shown
from claude_meter_tui.settings.choices import THEME_NAME_PATTERN, THEME_NAMES
from claude_meter_tui.system import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

COLOURS = (
    *("accent", "success", "warning", "error", "primary", "secondary"),
    *("foreground", "background", "surface", "panel"),
)
VARIABLES = ("track", "pace", "countdown", "local", "line", "others", "border")
_LIKE = tuple(name for name in THEME_NAMES if name != "terminal")
_LARGEST = 1 << 16
_MOST = 50


class OwnTheme(NamedTuple):
    """`like`: the theme it changes; `colours`: those it sets, as `#rrggbb`, by the names above."""

    name: str
    like: str
    colours: tuple[tuple[str, str], ...]


def names(env: Mapping[str, str]) -> tuple[str, ...]:
    """Those there are; one of ours cannot be replaced."""
    try:
        files = sorted(os.listdir(paths.themes_dir(env)))  # noqa: PTH208
    except OSError:
        return ()
    found = [name.removesuffix(".toml") for name in files if name.endswith(".toml")]
    return tuple(name for name in found if re.match(THEME_NAME_PATTERN, name) and name not in THEME_NAMES)[:_MOST]


def load(name: str, env: Mapping[str, str]) -> OwnTheme:
    """One theme.

    Raises:
        BadUsageError: there is no such file, or it is not right; the sentence names the line.
    """
    import tomllib

    path = os.path.join(paths.themes_dir(env), f"{name}.toml")  # noqa: PTH118
    file = shown(paths.tilde(path, env))
    try:
        text = paths.read_regular(path, _LARGEST).decode()
        values = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadUsageError(f"{file} is no theme ({shown(reason)}).", "Mend it or move it away.") from None
    like = values.pop("like", "dark")
    wrong = None if like in _LIKE else ("like", f"it must be one of {', '.join(_LIKE)}")
    for key, value in values.items():
        if key not in COLOURS and key not in VARIABLES:
            wrong = wrong or (key, "there is no such colour")
        elif not isinstance(value, str) or not re.fullmatch("#[0-9a-fA-F]{6}", value):
            wrong = wrong or (key, "it must be a colour like #5fa8d3")
    if wrong is not None:
        from claude_meter_tui.settings.toml_file import wrong_line

        key, reason = wrong
        raise wrong_line(file, text, [key], reason)
    return OwnTheme(name, str(like), tuple(values.items()))
