"""What could be a source on this machine but is not in use: shown beside the others, with what would use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.sources.browser import cookies as browser_cookies
from claude_meter_tui.sources.source import Looked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from claude_meter_tui.domain.windows import Account
    from claude_meter_tui.settings.settings import Settings
    from claude_meter_tui.sources.source import Heard


class Offered:
    """Says nothing itself, and looks when asked: at the browsers' profiles (no keyring is asked) and the bridge."""

    name = "offered"
    owner: Account | None = None
    trouble = ""

    def __init__(self, settings: Settings, env: Mapping[str, str]) -> None:
        self._settings, self._env = settings, env

    def stamp(self) -> object:
        """Never changes."""
        return None

    def read(self, now: datetime) -> list[Heard]:  # noqa: ARG002 - as the protocol has it
        """Nothing."""
        return []

    def looked(self, now: datetime) -> tuple[Looked, ...]:  # noqa: ARG002 - as the protocol has it
        """Browsers, unless one is asked already, and the extension's bridge, unless it listens already."""
        found: list[Looked] = []
        if self._settings.source != "browser":
            found += browser_cookies.glance(self._env)
        if not self._settings.bridge:
            found.append(
                Looked("Browser extension", found=False, outcome="not listened to", do="claude-meter-tui bridge")
            )
        return tuple(found)
