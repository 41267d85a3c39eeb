"""One GET to a configured host, with every way it can fail as a typed error: a sentence, a hint, never a secret.

It never follows a redirect, so a token or cookie goes to that host only; a proxy never stands between us and loopback.
It knows neither what is asked nor with what credential.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from claude_meter_tui.errors import (
    ChallengeError,
    MeterError,
    NameNotFoundError,
    NotJsonError,
    RateLimitedError,
    ServerError,
    TimedOutError,
    TlsError,
    UnreachableError,
)
from claude_meter_tui.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TIMEOUTS = httpx.Timeout(10.0, connect=10.0)
DEADLINE = 30.0
"""Over all of one request: a TLS read that hangs drips no timeout of httpx's own (claude-meter lived through it)."""
_LARGEST_BODY = 4 << 20
# The Date header counts whole seconds and the answer took time: a smaller difference is not a skewed clock.
_SKEW_BELIEVED_FROM = timedelta(seconds=5)


async def get(
    base: str,
    path: str,
    headers: Mapping[str, str],
    now: datetime,
    *,
    refused: Callable[[httpx.Response], MeterError | None],
    transport: httpx.AsyncBaseTransport | None = None,
    deadline: float = DEADLINE,
) -> httpx.Response:
    """The answer to a GET, its body read.

    Args:
        base: scheme and host, without a trailing slash.
        path: from the slash on.
        headers: with the credential.
        now: the local time, for a wait given as a date.
        refused: the error for an answer that refuses the credential, None for any other answer.
        transport: for tests.
        deadline: seconds for all of it.

    Raises:
        RateLimitedError: 429, or another refusal that names a wait.
        ChallengeError: Cloudflare's browser check.
        UnreachableError: no answer, or no usable status.
        MeterError: what `refused` gave.
    """
    host = urlsplit(base).hostname or ""
    try:
        async with (
            asyncio.timeout(deadline),
            httpx.AsyncClient(
                transport=transport,
                # A proxy never stands between us and loopback; elsewhere HTTPS_PROXY and the like are honoured.
                trust_env=not is_loopback(host),
                verify=await asyncio.to_thread(_tls) if base.startswith("https") else True,
                timeout=_TIMEOUTS,
                follow_redirects=False,
            ) as client,
            client.stream("GET", base + path, headers=dict(headers)) as response,
        ):
            await _read_bounded(response)
    except TimeoutError:
        raise _timed_out(host) from None
    except httpx.HTTPError as error:
        raise _no_answer(error, host) from None
    _check_status(response, refused, now)
    return response


async def _read_bounded(response: httpx.Response) -> None:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise NotJsonError("The answer is far too large to be a usage response.")
    response._content = bytes(body)  # noqa: SLF001 - as Response.aread() does, with a bound


def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _check_status(
    response: httpx.Response, refused: Callable[[httpx.Response], MeterError | None], now: datetime
) -> None:
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
    error = refused(response)
    if error is not None:
        raise error
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


def json_of(response: httpx.Response) -> Any:
    """The answer's body.

    Raises:
        NotJsonError, ChallengeError: it is none.
    """
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


def skew_of(response: httpx.Response, now: datetime) -> timedelta:
    """How far the server's clock is ahead of ours, by its `Date`; zero where that is too little to tell."""
    date = response.headers.get("date")
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
