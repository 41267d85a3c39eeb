# The handful of commands. `just --list` shows them; without just, the lines run as they are.

# lint, format, types, layers
check:
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/mypy
    .venv/bin/lint-imports

# the tests that take seconds
quick:
    .venv/bin/pytest -q tests/domain tests/analysis tests/polling/test_gate.py tests/sources/test_payload.py

# all tests
test:
    .venv/bin/pytest

# the README's pictures, from the real app
pictures:
    .venv/bin/python screenshots/make.py

# a benchmark: status, start, idle, live, transcripts, backtest, asking, endurance, soak
bench name *arguments:
    .venv/bin/python tests/benchmarks/{{name}}.py {{arguments}}

compile := "uv pip compile - pyproject.toml --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-header --no-annotate"

# the lock files anew, with the newest versions allowed: the program's, and that of the tests
lock:
    echo hatchling | {{compile}} --upgrade -o requirements.lock
    printf 'hatchling\neditables\n' | {{compile}} --extra dev -c requirements.lock -o tests/requirements.lock

# known vulnerabilities of what is locked, from the index's advisories
audit:
    uvx pip-audit --disable-pip --require-hashes -r requirements.lock
    uvx pip-audit --disable-pip --require-hashes -r tests/requirements.lock

# the simulated account
demo:
    .venv/bin/claude-meter-tui --demo

# everything CI runs
ci:
    bash .ci/run
