"""claude.ai's session cookies in the browsers on this machine, by browser_cookie3, one browser profile at a time.

A keyring may ask the user, a database may be locked, and browser_cookie3 prints: so it runs in a process of its own
that is given a deadline and answers on a pipe. Only `claude.ai` is looked at, only the three cookies a request needs
are taken, and a keyring is asked only for a profile that has a session. Nothing is written anywhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_meter_tui import paths
from claude_meter_tui.secret import Secret
from claude_meter_tui.sources.source import Looked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOSTS = ("claude.ai", ".claude.ai")
SESSION = "sessionKey"
ORGANIZATION = "lastActiveOrg"
_WANTED = (SESSION, ORGANIZATION, "cf_clearance")
_SECONDS = 25.0

# Where each browser keeps its profiles: browser_cookie3 reads one profile, which one is ours to say. Linux (also as
# snap and flatpak), macOS, Windows.
_CHROMIUM = {
    "chrome": (
        ("~/.config/google-chrome", "~/.var/app/com.google.Chrome/config/google-chrome"),
        ("~/Library/Application Support/Google/Chrome",),
        ("%LOCALAPPDATA%/Google/Chrome/User Data",),
    ),
    "chromium": (
        (
            "~/.config/chromium",
            "~/snap/chromium/common/chromium",
            "~/.var/app/org.chromium.Chromium/config/chromium",
        ),
        ("~/Library/Application Support/Chromium",),
        ("%LOCALAPPDATA%/Chromium/User Data",),
    ),
    "brave": (
        (
            "~/.config/BraveSoftware/Brave-Browser",
            "~/snap/brave/current/.config/BraveSoftware/Brave-Browser",
            "~/.var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser",
        ),
        ("~/Library/Application Support/BraveSoftware/Brave-Browser",),
        ("%LOCALAPPDATA%/BraveSoftware/Brave-Browser/User Data",),
    ),
    "edge": (
        ("~/.config/microsoft-edge",),
        ("~/Library/Application Support/Microsoft Edge",),
        ("%LOCALAPPDATA%/Microsoft/Edge/User Data",),
    ),
    "vivaldi": (
        ("~/.config/vivaldi",),
        ("~/Library/Application Support/Vivaldi",),
        ("%LOCALAPPDATA%/Vivaldi/User Data",),
    ),
}
_FIREFOX = {
    "firefox": (
        (
            "~/.mozilla/firefox",
            "~/snap/firefox/common/.mozilla/firefox",
            "~/.var/app/org.mozilla.firefox/.mozilla/firefox",
        ),
        ("~/Library/Application Support/Firefox/Profiles",),
        ("%APPDATA%/Mozilla/Firefox/Profiles",),
    ),
    "librewolf": (
        ("~/.librewolf", "~/.var/app/io.gitlab.librewolf-community/.librewolf"),
        ("~/Library/Application Support/LibreWolf/Profiles",),
        ("%APPDATA%/LibreWolf/Profiles",),
    ),
}

# Of macOS alone, newer versions first; one file for the person, whatever Safari calls profiles.
_SAFARI = (
    "~/Library/Containers/com.apple.Safari/Data/Library/Cookies/Cookies.binarycookies",
    "~/Library/Cookies/Cookies.binarycookies",
)

FAILURES = {
    "none": "no claude.ai session",
    "locked": "its cookie database is locked; close the browser and try again",
    "keyring": "its cookies cannot be decrypted: unlock the keyring and allow the access",
    "app-bound": "its cookies are bound to the browser (Chrome 127 and later on Windows): use another source",
    "timeout": "no answer in time: a keyring may be waiting for you to allow the access",
    "privacy": "macOS keeps its cookies from this terminal: allow it Full Disk Access in the privacy settings",
    "unreadable": "its cookie database cannot be read",
}


# What Chrome encrypts with a key of its own service begins with `v20` (Windows, since Chrome 127).
_APP_BOUND = b"v20"
_CIPHER = "CAST(substr(encrypted_value, 1, 3) AS BLOB)"


class Profile(NamedTuple):
    """A browser profile on disk: the browser as browser_cookie3 names it, the profile's folder name, and its files."""

    browser: str
    name: str
    cookies: str
    key: str | None = None

    @property
    def shown(self) -> str:
        """As a person would name it, and as it is remembered."""
        return f"{self.browser} ({self.name})"


class Session(NamedTuple):
    """A claude.ai session found in a profile."""

    profile: Profile
    cookies: Mapping[str, Secret]

    @property
    def organization(self) -> str | None:
        """The organization the browser was last in."""
        found = self.cookies.get(ORGANIZATION)
        return found.reveal() if found is not None else None


def profiles(env: Mapping[str, str], platform: str = sys.platform) -> list[Profile]:
    """Every browser profile on this machine that has a cookie database."""
    number = {"darwin": 1, "win32": 2}.get(platform, 0)
    found: list[Profile] = []
    for browser, bases in _CHROMIUM.items():
        for base in _expanded(bases[number], env):
            key = base / "Local State"
            for folder in sorted({*base.glob("Default"), *base.glob("Profile *")}):
                file = next((each for each in (folder / "Network/Cookies", folder / "Cookies") if each.is_file()), None)
                if file is not None:
                    found.append(Profile(browser, folder.name, str(file), str(key) if platform == "win32" else None))
    for browser, bases in _FIREFOX.items():
        for base in _expanded(bases[number], env):
            found += [Profile(browser, file.parent.name, str(file)) for file in sorted(base.glob("*/cookies.sqlite"))]
    if platform == "darwin":
        files = (path.replace("~", paths.home(env), 1) for path in _SAFARI)
        found += [Profile("safari", "Default", file) for file in files if _is_there(file)][:1]
    return found


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
    found = [
        Session(profile, {name: Secret(value) for name, value in cookies.items()})
        for number, profile in enumerate(asked)
        if isinstance(cookies := answers.get(number), dict)
    ]
    failed = [
        (profile, answer)
        for number, profile in enumerate(asked)
        if isinstance(answer := answers.get(number, "timeout"), str)
    ]
    return found, failed


