"""The TOML file of a running dashboard: read again when it changes; while it is not right, the last good one holds."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.settings import settings
from claude_meter_tui.system import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.settings.settings import Settings

_LAST_GOOD = "config.last-good.toml"


class Reread(NamedTuple):
    """`settings`: what holds now; `trouble`: why the file does not, in a sentence that names the line; else empty."""

    settings: Settings
    trouble: str = ""


class WatchedConfig:
    """The settings of one run: its flags, its environment, and the file as it comes to be.

    Args:
        env: the environment.
        theme, ascii_only, source: the flags.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        theme: str | None = None,
        ascii_only: bool | None = None,
        source: str | None = None,
    ) -> None:
        self._env, self._theme, self._ascii, self._source = env, theme, ascii_only, source
        self._stamp = self._stamps()
        self._held: Settings | None = None

    def first(self) -> Reread:
        """What to begin with.

        Raises:
            BadUsageError: a flag or variable that cannot be used, or the file, and there is no good one from before.
        """
        try:
            text = settings.config_text(self._env)
            held = self._held = self._load(text)
        except BadUsageError as error:
            if self._held is None:
                before = self._last_good()
                if before is None:
                    raise
                self._held = self._load(before)
            return Reread(self._held, f"{error.one_line()} The last good one holds.")
        self._keep(text, held)
        return Reread(held, held.trouble)

    def _stamps(self) -> tuple[object, ...]:
        """Of the file, and of the user's themes where there are any."""
        folder = paths.themes_dir(self._env)
        try:
            themes = sorted(os.listdir(folder))  # noqa: PTH208
        except OSError:
            themes = []
        files = (os.path.join(folder, name) for name in themes)  # noqa: PTH118
        return (paths.stamp(paths.config_file(self._env)), *((file, paths.stamp(file)) for file in files))

    def changed(self) -> Reread | None:
        """What holds since the file changed; None while it has not. Looks at its time only. Call `first` before."""
        stamp = self._stamps()
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        return self.first()

    def _load(self, text: str) -> Settings:
        return settings.load(self._env, theme=self._theme, ascii_only=self._ascii, source=self._source, config=text)

    def _good_file(self) -> str:
        return os.path.join(paths.state_dir(self._env), _LAST_GOOD)  # noqa: PTH118

    def _last_good(self) -> str | None:
        with suppress(OSError, UnicodeDecodeError):
            return paths.read_regular(self._good_file(), settings.LARGEST_CONFIG).decode()
        return None

    def _keep(self, text: str, held: Settings) -> None:
        """Private and whole or not at all; a folder that cannot be written costs only this."""
        if self._last_good() == text or (not text and not os.path.exists(self._good_file())):  # noqa: PTH110
            return
        with suppress(OSError):
            os.makedirs(held.state_dir, mode=0o700, exist_ok=True)  # noqa: PTH103
            paths.write_whole(self._good_file(), text.encode())
