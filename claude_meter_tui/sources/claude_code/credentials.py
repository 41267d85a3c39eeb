"""Claude Code's own credential: where it is looked for, and what it says. Read, never written, never refreshed.

FACTS §3: a refresh rotates the token and logs Claude Code out, so an expired token is a message; an empty token earns
a 429 that costs an hour, so it is never one. It must not know HTTP.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime  # noqa: TC003 - pydantic reads it
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from claude_meter_tui.domain.bounds import time_of_milliseconds
from claude_meter_tui.domain.errors import NotLoggedInError, TokenExpiredError
from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.domain.secret import Secret, fingerprint
from claude_meter_tui.sources.source import Looked
from claude_meter_tui.system import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_meter_tui.system.paths import LoginPlace

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
        places: Sequence[LoginPlace],
        token: Secret | None,
        home: Path,
        read_keychain: Callable[[str], str | None] | None = None,
    ) -> None:
        self._places = tuple(places)
        self._files = [Path(folder) / FILE_NAME for folder, _ in places]
        self._token = token
        self._home = home
        self._read_keychain = read_keychain or (read_macos_keychain if sys.platform == "darwin" else None)
        self._found_in: str | None = None

    def stamp(self) -> tuple[tuple[int, int] | None, ...]:
        """(mtime, size) of each file looked at, None where there is none: cheap to compare every few seconds."""
        return tuple(paths.stamp(str(path)) for path in self._files)

    def place(self) -> str:
        """Whose login it is that was found last, by where it stands: a token of the environment, or a folder's."""
        if self._token is not None:
            return f"token {fingerprint(self._token.reveal())}"
        return self._found_in or self._places[0][0]

    def look(self, now: datetime | None = None) -> tuple[Credential | None, list[Looked]]:
        """The credential to use, if any, and every place looked at.

        The first place that has a login counts, since another folder is another account; of a file and a Keychain item
        of the same folder, one that has not expired by `now`.
        """
        looked: list[Looked] = []
        found: Credential | None = None
        if self._token is None:
            looked.append(Looked("CLAUDE_CODE_OAUTH_TOKEN", found=False, outcome="not set"))
        elif not _can_be_sent(self._token.reveal()):
            looked.append(Looked("CLAUDE_CODE_OAUTH_TOKEN", found=False, outcome="holds characters no token has"))
        else:
            looked.append(Looked("CLAUDE_CODE_OAUTH_TOKEN", found=True, outcome="set"))
            found = Credential(token=self._token, where="CLAUDE_CODE_OAUTH_TOKEN")
        for place, path in zip(self._places, self._files, strict=True):
            here, outcome = _from_file(path, self._shown(path))
            looked.append(Looked(self._shown(path), here is not None, outcome))
            if found is None and self._read_keychain is not None and not _works(here, now):
                item, its = self._from_keychain(place)
                looked.append(its)
                here = item if here is None or _works(item, now) else here
            if found is None and here is not None:
                found = here
                self._found_in = place[0]
        return found, looked

    def _from_keychain(self, place: LoginPlace) -> tuple[Credential | None, Looked]:
        """Of the item this folder's login is kept in, and of no other: the bare item is another account's."""
        assert self._read_keychain is not None  # noqa: S101 - asked before
        outcome = "not there"
        services = keychain_services(place)
        for service in services:
            credential, outcome = _from_text(self._read_keychain(service), "the macOS Keychain")
            if credential is not None:
                return credential, Looked(f"macOS Keychain ({service})", found=True, outcome=outcome)
        return None, Looked(f"macOS Keychain ({services[0]})", found=False, outcome=outcome)

    def find(self, now: datetime | None = None) -> Credential:
        """The credential to use.

        Raises:
            NotLoggedInError: there is none anywhere.
        """
        found, looked = self.look(now)
        if found is None:
            damaged = next((place for place in looked if place.outcome not in ("not set", "not there")), None)
            if damaged is not None:
                raise NotLoggedInError(f"{damaged.place}: {damaged.outcome}.", _LOG_IN)
            raise NotLoggedInError("No Claude Code login was found.", _LOG_IN)
        return found

    def _shown(self, path: Path) -> str:
        return paths.tilde(str(path), {"HOME": str(self._home), "USERPROFILE": str(self._home)})


def keychain_services(place: LoginPlace) -> tuple[str, ...]:
    """The names a folder's Keychain item may have: without a suffix for the default folder (FACTS §3)."""
    import hashlib
    import unicodedata

    def suffix(text: str) -> str:
        return hashlib.sha256(unicodedata.normalize("NFC", text).encode()).hexdigest()[:8]

    return tuple(f"{KEYCHAIN_SERVICE}-{suffix(text)}" for text in place[1]) or (KEYCHAIN_SERVICE,)


def read_macos_keychain(service: str = KEYCHAIN_SERVICE) -> str | None:
    """A Keychain item as text; None where there is none, or the user does not answer the prompt in time."""
    command = ["/usr/bin/security", "find-generic-password", "-s", service, "-w"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command, no shell; the token comes back on a pipe
            command,
            capture_output=True,
            text=True,
            timeout=_KEYCHAIN_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return _unhexed(done.stdout.strip()) if done.returncode == 0 else None


def _unhexed(text: str) -> str:
    """`security -w` prints an item in hex as soon as a byte of it is not printable ASCII (FACTS §3)."""
    if not re.fullmatch(r"(?:0x)?(?:[0-9a-fA-F]{2})+", text):
        return text
    try:
        return bytes.fromhex(text.removeprefix("0x")).decode("utf-8")
    except ValueError:
        return text


def _works(credential: Credential | None, now: datetime | None) -> bool:
    """Whether there is one, and it has not expired as far as that is known."""
    if credential is None:
        return False
    return now is None or credential.expires_at is None or credential.expires_at > now


def _can_be_sent(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def plan_name(tier: Any, kind: Any = None) -> str | None:
    """`default_claude_max_20x` → `Max 20x`; else by subscription kind (`max`, `claude_pro` → `Max`, `Pro`)."""
    if isinstance(tier, str) and (known := tier.removeprefix("default_claude_")) != tier:
        return clean_text(known.replace("_", " ").title().replace("0X", "0x").replace("5X", "5x"), 24)
    if isinstance(kind, str) and kind:
        return clean_text(kind.removeprefix("claude_").replace("_", " ").title(), 24)
    return None


def _from_file(path: Path, shown: str) -> tuple[Credential | None, str]:
    try:
        text = paths.read_regular(str(path), _LARGEST_FILE).decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None, "not there"
    except PermissionError:
        return None, "not readable (permission denied)"
    except UnicodeDecodeError:
        return None, "not readable"
    except OSError as error:
        return None, f"not readable ({error.strerror})"
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
    if not _can_be_sent(token):
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
