"""Why there was no answer: each exception of httpx and each unusable setting as a typed error, with a sentence.

An exception's own text stays out: it may quote a request. It knows neither what was asked nor any credential.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from typing import TYPE_CHECKING

import httpx

from claude_meter_tui.domain.errors import (
    MeterError,
    NameNotFoundError,
    NotHttpError,
    SettingError,
    TimedOutError,
    TlsError,
    UnreachableError,
)
from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.system.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def proxy_unusable(env: Mapping[str, str]) -> SettingError:
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


def certificates_unusable(error: Exception, env: Mapping[str, str]) -> SettingError:
    """Which of the certificate variables it is, and what is wrong with it."""
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


def timed_out(host: str) -> MeterError:
    """For a deadline that passed."""
    return TimedOutError(f"{host} did not answer in time.")


def no_answer(error: httpx.HTTPError, host: str, env: Mapping[str, str]) -> MeterError:
    """The typed error for an exception of httpx; its own text stays out, it may quote a request."""
    if isinstance(error, httpx.TimeoutException):
        return timed_out(host)
    proxy = next((name for name in _PROXIES if env.get(name)), None) if not is_loopback(host) else None
    if isinstance(error, httpx.ProxyError):
        return UnreachableError("The proxy did not let the request through.", f"Check {proxy or 'HTTPS_PROXY'}.")
    if isinstance(error, httpx.UnsupportedProtocol):
        return proxy_unusable(env)
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
