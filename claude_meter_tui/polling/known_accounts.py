"""Which accounts the dashboard shows, and what keeps each of them true.

Claude Code's folders or a browser session's organizations, and accounts without a login here that others told of. More
can come to be known while it runs.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import TYPE_CHECKING

from claude_meter_tui.domain.identity import HEARD_OF_FOR, MOST_HEARD_OF
from claude_meter_tui.polling.accounts import PolledAccount
from claude_meter_tui.polling.chosen_account import chosen_account
from claude_meter_tui.polling.poller import Poller
from claude_meter_tui.sources import available
from claude_meter_tui.sources.claude_code import config as claude_config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from claude_meter_tui.analysis.background import Analyst
    from claude_meter_tui.analysis.local_side import LocalSide
    from claude_meter_tui.settings.settings import Settings
    from claude_meter_tui.store.store import Store
    from claude_meter_tui.system.clock import Clock


class KnownAccounts:
    """Makes the accounts.

    Args:
        settings: with the source that asks chosen.
        env: where browsers and logins are looked for.
        store: open.
        clock: the local time.
    """

    def __init__(self, settings: Settings, env: Mapping[str, str], store: Store, clock: Clock) -> None:
        self._settings, self._env, self._store, self._clock = settings, env, store, clock
        self._organizations: set[str] = set()

    def first(self, wanted: str | None) -> list[PolledAccount]:
        """Every account known, the one wanted first; without a name, the one shown last.

        Raises:
            BadUsageError: `wanted` names no account, or several.
        """
        organizations = available.organizations(self._settings, self._store)
        if len(organizations) > 1:
            accounts = [self._of_organization(uuid) for uuid in organizations]
        else:
            profiles = self._settings.profiles()
            accounts = [self._of_profile(profile, alone=len(profiles) == 1) for profile in profiles]
        chosen = chosen_account(self._store, wanted)
        accounts += self._heard_of(accounts, chosen)
        accounts.sort(key=lambda polled: polled.poller.account_id is None or polled.poller.account_id != chosen)
        return accounts

    def renewed(self, accounts: Sequence[PolledAccount]) -> list[PolledAccount]:
        """The accounts there are by now: those given that are still needed, then further ones.

        An account only heard of needs no poller of its own once a login here turns out to be its.
        """
        asked = {polled.poller.account_id for polled in accounts if not polled.poller.pinned}
        kept = [polled for polled in accounts if not (polled.poller.pinned and polled.poller.account_id in asked)]
        try:
            uuids = available.organizations(self._settings, self._store)
            taken = {polled.poller.organization for polled in kept} | self._organizations
            if len(uuids) > 1 and None not in taken:  # else one's own is not known yet
                kept += [self._of_organization(uuid) for uuid in uuids if uuid not in taken]
            return kept + self._heard_of(kept)
        except sqlite3.Error:  # the poller says so; looked at again
            return kept

    def _of_organization(self, uuid: str) -> PolledAccount:
        self._organizations.add(uuid)
        found = self._store.accounts_named(uuid)
        return self._asking(
            self._settings, note=f"account {uuid}", account_id=found[0] if found else None, organization=uuid
        )

    def _of_profile(self, profile: Settings, *, alone: bool) -> PolledAccount:
        # One profile alone has its note; a look into a file of megabytes would hold up the first paint.
        if alone:
            return self._asking(profile, note="account", account_id=None)
        return self._asking(
            profile, note=f"account {profile.credential_dirs[0]}", account_id=_named_in(profile, self._store)
        )

    def _asking(
        self, profile: Settings, *, note: str, account_id: int | None, organization: str | None = None
    ) -> PolledAccount:
        poller = Poller(
            self._store,
            available.asked(profile, self._env, self._store, organization),
            self._clock,
            profile.cadence,
            open_listeners=partial(available.listened_to, profile, self._env),
            note=note,
            account_id=account_id,
            demo=profile.demo,
            waits_for_store=True,
        )
        roots = profile.transcript_roots
        return PolledAccount(poller, partial(_local_side, self._store, roots), partial(_analyst, self._store, roots))

    def _heard_of(self, accounts: Sequence[PolledAccount], chosen: int | None = None) -> list[PolledAccount]:
        """Those without a login here. Where a single login was never read, it shows what there is: it may be its."""
        known = {polled.poller.account_id for polled in accounts}
        stored = self._store.accounts()
        if self._settings.demo or (len(accounts) == 1 and known == {None} and len(stored) < 2):
            return []
        since = self._clock.now() - HEARD_OF_FOR
        heard_of = [
            PolledAccount(
                Poller(
                    self._store, available.nobody, self._clock, self._settings.cadence, note=None, account_id=account_id
                ),
                open_analyst=partial(_analyst, self._store, ()),
            )
            for account_id, account, observed_at in stored
            if account_id not in known
            and (account_id == chosen or observed_at > since)
            and (account["email"] or account["organization_uuid"])
        ]
        return heard_of[:MOST_HEARD_OF]


def _named_in(profile: Settings, store: Store) -> int | None:
    """The account Claude Code's folder says it is logged in to, where that has readings: for the first paint."""
    if not profile.claude_config_files:
        return None
    named = claude_config.login_in(str(profile.claude_config_files[0]))
    who = named and (named["organization_uuid"] or named["email"])
    found = store.accounts_named(who) if who else []
    return found[0] if len(found) == 1 else None


def _local_side(store: Store, roots: Sequence[str]) -> LocalSide:
    from claude_meter_tui.analysis.local_side import LocalSide

    return LocalSide(store, roots)


def _analyst(store: Store, roots: Sequence[str]) -> Analyst:
    from claude_meter_tui.analysis.background import Analyst

    return Analyst(store, roots)
