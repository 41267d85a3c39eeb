"""The five looks. Level colours are `success`, `warning`, `error`; a flag beside the figure always says the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.theme import Theme

from claude_meter_tui.settings.own_themes import VARIABLES

if TYPE_CHECKING:
    from claude_meter_tui.settings.own_themes import OwnTheme

_OKABE_ITO = {"blue": "#56B4E9", "orange": "#E69F00", "vermillion": "#FF7A33"}


def _variables(
    track: str, pace: str, countdown: str, *, local: str, line: str, others: str, border: str
) -> dict[str, str]:
    """The colours beside Textual's own.

    The track of a bar, the mark of an even pace, quiet text, what is local, lines in the chart (the even pace and the
    fan), the other windows there, and borders.
    """
    return {
        "meter-track": track,
        "meter-pace": pace,
        "meter-countdown": countdown,
        "meter-local": local,
        "meter-line": line,
        "meter-others": others,
        "meter-border": border,
    }


THEME_WORDS = {
    "dark": "a dark background",
    "light": "a light background",
    "contrast": "bright on black",
    "colorblind": "told apart with any colour vision",
    "terminal": "the terminal's own 16 colours and background",
}
"""What each is for, in words."""
THEMES = (
    Theme(
        name="dark",
        primary="#5FA8D3",
        secondary="#62B6CB",
        accent="#E8A87C",
        success="#7BC47F",
        warning="#F2C14E",
        error="#F0706A",
        foreground="#DADFE6",
        background="#14171C",
        surface="#1A1E25",
        panel="#232933",
        variables=_variables(
            "#6A7585", "#FFFFFF", "#9AA5B4", local="#C49BE8", line="#93A4BC", others="#6F7D91", border="#4F7F9E"
        ),
    ),
    Theme(
        name="light",
        primary="#1F6F9F",
        secondary="#2A7F86",
        accent="#A2481C",
        success="#23763A",
        warning="#8A5A00",
        error="#B3261E",
        foreground="#20242A",
        background="#FAFAF7",
        surface="#F1F1EC",
        panel="#E4E5DF",
        dark=False,
        variables=_variables(
            "#7E858E", "#000000", "#565E68", local="#7A3EA8", line="#5A6675", others="#767E88", border="#1F6F9F"
        ),
    ),
    Theme(
        name="contrast",
        primary="#FFFFFF",
        secondary="#FFFFFF",
        accent="#00FFFF",
        success="#00FF5F",
        warning="#FFFF00",
        error="#FF5F5F",
        foreground="#FFFFFF",
        background="#000000",
        surface="#000000",
        panel="#1C1C1C",
        variables=_variables(
            "#8C8C8C", "#FFFFFF", "#FFFFFF", local="#FF9CFF", line="#FFFFFF", others="#9A9A9A", border="#FFFFFF"
        ),
    ),
    # Okabe & Ito (2008): told apart with any of the common colour vision deficiencies.
    Theme(
        name="colorblind",
        primary="#0072B2",
        secondary="#56B4E9",
        accent="#F0E442",
        success=_OKABE_ITO["blue"],
        warning=_OKABE_ITO["orange"],
        error=_OKABE_ITO["vermillion"],
        foreground="#E6E6E6",
        background="#101318",
        surface="#171B22",
        panel="#222833",
        variables=_variables(
            "#6F7885", "#FFFFFF", "#A9B0BA", local="#CC79A7", line="#9AA7B6", others="#727D8A", border="#4C8DB8"
        ),
    ),
    # The terminal's own 16 colours and background.
    Theme(
        name="terminal",
        ansi=True,
        primary="ansi_blue",
        secondary="ansi_cyan",
        accent="ansi_cyan",
        success="ansi_green",
        warning="ansi_yellow",
        error="ansi_red",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables={
            **_variables(
                "ansi_bright_black",
                "ansi_default",
                "ansi_default",
                local="ansi_magenta",
                line="ansi_default",
                others="ansi_bright_black",
                border="ansi_bright_black",
            ),
            "ansi-background": "ansi_black",
            "ansi-foreground": "ansi_white",
            "block-cursor-foreground": "ansi_black",
            "block-cursor-background": "ansi_white",
            "border": "ansi_blue",
            "border-blurred": "ansi_bright_black",
        },
    ),
)


def own_theme(own: OwnTheme) -> Theme:
    """A theme of the user's, made from the one it is like."""
    like = next(known for known in THEMES if known.name == own.like)
    colours: dict[str, Any] = {}
    variables = dict(like.variables)
    for name, colour in own.colours:
        if name in VARIABLES:
            variables[f"meter-{name}"] = colour
        else:
            colours[name] = colour
    return replace(like, name=own.name, variables=variables, **colours)
