"""Thin lines in the cells of a text: two dots across and four down in each cell. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Callable

_BLANK = 0x2800
# The dot's bit by (row, column) inside a cell, as Unicode numbers them.
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_MOST = 4


def line_cells(width: int, rows: int, share_at: Callable[[float], float | None]) -> dict[tuple[int, int], str]:
    """The cells of a line: (row from the top, column) → a braille sign.

    Args:
        width: columns.
        rows: rows; the lowest dot is 0, the highest 1.
        share_at: the height, 0 to 1, at a column (fractions: inside it); None: there is no line.
    """
    bits: dict[tuple[int, int], int] = {}
    dots = rows * 4
    before: int | None = None
    for step in range(width * 2):
        share = share_at((step + 0.5) / 2)
        if share is None or not 0 <= share <= 1:
            before = None
            continue
        dot = min(dots - 1, int((1 - share) * dots))
        # A steep line stays one: what lies between two dots is filled, but for a jump (a reset).
        between = range(min(before, dot), max(before, dot) + 1) if before is not None else range(dot, dot + 1)
        for each in between if len(between) <= _MOST * 4 else (dot,):
            cell = each // 4, step // 2
            bits[cell] = bits.get(cell, 0) | _BITS[each % 4][step % 2]
        before = dot
    return {cell: chr(_BLANK + value) for cell, value in bits.items()}


def as_ascii(sign: str) -> str:
    """`'`, `-` or `.`: about where the dots of a braille sign are; `?` for each cell of another sign."""
    value = ord(sign) - _BLANK
    if not 0 <= value <= 0xFF:
        return "?" * cell_len(sign)
    rows = [row for row, bits in enumerate(_BITS) if value & (bits[0] | bits[1])]
    if not rows:
        return " "
    return "'-.."[min(3, round(sum(rows) / len(rows)))] if len(rows) < 4 else ":"
