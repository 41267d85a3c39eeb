"""Which accounts the dashboard shows, and what keeps each of them true.

Claude Code's folders or a browser session's organizations, and accounts without a login here that others told of. More
can come to be known while it runs.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import TYPE_CHECKING

from claude_meter_tui.commands.whose import chosen_account
from claude_meter_tui.dashboard.seats import Seat
from claude_meter_tui.identity import HEARD_OF_FOR, MOST_HEARD_OF
from claude_meter_tui.poller import Poller
from claude_meter_tui.sources import claude_config, ways

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from claude_meter_tui.beside import LocalSide
    from claude_meter_tui.clock import Clock
    from claude_meter_tui.settings import Settings
    from claude_meter_tui.store import Store


class Seating:
    """Makes the seats.

    Args:
        settings: with the source that asks chosen.
        env: where browsers and logins are looked for.
        store: open.
        clock: the local time.
    """

    def __init__(self, settings: Settings, env: Mapping[str, str], store: Store, clock: Clock) -> None:
        self._settings, self._env, self._store, self._clock = settings, env, store, clock
        self._organizations: set[str] = set()

    def first(self, wanted: str | None) -> list[Seat]:
        """Every account known, the one wanted first; without a name, the one shown last.

        Raises:
            BadUsageError: `wanted` names no account, or several.
        """
        organizations = ways.organizations(self._settings, self._store)
        if len(organizations) > 1:
            seats = [self._of_organization(uuid) for uuid in organizations]
        else:
            profiles = self._settings.profiles()
            seats = [self._of_profile(profile, alone=len(profiles) == 1) for profile in profiles]
        chosen = chosen_account(self._store, wanted)
        seats += self._heard_of(seats, chosen)
        seats.sort(key=lambda seat: seat.poller.account_id is None or seat.poller.account_id != chosen)
        return seats

    def renewed(self, seats: Sequence[Seat]) -> list[Seat]:
        """The seats there are by now: those given that are still needed, then further ones.

        An account only heard of needs no seat of its own once a login here turns out to be its.
        """
        asked = {seat.poller.account_id for seat in seats if not seat.poller.pinned}
        kept = [seat for seat in seats if not (seat.poller.pinned and seat.poller.account_id in asked)]
        try:
            uuids = ways.organizations(self._settings, self._store)
            seated = {seat.poller.organization for seat in kept} | self._organizations
            if len(uuids) > 1 and None not in seated:  # else one's own is not known yet
                kept += [self._of_organization(uuid) for uuid in uuids if uuid not in seated]
            return kept + self._heard_of(kept)
        except sqlite3.Error:  # the poller says so; looked at again
            return kept

    def _of_organization(self, uuid: str) -> Seat:
        self._organizations.add(uuid)
        found = self._store.accounts_named(uuid)
        return self._asking(
            self._settings, note=f"account {uuid}", account_id=found[0] if found else None, organization=uuid
        )

    def _of_profile(self, profile: Settings, *, alone: bool) -> Seat:
        # One profile alone has its note; a look into a file of megabytes would hold up the first paint.
        if alone:
            return self._asking(profile, note="account", account_id=None)
        return self._asking(
            profile, note=f"account {profile.credential_dirs[0]}", account_id=_named_in(profile, self._store)
        )

    def _asking(self, profile: Settings, *, note: str, account_id: int | None, organization: str | None = None) -> Seat:
        poller = Poller(
            self._store,
            ways.asked(profile, self._env, self._store, organization),
            self._clock,
            profile.cadence,
            open_listeners=partial(ways.listened_to, profile, self._env),
            note=note,
            account_id=account_id,
            demo=profile.demo,
        )
        return Seat(poller, partial(_local_side, self._store, profile))

    def _heard_of(self, seats: Sequence[Seat], chosen: int | None = None) -> list[Seat]:
        """Those without a seat. Where a single login was never read, it shows what there is: it may be its."""
        known = {seat.poller.account_id for seat in seats}
        accounts = self._store.accounts()
        if self._settings.demo or (len(seats) == 1 and known == {None} and len(accounts) < 2):
            return []
        since = self._clock.now() - HEARD_OF_FOR
        seats_made = [
            Seat(
                Poller(self._store, ways.nobody, self._clock, self._settings.cadence, note=None, account_id=account_id)
            )
            for account_id, account, observed_at in accounts
            if account_id not in known
            and (account_id == chosen or observed_at > since)
            and (account["email"] or account["organization_uuid"])
        ]
        return seats_made[:MOST_HEARD_OF]


def _named_in(profile: Settings, store: Store) -> int | None:
    """The account Claude Code's folder says it is logged in to, where that has readings: for the first paint."""
    if profile.token is not None or profile.source == "browser" or not profile.claude_config_files:
        return None
    named = claude_config.login_in(str(profile.claude_config_files[0]))
    who = named and (named["organization_uuid"] or named["email"])
    found = store.accounts_named(who) if who else []
    return found[0] if len(found) == 1 else None


def _local_side(store: Store, profile: Settings) -> LocalSide:
    from claude_meter_tui.beside import LocalSide

    return LocalSide(store, profile.transcript_roots)
