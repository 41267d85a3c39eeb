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
    sent = True
    """Whether a request may have left this machine; False where it is certain that none did."""

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


class RefusedError(CredentialError):
    """The server was asked and refuses this credential: see the subclasses. Asked again only once it has changed."""


class UnauthorizedError(RefusedError):
    """The server answered 401: the token or session was refused."""


class ScopeMissingError(RefusedError):
    """The server answered 403: the token may not read usage (an old login; a setup-token lacks `user:profile`)."""


class RevokedError(RefusedError):
    """The server says the token was revoked."""


class OrganizationError(RefusedError):
    """The server says the organization does not allow this: logging in again does not help."""


class NoWindowsError(NotLoggedInError):
    """Claude Code is used with an API key or through a cloud provider: there are no plan windows to read."""


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
        why: `wait`, `just asked`, `awaited`, `trouble` or `budget`; in words with the time: `output.words.too_soon`.
        until: when asking is allowed again.
    """

    def __init__(self, why: str, until: datetime, now: datetime) -> None:
        seconds = max(1, round((until - now).total_seconds()))
        sentences = {
            "wait": "The server asked us to wait.",
            "just asked": f"Asked just now; again in {seconds} s.",
            "awaited": "Asked just now; the answer is awaited.",
        }
        super().__init__(sentences.get(why, "Enough was asked for now."), "Nothing was sent.")
        self.why, self.until = why, until


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


class PointlessError(MeterError):
    """The server answers that this request is not for it (400, 404, an error as the body): hours may change that."""


class NotAllowedError(PointlessError):
    """The server answered 403 for a reason that no login cures (a region, a network): it says which, or nothing."""


class NotHttpError(UnreachableError):
    """Something answered, but not as a web server does."""


class SettingError(UnreachableError):
    """A proxy or certificate setting cannot be used; nothing was sent."""

    sent = False


class ChallengeError(MeterError):
    """Cloudflare answered with a browser challenge instead of the data."""


class NotJsonError(MeterError):
    """The answer's body is not JSON."""


class NotUsageError(MeterError):
    """The answer's body is JSON, but not a usage response."""


class StoreError(MeterError):
    """The store cannot be opened or written."""
