"""Browsers' cookie stores as users have them: containers, expiry, logs not yet written back, and where they are."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from claude_meter_tui.sources.browser.cookies import Session, glance, sessions
from claude_meter_tui.sources.browser.profiles import profiles

LATER, EARLIER = 4_102_444_800, 1_700_000_000
KEY, ORG = "sk-ant-sid01-dummy", "aaaaaaaa-0000-4000-8000-000000000001"
Row = tuple[str, str, str, str, int]  # name, value, host, originAttributes or partition, expiry


def firefox(file: Path, *rows: Row, version: int = 15) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(file, isolation_level=None)
    database.execute(f"PRAGMA user_version = {version}")
    database.execute(
        "CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, originAttributes TEXT NOT NULL DEFAULT '', name TEXT,"
        " value TEXT, host TEXT, path TEXT, expiry INTEGER, creationTime INTEGER, isSecure INTEGER, isHttpOnly INTEGER)"
    )
    put(database, *rows)
    return database


def put(database: sqlite3.Connection, *rows: Row) -> None:
    database.executemany(
        "INSERT INTO moz_cookies (name, value, host, originAttributes, expiry, path, creationTime)"
        " VALUES (?,?,?,?,?,'/',(SELECT count(*) FROM moz_cookies))",
        rows,
    )


def chromium(file: Path, *rows: Row, broken: tuple[str, ...] = ()) -> None:
    from Cryptodome.Cipher import AES
    from Cryptodome.Protocol.KDF import PBKDF2
    from Cryptodome.Util.Padding import pad

    file.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
    database.execute("INSERT INTO meta VALUES ('version', '24')")
    database.execute(
        "CREATE TABLE cookies (creation_utc INTEGER, host_key TEXT, top_frame_site_key TEXT, name TEXT, value TEXT,"
        " encrypted_value BLOB, path TEXT, expires_utc INTEGER, is_secure INTEGER, is_httponly INTEGER,"
        " last_update_utc INTEGER)"
    )
    key = PBKDF2(b"peanuts", b"saltysalt", 16, 1)
    for number, (name, value, host, partition, expiry) in enumerate(rows):
        plain = hashlib.sha256(host.encode()).digest() + value.encode()
        cipher = b"v10" + AES.new(key, AES.MODE_CBC, b" " * 16).encrypt(pad(plain, 16))
        cipher = b"v10broken" if name in broken else cipher
        expires = (expiry + 11_644_473_600) * 1_000_000 if expiry else 0
        values = (number, host, partition, name, "", cipher, "/", expires, 1, 1, number)
        database.execute("INSERT INTO cookies VALUES (?,?,?,?,?,?,?,?,?,?,?)", values)
    database.close()


@pytest.fixture
def store(scratch_home: Path) -> Path:
    return scratch_home / ".mozilla" / "firefox" / "x.default-release" / "cookies.sqlite"


def found() -> list[Session]:
    return sessions(os.environ)[0]


def session(value: str, container: str = "", host: str = ".claude.ai", expiry: int = LATER) -> Row:
    return ("sessionKey", value, host, container, expiry)


def organization(value: str, container: str = "") -> Row:
    return ("lastActiveOrg", value, ".claude.ai", container, LATER)


def test_each_container_is_a_session_of_its_own(store: Path) -> None:
    one = "^userContextId=1"
    firefox(store, session("a"), organization("org-a"), session("b", one), organization("org-b", one)).close()
    known = {(each.cookies["sessionKey"].reveal(), each.organization) for each in found()}
    assert known == {("a", "org-a"), ("b", "org-b")}
    assert {each.shown for each in found()} == {
        "firefox (x.default-release)",
        "firefox (x.default-release) container 1",
    }


def test_a_session_never_goes_with_another_container_s_organization(store: Path) -> None:
    one, embedded = "^userContextId=1", "^partitionKey=%28https%2Cexample.com%29"
    firefox(store, session("a"), organization("org-b", one), organization("org-c", embedded)).close()
    (only,) = found()
    assert only.organization is None


def test_a_partitioned_cookie_is_an_embedding_page_s(store: Path) -> None:
    firefox(store, session("a", "^partitionKey=%28https%2Cexample.com%29")).close()
    assert not found()


@pytest.mark.parametrize(("version", "factor"), [(15, 1), (16, 1000)])
def test_what_has_expired_is_not_sent(store: Path, version: int, factor: int) -> None:
    firefox(store, session("a", expiry=EARLIER * factor), version=version).close()
    sessions_found, failed = sessions(os.environ)
    assert not sessions_found and failed[0][1] == "expired"
    assert not glance(os.environ)[0].found


@pytest.mark.parametrize(("version", "factor"), [(15, 1), (16, 1000)])
def test_of_two_hosts_the_living_one_is_taken(store: Path, version: int, factor: int) -> None:
    living = session("alive", expiry=LATER * factor)
    dead = session("dead", host="claude.ai", expiry=EARLIER * factor)
    for rows in ((living, dead), (dead, living)):
        store.unlink(missing_ok=True)
        firefox(store, *rows, version=version).close()
        assert [each.cookies["sessionKey"].reveal() for each in found()] == ["alive"]


@pytest.fixture
def running(store: Path) -> Iterator[sqlite3.Connection]:
    """A Firefox that keeps its database open, locked, and writes to its log."""
    database = firefox(store)
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA wal_autocheckpoint = 0")
    put(database, session("ended"))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    yield database
    database.close()


def test_a_login_that_stands_in_the_log_only_is_found(running: sqlite3.Connection) -> None:
    running.execute("UPDATE moz_cookies SET value = 'renewed'")
    assert [each.cookies["sessionKey"].reveal() for each in found()] == ["renewed"]
    assert glance(os.environ)[0].found


FIREFOX_FOLDERS = (
    ".config/mozilla/firefox/x.default",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox/x.default",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/x.default",
    "snap/firefox/common/.mozilla/firefox/x.default",
    ".librewolf/x.default",
    ".config/librewolf/librewolf/x.default",
    "elsewhere/profile",
)
CHROMIUM_FOLDERS = (
    ".config/google-chrome/Default",
    ".config/google-chrome/Work",
    ".config/google-chrome-beta/Default",
    ".config/google-chrome-unstable/Profile 2",
    ".config/microsoft-edge-beta/Default",
    ".config/BraveSoftware/Brave-Browser-Beta/Default",
    ".config/vivaldi-snapshot/Default",
    ".var/app/com.microsoft.Edge/config/microsoft-edge/Default",
    ".var/app/com.vivaldi.Vivaldi/config/vivaldi/Default",
    "snap/vivaldi/current/.config/vivaldi/Default",
    "snap/chromium/common/chromium/Profile 1",
)


@pytest.mark.parametrize("folder", FIREFOX_FOLDERS)
def test_firefox_s_folders(scratch_home: Path, folder: str) -> None:
    firefox(scratch_home / folder / "cookies.sqlite", session(KEY), organization(ORG)).close()
    if folder.startswith("elsewhere"):
        base = scratch_home / ".mozilla" / "firefox"
        base.mkdir(parents=True)
        (base / "profiles.ini").write_text(f"[Profile0]\nIsRelative=0\nPath={scratch_home / folder}\n")
    (only,) = found()
    assert only.organization == ORG and glance(os.environ)[0].found


@pytest.mark.parametrize("folder", CHROMIUM_FOLDERS)
def test_chromium_s_folders(scratch_home: Path, folder: str) -> None:
    chromium(scratch_home / folder / "Cookies", session(KEY), organization(ORG))
    (only,) = found()
    assert only.cookies["sessionKey"].reveal() == KEY and only.organization == ORG and glance(os.environ)[0].found


@pytest.mark.parametrize("value", ["relative", "", None])
def test_only_an_absolute_xdg_folder_counts(
    scratch_home: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    folder = "xdg/mozilla/firefox/x.default" if value is None else ".config/mozilla/firefox/x.default"
    firefox(scratch_home / folder / "cookies.sqlite", session(KEY)).close()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(scratch_home / "xdg") if value is None else value)
    assert len(profiles(os.environ)) == 1


def test_a_cookie_that_cannot_be_decrypted_costs_only_itself(scratch_home: Path) -> None:
    rows = (
        session(KEY),
        organization(ORG),
        ("cf_clearance", "x", ".claude.ai", "", LATER),
        session("z", host="other.com"),
    )
    chromium(scratch_home / ".config/google-chrome/Default/Cookies", *rows, broken=("cf_clearance",))
    (only,) = found()
    assert only.cookies["sessionKey"].reveal() == KEY


def test_expired_partitioned_and_session_cookies_of_chromium(scratch_home: Path) -> None:
    base = scratch_home / ".config" / "google-chrome"
    chromium(base / "A" / "Cookies", session("a", expiry=EARLIER))
    chromium(base / "B" / "Cookies", session("b", container="https://example.com"))
    chromium(base / "C" / "Cookies", session("c", expiry=0))
    assert [each.cookies["sessionKey"].reveal() for each in found()] == ["c"]
    assert [(profile.name, why) for profile, why in sessions(os.environ)[1]] == [("A", "expired"), ("B", "none")]


def test_no_copy_of_a_database_is_left(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    firefox(store, session(KEY)).close()
    chromium(store.parents[3] / ".config/google-chrome/Default/Cookies", session("c"))
    assert len(found()) == 2 and not list(tmp_path.glob("claude-meter-*"))


@pytest.mark.parametrize("content", [b"", b"not a database" * 500, b"SQLite format 3\x00" + b"\xff" * 4000])
def test_a_damaged_database_stops_no_other(scratch_home: Path, store: Path, content: bytes) -> None:
    firefox(store, session(KEY)).close()
    for folder in (store.parents[1] / "a.broken", scratch_home / ".config/google-chrome/Default"):
        folder.mkdir(parents=True)
        (folder / ("cookies.sqlite" if "broken" in str(folder) else "Cookies")).write_bytes(content)
    assert len(found()) == 1 and any(place.found for place in glance(os.environ))


def test_a_hostile_profile_s_name_and_values_are_text_or_nothing(scratch_home: Path) -> None:
    from conftest import run_script

    names = ("[red]x[-]", "\x1b[31mred", "\x9b31m", "\u202etfel", "宽", "%s {0}")
    for name in names:
        chromium(scratch_home / ".config/google-chrome" / name / "Cookies", session(f"{KEY}-{names.index(name)}"))
    firefox(
        scratch_home / ".mozilla/firefox/a.x/cookies.sqlite", session("two\r\nX-Evil: 1"), organization("a;b")
    ).close()
    assert len(found()) == len(names)
    for command in (["doctor"], ["doctor", "--json"], ["once", "--source", "browser"]):
        done = run_script(*command)
        said = done.stdout + done.stderr
        assert "Traceback" not in said and "should not have" not in said
        assert not set(said) & set("\x1b\x9b\u202e") and "Evil" not in said
