"""The usage endpoint over real HTTP on loopback: what is sent, and every way it can fail."""

from __future__ import annotations

import json
import os
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
import trustme
from conftest import NOON, TOKEN, log_in

from claude_meter_tui.demo.server import DemoServer, Reply
from claude_meter_tui.domain import errors
from claude_meter_tui.settings import settings
from claude_meter_tui.settings.settings import Settings
from claude_meter_tui.sources.oauth import OAuthSource

USAGE = "/api/oauth/usage"


def configured(url: str) -> Settings:
    return settings.load({**os.environ, "CLAUDE_METER_API_URL": url})


@pytest.fixture
def source(scratch_home: Path, server: DemoServer) -> OAuthSource:
    log_in(scratch_home / "claude")
    return OAuthSource(configured(server.url), deadline=1.0)


async def test_it_sends_what_the_endpoint_wants_and_says_who_it_is(source: OAuthSource, server: DemoServer) -> None:
    answer = await source.usage(NOON)
    headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["anthropic-beta"] == "oauth-2025-04-20"
    assert headers["accept"] == "application/json"
    assert headers["user-agent"].startswith("claude-code/") and "claude-meter-tui/" in headers["user-agent"]
    assert answer.reading.observed_at == NOON and answer.reading.source == "oauth"
    assert len(answer.reading.windows) == 7


async def test_the_profile_says_whose_the_token_is(source: OAuthSource) -> None:
    account, fingerprint = await source.account(NOON)
    assert fingerprint == source.fingerprint(NOON)
    assert account.email == "demo@example.com" and account.plan == "Max 20x" and account.organization_uuid


@pytest.mark.parametrize(
    ("scenario", "error", "code", "words"),
    [
        ("rate-limited", errors.RateLimitedError, 4, "429"),
        ("unauthorized", errors.UnauthorizedError, 3, "401"),
        ("forbidden", errors.ScopeMissingError, 3, "user:profile"),
        ("server-error", errors.ServerError, 4, "500"),
        ("challenge", errors.ChallengeError, 4, "Cloudflare"),
        ("not-json", errors.NotJsonError, 4, "not JSON"),
        ("not-usage", errors.NotUsageError, 4, "not a usage response"),
        ("hang", errors.TimedOutError, 4, "in time"),
    ],
)
async def test_every_failing_answer_is_a_typed_error_in_words(
    source: OAuthSource, server: DemoServer, scenario: str, error: type[errors.MeterError], code: int, words: str
) -> None:
    server.scenario = scenario
    with pytest.raises(error) as caught:
        await source.usage(NOON)
    assert caught.value.exit_code == code
    assert words in caught.value.sentence
    assert caught.value.hint or code == 4
    assert "\n" not in caught.value.one_line() and TOKEN not in caught.value.one_line()


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("990", 990.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("nan", 0.0),
        ("soon", 0.0),
        (None, 0.0),
        ("Thu, 26 Nov 2026 12:10:00 GMT", 600.0),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 0.0),
    ],
)
async def test_the_wait_of_a_429_in_seconds_or_as_a_date(
    source: OAuthSource, server: DemoServer, header: str | None, wait: float
) -> None:
    headers = {} if header is None else {"Retry_After": header}
    server.replies[USAGE] = Reply.json({"error": {}}, 429, **headers)
    with pytest.raises(errors.RateLimitedError) as caught:
        await source.usage(NOON)
    assert caught.value.server_wait == timedelta(seconds=wait)


async def test_a_503_that_names_a_wait_is_a_wait(source: OAuthSource, server: DemoServer) -> None:
    server.replies[USAGE] = Reply.json({}, 503, Retry_After="120")
    with pytest.raises(errors.RateLimitedError) as caught:
        await source.usage(NOON)
    assert caught.value.server_wait == timedelta(seconds=120)


async def test_a_redirect_is_not_followed_with_the_token(source: OAuthSource, server: DemoServer) -> None:
    with DemoServer() as elsewhere:
        server.replies[USAGE] = Reply(302, b"", {"Location": elsewhere.url + USAGE})
        with pytest.raises(errors.ServerError, match="302"):
            await source.usage(NOON)
        assert elsewhere.requests == []


async def test_an_endless_body_is_cut_off(source: OAuthSource, server: DemoServer) -> None:
    server.replies[USAGE] = Reply(200, b"[" + b"1," * (3 << 20), {})
    with pytest.raises(errors.NotJsonError, match="too large"):
        await source.usage(NOON)


async def test_a_skewed_clock_is_corrected_by_the_server_s_date(source: OAuthSource) -> None:
    local = NOON - timedelta(minutes=7)
    answer = await source.usage(local)
    assert (
        answer.skew == timedelta(minutes=7) and answer.reading.observed_at == local
    )  # readings are dated by the local clock
    assert (await source.usage(NOON + timedelta(seconds=3))).skew == timedelta(0)


async def test_nobody_listens(scratch_home: Path) -> None:
    log_in(scratch_home / "claude")
    with pytest.raises(errors.UnreachableError, match="could not be reached"):
        await OAuthSource(configured("http://127.0.0.1:9")).usage(NOON)


async def test_the_name_is_not_found(scratch_home: Path) -> None:
    log_in(scratch_home / "claude")
    with pytest.raises(errors.NameNotFoundError, match="DNS"):
        await OAuthSource(configured("https://nowhere.invalid")).usage(NOON)


async def test_a_server_that_hangs_up_mid_answer(scratch_home: Path) -> None:
    log_in(scratch_home / "claude")

    def breaks_off(_: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("peer closed connection")

    source = OAuthSource(configured("http://127.0.0.1:9"), transport=httpx.MockTransport(breaks_off))
    with pytest.raises(errors.UnreachableError):
        await source.usage(NOON)


class _Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"five_hour": {"utilization": 3, "resets_at": None}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _TlsServer(HTTPServer):
    def handle_error(self, *_: object) -> None:
        """The client refusing our certificate is the point of the test."""


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    authority = trustme.CA()
    certificate = tmp_path / "certificate.pem"
    authority.cert_pem.write_to_path(str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = _TlsServer(("127.0.0.1", 0), _Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_address[1]}", certificate
    server.shutdown()
    server.server_close()
    thread.join()


async def test_an_unknown_certificate_is_refused(scratch_home: Path, tls_server: tuple[str, Path]) -> None:
    log_in(scratch_home / "claude")
    with pytest.raises(errors.TlsError, match="TLS"):
        await OAuthSource(configured(tls_server[0])).usage(NOON)


async def test_a_certificate_the_user_trusts_is_taken(
    scratch_home: Path, tls_server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(scratch_home / "claude")
    url, certificate = tls_server
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # loopback is never asked through a proxy …
    assert (await OAuthSource(configured(url)).usage(NOON)).reading.windows[0].utilization == 3


async def test_elsewhere_a_proxy_is_used(scratch_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(scratch_home / "claude")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(errors.UnreachableError):  # … the dead proxy is where this request went
        await OAuthSource(configured("https://usage.invalid")).usage(NOON)


# --- URLs a token may travel to --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["https://api.example.com", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:9", "https://a.b/c/"]
)
def test_urls_a_token_may_travel_to(url: str) -> None:
    assert configured(url).api_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["http://api.example.com", "http://10.0.0.1", "ftp://127.0.0.1", "https://", "nonsense", "https://u:p@host"]
    + ["http://127.0.0.1.evil.example", "http://localhost.evil.example", "https://h:port", "https://h/?q=1"],
)
def test_urls_it_may_not(url: str) -> None:
    with pytest.raises(errors.BadUsageError, match="CLAUDE_METER_API_URL"):
        configured(url)
