"""What a command may import: `status` runs in status bars every few seconds, and the first paint waits for imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import run_python

import claude_meter_tui

PACKAGE = Path(claude_meter_tui.__file__).parent
HEAVY = ("textual", "rich", "httpx", "pydantic", "pendulum", "asyncio", "argparse", "typing", "dataclasses", "pathlib")


def imported_by(code: str) -> set[str]:
    done = run_python(f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before))")
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("style", ["", ", '--format', 'json'", ", '--format=tmux'"])
def test_status_imports_nothing_heavy(style: str) -> None:
    assert not imported_by(f"from claude_meter_tui.__main__ import main\nmain(['status'{style}])") & set(HEAVY)


def test_the_first_paint_needs_neither_the_network_nor_pydantic() -> None:
    code = "import claude_meter_tui.commands.dashboard, claude_meter_tui.dashboard.app"
    assert not imported_by(code) & {"httpx", "pydantic", "pendulum", "argparse", "email", "msgspec", "watchfiles"}


def test_a_body_as_the_server_sends_it_is_read_without_pendulum() -> None:
    code = (
        "from datetime import UTC, datetime\nfrom claude_meter_tui.sources.payload.usage import read_usage\n"
        "body = {'five_hour': {'utilization': 1, 'resets_at': '2026-11-26T12:00:00.412901+00:00'}}\n"
        "assert read_usage(body, observed_at=datetime.now(UTC), source='oauth').windows[0].resets_at.hour == 12"
    )
    assert not imported_by(code) & {"pendulum"}


def test_commands_that_do_not_show_the_screen_do_not_import_it() -> None:
    modules = ["once", "history", "doctor", "demo", "status"]
    code = "\n".join(f"import claude_meter_tui.commands.{name}" for name in modules)
    assert not imported_by(code) & {"textual"}


def test_no_module_needs_what_windows_does_not_have() -> None:
    names = [".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) for file in PACKAGE.rglob("*.py")]
    modules = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    missing = ("fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty")
    code = "\n".join(
        [f"import sys; sys.modules.update(dict.fromkeys({missing!r}))", *(f"import {name}" for name in modules)]
    )
    assert "textual" in imported_by(code)


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_begins_with_what_it_is_for(file: Path) -> None:
    words = (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]
    assert len(words.split()) >= 4 and words.endswith((".", ":")), (
        "its first line is no sentence that says what it is for"
    )


def test_a_folder_and_a_file_can_be_taken_in_at_a_glance() -> None:
    lengths = {str(file.relative_to(PACKAGE)): len(file.read_text().splitlines()) for file in MODULES}
    assert not {name: lines for name, lines in lengths.items() if lines > 350}
    folders = {file.parent for file in MODULES}
    sizes = {
        str(folder): len([each for each in folder.iterdir() if not each.name.startswith("__")]) for folder in folders
    }
    assert not {name: entries for name, entries in sizes.items() if entries > 15}


def test_nothing_imports_upward() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=PACKAGE.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_the_dashboard_knows_no_network_and_no_sql() -> None:
    for file in (PACKAGE / "dashboard").rglob("*.py"):
        lines = [line for line in file.read_text().splitlines() if line.strip().startswith(("import", "from"))]
        assert not [line for line in lines if "httpx" in line or "sqlite3" in line or ".store " in line]
