"""Claude Code's own cache of the usage answer: read-only, a floor with an age (FACTS §2).

`cachedUsageUtilization` in `.claude.json`, or `limits-cache.json` in newer versions: `{fetchedAtMs, utilization: <usage
response>}`. Claude Code refreshes it every few hours or days. Of the file only this, and whose login it is, is kept.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from claude_meter_tui.domain.bounds import time_of_milliseconds
from claude_meter_tui.domain.errors import NotUsageError
from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.domain.identity import folder_key
from claude_meter_tui.domain.windows import Account
from claude_meter_tui.sources.claude_code import config as claude_config
from claude_meter_tui.sources.claude_code import settings_file as claude_settings
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.sources.source import Heard, Looked
from claude_meter_tui.system import paths

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

NAME = "cache"
_KEY = "cachedUsageUtilization"
_NEWER_FILE = "limits-cache.json"
# Every window is over by then.
_OLDEST = timedelta(days=7)
# Another clock may be a little ahead; a moment further on is a broken file.
_FUTURE = timedelta(minutes=5)


class ClaudeCache:
    """One Claude Code folder's cache, and whose login it is.

    Args:
        config_file: its `.claude.json`.
        folder: the folder itself.
        tells_login: whether its login is the one that is asked with (a token from the environment is not).
    """

    name = NAME
    trouble = ""

    def __init__(self, config_file: Path, folder: Path, *, tells_login: bool = True) -> None:
        self.config_file = config_file
        self._tells_login = tells_login
        self._folder, self._newer = folder, folder / _NEWER_FILE
        self.owner: Account | None = None
        """Whose login the folder is, as of the last `read`; None where it does not say."""

    def stamp(self) -> object:
        """Changes when there may be something new to read."""
        return paths.stamp(str(self.config_file)), paths.stamp(str(self._newer))

    def read(self, now: datetime) -> list[Heard]:
        """What is cached, of this login and not older than any window."""
        config = claude_config.content(str(self.config_file))
        named = claude_config.account_in(config)
        account = Account.model_validate(named or {})
        self.owner = account if named and self._tells_login else None
        login = config.get("oauthAccount")
        uuid = login.get("accountUuid") if isinstance(login, dict) else None
        found = (
            self._reading(cached, account, uuid, now)
            for cached in (config.get(_KEY), claude_config.content(str(self._newer)))
        )
        return [heard for heard in found if heard is not None]

    def looked(self, now: datetime) -> tuple[Looked, ...]:
        """The cache, and beside it whether Claude Code runs our status line."""
        return self._cache_looked(now), claude_settings.looked(self._folder)

    def _cache_looked(self, now: datetime) -> Looked:
        newest = max((heard.reading.observed_at for heard in self.read(now)), default=None)
        place = f"Claude Code's cache ({self.config_file.name})"
        if newest is None:
            there = os.path.exists(self.config_file) or os.path.exists(self._newer)  # noqa: PTH110 - never raises
            return Looked(place, found=False, outcome="holds no usage" if there else "not there")
        return Looked(place, found=True, outcome="written", at=newest)

    def _reading(self, cached: Any, account: Account, uuid: Any, now: datetime) -> Heard | None:
        if not isinstance(cached, dict):
            return None
        cached = cached.get(_KEY, cached)
        fetched_at = time_of_milliseconds(cached.get("fetchedAtMs")) if isinstance(cached, dict) else None
        if fetched_at is None or not -_FUTURE <= now - fetched_at <= _OLDEST:
            return None
        whose = clean_text(cached.get("accountUuid"))
        known_by = folder_key(str(self._folder))
        if whose is not None and whose != uuid:
            if isinstance(uuid, str):
                return None  # of a login before this one
            account, known_by = Account(), f"claude account {whose}"
        try:
            reading = read_usage(
                cached.get("utilization"), observed_at=min(fetched_at, now), source=NAME, account=account
            )
        except NotUsageError:
            return None
        return Heard(reading, known_by)
