"""The browser's session: real cookie stores of real browsers, and claude.ai's answers on loopback."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import NOON, payload, run_script

from claude_meter_tui.demo.account import ORGANIZATION
from claude_meter_tui.demo.server import DemoServer, Reply
from claude_meter_tui.domain.errors import (
    ChallengeError,
    MeterError,
    NotLoggedInError,
    RateLimitedError,
    UnauthorizedError,
)
from claude_meter_tui.domain.secret import Secret
from claude_meter_tui.settings import settings
from claude_meter_tui.settings.settings import Settings
from claude_meter_tui.sources.browser import cookies as browser_cookies
from claude_meter_tui.sources.browser import session as browser
from claude_meter_tui.sources.browser.cookies import FAILURES, Profile, Session, glance, profiles, sessions
from claude_meter_tui.sources.browser.session import BrowserSource

pytestmark = pytest.mark.xdist_group("terminal")

COOKIE = "sk-ant-sid01-dummy"


# --- claude.ai -----------------------------------------------------------------------------------------------------


def session(name: str = "Default", cookie: str = COOKIE, organization: str = ORGANIZATION) -> Session:
    return Session(
        Profile("chromium", name, "/nowhere"),
        {"sessionKey": Secret(cookie), "lastActiveOrg": Secret(organization), "cf_clearance": Secret("cf")},
    )


@pytest.fixture
def web(server: DemoServer) -> Settings:
    return settings.load({**os.environ, "CLAUDE_METER_WEB_URL": server.url})


def source(web: Settings, monkeypatch: pytest.MonkeyPatch, *held: Session, **more: Any) -> BrowserSource:
    monkeypatch.setattr(browser_cookies, "sessions", lambda _env: (list(held), []))
    return BrowserSource(web, os.environ, **more)


async def test_the_usage_of_the_browsers_organization(
    web: Settings, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = source(web, monkeypatch, session())
    answer = await asked.usage(NOON)
    assert answer.reading.source == "browser" and len(answer.reading.windows) >= 6
    account, _ = await asked.account(NOON)
    assert account.email == "demo@example.com" and account.organization_uuid == ORGANIZATION
    sent = server.requests[0].headers
    assert sent["cookie"] == f"sessionKey={COOKIE}; lastActiveOrg={ORGANIZATION}; cf_clearance=cf"
    assert sent["user-agent"].startswith("claude-meter-tui/") and "authorization" not in sent
    before = len(server.requests)
    await asked.usage(NOON)
    assert len(server.requests) == before + 1  # the organizations are known now
    assert COOKIE not in repr(asked.__dict__) and COOKIE not in repr(answer)


async def test_extra_usage_comes_from_the_overage_where_the_usage_has_none(
    web: Settings, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"/api/organizations/{ORGANIZATION}"
    server.replies[where + "/usage"] = Reply.json({"five_hour": {"utilization": 4, "resets_at": None}})
    server.replies[where + "/overage_spend_limit"] = Reply.json(payload("overage-spend-limit.json"))
    reading = (await source(web, monkeypatch, session()).usage(NOON)).reading
    assert reading.extra_usage is not None and str(reading.extra_usage.used.amount) == "12.40"  # type: ignore[union-attr]
    server.replies[where + "/overage_spend_limit"] = Reply(500, b"")
    assert (await source(web, monkeypatch, session()).usage(NOON)).reading.extra_usage is None


def test_the_organization_is_the_one_wanted_else_one_with_a_plan() -> None:
    body = payload("organizations.json")
    assert isinstance(body, list)
    names = {wanted: (browser.chosen(body, wanted) or {}).get("name") for wanted in (None, "x", body[1]["uuid"])}
    assert names == {None: "Personal", "x": "Personal", body[1]["uuid"]: "Acme"}
    assert browser.chosen(list(reversed(body)), None) == body[1] and browser.chosen([], "x") is None
    assert browser.chosen([{"uuid": "1", "capabilities": 3}], None) is not None


async def test_the_browser_whose_session_works_is_chosen_and_remembered(
    web: Settings, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, works = session("Old", "sk-ant-sid01-ended"), session("New")
    answer = server.answer

    def refuse_ended(path: str, headers: Any) -> Reply:
        refused = "ended" in headers.get("cookie", "")
        return Reply.json({"error": "session"}, 403) if refused else answer(path, headers)

    monkeypatch.setattr(server, "answer", refuse_ended)
    noted: list[str] = []
    asked = source(web, monkeypatch, ended, works, remember=noted.append)
    await asked.usage(NOON)
    await asked.usage(NOON)
    assert noted == ["chromium (New)"]
    again = source(web, monkeypatch, ended, works, remembered="chromium (New)")
    assert again._found()[0] == works
    with pytest.raises(UnauthorizedError, match="has ended") as caught:
        await source(web, monkeypatch, ended).usage(NOON)
    assert "ended'" not in str(caught.value) and "Open claude.ai" in caught.value.hint


async def test_a_check_passed_in_the_browser_is_read_anew(
    web: Settings, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its `cf_clearance` is another then, and so may the session be."""
    server.replies[f"/api/organizations/{ORGANIZATION}/usage"] = Reply(403, b"", {"cf-mitigated": "challenge"})
    asked = source(web, monkeypatch, session())
    with pytest.raises(ChallengeError) as caught:
        await asked.usage(NOON)
    asked.failed(caught.value)
    server.replies.clear()
    renewed = session()
    renewed = renewed._replace(cookies={**renewed.cookies, "cf_clearance": Secret("renewed")})
    monkeypatch.setattr(browser_cookies, "sessions", lambda _env: ([renewed], []))
    await asked.usage(NOON)
    assert "cf_clearance=renewed" in server.requests[-1].headers["cookie"]


