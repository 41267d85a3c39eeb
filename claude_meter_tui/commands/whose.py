"""`--account`: which of the stored accounts a command is about."""

from __future__ import annotations

from claude_meter_tui.errors import BadUsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claude_meter_tui.store import Store


def chosen_account(store: Store, wanted: str | None) -> int | None:
    """The account of this email or organization's uuid, or the beginning of it; without a name, the one shown last.

    Raises:
        BadUsageError: no account is called so, or several are.
    """
    if wanted is None:
        return store.noted_account()
    found = store.accounts_named(wanted)
    if len(found) == 1:
        return found[0]
    known = [(account["email"], account["organization_uuid"]) for _, account, _ in store.accounts()]
    emails = [email for email, _ in known]
    shown = [email if email and emails.count(email) == 1 else uuid or email or "" for email, uuid in known]
    names = ", ".join(name for name in shown if name) or "none yet"
    reason = "means several accounts" if found else "is no account with readings"
    raise BadUsageError(f"{wanted!r} {reason}.", f"Known: {names}.")
