"""Claude Code's own credential: where it is looked for, and what it says. Read, never written, never refreshed.

FACTS §3: a refresh rotates the token and logs Claude Code out, so an expired token is a message; an empty token earns
a 429 that costs an hour, so it is never one. It must not know HTTP.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime  # noqa: TC003 - pydantic reads it
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from claude_meter_tui import paths
from claude_meter_tui.errors import NotLoggedInError, TokenExpiredError
from claude_meter_tui.secret import Secret, fingerprint
from claude_meter_tui.sources.source import Looked
from claude_meter_tui.values import time_of_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FILE_NAME = ".credentials.json"
KEYCHAIN_SERVICE = "Claude Code-credentials"
_KEYCHAIN_SECONDS = 5.0
_LARGEST_FILE = 1 << 20
_LOG_IN = "Run `claude` once and log in, or try `claude-meter-tui --demo`."


class Credential(BaseModel):
    """An access token and what is known of it. `where` says in words where it was found."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    token: Secret
    where: str
    expires_at: datetime | None = None
    scopes: tuple[str, ...] | None = None
    plan: str | None = None

    @property
    def fingerprint(self) -> str:
        """See `secret.fingerprint`."""
        return fingerprint(self.token.reveal())

    def checked(self, now: datetime) -> Credential:
        """This credential, if it can still be sent.

        Raises:
            TokenExpiredError: its expiry has passed.
        """
        if self.expires_at is not None and self.expires_at <= now:
            raise TokenExpiredError(
                "Claude Code's access token has expired.", "Run `claude` once: it renews the token."
            )
        return self


class CredentialFinder:
    """Looks where FACTS §3 says: the environment, then the files, then (on macOS) the Keychain."""

    def __init__(
        self,
        folders: Sequence[Path],
        token: Secret | None,
        home: Path,
        read_keychain: Callable[[], str | None] | None = None,
    ) -> None:
        self._files = [folder / FILE_NAME for folder in folders]
        self._token = token
        self._home = home
        self._read_keychain = read_keychain or (read_macos_keychain if sys.platform == "darwin" else None)

    def stamp(self) -> tuple[tuple[int, int] | None, ...]:
        """(mtime, size) of each file looked at, None where there is none: cheap to compare every few seconds."""
        return tuple(paths.stamp(str(path)) for path in self._files)

    def look(self) -> tuple[Credential | None, list[Looked]]:
        """The credential to use, if any, and every place looked at."""
        looked: list[Looked] = []
        found: Credential | None = None
        if self._token is None:
            looked.append(Looked("CLAUDE_CODE_OAUTH_TOKEN", found=False, outcome="not set"))
        else:
            looked.append(Looked("CLAUDE_CODE_OAUTH_TOKEN", found=True, outcome="set"))
            found = Credential(token=self._token, where="CLAUDE_CODE_OAUTH_TOKEN")
        for path in self._files:
            credential, outcome = _from_file(path, self._shown(path))
            looked.append(Looked(self._shown(path), credential is not None, outcome))
            found = found or credential
        if self._read_keychain is not None and found is None:
            credential, outcome = _from_text(self._read_keychain(), "the macOS Keychain")
            looked.append(Looked(f"macOS Keychain ({KEYCHAIN_SERVICE})", credential is not None, outcome))
            found = credential
        return found, looked

    def find(self) -> Credential:
        """The credential to use.

        Raises:
            NotLoggedInError: there is none anywhere.
        """
        found, looked = self.look()
        if found is None:
            damaged = next((place for place in looked if place.outcome not in ("not set", "not there")), None)
            if damaged is not None:
                raise NotLoggedInError(f"{damaged.place}: {damaged.outcome}.", _LOG_IN)
            raise NotLoggedInError("No Claude Code login was found.", _LOG_IN)
        return found

    def _shown(self, path: Path) -> str:
        try:
            return str(Path("~") / path.relative_to(self._home))
        except ValueError:
            return str(path)


def read_macos_keychain() -> str | None:
    """Claude Code's Keychain item as text; None where there is none, or the user does not answer the prompt in time."""
    command = ["/usr/bin/security", "find-generic-password", "-s", KEYCHAIN_SERVICE, "-w"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command, no shell; the token comes back on a pipe
            command,
            capture_output=True,
            text=True,
            timeout=_KEYCHAIN_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def plan_name(tier: Any, kind: Any = None) -> str | None:
    """`default_claude_max_20x` → `Max 20x`; else by subscription kind (`max`, `claude_pro` → `Max`, `Pro`)."""
    if isinstance(tier, str) and (known := tier.removeprefix("default_claude_")) != tier:
        return known.replace("_", " ").title().replace("0X", "0x").replace("5X", "5x")[:24] or None
    if isinstance(kind, str) and kind:
        return kind.removeprefix("claude_").replace("_", " ").title()[:24]
    return None


def _from_file(path: Path, shown: str) -> tuple[Credential | None, str]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return None, "far too large to be a credential"
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None, "not there"
    except PermissionError:
        return None, "not readable (permission denied)"
    except (OSError, UnicodeDecodeError):
        return None, "not readable"
    return _from_text(text, shown)


def _from_text(text: str | None, where: str) -> tuple[Credential | None, str]:
    if text is None:
        return None, "not there"
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None, "not JSON"
    login = data.get("claudeAiOauth") if isinstance(data, dict) else None
    if not isinstance(login, dict):
        return None, "holds no Claude login"
    token = login.get("accessToken")
    token = token.strip() if isinstance(token, str) else ""
    if not token or not token.isascii() or not token.isprintable():
        return None, "holds no access token"
    scopes = login.get("scopes")
    return (
        Credential(
            token=Secret(token),
            where=where,
            expires_at=time_of_milliseconds(login.get("expiresAt")),
            scopes=tuple(str(scope) for scope in scopes) if isinstance(scopes, list) else None,
            plan=plan_name(login.get("rateLimitTier"), login.get("subscriptionType")),
        ),
        "logged in",
    )
