"""What a command may import: `status` runs in status bars every few seconds, and the first paint waits for imports."""

from __future__ import annotations

import ast
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


# The layers, lowest first; nothing imports upward.
LAYERS = (
    {
        "",
        "errors",
        "secret",
        "paths",
        "documents",
        "clock",
        "schema",
        "opening",
        "standing",
        "report",
        "merging",
        "values",
        "foreign_text",
        "uptime",
        "crash",
        "identity",
        "recovery",
        "stored_values",
        "stored_readings",
        "stored_accounts",
    },
    {"windows", "store"},
    {"payload", "gate", "stored", "transcripts", "instances"},
    {"settings", "config_file", "attribution"},
    {"sources", "state"},
    {"listening", "belonging"},
    {"poller", "demo", "beside"},
    {"dashboard"},
    {"commands"},
    {"cli", "__main__"},
)


def layer(module: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if module in names)


def test_nothing_imports_upward() -> None:
    for file in PACKAGE.rglob("*.py"):
        here = file.relative_to(PACKAGE).parts[0].removesuffix(".py").replace("__init__", "")
        tree = ast.parse(file.read_text())
        checked = {id(inner) for node in ast.walk(tree) if is_for_types_only(node) for inner in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("claude_meter_tui"):
                inner = (node.module or "").split(".")[1:]
                names = [inner[0]] if inner else [alias.name for alias in node.names if alias.name != "__version__"]
                for name in names:
                    assert id(node) in checked or layer(name) <= layer(here), f"{file.name} imports {name}"


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_the_dashboard_knows_no_network_and_no_sql() -> None:
    for file in (PACKAGE / "dashboard").glob("*.py"):
        lines = [line for line in file.read_text().splitlines() if line.strip().startswith(("import", "from"))]
        assert not [line for line in lines if "httpx" in line or "sqlite3" in line or ".store " in line]
