"""Which sources there are for a person's settings: made here for every command alike, and imported when asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claude_meter_tui.settings.settings import Settings
    from claude_meter_tui.sources.source import Listener, Source
    from claude_meter_tui.store.store import Store

CHOSEN_NOTE = "source"
"""The note that keeps which source the user chose."""
_BROWSER_NOTE = "browser"
_ORGANIZATIONS_NOTE = "organizations"


def chosen(settings: Settings, store: Store) -> Settings:
    """The settings with the source that asks a server filled in: configured, else chosen on the setup screen."""
    return settings._replace(source=settings.source or store.note(CHOSEN_NOTE) or "oauth")


def organizations(settings: Settings, store: Store) -> list[str]:
    """The organizations a browser's session was last seen to be in; empty for another source."""
    noted = store.note(_ORGANIZATIONS_NOTE) if settings.source == "browser" else None
    return noted.split() if noted else []


def asked(
    settings: Settings, env: Mapping[str, str], store: Store, organization: str | None = None
) -> Callable[[], Source]:
    """Makes the source that asks a server. What it gives imports httpx: call that off the screen's thread."""
    remembered = store.note(_BROWSER_NOTE)

    def opened() -> Source:
        if settings.source == "browser":
            from claude_meter_tui.sources.browser.session import BrowserSource

            return BrowserSource(
                settings,
                env,
                remembered=remembered,
                remember=lambda shown: store.put_note(_BROWSER_NOTE, shown),
                organization=organization,
                noticed=lambda uuids: store.put_note(_ORGANIZATIONS_NOTE, " ".join(uuids)),
            )
        from claude_meter_tui.sources.oauth import OAuthSource

        return OAuthSource(settings, env=env)

    return opened


def nobody() -> Source:
    """For an account without a login here: nothing is asked, what others heard of it is shown."""
    from claude_meter_tui.sources.without_login import Nobody

    return Nobody()


def listened_to(settings: Settings, env: Mapping[str, str], *, bridge: bool = True) -> tuple[Listener, ...]:
    """Those that ask nobody, the first folder's first. Imports pydantic: call it off the screen's thread.

    Without `bridge` the extension's receiver is left out, for a command that does not stay.
    """
    from claude_meter_tui.sources.claude_code.cache import ClaudeCache
    from claude_meter_tui.sources.not_in_use import Offered

    tells_login = settings.token is None and settings.source != "browser"
    pairs = zip(settings.claude_config_files, settings.credential_dirs, strict=False)
    listeners: list[Listener] = [ClaudeCache(file, folder, tells_login=tells_login) for file, folder in pairs]
    if bridge and settings.bridge and not settings.demo:
        from claude_meter_tui.sources.bridge import Bridge

        listeners.append(Bridge(lambda: datetime.now(UTC), settings.bridge_port))
    if not settings.demo:
        listeners.append(Offered(settings, env))
    return tuple(listeners)
