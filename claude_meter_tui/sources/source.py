"""What every source that asks a server is: the answers it gives and the questions it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from claude_meter_tui.domain.errors import MeterError
    from claude_meter_tui.domain.windows import Account, Reading


class Looked(NamedTuple):
    """One place that was looked at, for the setup screen and `doctor`: what it is, and what was (not) found there.

    `do` is a command that would change that, where there is one; `at` when that was written, where it has an age.
    """

    place: str
    found: bool
    outcome: str
    do: str = ""
    at: datetime | None = None


class Answer(NamedTuple):
    """What asking gave.

    `reading` is without its account until the poller knows it; `skew` is how far the server's clock is ahead of ours,
    None where that cannot be told; `fingerprint` is that of the credential that was really sent, should it have changed
    a moment before, `plan` what that credential names, where it names one.
    """

    reading: Reading
    skew: timedelta | None
    fingerprint: str
    plan: str | None = None


class Owner(NamedTuple):
    """Whose a credential is: the account, and the fingerprint of the credential that was sent to ask."""

    account: Account
    fingerprint: str


class Heard(NamedTuple):
    """What a listener has to tell: a reading, and what sets its account apart where it has no name (`identity`)."""

    reading: Reading
    known_by: str | None = None


def believable(skew: timedelta | None, reading: Reading, now: datetime) -> timedelta | None:
    """The skew, if the reading's own resets do not contradict it; else None.

    A window's reset is never further ahead than the window is long, and is not over at once: where that holds by our
    clock and not by the one the `Date` header tells of, the header is wrong.
    """
    if not skew:
        return skew
    resets = [(window.resets_at, window.length_seconds) for window in reading.windows]
    known = [((reset - now).total_seconds(), length) for reset, length in resets if reset is not None and length]

    def fits(moved: float) -> int:
        return sum(-600 <= left - moved <= length + 600 for left, length in known)

    return skew if fits(skew.total_seconds()) >= fits(0.0) else None


class Listener(Protocol):
    """A way in that asks nobody: something on this machine that is looked at when it has changed."""

    name: str
    owner: Account | None
    """Whose login it is, as of the last `read`, where it says so."""
    trouble: str
    """Why it does not listen, as a sentence; empty while it does."""

    def stamp(self) -> object:
        """A cheap value that changes when there may be something new to read."""
        ...

    def read(self, now: datetime) -> list[Heard]:
        """What it says, each reading with its own time and account; called in a thread."""
        ...

    def looked(self, now: datetime) -> tuple[Looked, ...]:
        """What was looked at, and found."""
        ...


class Source(Protocol):
    """A way in that asks a server; every failure is a `MeterError`."""

    name: str

    @property
    def endpoint(self) -> str:
        """What the gate is kept for: one server's rate limit for one credential."""
        ...

    def fingerprint(self, now: datetime) -> str:
        """A keyed hash of the credential in use; changes when the credential does. Raises `CredentialError`."""
        ...

    def plan(self, now: datetime) -> str | None:
        """The plan as the credential names it (`Max 20x`), or None. Raises `CredentialError`."""
        ...

    def credential_stamp(self) -> object:
        """A cheap value that changes when the credential's file does."""
        ...

    def looked(self) -> tuple[Looked, ...]:
        """Every place a credential was looked for."""
        ...

    def failed(self, error: MeterError) -> None:
        """It is told how its question ended, should it want to read its credential anew."""
        ...

    async def usage(self, now: datetime) -> Answer:
        """Ask for the windows."""
        ...

    async def account(self, now: datetime) -> Owner:
        """Ask whose the credential is."""
        ...
