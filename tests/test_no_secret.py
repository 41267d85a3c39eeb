"""No secret on any screen or in any file, whatever fails: raised at every step of a request, and searched for."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from conftest import Bench, log_in, run_script
from panes import Pane
from screens import settle, shown, text

from claude_meter_tui.commands import once
from claude_meter_tui.demo.server import DemoServer
from claude_meter_tui.sources.oauth import Bearer
from claude_meter_tui.system import crash

pytestmark = pytest.mark.xdist_group("terminal")

TOKEN = "sk-ant-oat01-dummy-QQQsecretQQQ"
MARK = "QQQsecretQQQ"
# Where a request passes on its way; each raises an exception nobody foresaw, with all it can see in its text.
STEPS = (
    "httpx.AsyncClient.__init__",
    "httpx.AsyncClient.build_request",
    "httpx.AsyncClient._send_handling_auth",
    "httpx.AsyncClient._send_single_request",
    "httpx.AsyncHTTPTransport.handle_async_request",
    "httpcore.AsyncConnectionPool.handle_async_request",
    "httpcore._async.connection.AsyncHTTPConnection._connect",
    "httpcore._async.http11.AsyncHTTP11Connection._send_request_headers",
    "httpcore._async.http11.AsyncHTTP11Connection._receive_response_headers",
    "httpx.Response.aiter_raw",
    "claude_meter_tui.sources.http._read_bounded",
    "claude_meter_tui.sources.http._check_status",
    "claude_meter_tui.sources.oauth.read_usage",
    "claude_meter_tui.store.store.Store.save",
)
_BREAK = """
import importlib, sys
path, _, name = {step!r}.rpartition(".")
parts = path.split(".")
for length in range(len(parts), 0, -1):
    try:
        thing = importlib.import_module(".".join(parts[:length]))
        break
    except ImportError:
        continue
for part in parts[length:]:
    thing = getattr(thing, part)
def broken(*given, **more):
    seen = [repr(each) for each in given] + [f"{{key}}={{value!r}}" for key, value in more.items()]
    for each in given:
        headers = getattr(each, "headers", None)
        seen.append(repr(list(getattr(headers, "raw", headers) or [])))
    raise RuntimeError(" ".join(seen))
