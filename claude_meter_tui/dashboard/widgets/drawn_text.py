"""The base of every widget: draws styled text from the view, and repaints only when that text is another.

So a tick that changes no visible cell costs no repaint, whatever changed behind it (the idea of Textual's progress
bar, whose validator rounds to what one cell can show).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region
from textual.reactive import reactive
from textual.widget import Widget

from claude_meter_tui.dashboard.crash_notices import Surviving, tell
from claude_meter_tui.dashboard.widgets.chart.braille import as_ascii

if TYPE_CHECKING:
    from textual.app import RenderResult
    from textual.events import MouseEvent
    from textual.geometry import Size

    from claude_meter_tui.dashboard.view import View

Piece = tuple[str, str]
"""Text and its style (`$error`, `bold $accent`, or empty)."""
Line = tuple[Piece, ...]
Lines = tuple[Line, ...]

# One character for one, so that a line is as long in ASCII as it is in Unicode.
_ASCII = str.maketrans(
    dict(zip("━╸─┃▸●○◷✕‖·…–→≈▖▲⏎│┤┊↻↓↑◌▓▒░◆•≥≤×", "=-.|>*oWx=-~->~-!<||:rvno%+.o*><x", strict=True))
    | dict(zip("█▇▆▅▄▃▂▁", "#####==_", strict=True))
)


_DRAWN = itertools.count(1)
_FORGOTTEN_EVERY = 500


class DrawnText(Surviving, Widget, can_focus=False):
    """Draws `draw(view, width, height)`; subclasses give that and nothing else."""

    DEFAULT_CSS = """
    DrawnText { height: 1; width: 1fr; text-wrap: nowrap; text-overflow: clip; }
    """

    view: reactive[View | None] = reactive(None, repaint=False)

    _painted: Lines | None = None
    _painted_of: object = None
    _framed_as: tuple[str, str] = ("", "")

    def draw(self, view: View, width: int, height: int) -> Lines:
        """The lines to show in this size."""
        raise NotImplementedError

    def depends_on(self, view: View) -> object:
        """What the drawing is made from; while it stays equal nothing is drawn. By default: the whole view."""
        return view

    def lines(self) -> Lines:
        """What there is to show now, in this size."""
        view, size = self.view, self.content_size
        if view is None or size.width <= 0 or size.height <= 0:
            return ()
        try:
            lines = tuple(cropped(line, size.width) for line in self.draw(view, size.width, size.height))
        except Exception as error:  # noqa: BLE001 - one part that cannot be drawn must not take the others with it
            tell(self.app, error)
            lines = ((("?", ""),),)
        return tuple(map(to_ascii, lines)) if view.ascii else lines

    def frame(self, view: View, width: int) -> tuple[str, str]:  # noqa: ARG002 - most have no frame of their own
        """What stands in the upper and the lower border, where there are any."""
        return "", ""

    def _name_frame(self) -> None:
        """Not while drawing: the border may be drawn before what it surrounds.

        A title may name what came from outside, so it is text and never markup.
        """
        if self.view is None or not self.content_size.width:
            return
        try:
            named = self.frame(self.view, self.content_size.width)
        except Exception as error:  # noqa: BLE001 - see `lines`
            tell(self.app, error)
            return
        if named == self._framed_as or named == ("", ""):
            return
        self._framed_as = named
        self.border_title, self.border_subtitle = (Content(self._worded(text)) for text in named)

    def on_resize(self) -> None:
        """Another width has room for other words in the border."""
        self._name_frame()

    def _worded(self, text: str) -> str:
        return in_ascii(text) if self.view is not None and self.view.ascii else text

    def watch_view(self) -> None:
        """Repaint if what is on the screen is no longer what there is to show."""
        self._name_frame()
        if self._painted is None or self.view is None or self.depends_on(self.view) == self._painted_of:
            return
        lines = self.lines()
        if lines != self._painted:
            # Only these cells are sent to the terminal: a countdown is four of a hundred.
            self.refresh(*changed_regions(self._painted, lines))

    def render(self) -> RenderResult:
        """The lines as Textual content."""
        self._painted_of = self.depends_on(self.view) if self.view is not None else None
        self._painted = self.lines()
        if next(_DRAWN) % _FORGOTTEN_EVERY == 0:
            _forget_cut_text()
        return self.content_of(self._painted)

    def act(self, event: MouseEvent, action: str) -> None:
        """Let the mouse do what a key does."""
        event.stop()
        self.app.call_later(self.app.run_action, action)

    def content_of(self, lines: Lines) -> Content:
        """Lines as Textual content."""
        return Content("\n").join(Content.assemble(*line) for line in lines)


def _forget_cut_text() -> None:
    """Rich keeps the last 16 384 texts it has cut: 13 MB, of figures that never come again."""
    clear = getattr(getattr(Segment, "_split_cells", None), "cache_clear", None)
    if callable(clear):
        clear()


class GrowingText(DrawnText):
    """A picture as high as its lines (`height: auto`)."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's hook
        """As many lines as there are to show in this width."""
        return len(self._grown(width, viewport.height)) if self.view is not None else 1

    def _grown(self, width: int, height: int) -> Lines:
        try:
            return self.draw(self.view, width, height) if self.view is not None else ()
        except Exception as error:  # noqa: BLE001 - see `lines`
            tell(self.app, error)
            return ((("?", ""),),)

    def watch_view(self) -> None:
        """Another number of lines is another height."""
        view, size = self.view, self.content_size
        if self._painted is not None and view is not None:
            wanted = len(self._grown(size.width, self.app.size.height))
            if wanted != size.height:
                self.refresh(layout=True)
        super().watch_view()