async def test_other_logins_organizations_are_known_too(
    web: Settings, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"uuid": "bbbbbbbb-0000-4000-8000-000000000002", "capabilities": ["chat", "claude_max"]}
    answer = server.answer

    def by_session(path: str, headers: Any) -> Reply:
        of_other = path == "/api/organizations" and "other" in headers.get("cookie", "")
        return Reply.json([other]) if of_other else answer(path, headers)

    monkeypatch.setattr(server, "answer", by_session)
    noted: list[list[str]] = []
    asked = source(web, monkeypatch, session(), session("Two", "sk-ant-sid01-other"), noticed=noted.append)
    await asked.usage(NOON)
    assert noted[-1] == [ORGANIZATION, other["uuid"]]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(403, (payload_text := (Path(__file__).parent.parent / "payloads" / "challenge.html").read_bytes()),
               {"Content-Type": "text/html"}), ChallengeError),
        (Reply(429, b"{}", {"Retry-After": "600"}), RateLimitedError),
        (Reply(401, b"{}"), UnauthorizedError),
        (Reply.json([]), UnauthorizedError),
        (Reply.json({"a": 1}), UnauthorizedError),
        (Reply(200, b"<html>"), MeterError),
        (Reply.json([{"uuid": "../../x"}]), UnauthorizedError),
    ],
)  # fmt: skip
async def test_every_failure_is_a_sentence_and_a_hint(
    web: Settings, server: DemoServer, monkeypatch: pytest.MonkeyPatch, reply: Reply, error: type[MeterError]
) -> None:
    server.replies["/api/organizations"] = reply
    with pytest.raises(error) as caught:
        await source(web, monkeypatch, session()).usage(NOON)
    assert caught.value.sentence.endswith(".") and COOKIE not in caught.value.one_line()
    if error is ChallengeError:
        assert "another source" in caught.value.hint


# --- cookie stores -------------------------------------------------------------------------------------------------


