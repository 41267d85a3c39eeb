"""One GET to a configured host, with every way it can fail as a typed error: a sentence, a hint, never a secret.

It never follows a redirect, so a token or cookie goes to that host only; a proxy never stands between us and loopback.
It knows neither what is asked nor with what credential: that is added by an `httpx.Auth` at the last moment, so that no
frame of ours holds it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from claude_meter_tui.domain.bounds import LONGEST_WAIT, bounded_time
from claude_meter_tui.domain.errors import (
    ChallengeError,
    MeterError,
    NotJsonError,
    PointlessError,
    RateLimitedError,
    ServerError,
)
from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.sources.http_failures import certificates_unusable, no_answer, proxy_unusable, timed_out
from claude_meter_tui.system.hosts import is_loopback

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

_TIMEOUTS = httpx.Timeout(10.0, connect=10.0)
DEADLINE = 30.0
"""Over all of one request: a TLS read that hangs drips no timeout of httpx's own (claude-meter lived through it)."""
# The largest body seen has 3 KB.
_LARGEST_BODY = 1 << 20
_SECONDS = re.compile(r"[0-9]{1,400}(?:\.[0-9]+)?", re.ASCII)
# The Date header counts whole seconds; a smaller difference is not a skewed clock.
_SKEW_BELIEVED_FROM = timedelta(seconds=5)
# A clock set to another zone is up to 14 h off. A day and more is a Date nobody should believe.
_SKEW_BELIEVED_TO = timedelta(hours=23)
_LONGEST_WORDS = 160


async def get(
    base: str,
    path: str,
    headers: Mapping[str, str],
    auth: httpx.Auth,
    now: datetime,
    *,
    refused: Callable[[httpx.Response], MeterError | None],
    transport: httpx.AsyncBaseTransport | None = None,
    deadline: float = DEADLINE,
    env: Mapping[str, str] = os.environ,
) -> httpx.Response:
    """The answer to a GET, its body read and inflated.

    Args:
        base: scheme and host, without a trailing slash.
        path: from the slash on.
        headers: without the credential.
        auth: adds the credential to the request as it is sent.
        now: the local time, for a wait given as a date.
        refused: the error for an answer that refuses the credential, None for any other answer.
        transport: for tests.
        deadline: seconds for all of it.
        env: where proxy and certificate settings are named in an error.

    Raises:
        RateLimitedError: 429, or another refusal that names a wait.
        ChallengeError: Cloudflare's browser check.
        SettingError: a proxy or certificate setting cannot be used; nothing was sent.
        UnreachableError: no answer, or no usable status.
        PointlessError: the server does not take this request at all.
        MeterError: what `refused` gave.
    """
    host = urlsplit(base).hostname or ""
    try:
        async with (
            asyncio.timeout(deadline),
            await _client(base, host, transport, env) as client,
            client.stream(
                "GET", base + path, headers={**headers, "Accept-Encoding": "identity"}, auth=auth
            ) as response,
        ):
            await _read_bounded(response)
    except TimeoutError:
        raise timed_out(host) from None
    except httpx.HTTPError as error:
        raise no_answer(error, host, env) from None
    except httpx.InvalidURL:
        raise proxy_unusable(env) from None
    _check_status(response, refused, now)
    return response


async def _client(
    base: str, host: str, transport: httpx.AsyncBaseTransport | None, env: Mapping[str, str]
) -> httpx.AsyncClient:
    """The client, with the proxy and certificates the environment names.

    Raises:
        SettingError: one of these settings cannot be used.
    """
    verify: ssl.SSLContext | bool = True
    if base.startswith("https"):
        try:
            verify = await asyncio.to_thread(_tls)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise certificates_unusable(error, env) from None
    try:
        return httpx.AsyncClient(
            transport=transport,
            # A proxy never stands between us and loopback; elsewhere HTTPS_PROXY and the like are honoured.
            trust_env=not is_loopback(host),
            verify=verify,
            timeout=_TIMEOUTS,
            follow_redirects=False,
        )
    except (ValueError, ImportError, httpx.InvalidURL):
        raise proxy_unusable(env) from None


def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


# --- the body ------------------------------------------------------------------------------------------------------


