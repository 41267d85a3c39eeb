"""The OAuth usage endpoint, asked with Claude Code's own access token (FACTS §2).

Every way it can fail is a typed error with a sentence and a hint; none of them, nor any log, holds the token. It
decides nothing about when to ask.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from claude_meter_tui import __version__
from claude_meter_tui.errors import MeterError, ScopeMissingError, UnauthorizedError
from claude_meter_tui.payload import read_usage
from claude_meter_tui.sources import http
from claude_meter_tui.sources.credentials import CredentialFinder, plan_name
from claude_meter_tui.sources.source import Answer, Looked
from claude_meter_tui.values import clean_text
from claude_meter_tui.windows import Account

if TYPE_CHECKING:
    from datetime import datetime

    import httpx

    from claude_meter_tui.settings import Settings

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
    ) -> None:
        self._base = settings.api_url
        self._folders = settings.credential_dirs
        self._finder = finder or CredentialFinder(settings.credential_dirs, settings.token, settings.home)
        self._transport = transport
        self._deadline = deadline

    @property
    def endpoint(self) -> str:
        """The host and whose login: waits hold for any token of that login."""
        return f"{self._base} {self._folders[0]}"

    def fingerprint(self, now: datetime) -> str:
        """See `Source.fingerprint`."""
        return self._finder.find().checked(now).fingerprint

    def plan(self, now: datetime) -> str | None:
        """See `Source.plan`."""
        return self._finder.find().checked(now).plan

    def credential_stamp(self) -> object:
        """See `Source.credential_stamp`."""
        return self._finder.stamp()

    def looked(self) -> tuple[Looked, ...]:
        """See `Source.looked`."""
        return tuple(self._finder.look()[1])

    async def usage(self, now: datetime) -> Answer:
        """GET /api/oauth/usage → a Reading, observed at the server's time where our clock is off.

        Raises:
            CredentialError: there is no credential that could work (401 and 403 included).
            RateLimitedError: 429, with the wait.
            UnreachableError: no answer, or 5xx.
            NotJsonError, NotUsageError, ChallengeError: an answer that is no reading.
        """
        response, fingerprint = await self._get("/api/oauth/usage", now)
        skew = http.skew_of(response, now)
        reading = read_usage(http.json_of(response), observed_at=now + skew, source=self.name)
        return Answer(reading, skew, fingerprint)

    async def account(self, now: datetime) -> Account:
        """GET /api/oauth/profile → whose the token is.

        Raises:
            MeterError: as for `usage`.
        """
        response, _ = await self._get("/api/oauth/profile", now)
        body = http.json_of(response)
        person, organization = (
            part if isinstance(part, dict) else {}
            for part in ((body.get("account"), body.get("organization")) if isinstance(body, dict) else ({}, {}))
        )
        return Account(
            email=clean_text(person.get("email"), 120),
            organization_uuid=clean_text(organization.get("uuid")),
            plan=plan_name(organization.get("rate_limit_tier"), organization.get("organization_type")),
        )

    async def _get(self, path: str, now: datetime) -> tuple[httpx.Response, str]:
        credential = (await asyncio.to_thread(self._finder.find)).checked(now)
        headers = {
            "Authorization": f"Bearer {credential.token.reveal()}",
            "anthropic-beta": BETA,
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
        }
        response = await http.get(
            self._base,
            path,
            headers,
            now,
            refused=lambda answer: _refused(answer, credential.where),
            transport=self._transport,
            deadline=self._deadline,
        )
        return response, credential.fingerprint


def _refused(response: httpx.Response, where: str) -> MeterError | None:
    if response.status_code == 401:
        return UnauthorizedError(f"The server refused the token from {where} (401).", "Run `claude` and log in again.")
    if response.status_code == 403:
        return ScopeMissingError(
            f"The token from {where} may not read usage (403): a setup-token lacks the scope user:profile.",
            "Unset CLAUDE_CODE_OAUTH_TOKEN, run `claude` and log in.",
        )
    return None
