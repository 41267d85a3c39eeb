"""Every folder and file this program reads or writes, in one place, from an environment given to it.

Light: `status` needs it before anything heavy is imported, and platformdirs costs more (30 ms) than all of `status`.
So the Linux default, which is one line of the XDG specification, stands here; a test holds it equal to platformdirs'.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

from claude_meter_tui.domain.foreign_text import shown, storable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import FileIO

APP = "claude-meter-tui"


def _is_linux() -> bool:
    return sys.platform.startswith("linux")


def home(env: Mapping[str, str]) -> str:
    """The user's home folder: as Node.js finds it, since Claude Code's files are there (on Windows not by `HOME`)."""
    given = env.get("USERPROFILE") if sys.platform == "win32" else None
    return given or env.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - pathlib costs 8 ms here


def folder_named(text: str, env: Mapping[str, str]) -> str:
    """A folder as a person wrote it → one absolute name for it, however it was written.

    A leading `~` is the home folder, as a shell would have it: in a unit file or an editor's settings no shell does so.
    """
    text = text.strip()
    if text == "~" or text.startswith(("~/", "~\\")):
        text = home(env) + text[1:]
    return os.path.abspath(text)  # noqa: PTH100


def state_dir(env: Mapping[str, str]) -> str:
    """Where the store is: `CLAUDE_METER_STATE_DIR`, else the platform's state folder."""
    if chosen := env.get("CLAUDE_METER_STATE_DIR", "").strip():
        return folder_named(chosen, env)
    if _is_linux():
        xdg = env.get("XDG_STATE_HOME", "").strip()
        return os.path.join(xdg or os.path.join(home(env), ".local", "state"), APP)  # noqa: PTH118
    import platformdirs

    return platformdirs.user_state_dir(APP, appauthor=False)


def config_file(env: Mapping[str, str]) -> str:
    """The TOML file: `CLAUDE_METER_CONFIG`, else `config.toml` in the platform's configuration folder."""
    if chosen := env.get("CLAUDE_METER_CONFIG", "").strip():
        return folder_named(chosen, env)
    if _is_linux():
        xdg = env.get("XDG_CONFIG_HOME", "").strip()
        folder = os.path.join(xdg or os.path.join(home(env), ".config"), APP)  # noqa: PTH118
    else:
        import platformdirs

        folder = platformdirs.user_config_dir(APP, appauthor=False)
    return os.path.join(folder, "config.toml")  # noqa: PTH118


def themes_dir(env: Mapping[str, str]) -> str:
    """The folder of the user's own themes, beside the TOML file."""
    return os.path.join(os.path.dirname(config_file(env)), "themes")  # noqa: PTH118, PTH120


def store_file(state: str) -> str:
    """The SQLite file in a state folder."""
    return os.path.join(state, "meter.sqlite3")  # noqa: PTH118


def demo_state_dir(state: str) -> str:
    """The simulated account's own state folder, so that it never mixes with real readings."""
    return os.path.join(state, "demo")  # noqa: PTH118


def _config_dirs(env: Mapping[str, str]) -> tuple[str, ...]:
    """The folders in `CLAUDE_CONFIG_DIR`, each once; empty where it names none."""
    listed = [part for part in env.get("CLAUDE_CONFIG_DIR", "").split(",") if part.strip()]
    return tuple(dict.fromkeys(folder_named(part, env) for part in listed))


def _default_dir(env: Mapping[str, str]) -> str:
    return os.path.join(home(env), ".claude")  # noqa: PTH118


def credential_dirs(env: Mapping[str, str]) -> tuple[str, ...]:
    """Claude Code's folders; `CLAUDE_CONFIG_DIR` may be a list."""
    return _config_dirs(env) or (_default_dir(env),)


LoginPlace = tuple[str, tuple[str, ...]]
"""A folder that may hold `.credentials.json`, and the texts whose hashes name its Keychain item on macOS: empty for the
item without a suffix (FACTS §3)."""


def login_places(env: Mapping[str, str]) -> tuple[LoginPlace, ...]:
    """Where Claude Code keeps its logins.

    `CLAUDE_SECURESTORAGE_CONFIG_DIR` goes before `CLAUDE_CONFIG_DIR` where it is set; empty it means the default place.
    """
    given = env.get("CLAUDE_SECURESTORAGE_CONFIG_DIR")
    if given is None:
        given = env.get("CLAUDE_CONFIG_DIR", "")
        listed = [part for part in given.split(",") if part.strip()]
    else:
        listed = [given] if given.strip() else []
    places: dict[str, tuple[str, ...]] = {}
    for part in listed:
        path = folder_named(part, env)
        # Claude Code hashes the text it was given; another spelling of the same folder is looked for as well.
        places.setdefault(path, tuple(dict.fromkeys((part.strip(), path))))
    return tuple(places.items()) or ((_default_dir(env), ()),)


def claude_config_files(env: Mapping[str, str]) -> tuple[str, ...]:
    """Claude Code's `.claude.json` of each credential folder: in it, or beside the default `~/.claude` (FACTS §2)."""
    listed = _config_dirs(env)
    if listed:
        return tuple(os.path.join(each, ".claude.json") for each in listed)  # noqa: PTH118
    return (os.path.join(home(env), ".claude.json"),)  # noqa: PTH118


def transcript_roots(env: Mapping[str, str]) -> tuple[str, ...]:
    """Folders whose `projects` hold Claude Code's transcripts (FACTS §5)."""
    if listed := _config_dirs(env):
        return listed
    return (os.path.join(home(env), ".config", "claude"), os.path.join(home(env), ".claude"))  # noqa: PTH118


def stamp(path: str) -> tuple[int, int] | None:
    """(mtime in ns, size) of a file, to see whether it was written to; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - pathlib costs 8 ms here
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def tilde(path: str, env: Mapping[str, str]) -> str:
    """A path as shown to a person: the home folder as `~`, and nothing in it that a terminal would act on."""
    base = home(env).rstrip("/\\")
    inside = base and path.startswith(base + os.sep)
    return shown(storable("~" + path[len(base) :] if inside else path))


def open_regular(path: str) -> FileIO:
    """A regular file, open for reading without a buffer: a pipe or a device would be waited for, or never end.

    Raises:
        OSError: there is none, it cannot be read, or it is no regular file.
    """
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return open(number, "rb", buffering=0)  # noqa: PTH123 - the caller closes it
    except BaseException:
        os.close(number)
        raise


def read_regular(path: str, most: int) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: there is none, it cannot be read, it is no regular file, or larger than `most` bytes.
    """
    with open_regular(path) as source:
        if os.fstat(source.fileno()).st_size > most:
            raise OSError(errno.EFBIG, "far too large")
        return source.read(most)


def write_whole(path: str, data: bytes, mode: int = 0o600) -> None:
    """Write a file whole or not at all, in place of one that is there; its folder must be.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    import tempfile

    number, name = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".new-")  # noqa: PTH120 - 0600
    try:
        with os.fdopen(number, "wb") as out:
            out.write(data)
        os.chmod(name, mode)  # noqa: PTH101
        os.replace(name, path)  # noqa: PTH105
    except BaseException:
        os.unlink(name)  # noqa: PTH108
        raise
