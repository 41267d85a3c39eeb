"""claude.ai, asked with the session of a browser on this machine (FACTS §2).

The browser whose session works is chosen and remembered, by name; the cookie itself is read anew and never kept.
claude.ai sits behind Cloudflare, which often answers a plain client with a browser check: that is said, and nothing is
imitated.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

from claude_meter_tui import __version__
from claude_meter_tui.domain.errors import (
    ChallengeError,
    CredentialError,
    MeterError,
    NotLoggedInError,
    RateLimitedError,
    RefusedError,
    UnauthorizedError,
)
from claude_meter_tui.domain.foreign_text import clean_text
from claude_meter_tui.domain.secret import fingerprint
from claude_meter_tui.domain.windows import Account
from claude_meter_tui.sources import http, refusals
from claude_meter_tui.sources.browser import cookies as browser_cookies
from claude_meter_tui.sources.browser.cookie_database import SESSION
from claude_meter_tui.sources.browser.cookies import FAILURES, Session
from claude_meter_tui.sources.claude_code.credentials import plan_name
from claude_meter_tui.sources.payload.money import lacks_money, with_overage
from claude_meter_tui.sources.payload.usage import read_usage
from claude_meter_tui.sources.source import Answer, Looked, Owner, believable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from datetime import datetime

    from claude_meter_tui.domain.secret import Secret
    from claude_meter_tui.settings.settings import Settings
    from claude_meter_tui.sources.browser.profiles import Profile

NAME = "browser"
_LOG_IN = "Log in to claude.ai in a browser on this machine, or log in with `claude`."
_OTHER_SOURCE = "Use another source: log in with `claude`, or run `claude-meter-tui statusline --install`."
# Each that fails costs a request, once: it is not tried again as long as it is the same.
_MOST_TRIED = 12
_MOST_OTHERS = 4
_MOST_ORGANIZATIONS = 50

Organization = dict[str, Any]


class BrowserSource:
    """Asks claude.ai's usage with a browser's session.

    Args:
        settings: the web URL, and the environment's home.
        env: where browsers are looked for.
        remembered: the profile whose session worked last, as `Profile.shown`, or None.
        remember: told when another one works.
        organization: the organization's uuid to ask for, and no other; None: the one the browser was in last.
        noticed: told the uuids of every organization that has usage, when they are learned.
        transport, deadline: for tests.
    """

    name = NAME

    def __init__(
        self,
        settings: Settings,
        env: Mapping[str, str],
        *,
        remembered: str | None = None,
        remember: Callable[[str], None] = lambda _: None,
        organization: str | None = None,
        noticed: Callable[[list[str]], None] = lambda _: None,
        transport: httpx.AsyncBaseTransport | None = None,
        deadline: float = http.DEADLINE,
    ) -> None:
        self._base, self._env = settings.web_url, env
        self._remembered, self._remember = remembered, remember
        self._wanted, self._noticed = organization, noticed
        self._transport, self._deadline = transport, deadline
        self._sessions: list[Session] | None = None
        self._failed: list[tuple[Profile, str]] = []
        self._organizations: dict[str, list[Organization]] = {}
        self._works: Session | None = None
        self._refused: set[str] = set()
        self._organization: Organization = {}

    @property
    def endpoint(self) -> str:
        """See `Source.endpoint`."""
        return f"{self._base} browser {self._wanted}" if self._wanted else f"{self._base} browser"

    def fingerprint(self, now: datetime) -> str:  # noqa: ARG002 - a session does not say when it ends
        """See `Source.fingerprint`. Blocks: a keyring may ask the user."""
        return self._fingerprint(self._found()[0])

    def plan(self, now: datetime) -> str | None:  # noqa: ARG002 - as the protocol has it
        """The organization's tier, once it was asked."""
        return plan_name(self._organization.get("rate_limit_tier"))

    def credential_stamp(self) -> object:
        """A browser's database changes all the time, so it is not watched: it is read again when a session fails."""
        return NAME

    def looked(self) -> tuple[Looked, ...]:
        """See `Source.looked`."""
        if self._sessions is None:
            with suppress(NotLoggedInError):
                self._found()
        found = [Looked(session.shown, found=True, outcome="a claude.ai session") for session in self._sessions or ()]
        failed = [Looked(profile.shown, found=False, outcome=FAILURES[why]) for profile, why in self._failed]
        return (*found, *failed) or (Looked("Browsers", found=False, outcome="none with a profile here"),)

    def failed(self, error: MeterError) -> None:
        """See `Source.failed`. A refused session may have been renewed in the browser, a browser check passed there."""
        if isinstance(error, CredentialError | ChallengeError):
            self._sessions = None

    async def usage(self, now: datetime) -> Answer:
        """The usage of the organization wanted, with the first session that works.

        Raises:
            CredentialError: no session works.
            RateLimitedError, UnreachableError, NotJsonError, NotUsageError, ChallengeError: as `http.get`.
        """
        failure: MeterError | None = None
        found = await asyncio.to_thread(self._found)
        hopeful = [session for session in found if self._fingerprint(session) not in self._refused] or found
        for session in hopeful[:_MOST_TRIED]:
            try:
                answer = await self._usage_of(session, now)
            except RefusedError as error:
                self._refused.add(self._fingerprint(session))
                failure = failure or error
                continue
            self._refused.discard(answer.fingerprint)
            self._sessions = [session, *(each for each in found if each is not session)]
            if not self._wanted:
                await self._notice_others([each for each in hopeful if each is not session], now)
            if self._remembered != session.shown:
                self._remembered = session.shown
                self._remember(session.shown)
            return answer
        self._sessions = None  # read anew next time: the user may have logged in
        raise failure or NotLoggedInError("No claude.ai session was found in a browser.", _LOG_IN)

    async def account(self, now: datetime) -> Owner:
        """GET /api/account → whose the session is; the organization is the one asked for.

        Raises:
            MeterError: as for `usage`.
        """
        session = self._works
        assert session is not None  # noqa: S101 - usage came first
        asked_as = self._fingerprint(session)
        body = http.json_of(await self._get(session, "/api/account", now))
        body = body if isinstance(body, dict) else {}
        account = Account(
            email=clean_text(body.get("email_address"), 120) or clean_text(body.get("email"), 120),
            organization_uuid=clean_text(self._organization.get("uuid")),
            plan=self.plan(now),
        )
        return Owner(account, asked_as)

    # --- sessions --------------------------------------------------------------------------------------------------

    def _found(self) -> list[Session]:
        """The sessions there are, the remembered browser's first. Blocks.

        Raises:
            NotLoggedInError: there is none; it says why, where there is a browser.
        """
        if self._sessions is None:
            self._sessions, self._failed = browser_cookies.sessions(self._env)
            self._sessions.sort(key=lambda session: session.shown != self._remembered)
        if self._sessions:
            return self._sessions
        self._sessions = None  # looked for anew next time
        telling = next(((profile, why) for profile, why in self._failed if why != "none"), None)
        if telling is not None:
            raise NotLoggedInError(f"{telling[0].shown}: {FAILURES[telling[1]]}.", _OTHER_SOURCE)
        where = "no browser was found here" if not self._failed else f"{len(self._failed)} browser profiles looked at"
        raise NotLoggedInError(f"No claude.ai session was found: {where}.", _LOG_IN)

    def _fingerprint(self, session: Session) -> str:
        """Of the session and the organization asked for, since readings belong to both."""
        cookie = session.cookies[SESSION].reveal()
        return fingerprint(cookie, self._wanted or session.organization or "")

    # --- requests --------------------------------------------------------------------------------------------------

    async def _usage_of(self, session: Session, now: datetime) -> Answer:
        asked_as = self._fingerprint(session)
        known = await self._organizations_of(session, now)
        organization = chosen(known, self._wanted or session.organization)
        uuid = clean_text(organization.get("uuid")) if organization else None
        if self._wanted and uuid != self._wanted:
            raise UnauthorizedError(f"The session in {session.shown} is in that organization no more.", _LOG_IN)
        if organization is None or uuid is None or not _fits_a_path(uuid):
            raise UnauthorizedError(f"The session in {session.shown} has no organization.", _LOG_IN)
        response = await self._get(session, f"/api/organizations/{uuid}/usage", now)
        body = http.json_of(response)
        if isinstance(body, dict) and lacks_money(body):
            body = await self._with_overage(body, session, uuid, now)
        if (error := refusals.error_in(body, session.shown)) is not None:
            raise error
        reading = read_usage(body, observed_at=now, source=NAME)
        self._works, self._organization = session, organization
        plan = plan_name(organization.get("rate_limit_tier"))
        return Answer(reading, believable(http.skew_of(response, now), reading, now), asked_as, plan)

    async def _organizations_of(self, session: Session, now: datetime) -> list[Organization]:
        """The session's organizations, asked for once."""
        asked_as = self._fingerprint(session)
        if asked_as not in self._organizations:
            body = http.json_of(await self._get(session, "/api/organizations", now))
            found = (
                [each for each in body[:_MOST_ORGANIZATIONS] if isinstance(each, dict)]
                if isinstance(body, list)
                else []
            )
            self._organizations[asked_as] = found
            every = [each for known in self._organizations.values() for each in known if _has_plan(each)]
            uuids = (clean_text(each.get("uuid")) for each in every)
            self._noticed(list(dict.fromkeys(uuid for uuid in uuids if uuid and _fits_a_path(uuid))))
        return self._organizations[asked_as]

    async def _notice_others(self, sessions: list[Session], now: datetime) -> None:
        """Other logins (a second browser, a container) have organizations of their own: they are accounts as well."""
        for session in sessions[:_MOST_OTHERS]:
            try:
                await self._organizations_of(session, now)
            except RefusedError:
                self._refused.add(self._fingerprint(session))
            except RateLimitedError:
                return
            except MeterError:
                continue

    async def _with_overage(self, body: dict[str, Any], session: Session, uuid: str, now: datetime) -> dict[str, Any]:
        """The usage with what is spent beyond the plan, where that can be had: never worth losing a reading for."""
        try:
            found = http.json_of(await self._get(session, f"/api/organizations/{uuid}/overage_spend_limit", now))
        except RateLimitedError:
            raise
        except MeterError:
            return body
        return with_overage(body, found)

    async def _get(self, session: Session, path: str, now: datetime) -> httpx.Response:
        try:
            return await http.get(
                self._base,
                path,
                {"Accept": "application/json", "User-Agent": f"claude-meter-tui/{__version__}"},
                Cookies(session.cookies),
                now,
                refused=lambda answer: refusals.refused_session(answer, session.shown),
                transport=self._transport,
                deadline=self._deadline,
            )
        except ChallengeError as error:
            raise ChallengeError(error.sentence, _OTHER_SOURCE) from None


class Cookies(httpx.Auth):
    """Adds the session's cookies to a request as it is sent, so that no frame of ours has them in a variable."""

    def __init__(self, cookies: Mapping[str, Secret]) -> None:
        self._cookies = cookies

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See `httpx.Auth`."""
        request.headers["Cookie"] = "; ".join(f"{name}={value.reveal()}" for name, value in self._cookies.items())
        yield request


def chosen(organizations: list[Organization], wanted: str | None) -> Organization | None:
    """The organization wanted; else the one with a plan; else the first that can chat (FACTS §3: the last resort)."""
    able = [each for each in organizations if "chat" in _abilities(each)]
    ranked = sorted(able or organizations, key=_has_plan, reverse=True)
    return next((each for each in organizations if wanted and each.get("uuid") == wanted), next(iter(ranked), None))


def _fits_a_path(uuid: str) -> bool:
    """Whether it is letters, digits and dashes: it becomes a part of a URL."""
    return uuid.replace("-", "").isalnum()


def _abilities(organization: Organization) -> list[Any]:
    found = organization.get("capabilities")
    return found if isinstance(found, list) else []


def _has_plan(organization: Organization) -> bool:
    return any(name in ("claude_max", "claude_pro", "raven") for name in _abilities(organization))
