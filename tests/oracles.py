"""Programs from npm that tests compare with, installed once beside the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parent / ".oracles"


def npm_script(package: str, name: str, folder: str = "") -> str:
    """The package's script `name`; without npm the test is skipped, except in CI.

    Args:
        package: with its version, as npm takes it.
        name: of the script.
        folder: of its own, where packages do not get along.
    """
    prefix = _FOLDER / folder
    script = prefix / "node_modules" / ".bin" / name
    with _one_at_a_time():  # a script that is there may be half written by another worker
        _install(package, prefix, script)
    return str(script)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    import fcntl

    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(package: str, prefix: Path, script: Path) -> None:
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"npm is needed for {package}")
            pytest.skip("npm is not installed")
        prefix.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [npm, "install", "--prefix", str(prefix), "--no-save", "--no-audit", "--no-fund", "--silent", package],
            check=True,
            capture_output=True,
            timeout=300,
        )
