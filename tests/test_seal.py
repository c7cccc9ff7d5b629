"""Secrets that have to be read again: sealed under a key outside the database, and what is said of a wrong one."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import WrongConfig
from engine.seal import Seal

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
OTHER_KEY = "1f1e2d3c4b5a69788796a5b4c3d2e1f0"
SECRET = "5d0c2e0b7a9f4c1e"


@given(st.text(min_size=1, max_size=60), st.text(max_size=20))
def test_what_was_sealed_opens_again_and_does_not_show(secret: str, owner: str) -> None:
    seal = Seal(KEY)
    sealed = seal.close(secret, owner=owner)
    assert seal.open(sealed, owner=owner) == secret
    assert sealed.isascii()
    assert sealed == seal.close(secret, owner=owner), "applying a file twice must change nothing"
    if len(secret) > 3:
        assert secret not in sealed


def test_one_owners_secret_does_not_open_as_anothers() -> None:
    sealed = Seal(KEY).close(SECRET, owner="account_1/mor")
    with pytest.raises(WrongConfig, match="account_2/mor"):
        Seal(KEY).open(sealed, owner="account_2/mor")


@pytest.mark.parametrize("sealed", ["", "AAAA", "not base64!", "A" * 40])
def test_what_was_never_sealed_does_not_open(sealed: str) -> None:
    with pytest.raises(WrongConfig):
        Seal(KEY).open(sealed, owner="x")


def test_a_wrong_key_is_named_and_how_to_go_on(tmp_path: Path) -> None:
    sealed = Seal(KEY).close(SECRET, owner="account_1/mor")
    with pytest.raises(WrongConfig) as wrong:
        Seal(OTHER_KEY).open(sealed, owner="account_1/mor")
    for words in ("LEGWORK_SECRET_KEY", "account_1/mor", "legwork apply"):
        assert words in wrong.value.message
    assert OTHER_KEY not in wrong.value.message
    Seal("", tmp_path).close(SECRET, owner="account_1/mor")
    with pytest.raises(WrongConfig, match=r"secret\.key is not the key"):
        Seal("", tmp_path).open(sealed, owner="account_1/mor")


def test_the_key_is_made_when_first_needed_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    seal = Seal("", folder)
    with pytest.raises(WrongConfig, match="is missing"):
        seal.open("AAAA", owner="x")
    assert not folder.exists(), "reading makes no key: it could only be a wrong one"
    sealed = seal.close(SECRET, owner="x")
    assert stat.S_IMODE((folder / "secret.key").stat().st_mode) == 0o600
    assert Seal("", folder).open(sealed, owner="x") == SECRET
    assert [path.name for path in folder.iterdir()] == ["secret.key"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_key_made_by_root_belongs_to_whom_the_folder_belongs_to(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    Seal("", tmp_path).close(SECRET, owner="x")
    assert (tmp_path / "secret.key").stat().st_uid == 65534


def test_of_many_that_make_a_key_at_once_all_use_the_same(tmp_path: Path) -> None:
    def seal(_: int) -> str:
        return Seal("", tmp_path).close(SECRET, owner="x")

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(seal, range(64)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    seal = Seal("", tmp_path)
    seal.close(SECRET, owner="x")
    (tmp_path / "secret.key").chmod(0o640)
    with pytest.raises(WrongConfig, match="chmod 600"):
        seal.close(SECRET, owner="x")


@pytest.mark.parametrize("key", ["short", "", "x" * 31])
def test_a_key_too_short_is_refused(key: str) -> None:
    with pytest.raises(WrongConfig, match="at least 32 random characters"):
        Seal(key).close(SECRET, owner="x")


def test_a_folder_that_can_not_be_written_is_named() -> None:
    with pytest.raises(WrongConfig, match=r"/dev/null/x/secret\.key.*LEGWORK_STATE_DIR"):
        Seal("", Path("/dev/null/x")).close(SECRET, owner="x")


def test_a_key_for_a_purpose_is_always_the_same_and_tells_nothing_of_another(tmp_path: Path) -> None:
    seal = Seal("", tmp_path)
    first = seal.derived("links")  # makes the file
    assert seal.derived("links") == Seal("", tmp_path).derived("links") == first
    assert len({first, seal.derived("else"), Seal("k" * 32).derived("links")}) == 3
    assert len(first) == 32
    with pytest.raises(WrongConfig, match="at least 32"):
        Seal("short").derived("links")
