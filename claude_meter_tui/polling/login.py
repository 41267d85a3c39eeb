"""Whose readings a poller shows: the account its login turns out to be, and never another's.

Claude Code's `.claude.json` says whose login its folder is; the server says whose a token is, and that is remembered by
the token's fingerprint. Where neither is known yet, only the server can tell a renewed token from somebody else's. The
rule by which accounts are told apart and merged is `identity`'s.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from claude_meter_tui.domain.errors import CredentialError, MeterError, PointlessError, RateLimitedError
from claude_meter_tui.domain.identity import is_named, token_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from claude_meter_tui.domain.plain_reading import AccountDocument, ReadingDocument
    from claude_meter_tui.domain.windows import Account
    from claude_meter_tui.polling.gate import Keys
    from claude_meter_tui.sources.source import Answer, Source
    from claude_meter_tui.store.store import Store


# Whose a token is hardly ever changes, but the plan may; so the profile is asked again now and then.
_ASK_AGAIN_AFTER = timedelta(days=1)
_NAMELESS: AccountDocument = {"email": None, "organization_uuid": None, "plan": None}


class LoginAccount:
    """Of one poller; every method may raise sqlite3.Error.

    Args:
        store: open, used on the event loop's thread only.
        note: where the account of the poller's profile is noted; None: it is `account_id` and stays so.
        account_id: whose readings to show, where that is known from the start.
    """

    def __init__(self, store: Store, note: str | None, account_id: int | None) -> None:
        self._store, self._note = store, note
        self.account_id = account_id
        """The store's row of the account; None where it is not known yet."""
        self._owner: Account | None = None
        self._login: str | None = None
        self._said: int | None = None

    @property
    def pinned(self) -> bool:
        """Whether it is one account for good, whose login is not here."""
        return self._note is None

    @property
    def unknown(self) -> bool:
        """Whether only the server can say whose the login is by now."""
        return self._login is not None

    def newest(self, now: datetime) -> ReadingDocument | None:
        """What is known of the account at the local time `now`."""
        if self.account_id is None and self._note is not None:
            self.account_id = self._store.noted_account(self._note)
        if self.account_id is None:
            # Of one profile among several, nobody else's; of several accounts none: it cannot be told whose it is.
            known = self._store.accounts() if self._note == "account" else []
            return self._store.newest(account_id=known[0][0], now=now) if len(known) == 1 else None
        return self._store.newest(account_id=self.account_id, now=now)

    def show_unnamed(self, account_id: int) -> None:
        """Its folder was heard of, and nobody knows whose it is: that is shown until it is known."""
        if self.account_id is None and not self.pinned:
            self.account_id = account_id

    def is_now(self, account_id: int) -> None:
        """The server said so."""
        self.account_id = account_id
        if self._note is not None:
            self._store.put_note(self._note, str(account_id))

    def notice_owner(self, owner: Account | None) -> bool:
        """Claude Code's folder is this login; whether that is another account than before."""
        if owner == self._owner or self.pinned:
            return False
        self._owner = owner
        if self._said is not None:  # by the server, of the credential in use: that goes before the file
            return False
        return owner is not None and self._turn_to(self._store.account_id(document_of(owner)))

    def notice_login(self, login: str) -> bool:
        """The credential has this fingerprint; whether that is another account than before."""
        self._said = account_id = self._store.account_of(login)
        self._login = login if account_id is None and self._owner is None else None
        if account_id is None and self._owner is not None:
            account_id = self._store.account_id(document_of(self._owner))
        return account_id is not None and self._turn_to(account_id)

    def notice_store(self) -> bool:
        """Another process wrote, perhaps whose the login is; whether that is another account than before."""
        return self._login is not None and self.notice_login(self._login)

    def carry_over(self, account: AccountDocument | None, login: str | None, now: datetime) -> int | None:
        """The store's file is another by now: the account shown as that one has it; gives its row, None: not known."""
        row = None
        if account is not None and login is not None and self._said is not None:
            row = self._said = self._store.remember_account(login, account, now, account["plan"])
        elif account is not None and (is_named(account) or login is not None):
            row = self._store.account_id(account, None if login is None else token_key(login))
        self.account_id = row
        if row is not None:
            self.is_now(row)
        return row

    def asked(self) -> None:
        """The server was asked; what it did not say it need not be asked again at once."""
        self._login = None

    async def learn(
        self, source: Source, answer: Answer, keys: Keys, now: datetime, failed: Callable[[RateLimitedError], None]
    ) -> int:
        """The account of the credential that gave an answer; asks the profile where that is not known, or long ago.

        Without the profile a reading is still worth keeping. `failed` is told of a server's wait.
        """
        fingerprint = answer.fingerprint
        known = self._store.account_of(fingerprint)
        if known is not None:
            self._store.notice_plan(fingerprint, answer.plan)
            if self._store.asked_whose(fingerprint, now - _ASK_AGAIN_AFTER):
                return known
        from claude_meter_tui.domain.windows import Account

        named = document_of(self._owner or Account(), answer.plan)  # as Claude Code's own file has it
        self._store.note_ask(keys, now, forget_before=now - timedelta(days=2))
        try:
            owner = await source.account(now)
        except (CredentialError, PointlessError):
            # This token may read usage, but never its profile: asking again is pointless.
            known_as = named if known is None else self._store.account(known)
            return self._store.remember_account(fingerprint, known_as, now, answer.plan)
        except MeterError as error:
            if isinstance(error, RateLimitedError):
                failed(error)
            return self._store.account_id(named, token_key(fingerprint)) if known is None else known
        learned = document_of(owner.account, answer.plan)
        if owner.fingerprint != fingerprint:  # somebody logged in in between: the answer before is not theirs
            self._store.remember_account(owner.fingerprint, document_of(owner.account), now)
            return self._store.account_id(_NAMELESS, token_key(fingerprint)) if known is None else known
        return self._store.remember_account(fingerprint, learned, now, answer.plan)

    def _turn_to(self, account_id: int) -> bool:
        if account_id == self.account_id or self.pinned:
            return False
        self.is_now(account_id)
        return True


def document_of(account: Account, plan: str | None = None) -> AccountDocument:
    """The account as the store takes it, with the plan its credential names where it names none."""
    return {"email": account.email, "organization_uuid": account.organization_uuid, "plan": account.plan or plan}