setattr(thing, name, broken)
"""


def everything_under(folder: Path) -> str:
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != ".credentials.json"]
    return "\n".join(file.read_bytes().decode("latin-1") for file in files)


def run_broken(step: str, code: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = _BREAK.format(step=step) + code
    return subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("step", STEPS)
def test_an_exception_at_any_step_is_one_line_and_a_private_report(
    scratch_home: Path, server: DemoServer, step: str
) -> None:
    log_in(scratch_home / "claude", accessToken=TOKEN)
    env = {**os.environ, "CLAUDE_METER_API_URL": server.url}
    done = run_broken(step, "from claude_meter_tui.__main__ import main\nsys.exit(main(['once']))", env)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr and "details are in" in done.stderr
    (report,) = (scratch_home / "state" / "crashes").iterdir()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600 and stat.S_IMODE(report.parent.stat().st_mode) == 0o700
    assert "Traceback" in report.read_text() and "RuntimeError" in report.read_text()
    for place in (done.stdout, done.stderr, everything_under(scratch_home)):
        assert MARK not in place and "Bearer sk" not in place


@pytest.mark.parametrize("step", [STEPS[3], STEPS[4], STEPS[10]])
async def test_the_dashboard_goes_on_and_says_so(
    bench: Bench, scratch_home: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    log_in(scratch_home / "claude", accessToken=TOKEN)
    await bench.poller.beat()
    owner, _, name = step.rpartition(".")
    thing = {"httpx.AsyncClient": httpx.AsyncClient, "httpx.AsyncHTTPTransport": httpx.AsyncHTTPTransport}.get(owner)
    if thing is None:
        from claude_meter_tui.sources import http as thing  # type: ignore[no-redef]

    def broken(*given: object, **_: object) -> None:
        raise RuntimeError(f"Bearer {TOKEN} {given!r}")

    with monkeypatch.context() as patch:
        patch.setattr(thing, name, broken)
        bench.clock.advance(minutes=20)
        async with shown(bench, (120, 30), expect_trouble=True) as pilot:
            await settle(pilot, lambda: "should not have" in text(pilot))
            assert "5-hour" in text(pilot) and MARK not in text(pilot)
            await pilot.press("r")
            await settle(pilot)
            patch.undo()
            bench.clock.advance(minutes=20)
            await settle(pilot, lambda: bench.asked >= 2 and "should not have" not in text(pilot))
    assert MARK not in everything_under(scratch_home)


async def test_keys_timers_and_parts_of_the_screen_survive(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from claude_meter_tui.dashboard import app as app_module
    from claude_meter_tui.dashboard.view import View
    from claude_meter_tui.dashboard.widgets import next_stop

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(TOKEN)

    await bench.poller.beat()
    async with shown(bench, (120, 30), expect_trouble=True) as pilot:
        for owner, name, do in (
            (app_module.MeterApp, "action_used_or_left", lambda: pilot.press("percent_sign")),
            (app_module.MeterApp, "action_read", lambda: pilot.press("r")),
            (app_module.MeterApp, "_order", lambda: pilot.press("j")),
            (View, "changes_in", lambda: pilot.press("t")),
            (next_stop, "_stop_words", lambda: pilot.press("k")),
        ):
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, broken)
                await do()
                pilot.app._tick()  # type: ignore[attr-defined]
                await settle(pilot)
            await pilot.press("escape")
        assert pilot.app.is_running
        pilot.app._tick()  # type: ignore[attr-defined]
        await pilot.press("end")
        await settle(pilot, lambda: "▸ Cowork" in text(pilot) and "next stop" in text(pilot))
        assert pilot.app.reports.all  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "env",
    [
        {"ALL_PROXY": "socks://127.0.0.1:9"},
        {"HTTPS_PROXY": "socks5://user:QQQsecretQQQ@127.0.0.1:9"},
        {"HTTPS_PROXY": "http://[::1"},
        {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "localhost,[::1]"},
        {"SSL_CERT_FILE": "/nowhere/cacert.pem"},
        {"SSL_CERT_FILE": os.devnull},
    ],
    ids=lambda env: "-".join(env),
)
@pytest.mark.parametrize("command", [("once",), ("doctor",)])
def test_a_setting_that_cannot_be_used_is_named(
    scratch_home: Path, env: dict[str, str], command: tuple[str, ...]
) -> None:
    log_in(scratch_home / "claude", accessToken=TOKEN)
    done = run_script(*command, env={"CLAUDE_METER_API_URL": "https://usage.invalid", **env})
    said = done.stdout + done.stderr
    assert done.returncode == 4 and "Traceback" not in said and MARK not in said
    assert any(name in said for name in env)


def test_a_setting_that_cannot_be_used_spends_no_request(scratch_home: Path) -> None:
    log_in(scratch_home / "claude")
    for _ in range(2):
        run_script("once", env={"CLAUDE_METER_API_URL": "https://usage.invalid", "ALL_PROXY": "socks://127.0.0.1:9"})
    import sqlite3

    with sqlite3.connect(scratch_home / "state" / "meter.sqlite3") as store:
        assert store.execute("SELECT count(*) FROM asks").fetchone()[0] == 0
    store.close()


def test_the_open_dashboard_is_offline_and_stays(open_pane: Callable[..., Pane], scratch_home: Path) -> None:
    log_in(scratch_home / "claude", accessToken=TOKEN)
    pane = open_pane(CLAUDE_METER_API_URL="https://usage.invalid", ALL_PROXY="socks://127.0.0.1:9")
    pane.run()
    screen = pane.wait(lambda screen: "offline" in screen and "ALL_PROXY" in screen)
    assert MARK not in screen
    pane.type("q")
    assert MARK not in pane.wait(lambda screen: "left with 0" in screen)


def test_an_exception_that_ends_the_app_is_one_line(open_pane: Callable[..., Pane], scratch_home: Path) -> None:
    log_in(scratch_home / "claude", accessToken=TOKEN)
    code = (
        f"import sys\ndef broken(*a, **k): secret = {TOKEN!r}; raise RuntimeError(secret)\n"
        "from claude_meter_tui.dashboard.screens import main as main_screen\nmain_screen.MainScreen.compose = broken\n"
        "from claude_meter_tui.__main__ import main\nsys.exit(main([]))\n"
    )
    (scratch_home / "broken.py").write_text(code)
    pane = open_pane()
    pane.type(f"{sys.executable} {scratch_home / 'broken.py'}; echo left with $?", "Enter")
    screen = pane.wait(lambda screen: "left with 1" in screen)
    assert "details are in" in screen.replace("\n", " ") and "Traceback" not in screen and MARK not in screen


def test_where_stderr_is_no_terminal_it_says_so(open_pane: Callable[..., Pane], scratch_home: Path) -> None:
    pane = open_pane()
    pane.run(f"2>{scratch_home / 'said'}")
    pane.wait(lambda screen: "left with 2" in screen)
    assert "stderr" in (scratch_home / "said").read_text()


def test_the_header_is_added_as_the_request_is_sent() -> None:
    from claude_meter_tui.domain.secret import Secret

    auth = Bearer(Secret(TOKEN))
    request = httpx.Request("GET", "http://127.0.0.1")
    next(auth.auth_flow(request))
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert MARK not in repr(auth) + repr(vars(auth)) + repr(request.headers)


def test_whatever_looks_like_a_secret_is_masked() -> None:
    said = f"Authorization: Bearer abc.def, sessionKey=xyz; cf_clearance=q1; {TOKEN} {{'Cookie': 'sessionKey=zzz'}}"
    masked = crash.masked(said, {"CLAUDE_CODE_OAUTH_TOKEN": "opaque-value"})
    for secret in ("abc.def", "xyz", "q1", MARK, "zzz"):
        assert secret not in masked
    assert "opaque" not in crash.masked("it is opaque-value", {"CLAUDE_CODE_OAUTH_TOKEN": "opaque-value"})
    assert once  # the command whose requests are looked at above
