"""The names a person can choose from, in one place: themes, and sources that ask."""

from __future__ import annotations

from typing import Literal, get_args

ThemeName = Literal["dark", "light", "contrast", "colorblind", "terminal"]
AskingSource = Literal["oauth", "browser"]
Resets = Literal["both", "in", "at"]

THEME_NAME_PATTERN = "^[a-z0-9][a-z0-9_-]{0,29}$"
THEME_NAMES: tuple[str, ...] = get_args(ThemeName)
ASKING_SOURCES: tuple[str, ...] = get_args(AskingSource)
