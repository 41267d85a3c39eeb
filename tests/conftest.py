"""The safety every test runs under, and the seams they share: a scratch home, a loopback server, a fixed clock.

Any other home and any other host is an error, not a risk.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from panes import SCRIPT, TMUX, Pane

from claude_meter_tui.demo.server import DemoServer
from claude_meter_tui.domain.windows import Account
from claude_meter_tui.polling.login import document_of
from claude_meter_tui.polling.poller import Poller
from claude_meter_tui.settings import settings
from claude_meter_tui.settings.settings import Settings
from claude_meter_tui.sources import available
from claude_meter_tui.sources.oauth import OAuthSource
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.store.store import Store
from claude_meter_tui.system.clock import FixedClock
from claude_meter_tui.system.hosts import is_loopback

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)  # a Thursday
HOME = Account(email="home@example.com", organization_uuid="org-home", plan="Pro")
WORK = Account(email="work@example.com", organization_uuid="org-work", plan="Max 5x")
TOKEN = "sk-ant-oat01-dummy"
REFRESH = "sk-ant-ort01-dummy"
PAYLOADS = Path(__file__).parent / "payloads"


def payload(name: str) -> object:
    """A body from tests/payloads."""
    return json.loads((PAYLOADS / name).read_text())


@pytest.fixture(autouse=True)
def scratch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has an empty home, and no other home can be found."""
    home = tmp_path / "home"
    home.mkdir()
    for name in list(os.environ):
        if name.startswith(("CLAUDE_", "ANTHROPIC_", "XDG_")) or name.upper().endswith("_PROXY") or name == "NO_COLOR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home / "claude"))
    monkeypatch.setenv("CLAUDE_METER_STATE_DIR", str(home / "state"))
    monkeypatch.setenv("CLAUDE_METER_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("CLAUDE_METER_WEB_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TZ", "UTC")
    return home


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to, or a look-up of, any host but this machine fails the test."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and not is_loopback(str(address[0])):
            pytest.fail(f"a test connected to {address[0]}")
        connect(self, address)  # type: ignore[arg-type]

    def guarded_look_up(host: object, *rest: object, **more: object) -> object:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if host is not None and not is_loopback(name) and not name.endswith(".invalid"):
            pytest.fail(f"a test looked up {name}")
        return look_up(host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


@pytest.fixture
def clock() -> FixedClock:
    """Stands at noon on a Thursday."""
    return FixedClock(NOON)


@pytest.fixture
def server(clock: FixedClock) -> Iterator[DemoServer]:
    """The usage endpoint on loopback, on the test's clock."""
    with DemoServer(clock=clock) as running:
        yield running


def log_in(folder: Path, **changes: object) -> Path:
    """A Claude Code credentials file with a dummy login."""
    login: dict[str, object] = {
        "accessToken": TOKEN,
        "refreshToken": REFRESH,
        "expiresAt": int(datetime(2030, 1, 1, tzinfo=UTC).timestamp() * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
        "rateLimitTier": "default_claude_max_20x",
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ".credentials.json"
    file.write_text(json.dumps({"claudeAiOauth": {**login, **changes}}))
    return file


def named(folder: Path, email: str | None, organization: str | None) -> None:
    """Claude Code's own file in a folder says whose login it is."""
    folder.mkdir(parents=True, exist_ok=True)
    login = {"emailAddress": email, "organizationUuid": organization}
    (folder / ".claude.json").write_text(json.dumps({"oauthAccount": login}))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in a folder of its own."""
    with Store.open(str(tmp_path / "s" / "meter.sqlite3")) as opened:
        yield opened


def save_reading(store: Store, account: Account, ago: timedelta = timedelta(minutes=10)) -> int:
    """A reading of an account, so long before noon; gives the account's row."""
    body = payload("max-named-windows.json")
    store.save(read_usage(body, observed_at=NOON - ago, source="bridge", account=account).document())
    return store.account_id(document_of(account))


def remove_store(file: str) -> None:
    """Delete a store with its companions."""
    for suffix in ("", "-wal", "-shm"):
        Path(file + suffix).unlink(missing_ok=True)


@dataclass
class Bench:
    """A poller on a real store, a real client and a loopback server, stepped by hand."""

    settings: Settings
    store: Store
    server: DemoServer
    clock: FixedClock
    published: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.poller = self.another_poller()

    def another_poller(self) -> Poller:
        """As another pane would start one on the same store."""
        source = OAuthSource(self.settings, deadline=60.0)
        store = Store.open(self.settings.store_file)
        poller = Poller(
            store,
            lambda: source,
            self.clock,
            self.settings.cadence,
            open_listeners=lambda: available.listened_to(self.settings, os.environ),
            publish=self.published.append,
        )
        self.stores = [*getattr(self, "stores", []), store]
        return poller

    @property
    def asked(self) -> int:
        """How many usage requests reached the server."""
        return self.server.asked("/api/oauth/usage")

    def close(self) -> None:
        for store in self.stores:
            store.close()


@pytest.fixture
def bench(scratch_home: Path, server: DemoServer, clock: FixedClock) -> Iterator[Bench]:
    """See `Bench`; somebody is logged in."""
    log_in(scratch_home / "claude")
    configured = settings.load({**os.environ, "CLAUDE_METER_API_URL": server.url})
    configured = configured._replace(cadence=configured.cadence._replace(jitter=0.0))
    with Store.open(configured.store_file) as store:
        made = Bench(configured, store, server, clock)
        yield made
        made.close()


def run_script(*arguments: str, env: dict[str, str] | None = None, **more: object) -> subprocess.CompletedProcess[str]:
    """The installed script in a process of its own, in the test's environment."""
    command = [str(SCRIPT), *arguments]
    whole = {**os.environ, "PYTHONWARNINGS": "default", **(env or {})}
    return subprocess.run(command, env=whole, capture_output=True, text=True, timeout=60, check=False, **more)  # type: ignore[call-overload]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def open_pane(request: pytest.FixtureRequest) -> Iterator[Callable[..., Pane]]:
    """Makes tmux panes with an environment, and closes them; without tmux the test is skipped, except in CI."""
    if TMUX is None and os.environ.get("CI") != "true":
        pytest.skip("tmux is not installed")
    panes: list[Pane] = []

    def make(**env: str) -> Pane:
        panes.append(Pane(f"{request.node.name[:20]}-{len(panes)}", env))
        return panes[-1]

    yield make
    for pane in panes:
        pane.close()
