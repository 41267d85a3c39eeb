"""One Settings from flags, environment and TOML, in that order of precedence.

It must not read credentials or the store. A URL that would carry a token elsewhere than over TLS, or to loopback, is
refused here and nowhere later. It runs before the first paint, so pydantic (70 ms with its models, a third of an empty
Textual app's start) is imported only where there is a TOML file to validate.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.secret import Secret
from claude_meter_tui.settings.alerting import Alerting
from claude_meter_tui.settings.cadence import DEMO_CADENCE, Cadence
from claude_meter_tui.settings.choices import THEME_NAMES
from claude_meter_tui.settings.looks import ChartLooks, Looks, Thresholds
from claude_meter_tui.system import paths
from claude_meter_tui.system.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.settings.own_themes import OwnTheme

LARGEST_CONFIG = 1 << 20
API_URL = "https://api.anthropic.com"
WEB_URL = "https://claude.ai"

# Where claude-meter's extension posts to (FACTS §2).
BRIDGE_PORT = 63762


class Settings(NamedTuple):
    """Everything a run is configured with. The environment token is secret and never shown."""

    state_dir: Path
    credential_dirs: tuple[Path, ...]
    login_places: tuple[paths.LoginPlace, ...] = ()
    transcript_roots: tuple[str, ...] = ()
    claude_config_files: tuple[Path, ...] = ()
    token: Secret | None = None
    api_url: str = API_URL
    web_url: str = WEB_URL
    theme: str | None = None
    ascii: bool = False
    show_left: bool | None = None
    source: str | None = None
    bridge: bool = False
    bridge_port: int = BRIDGE_PORT
    demo: bool = False
    cadence: Cadence = Cadence()
    home: Path = Path("~")
    looks: Looks = Looks()
    own_themes: tuple[OwnTheme, ...] = ()
    hours: int = 24
    alerting: Alerting = Alerting()
    trouble: str = ""
    """What cannot be had of what was chosen, in a sentence; the rest holds."""

    @property
    def store_file(self) -> str:
        """The SQLite file's path."""
        return paths.store_file(str(self.state_dir))

    def profiles(self) -> tuple[Settings, ...]:
        """One for each of Claude Code's folders: a login, its cache and its transcripts. The first has the rest too."""
        one_login = self.token is not None or len(self.login_places) != len(self.credential_dirs)
        if len(self.credential_dirs) < 2 or one_login or self.source == "browser":
            return (self,)
        return tuple(
            self._replace(
                credential_dirs=(folder,),
                login_places=self.login_places[number : number + 1],
                claude_config_files=self.claude_config_files[number : number + 1],
                transcript_roots=(str(folder),),
                bridge=self.bridge and number == 0,
            )
            for number, folder in enumerate(self.credential_dirs)
        )

    def for_demo(self, api_url: str) -> Settings:
        """The same person's settings turned to the simulated account behind `api_url`, with its own store."""
        folder = Path(paths.demo_state_dir(str(self.state_dir)))
        return self._replace(
            state_dir=folder,
            credential_dirs=(folder,),
            login_places=((str(folder), ()),),
            transcript_roots=(str(folder / "claude"),),
            claude_config_files=(),
            token=Secret(DEMO_TOKEN),
            api_url=checked_url("the demo's address", api_url),
            source="oauth",
            demo=True,
            cadence=DEMO_CADENCE,
        )


DEMO_TOKEN = "sk-ant-oat01-dummy"  # noqa: S105 - a dummy: the simulated account takes any token


def load(
    env: Mapping[str, str],
    *,
    theme: str | None = None,
    ascii_only: bool | None = None,
    source: str | None = None,
    config: str | None = None,
) -> Settings:
    """Settings from the flags given, `env`, and the TOML file, or the TOML text `config` in its place.

    Raises:
        BadUsageError: a value that cannot be used; the sentence names where it stands.
    """
    path = paths.config_file(env)
    text = config_text(env) if config is None else config
    file = _values(text, path, env)
    chosen = theme or file.get("theme")
    own, troubles = _own_themes(env)
    known = (*THEME_NAMES, *(each.name for each in own))
    trouble = troubles.get(chosen or "", "")
    if trouble:
        chosen = None
    if chosen is not None and chosen not in known:
        where = "The flag" if theme else f"{paths.tilde(path, env)}, line {_line_of(text, 'theme')}"
        raise BadUsageError(f"{where}: theme: there is no {chosen!r}.", f"Choose one of {', '.join(known)}.")
    token = env.get("CLAUDE_CODE_OAUTH_TOKEN", "").strip()
    return Settings(
        state_dir=Path(paths.state_dir(env)),
        credential_dirs=tuple(Path(folder) for folder in paths.credential_dirs(env)),
        login_places=paths.login_places(env),
        transcript_roots=paths.transcript_roots(env),
        claude_config_files=tuple(Path(file) for file in paths.claude_config_files(env)),
        token=Secret(token) if token else None,
        api_url=checked_url("CLAUDE_METER_API_URL", env.get("CLAUDE_METER_API_URL") or file.get("api_url") or API_URL),
        web_url=checked_url("CLAUDE_METER_WEB_URL", env.get("CLAUDE_METER_WEB_URL") or file.get("web_url") or WEB_URL),
        theme=chosen,
        ascii=bool(ascii_only or file.get("ascii") or not _speaks_unicode(env)),
        show_left=file.get("show_left"),
        source=source or file.get("source"),
        bridge=bool(file.get("bridge")),
        bridge_port=file.get("bridge_port") or BRIDGE_PORT,
        cadence=_cadence(file.get("cadence") or {}),
        home=Path(paths.home(env)),
        own_themes=own,
        trouble=trouble,
        hours=file.get("clock") or 24,
        alerting=_alerting(file.get("alerts") or {}),
        looks=_looks(file) if file else Looks(),
    )


