"""What a 401, a 403 or an error in place of the usage means: the server says why in `error.message` (FACTS §9).

Only a missing scope and a revoked token are cured by logging in; an organization that does not allow it, a region or a
network are not. Whose fault it is decides what the user is told, and the server's own words go with it, cleaned.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from claude_meter_tui.domain.errors import (
    MeterError,
    NotAllowedError,
    OrganizationError,
    PointlessError,
    RevokedError,
    ScopeMissingError,
    UnauthorizedError,
)
from claude_meter_tui.sources import http

if TYPE_CHECKING:
    import httpx

ENVIRONMENT = "CLAUDE_CODE_OAUTH_TOKEN"
_SCOPE = re.compile(r"\bscopes?\b")
_REVOKED = re.compile(r"\brevoked\b")
_ORGANIZATION = re.compile(r"\borgani[sz]ation\b")
_REGION = re.compile(r"\b(region|country|location)\b|request not allowed")


def refused_token(response: httpx.Response, where: str) -> MeterError | None:
    """The error for an answer that refuses an OAuth token, None for any other status.

    Args:
        response: with its body read.
        where: where the token was found, in words; `CLAUDE_CODE_OAUTH_TOKEN` for the environment's.
    """
    if response.status_code not in (401, 403):
        return None
    body = _body(response)
    return _by_words(body, response.status_code, where) or (
        UnauthorizedError(
            f"The server refused the token from {where} (401).", _with_words("Run `claude` and log in again.", body)
        )
        if response.status_code == 401
        else _not_allowed(response, body)
    )


def refused_session(response: httpx.Response, where: str) -> MeterError | None:
    """The error for an answer that refuses a browser's session, None for any other status."""
    if response.status_code not in (401, 403):
        return None
    body = _body(response)
    text = (http.error_message(body) or "").lower()
    if _ORGANIZATION.search(text) and "member" not in text:
        return OrganizationError(
            "The organization does not allow this (claude.ai).", _with_words("Its admins can say why.", body)
        )
    if response.status_code == 403 and (_REGION.search(text) or not _is_json(response)):
        return _not_allowed(response, body)
    return UnauthorizedError(
        f"The claude.ai session in {where} has ended ({response.status_code}).", "Open claude.ai there and log in."
    )


def error_in(body: Any, where: str) -> MeterError | None:
    """The error for a 200 whose body is an error object; None where it is none."""
    if not http.is_error(body):
        return None
    return _by_words(body, 200, where) or PointlessError(
        "The server answered with an error instead of the usage.", _with_words("", body)
    )


def _by_words(body: Any, status: int, where: str) -> MeterError | None:
    text = (http.error_message(body) or "").lower()
    if _SCOPE.search(text):
        if where == ENVIRONMENT:
            return ScopeMissingError(
                f"The token from {where} may not read usage ({status}): a setup-token lacks the scope user:profile.",
                f"Unset {ENVIRONMENT}, run `claude` and log in.",
            )
        return ScopeMissingError(
            f"The login in {where} may not read usage ({status}): it is from before the scope user:profile.",
            "Run `claude` and log in again (/login).",
        )
    if _REVOKED.search(text):
        return RevokedError(f"The token from {where} has been revoked ({status}).", "Run `claude` and log in again.")
    if _ORGANIZATION.search(text) and re.search("not allowed|disabled|switched off|not permitted", text):
        return OrganizationError(
            f"Your organization does not allow this login ({status}); logging in again does not help.",
            _with_words("An admin can switch it on.", body),
        )
    return None


def _not_allowed(response: httpx.Response, body: Any) -> NotAllowedError:
    text = (http.error_message(body) or "").lower()
    why = ": this region or network may not be served" if _REGION.search(text) or not _is_json(response) else ""
    return NotAllowedError(
        f"The server does not allow this request ({response.status_code}){why}.",
        _with_words("Try another network; logging in again is not the cure.", body),
    )


def _with_words(hint: str, body: Any) -> str:
    text = http.error_message(body)
    said = f"It says: “{text}”" if text else ""
    return f"{hint} {said}".strip()


def _body(response: httpx.Response) -> Any:
    return http.decoded(response)


def _is_json(response: httpx.Response) -> bool:
    return isinstance(_body(response), dict)
