"""The receiver for the browser extension: what it takes, from whom, and what it refuses."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import NOON, SCRIPT, Bench, payload
from hypothesis import given
from test_payload import JSON_VALUES

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.identity import MOST_HEARD_OF
from claude_meter_tui.polling.poller import Poller
from claude_meter_tui.settings import settings
from claude_meter_tui.sources.bridge import Bridge, snapshot
from claude_meter_tui.sources.oauth import OAuthSource
from claude_meter_tui.store.store import Store

EXTENSION = "chrome-extension://abcdefghijklmnop"


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    made = Bridge(lambda: NOON, port=0)
    made.start()
    yield made
    made.stop()


def snapshots(at: datetime = NOON - timedelta(seconds=20), **more: object) -> list[dict[str, Any]]:
    given = payload("extension-snapshots.json")
    assert isinstance(given, list)
    return [{**each, "fetched_at": at.isoformat().replace("+00:00", "Z"), **more} for each in given]


def post(bridge: Bridge, body: object = None, path: str = "/snapshots", **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(snapshots() if body is None else body).encode()
    sent = {
        "Origin": EXTENSION,
        "Content-Type": "application/json",
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    return httpx.post(f"http://127.0.0.1:{bridge.port}{path}", content=content, headers=sent, trust_env=False)


def test_a_snapshot_is_a_reading_of_its_account(bridge: Bridge) -> None:
    before = bridge.stamp()
    answer = post(bridge)
    assert answer.status_code == 200 and answer.json() == {"taken": 1}
    assert answer.headers["access-control-allow-origin"] == EXTENSION
    ((reading, known_by),) = bridge.read(NOON)
    assert known_by == "bridge"
    assert bridge.stamp() != before and reading.source == "bridge"
    assert reading.account.email == "dev@example.com" and reading.observed_at == NOON - timedelta(seconds=20)
    assert [window.key for window in reading.windows] == ["five_hour", "seven_day", "weekly_scoped:fable"]
    assert reading.extra_usage is not None and str(reading.extra_usage.used.amount) == "40.01"  # type: ignore[union-attr]


def test_extra_usage_from_the_overage_where_the_usage_has_none() -> None:
    given = snapshots(usage=payload("pro-two-windows.json"), overage=payload("overage-spend-limit.json"))[0]
    given["usage"] = {key: value for key, value in given["usage"].items() if key not in ("extra_usage", "spend")}
    reading = snapshot(given, NOON)
    assert reading is not None and reading.extra_usage is not None and reading.extra_usage.enabled
    assert str(reading.extra_usage.limit.amount) == "50.00"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "origin",
    ["", "null", "https://evil.example", "http://127.0.0.1:63762", "https://chrome-extension.example", "file://"],
)
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_a_web_page_is_refused_and_told_nothing(bridge: Bridge, origin: str, method: str) -> None:
    headers = {"Origin": origin} if origin else {}
    url = f"http://127.0.0.1:{bridge.port}/snapshots"
    answer = httpx.request(method, url, content=json.dumps(snapshots()), headers=headers, trust_env=False)
    assert answer.status_code == 403 and not [name for name in answer.headers if name.startswith("access-control")]
    assert bridge.read(NOON) == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}"])
def test_another_host_name_for_this_address_is_refused(bridge: Bridge, host: str) -> None:
    assert post(bridge, Host=host.format(port=bridge.port)).status_code == 403 and bridge.read(NOON) == []


def test_the_preflight_of_an_extension(bridge: Bridge) -> None:
    answer = httpx.options(
        f"http://localhost:{bridge.port}/snapshots",
        headers={"Origin": "moz-extension://x", "Access-Control-Request-Private-Network": "true"},
        trust_env=False,
    )
    assert answer.status_code == 204 and answer.headers["access-control-allow-private-network"] == "true"
    assert answer.headers["access-control-allow-methods"] == "POST"


def test_what_is_too_much_or_no_snapshot_is_refused(bridge: Bridge) -> None:
    assert post(bridge, path="/").status_code == 404
    assert post(bridge, b" " * ((1 << 20) + 1)).status_code == 413
    assert post(bridge, b"{").status_code == 400 and post(bridge, {}).status_code == 400
    assert post(bridge, [None, 3, {}, {"usage": {}}]).json() == {"taken": 0}
    old, new = snapshots(NOON - timedelta(days=8)), snapshots(NOON + timedelta(minutes=6))
    assert post(bridge, [*old, *new, *snapshots()]).json() == {"taken": 1}
    codes = [post(bridge).status_code for _ in range(40)]
    assert codes[-1] == 429 and codes.count(200) < 30


def test_a_slow_sender_does_not_hold_the_others(bridge: Bridge) -> None:
    held = [socket.create_connection(("127.0.0.1", bridge.port)) for _ in range(7)]
    assert post(bridge).status_code == 200
    for connection in held:
        connection.close()


def test_a_chunked_or_unmeasured_body_is_refused(bridge: Bridge) -> None:
    with socket.create_connection(("127.0.0.1", bridge.port)) as connection:
        head = f"POST /snapshots HTTP/1.1\r\nHost: 127.0.0.1:{bridge.port}\r\nOrigin: {EXTENSION}\r\n"
        connection.sendall((head + "Transfer-Encoding: chunked\r\n\r\n").encode())
        assert b" 411 " in connection.recv(100)


@given(JSON_VALUES, JSON_VALUES)
def test_any_json_is_no_exception(body: Any, usage: Any) -> None:
    snapshot(body, NOON)
    reading = snapshot({"usage": usage, "fetched_at": NOON.isoformat(), "overage": body, "org_uuid": body}, NOON)
    if reading is not None:
        reading.document()


def test_a_port_in_use_is_a_sentence(bridge: Bridge) -> None:
    with pytest.raises(BadUsageError, match="cannot listen on port"):
        Bridge(lambda: NOON, bridge.port).start()
    done = subprocess.run(
        [SCRIPT, "bridge", "--port", str(bridge.port)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2 and "claude-meter's own app" in done.stderr and done.stderr.count("\n") == 1


def test_the_command_keeps_what_comes_until_interrupted() -> None:
    process = subprocess.Popen([SCRIPT, "bridge", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = int(process.stdout.readline().split("127.0.0.1:")[1].split("/")[0])
    sent = snapshots(datetime.now(NOON.tzinfo))
    headers = {"Origin": EXTENSION}
    httpx.post(f"http://127.0.0.1:{port}/snapshots", json=sent, headers=headers, trust_env=False)
    assert process.stdout.readline() == "dev@example.com: 5-hour 25 % · 7-day 61 % · Fable 82 %\n"
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()
    with Store.open(settings.load(os.environ).store_file) as store:
        newest = store.newest()
        assert newest is not None and newest["source"] == "bridge"


async def test_the_dashboard_takes_snapshots_when_it_is_enabled(
    bench: Bench, scratch_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = scratch_home / "config.toml"
    config.write_text(f"bridge = true\nbridge_port = {port}\n")
    monkeypatch.setenv("CLAUDE_METER_CONFIG", str(config))
    bench.settings = settings.load({**os.environ, "CLAUDE_METER_API_URL": bench.server.url})
    (scratch_home / "claude" / ".credentials.json").unlink()
    poller, other = bench.another_poller(), bench.another_poller()
    await poller.beat()
    await other.beat()
    assert f"port {port}" in other.state.notice and not poller.state.notice
    fresh = snapshots(datetime.now(NOON.tzinfo))
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(f"http://127.0.0.1:{port}/snapshots", json=fresh, headers={"Origin": EXTENSION})
    for shown in (poller, other):
        await shown.beat()
        assert shown.state.reading is not None and shown.state.reading.source == "bridge"
    assert "heard" in str(poller._listening.looked(NOON))
    for each in poller._listening._listeners or ():
        if isinstance(each, Bridge):
            each.stop()


def connection(bridge: Bridge) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", bridge.port))
    made.settimeout(10)
    return made


def test_many_who_drip_byte_by_byte_hold_nobody_up_and_are_ended(bridge: Bridge) -> None:
    slow = [connection(bridge) for _ in range(20)]
    stopped = threading.Event()

    def drip() -> None:
        while not stopped.wait(0.05):
            for each in slow:
                with suppress(OSError):
                    each.send(b"P")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        for _ in range(5):
            assert post(bridge).status_code == 200
        begun = time.monotonic()
        for each in slow:
            with suppress(ConnectionError):
                while each.recv(4096):  # until it is closed from the other side
                    pass
        assert time.monotonic() - begun < 8, "a whole request has three seconds, however it drips"
    finally:
        stopped.set()
        dripping.join()
        for each in slow:
            each.close()
    assert post(bridge).status_code == 200


def test_a_body_that_drips_is_ended_too(bridge: Bridge) -> None:
    made = connection(bridge)
    head = f"POST /snapshots HTTP/1.1\r\nHost: 127.0.0.1:{bridge.port}\r\nOrigin: {EXTENSION}\r\n"
    made.sendall(f"{head}Content-Length: 9999\r\n\r\n".encode())
    begun = time.monotonic()
    with suppress(OSError):
        while time.monotonic() - begun < 8:
            made.send(b" ")
            time.sleep(0.05)
    assert time.monotonic() - begun < 6
    made.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /snapshots HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"POST /snapshots HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: localhost\r\n\r\n",
        b"POST /snapshots HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"POST " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /snapshots HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"PUT /snapshots HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\xff" * 500 + b"\r\n\r\n",
    ],
)
def test_what_is_no_request_harms_nothing(bridge: Bridge, sent: bytes) -> None:
    with connection(bridge) as made:
        with suppress(OSError):
            made.sendall(sent)
            made.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(OSError):
            while part := made.recv(4096):
                answer += part
    assert not answer.startswith(b"HTTP/1.1 2") and b"Traceback" not in answer
    assert post(bridge).status_code == 200 and bridge.stamp() == 1


async def test_ten_thousand_posts_of_invented_accounts_leave_little_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What gets past the rate limit, posted as fast as it goes, with the poller taking it in meanwhile."""
    heard = Bridge(lambda: bench.clock.now(), port=0)
    source, cadence = OAuthSource(bench.settings), bench.settings.cadence
    poller = Poller(bench.store, lambda: source, bench.clock, cadence, open_listeners=lambda: [heard])
    await poller.beat()
    before = bench.store.count()
    for number in range(10_000):
        body = json.dumps(snapshots(account_email=f"{number}@example.com", org_uuid=f"org-{number}"))
        heard.take(body.encode())
        if number % 1000 == 0:
            bench.clock.advance(seconds=2)
            await poller.beat()
    await poller.beat()
    assert len(heard.read(NOON)) <= MOST_HEARD_OF
    named = [account["organization_uuid"] or "" for _, account, _ in bench.store.accounts()]
    invented = [name for name in named if name.startswith("org-")]
    assert len(invented) <= MOST_HEARD_OF and bench.store.count() - before <= 12 * MOST_HEARD_OF
    assert poller.state.reading is not None and poller.state.reading.source == "oauth"
