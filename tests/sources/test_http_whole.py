"""What becomes of every kind of answer and of none, over a transport that says just that: error, words, wait, skew."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import time
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from conftest import NOON

from claude_meter_tui.domain.errors import (
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
from claude_meter_tui.sources import http
from claude_meter_tui.sources.http import (
    decoded,
    error_message,
    get,
    is_error,
    json_of,
    server_words,
    skew_of,
)
from claude_meter_tui.sources.http_failures import certificates_unusable, no_answer, proxy_unusable, timed_out

BASE = "http://127.0.0.1:9"
HOST = "api.example"


class Raw(httpx.AsyncByteStream):
    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks

    async def __aiter__(self) -> Any:
        for chunk in self.chunks:
            yield chunk


def answering(status: int, body: bytes = b"", **headers: str) -> httpx.MockTransport:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.MockTransport(lambda _: httpx.Response(status, headers=named, stream=Raw(body)))


def ask(
    transport: httpx.AsyncBaseTransport,
    refused: Callable[[httpx.Response], MeterError | None] = lambda _: None,
    deadline: float = 5,
    **more: Any,
) -> httpx.Response:
    return asyncio.run(
        get(
            BASE,
            "/x",
            {"X-One": "1"},
            httpx.Auth(),
            NOON,
            refused=refused,
            transport=transport,
            deadline=deadline,
            **more,
        )
    )


def failing(transport: httpx.AsyncBaseTransport, **more: Any) -> MeterError:
    with pytest.raises(MeterError) as caught:
        ask(transport, **more)
    return caught.value


def said(error: MeterError) -> tuple[type[MeterError], str, str]:
    return type(error), error.sentence, error.hint


def test_the_request_is_plain_and_the_body_is_read() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, stream=Raw(b'{"a"', b": 1}"))

    found = ask(httpx.MockTransport(answer))
    assert json_of(found) == {"a": 1} and str(seen[0].url) == f"{BASE}/x" and seen[0].method == "GET"
    assert seen[0].headers["accept-encoding"] == "identity" and seen[0].headers["x-one"] == "1"


# --- the status ------------------------------------------------------------------------------------------------------

WORDS = b'{"type": "error", "error": {"type": "x", "message": "Because\\u001b[31m of this."}}'
NEWER = "Is there a newer claude-meter-tui?"
IT_SAYS = "It says: “Because of this.”"


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence", "hint"),
    [
        (500, WORDS, ServerError, "The server has trouble of its own (500).", ""),
        (503, b"", ServerError, "The server has trouble of its own (503).", ""),
        (
            499,
            b"",
            PointlessError,
            "The server does not take this request (499).",
            "Is there a newer claude-meter-tui?",
        ),
        (400, WORDS, PointlessError, "The server does not take this request (400).", IT_SAYS),
        (204, WORDS, ServerError, "The server answered with status 204, which is not a usage answer.", IT_SAYS),
        (201, b"x", ServerError, "The server answered with status 201, which is not a usage answer.", ""),
        (
            302,
            b"",
            ServerError,
            "The server answered with a redirect (302), which is not followed.",
            "A login page of the network may stand between: open a page in a browser.",
        ),
        (
            300,
            b"",
            ServerError,
            "The server answered with a redirect (300), which is not followed.",
            "A login page of the network may stand between: open a page in a browser.",
        ),
        (
            399,
            b"",
            ServerError,
            "The server answered with a redirect (399), which is not followed.",
            "A login page of the network may stand between: open a page in a browser.",
        ),
    ],
)
def test_every_status_is_its_own_sentence(
    status: int, body: bytes, kind: type[MeterError], sentence: str, hint: str
) -> None:
    error = failing(answering(status, body, location="http://127.0.0.1:1/elsewhere"))
    found_kind, found, found_hint = said(error)
    assert (found_kind, found) == (kind, sentence)
    assert found_hint.replace("[31m", "") == hint


def test_a_refusal_is_the_caller_s_word_and_a_wait_goes_with_any_status() -> None:
    mine = PointlessError("Mine.", "x")
    assert failing(answering(403, b"{}"), refused=lambda _: mine) is mine
    for status in (500, 403, 302):
        error = failing(answering(status, WORDS, retry_after="90"))
        assert isinstance(error, RateLimitedError) and error.server_wait == timedelta(seconds=90)
        assert error.sentence == f"The server asked us to wait ({status})." and "Because" in error.hint
    limited = failing(answering(429, b""), refused=lambda _: mine)
    assert isinstance(limited, RateLimitedError) and limited.server_wait == timedelta(0)
    assert (limited.sentence, limited.hint) == ("The usage endpoint asked us to wait (429).", "")


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        (" 120 ", 120),
        ("1.5", 1.5),
        ("0", 0),
        ("9" * 400, 86400 * 7),
        ("Thu, 26 Nov 2026 12:05:00 GMT", 300),
        ("Thu, 26 Nov 2026 11:55:00 GMT", 0),
        ("Thu, 26 Nov 2026 12:05:00", 300),
        ("Fri, 31 Dec 9999 23:59:59 -0500", 0),
        ("soon", 0),
        ("-5", 0),
        ("٣", 0),
    ],
)
def test_every_form_of_retry_after(value: str, wait: float) -> None:
    header = {"retry-after": value.encode()}
    error = failing(httpx.MockTransport(lambda _: httpx.Response(429, headers=header, stream=Raw())))
    assert isinstance(error, RateLimitedError)
    bound = error.server_wait.total_seconds()
    assert bound == wait or (wait > 10**5 and 3600 < bound <= wait)


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-2), timedelta(minutes=9), timedelta(0)])
def test_a_wait_up_to_a_date_is_as_long_whatever_this_clock_says(ahead: timedelta) -> None:
    server = NOON - ahead
    dated = [format_datetime(moment, usegmt=True) for moment in (server, server + timedelta(minutes=10))]
    error = failing(answering(429, date=dated[0], retry_after=dated[1]))
    assert isinstance(error, RateLimitedError)
    assert abs(error.server_wait - timedelta(minutes=10)) <= timedelta(seconds=1)


def test_a_browser_check_is_told_from_any_other_page() -> None:
    words = ("Cloudflare answered with a browser check instead of the usage.", "Another network may help.")
    for transport in (
        answering(403, b"", cf_mitigated="Challenge"),
        answering(503, b"<html><title>Just a moment...</title>", content_type="text/html; charset=UTF-8"),
    ):
        assert said(failing(transport)) == (ChallengeError, *words)
    late = b"x" * 4096 + b"<title>Just a moment"
    for transport in (
        answering(403, b"<title>Just a moment", content_type="text/plain"),
        answering(403, late, content_type="text/html"),
        answering(403, b"", cf_mitigated="other"),
    ):
        assert not isinstance(failing(transport), ChallengeError)
    past = b"x" * (4097 - len(b"<title>Just a moment")) + b"<title>Just a moment"
    assert not isinstance(failing(answering(403, past, content_type="text/html")), ChallengeError)
    edge = b"x" * (4096 - len(b"<title>Just a moment")) + b"<title>Just a moment"
    assert isinstance(failing(answering(403, edge, content_type="text/html")), ChallengeError)


# --- the body --------------------------------------------------------------------------------------------------------


def test_a_body_is_read_up_to_a_mebibyte_and_inflated_once() -> None:
    most = 1 << 20
    assert len(ask(answering(200, b"x" * most)).content) == most
    too_large = (NotJsonError, "The answer is far too large to be a usage response.", "")
    assert said(failing(answering(200, b"x" * (most + 1)))) == too_large
    raw = zlib.compressobj(wbits=-15)
    deflated = raw.compress(b'{"a": 1}') + raw.flush()
    for encoding, body in (
        ("gzip", gzip.compress(b'{"a": 1}')),
        (" X-GZIP ", gzip.compress(b'{"a": 1}')),
        ("deflate", zlib.compress(b'{"a": 1}')),
        ("deflate", deflated),
        ("identity", b'{"a": 1}'),
    ):
        assert json_of(ask(answering(200, body, content_encoding=encoding))) == {"a": 1}
    assert len(ask(answering(200, gzip.compress(b"x" * most), content_encoding="gzip")).content) == most
    bomb = gzip.compress(b"x" * (most + 1))
    assert said(failing(answering(200, bomb, content_encoding="gzip"))) == too_large
    for encoding, body in (("br", b"x"), ("gzip, gzip", gzip.compress(b"x")), ("gzip", b"\x07torn")):
        assert said(failing(answering(200, body, content_encoding=encoding))) == (
            NotJsonError,
            "The answer is compressed in a way that was not asked for.",
            "A proxy may stand between; try another network.",
        )


def test_what_is_no_json_is_said_with_what_may_stand_between() -> None:
    with pytest.raises(NotJsonError) as plain:
        json_of(httpx.Response(200, content=b"<html>"))
    assert plain.value.sentence == "The answer is not JSON."
    assert plain.value.hint == "A proxy or a login page may stand between; run `claude-meter-tui doctor`."
    with pytest.raises(ChallengeError) as check:
        json_of(httpx.Response(200, content=b"<title>Just a moment", headers={"content-type": "text/html"}))
    assert check.value.sentence == "Cloudflare answered with a browser check."
    with pytest.raises(NotJsonError):
        json_of(httpx.Response(200, content=b"[" * 100_000))
    assert (
        decoded(httpx.Response(500, content=b"[" * 100_000)) is None and decoded(httpx.Response(200, content=b"1")) == 1
    )


def test_the_server_s_words_in_every_form() -> None:
    assert error_message({"error": {"message": "a"}}) == error_message({"error": "a"}) == "a"
    assert error_message({"message": "a"}) == "a" and error_message({"error": {"message": None}}) is None
    assert error_message({"error": {"other": "a"}, "message": "b"}) is None and error_message([]) is None
    long = error_message({"error": {"message": "x" * 500}})
    assert long is not None and len(long) == 160
    for body in ({"error": "x" * 500}, {"message": "x" * 500}):
        flat = error_message(body)
        assert flat is not None and len(flat) == 160
    assert server_words(httpx.Response(500, content=b"{}")) == ""
    assert server_words(httpx.Response(500, content=b'{"message": "Hm."}')) == "It says: “Hm.”"
    assert is_error({"type": "error"}) and is_error({"error": {}})
    assert not is_error({"error": "x"}) and not is_error({"type": "other"}) and not is_error(["error"])


# --- no answer -------------------------------------------------------------------------------------------------------


def caused(error: httpx.HTTPError, cause: BaseException) -> httpx.HTTPError:
    error.__cause__ = cause
    return error


ENV = {"ALL_PROXY": "socks5://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("error", "env", "kind", "sentence", "hint"),
    [
        (httpx.ReadTimeout("x"), {}, TimedOutError, f"{HOST} did not answer in time.", ""),
        (
            httpx.ProxyError("x"),
            ENV,
            UnreachableError,
            "The proxy did not let the request through.",
            "Check ALL_PROXY.",
        ),
        (
            httpx.ProxyError("x"),
            {},
            UnreachableError,
            "The proxy did not let the request through.",
            "Check HTTPS_PROXY.",
        ),
        (
            httpx.UnsupportedProtocol("x"),
            {"HTTPS_PROXY": "ftp://u:p@h"},
            SettingError,
            "The proxy address in HTTPS_PROXY cannot be used: ftp:// is no proxy known.",
            "Write it as http:// or socks5://, or unset HTTPS_PROXY.",
        ),
        (
            caused(httpx.ConnectError("x"), ssl.SSLError("bad")),
            ENV,
            TlsError,
            f"The secure connection to {HOST} failed (TLS).",
            "A proxy may replace certificates: set SSL_CERT_FILE to its root.",
        ),
        (
            httpx.ConnectError("x"),
            ENV,
            UnreachableError,
            "The proxy named in ALL_PROXY could not be reached.",
            "Check ALL_PROXY, or unset it.",
        ),
        (
            caused(httpx.ConnectError("x"), BaseExceptionGroup("g", [socket.gaierror("y")])),
            {},
            NameNotFoundError,
            f"The name {HOST} was not found (DNS).",
            "Is this machine online?",
        ),
        (
            httpx.RemoteProtocolError("Server disconnected without sending a response."),
            {},
            UnreachableError,
            f"{HOST} closed the connection without a full answer.",
            "It is tried again.",
        ),
        (
            httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
            {},
            UnreachableError,
            f"{HOST} closed the connection without a full answer.",
            "It is tried again.",
        ),
        (
            httpx.RemoteProtocolError("illegal status line"),
            {},
            NotHttpError,
            f"{HOST} answered something that is no web answer.",
            "A proxy or another program may stand there.",
        ),
        (
            httpx.DecodingError("x"),
            {},
            NotHttpError,
            f"{HOST} answered something that is no web answer.",
            "A proxy or another program may stand there.",
        ),
        (
            httpx.ReadError("x"),
            {},
            UnreachableError,
            f"The connection to {HOST} broke off in the middle.",
            "It is tried again.",
        ),
        (httpx.ConnectError("x"), {}, UnreachableError, f"{HOST} could not be reached.", "Is this machine online?"),
        (httpx.PoolTimeout("x"), ENV, TimedOutError, f"{HOST} did not answer in time.", ""),
    ],
)
def test_why_there_was_no_answer(
    error: httpx.HTTPError, env: dict[str, str], kind: type[MeterError], sentence: str, hint: str
) -> None:
    assert said(no_answer(error, HOST, env)) == (kind, sentence, hint)


def test_a_proxy_is_never_blamed_for_loopback() -> None:
    for host in ("127.0.0.1", "localhost"):
        assert no_answer(httpx.ConnectError("x"), host, ENV).sentence == f"{host} could not be reached."
    assert timed_out("h").sentence == "h did not answer in time."


def test_a_chain_that_goes_round_is_followed_once() -> None:
    one, other = httpx.ConnectError("x"), ValueError("y")
    one.__context__, other.__context__ = other, one
    assert no_answer(one, HOST, {}).sentence == f"{HOST} could not be reached."
    other.__cause__ = ssl.SSLError("z")
    assert isinstance(no_answer(one, HOST, {}), TlsError)
    for beside in (ValueError("a"), BaseExceptionGroup("g", [ValueError("b")])):
        both = caused(httpx.ConnectError("x"), ssl.SSLError("z"))
        both.__context__ = beside
        assert isinstance(no_answer(both, HOST, {}), TlsError)


def test_what_the_transport_raises_is_typed_and_a_deadline_is_for_all_of_it() -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("secret-in-text")

    error = failing(httpx.MockTransport(broken))
    assert error.sentence == "The connection to 127.0.0.1 broke off in the middle." and "secret" not in str(error)

    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(5)
        raise AssertionError

    assert said(failing(httpx.MockTransport(slow), deadline=0.05)) == (
        TimedOutError,
        "127.0.0.1 did not answer in time.",
        "",
    )


@pytest.mark.parametrize(
    ("env", "sentence", "hint"),
    [
        (
            {"HTTPS_PROXY": " ", "https_proxy": "FOO://x"},
            "The proxy address in https_proxy cannot be used: FOO:// is no proxy known.",
            "Write it as http:// or socks5://, or unset https_proxy.",
        ),
        (
            {"HTTPS_PROXY": "http://ok:1", "HTTP_PROXY": "socks://x"},
            "The proxy address in HTTP_PROXY cannot be used: socks:// is no proxy known.",
            "Write it as http:// or socks5://, or unset HTTP_PROXY.",
        ),
        (
            {"http_proxy": "http://[::bad"},
            "The proxy address in http_proxy cannot be used: it is no address.",
            "Write it like http://127.0.0.1:8080, or unset http_proxy.",
        ),
        (
            {"ALL_PROXY": "http://"},
            "The proxy address in ALL_PROXY cannot be used: it is no address.",
            "Write it like http://127.0.0.1:8080, or unset ALL_PROXY.",
        ),
        (
            {"all_proxy": "host:notaport"},
            "The proxy address in all_proxy cannot be used: it is no address.",
            "Write it like http://127.0.0.1:8080, or unset all_proxy.",
        ),
        (
            {"HTTPS_PROXY": "127.0.0.1:8080", "NO_PROXY": "["},
            "The list of hosts in NO_PROXY cannot be used.",
            "Write it like localhost,127.0.0.1, or unset NO_PROXY.",
        ),
        (
            {"HTTPS_PROXY": "socks5h://127.0.0.1:1", "no_proxy": "x"},
            "The list of hosts in no_proxy cannot be used.",
            "Write it like localhost,127.0.0.1, or unset no_proxy.",
        ),
        (
            {"HTTPS_PROXY": "socks://u:secret://x@h"},
            "The proxy address in HTTPS_PROXY cannot be used: socks:// is no proxy known.",
            "Write it as http:// or socks5://, or unset HTTPS_PROXY.",
        ),
        (
            {"HTTPS_PROXY": "abcdefghijklmnopqrstuvw://h"},
            "The proxy address in HTTPS_PROXY cannot be used: abcdefghijklmnop:// is no proxy known.",
            "Write it as http:// or socks5://, or unset HTTPS_PROXY.",
        ),
        (
            {"HTTPS_PROXY": "\x1b://h"},
            "The proxy address in HTTPS_PROXY cannot be used: :// is no proxy known.",
            "Write it as http:// or socks5://, or unset HTTPS_PROXY.",
        ),
        (
            {"HTTPS_PROXY": "https://h:1", "ALL_PROXY": "socks5://h:1"},
            "A proxy setting cannot be used.",
            "Look at HTTPS_PROXY, ALL_PROXY and NO_PROXY.",
        ),
        ({}, "A proxy setting cannot be used.", "Look at HTTPS_PROXY, ALL_PROXY and NO_PROXY."),
        ({"ALL_PROXY": "HTTP://h"}, "A proxy setting cannot be used.", "Look at HTTPS_PROXY, ALL_PROXY and NO_PROXY."),
    ],
)
def test_which_proxy_setting_it_is_without_what_stands_in_it(env: dict[str, str], sentence: str, hint: str) -> None:
    assert said(proxy_unusable(env)) == (SettingError, sentence, hint)


def test_which_certificate_setting_it_is(tmp_path: Any) -> None:
    missing, there = str(tmp_path / "none"), str(tmp_path)
    error = OSError("x")
    for env, sentence, hint in (
        (
            {"SSL_CERT_FILE": missing},
            "SSL_CERT_FILE names a file that is not there.",
            "Set it right, or unset SSL_CERT_FILE.",
        ),
        (
            {"SSL_CERT_DIR": there},
            "SSL_CERT_DIR names a folder without usable certificates.",
            "Set it right, or unset SSL_CERT_DIR.",
        ),
        (
            {"SSL_CERT_FILE": "", "SSL_CERT_DIR": missing},
            "SSL_CERT_DIR names a folder that is not there.",
            "Set it right, or unset SSL_CERT_DIR.",
        ),
        (
            {},
            "No certificates to check the server by could be loaded (OSError).",
            "Is the installation whole? Install claude-meter-tui again.",
        ),
    ):
        assert said(certificates_unusable(error, env)) == (SettingError, sentence, hint)


def test_settings_that_cannot_be_used_stop_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent/ca.pem")
    with pytest.raises(SettingError, match="SSL_CERT_FILE names a file that is not there"):
        asyncio.run(
            get("https://name.invalid", "/", {}, httpx.Auth(), NOON, refused=lambda _: None, transport=answering(200))
        )
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("ALL_PROXY", "foo://x")
    with pytest.raises(SettingError, match="ALL_PROXY cannot be used"):
        asyncio.run(get("http://name.invalid", "/", {}, httpx.Auth(), NOON, refused=lambda _: None))
    assert ask(answering(200)).status_code == 200, "for loopback no proxy counts"


# --- the clock -------------------------------------------------------------------------------------------------------


def dated(date: str | None, elapsed: float = 0.0, **headers: str) -> timedelta | None:
    response = httpx.Response(200, headers={**({"date": date} if date else {}), **headers})
    response.elapsed = timedelta(seconds=elapsed)
    return skew_of(response, NOON)


def http_date(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")


def test_a_skew_is_what_the_round_trip_does_not_explain() -> None:
    zero = timedelta(0)
    assert dated(None) is None and dated("nonsense") is None
    assert dated(http_date(0)) == dated(http_date(5)) == dated(http_date(-6)) == zero
    assert dated(http_date(6)) == timedelta(seconds=6) and dated(http_date(-7)) == timedelta(seconds=-7)
    assert dated(http_date(12), 8) == zero and dated(http_date(14), 8) == timedelta(seconds=10)
    assert dated(http_date(3600), 2) == timedelta(seconds=3599)
    assert dated(http_date(23 * 3600)) == timedelta(hours=23) and dated(http_date(23 * 3600 + 1)) is None
    assert dated(http_date(-23 * 3600)) == timedelta(hours=-23) and dated(http_date(-24 * 3600)) is None
    assert dated(http_date(0), age="0") == dated(http_date(0), age=" ") == zero
    assert dated(http_date(0), age="5") is None
    assert dated("Fri, 31 Dec 9999 23:59:59 -0500") is None
    local = datetime(2026, 11, 26, 13, 0, tzinfo=UTC).strftime("%a, %d %b %Y %H:%M:%S +0100")
    assert dated(local) == zero


def test_a_date_without_a_zone_is_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        error = failing(answering(429, retry_after="Thu, 26 Nov 2026 12:05:00"))
        assert isinstance(error, RateLimitedError) and error.server_wait == timedelta(minutes=5)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_is_inflated_is_bounded_while_it_is_inflated() -> None:
    bomb = gzip.compress(bytes(200 << 20))
    tracemalloc.start()
    try:
        failing(answering(200, bomb, content_encoding="gzip"))
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_the_client_checks_certificates_follows_nothing_and_trusts_proxies_only_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[dict[str, Any]] = []
    real = httpx.AsyncClient

    def client(**more: Any) -> httpx.AsyncClient:
        made.append(more)
        return real(**more)

    monkeypatch.setattr(httpx, "AsyncClient", client)
    for base in ("https://name.invalid", "http://127.0.0.1:9"):
        asyncio.run(get(base, "/", {}, httpx.Auth(), NOON, refused=lambda _: None, transport=answering(200)))
    elsewhere, loopback = made
    assert isinstance(elsewhere["verify"], ssl.SSLContext) and elsewhere["verify"].verify_mode == ssl.CERT_REQUIRED
    assert (elsewhere["trust_env"], loopback["trust_env"]) == (True, False) and loopback["verify"] is True
    for each in made:
        assert each["follow_redirects"] is False and each["timeout"] == httpx.Timeout(10.0, connect=10.0)


def test_what_cannot_be_loaded_or_parsed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable() -> ssl.SSLContext:
        raise ValueError("secret")

    def invalid(_: httpx.Request) -> httpx.Response:
        raise httpx.InvalidURL("secret")

    env = {"ALL_PROXY": "foo://x"}
    assert failing(httpx.MockTransport(invalid), env=env).sentence.startswith("The proxy address in ALL_PROXY")
    monkeypatch.setattr(http, "_tls", unreadable)
    with pytest.raises(SettingError, match=r"could be loaded \(ValueError\)"):
        asyncio.run(get("https://name.invalid", "/", {}, httpx.Auth(), NOON, refused=lambda _: None, env={}))