def firefox_store(home: Path, *rows: tuple[str, str, str], name: str = "abc.default") -> Path:
    file = home / ".mozilla" / "firefox" / name / "cookies.sqlite"
    file.parent.mkdir(parents=True)
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE moz_cookies (host, path, isSecure, expiry, name, value, isHttpOnly)")
    database.executemany("INSERT INTO moz_cookies VALUES (?,'/',1,99999999999,?,?,1)", rows)
    database.commit()
    database.close()
    return file


def test_only_claude_ai_and_only_the_wanted_cookies_are_taken(scratch_home: Path) -> None:
    firefox_store(
        scratch_home,
        (".claude.ai", "sessionKey", COOKIE),
        ("claude.ai", "lastActiveOrg", "org-1"),
        ("claude.ai", "other", "x"),
        ("notclaude.ai", "cf_clearance", "evil"),
        ("www.claude.ai", "cf_clearance", "evil"),
    )
    found, failed = sessions(os.environ)
    assert failed == [] and [each.profile.shown for each in found] == ["firefox (abc.default)"]
    assert {name: value.reveal() for name, value in found[0].cookies.items()} == {
        "sessionKey": COOKIE,
        "lastActiveOrg": "org-1",
    }
    assert found[0].organization == "org-1" and COOKIE not in repr(found)


def test_no_browser_no_session_and_a_broken_store_each_say_so(scratch_home: Path) -> None:
    def why() -> str:
        with pytest.raises(NotLoggedInError) as caught:
            BrowserSource(settings.load(os.environ), os.environ).fingerprint(NOON)
        return caught.value.one_line()

    assert sessions(os.environ) == ([], []) and "no browser was found" in why()
    firefox_store(scratch_home, ("claude.ai", "other", "x"))
    assert sessions(os.environ)[1][0][1] == "none" and "1 browser profiles looked at" in why()
    (scratch_home / ".mozilla" / "firefox" / "abc.default" / "cookies.sqlite").write_bytes(b"garbage" * 500)
    assert sessions(os.environ)[1][0][1] == "unreadable"
    assert "Use another source" in why()


def chromium_store(home: Path, encrypted: bytes, value: str = "", browser: str = "google-chrome") -> Path:
    file = home / ".config" / browser / "Default" / "Cookies"
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "CREATE TABLE cookies (host_key, path, is_secure, expires_utc, name, value, encrypted_value, is_httponly)"
        )
        row = (".claude.ai", "/", 1, 13_500_000_000_000_000, "sessionKey", value, encrypted, 1)
        database.execute("INSERT INTO cookies VALUES (?,?,?,?,?,?,?,?)", row)
    return file


@pytest.mark.parametrize(
    ("encrypted", "why", "hint"),
    [
        (b"v20" + bytes(40), "app-bound", "bound to the browser"),
        (b"v11" + bytes(32), "keyring", "unlock the keyring"),
        (None, "unreadable", "cannot be read"),
    ],
)
def test_why_a_cookie_cannot_be_had(scratch_home: Path, encrypted: bytes | None, why: str, hint: str) -> None:
    file = chromium_store(scratch_home, encrypted or b"")
    if encrypted is None:
        file.write_bytes(b"garbage" * 500)
    assert [reason for _, reason in sessions(os.environ)[1]] == [why]
    done = run_script("once", "--source", "browser")
    assert done.returncode == 3 and "chrome (Default): " in done.stderr and hint in done.stderr
    assert "Use another source" in done.stderr


def test_a_database_another_program_has_locked_is_read_all_the_same(scratch_home: Path) -> None:
    file = chromium_store(scratch_home, b"", COOKIE)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ((found,), failed) = sessions(os.environ)
    assert found.cookies["sessionKey"].reveal() == COOKIE and failed == []


