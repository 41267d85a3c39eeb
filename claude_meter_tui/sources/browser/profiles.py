"""Where browsers keep their profiles on this machine: every profile that has a cookie database. Opens none of them.

Linux (also as snap and flatpak), macOS, Windows; release, beta and development channels. Sources: browser_cookie3's own
lists, and public reports of where newer versions moved to (FACTS §9).
"""

from __future__ import annotations

import configparser
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.domain.foreign_text import shown, storable
from claude_meter_tui.system import paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST_FOLDERS = 200
# Chromium keeps these beside a person's profiles; nobody logs in there.
_NOT_A_PERSONS = ("System Profile", "Guest Profile")

_MAC, _WINDOWS = "~/Library/Application Support/", "%LOCALAPPDATA%/"
# Of each: the folders below ~/.config on Linux, further ones below the home folder, on macOS, on Windows.
_Places = tuple[tuple[str, ...], tuple[str, ...], str, str]
_CHROMIUM: dict[str, _Places] = {
    "chrome": (
        ("google-chrome",),
        (".var/app/com.google.Chrome/config/google-chrome",),
        "Google/Chrome",
        "Google/Chrome/User Data",
    ),
    "chrome-beta": (
        ("google-chrome-beta",),
        (".var/app/com.google.ChromeBeta/config/google-chrome-beta",),
        "Google/Chrome Beta",
        "Google/Chrome Beta/User Data",
    ),
    "chrome-dev": (
        ("google-chrome-unstable",),
        (".var/app/com.google.ChromeDev/config/google-chrome-unstable",),
        "Google/Chrome Dev",
        "Google/Chrome Dev/User Data",
    ),
    "chrome-canary": (
        ("google-chrome-canary",),
        (),
        "Google/Chrome Canary",
        "Google/Chrome SxS/User Data",
    ),
    "chromium": (
        ("chromium",),
        (
            "snap/chromium/common/chromium",
            "snap/chromium/current/.config/chromium",
            ".var/app/org.chromium.Chromium/config/chromium",
            ".var/app/io.github.ungoogled_software.ungoogled_chromium/config/chromium",
        ),
        "Chromium",
        "Chromium/User Data",
    ),
    "brave": (
        ("BraveSoftware/Brave-Browser",),
        (
            "snap/brave/current/.config/BraveSoftware/Brave-Browser",
            ".var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser",
        ),
        "BraveSoftware/Brave-Browser",
        "BraveSoftware/Brave-Browser/User Data",
    ),
    "brave-beta": (
        ("BraveSoftware/Brave-Browser-Beta",),
        (".var/app/com.brave.Browser.Beta/config/BraveSoftware/Brave-Browser-Beta",),
        "BraveSoftware/Brave-Browser-Beta",
        "BraveSoftware/Brave-Browser-Beta/User Data",
    ),
    "brave-nightly": (
        ("BraveSoftware/Brave-Browser-Nightly", "BraveSoftware/Brave-Browser-Dev"),
        (".var/app/com.brave.Browser.Nightly/config/BraveSoftware/Brave-Browser-Nightly",),
        "BraveSoftware/Brave-Browser-Nightly",
        "BraveSoftware/Brave-Browser-Nightly/User Data",
    ),
    "edge": (
        ("microsoft-edge",),
        (".var/app/com.microsoft.Edge/config/microsoft-edge",),
        "Microsoft Edge",
        "Microsoft/Edge/User Data",
    ),
    "edge-beta": (
        ("microsoft-edge-beta",),
        (".var/app/com.microsoft.EdgeBeta/config/microsoft-edge-beta",),
        "Microsoft Edge Beta",
        "Microsoft/Edge Beta/User Data",
    ),
    "edge-dev": (
        ("microsoft-edge-dev",),
        (".var/app/com.microsoft.EdgeDev/config/microsoft-edge-dev",),
        "Microsoft Edge Dev",
        "Microsoft/Edge Dev/User Data",
    ),
    "edge-canary": (("microsoft-edge-canary",), (), "Microsoft Edge Canary", "Microsoft/Edge SxS/User Data"),
    "vivaldi": (
        ("vivaldi",),
        (
            "snap/vivaldi/current/.config/vivaldi",
            "snap/vivaldi/common/vivaldi",
            ".var/app/com.vivaldi.Vivaldi/config/vivaldi",
        ),
        "Vivaldi",
        "Vivaldi/User Data",
    ),
    "vivaldi-snapshot": (
        ("vivaldi-snapshot",),
        (".var/app/com.vivaldi.VivaldiSnapshot/config/vivaldi-snapshot",),
        "Vivaldi Snapshot",
        "Vivaldi Snapshot/User Data",
    ),
}
# Of each: below ~/.config, below the home folder, on macOS, on Windows (%APPDATA%).
_FIREFOX: dict[str, _Places] = {
    "firefox": (
        ("mozilla/firefox",),  # a fresh Firefox ≥ 147
        (
            ".mozilla/firefox",
            "snap/firefox/common/.mozilla/firefox",
            "snap/firefox/common/.config/mozilla/firefox",
            ".var/app/org.mozilla.firefox/.mozilla/firefox",
            ".var/app/org.mozilla.firefox/config/mozilla/firefox",
        ),
        "Firefox",
        "Mozilla/Firefox",
    ),
    "librewolf": (
        ("librewolf/librewolf", "librewolf"),
        (
            ".librewolf",
            ".var/app/io.gitlab.librewolf-community/.librewolf",
            ".var/app/io.gitlab.librewolf-community/config/librewolf/librewolf",
        ),
        "LibreWolf",
        "LibreWolf",
    ),
}
# Of macOS alone, newer versions first; one file for the person, whatever Safari calls profiles.
_SAFARI = (
    "~/Library/Containers/com.apple.Safari/Data/Library/Cookies/Cookies.binarycookies",
    "~/Library/Cookies/Cookies.binarycookies",
)


