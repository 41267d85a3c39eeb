"""Running the real app under Textual's pilot at a size and in a state, and reading its screen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from conftest import NOON, Bench, log_in
from textual.pilot import Pilot

from claude_meter_tui.commands.demo import seed_history
from claude_meter_tui.dashboard.app import MeterApp
from claude_meter_tui.polling.state import Phase
from claude_meter_tui.system.clock import FixedClock

SIZES = ((24, 4), (40, 10), (80, 24), (120, 36), (200, 60))


@asynccontextmanager
async def shown(
    bench: Bench, size: tuple[int, int] = (120, 36), *, expect_trouble: bool = False, **options: object
) -> AsyncIterator[Pilot[str]]:
    """The app on the bench's poller, once its first work is done; what it survives is a failure unless expected."""
    remembered: dict[str, str] = {}
    app = MeterApp(bench.poller, bench.clock, remember=remembered.__setitem__, **options)  # type: ignore[arg-type]
    app.remembered = remembered  # type: ignore[attr-defined]
    async with app.run_test(size=size) as pilot:
        if bench.server.scenario == "hang":  # it goes on asking for as long as anybody looks
            await pilot.pause(0.3)
        else:
            await settle(pilot)
        yield pilot
    assert expect_trouble or not app.reports.all, app.reports.all


async def settle(pilot: Pilot[str], until: Callable[[], bool] = lambda: True) -> None:
    """Let the app work until it has nothing left to do and `until` holds."""
    for _ in range(300):
        await pilot.pause(0.02)
        if until() and not pilot.app.view.state.asking:  # type: ignore[attr-defined]
            break
    await pilot.pause()


def lines(pilot: Pilot[str]) -> list[str]:
    """The screen's text, line by line."""
    return [strip.text.rstrip() for strip in pilot.app.screen._compositor.render_strips()]


def text(pilot: Pilot[str]) -> str:
    """The screen's text."""
    return "\n".join(lines(pilot))


async def reach(bench: Bench, phase: Phase, home: Path) -> None:
    """Bring the poller into a state the way it happens: by time, the server's answers, and the login file."""
    login = home / "claude" / ".credentials.json"
    if phase is Phase.SETUP:
        login.unlink()
        await bench.poller.beat()
    elif phase is Phase.LOADING:
        bench.server.scenario = "hang"
    else:
        step_to(bench.clock, NOON - timedelta(minutes=50))
        seed_history(bench.store, bench.clock.now())
        await bench.poller.beat()
        step_to(bench.clock, NOON - timedelta(minutes=1) if phase is Phase.LIVE else NOON)
        if phase is Phase.STALE:
            bench.poller.pause()
        elif phase is Phase.SIGNED_OUT:
            log_in(login.parent, expiresAt=1)
        else:
            scenarios = {Phase.WAITING: "rate-limited", Phase.OFFLINE: "server-error", Phase.LIVE: "max"}
            bench.server.scenario = scenarios[phase]
        await bench.poller.beat()
        step_to(bench.clock, NOON)
    assert phase is Phase.LOADING or bench.poller.state.phase(bench.clock.now()) is phase


def step_to(clock: FixedClock, moment: object) -> None:
    clock.advance(seconds=(moment - clock.now()).total_seconds())  # type: ignore[operator]