def test_a_file_another_program_keeps_to_itself_is_locked(scratch_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Chrome does on Windows; here by simulation."""
    import browser_cookie3

    def unable(**_: object) -> None:
        raise browser_cookie3.BrowserCookieError("Unable to read database file")

    monkeypatch.setattr(browser_cookie3, "chrome", unable)
    file = chromium_store(scratch_home, b"", COOKIE)
    assert browser_cookies._read(Profile("chrome", "Default", str(file))) == "locked"


def test_a_keyring_that_waits_for_the_user_is_given_up(scratch_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    firefox_store(scratch_home, ("claude.ai", "sessionKey", COOKIE))
    monkeypatch.setattr(browser_cookies, "_PROGRAM", "import time; time.sleep(60) # {!r}")
    found, failed = sessions(os.environ, seconds=0.5)
    assert found == [] and [why for _, why in failed] == ["timeout"] and "keyring" in FAILURES["timeout"]


def test_profiles_of_every_platform(tmp_path: Path) -> None:
    home = tmp_path / "person"
    files = {
        "linux": ".config/google-chrome/Profile 2/Cookies",
        "darwin": "Library/Application Support/BraveSoftware/Brave-Browser/Default/Cookies",
        "win32": "Local/Microsoft/Edge/User Data/Default/Network/Cookies",
    }
    for file in files.values():
        (home / file).parent.mkdir(parents=True)
        (home / file).touch()
    env = {"HOME": str(home), "LOCALAPPDATA": str(home / "Local"), "APPDATA": str(home / "Roaming")}
    shown = {platform: [each.shown for each in profiles(env, platform)] for platform in files}
    assert shown == {"linux": ["chrome (Profile 2)"], "darwin": ["brave (Default)"], "win32": ["edge (Default)"]}
    assert profiles(env, "win32")[0].key == str(home / "Local/Microsoft/Edge/User Data/Local State")


def binary_cookies(*cookies: tuple[str, str, str]) -> bytes:
    """Safari's `Cookies.binarycookies` with one page of (host, name, value)."""
    records = []
    for host, name, value in cookies:
        texts = [text.encode() + b"\0" for text in (host, name, "/", value)]
        offsets = [56 + sum(map(len, texts[:number])) for number in range(4)]
        body = b"".join(texts)
        records.append(struct.pack("<4I", 56 + len(body), 0, 5, 0) + struct.pack("<4I", *offsets))
        records[-1] += bytes(8) + struct.pack("<2d", 9e8, 8e8) + body
    starts = [12 + 4 * len(records) + sum(map(len, records[:number])) for number in range(len(records))]
    page = b"\0\0\1\0" + struct.pack(f"<I{len(starts)}I", len(starts), *starts) + bytes(4) + b"".join(records)
    return b"cook" + struct.pack(">2I", 1, len(page)) + page


def test_safari_on_macos(scratch_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By simulation: the file as macOS keeps it, read here."""
    file = scratch_home / "Library/Containers/com.apple.Safari/Data/Library/Cookies/Cookies.binarycookies"
    file.parent.mkdir(parents=True)
    file.write_bytes(binary_cookies(("claude.ai", "sessionKey", COOKIE), (".claude.ai", "lastActiveOrg", "org")))
    monkeypatch.setattr(browser_cookies, "profiles", partial(profiles, platform="darwin"))
    ((found,), failed) = sessions(os.environ)
    assert found.profile.shown == "safari (Default)" and found.organization == "org" and failed == []
    assert found.cookies["sessionKey"].reveal() == COOKIE
    for content, outcome in (
        (binary_cookies(("claude.ai", "other", COOKIE)), "none"),
        (binary_cookies(("notclaude.ai", "sessionKey", COOKIE)), "none"),
        (b"cook sessionKey claude.ai", "unreadable"),
    ):
        file.write_bytes(content)
        assert [why for _, why in sessions(os.environ)[1]] == [outcome]
    if os.geteuid():  # root may read everything
        file.chmod(0)
        assert [why for _, why in sessions(os.environ)[1]] == ["privacy"]


# --- the real browsers ---------------------------------------------------------------------------------------------


class Site:
    """A page that logs in: it sets claude.ai's cookies."""

    def __init__(self) -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                for cookie in (f"sessionKey={COOKIE}", f"lastActiveOrg={ORGANIZATION}"):
                    self.send_header("Set-Cookie", f"{cookie}; Path=/; Max-Age=86400; HttpOnly")
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(site.page.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.page = "<title>logged in</title>"
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def needed(name: str) -> str:
    found = shutil.which(name)
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} is needed")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def visit_with_chromium(home: Path, url: str) -> str:
    command = [
        *(needed("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--password-store=basic", f"--user-data-dir={home / '.config' / 'chromium'}", "--dump-dom"),
        "--disable-background-networking",
        "--host-resolver-rules=MAP claude.ai 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        *("--virtual-time-budget=5000", url),
    ]
    done = subprocess.run(command, env=browser_env(home), capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def visit_with_firefox(home: Path, url: str) -> str:
    profile = home / ".mozilla" / "firefox" / "real.default-esr"
    profile.mkdir(parents=True, exist_ok=True)
    off = ("toolkit.telemetry.enabled", "app.update.enabled", "dom.security.https_first")
    off += ("network.captive-portal-service.enabled", "network.connectivity-service.enabled")
    wishes = {"network.dns.forceResolve": "127.0.0.1", **dict.fromkeys(off, False)}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in wishes.items()]
    (profile / "user.js").write_text("\n".join(lines))
    command = [needed("firefox-esr"), "--headless", "--profile", str(profile), "--screenshot", str(home / "x.png"), url]
    subprocess.run(command, env=browser_env(home), capture_output=True, timeout=120, check=True)
    return ""


def browser_env(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.environ["PATH"], "MOZ_DISABLE_AUTO_SAFE_MODE": "1"}


@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_the_session_of_a_real_browser_is_found_and_used(
    name: str, scratch_home: Path, site: Site, server: DemoServer
) -> None:
    visit = visit_with_chromium if name == "chromium" else visit_with_firefox
    visit(scratch_home, f"http://claude.ai:{site.port}/")
    assert [place.outcome for place in glance(os.environ)] == ["a claude.ai session"]
    env = {"CLAUDE_METER_WEB_URL": server.url}
    done = run_script("once", "--source", "browser", "--json", env=env)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["source"] == "browser" and answer["account"]["email"] == "demo@example.com"
    assert COOKIE in server.requests[0].headers["cookie"]
    kept = b"".join(file.read_bytes() for file in (scratch_home / "state").rglob("*") if file.is_file())
    assert COOKIE.encode() not in kept and name.encode() in kept
    assert COOKIE not in done.stdout + done.stderr + run_script("doctor", env=env).stdout


def test_a_page_in_a_real_browser_cannot_post_to_the_bridge(scratch_home: Path, site: Site) -> None:
    from test_bridge import snapshots

    from claude_meter_tui.sources.bridge import Bridge

    bridge = Bridge(lambda: NOON, port=0)
    bridge.start()
    body = json.dumps(snapshots())
    target = f"http://127.0.0.1:{bridge.port}/snapshots"
    # As a page would try: plainly, with a preflight, and blindly.
    script = f"""<script>(async () => {{
      const said = [];
      for (const how of [{{}}, {{headers: {{'Content-Type': 'application/json'}}}}, {{mode: 'no-cors'}}]) {{
        try {{ said.push((await fetch({target!r}, {{method: 'POST', body: {body!r}, ...how}})).type); }}
        catch (error) {{ said.push('refused'); }}
      }}
      document.title = said.join(' ');
    }})()</script>"""
    site.page = script
    shown = visit_with_chromium(scratch_home, f"http://claude.ai:{site.port}/")
    # A page may send blindly and learn nothing ("opaque"); nothing it sends is taken.
    assert "<title>refused refused" in shown and bridge.read(NOON) == []
    headers = {"Origin": "chrome-extension://abc"}
    assert httpx.post(target, content=body, headers=headers, trust_env=False).json() == {"taken": 1}
    bridge.stop()
