"""Programs from npm that tests compare with, installed once beside the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
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
    return str(script)
