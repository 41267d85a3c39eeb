"""`doctor`: what was found, what works, what to do. Shows no secret; asks the network at most once, never in a wait."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from claude_meter_tui import __version__
from claude_meter_tui.domain.errors import AskedTooSoonError, CredentialError, MeterError, StoreError
from claude_meter_tui.domain.foreign_text import shown as shown_text
from claude_meter_tui.domain.foreign_text import to_json
from claude_meter_tui.output import formats
from claude_meter_tui.output.asking_words import when_and_why
from claude_meter_tui.output.words import age, outcome, source_words, too_soon
from claude_meter_tui.polling.poller import Poller
from claude_meter_tui.settings import settings
from claude_meter_tui.sources import available
from claude_meter_tui.sources.oauth import OAuthSource
from claude_meter_tui.store.store import Store
from claude_meter_tui.system import paths
from claude_meter_tui.system.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from claude_meter_tui.settings.settings import Settings
    from claude_meter_tui.sources.source import Looked, Source


# Of a place without a reading: nothing to mend.
_HARMLESS = ("not set", "not there", "holds no usage", "no claude.ai session", "nothing heard yet")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the formats. `state`: `ok`, `note` (nothing to do) or `problem`."""

    subject: str
    state: str
    text: str
    do: str = ""


def run(env: Mapping[str, str], *, as_json: bool) -> int:
    """Look at everything, ask once if allowed, print; 0 where a reading can be had, else the failure's code."""
    findings, code = _examine(env)
    if as_json:
        shown = {
            "schema": formats.SCHEMA,
            "version": __version__,
            "findings": [asdict(found) for found in findings],
        }
        print(to_json(shown, indent=2))
    else:
        marks = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
        for found in findings:
            line = f"{found.subject}: {found.text}" + (f" → {found.do}" if found.do else "")
            print(f"{marks[found.state]}  {shown_text(line)}")
    return code


def _examine(env: Mapping[str, str]) -> tuple[list[Finding], int]:
    try:
        configured = settings.load(env)
    except MeterError as error:
        return [Finding("configuration", "problem", error.sentence, error.hint)], error.exit_code
    try:
        store = Store.open(configured.store_file)
    except MeterError as error:
        found = _found(OAuthSource(configured), configured, env)
        return [*found, Finding("store", "problem", error.sentence, error.hint)], error.exit_code
    with store:
        store.mend()
        configured = available.chosen(configured, store)
        source = available.asked(configured, env, store)()
        findings = _found(source, configured, env)
        poller = Poller(store, lambda: source, SystemClock(), configured.cadence)
        where = paths.tilde(store.path, env)
        if store.set_aside:
            findings.append(Finding("store", "problem", store.notice()))
        findings.append(Finding("store", "ok", f"{where}, {store.count()} readings"))
        endpoint, code = _ask(poller)
        findings.append(endpoint)
        if (plan := poller.plan()) is not None:
            words = when_and_why(plan, SystemClock().now())
            findings.append(Finding("next request", "note", f"a dashboard would ask at {words}"))
        findings += _last_reading(poller, SystemClock().now())
    return findings, code


def _found(source: Source, configured: Settings, env: Mapping[str, str]) -> list[Finding]:
    """What is asked, and every source: the one that asks first, then those that ask nobody, then those not in use."""
    browser = configured.source == "browser"
    asks = f"asks {configured.web_url} with a browser's session" if browser else f"asks {configured.api_url}"
    now = SystemClock().now()
    places = [*source.looked()]
    places += [place for listener in available.listened_to(configured, env) for place in listener.looked(now)]
    return [Finding("configuration", "ok", asks), *(_place(place, now) for place in places)]


def _place(place: Looked, now: datetime) -> Finding:
    state = "ok" if place.found else "note" if place.do or place.outcome in _HARMLESS else "problem"
    return Finding(place.place, state, outcome(place, now), f"Run `{place.do}`." if place.do else "")


def _ask(poller: Poller) -> tuple[Finding, int]:
    try:
        reading = asyncio.run(poller.ask("person"))
    except AskedTooSoonError as error:
        return Finding("usage endpoint", "note", f"{too_soon(error, SystemClock().now())} {error.hint}"), 0
    except MeterError as error:
        subjects = {CredentialError: "login", StoreError: "store"}
        subject = next((name for kind, name in subjects.items() if isinstance(error, kind)), "usage endpoint")
        return Finding(subject, "problem", error.sentence, error.hint), error.exit_code
    return Finding("usage endpoint", "ok", f"answered with {len(reading.windows)} windows"), 0


def _last_reading(poller: Poller, now: datetime) -> list[Finding]:
    state = poller.state
    if state.reading is None:
        return [Finding("last reading", "note", "none stored")]
    seconds = (now - state.reading.observed_at).total_seconds()
    findings = [
        Finding(
            "last reading",
            "ok",
            f"{age(seconds)} via {source_words(state.reading.source)}, {len(state.reading.windows)} windows",
        )
    ]
    if state.reading.damaged:
        parts = ", ".join(state.reading.damaged[:8])
        text = f"{len(state.reading.damaged)} parts of the answer could not be understood: {parts}"
        findings.append(Finding("last reading", "note", text, "Is there a newer claude-meter-tui?"))
    if abs(state.skew.total_seconds()) > 0:
        text = (
            f"this machine's clock is {-state.skew.total_seconds():+.0f} s off the server's; countdowns are corrected"
        )
        findings.append(Finding("clock", "note", text))
    return findings
