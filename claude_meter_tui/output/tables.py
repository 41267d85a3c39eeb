"""What the commands' tables share: a name from outside is text in a cell, never rich's markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.domain.foreign_text import shown

if TYPE_CHECKING:
    from rich.text import Text


def cell(name: str) -> Text:
    """A folder, model, session, window or account as a table's cell."""
    from rich.text import Text

    return Text(shown(name))
