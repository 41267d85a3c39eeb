"""Everything that can go wrong and that a person can do something about.

Each error is one plain sentence and one hint (what next); neither may ever hold a secret. `exit_code` is the
contract's: 2 bad usage, 3 no usable credential, 4 could not read. This module knows no source and no screen, and
imports nothing, so that the light commands can raise from it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime, timedelta


class MeterError(Exception):
    """A failure with a sentence for the user and a hint what to do next.

    Attributes:
        sentence: what happened, one line, no secret.
        hint: what to do next, one line; may be empty.
        exit_code: the process's exit code when a command ends on it.
    """

    exit_code = 4

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint

    def one_line(self) -> str:
        """The sentence and the hint on one line, for stderr."""
        return f"{self.sentence} {self.hint}".strip()


class BadUsageError(MeterError):
    """A flag, an environment variable or a configuration value that cannot be used."""

    exit_code = 2


class NothingStoredError(MeterError):
    """There is no reading to show."""

    def __init__(
        self,
        sentence: str = "No reading is stored yet.",
        hint: str = "Run `claude-meter-tui once`, or leave the dashboard open.",
    ) -> None:
        super().__init__(sentence, hint)


class CredentialError(MeterError):
    """No request can succeed with the credential there is; asking again before it changes is pointless."""

    exit_code = 3


class NotLoggedInError(CredentialError):
    """No credential was found anywhere that was looked at."""


class TokenExpiredError(CredentialError):
    """The access token's own expiry has passed; it was not sent."""


class UnauthorizedError(CredentialError):
    """The server answered 401: the token was refused."""


class ScopeMissingError(CredentialError):
    """The server answered 403: the token may not read usage (a setup-token lacks `user:profile`)."""


class RateLimitedError(MeterError):
    """The usage endpoint answered 429.

    Attributes:
        server_wait: the wait the server named in `Retry-After`; zero where it named none.
    """

    def __init__(self, sentence: str, hint: str, server_wait: timedelta) -> None:
        super().__init__(sentence, hint)
        self.server_wait = server_wait


class AskedTooSoonError(MeterError):
    """Asking now is not allowed (a server's wait, another pane's request, the day's budget); nothing was sent.

    Attributes:
        until: when asking is allowed again.
    """

    def __init__(self, sentence: str, hint: str, until: datetime) -> None:
        super().__init__(sentence, hint)
        self.until = until


class UnreachableError(MeterError):
    """The request did not get an answer: see the subclasses."""


class TimedOutError(UnreachableError):
    """No full answer within the deadline."""


class NameNotFoundError(UnreachableError):
    """The host's name did not resolve."""


class TlsError(UnreachableError):
    """The server's certificate or the TLS handshake was refused."""


class ServerError(UnreachableError):
    """The server answered 5xx, or a status nobody expected."""


class ChallengeError(MeterError):
    """Cloudflare answered with a browser challenge instead of the data."""


class NotJsonError(MeterError):
    """The answer's body is not JSON."""


class NotUsageError(MeterError):
    """The answer's body is JSON, but not a usage response."""


class StoreError(MeterError):
    """The store cannot be opened or written."""
