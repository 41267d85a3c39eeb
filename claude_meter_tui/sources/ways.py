"""Which sources there are for a person's settings: made here for every command alike, and imported when asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claude_meter_tui.settings import Settings
    from claude_meter_tui.sources.source import Listener, Source


def asked(settings: Settings) -> Source:
    """The source that asks a server. Imports httpx: call it off the screen's thread."""
    from claude_meter_tui.sources.oauth import OAuthSource

    return OAuthSource(settings)


def listened_to(settings: Settings) -> tuple[Listener, ...]:
    """Those that ask nobody, the first folder's first. Imports pydantic: call it off the screen's thread."""
    from claude_meter_tui.sources.claude_cache import ClaudeCache

    pairs = zip(settings.claude_config_files, settings.credential_dirs, strict=False)
    listeners: list[Listener] = [
        ClaudeCache(file, folder, tells_login=settings.token is None) for file, folder in pairs
    ]
    if settings.bridge and not settings.demo:
        from claude_meter_tui.sources.bridge import Bridge

        listeners.append(Bridge(lambda: datetime.now(UTC), settings.bridge_port))
    return tuple(listeners)
