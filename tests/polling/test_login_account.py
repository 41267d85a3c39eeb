"""Whose readings a poller shows, method by method, on a real store; the server is a script of what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON

from claude_meter_tui.domain.errors import MeterError, RateLimitedError, RefusedError, UnreachableError
from claude_meter_tui.domain.identity import token_key
from claude_meter_tui.domain.windows import Account, Reading, Window
from claude_meter_tui.polling.listeners import Listening, keep
from claude_meter_tui.polling.login import LoginAccount, document_of
from claude_meter_tui.sources.source import Answer, Heard, Owner
from claude_meter_tui.store.store import Store

DAY = timedelta(days=1)
ALICE = Account(email="alice@example.com", organization_uuid="org-a", plan="Max 20x")
BOB = Account(email="bob@example.com", organization_uuid="org-b")
KEYS = ("api.example", "api.example account 1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "meter.sqlite3")) as opened:
        yield opened


def reading(account: Account, minutes: float = 0, source: str = "oauth", used: float = 5) -> Reading:
    window = Window(key="five_hour", label="5-hour", group="session", utilization=used)
    at = NOON + timedelta(minutes=minutes)
    return Reading(observed_at=at, source=source, account=account, windows=(window,))


def answer(fingerprint: str = "f1", plan: str | None = None) -> Answer:
    return Answer(reading=reading(Account()), skew=None, fingerprint=fingerprint, plan=plan)


class Server:
    """Says whose a token is, or fails."""

    def __init__(self, says: Account | MeterError, fingerprint: str = "f1") -> None:
        self.says, self.fingerprint, self.asked = says, fingerprint, 0

    async def account(self, _: object) -> Owner:
        self.asked += 1
        if isinstance(self.says, MeterError):
            raise self.says
        return Owner(self.says, self.fingerprint)


def learn(login: LoginAccount, server: Server, at: Any = NOON, given: Answer | None = None) -> tuple[int, list[object]]:
    failed: list[object] = []
    found = asyncio.run(login.learn(server, given or answer(), KEYS, at, failed.append))  # type: ignore[arg-type]
    return found, failed


# --- what the server says --------------------------------------------------------------------------------------------


def test_the_server_s_word_is_kept_with_the_plan_and_asked_again_after_a_day(store: Store) -> None:
    login, server = LoginAccount(store, "account", None), Server(BOB)
    row, failed = learn(login, server, given=answer(plan="Pro"))
    assert store.account(row) == {"email": BOB.email, "organization_uuid": "org-b", "plan": "Pro"}
    assert not failed and store.account_of("f1") == row and server.asked == 1
    assert store.asks_since(KEYS[0], NOON - DAY) == store.asks_since(KEYS[1], NOON - DAY) == [NOON]
    assert learn(login, server, NOON + DAY)[0] == row and server.asked == 1, "not yet a day"
    after = NOON + DAY + timedelta(seconds=1)
    assert learn(login, server, after, answer(plan="Pro"))[0] == row and server.asked == 2
    assert learn(login, server, NOON + DAY + timedelta(hours=9), answer(plan="Max 5x"))[0] == row
    assert server.asked == 2 and store.account(row)["plan"] == "Max 5x", "another plan under the same token is noticed"
    store.note_ask(KEYS, NOON + 2.5 * DAY, NOON)
    learn(login, server, NOON + 5 * DAY)
    assert store.asks_since(KEYS[0], NOON - DAY) == [NOON + 5 * DAY], "asks of two days ago are forgotten"


def test_a_profile_that_is_refused_is_not_asked_again_and_the_file_s_word_stands(store: Store) -> None:
    login, server = LoginAccount(store, "account", None), Server(RefusedError("no", "x"))
    nameless, _ = learn(login, server)
    assert store.account(nameless) == {"email": None, "organization_uuid": None, "plan": None}
    assert learn(login, server, NOON + timedelta(hours=2))[0] == nameless and server.asked == 1
    other, _ = learn(login, Server(RefusedError("no", "x"), "f2"), given=answer("f2", "Pro"))
    assert other != nameless and store.account(other)["plan"] == "Pro", "two tokens are two accounts"
    learn(login, Server(RefusedError("no", "x"), "f2"), given=answer("f2", "Max 5x"))
    assert store.account(other)["plan"] == "Max 5x", "the plan it named before is remembered"
    login.notice_owner(ALICE)
    named, _ = learn(login, Server(RefusedError("no", "x"), "f3"), given=answer("f3"))
    assert store.account(named) == document_of(ALICE)
    server.says = BOB
    learned, _ = learn(login, server, NOON + 2 * DAY)
    assert store.account(learned)["email"] == BOB.email
    server.says = RefusedError("no", "x")
    assert learn(login, server, NOON + 4 * DAY)[0] == learned, "what is known stays"


def test_a_profile_that_fails_is_told_only_where_the_server_asks_to_wait(store: Store) -> None:
    login = LoginAccount(store, "account", None)
    wait = RateLimitedError("wait", "x", timedelta(minutes=5))
    row, failed = learn(login, Server(wait))
    assert failed == [wait] and store.account_of("f1") is None
    again, failed = learn(login, Server(UnreachableError("off", "x")))
    assert again == row and failed == [], "the same nameless row of that token"
    assert store.account_id(document_of(Account()), token_key("f1")) == row
    known, _ = learn(login, Server(BOB))
    assert learn(login, Server(UnreachableError("off", "x")), NOON + 2 * DAY)[0] == known


def test_a_login_that_changes_in_between_is_remembered_as_its_own(store: Store) -> None:
    login = LoginAccount(store, "account", None)
    row, _ = learn(login, Server(BOB, "f2"))
    assert store.account(row)["email"] is None and store.account_of("f1") is None
    bob = store.account_of("f2")
    assert bob is not None and bob != row and store.account(bob) == document_of(BOB)
    assert store.account_id(document_of(Account()), token_key("f1")) == row
    mine, _ = learn(login, Server(ALICE))
    assert learn(login, Server(BOB, "f3"), NOON + 2 * DAY)[0] == mine and store.account_of("f3") == bob


# --- what the files say ----------------------------------------------------------------------------------------------


def test_the_folder_s_owner_turns_to_their_account_once(store: Store) -> None:
    login = LoginAccount(store, "account two", None)
    assert not login.notice_owner(None)
    assert login.notice_owner(ALICE) and not login.notice_owner(ALICE)
    alice = store.account_id(document_of(ALICE))
    assert login.account_id == store.noted_account("account two") == alice
    assert login.notice_owner(BOB) and login.account_id == store.account_id(document_of(BOB))
    assert not login.notice_owner(None) and login.account_id == store.account_id(document_of(BOB))


def test_what_the_server_said_goes_before_the_file(store: Store) -> None:
    login = LoginAccount(store, "account", None)
    bob = store.remember_account("f1", document_of(BOB), NOON)
    assert login.notice_login("f1") and login.account_id == bob and not login.unknown
    assert not login.notice_login("f1")
    assert not login.notice_owner(ALICE) and login.account_id == bob
    assert login.notice_login("f2") and login.account_id == store.account_id(document_of(ALICE))
    assert not login.unknown, "the folder's owner is the best guess there is"


def test_an_unknown_login_is_the_server_s_to_say_and_another_pane_s_answer_is_taken_over(store: Store) -> None:
    login = LoginAccount(store, "account", None)
    assert not login.notice_store() and not login.unknown
    assert not login.notice_login("f1") and login.unknown
    assert not login.notice_store() and login.unknown
    bob = store.remember_account("f1", document_of(BOB), NOON)
    assert login.notice_store() and login.account_id == bob and not login.unknown
    assert not login.notice_login("f9") and login.unknown
    login.asked()
    assert not login.unknown and not login.notice_store()


def test_one_account_for_good_is_never_another(store: Store) -> None:
    login = LoginAccount(store, None, 7)
    assert login.pinned and login.account_id == 7
    assert not login.notice_owner(ALICE)
    store.remember_account("f1", document_of(BOB), NOON)
    assert not login.notice_login("f1") and login.account_id == 7
    login.show_unnamed(9)
    assert login.account_id == 7
    login.is_now(8)
    assert login.account_id == 8 and store.note("account") is None
    empty = LoginAccount(store, None, None)
    empty.show_unnamed(9)
    assert empty.account_id is None and empty.newest(NOON) is None


def test_the_newest_is_the_account_s_or_the_only_one_s(store: Store) -> None:
    alice = store.account_id(document_of(ALICE))
    store.save(reading(ALICE, -5).document())
    only = LoginAccount(store, "account", None)
    found = only.newest(NOON)
    assert found is not None and found["account"]["email"] == ALICE.email and only.account_id is None
    second = LoginAccount(store, "account of another profile", None)
    assert second.newest(NOON) is None, "of one profile among several, nobody else's"
    late = LoginAccount(store, "account", None)
    assert late.newest(NOON - timedelta(minutes=9)) is not None, "what is dated after now counts where it is alone"
    store.save(reading(BOB, -1).document())
    assert only.newest(NOON) is None, "of several none: it cannot be told whose it is"
    store.put_note("account", str(alice))
    noted = only.newest(NOON)
    assert only.account_id == alice and noted is not None and noted["account"]["email"] == ALICE.email
    store.put_note("account", "99")
    assert only.newest(NOON) == noted, "once known it is not looked up again"
    unnamed = LoginAccount(store, "third", None)
    unnamed.show_unnamed(alice)
    unnamed.show_unnamed(99)
    assert unnamed.account_id == alice
    store.save(reading(ALICE, 30, used=9).document())
    now = unnamed.newest(NOON)
    assert now is not None and now["windows"][0]["utilization"] == 5


# --- what is heard ---------------------------------------------------------------------------------------------------


def test_what_is_heard_is_kept_under_its_own_account_unless_it_is_another_s(store: Store) -> None:
    row, new = keep(store, Heard(reading(Account(), source="cache"), "folder x"), NOON)
    assert row is not None and new and store.account_id(document_of(Account()), "folder x") == row
    assert keep(store, Heard(reading(Account(), source="cache"), "folder x"), NOON) == (row, False)
    assert keep(store, Heard(reading(ALICE, source="cache"), None), NOON) == (None, False), "left behind by another"
    alice, new = keep(store, Heard(reading(ALICE, source="statusline"), None), NOON)
    assert alice is not None and new and store.account(alice) == document_of(ALICE)
    assert [found["source"] for found in store.history()] == ["cache", "statusline"]


def test_invented_accounts_are_bounded_only_where_anybody_can_invent_them(store: Store) -> None:
    def invented(number: int, source: str, at: float = -1) -> tuple[int | None, bool]:
        account = Account(email=f"{number}@example.com")
        return keep(store, Heard(reading(account, at, source), None), NOON)

    kept = [invented(number, "bridge") for number in range(40)]
    assert all(row is not None and new for row, new in kept[:20]) and kept[-1] == (None, False)
    assert invented(99, "statusline")[0] is not None
    first = kept[0][0]
    assert invented(0, "bridge", 0) == (first, True), "one that is known goes on"


class Speaker:
    """A listener that says what it is given, once for every stamp."""

    def __init__(self, said: list[Heard], owner: Account | None = None, trouble: str = "") -> None:
        self.said, self.owner, self.trouble, self.number, self.read_at = said, owner, trouble, 1, list[object]()

    def stamp(self) -> object:
        return self.number

    def read(self, now: object) -> list[Heard]:
        self.read_at.append(now)
        return self.said

    def looked(self, now: object) -> tuple[object, ...]:
        return (self.trouble or "fine", now)


async def test_listeners_are_read_when_their_stamp_changes(store: Store) -> None:
    nameless = Heard(reading(Account(), source="cache"), "folder x")
    one, two = Speaker([Heard(reading(ALICE), None)], ALICE), Speaker([nameless], BOB, "It cannot listen.")
    listening = Listening(store, lambda: [one, two])  # type: ignore[list-item, return-value]
    assert listening.owner is None and listening.trouble == "" and listening.looked(NOON) == ()
    assert await listening.beat(NOON) is True
    assert listening.owner == ALICE and listening.trouble == "It cannot listen."
    assert listening.looked(NOON) == ("fine", NOON, "It cannot listen.", NOON)
    assert listening.unnamed == store.account_id(document_of(Account()), "folder x")
    assert await listening.beat(NOON) is False and one.read_at == two.read_at == [NOON]
    two.number = 2
    assert await listening.beat(NOON) is True and len(one.read_at) == 1 and len(two.read_at) == 2
    named = Listening(store, lambda: [one])  # type: ignore[list-item, return-value]
    await named.beat(NOON)
    assert named.unnamed is None
