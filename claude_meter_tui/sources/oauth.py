"""The OAuth usage endpoint, asked with Claude Code's own access token (FACTS §2).

Every way it can fail is a typed error with a sentence and a hint; none of them, nor any log, holds the token. It never
follows a redirect, so the token goes to the configured host only. It decides nothing about when to ask.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from claude_meter_tui import __version__
from claude_meter_tui.errors import (
    ChallengeError,
    MeterError,
    NameNotFoundError,
    NotJsonError,
    RateLimitedError,
    ScopeMissingError,
    ServerError,
    TimedOutError,
    TlsError,
    UnauthorizedError,
    UnreachableError,
)
from claude_meter_tui.payload import clean_text, read_usage
from claude_meter_tui.settings import Settings, is_loopback
from claude_meter_tui.sources.credentials import CredentialFinder, plan_name
from claude_meter_tui.sources.source import Answer, Looked
from claude_meter_tui.windows import Account

# Without `claude-code/<version>` in front the request lands in a bucket that answers 429 persistently
# (anthropics/claude-code issues 30930, 31021, 31637); who we really are follows.
USER_AGENT = f"claude-code/2.1.197 (claude-meter-tui/{__version__})"
BETA = "oauth-2025-04-20"

_TIMEOUTS = httpx.Timeout(10.0, connect=10.0)
# Over all of one request: a TLS read that hangs drips no timeout of httpx's own (claude-meter lived through it).
_DEADLINE = 30.0
_LARGEST_BODY = 4 << 20
# The Date header counts whole seconds and the answer took time: a smaller difference is not a skewed clock.
_SKEW_BELIEVED_FROM = timedelta(seconds=5)


class OAuthSource:
    """Asks the usage endpoint. One request a call; a new connection each time, since asks are many minutes apart."""

    name = "oauth"

    def __init__(
        self,
        settings: Settings,
        *,
        finder: CredentialFinder | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        deadline: float = _DEADLINE,
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
        skew = _skew(response.headers.get("date"), now)
        reading = read_usage(_json(response), observed_at=now + skew, source=self.name)
        return Answer(reading, skew, fingerprint)

    async def account(self, now: datetime) -> Account:
        """GET /api/oauth/profile → whose the token is.

        Raises:
            MeterError: as for `usage`.
        """
        response, _ = await self._get("/api/oauth/profile", now)
        body = _json(response)
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
        host = urlsplit(self._base).hostname or ""
        try:
            async with (
                asyncio.timeout(self._deadline),
                httpx.AsyncClient(
                    transport=self._transport,
                    # A proxy never stands between us and loopback; elsewhere HTTPS_PROXY and the like are honoured.
                    trust_env=not is_loopback(host),
                    verify=await asyncio.to_thread(_tls) if self._base.startswith("https") else True,
                    timeout=_TIMEOUTS,
                    follow_redirects=False,
                ) as client,
                client.stream("GET", self._base + path, headers=headers) as response,
            ):
                await _read_bounded(response)
        except TimeoutError:
            raise _timed_out(host) from None
        except httpx.HTTPError as error:
            raise _no_answer(error, host) from None
        _check_status(response, credential.where, now)
        return response, credential.fingerprint


async def _read_bounded(response: httpx.Response) -> None:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise NotJsonError("The answer is far too large to be a usage response.")
    response._content = bytes(body)  # noqa: SLF001 - as Response.aread() does, with a bound


def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _check_status(response: httpx.Response, where: str, now: datetime) -> None:
    status = response.status_code
    if status == 200:
        return
    wait = _retry_after(response.headers.get("retry-after"), now)
    if status == 429:
        raise RateLimitedError("The usage endpoint asked us to wait (429).", "", wait or timedelta(0))
    if _is_challenge(response):
        raise ChallengeError(
            "Cloudflare answered with a browser check instead of the usage.",
            "Another network may help.",
        )
    if status == 401:
        raise UnauthorizedError(f"The server refused the token from {where} (401).", "Run `claude` and log in again.")
    if status == 403:
        raise ScopeMissingError(
            f"The token from {where} may not read usage (403): a setup-token lacks the scope user:profile.",
            "Unset CLAUDE_CODE_OAUTH_TOKEN, run `claude` and log in.",
        )
    if wait:
        raise RateLimitedError(f"The server asked us to wait ({status}).", "", wait)
    if status >= 500:
        raise ServerError(f"The server has trouble of its own ({status}).")
    raise ServerError(f"The server answered with status {status}, which is not a usage answer.")


def _is_challenge(response: httpx.Response) -> bool:
    if response.headers.get("cf-mitigated", "").lower() == "challenge":
        return True
    html = "html" in response.headers.get("content-type", "")
    return html and b"<title>Just a moment" in response.content[:4096]


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        if _is_challenge(response):
            raise ChallengeError("Cloudflare answered with a browser check.") from None
        raise NotJsonError(
            "The answer is not JSON.",
            "A proxy or a login page may stand between; run `claude-meter-tui doctor`.",
        ) from None


def _retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date (RFC 9110 §10.2.3); None where there is none or it is neither."""
    if value is None:
        return None
    try:
        return timedelta(seconds=max(0.0, float(value)))
    except (ValueError, OverflowError):
        pass
    when = _http_date(value)
    return None if when is None else max(timedelta(0), when - now)


def _skew(date: str | None, now: datetime) -> timedelta:
    server = _http_date(date) if date else None
    if server is None:
        return timedelta(0)
    skew = server - now
    return skew if abs(skew) >= _SKEW_BELIEVED_FROM else timedelta(0)


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _timed_out(host: str) -> MeterError:
    return TimedOutError(f"{host} did not answer in time.")


def _no_answer(error: httpx.HTTPError, host: str) -> MeterError:
    """The typed error for an exception of httpx; its own text stays out, it may quote a request."""
    if isinstance(error, httpx.TimeoutException):
        return _timed_out(host)
    if isinstance(error, httpx.ProxyError):
        return UnreachableError("The proxy did not let the request through.", "Check HTTPS_PROXY.")
    causes = _chain(error)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return TlsError(
            f"The secure connection to {host} failed (TLS).",
            "A proxy may replace certificates: set SSL_CERT_FILE to its root.",
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return NameNotFoundError(f"The name {host} was not found (DNS).", "Is this machine online?")
    return UnreachableError(f"{host} could not be reached.", "Is this machine online?")


def _chain(error: BaseException) -> list[BaseException]:
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop()
        if found is None or found in seen:
            continue
        seen.append(found)
        waiting += [found.__cause__, found.__context__]
        if isinstance(found, BaseExceptionGroup):
            waiting += list(found.exceptions)
    return seen
