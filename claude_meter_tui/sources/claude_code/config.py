"""Whose login a Claude Code folder is: `oauthAccount` in Claude Code's own `.claude.json`. Read, never written.

The file holds much else (projects, prompts): nothing but these keys is kept. Light: `statusline` needs it.
"""

from __future__ import annotations

import json

from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.system import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from claude_meter_tui.domain.plain_reading import AccountDocument

_LARGEST = 64 << 20


def content(path: str) -> dict[str, Any]:
    """The file's object; empty where there is none that can be read."""
    try:
        found = json.loads(paths.read_regular(path, _LARGEST).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def login_in(path: str) -> AccountDocument | None:
    """The account the file at this path names; None where none is."""
    return account_in(content(path))


def account_in(found: dict[str, Any]) -> AccountDocument | None:
    """The account named in the file's object; None where none is."""
    named = found.get("oauthAccount")
    if not isinstance(named, dict):
        return None
    email, organization = clean_text(named.get("emailAddress"), 120), clean_text(named.get("organizationUuid"))
    if email is None and organization is None:
        return None
    return {"email": email, "organization_uuid": organization, "plan": None}
