"""The real poller and store through simulated days with a server that misbehaves: is too much asked, is anything lost?

    python tests/benchmarks/endurance.py [days] [times as fast] [seed]

Several processes share one store, as panes do; one of them asks in a loop, as a script does. The clock runs a thousand
times as fast, is set now and then, and sleeps. Processes are killed, stopped and continued at random, the store is
locked for minutes. The server fails every sixth time in one of the ways of `FAULTS` and knows when it asked for a wait.
Printed: requests a day, requests inside a wait, readings lost and doubled, the longest staleness beside what the
server's own waits made of it at the least.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from claude_meter_tui.system.clock import Moment

START = datetime(2026, 11, 1, tzinfo=UTC)
WORKERS = 3
BEAT = 15.0  # simulated seconds
DEADLINE = 0.5  # real seconds: what a busy machine delays is no answer that was never given
FAULTS = (
    "429",
    "429",
    "429 without a wait",
    "429 wait 0",
    "429 by date",
    "503 wait",
    "500",
    "502 page",
    "hang",
    "cut",
    "empty",
    "garbage",
    "list",
    "redirect",
    "huge",
    "reset",
    "400",
)


class FastClock:
    """`speed` times as fast as the machine's, from START on; `file`: how far it was set, and how long it has slept."""

    def __init__(self, zero: float, speed: float, file: str) -> None:
        self._zero, self._speed, self._file = zero, speed, file
        self._read, self._set, self._slept = 0.0, 0.0, 0.0

    def _passed(self) -> float:
        return (time.monotonic() - self._zero) * self._speed

    def _look(self) -> None:
        if time.monotonic() - self._read > 0.01:
            self._read = time.monotonic()
            with suppress(OSError, ValueError):
                self._set, self._slept = map(float, Path(self._file).read_text().split())

    def true(self) -> datetime:
        return START + timedelta(seconds=self._passed())

    def now(self) -> datetime:
        self._look()
        return self.true() + timedelta(seconds=self._set)

    def uptime(self) -> tuple[str, int]:
        return "simulated", int(self._passed() * 1e6)

    def awake(self) -> int:
        self._look()
        return int((self._passed() - self._slept) * 1e6)

    def moment(self) -> Moment:
        """As the system's does, at one instant: a thousand times as fast, none is short."""
        self._look()
        passed = self._passed()
        now = START + timedelta(seconds=passed + self._set)
        return Moment(now, ("simulated", int(passed * 1e6)), int((passed - self._slept) * 1e6))


# --- the server ------------------------------------------------------------------------------------------------------


@dataclass
class Truth:
    """What the server knows: every request, its waits, and what it answered in full."""

    clock: FastClock
    chance: random.Random
    asked: list[float] = field(default_factory=list)
    profiles: int = 0
    inside: int = 0
    waits: list[tuple[float, float]] = field(default_factory=list)
    answered: list[tuple[float, float, float]] = field(default_factory=list)
    """(simulated, real time, the figure that no other answer has)."""
    faults: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def seconds(self) -> float:
        return (self.clock.true() - START).total_seconds()