def glance(env: Mapping[str, str]) -> list[Looked]:
    """Which profiles hold a claude.ai session, without reading it: nobody is asked for a keyring."""
    looked: list[Looked] = []
    for profile in profiles(env):
        cipher = _cipher_of_session(profile)
        place = f"Browser {profile.shown}"
        if cipher == _APP_BOUND:
            do = "claude-meter-tui statusline --install"
            looked.append(Looked(place, found=False, outcome=FAILURES["app-bound"], do=do))
        elif cipher is not None:
            do = "claude-meter-tui --source browser"
            looked.append(Looked(place, found=True, outcome="a claude.ai session", do=do))
    return looked or [Looked("Browsers", found=False, outcome="no claude.ai session")]


def _is_there(file: str) -> bool:
    """Whether there is such a file, one that may not even be looked at included."""
    try:
        return Path(file).is_file()
    except PermissionError:
        return True


def _expanded(bases: tuple[str, ...], env: Mapping[str, str]) -> Iterator[Path]:
    home = paths.home(env)
    for base in bases:
        path = base.replace("~", home, 1)
        for name in ("LOCALAPPDATA", "APPDATA"):
            path = path.replace(f"%{name}%", env.get(name, str(Path(home) / "AppData")))
        if Path(path).is_dir():
            yield Path(path)


# --- the process ---------------------------------------------------------------------------------------------------

_PROGRAM = (
    "import sys; sys.path[:] = {!r}; from claude_meter_tui.sources import browser_cookies; browser_cookies.answer()"
)


def _answers(asked: list[Profile], env: Mapping[str, str], seconds: float) -> dict[int, Any]:
    process = subprocess.Popen(  # noqa: S603 - ourselves; what is secret travels on the pipe only
        [sys.executable, "-c", _PROGRAM.format(sys.path)],
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
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
    """The other end: profiles on standard input, [number, cookies or failure] a line on standard output."""
    out = os.fdopen(os.dup(1), "w")
    sys.stdout = sys.stderr  # browser_cookie3 prints
    for number, given in enumerate(json.load(sys.stdin)):
        profile = Profile(*given)
        print(json.dumps([number, _read(profile)]), file=out, flush=True)


def _read(profile: Profile) -> dict[str, str] | str:
    import sqlite3
    import struct

    cipher = _cipher_of_session(profile)
    if cipher is None:
        return "none"
    if cipher == _APP_BOUND:
        return "app-bound"
    import browser_cookie3

    if not (os.environ.get("DBUS_SESSION_BUS_ADDRESS") or sys.platform in ("darwin", "win32")):
        # Without a session bus there is no keyring, and browser_cookie3 fails instead of doing without.
        password = browser_cookie3.CHROMIUM_DEFAULT_PASSWORD
        browser_cookie3._LinuxPasswordManager.get_password = lambda *_: password  # noqa: SLF001
    load = getattr(browser_cookie3, profile.browser)
    more = {"key_file": profile.key} if profile.key else {}
    try:
        jar = load(cookie_file=profile.cookies, domain_name="claude.ai", **more)
    except (sqlite3.OperationalError, PermissionError):
        return "privacy" if profile.browser == "safari" else "locked"
    except browser_cookie3.BrowserCookieError as error:
        return "keyring" if "key" in str(error).lower() else "locked"
    except (sqlite3.DatabaseError, AssertionError, struct.error):
        return "unreadable"
    except Exception:  # whatever a keyring's or a cipher's library raises  # noqa: BLE001
        return "keyring"
    cookies = {cookie.name: cookie.value for cookie in jar if cookie.domain in HOSTS and cookie.name in _WANTED}
    cookies = {name: value for name, value in cookies.items() if value and value.isascii() and value.isprintable()}
    return cookies if SESSION in cookies else "none"


def _cipher_of_session(profile: Profile) -> bytes | None:
    """How the session's cookie is encrypted (its first bytes; empty: not, or not known); None where there is none.

    As far as the database can be read without asking anybody for a key.
    """
    import sqlite3
    from contextlib import closing

    if profile.browser == "safari":
        try:
            content = Path(profile.cookies).read_bytes()
        except OSError:
            return b""  # there may be one; reading it will say why not
        return b"" if SESSION.encode() in content and HOSTS[0].encode() in content else None
    firefox = profile.cookies.endswith(".sqlite")
    what, table, host = ("x''", "moz_cookies", "host") if firefox else (_CIPHER, "cookies", "host_key")
    query = f"SELECT {what} FROM {table} WHERE name = ? AND {host} IN (?, ?)"  # noqa: S608 - constants
    try:
        with closing(sqlite3.connect(f"{Path(profile.cookies).as_uri()}?mode=ro", uri=True, timeout=0)) as database:
            row = database.execute(query, (SESSION, *HOSTS)).fetchone()
            return None if row is None else bytes(row[0] or b"")
    except sqlite3.Error:
        return b""  # locked, as a running Firefox keeps it: browser_cookie3 knows how to read it all the same
