"""Makes the pictures of the README from the real app: `python screenshots/make.py`.

The real client, poller, store and screen run against the simulated account's server on loopback, with a Claude Code
credentials file in a scratch home and a clock that stands. `--check` makes them anew and fails if one differs from the
file here; `--png DIR` also writes them as PNG, to look at.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.analysis.refresh import refresh
from claude_meter_tui.commands.demo import seed_history, write_transcripts_once
from claude_meter_tui.dashboard.app import MeterApp
from claude_meter_tui.dashboard.picture import self_contained
from claude_meter_tui.demo.server import DemoServer
from claude_meter_tui.domain.windows import Account, Reading
from claude_meter_tui.polling.accounts import PolledAccount
from claude_meter_tui.polling.known_accounts import KnownAccounts
from claude_meter_tui.settings import settings
from claude_meter_tui.sources import available
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.store.store import Store
from claude_meter_tui.system.clock import FixedClock
from claude_meter_tui.turns.transcripts.index import Index
from claude_meter_tui.turns.transcripts.roots import transcripts

if TYPE_CHECKING:
    from claude_meter_tui.polling.poller import Poller
    from claude_meter_tui.settings.settings import Settings

HERE = Path(__file__).parent
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


class Picture(NamedTuple):
    """One picture: its file, the terminal's size, and how to get there."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    scenario: str = "limits"
    theme: str = "dark"
    logged_in: bool = True
    late: timedelta = timedelta(0)
    another: bool = False
    """Whether there is a second account, heard of through the browser extension."""


PICTURES = (
    Picture("wide", (120, 30)),
    Picture("medium", (80, 24)),
    Picture("tiny", (40, 10)),
    Picture("detail", (100, 30), ("enter",)),
    Picture("compare", (140, 30), ("c",)),
    Picture("compare-narrow", (70, 24), ("c",)),
    Picture("past", (120, 30), ("home", "i")),
    Picture("accounts", (110, 24), ("A",), another=True),
    Picture("history", (100, 26), ("home", "h"), theme="colorblind"),
    Picture("waiting", (100, 24), scenario="rate-limited", late=timedelta(minutes=21)),
    Picture("setup", (84, 24), logged_in=False),
    Picture("help", (100, 28), ("question_mark",), theme="contrast"),
    Picture("light", (100, 24), theme="light"),
)


async def svg_of(picture: Picture, home: Path) -> str:
    """Run the app to where the picture is taken."""
    folder = home / ".claude"
    if picture.logged_in:
        folder.mkdir(parents=True)
        login = {"accessToken": "sk-ant-oat01-dummy", "expiresAt": None, "scopes": ["user:profile"]}
        (folder / ".credentials.json").write_text(json.dumps({"claudeAiOauth": login}))
    clock = FixedClock(NOON - picture.late)
    with DemoServer(clock=clock, scenario="limits") as server:
        env = {"HOME": str(home), "CLAUDE_METER_STATE_DIR": str(home / "state"), "CLAUDE_METER_API_URL": server.url}
        configured = settings.load(env)
        with Store.open(configured.store_file) as store:
            known = KnownAccounts(available.chosen(configured, store), env, store, clock)
            ((poller, open_local, _),) = known.first(None)
            if picture.logged_in:
                seed_history(store, clock.now() - timedelta(minutes=14), shape="limits")
            await poller.beat()
            server.scenario = picture.scenario
            clock.advance(seconds=(NOON - clock.now()).total_seconds())
            await poller.beat()
            write_transcripts_once(folder, NOON)
            if picture.another:
                store.save(work_account().document())
            if picture.logged_in:
                analysed(configured, poller, clock.now())
                await poller.beat()
            _, *others = known.renewed([PolledAccount(poller, open_local)])
            app = MeterApp(poller, clock, theme=picture.theme, open_local=open_local, others=others)
            async with app.run_test(size=picture.size) as pilot:
                await pilot.pause(0.5)
                await pilot.press(*picture.keys)
                await transcripts_read(app)
                await pilot.pause(0.3)
                return self_contained(app.export_screenshot(title="claude-meter-tui"))


def analysed(configured: Settings, poller: Poller, now: datetime) -> None:
    """What a process of its own does while the dashboard is open."""
    with Store.open(configured.store_file) as store:
        roots = configured.transcript_roots
        Index(store.connection, roots).refresh(transcripts(roots))
        if poller.account_id is not None:
            refresh(store, roots, poller.account_id, now, timedelta(0))


def work_account() -> Reading:
    """What the browser extension told of another account."""
    body = {
        "five_hour": {"utilization": 83.0, "resets_at": (NOON + timedelta(minutes=74)).isoformat()},
        "seven_day": {"utilization": 41.0, "resets_at": (NOON + timedelta(days=2, hours=3)).isoformat()},
    }
    account = Account(email="work@example.com", organization_uuid="6a0b8c1e-0000-4000-8000-00000000beef")
    return read_usage(body, observed_at=NOON - timedelta(minutes=1), source="bridge", account=account)


async def transcripts_read(app: MeterApp) -> None:
    """Wait until what stands beside the selected window is of the whole tree."""
    for _ in range(600):
        side = app.view and (app.view.beside or app.view.sums)
        if side is not None and side.following.looked:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("the transcripts were not read within 30 s")


def main() -> int:
    """Make or check the pictures; 1 if one is not of today's screen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a picture differs from its file")
    parser.add_argument("--png", type=Path, metavar="DIR", help="also write PNGs there")
    parser.add_argument("names", nargs="*", help="only these")
    chosen = parser.parse_args()
    os.environ["TZ"] = "UTC"
    time.tzset()
    stale = []
    for picture in PICTURES:
        if chosen.names and picture.name not in chosen.names:
            continue
        with tempfile.TemporaryDirectory() as home:
            svg = asyncio.run(svg_of(picture, Path(home)))
        file = HERE / f"{picture.name}.svg"
        if chosen.check:
            if not file.exists() or file.read_text(encoding="utf-8") != svg:
                stale.append(picture.name)
        else:
            file.write_text(svg, encoding="utf-8")
        if chosen.png:
            import resvg_py

            chosen.png.mkdir(parents=True, exist_ok=True)
            png = resvg_py.svg_to_bytes(svg_string=svg, monospace_family="Fira Code", zoom=1)
            (chosen.png / f"{picture.name}.png").write_bytes(bytes(png))
    if stale:
        print(f"not of today's screen: {', '.join(stale)}; run python screenshots/make.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