class Profile(NamedTuple):
    """A browser profile on disk: the browser and its channel, the profile's folder name, and its files."""

    browser: str
    name: str
    cookies: str
    key: str | None = None

    @property
    def loader(self) -> str:
        """The browser as browser_cookie3 names it."""
        return self.browser.partition("-")[0]

    @property
    def is_firefox(self) -> bool:
        """Whether its database is of Firefox's kind."""
        return self.cookies.endswith(".sqlite")

    @property
    def shown(self) -> str:
        """As a person would name it, and as it is remembered."""
        return f"{self.browser} ({shown(storable(self.name))})"


def profiles(env: Mapping[str, str], platform: str = sys.platform) -> list[Profile]:
    """Every browser profile on this machine that has a cookie database."""
    found: list[Profile] = []
    for browser, places in _CHROMIUM.items():
        for base in _bases(places, env, platform):
            found += _chromium_profiles(browser, base, platform)
    for browser, places in _FIREFOX.items():
        for base in _bases(places, env, platform):
            found += _firefox_profiles(browser, base)
    if platform == "darwin":
        files = (path.replace("~", paths.home(env), 1) for path in _SAFARI)
        found += [Profile("safari", "Default", file) for file in files if _is_there(Path(file))][:1]
    return list({os.path.realpath(profile.cookies): profile for profile in reversed(found)}.values())[::-1]


def _bases(
    places: tuple[tuple[str, ...], tuple[str, ...], str, str], env: Mapping[str, str], platform: str
) -> list[Path]:
    home = Path(paths.home(env))
    configured, below_home, mac, windows = places
    if platform == "darwin":
        candidates = [Path(_MAC.replace("~", str(home), 1) + mac)]
    elif platform == "win32":
        local, roaming = (env.get(name) or str(home / "AppData" / part) for name, part in _APP_DATA)
        candidates = [Path(local) / windows, Path(roaming) / windows]
    else:
        xdg = env.get("XDG_CONFIG_HOME", "")
        config = [Path(xdg)] if xdg and Path(xdg).is_absolute() else []  # a relative one counts as none
        candidates = [base / name for base in (*config, home / ".config") for name in configured]
        candidates += [home / name for name in below_home]
    return [each for each in dict.fromkeys(candidates) if _is_folder(each)]


_APP_DATA = (("LOCALAPPDATA", "Local"), ("APPDATA", "Roaming"))


def _chromium_profiles(browser: str, base: Path, platform: str) -> Iterator[Profile]:
    """Every folder with a cookie database, whatever it is called: `--profile-directory` takes any name."""
    key = str(base / "Local State") if platform == "win32" else None
    for folder in _folders(base):
        if folder.name in _NOT_A_PERSONS:
            continue
        file = next((each for each in (folder / "Network/Cookies", folder / "Cookies") if _is_there(each)), None)
        if file is not None:
            yield Profile(browser, folder.name, str(file), key)


def _firefox_profiles(browser: str, base: Path) -> Iterator[Profile]:
    """Those below the folder or its `Profiles`, and those that `profiles.ini` says stand elsewhere."""
    folders = [*_folders(base), *_folders(base / "Profiles")]
    ini = configparser.RawConfigParser(strict=False)
    try:
        ini.read_string(paths.read_regular(str(base / "profiles.ini"), 1 << 20).decode("utf-8-sig", "replace"))
    except (OSError, configparser.Error):
        pass
    else:
        elsewhere = (Path(ini.get(part, "Path", fallback="")) for part in ini.sections())
        folders += [folder for folder in elsewhere if folder.is_absolute()]
    for folder in dict.fromkeys(folders):
        if _is_there(folder / "cookies.sqlite"):
            yield Profile(browser, folder.name, str(folder / "cookies.sqlite"))


def _folders(base: Path) -> list[Path]:
    try:
        return [each for each in sorted(base.iterdir())[:_MOST_FOLDERS] if _is_folder(each)]
    except OSError:
        return []


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - pathlib's raises where it may not look


def _is_there(file: Path) -> bool:
    """Whether there is such a file, one that may not even be looked at included."""
    try:
        return file.is_file()
    except PermissionError:
        return True
    except OSError:
        return False