def changed_regions(before: Lines, after: Lines) -> list[Region]:
    """The cells that differ, a run in each line; none of lines that were not there: then all is another."""
    if len(before) != len(after):
        return []
    found = []
    for y, (one, other) in enumerate(zip(before, after, strict=True)):
        if one == other:
            continue
        old, new = _cells(one), _cells(other)
        first = next((x for x, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        same_end = 0
        if len(old) == len(new):
            same_end = next((x for x in range(len(old) - first) if old[-1 - x] != new[-1 - x]), 0)
        found.append(Region(first, y, max(1, max(len(old), len(new)) - first - same_end), 1))
    return found


def _cells(line: Line) -> list[tuple[str, str]]:
    """What stands in each cell; a wide character in both of its cells."""
    found: list[tuple[str, str]] = []
    for text, style in line:
        if text.isascii():
            found += [(sign, style) for sign in text]
        else:
            # A sign that takes no cell belongs to the one before it: then the whole piece counts as one.
            whole = cell_len(text) != sum(cell_len(sign) or -1 for sign in text)
            signs = [text] * cell_len(text) if whole else [sign for sign in text for _ in range(cell_len(sign))]
            found += [(sign, style) for sign in signs]
    return found


def width_of(line: Line) -> int:
    """The cells a line takes (server texts are bounded and printable; wide characters count double)."""
    return sum(cell_len(text) for text, _ in line)


def cropped(line: Line, width: int) -> Line:
    """The line, ending in `…` where it would be wider. Not left to CSS, whose ellipsis knows no ASCII."""
    if width_of(line) <= width:
        return line
    kept: list[Piece] = []
    room = width - 1
    for text, style in line:
        if cell_len(text) > room:
            return (*kept, (set_cell_size(text, room) + "…", style))
        kept.append((text, style))
        room -= cell_len(text)
    return tuple(kept)


def fitted(text: str, width: int) -> str:
    """The text in exactly that many cells: filled up with spaces, or cut with an ellipsis."""
    wide = cell_len(text)
    if wide <= width:
        return text + " " * (width - wide)
    return set_cell_size(text, max(0, width - 1)) + "…"


def first_fitting(width: int, *variants: Line) -> Line:
    """The first variant that fits, from long to short; else the last."""
    return next((line for line in variants if width_of(line) <= width), variants[-1])


def to_ascii(line: Line) -> Line:
    """The line in ASCII, cell for cell; what has no likeness is `?`."""
    return tuple((in_ascii(text), style) for text, style in line)


def in_ascii(text: str) -> str:
    """The text in ASCII, cell for cell."""
    plain = text.translate(_ASCII)
    if plain.isascii():
        return plain
    return "".join(each if each.isascii() else as_ascii(each) for each in plain)
