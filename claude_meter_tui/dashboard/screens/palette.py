"""Textual's command palette, with what small terminals need; its looks are read when it is first opened."""

from __future__ import annotations

from textual.command import CommandPalette


class Palette(CommandPalette):
    """Everything that can be done here, found by typing."""

    CSS_PATH = "palette.tcss"
