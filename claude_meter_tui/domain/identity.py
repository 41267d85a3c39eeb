"""The one rule for whose a reading is. A wrong account is worse than none, so what is not known is never guessed.

What identifies:
1. A credential is known by its fingerprint, a keyed hash. Whose it is only the server says (its profile), asked with
   that very credential; it is remembered for that fingerprint and no other.
2. An account is known by its organization's uuid; by its email only where no organization is known for it, since one
   person's organizations share an email and have windows of their own.
3. What has neither is an account of its own for each thing that sets it apart: a token whose profile cannot be read, a
   folder whose `.claude.json` names no login, a cache of an account id nobody else names, a browser container.

What merges two rows:
4. An email alone and the same email with an organization are one account, as long as that email has one organization.
5. A token's own nameless account becomes the account the server says it is.
Nothing else merges: a folder's leftovers are not the next login's.

The rows are joined by it in `store/account_identity.py`. It must not know where a reading came from.
"""

from __future__ import annotations

from datetime import timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claude_meter_tui.domain.plain_reading import AccountDocument

# A page can invent accounts by the thousand and post them to the bridge; nobody has more than a few dozen.
MOST_HEARD_OF = 24
HEARD_OF_FOR = timedelta(days=7)


def token_key(fingerprint: str) -> str:
    """What a token's nameless account is known by."""
    return f"token {fingerprint}"


def folder_key(folder: str) -> str:
    """What a Claude Code folder's nameless account is known by."""
    return f"folder {folder}"


def is_named(account: AccountDocument) -> bool:
    """Whether email or organization say whose it is."""
    return account["email"] is not None or account["organization_uuid"] is not None
