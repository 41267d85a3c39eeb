"""The OAuth usage endpoint, asked with Claude Code's own access token (FACTS §2).

Every way it can fail is a typed error with a sentence and a hint; none of them, nor any log, holds the token. It
decides nothing about when to ask.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import httpx

from claude_meter_tui import __version__
from claude_meter_tui.domain.errors import NotLoggedInError, NoWindowsError
from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.domain.windows import Account
from claude_meter_tui.sources import http, refusals
from claude_meter_tui.sources.claude_code import api_key
from claude_meter_tui.sources.claude_code.credentials import Credential, CredentialFinder, plan_name
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.sources.source import Answer, Looked, Owner, believable

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import datetime

    from claude_meter_tui.domain.errors import MeterError
    from claude_meter_tui.domain.secret import Secret
    from claude_meter_tui.settings.settings import Settings

# Without `claude-code/<version>` in front the request lands in a bucket that answers 429 persistently
# (anthropics/claude-code issues 30930, 31021, 31637); who we really are follows.
USER_AGENT = f"claude-code/2.1.197 (claude-meter-tui/{__version__})"
BETA = "oauth-2025-04-20"


class OAuthSource:
    """Asks the usage endpoint. One request a call; a new connection each time, since asks are many minutes apart."""

    name = "oauth"

    def __init__(
        self,
        settings: Settings,
        *,
        finder: CredentialFinder | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        deadline: float = http.DEADLINE,
        env: Mapping[str, str] = os.environ,
    ) -> None:
        self._base = settings.api_url
        self._folders, self._config_files, self._env = settings.credential_dirs, settings.claude_config_files, env
        self._finder = finder or CredentialFinder(settings.login_places, settings.token, settings.home)
        self._transport = transport
        self._deadline = deadline

    @property
    def endpoint(self) -> str:
        """The host and the place of the login that is used: waits hold for any token that is put there."""
        return f"{self._base} {self._finder.place()}"

    def fingerprint(self, now: datetime) -> str:
        """See `Source.fingerprint`."""
        return self._credential(now).fingerprint

    def plan(self, now: datetime) -> str | None:
        """See `Source.plan`."""
        return self._credential(now).plan

    def credential_stamp(self) -> object:
        """See `Source.credential_stamp`."""
        return self._finder.stamp()

    def looked(self) -> tuple[Looked, ...]:
        """See `Source.looked`."""
        return tuple(self._finder.look()[1])

    def failed(self, error: MeterError) -> None:
        """See `Source.failed`: the credential's file is read anew each time anyway."""

    async def usage(self, now: datetime) -> Answer:
        """GET /api/oauth/usage → a Reading, observed now by the local clock.

        Raises:
            CredentialError: there is no credential that could work (`RefusedError` where the server said so).
            RateLimitedError: 429, with the wait.
            UnreachableError: no answer, or 5xx.
            NotJsonError, NotUsageError, ChallengeError, PointlessError: an answer that is no reading.
        """
        response, credential = await self._get("/api/oauth/usage", now)
        skew = http.skew_of(response, now)
        body = http.json_of(response)
        if (error := refusals.error_in(body, credential.where)) is not None:
            raise error
        reading = read_usage(body, observed_at=now, source=self.name)
        return Answer(reading, believable(skew, reading, now), credential.fingerprint, credential.plan)

    async def account(self, now: datetime) -> Owner:
        """GET /api/oauth/profile → whose the token is, and which token that was.

        Raises:
            MeterError: as for `usage`.
        """
        response, credential = await self._get("/api/oauth/profile", now)
        body = http.json_of(response)
        person, organization = (
            part if isinstance(part, dict) else {}
            for part in ((body.get("account"), body.get("organization")) if isinstance(body, dict) else ({}, {}))
        )
        account = Account(
            email=clean_text(person.get("email"), 120),
            organization_uuid=clean_text(organization.get("uuid")),
            plan=plan_name(organization.get("rate_limit_tier"), organization.get("organization_type")),
        )
        return Owner(account, credential.fingerprint)

    def _credential(self, now: datetime) -> Credential:
        try:
            return self._finder.find(now).checked(now)
        except NotLoggedInError:
            used_with = api_key.used_with(self._env, self._folders, self._config_files)
            if used_with is None:
                raise
        raise NoWindowsError(
            f"Claude Code is used with {used_with} here: that has no rate-limit windows.",
            "Log in with a Claude plan to see its windows; `claude-meter-tui local` sums tokens without one.",
        )

    async def _get(self, path: str, now: datetime) -> tuple[httpx.Response, Credential]:
        credential = await asyncio.to_thread(self._credential, now)
        response = await http.get(
            self._base,
            path,
            {"anthropic-beta": BETA, "Accept": "application/json", "User-Agent": USER_AGENT},
            Bearer(credential.token),
            now,
            refused=lambda answer: refusals.refused_token(answer, credential.where),
            transport=self._transport,
            deadline=self._deadline,
        )
        return response, credential


class Bearer(httpx.Auth):
    """Adds the token to a request as it is sent, so that no frame of ours has it in a variable."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See `httpx.Auth`."""
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        yield request
