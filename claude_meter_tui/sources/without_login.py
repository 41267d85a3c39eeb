"""The source of an account that has no login here: it is only heard of (the extension, an earlier login)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from claude_meter_tui.domain.errors import NotLoggedInError

if TYPE_CHECKING:
    from datetime import datetime

    from claude_meter_tui.domain.errors import MeterError
    from claude_meter_tui.sources.source import Answer, Looked, Owner


class Nobody:
    """Asks nobody; every question for a credential says so."""

    name = "nobody"
    endpoint = "nobody"

    def fingerprint(self, now: datetime) -> str:  # noqa: ARG002 - as the protocol has it
        """See `Source.fingerprint`."""
        self._refuse()

    def plan(self, now: datetime) -> str | None:  # noqa: ARG002 - as the protocol has it
        """See `Source.plan`."""
        return None

    def credential_stamp(self) -> object:
        """See `Source.credential_stamp`."""
        return self.name

    def looked(self) -> tuple[Looked, ...]:
        """See `Source.looked`."""
        return ()

    def failed(self, error: MeterError) -> None:
        """See `Source.failed`: the credential's file is read anew each time anyway."""

    async def usage(self, now: datetime) -> Answer:  # noqa: ARG002 - as the protocol has it
        """See `Source.usage`."""
        self._refuse()

    async def account(self, now: datetime) -> Owner:  # noqa: ARG002 - as the protocol has it
        """See `Source.account`."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotLoggedInError("This account has no login here: it is only heard of.", "Log in to it with `claude`.")