class Misbehaving(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    truth: Truth

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        truth = self.truth
        if self.path.endswith("/profile"):
            truth.profiles += 1
            self.answer(200, {"account": {"email": "dev@example.com"}, "organization": {"uuid": "o" * 36}})
            return
        with truth.lock:
            now = truth.seconds()
            truth.asked.append(now)
            if any(begin <= now < end for begin, end in truth.waits[-50:]):
                truth.inside += 1
            fault = truth.chance.choice(FAULTS) if truth.chance.random() < 1 / 6 else None
            if fault is not None:
                truth.faults.append(now)
        if fault is None:
            self.reading(now)
        else:
            self.fail(fault, now)

    def reading(self, now: float) -> None:
        truth = self.truth
        with truth.lock:
            number = len(truth.answered) + 1
            figure = round(number / 1000, 3)
            truth.answered.append((now, time.monotonic(), figure))
        five = START + timedelta(seconds=(now // 18000 + 1) * 18000)
        week = START + timedelta(seconds=(now // 604800 + 1) * 604800)
        body = {
            "five_hour": {"utilization": now % 18000 / 200, "resets_at": five.isoformat()},
            "seven_day": {"utilization": figure, "resets_at": week.isoformat()},
        }
        self.answer(200, body)

    def fail(self, fault: str, now: float) -> None:
        truth, chance = self.truth, self.truth.chance
        if fault.startswith(("429", "503")):
            wait = float(chance.choice((205, 990, 1600, 3600)))
            headers = {"Retry-After": str(int(wait))}
            if fault.endswith("without a wait"):
                wait, headers = 0.0, {}
            elif fault.endswith("wait 0"):
                wait, headers = 0.0, {"Retry-After": "0"}
            elif fault.endswith("by date"):
                headers = {"Retry-After": format_datetime(truth.clock.true() + timedelta(seconds=wait), usegmt=True)}
            truth.waits.append((now, now + wait))
            self.answer(int(fault[:3]), {"error": {"message": "slow down"}}, headers)
        elif fault == "hang":
            time.sleep(2 * DEADLINE)
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()
        elif fault == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b'{"five_hour": {"utiliz')
            self.close_connection = True
        else:
            body: Any = {
                "500": {"error": {"message": "internal"}},
                "400": {"error": {"message": "odd"}},
                "empty": {},
                "list": [1, 2, 3],
                "garbage": b"\x00\xff\x00garbage",
                "502 page": b"<html><title>Bad gateway</title></html>",
                "redirect": b"",
                "huge": b"[" + b"1," * 900_000 + b"1]",
            }[fault]
            status = {"500": 500, "400": 400, "502 page": 502, "redirect": 302}.get(fault, 200)
            self.answer(status, body, {"Location": "http://127.0.0.1:9/"} if fault == "redirect" else {})

    def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        with suppress(OSError):
            self.send_response_only(status)
            self.send_header("Date", format_datetime(self.truth.clock.true(), usegmt=True))
            self.send_header("Content-Type", "application/json")
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


# --- a process -------------------------------------------------------------------------------------------------------


def work(url: str, home: str, zero: float, speed: float, scripted: bool) -> None:
    """What one pane does, until it is killed."""
    from claude_meter_tui.domain.errors import MeterError
    from claude_meter_tui.polling import asking
    from claude_meter_tui.polling.poller import Poller
    from claude_meter_tui.settings import settings
    from claude_meter_tui.sources.oauth import OAuthSource
    from claude_meter_tui.store.store import Store

    env = {
        "HOME": home,
        "CLAUDE_CONFIG_DIR": f"{home}/claude",
        "CLAUDE_METER_STATE_DIR": f"{home}/state",
        "CLAUDE_METER_API_URL": url,
    }
    configured = settings.load(env)
    clock = FastClock(zero, speed, f"{home}/clock")
    asking._TRIED_AGAIN_SECONDS /= speed
    source = OAuthSource(configured, deadline=DEADLINE)
    store = Store.open(configured.store_file, patience=0.05)
    poller = Poller(store, lambda: source, clock, configured.cadence, waits_for_store=True)

    async def run() -> None:
        beats = 0
        while True:
            await poller.beat()
            beats += 1
            if scripted and beats % 4 == 0:
                with suppress(MeterError):
                    await poller.ask("script")
            await asyncio.sleep(BEAT / speed)

    asyncio.run(run())


@dataclass
class Run:
    """What came of it."""

    days: float
    requests: int
    most_in_24_h: int
    profiles: int
    inside: int
    lost: int
    doubled: int
    killed: int
    locked: int
    stale: float
    least: float
    waits: int
    faults: int

    def lines(self) -> list[str]:
        return [
            f"{self.days:.1f} simulated days: {self.killed} kills, {self.locked} locks, {self.faults} faults",
            f"requests a day: {self.requests / self.days:.1f}, at most {self.most_in_24_h} in 24 h (bound: 100)",
            f"requests inside a wait: {self.inside}",
            f"readings lost: {self.lost}, doubled: {self.doubled}",
            f"longest staleness: {self.stale / 60:.0f} min, of which waits of the server {self.least / 60:.0f}",
        ]


def endure(days: float, speed: float = 1000.0, seed: int = 1) -> Run:
    """Run it; takes days × 86 400 / speed seconds."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "claude").mkdir()
        login = {"claudeAiOauth": {"accessToken": "sk-ant-oat01-dummy", "expiresAt": None, "scopes": ["user:profile"]}}
        (Path(home) / "claude" / ".credentials.json").write_text(json.dumps(login))
        (Path(home) / "clock").write_text("0 0")
        zero = time.monotonic()
        clock = FastClock(zero, speed, f"{home}/clock")
        truth = Truth(clock, random.Random(seed + 1))
        handler = type("Handler", (Misbehaving,), {"truth": truth})
        server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"

        def start(number: int) -> subprocess.Popen[bytes]:
            arguments = [sys.executable, __file__, "work", url, home, repr(zero), repr(speed), str(int(number == 0))]
            env = {**os.environ, "HOME": home}
            return subprocess.Popen(arguments, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        workers = [start(number) for number in range(WORKERS)]
        kills: list[float] = []
        locks, offset, slept = 0, 0.0, 0.0
        while truth.seconds() < days * 86_400:
            time.sleep(chance.uniform(0.5, 4.0) * 1800 / speed)
            number = chance.randrange(WORKERS)
            match chance.choice(("kill", "kill", "stop", "lock", "clock", "sleep", "nothing")):
                case "kill":
                    kills.append(time.monotonic())
                    workers[number].kill()
                    workers[number].wait()
                    workers[number] = start(number)
                case "stop":
                    workers[number].send_signal(signal.SIGSTOP)
                    time.sleep(chance.uniform(60, 1200) / speed)
                    workers[number].send_signal(signal.SIGCONT)
                case "lock" if (Path(home) / "state" / "meter.sqlite3").exists():
                    locks += 1
                    with suppress(sqlite3.Error):
                        other = sqlite3.connect(f"{home}/state/meter.sqlite3", isolation_level=None, timeout=0.01)
                        other.execute("BEGIN IMMEDIATE")
                        time.sleep(chance.uniform(60, 600) / speed)
                        other.rollback()
                        other.close()
                case "clock":
                    offset = chance.choice((0.0, 0.0, -90.0, 30.0, 3600.0, -7200.0))
                    (Path(home) / "clock").write_text(f"{offset} {slept}")
                case "sleep":
                    slept += chance.uniform(600, 20_000)
                    (Path(home) / "clock").write_text(f"{offset} {slept}")
                case _:
                    pass
        ended = truth.seconds()
        time.sleep(120 / speed + 0.5)
        for worker in workers:
            worker.kill()
            worker.wait()
        server.shutdown()
        server.server_close()
        return judged(truth, f"{home}/state/meter.sqlite3", ended, kills, locks, speed)


def judged(truth: Truth, file: str, ended: float, kills: list[float], locks: int, speed: float) -> Run:
    with sqlite3.connect(file) as db:
        rows = [row[0] for row in db.execute("SELECT utilization FROM windows WHERE key = 'seven_day'")]
    db.close()
    stored = {round(each, 3) for each in rows}
    # Who is killed between the answer and writing it down has lost it; nobody else may.
    near = 0.15 + 20 / speed
    answered = [each for each in truth.answered if each[0] <= ended]
    missing = [each for each in answered if each[2] not in stored]
    lost = [each for each in missing if not any(abs(each[1] - kill) < near for kill in kills)]
    asked = [each for each in truth.asked if each <= ended]
    times = [each[0] for each in answered if each[2] in stored]
    gaps = [(after - before, before, after) for before, after in zip([0.0, *times], [*times, ended], strict=True)]
    stale, begin, end = max(gaps)
    return Run(
        days=ended / 86_400,
        requests=len(asked),
        most_in_24_h=max(sum(at <= other < at + 86_400 for other in asked) for at in asked),
        profiles=truth.profiles,
        inside=truth.inside,
        lost=len(lost),
        doubled=len(rows) - len(stored),
        killed=len(kills),
        locked=locks,
        stale=stale,
        least=sum(wait_end - at for at, wait_end in truth.waits if begin <= at < end),
        waits=len(truth.waits),
        faults=len(truth.faults),
    )


def main(days: float = 30.0, speed: float = 1000.0, seed: int = 1) -> None:
    for line in endure(days, speed, seed).lines():
        print(line)


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2], sys.argv[3], float(sys.argv[4]), float(sys.argv[5]), sys.argv[6] == "1")
    else:
        main(*map(float, sys.argv[1:3]), *map(int, sys.argv[3:4]))
