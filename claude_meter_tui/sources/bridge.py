"""Takes what claude-meter's browser extension sends: a JSON array of snapshots, posted to loopback (FACTS §2).

A web page can reach loopback too, so only a browser extension's `Origin` is heard, `Host` must be loopback (else a name
somebody points here would do), and size, rate and number of connections are bounded. Nothing is ever answered but how
many snapshots were taken.
"""

from __future__ import annotations

import io
import json
import os
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from claude_meter_tui.domain.errors import BadUsageError, NotUsageError
from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.domain.identity import MOST_HEARD_OF
from claude_meter_tui.domain.windows import Account
from claude_meter_tui.settings.settings import BRIDGE_PORT
from claude_meter_tui.sources.payload.fields import time_of
from claude_meter_tui.sources.payload.money import with_overage
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.sources.source import Heard, Looked

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from claude_meter_tui.domain.windows import Reading

NAME = "bridge"
PATH = "/snapshots"
_ORIGINS = ("chrome-extension://", "moz-extension://")
_LARGEST_BODY = 1 << 20
_MOST_SNAPSHOTS = 50
_MOST_A_MINUTE = 30
_MOST_CONNECTIONS = 8
# A whole request, however its bytes drip in; the extension needs milliseconds.
_SECONDS_A_REQUEST = 3.0
_AGAIN_SECONDS = 30.0
_OLDEST = timedelta(days=7)


class Bridge:
    """Listens while started; keeps the newest snapshot of each account for whoever reads.

    Args:
        now: the time, to judge a snapshot's age by.
        port: on 127.0.0.1; 0: any free one.
        heard: told of every post that held something, in the server's thread.
    """

    name = NAME
    owner: Account | None = None

    def __init__(
        self,
        now: Callable[[], datetime],
        port: int = BRIDGE_PORT,
        heard: Callable[[list[Reading]], None] = lambda _: None,
    ) -> None:
        self.port = port
        self.trouble = ""
        """Why it does not listen, as a sentence; empty while it does."""
        self._now, self._heard = now, heard
        self._posts: deque[float] = deque(maxlen=_MOST_A_MINUTE)
        self._newest: dict[Account, Reading] = {}
        self._count = 0
        self._http: _Server | None = None
        self._tried_at: float | None = None

    # --- the server ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to listen.

        Raises:
            BadUsageError: the port cannot be used.
        """
        self._tried_at = time.monotonic()
        try:
            self._http = _Server(self.port, self)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadUsageError(
                f"The bridge cannot listen on port {self.port} ({reason}).",
                "claude-meter's own app or another pane may have it: quit that one, or leave it to it.",
            ) from None
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.5,), name="bridge", daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def busy(self) -> bool:
        """Whether there were too many posts in the last minute; counts this one."""
        now = time.monotonic()
        full = len(self._posts) == _MOST_A_MINUTE and now - self._posts[0] < 60
        if not full:
            self._posts.append(now)
        return full

    def take(self, body: bytes) -> int | None:
        """Keep what a post holds; gives how many readings that were, None for what is no array of snapshots."""
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, list):
            return None
        now = self._now()
        readings = [reading for each in found[:_MOST_SNAPSHOTS] if (reading := snapshot(each, now)) is not None]
        for reading in readings:
            known = self._newest.pop(reading.account, None)
            newer = known is None or known.observed_at < reading.observed_at
            self._newest[reading.account] = reading if newer or known is None else known
            self._count += newer
            while len(self._newest) > MOST_HEARD_OF:  # a page can invent accounts by the thousand
                del self._newest[next(iter(self._newest))]
        if readings:
            self._heard(readings)
        return len(readings)

    # --- as a listener ---------------------------------------------------------------------------------------------

    def stamp(self) -> object:
        """Changes with every snapshot taken. Listens, or tries again to, where another process has had the port."""
        if self._http is None and (self._tried_at is None or time.monotonic() - self._tried_at > _AGAIN_SECONDS):
            try:
                self.start()
                self.trouble = ""
            except BadUsageError as error:
                self.trouble = error.one_line()
        return self._count

    def read(self, now: datetime) -> list[Heard]:  # noqa: ARG002 - a snapshot has its own time
        """The newest of each account."""
        return [Heard(reading, NAME) for reading in list(self._newest.values())]

    def looked(self, now: datetime) -> tuple[Looked, ...]:  # noqa: ARG002 - as the protocol has it
        """Whether it listens, and has heard anything."""
        place = f"Browser extension (127.0.0.1:{self.port})"
        if self.trouble:
            return (Looked(place, found=False, outcome="the port is in use by another program"),)
        return (Looked(place, found=bool(self._count), outcome="heard" if self._count else "nothing heard yet"),)


def snapshot(given: Any, now: datetime) -> Reading | None:
    """One snapshot of the extension → a reading; None for what is none, or too old or new to be true.

    Args:
        given: `{org_uuid, browser, account_email, fetched_at, usage, overage, subscription, errors}`, any JSON.
        now: the local time.
    """
    if not isinstance(given, dict) or not isinstance(usage := given.get("usage"), dict):
        return None
    fetched_at = time_of(given.get("fetched_at"))
    if fetched_at is None or not -timedelta(minutes=5) <= now - fetched_at <= _OLDEST:
        return None
    usage = with_overage(usage, given.get("overage"))
    account = Account(
        email=clean_text(given.get("account_email"), 120), organization_uuid=clean_text(given.get("org_uuid"))
    )
    try:
        return read_usage(usage, observed_at=min(fetched_at, now), source=NAME, account=account)
    except NotUsageError:
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # What lingers of our own last connection must not keep us from the port (a minute on Linux). On Windows the option
    # would let two programs have it.
    allow_reuse_address = os.name == "posix"

    def __init__(self, port: int, bridge: Bridge) -> None:
        self.bridge = bridge
        self._free = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._open: dict[int, socket.socket] = {}
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: socket.socket | Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self._end_the_oldest()  # whoever is slow makes room for whoever is not
            if not self._free.acquire(timeout=0.5):
                self.shutdown_request(request)
                return
        self._open[id(request)] = request
        super().process_request(request, client_address)

    def _end_the_oldest(self) -> None:
        with suppress(OSError, StopIteration, RuntimeError):
            next(iter(self._open.values())).shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: socket.socket | Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.pop(id(request), None)
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a connection that breaks is the sender's matter."""