async def _read_bounded(response: httpx.Response) -> None:
    """Read the body as it was sent, and inflate it here: httpx would inflate any number of layers without a bound."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise NotJsonError("The answer is far too large to be a usage response.")
    response._content = _inflated(bytes(body), response.headers.get("content-encoding", ""))  # noqa: SLF001 - as aread


def _inflated(body: bytes, encoding: str) -> bytes:
    """The body without its one layer of gzip or deflate, which was not asked for but may come.

    Raises:
        NotJsonError: another encoding, more layers, a torn one, or one that grows without a bound.
    """
    kind = encoding.strip().lower()
    if kind in ("", "identity"):
        return body
    if kind in ("gzip", "x-gzip", "deflate"):
        for bits in (47, -15):  # with a header of either kind; raw deflate, as some send it
            inflater = zlib.decompressobj(bits)
            try:
                found = inflater.decompress(body, _LARGEST_BODY + 1)
            except zlib.error:
                continue
            if len(found) > _LARGEST_BODY:
                raise NotJsonError("The answer is far too large to be a usage response.")
            return found
    raise NotJsonError(
        "The answer is compressed in a way that was not asked for.", "A proxy may stand between; try another network."
    )


# --- the status ----------------------------------------------------------------------------------------------------


def _check_status(
    response: httpx.Response, refused: Callable[[httpx.Response], MeterError | None], now: datetime
) -> None:
    status = response.status_code
    if status == 200:
        return
    # A date is by the server's clock: one of ours that is ahead would make its wait shorter.
    wait = _retry_after(response.headers.get("retry-after"), now + (skew_of(response, now) or timedelta(0)))
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
    said = server_words(response)
    if wait:
        raise RateLimitedError(f"The server asked us to wait ({status}).", said, wait)
    if status >= 500:
        raise ServerError(f"The server has trouble of its own ({status}).")
    if 300 <= status < 400:
        raise ServerError(
            f"The server answered with a redirect ({status}), which is not followed.",
            "A login page of the network may stand between: open a page in a browser.",
        )
    if status < 300:
        raise ServerError(f"The server answered with status {status}, which is not a usage answer.", said)
    raise PointlessError(
        f"The server does not take this request ({status}).", said or "Is there a newer claude-meter-tui?"
    )


def server_words(response: httpx.Response) -> str:
    """What the server says of an error, cleaned and bounded, as a sentence; empty where it says nothing readable."""
    text = error_message(decoded(response))
    return f"It says: “{text}”" if text else ""


def error_message(body: Any) -> str | None:
    """`error.message` of an error object as Anthropic's servers send it; also where it is flat, or only a text."""
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, dict):
        return clean_text(error.get("message"), _LONGEST_WORDS)
    return clean_text(error, _LONGEST_WORDS) or clean_text(body.get("message"), _LONGEST_WORDS)


def is_error(body: Any) -> bool:
    """Whether a body is an error object instead of what was asked for."""
    return isinstance(body, dict) and (body.get("type") == "error" or isinstance(body.get("error"), dict))


def decoded(response: httpx.Response) -> Any:
    """The body as JSON, whatever the status; None where it is none."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


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


# --- times ---------------------------------------------------------------------------------------------------------


def _retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date (RFC 9110 §10.2.3), at most `LONGEST_WAIT`; None where there is none or it is neither."""
    if value is None:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return timedelta(seconds=min(float(value), LONGEST_WAIT.total_seconds()))
    when = _http_date(value)
    return None if when is None else min(max(timedelta(0), when - now), LONGEST_WAIT)


def skew_of(response: httpx.Response, now: datetime) -> timedelta | None:
    """How far the server's clock is ahead of ours, by its `Date`; None where that cannot be told.

    The answer was made at some moment of the round trip, and the header cuts it to the second: a difference that the
    round trip explains is none. An answer out of a cache (`Age`) says nothing of now.

    Args:
        response: closed, so that it knows how long it took.
        now: the local time when the request was begun.
    """
    date = response.headers.get("date")
    server = _http_date(date) if date else None
    if server is None or response.headers.get("age", "0").strip() not in ("", "0"):
        return None
    low = server - (now + response.elapsed)
    high = server + timedelta(seconds=1) - now
    if low - _SKEW_BELIEVED_FROM <= timedelta(0) <= high + _SKEW_BELIEVED_FROM:
        return timedelta(0)
    skew = timedelta(seconds=(low + (high - low) / 2) // timedelta(seconds=1))
    return skew if abs(skew) <= _SKEW_BELIEVED_TO else None


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return bounded_time(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)
