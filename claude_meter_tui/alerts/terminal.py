"""A notification as the terminal's own escape sequence, also through tmux and screen.

OSC 9 (iTerm2, WezTerm, Ghostty, kitty), OSC 777 (urxvt, foot), OSC 99 (kitty). tmux passes a sequence on where its
`allow-passthrough` is on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.alerts.texts import TITLE

if TYPE_CHECKING:
    from collections.abc import Mapping

_ESC, _BEL, _END = "\x1b", "\a", "\x1b\\"
# By what their terminal sets, also inside tmux, which keeps the environment it was started in.
_BY_VARIABLE = (("KITTY_WINDOW_ID", "osc99"), ("WEZTERM_PANE", "osc9"), ("ITERM_SESSION_ID", "osc9"))
_BY_NAME = {"foot": "osc777", "rxvt": "osc777", "kitty": "osc99", "ghostty": "osc9", "wezterm": "osc9"}
# A screen passes on no longer piece than that.
_SCREEN_PIECE = 250


def sequence(text: str, wanted: str, env: Mapping[str, str]) -> str:
    """What to write to the terminal for a notification.

    Args:
        text: without control characters.
        wanted: `osc9`, `osc777`, `osc99`; `auto`: what the environment says the terminal understands, else `osc9`.
        env: the environment.
    """
    kind = terminal_of(env) if wanted == "auto" else wanted
    plain = "".join(char for char in text if char.isprintable())
    if kind == "osc777":
        made = f"{_ESC}]777;notify;{TITLE};{plain.replace(';', ',')}{_BEL}"
    elif kind == "osc99":
        made = f"{_ESC}]99;i={TITLE}:d=0;{TITLE}{_END}{_ESC}]99;i={TITLE}:d=1:p=body;{plain}{_END}"
    else:
        made = f"{_ESC}]9;{TITLE}: {plain}{_BEL}"
    return through(made, env)


def terminal_of(env: Mapping[str, str]) -> str:
    """Which sequence the terminal understands, by what it puts into the environment."""
    for name, kind in _BY_VARIABLE:
        if env.get(name):
            return kind
    said = f"{env.get('TERM_PROGRAM', '')} {env.get('LC_TERMINAL', '')} {env.get('TERM', '')}".lower()
    return next((kind for name, kind in _BY_NAME.items() if name in said), "osc9")


def through(made: str, env: Mapping[str, str]) -> str:
    """The sequence so that tmux or screen, where it runs in one, passes it on."""
    if env.get("TMUX"):
        return f"{_ESC}Ptmux;{made.replace(_ESC, _ESC * 2)}{_END}"
    if env.get("STY"):
        pieces = (made[start : start + _SCREEN_PIECE] for start in range(0, len(made), _SCREEN_PIECE))
        return "".join(f"{_ESC}P{piece}{_END}" for piece in pieces)
    return made
