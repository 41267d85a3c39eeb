"""claude.ai's session cookies in the browsers on this machine, one browser profile and container at a time.

Which cookies there are is read from the database itself (`cookie_database`). It is browser_cookie3 that decrypts, and
only what a request needs. A keyring may ask the user, and browser_cookie3 prints: so it runs in a process of its own
that is given a deadline and answers on a pipe. Nothing is left written anywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_meter_tui.domain.secret import Secret
from claude_meter_tui.sources.browser.cookie_database import (
    APP_BOUND,
    HOSTS,
    ORGANIZATION,
    SESSION,
    WANTED,
    Candidate,
    UnreadableError,
    candidates_in,
    copied,
    lives,
    safari_may_have_one,
)
from claude_meter_tui.sources.browser.profiles import Profile, profiles
from claude_meter_tui.sources.source import Looked

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 25.0

FAILURES = {
    "none": "no claude.ai session",
    "expired": "its claude.ai session has expired",
    "locked": "its cookie database is locked; close the browser and try again",
    "keyring": "its cookies cannot be decrypted: unlock the keyring and allow the access",
    "app-bound": "its cookies are bound to the browser (Chrome 127 and later on Windows): use another source",
    "timeout": "no answer in time: a keyring may be waiting for you to allow the access",
    "privacy": "macOS keeps its cookies from this terminal: allow it Full Disk Access in the privacy settings",
    "unreadable": "its cookie database cannot be read",
}


class Session(NamedTuple):
    """A claude.ai session found in a profile; `container` names Firefox's, empty for the one everybody has."""

    profile: Profile
    cookies: Mapping[str, Secret]
    container: str = ""

    @property
    def shown(self) -> str:
        """As a person would name its place, and as it is remembered."""
        number = self.container.partition("userContextId=")[2].partition("&")[0]
        where = f" container {number}" if number.isdecimal() else " in a container" if self.container else ""
        return f"{self.profile.shown}{where}"

    @property
    def organization(self) -> str | None:
        """The organization the browser was last in."""
        found = self.cookies.get(ORGANIZATION)
        return found.reveal() if found is not None else None


def sessions(env: Mapping[str, str], seconds: float = _SECONDS) -> tuple[list[Session], list[tuple[Profile, str]]]:
    """The sessions there are, and of every other profile why there is none (a key of `FAILURES`). Blocks.

    Args:
        env: where the browsers' folders are looked for.
        seconds: after which a profile that gave no answer is given up.
    """
    asked = profiles(env)
    if not asked:
        return [], []
    answers = _answers(asked, env, seconds)
    found: dict[str, Session] = {}
    for number, profile in enumerate(asked):
        answer = answers.get(number)
        for container, cookies in answer if isinstance(answer, list) else []:
            named = {name: Secret(value) for name, value in cookies.items()}
            found.setdefault(cookies[SESSION], Session(profile, named, container))
    failed = [
        (profile, answer)
        for number, profile in enumerate(asked)
        if isinstance(answer := answers.get(number, "timeout"), str)
    ]
    return list(found.values()), failed


def glance(env: Mapping[str, str]) -> list[Looked]:
    """Which profiles hold a claude.ai session, as `sessions` would find them; nobody is asked for a keyring."""
    looked: list[Looked] = []
    for profile in profiles(env):
        place = f"Browser {profile.shown}"
        why = _failure_at_a_glance(profile)
        if why is None:
            do = "claude-meter-tui --source browser"
            looked.append(Looked(place, found=True, outcome="a claude.ai session", do=do))
        elif why == "app-bound":
            do = "claude-meter-tui statusline --install"
            looked.append(Looked(place, found=False, outcome=FAILURES[why], do=do))
        elif why not in ("none", "unreadable"):
            looked.append(Looked(place, found=False, outcome=FAILURES[why], do="Log in to claude.ai there."))
    return looked or [Looked("Browsers", found=False, outcome="no claude.ai session")]


def _failure_at_a_glance(profile: Profile) -> str | None:
    """Why there is no session in a profile, as far as that can be told without decrypting; None where there is one."""
    if profile.browser == "safari":
        return None if safari_may_have_one(profile) else "none"
    try:
        with copied(profile) as database:
            candidates = candidates_in(database, profile)
    except UnreadableError as error:
        return error.why
    if not isinstance(candidates, list):
        return candidates
    return "app-bound" if all(each.session.cipher == APP_BOUND for each in candidates) else None


# --- the process ---------------------------------------------------------------------------------------------------

_PROGRAM = "import sys; sys.path[:] = {!r}; from claude_meter_tui.sources.browser import cookies; cookies.answer()"


