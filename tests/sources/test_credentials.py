"""Where a login is looked for, and what is said when there is none: FACTS §3."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import NOON, REFRESH, TOKEN, log_in
from hypothesis import given
from hypothesis import strategies as st

from claude_meter_tui.domain.errors import BadUsageError, NotLoggedInError, TokenExpiredError
from claude_meter_tui.domain.secret import Secret
from claude_meter_tui.settings import settings
from claude_meter_tui.sources.claude_code import credentials
from claude_meter_tui.sources.claude_code.credentials import CredentialFinder, plan_name


def finder(*folders: Path, token: str | None = None, keychain: str | None = None) -> CredentialFinder:
    read_keychain = None if keychain is None else lambda _: keychain or None
    return CredentialFinder(
        [(str(folder), ()) for folder in folders], Secret(token) if token else None, folders[0].parent, read_keychain
    )


def test_the_file_gives_token_plan_scopes_and_expiry(tmp_path: Path) -> None:
    log_in(tmp_path / "claude")
    found = finder(tmp_path / "claude").find()
    assert found.token.reveal() == TOKEN and found.plan == "Max 20x"
    assert found.expires_at == datetime(2030, 1, 1, tzinfo=UTC)
    assert found.scopes == ("user:inference", "user:profile")
    assert found.where == "~/claude/.credentials.json"


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    log_in(tmp_path / "claude")
    found = finder(tmp_path / "claude", token="sk-ant-oat01-dummy-env").find()
    assert found.where == "CLAUDE_CODE_OAUTH_TOKEN" and found.token.reveal() == "sk-ant-oat01-dummy-env"


def test_the_first_folder_of_a_list_that_has_a_login_is_used(
    scratch_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = scratch_home / "second"
    log_in(second)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", f"{scratch_home / 'none'}, {second}")
    configured = settings.load(os.environ)
    assert CredentialFinder(configured.login_places, None, scratch_home).find().where == "~/second/.credentials.json"


def test_the_default_folder_is_in_the_home(scratch_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLAUDE_CONFIG_DIR")
    assert settings.load(os.environ).credential_dirs == (scratch_home / ".claude",)


def test_an_expired_token_is_a_sentence_and_is_not_given_out(tmp_path: Path) -> None:
    log_in(tmp_path / "claude", expiresAt=int((NOON - timedelta(seconds=1)).timestamp() * 1000))
    with pytest.raises(TokenExpiredError) as caught:
        finder(tmp_path / "claude").find().checked(NOON)
    assert "`claude`" in caught.value.hint


@pytest.mark.parametrize("expires", [None, "soon", 10**30, True])
def test_an_expiry_nobody_can_read_does_not_expire(tmp_path: Path, expires: object) -> None:
    log_in(tmp_path / "claude", expiresAt=expires)
    assert finder(tmp_path / "claude").find().checked(NOON).expires_at is None


@pytest.mark.parametrize("token", ["", "   ", None, 7, "two\nlines", "ü"])
def test_an_empty_or_broken_token_is_never_one(tmp_path: Path, token: object) -> None:
    log_in(tmp_path / "claude", accessToken=token)
    with pytest.raises(NotLoggedInError, match="no access token"):
        finder(tmp_path / "claude").find()


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("{", "not JSON"),
        ("[]", "holds no Claude login"),
        ('{"claudeAiOauth": 3}', "holds no Claude login"),
        ("\xff", "not JSON"),
    ],
)
def test_a_broken_file_says_so(tmp_path: Path, text: str, outcome: str) -> None:
    (tmp_path / "claude").mkdir()
    (tmp_path / "claude" / ".credentials.json").write_text(text)
    found, looked = finder(tmp_path / "claude").look()
    assert found is None and looked[-1].outcome == outcome and not looked[-1].found


@pytest.mark.parametrize(("error", "words"), [(PermissionError(), "permission"), (IsADirectoryError(), "not readable")])
def test_a_file_that_may_not_be_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    log_in(tmp_path / "claude")

    def refuse(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(credentials.paths, "read_regular", refuse)  # root, as which CI runs, may read everything
    with pytest.raises(NotLoggedInError, match=words):
        finder(tmp_path / "claude").find()


def test_nothing_anywhere_names_every_place_and_what_to_do(tmp_path: Path) -> None:
    looking = finder(tmp_path / "claude", keychain="")
    found, looked = looking.look()
    assert found is None
    assert [place.outcome for place in looked] == ["not set", "not there", "not there"]
    with pytest.raises(NotLoggedInError) as caught:
        looking.find()
    assert "--demo" in caught.value.hint


def test_the_keychain_is_asked_last_and_holds_the_same_json(tmp_path: Path) -> None:
    item = json.dumps({"claudeAiOauth": {"accessToken": TOKEN, "refreshToken": REFRESH, "expiresAt": None}})
    found = finder(tmp_path / "claude", keychain=item).find()
    assert found.where == "the macOS Keychain" and found.token.reveal() == TOKEN


@pytest.mark.parametrize("broken", [FileNotFoundError(), subprocess.TimeoutExpired("security", 5)])
def test_a_keychain_prompt_nobody_answers_is_no_login(monkeypatch: pytest.MonkeyPatch, broken: Exception) -> None:
    def security(*_: object, **given: object) -> object:
        assert given["timeout"] and given["stdin"] == subprocess.DEVNULL
        raise broken

    monkeypatch.setattr(credentials.subprocess, "run", security)
    assert credentials.read_macos_keychain() is None


def test_the_stamp_changes_with_the_file(tmp_path: Path) -> None:
    looking = finder(tmp_path / "claude")
    stamps = [looking.stamp()]
    file = log_in(tmp_path / "claude")
    stamps.append(looking.stamp())
    file.write_text("{}")
    stamps.append(looking.stamp())
    assert len(set(stamps)) == 3 and looking.stamp() == stamps[-1]


def test_nothing_shows_a_token(tmp_path: Path) -> None:
    log_in(tmp_path / "claude")
    found = finder(tmp_path / "claude", token=TOKEN).find()
    shown = [repr(found), str(found), found.model_dump_json(exclude={"token"}), repr(found.token), found.fingerprint]
    assert not any(TOKEN in text for text in shown)


@pytest.mark.parametrize(
    ("tier", "kind", "name"),
    [
        ("default_claude_max_20x", "max", "Max 20x"),
        ("default_claude_max_5x", "max", "Max 5x"),
        ("default_raven", "team", "Team"),
        (None, "pro", "Pro"),
        (None, "claude_max", "Max"),
        (None, None, None),
        (7, [], None),
    ],
)
def test_plans_are_named_as_people_know_them(tier: object, kind: object, name: str | None) -> None:
    assert plan_name(tier, kind) == name


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_login_or_none(text: str) -> None:
    found = CredentialFinder([("nowhere", ())], None, Path("home"), lambda _: text).look()[0]
    assert found is None or found.token.reveal()


# --- settings --------------------------------------------------------------------------------------------------------


def config(text: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    monkeypatch.delenv("CLAUDE_METER_WEB_URL")
    file = home / "meter.toml"
    file.write_text(text)
    monkeypatch.setenv("CLAUDE_METER_CONFIG", str(file))
    return settings.load(os.environ)


def test_the_file_sets_what_the_flags_and_the_environment_do_not(
    scratch_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'theme = "light"\nascii = true\nshow_left = true\napi_url = "https://file.example"\n'
    loaded = config(text, scratch_home, monkeypatch)
    assert (loaded.theme, loaded.ascii, loaded.show_left) == ("light", True, True)
    assert loaded.api_url == "http://127.0.0.1:9"  # the environment goes before the file
    assert settings.load(os.environ, theme="contrast").theme == "contrast"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("theme = ", "not TOML"),
        ('theme = "pink"', "theme"),
        ("thme = 1", "thme"),
        ('ascii = "yes"', "ascii"),
        ('web_url = "http://example.com"', "CLAUDE_METER_WEB_URL"),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_the_place(
    scratch_home: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    with pytest.raises(BadUsageError, match=words) as caught:
        config(text, scratch_home, monkeypatch)
    assert caught.value.exit_code == 2 and "\n" not in caught.value.one_line()


@pytest.mark.parametrize(
    ("env", "ascii_only"),
    [
        ({"LANG": "de_DE.UTF-8"}, False),
        ({"LC_ALL": "de_DE.ISO-8859-1", "LANG": "x.UTF-8"}, True),
        ({}, False),
        ({"TERM": "linux"}, True),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="POSIX locales")
def test_a_terminal_without_unicode_gets_ascii(env: dict[str, str], ascii_only: bool) -> None:
    assert settings.load({"HOME": "/nowhere", **env}).ascii is ascii_only
