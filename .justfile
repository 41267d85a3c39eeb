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

# a benchmark: status, start, idle, live, transcripts
bench name *arguments:
    .venv/bin/python tests/benchmarks/{{name}}.py {{arguments}}

# the simulated account
demo:
    .venv/bin/claude-meter-tui --demo

# everything CI runs
ci:
    bash .ci/run
