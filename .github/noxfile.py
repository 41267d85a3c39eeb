"""The tests on every Python the package supports, where an interpreter is at hand: `nox -f .github/noxfile.py`."""

import nox

nox.options.error_on_missing_interpreters = False


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """All tests, from the lock file."""
    session.chdir("..")
    session.install("-q", "--require-hashes", "-r", "tests/requirements.lock")
    session.install("-q", "--no-deps", "--no-build-isolation", "-e", ".")
    session.run("pytest", "-q", *session.posargs)