def _answers(asked: list[Profile], env: Mapping[str, str], seconds: float) -> dict[int, Any]:
    try:
        process = subprocess.Popen(  # noqa: S603 - ourselves; what is secret travels on the pipe only
            [sys.executable, "-c", _PROGRAM.format(sys.path)],
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        return dict.fromkeys(range(len(asked)), "unreadable")
    try:
        said, _ = process.communicate(json.dumps(asked), timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    answers: dict[int, Any] = {}
    for line in said.splitlines():
        try:
            number, answer = json.loads(line)
        except (ValueError, TypeError):
            continue  # cut off in the middle
        answers[number] = answer
    if process.returncode not in (0, None, -9):
        return {number: answers.get(number, "unreadable") for number in range(len(asked))}
    return answers


def answer() -> None:
    """The other end: profiles on standard input, [number, sessions or failure] a line on standard output."""
    out = os.fdopen(os.dup(1), "w")
    sys.stdout = sys.stderr  # browser_cookie3 prints
    for number, given in enumerate(json.load(sys.stdin)):
        print(json.dumps([number, _read(Profile(*given))]), file=out, flush=True)


def _read(profile: Profile) -> list[tuple[str, dict[str, str]]] | str:
    """(container, cookies) of every session in a profile, or why there is none."""
    if profile.browser == "safari":
        if not safari_may_have_one(profile):
            return "none"
        loaded = _loaded(profile, profile.cookies)
        return loaded if isinstance(loaded, str) else _usable([("", loaded)])
    try:
        with copied(profile) as database:
            candidates = candidates_in(database, profile)
            if isinstance(candidates, str):
                return candidates
            if profile.is_firefox:
                return _usable(
                    (each.session.container, {cookie.name: cookie.value for cookie in each.cookies})
                    for each in candidates
                )
            return _decrypted(profile, database, candidates)
    except UnreadableError as error:
        return error.why


def _decrypted(
    profile: Profile, database: sqlite3.Connection, candidates: list[Candidate]
) -> list[tuple[str, dict[str, str]]] | str:
    """The candidates' values by browser_cookie3, each from a copy that holds nothing but its own rows."""
    found: list[tuple[str, dict[str, str]]] = []
    why = "app-bound"
    for each in candidates:
        if each.session.cipher == APP_BOUND:
            continue
        # One of the others that cannot be decrypted must not cost the session.
        for rows in (each.cookies, (each.session,)):
            loaded = _loaded_alone(profile, database, [cookie.row for cookie in rows])
            if not isinstance(loaded, str) and SESSION in loaded:
                found.append(("", loaded))
                break
            why = loaded if isinstance(loaded, str) else "none"
    return _usable(found) if found else why


def _loaded_alone(profile: Profile, database: sqlite3.Connection, rows: list[int]) -> dict[str, str] | str:
    folder = tempfile.mkdtemp(prefix="claude-meter-")
    try:
        file = str(Path(folder) / "Cookies")
        with closing(sqlite3.connect(file)) as copy:
            database.backup(copy)
            marks = ",".join("?" * len(rows))
            copy.execute(f"DELETE FROM cookies WHERE rowid NOT IN ({marks})", rows)  # noqa: S608 - marks
            copy.commit()
            copy.execute("PRAGMA journal_mode = DELETE")
            copy.execute("VACUUM")
        return _loaded(profile, file)
    except sqlite3.Error:
        return "unreadable"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _loaded(profile: Profile, file: str) -> dict[str, str] | str:
    """What browser_cookie3 makes of a file, or why it cannot."""
    import struct

    import browser_cookie3

    if not (os.environ.get("DBUS_SESSION_BUS_ADDRESS") or sys.platform in ("darwin", "win32")):
        # Without a session bus there is no keyring, and browser_cookie3 fails instead of doing without.
        password = browser_cookie3.CHROMIUM_DEFAULT_PASSWORD
        browser_cookie3._LinuxPasswordManager.get_password = lambda *_: password  # noqa: SLF001
    load = getattr(browser_cookie3, profile.loader)
    more = {"key_file": profile.key} if profile.key else {}
    try:
        jar = load(cookie_file=file, domain_name="claude.ai", **more)
    except (sqlite3.OperationalError, PermissionError):
        return "privacy" if profile.browser == "safari" else "locked"
    except browser_cookie3.BrowserCookieError as error:
        return "keyring" if "key" in str(error).lower() else "locked"
    except (sqlite3.DatabaseError, AssertionError, struct.error):
        return "unreadable"
    except Exception:  # whatever a keyring's or a cipher's library raises  # noqa: BLE001
        return "keyring"
    return {
        cookie.name: cookie.value
        for cookie in sorted(jar, key=lambda cookie: cookie.expires or 0)
        if cookie.domain in HOSTS and cookie.name in WANTED and (cookie.expires is None or lives(cookie.expires))
    }


def _usable(found: Any) -> list[tuple[str, dict[str, str]]] | str:
    """Those whose values a header can carry."""
    kept = [
        (container, {name: value for name, value in cookies.items() if _can_be_sent(value)})
        for container, cookies in found
    ]
    return [(container, cookies) for container, cookies in kept if SESSION in cookies] or "none"


def _can_be_sent(value: str | None) -> bool:
    return bool(value) and str(value).isascii() and str(value).isprintable() and not set(str(value)) & set(' ;,"\\')
