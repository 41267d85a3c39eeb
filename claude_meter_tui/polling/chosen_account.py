"""`--account`: which of the stored accounts a command is about."""

from __future__ import annotations

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.sources.claude_code import config as claude_config
from claude_meter_tui.system import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_meter_tui.domain.plain_reading import AccountDocument
    from claude_meter_tui.domain.windows import Account
    from claude_meter_tui.store.store import Store


def profile_of(env: Mapping[str, str], account: Account) -> Mapping[str, str]:
    """The environment with only that of Claude Code's folders which is logged in to this account, if one of several is.

    Of one person's several organizations the same email is in several folders, so the organization decides where it is
    known of both.
    """
    folders, files = paths.credential_dirs(env), paths.claude_config_files(env)
    if len(folders) < 2:
        return env
    for folder, file in zip(folders, files, strict=True):
        named = claude_config.login_in(file)
        if named is not None and _is(account, named):
            return {**env, "CLAUDE_CONFIG_DIR": folder}
    return env


def _is(account: Account, named: AccountDocument) -> bool:
    if account.organization_uuid and named["organization_uuid"]:
        return account.organization_uuid == named["organization_uuid"]
    return account.email is not None and account.email == named["email"]


def chosen_account(store: Store, wanted: str | None) -> int | None:
    """The account of this email or organization's uuid, or the beginning of it; without a name, the one shown last.

    Raises:
        BadUsageError: no account is called so, or several are.
    """
    if wanted is None:
        return store.shown_account()
    found = store.accounts_named(wanted)
    if len(found) == 1:
        return found[0]
    known = [(account["email"], account["organization_uuid"]) for _, account, _ in store.accounts()]
    emails = [email for email, _ in known]
    shown = [email if email and emails.count(email) == 1 else uuid or email or "" for email, uuid in known]
    names = ", ".join(name for name in shown if name) or "none yet"
    reason = "means several accounts" if found else "is no account with readings"
    raise BadUsageError(f"{wanted!r} {reason}.", f"Known: {names}.")
