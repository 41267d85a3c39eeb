"""Whose login a Claude Code folder is: `oauthAccount` in Claude Code's own `.claude.json`. Read, never written.

The file holds much else (projects, prompts): nothing but these keys is kept. Light: `statusline` needs it.
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from claude_meter_tui.documents import AccountDocument

_LARGEST = 64 << 20
_LONGEST = 120


def stamp(path: str) -> tuple[int, int] | None:
    """(mtime in ns, size), to compare; None where there is no such file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - pathlib costs 8 ms here
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def content(path: str) -> dict[str, Any]:
    """The file's object; empty where there is none that can be read."""
    try:
        if os.path.getsize(path) > _LARGEST:  # noqa: PTH202
            return {}
        with open(path, "rb") as source:  # noqa: PTH123
            found = json.loads(source.read())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def account_in(found: dict[str, Any]) -> AccountDocument | None:
    """The account named in the file's object; None where none is."""
    named = found.get("oauthAccount")
    if not isinstance(named, dict):
        return None
    email, organization = _text(named.get("emailAddress")), _text(named.get("organizationUuid"))
    if email is None and organization is None:
        return None
    return {"email": email, "organization_uuid": organization, "plan": None}


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    text = "".join(character for character in value[:_LONGEST] if character.isprintable()).strip()
    return text or None
