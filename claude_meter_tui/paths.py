"""Every folder and file this program reads or writes, in one place, from an environment given to it.

Light: `status` needs it before anything heavy is imported, and platformdirs costs more (30 ms) than all of `status`.
So the Linux default, which is one line of the XDG specification, stands here; a test holds it equal to platformdirs'.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

APP = "claude-meter-tui"


def _is_linux() -> bool:
    return sys.platform.startswith("linux")


def home(env: Mapping[str, str]) -> str:
    """The user's home folder."""
    return env.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - pathlib costs 8 ms here


def state_dir(env: Mapping[str, str]) -> str:
    """Where the store is: `CLAUDE_METER_STATE_DIR`, else the platform's state folder."""
    if chosen := env.get("CLAUDE_METER_STATE_DIR"):
        return chosen
    if _is_linux():
        xdg = env.get("XDG_STATE_HOME", "").strip()
        return os.path.join(xdg or os.path.join(home(env), ".local", "state"), APP)  # noqa: PTH118
    import platformdirs

    return platformdirs.user_state_dir(APP, appauthor=False)


def config_file(env: Mapping[str, str]) -> str:
    """The TOML file: `CLAUDE_METER_CONFIG`, else `config.toml` in the platform's configuration folder."""
    if chosen := env.get("CLAUDE_METER_CONFIG"):
        return chosen
    if _is_linux():
        xdg = env.get("XDG_CONFIG_HOME", "").strip()
        folder = os.path.join(xdg or os.path.join(home(env), ".config"), APP)  # noqa: PTH118
    else:
        import platformdirs

        folder = platformdirs.user_config_dir(APP, appauthor=False)
    return os.path.join(folder, "config.toml")  # noqa: PTH118


def store_file(state: str) -> str:
    """The SQLite file in a state folder."""
    return os.path.join(state, "meter.sqlite3")  # noqa: PTH118


def demo_state_dir(state: str) -> str:
    """The simulated account's own state folder, so that it never mixes with real readings."""
    return os.path.join(state, "demo")  # noqa: PTH118


def credential_dirs(env: Mapping[str, str]) -> tuple[str, ...]:
    """Folders that may hold Claude Code's `.credentials.json` (FACTS §3); `CLAUDE_CONFIG_DIR` may be a list."""
    listed = [part.strip() for part in env.get("CLAUDE_CONFIG_DIR", "").split(",") if part.strip()]
    return tuple(listed) or (os.path.join(home(env), ".claude"),)  # noqa: PTH118


def claude_config_files(env: Mapping[str, str]) -> tuple[str, ...]:
    """Claude Code's `.claude.json` of each credential folder: in it, or beside the default `~/.claude` (FACTS §2)."""
    if env.get("CLAUDE_CONFIG_DIR", "").strip(" ,"):
        return tuple(os.path.join(folder, ".claude.json") for folder in credential_dirs(env))  # noqa: PTH118
    return (os.path.join(home(env), ".claude.json"),)  # noqa: PTH118


def transcript_roots(env: Mapping[str, str]) -> tuple[str, ...]:
    """Folders whose `projects` hold Claude Code's transcripts (FACTS §5)."""
    if env.get("CLAUDE_CONFIG_DIR", "").strip(" ,"):
        return credential_dirs(env)
    return (os.path.join(home(env), ".config", "claude"), os.path.join(home(env), ".claude"))  # noqa: PTH118


def stamp(path: str) -> tuple[int, int] | None:
    """(mtime in ns, size) of a file, to see whether it was written to; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - pathlib costs 8 ms here
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def tilde(path: str, env: Mapping[str, str]) -> str:
    """A path as shown to a person: the home folder as `~`."""
    base = home(env).rstrip("/\\")
    return "~" + path[len(base) :] if base and path.startswith(base + os.sep) else path
