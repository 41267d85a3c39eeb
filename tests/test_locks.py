"""The lock files: every package the program or its tests need is in them, at one version, with its hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME = re.compile(r"^([A-Za-z0-9_.-]+)")


def names(requirements: list[str]) -> set[str]:
    return {re.sub("[-_.]+", "-", found[1]).lower() for line in requirements if (found := NAME.match(line))}


def locked(file: str) -> list[str]:
    return (ROOT / file).read_text().replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("file", ["requirements.lock", "tests/requirements.lock"])
def test_each_line_is_one_version_with_hashes_and_names_no_host(file: str) -> None:
    lines = locked(file)
    assert len(names(lines)) > 20
    for line in lines:
        assert re.match(r"^[a-z0-9.-]+(\[[a-z,]+\])?==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", line), line[:80]
        assert "://" not in line


def test_what_the_program_and_its_tests_need_is_locked() -> None:
    program, tests = locked("requirements.lock"), locked("tests/requirements.lock")
    assert names(PROJECT["dependencies"]) | {"hatchling"} <= names(program)
    assert names(program) <= names(tests), "the tests run what users run"
    assert names(PROJECT["optional-dependencies"]["dev"]) | {"editables"} <= names(tests)
    versions = {line.split(" ")[0] for line in program}
    assert versions <= {line.split(" ")[0] for line in tests}, "and at the same versions"
