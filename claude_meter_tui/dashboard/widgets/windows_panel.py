"""The windows' table: its heads, a gauge for each window, and the money; the window that stops first is never left out.

One widget draws it all: with one for each row Textual styles, places and composes a dozen before the first paint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from claude_meter_tui.dashboard.widgets.columns import EXTRA_LABEL, heads, labels_of, layout
from claude_meter_tui.dashboard.widgets.drawn_text import DrawnText, Line, Lines, first_fitting
from claude_meter_tui.dashboard.widgets.gauge import gauge_line, shown_of
from claude_meter_tui.dashboard.widgets.lines import extra_line

if TYPE_CHECKING:
    from textual.events import Click, MouseScrollDown, MouseScrollUp

    from claude_meter_tui.dashboard.view import View

_QUIET = "$meter-countdown"
# No key of a window has a control character.
_HEADS, _EXTRA, _MORE = "\0heads", "\0extra", "\0more"
_LEGENDS = (
    "▄ used  ▒ ≈ estimated since  ┃ even pace  ◆ local tokens  ! from {:.0f}  !! from {:.0f}",
    "▄ used  ▒ estimated  ┃ even pace  ◆ local  ! {:.0f}  !! {:.0f}",
    "▄ used  ▒ since  ┃ pace  ◆ local",
    "",
)


class WindowsPanel(DrawnText):
    """Gauges in their usual order while all fit; else the most pressing first, the first of them always shown."""

    room = 1
    """How many lines there are for heads and gauges: the screen says so before the layout is made."""
    tiny = False

    class Picked(Message):
        """A window's line was clicked; `opened`: twice."""

        def __init__(self, key: str, *, opened: bool) -> None:
            super().__init__()
            self.key, self.opened = key, opened

    def given(self, room: int, *, tiny: bool) -> None:
        """Take another number of lines."""
        self.room, self.tiny = room, tiny

    def frame(self, view: View, width: int) -> tuple[str, str]:
        """Its name, what is filtered, and the signs."""
        title = "windows, what is left" if view.show_left else "windows"
        if view.filter:
            count = len(view.matching)
            found = f"{count} of {len(view.windows)} with" if count else "none has"
            title += f", {found} “{view.filter}”"
        legends = [each.format(*view.looks.thresholds) for each in _LEGENDS]
        return title, next((each for each in legends if len(each) + 3 <= width), "")

    def draw(self, view: View, width: int, height: int) -> Lines:  # noqa: ARG002 - as many as `rows` says
        """A line for each of `rows`."""
        columns = layout(width, labels_of(view), view.looks.resets)
        windows, chosen = {window.key: window for window in view.listed}, view.chosen
        drawn: list[Line] = []
        for row in self.rows(view):
            if (window := windows.get(row)) is not None:
                shown, selected = shown_of(window, view), chosen is not None and row == chosen.key
                line = gauge_line(window, view.true_now, columns, shown, selected=selected, show_left=view.show_left)
            elif row == _HEADS:
                line = heads(columns, show_left=view.show_left)
            else:
                line = extra_line(view, width, columns) if row == _EXTRA else self._more(view, width)
            drawn.append(line)
        return tuple(drawn)

    def rows(self, view: View) -> list[str]:
        """What stands in each line: the heads, windows by their keys, the money, what is left out."""
        keys = self.shown_keys(view)
        left_out = len(keys) < len(view.listed)
        extra = view.lists_money
        fits = extra and not left_out and len(keys) < self.room
        rows = [*keys, *([_EXTRA] if fits else [])]
        if (left_out or (extra and not fits)) and len(keys) < self.room:
            rows.append(_MORE)
        return [_HEADS, *rows] if not self.tiny and not left_out and len(rows) < self.room else rows

    def _more(self, view: View, width: int) -> Line:
        """Which have no line here: nothing is left out without a sign."""
        keys = self.shown_keys(view)
        names = [window.label for window in view.listed if window.key not in keys]
        names += [EXTRA_LABEL] if view.lists_money else []
        start = f"  + {len(names)} more"
        variants = [((f"{start}: {', '.join(names[:count])}", _QUIET),) for count in range(len(names), 0, -1)]
        return first_fitting(width, *variants, ((start, _QUIET),))

    def shown_keys(self, view: View) -> list[str]:
        """The windows shown on this screen, in their order."""
        return visible_keys(
            view,
            self.room,
            urgent_first=self.tiny,
            sign=not self.tiny and self.room >= 4,
            extra=view.lists_money and not self.tiny,
        )

    def on_click(self, event: Click) -> None:
        """Tell the app which window's line it was."""
        event.stop()
        inside = event.get_content_offset(self)
        rows = self.rows(self.view) if self.view is not None else []
        row = rows[inside.y] if inside is not None and 0 <= inside.y < len(rows) else ""
        if self.view is not None and any(window.key == row for window in self.view.listed):
            self.post_message(self.Picked(row, opened=event.chain > 1))

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """The next window."""
        self.act(event, "select(1)")

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """The previous window."""
        self.act(event, "select(-1)")


def visible_keys(view: View, room: int, *, urgent_first: bool, sign: bool = False, extra: bool = False) -> list[str]:
    """Which windows to show, in order.

    All in their usual order if they fit, unless `urgent_first`; else by urgency, the first always, and of the others
    a run that holds the selected one. `sign`: where some are left out, a line is left for saying so; `extra`: there
    is a row of money besides.
    """
    listed = [window.key for window in view.listed]
    if len(listed) + extra <= room and not urgent_first:
        return listed
    ranked = [window.key for window in view.pressing if window.key in listed]
    if len(ranked) + extra <= room:
        return ranked
    room -= sign
    if len(listed) <= room and not urgent_first:
        return listed
    chosen = view.chosen
    at = ranked.index(chosen.key) if chosen is not None else 0
    if room <= 1:
        return ranked[:1]
    first = 1 if at < room else at - room + 2
    return [ranked[0], *ranked[first : first + room - 1]]