def checked_url(where: str, url: str) -> str:
    """The URL without a trailing slash, if a token may travel to it.

    Raises:
        BadUsageError: neither https nor http on loopback, or it holds a user, a query or a fragment.
    """
    refused = BadUsageError(
        f"{where} must be https, or http on loopback, since a token travels there.",
        f"Unset it, or use for example {API_URL}.",
    )
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # raises on a port that is not one
    except ValueError:
        raise refused from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not secure or not host or "@" in parts.netloc or parts.query or parts.fragment:
        raise refused
    return url.rstrip("/")


def config_text(env: Mapping[str, str]) -> str:
    """What stands in the TOML file; empty where there is none.

    Raises:
        BadUsageError: it cannot be read.
    """
    path = paths.config_file(env)
    try:
        return paths.read_regular(path, LARGEST_CONFIG).decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise BadUsageError(
            f"{paths.tilde(path, env)} cannot be read ({reason}).", "Mend it or move it away."
        ) from None


def _values(text: str, path: str, env: Mapping[str, str]) -> dict[str, Any]:
    """The TOML text's values, validated.

    Raises:
        BadUsageError: a key in it is unknown or of the wrong kind.
    """
    if not text.strip():
        return {}
    from claude_meter_tui.settings import toml_file

    return toml_file.values_of(text, paths.tilde(path, env))


def _own_themes(env: Mapping[str, str]) -> tuple[tuple[OwnTheme, ...], dict[str, str]]:
    """The user's themes, and by name what is wrong with those that are not right."""
    if not os.path.isdir(paths.themes_dir(env)):  # noqa: PTH112
        return (), {}
    from claude_meter_tui.settings import own_themes

    found, troubles = [], {}
    for name in own_themes.names(env):
        try:
            found.append(own_themes.load(name, env))
        except BadUsageError as error:
            troubles[name] = error.one_line()
    return tuple(found), troubles


def _alerting(table: dict[str, Any]) -> Alerting:
    if not table:
        return Alerting()
    from claude_meter_tui.settings.alerting import alerting_of

    return alerting_of(table)


def _cadence(table: dict[str, Any]) -> Cadence:
    usual = Cadence()
    base = timedelta(minutes=table["minutes"]) if "minutes" in table else usual.base
    return usual._replace(base=base, slowest=max(usual.slowest, base), daily=table.get("daily") or usual.daily)


def _line_of(text: str, key: str) -> int | None:
    from claude_meter_tui.settings import toml_file

    return toml_file.line_of(text, [key])


def _looks(file: dict[str, Any]) -> Looks:
    from claude_meter_tui.domain.foreign_text import clean_text
    from claude_meter_tui.settings.keys import clean_keys

    windows = file.get("windows") or {}
    labels = ((key, clean_text(name) or key) for key, name in (windows.get("labels") or {}).items())
    return Looks(
        tuple(windows.get("order") or ()),
        frozenset(windows.get("hide") or ()),
        tuple(labels),
        clean_keys(file.get("keys") or {}),
        Thresholds(**(file.get("thresholds") or {})),
        file.get("resets") or "both",
        ChartLooks(**(file.get("chart") or {})),
    )


def _speaks_unicode(env: Mapping[str, str]) -> bool:
    """Whether the terminal's locale can show the box and bar glyphs (the first of LC_ALL, LC_CTYPE, LANG counts)."""
    if os.name != "posix" or env.get("TERM") == "linux":
        return os.name != "posix"
    names = ("LC_ALL", "LC_CTYPE", "LANG")
    # In the C locale Python itself sets LC_CTYPE (PEP 538), which then says nothing of the terminal.
    coerced = env.get("LC_CTYPE") in ("C.UTF-8", "C.utf8", "UTF-8") and env.get("LANG") in ("C", "POSIX")
    locale = next((env[name] for name in names if env.get(name) and not (coerced and name == "LC_CTYPE")), "UTF-8")
    return "UTF8" in locale.upper().replace("-", "")
