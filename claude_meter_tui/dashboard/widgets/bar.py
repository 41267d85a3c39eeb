"""Bars in the text of a line: what is used, what is estimated beyond, an even pace, the local share. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_meter_tui.dashboard.widgets.drawn_text import Piece

LEVEL_STYLES = {"normal": "$success", "warning": "$warning", "critical": "$error", "full": "bold $error"}
FLAGS = {"normal": "", "warning": "!", "critical": "!!", "full": "FULL"}
USED, HALF, REST, TIP, PACE, LOCAL = "▄", "▖", "░", "▒", "┃", "◆"
"""The signs of a bar: used, half a cell of it, not used, estimated since the reading, an even pace, the local share."""
_EIGHTHS = "▁▂▃▄▅▆▇█"


def bar(
    width: int, share: float, pace: float | None, style: str, tip: float = 0.0, local: float | None = None
) -> list[Piece]:
    """A bar of `width` cells in half-cell steps, with a marker where an even pace would be.

    `tip` is the share up to which it is estimated to have grown since: drawn lighter, at least one cell. `local` is
    the share the local tokens come to, marked where there is one.

    Anything used shows at least a half cell, and less than all never looks full.
    """
    halves = int(share * width * 2)
    if share > 0:
        halves = max(1, halves)
    if share < 1:
        halves = min(2 * width - 1, halves)
    halves = min(2 * width, max(0, halves))
    full, half = divmod(halves, 2)
    cells = USED * full + HALF * half
    rest = REST * (width - len(cells))
    if tip > share and rest:
        grown = min(len(rest), max(1, round(tip * width) - len(cells)))
        track = [(TIP * grown, style), (rest[grown:], "$meter-track")]
    else:
        track = [(rest, "$meter-track")]
    pieces = [(cells, style), *track]
    at_pace = None if pace is None else _cell(pace, width)
    if local is not None:
        at = _cell(local, width)
        if at == at_pace:  # both are to be seen
            at += 1 if at + 1 < width else -1
        pieces = _marked(pieces, at, (LOCAL, "$meter-local"))
    return pieces if at_pace is None else _marked(pieces, at_pace, (PACE, "$meter-pace"))


def _cell(share: float, width: int) -> int:
    return min(width - 1, max(0, int(share * width)))


def _marked(pieces: list[Piece], at: int, mark: Piece) -> list[Piece]:
    """The pieces with a marker in one cell."""
    found: list[Piece] = []
    for text, style in pieces:
        if 0 <= at < len(text):
            found += [(text[:at], style), mark, (text[at + 1 :], style)]
        else:
            found.append((text, style))
        at -= len(text)
    return found


def sparkline(shares: Sequence[float | None]) -> str:
    """A column a share (0 to 1), its height an eighth a step; a blank where nothing is known."""
    return "".join(
        " " if share is None else _EIGHTHS[min(7, max(0, round(share * 7)))] if share > 0 else _EIGHTHS[0]
        for share in shares
    )
