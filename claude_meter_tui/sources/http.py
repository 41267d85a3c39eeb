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
import socket
import ssl
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from claude_meter_tui.errors import (
    ChallengeError,
    MeterError,
    NameNotFoundError,
    NotHttpError,
    NotJsonError,
    PointlessError,
    RateLimitedError,
    ServerError,
    SettingError,
    TimedOutError,
    TlsError,
    UnreachableError,
)
from claude_meter_tui.foreign_text import clean_text
from claude_meter_tui.gate import LONGEST_WAIT
from claude_meter_tui.settings import is_loopback
from claude_meter_tui.values import bounded_time

if TYPE_CHECKING:
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
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
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
        raise _timed_out(host) from None
    except httpx.HTTPError as error:
        raise _no_answer(error, host, env) from None
    except httpx.InvalidURL:
        raise _proxy_unusable(env) from None
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
            raise _certificates_unusable(error, env) from None
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
        raise _proxy_unusable(env) from None


def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _proxy_unusable(env: Mapping[str, str]) -> SettingError:
    """Which of the proxy variables it is, without what may stand in it besides its scheme: a user and a password."""
    schemes = ("http", "https", "socks5", "socks5h")
    for name in _PROXIES:
        value = env.get(name, "").strip()
        scheme, found, _ = value.partition("://")
        if value and found and scheme.lower() not in schemes:
            return SettingError(
                f"The proxy address in {name} cannot be used: {clean_text(scheme, 16) or ''}:// is no proxy known.",
                f"Write it as http:// or socks5://, or unset {name}.",
            )
    for name in _PROXIES:
        value = env.get(name, "").strip()
        try:
            usable = not value or bool(httpx.Proxy(value if "://" in value else f"http://{value}").url.host)
        except (ValueError, httpx.InvalidURL):
            usable = False
        if not usable:
            return SettingError(
                f"The proxy address in {name} cannot be used: it is no address.",
                f"Write it like http://127.0.0.1:8080, or unset {name}.",
            )
    for name in ("NO_PROXY", "no_proxy"):
        if env.get(name):
            return SettingError(
                f"The list of hosts in {name} cannot be used.", f"Write it like localhost,127.0.0.1, or unset {name}."
            )
    return SettingError("A proxy setting cannot be used.", "Look at HTTPS_PROXY, ALL_PROXY and NO_PROXY.")


def _certificates_unusable(error: Exception, env: Mapping[str, str]) -> SettingError:
    for name in _CERTIFICATES:
        value = env.get(name)
        if value:
            there = os.path.exists(value)  # noqa: PTH110
            kind = "file" if name == "SSL_CERT_FILE" else "folder"
            why = f"a {kind} without usable certificates" if there else f"a {kind} that is not there"
            return SettingError(f"{name} names {why}.", f"Set it right, or unset {name}.")
    return SettingError(
        f"No certificates to check the server by could be loaded ({type(error).__name__}).",
        "Is the installation whole? Install claude-meter-tui again.",
    )


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


# --- no answer -----------------------------------------------------------------------------------------------------


def _timed_out(host: str) -> MeterError:
    return TimedOutError(f"{host} did not answer in time.")


def _no_answer(error: httpx.HTTPError, host: str, env: Mapping[str, str]) -> MeterError:
    """The typed error for an exception of httpx; its own text stays out, it may quote a request."""
    if isinstance(error, httpx.TimeoutException):
        return _timed_out(host)
    proxy = next((name for name in _PROXIES if env.get(name)), None) if not is_loopback(host) else None
    if isinstance(error, httpx.ProxyError):
        return UnreachableError("The proxy did not let the request through.", f"Check {proxy or 'HTTPS_PROXY'}.")
    if isinstance(error, httpx.UnsupportedProtocol):
        return _proxy_unusable(env)
    causes = _chain(error)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return TlsError(
            f"The secure connection to {host} failed (TLS).",
            "A proxy may replace certificates: set SSL_CERT_FILE to its root.",
        )
    if proxy is not None and isinstance(error, httpx.ConnectError):
        return UnreachableError(f"The proxy named in {proxy} could not be reached.", f"Check {proxy}, or unset it.")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return NameNotFoundError(f"The name {host} was not found (DNS).", "Is this machine online?")
    if isinstance(error, httpx.RemoteProtocolError) and re.search("disconnected|closed connection", str(error)):
        return UnreachableError(f"{host} closed the connection without a full answer.", "It is tried again.")
    if isinstance(error, httpx.ProtocolError | httpx.DecodingError):
        return NotHttpError(
            f"{host} answered something that is no web answer.", "A proxy or another program may stand there."
        )
    if isinstance(error, httpx.ReadError | httpx.WriteError | httpx.CloseError):
        return UnreachableError(f"The connection to {host} broke off in the middle.", "It is tried again.")
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
