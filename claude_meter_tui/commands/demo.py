"""`demo serve`, and what `--demo` needs: the simulated account's server and a week of its history."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from claude_meter_tui.demo import account
from claude_meter_tui.demo.server import SCENARIOS, DemoServer
from claude_meter_tui.demo.transcripts import write_tree
from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.domain.windows import Account
from claude_meter_tui.sources.payload.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_meter_tui.domain.plain_reading import ReadingDocument
    from claude_meter_tui.store.store import Store

_DEMO_DAYS = 24
_HISTORY_STEP = timedelta(minutes=15)


def serve(port: int, scenario: str, transcripts: str | None) -> int:
    """Serve until interrupted.

    Raises:
        BadUsageError: no such scenario, the port is taken, or the folder cannot be written.
    """
    if scenario == "list":
        width = max(map(len, SCENARIOS))
        print("\n".join(f"{name:{width}}  {text}" for name, (text, _) in SCENARIOS.items()))
        return 0
    if scenario not in SCENARIOS:
        raise BadUsageError(f"There is no scenario {scenario!r}.", f"Choose one of {', '.join(SCENARIOS)}.")
    if transcripts is not None:
        _write_transcripts(Path(transcripts))
    try:
        server = DemoServer(port=port, scenario=scenario)
    except OSError as error:
        raise BadUsageError(f"Port {port} cannot be used ({error.strerror}).", "Choose another --port.") from None
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with server:
        print(
            f"CLAUDE_METER_API_URL={server.url} CLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-dummy claude-meter-tui",
            flush=True,
        )
        stopped.wait()
    return 0


def seed_history(store: Store, now: datetime, shape: str = "named") -> None:
    """A week of the simulated account's readings up to `now`, so that its charts have something to show."""
    newest = store.newest()
    since = now - timedelta(days=7)
    if newest is not None:
        since = max(since, datetime.fromisoformat(newest["observed_at"]) + _HISTORY_STEP)
    store.save_all(_past_readings(since, now, shape))


def write_transcripts_once(folder: Path, now: datetime) -> None:
    """What the simulated person's Claude Code wrote, unless it is there; a full disk costs only this."""
    if not (folder / "projects").exists():
        with suppress(OSError):
            write_tree(folder, now, days=_DEMO_DAYS)


def _past_readings(since: datetime, now: datetime, shape: str) -> Iterator[ReadingDocument]:
    whose = Account(email=account.EMAIL, organization_uuid=account.ORGANIZATION, plan="Max 20x")
    moment = since
    while moment < now - _HISTORY_STEP:
        reading = read_usage(account.usage(moment, shape), observed_at=moment, source="demo", account=whose)
        yield reading.document()
        moment += _HISTORY_STEP


def _write_transcripts(folder: Path) -> None:
    if (folder / "projects").exists():
        raise BadUsageError(f"{folder} already holds transcripts.", "Name an empty folder.")
    try:
        count = write_tree(folder, datetime.now(UTC))
    except OSError as error:
        raise BadUsageError(f"{folder} cannot be written ({error.strerror}).", "Name another folder.") from None
    print(f"{count} messages written; read them with CLAUDE_CONFIG_DIR={folder}", flush=True)
