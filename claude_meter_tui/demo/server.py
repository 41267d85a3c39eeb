"""The simulated account as an HTTP server on loopback, with both endpoints' shapes and, by scenario, their failures.

The client and the poller meet it as they meet the real servers. It takes any token that looks like one.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from claude_meter_tui.demo import account
from claude_meter_tui.system.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claude_meter_tui.system.clock import Clock

_HANG_SECONDS = 60.0


class Reply(NamedTuple):
    """What the server sends."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}

    @classmethod
    def json(cls, body: Any, status: int = 200, **headers: str) -> Reply:
        """A JSON answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(body).encode(), {"Content-Type": "application/json", **named})


class Request(NamedTuple):
    """A request that came, for whoever wants to know what was sent; header names in lower case."""

    at: datetime
    path: str
    headers: Mapping[str, str]


_CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Enable JavaScript</body></html>"
_HTML = {"Content-Type": "text/html"}


def _error(status: int, kind: str, **headers: str) -> Callable[[datetime], Reply]:
    return _refusal(status, kind, kind, **headers)


def _refusal(status: int, kind: str, message: str, **headers: str) -> Callable[[datetime], Reply]:
    return lambda _: Reply.json({"type": "error", "error": {"type": kind, "message": message}}, status, **headers)


def _shape(name: str) -> Callable[[datetime], Reply]:
    return lambda now: Reply.json(account.usage(now, name))


def _idle(_: datetime) -> Reply:
    nothing = {"utilization": 0.0, "resets_at": None}
    return Reply.json({"five_hour": nothing, "seven_day": nothing, "seven_day_opus": None})


def _full(now: datetime) -> Reply:
    body = account.usage(now)
    body["five_hour"] = {"utilization": 104.0, "resets_at": (now - timedelta(seconds=2)).isoformat()}
    body["seven_day_opus"]["utilization"] = 113.2
    body["extra_usage"] = {"is_enabled": True, "monthly_limit": None, "used_credits": 310, "currency": "GBP"}
    return Reply.json(body)


# name → (what it shows, the usage endpoint's answer at a moment)
SCENARIOS: dict[str, tuple[str, Callable[[datetime], Reply]]] = {
    "max": ("a Max plan: named windows, extra usage in USD", _shape("named")),
    "limits": ("the newest body: limits[] with a scoped window, spend in EUR", _shape("limits")),
    "limits-only": ("limits[] alone, every named window null", _shape("limits-only")),
    "pro": ("a Pro plan: two windows", _shape("pro")),
    "idle": ("nothing used, nothing opened", _idle),
    "full": ("a window over 100 %, and one just past its reset", _full),
    "rate-limited": ("429 with Retry-After: 600", _error(429, "rate_limit_error", Retry_After="600")),
    "rate-limited-zero": ("429 with Retry-After: 0", _error(429, "rate_limit_error", Retry_After="0")),
    "unauthorized": ("401", _error(401, "authentication_error")),
    "forbidden": (
        "403: the scope is missing",
        _refusal(403, "permission_error", "OAuth token does not meet scope requirement user:profile"),
    ),
    "server-error": ("500", _error(500, "api_error")),
    "challenge": (
        "Cloudflare's browser check",
        lambda _: Reply(403, _CHALLENGE, {**_HTML, "cf-mitigated": "challenge"}),
    ),
    "not-json": ("200 with a login page", lambda _: Reply(200, b"<html><title>Log in</title></html>", _HTML)),
    "not-usage": ("200 with JSON that is no usage", lambda _: Reply.json(["hello"])),
    "hang": ("no answer for a minute", _shape("named")),
}


class DemoServer:
    """Serves on 127.0.0.1 in a thread while used as a context manager.

    Attributes:
        scenario: which of `SCENARIOS` answers now; may be changed while running.
        replies: answers by path that go before the scenario's, for tests.
        requests: every request that came.
    """

    def __init__(self, *, port: int = 0, scenario: str = "max", clock: Clock | None = None) -> None:
        self.scenario = scenario
        self.replies: dict[str, Reply] = {}
        self.requests: list[Request] = []
        self._clock = clock or SystemClock()
        self._released = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.2,), name="demo-server", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def asked(self, path: str) -> int:
        """How many requests came for a path."""
        return sum(request.path == path for request in self.requests)

    def answer(self, path: str, headers: Mapping[str, str]) -> Reply:
        """What to send for a GET."""
        now = self._clock.now()
        self.requests.append(Request(now, path, headers))
        if path in self.replies:
            return self.replies[path]
        if path.startswith("/api/oauth/") and not headers.get("authorization", "").startswith("Bearer sk-ant-"):
            return _error(401, "authentication_error")(now)
        organization = f"/api/organizations/{account.ORGANIZATION}"
        if path in ("/api/oauth/usage", organization + "/usage"):
            if self.scenario == "hang":
                self._released.wait(_HANG_SECONDS)
            return SCENARIOS[self.scenario][1](now)
        bodies: dict[str, Any] = {
            "/api/oauth/profile": account.profile(),
            "/api/organizations": account.organizations(),
            "/api/account": {"email_address": account.EMAIL},
            organization + "/overage_spend_limit": {
                "is_enabled": True,
                "monthly_credit_limit": 5000,
                "currency": "USD",
            },
            organization + "/subscription_details": {"status": "active"},
        }
        return Reply.json(bodies[path]) if path in bodies else _error(404, "not_found_error")(now)

    def date(self) -> str:
        """The `Date` header: this server's clock."""
        return format_datetime(self._clock.now().astimezone(UTC), usegmt=True)


def _handler(server: DemoServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.answer(self.path.partition("?")[0], headers)
            try:
                self.send_response_only(reply.status)
                for name, value in {"Date": server.date(), **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
            except OSError:
                self.close_connection = True  # the client did not wait

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing: a request's headers hold a token."""

    return Handler
