"""A line to type letters into: the windows whose names have them stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

_LONGEST = 40


class FilterScreen(ModalScreen[None]):
    """In the place of the keys, while it is typed in; enter keeps the filter, escape ends it.

    Args:
        letters: to begin with.
        filter_by: told the letters at every change.
    """

    CSS_PATH = "screens.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "end", "All windows", priority=True)]

    def __init__(self, letters: str, filter_by: Callable[[str], None]) -> None:
        super().__init__()
        self._letters, self._filter_by = letters, filter_by

    def compose(self) -> ComposeResult:
        """One line."""
        yield Input(self._letters, placeholder="letters of a window's name; enter keeps, esc ends", max_length=_LONGEST)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        self._filter_by(event.value.strip())

    def on_input_submitted(self) -> None:
        """Keep it."""
        self.dismiss()

    def action_end(self) -> None:
        """No filter."""
        self._filter_by("")
        self.dismiss()
