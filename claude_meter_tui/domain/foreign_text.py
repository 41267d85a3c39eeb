"""Text that came from outside (a server, files, folder names, imports): made safe where it comes in and goes out.

To a terminal, a name is text and nothing else: no escape sequence, no control or direction mark, no line break, no lone
surrogate, and never longer than it has any business to be. Light: `status` and `statusline` need it.
"""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST = 60
"""Characters of a name that are kept, unless a caller says otherwise."""

# What JSON allows raw inside a string, and a terminal, an editor or a decoder may act on: DEL and C1 controls, marks
# that are not seen, marks of direction, line separators, lone surrogates, the byte order mark.
_UNSAFE_IN_JSON = "[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"


def clean_text(value: Any, longest: int = LONGEST) -> str | None:
    """A text made safe to show and store: printable, one line, bounded. None where nothing is left."""
    if not isinstance(value, str):
        return None
    return shown(value[: longest * 4])[:longest].strip() or None


def shown(text: str) -> str:
    """The text as it may stand on a terminal: white space as spaces, what cannot be printed left out."""
    if text.isprintable():
        return text.strip()
    spaced = (" " if character.isspace() else character for character in text)
    return "".join(character for character in spaced if character.isprintable()).strip()


def cells(text: str) -> int:
    """How many cells of a terminal a text takes: letters of East Asia and emoji take two, marks on a letter none."""
    if text.isascii():
        return len(text)
    import unicodedata

    wide, none = ("W", "F"), ("Mn", "Me")
    return sum(
        0 if unicodedata.category(each) in none else 1 + (unicodedata.east_asian_width(each) in wide) for each in text
    )


def storable(text: str) -> str:
    """A file's or folder's name as text that SQLite and JSON take: bytes that are no UTF-8 with a backslash."""
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            raw = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # a surrogate that stands for no byte
            raw = text.encode("utf-8", "backslashreplace")
        return raw.decode("utf-8", "backslashreplace")
    return text


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON with readable letters of every script, and nothing in it that a terminal would act on."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return re.sub(_UNSAFE_IN_JSON, lambda match: f"\\u{ord(match[0]):04x}", text)  # compiled only where it is wanted