class _InTime(io.RawIOBase):
    """What comes in on a connection, up to a moment: a timeout of a single read would begin anew with every byte."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection, self._end = connection, time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SECONDS_A_REQUEST
    server_version, sys_version = "claude-meter-tui", ""

    def setup(self) -> None:
        """As always, but that a whole request has its time."""
        super().setup()
        self.rfile = io.BufferedReader(_InTime(self.connection, _SECONDS_A_REQUEST))

    def do_OPTIONS(self) -> None:
        """The preflight a browser sends for an extension that posts JSON to a private address."""
        if self._refused():
            return
        self._answer(
            204,
            {
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": "content-type",
                "Access-Control-Allow-Private-Network": "true",
                "Access-Control-Max-Age": "600",
            },
        )

    def do_POST(self) -> None:
        """Snapshots."""
        if self._refused():
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            self._answer(411)
        elif int(length) > _LARGEST_BODY:
            self._answer(413)
        elif self.server.bridge.busy():
            self._answer(429, {"Retry-After": "60"})
        else:
            body = self.rfile.read(int(length))
            taken = self.server.bridge.take(body) if len(body) == int(length) else None
            self._answer(400 if taken is None else 200, body=json.dumps({"taken": taken or 0}).encode())

    def _refused(self) -> bool:
        """Whether it is not an extension's request to this very address; answered then."""
        host = self.headers.get("Host", "").lower()
        port = self.server.server_address[1]
        hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        if host not in hosts or not self.headers.get("Origin", "").startswith(_ORIGINS):
            self._answer(403, trusted=False)
        elif self.path != PATH:
            self._answer(404)
        else:
            return False
        return True

    def _answer(
        self, status: int, headers: dict[str, str] | None = None, body: bytes = b"", *, trusted: bool = True
    ) -> None:
        self.close_connection = True
        self.send_response(status)
        if trusted:
            self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", ""))
            self.send_header("Vary", "Origin")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""
