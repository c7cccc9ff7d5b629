"""The accounts file: what may stand in it, and how a mistake is named."""

from pathlib import Path

import pytest

from engine import applied
from engine.accounts import Accounts, fingerprint
from engine.errors import Unauthorised, WrongConfig

GOOD = """
[[account]]
id = "account_1"
name = "Demo shop"
region = "IN"
caller_ids = ["15168148111"]
extensions = ["101"]
credentials.cpaas = { auth = "env:AUTH_1" }
  [[account.agent]]
  id = "201"
  extension = "101"
  [[account.group]]
  id = "301"
  agents = ["201"]
[[route]]
prefix = "91"
endpoints = ["PJSIP/{number}@carrier"]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good file, its secret in the environment."""
    monkeypatch.setenv("AUTH_1", "a secret")
    path = tmp_path / "accounts.toml"
    path.write_text(GOOD)
    return path


def test_a_good_file_becomes_items_that_an_engine_can_use(file: Path) -> None:
    items = applied.read(file)
    assert [(item["kind"], item["id"]) for item in items] == [
        ("route", "91"),
        ("account", "account_1"),
        ("agent", "201"),
        ("group", "301"),
    ]
    accounts = Accounts()
    accounts.replace(items)
    account = accounts.authenticate("cpaas", "account_1", "a secret", ip="127.0.0.1")
    assert (account.caller_ids, account.allowed_regions) == (("15168148111",), ("IN",))
    with pytest.raises(Unauthorised):
        accounts.authenticate("mor", "account_1", "a secret", ip="127.0.0.1")


def test_a_secret_is_kept_as_its_fingerprint_only(file: Path) -> None:
    text = repr(applied.read(file))
    assert "a secret" not in text
    assert fingerprint("a secret") in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('region = "IN"', 'region = "XX"', "account.0.region: Value error, not an ISO 3166 region"),
        ('name = "Demo shop"', 'nmae = "Demo shop"', "account.0.nmae: Extra inputs are not permitted"),
        ('id = "account_1"', 'id = "../etc"', "account.0.id: String should match pattern"),
        ('agents = ["201"]', 'agents = ["201", "299"]', "group 301: no agent 299"),
        ('extension = "101"', 'extension = "102"', "agent 201: extension 102 is not one of the account's"),
        ('extension = "101"', 'cli = "15168148111"', "an agent has either a number or an extension"),
        ("credentials.cpaas", "credentials.cpass", "credentials.cpass: no such dialect"),
        ("auth =", "token =", "credentials.cpaas: needs auth"),
        ("env:AUTH_1", "env:AUTH_9", "env:AUTH_9: this variable is not set"),
        ("PJSIP/{number}@carrier", "Local/{number}@secret", "route.0.endpoints.0: String should match pattern"),
        (
            "[[route]]",
            "[[account]]\nid = 'account_1'\nname = 'x'\nregion = 'IN'\n[[route]]",
            "given twice: account account_1",
        ),
        ("[[route]]", "[[route", "accounts.toml: "),
    ],
)
def test_each_mistake_is_named(file: Path, old: str, new: str, words: str) -> None:
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(WrongConfig) as wrong:
        applied.read(file)
    assert words in wrong.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongConfig, match="No such file"):
        applied.read(tmp_path / "nothing.toml")


@pytest.mark.parametrize(("line", "seconds"), [("", 0), ("same_request_seconds = 5\n", 5)])
def test_an_account_may_want_the_same_request_to_be_the_same_call(file: Path, line: str, seconds: int) -> None:
    file.write_text(GOOD.replace('region = "IN"\n', 'region = "IN"\n' + line))
    accounts = Accounts()
    accounts.replace(applied.read(file))
    assert accounts.accounts["account_1"].same_request_seconds == seconds
