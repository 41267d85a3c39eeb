"""What every source that asks a server is: the answers it gives and the questions it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from claude_meter_tui.windows import Account, Reading


class Looked(NamedTuple):
    """One place that was looked at, for the setup screen and `doctor`: what it is, and what was (not) found there.

    `do` is a command that would change that, where there is one.
    """

    place: str
    found: bool
    outcome: str
    do: str = ""


class Answer(NamedTuple):
    """What asking gave.

    `reading` is without its account until the poller knows it; `skew` is how far the server's clock is ahead of ours;
    `fingerprint` is that of the credential that was really sent, should it have changed a moment before.
    """

    reading: Reading
    skew: timedelta
    fingerprint: str


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

    def read(self, now: datetime) -> list[Reading]:
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

    async def usage(self, now: datetime) -> Answer:
        """Ask for the windows."""
        ...

    async def account(self, now: datetime) -> Account:
        """Ask whose the credential is."""
        ...
