"""The accounts file: what may stand in it, and how a mistake is named."""

from pathlib import Path

import pytest

from engine import applied
from engine.accounts import Accounts, fingerprint
from engine.core.account import CallingHours
from engine.errors import Unauthorised, WrongConfig
from engine.seal import Seal

SECRET = "5d0c2e0b7a9f4c1e"
SEAL_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
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
    monkeypatch.setenv("AUTH_1", SECRET)
    path = tmp_path / "accounts.toml"
    path.write_text(GOOD)
    return path


def test_a_good_file_becomes_items_that_an_engine_can_use(file: Path) -> None:
    items = applied.read(file, Seal())
    assert [(item["kind"], item["id"]) for item in items] == [
        ("route", "91"),
        ("account", "account_1"),
        ("agent", "201"),
        ("group", "301"),
    ]
    accounts = Accounts()
    accounts.replace(items)
    account = accounts.authenticate("cpaas", "account_1", SECRET)
    assert (account.caller_ids, account.allowed_regions) == (("15168148111",), ("IN",))
    with pytest.raises(Unauthorised):
        accounts.authenticate("mor", "account_1", SECRET)


def test_numbers_are_kept_as_they_are_compared(file: Path) -> None:
    more = """calling_hours = { from = "09:00", to = "21:00" }
credentials.cpaas = { auth = "env:AUTH_1" }
[[account.dnd_list]]
id = "never"
numbers = ["9910000303", "15168148112"]
[[account.agent]]
id = "202"
number = "9910020202"
"""
    file.write_text(GOOD.replace('credentials.cpaas = { auth = "env:AUTH_1" }\n', more, 1))
    accounts = Accounts()
    accounts.replace(applied.read(file, Seal()))
    account = accounts.accounts["account_1"]
    assert account.dnd_numbers == {"919910000303", "15168148112"}
    assert account.agent_numbers == {"101", "919910020202"}
    assert account.calling_hours == CallingHours(since="09:00", until="21:00")
    assert (account.attempts_per_day, account.requests_per_destination) == (1000, 3)  # by default


def test_a_secret_is_kept_as_its_fingerprint_only(file: Path) -> None:
    text = repr(applied.read(file, Seal()))
    assert SECRET not in text
    assert fingerprint(SECRET) in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('region = "IN"', 'region = "XX"', "account.0.region: Value error, not an ISO 3166 region"),
        ('name = "Demo shop"', 'nmae = "Demo shop"', "account.0.nmae: Extra inputs are not permitted"),
        ('id = "account_1"', 'id = "../etc"', "account.0.id: String should match pattern"),
        ('agents = ["201"]', 'agents = ["201", "299"]', "group 301: no agent 299"),
        ('extension = "101"', 'extension = "102"', "agent 201 of account_1: extension 102 is not one of the account's"),
        ('extension = "101"', 'cli = "15168148111"', "an agent has either a number or an extension"),
        (
            'extension = "101"',
            'extension = "101"\ncli = "15168148112"',
            "agent 201 of account_1: cli 15168148112: this account does not own this caller id",
        ),
        (
            'extension = "101"',
            'number = "9910000"',
            "agent 201 of account_1: 9910000: not a valid telephone number",
        ),
        ('agents = ["201"]', 'agents = ["201", "201"]', "group 301: an agent is given twice"),
        ('region = "IN"', 'region = "IN"\nmax_targets = 0', "account.0.max_targets: Input should be greater"),
        ('region = "IN"', 'region = "IN"\nmax_targets = 21', "account.0.max_targets: Input should be less"),
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
        ('region = "IN"', 'region = "IN"\ncalls_per_second = 0', "account.0.calls_per_second: Input should be greater"),
        (
            'region = "IN"',
            'region = "IN"\ncalling_hours = { from = "9", to = "21:00" }',
            "account.0.calling_hours.from: String should match pattern",
        ),
        (
            'region = "IN"',
            'region = "IN"\ncalling_hours = { from = "09:00", to = "09:00" }',
            "account.0.calling_hours: Value error, from and to are the same",
        ),
        (
            "[[route]]",
            "[[account.dnd_list]]\nid = 'never'\nnumbers = ['9910000']\n[[route]]",
            "dnd_list never of account_1: 9910000: not a valid telephone number",
        ),
    ],
)
def test_each_mistake_is_named(file: Path, old: str, new: str, words: str) -> None:
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(WrongConfig) as wrong:
        applied.read(file, Seal())
    assert words in wrong.value.message


TWO = """
[[account]]
id = "account_1"
name = "Demo shop"
region = "IN"
credentials.{dialect} = {{ {name} = "101", {secret} = "env:AUTH_1" }}
[[account]]
id = "account_2"
name = "Demo clinic"
region = "IN"
credentials.{other} = {{ {other_name} = "{user}", {other_secret} = "env:AUTH_2" }}
"""
SARV = {"dialect": "sarv_click2call", "name": "user_id", "secret": "token"}
SARV_2 = {"other": "sarv_click2call", "other_name": "user_id", "other_secret": "token"}
MOR = {"dialect": "mor", "name": "username", "secret": "api_secret_key"}
VOICE_2 = {"other": "sarv_voice", "other_name": "username", "other_secret": "token"}
MOR_2 = {"other": "mor", "other_name": "username", "other_secret": "api_secret_key"}


@pytest.mark.parametrize(
    ("names", "known"),
    [(SARV | SARV_2, "credentials.sarv_click2call.user_id 101"), (MOR | MOR_2, "credentials.mor.username 101")],
)
def test_two_accounts_with_one_user_id_are_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch, names: dict[str, str], known: str
) -> None:
    monkeypatch.setenv("AUTH_2", SECRET[::-1])
    file.write_text(TWO.format(**names, user="101"))
    with pytest.raises(WrongConfig) as wrong:
        applied.read(file, Seal(SEAL_KEY))
    assert f"{known}: given to account_1 and to account_2, and one account is known by it" in wrong.value.message
    assert SECRET not in wrong.value.message
    file.write_text(TWO.format(**names, user="102"))
    accounts = Accounts(Seal(SEAL_KEY))
    accounts.replace(applied.read(file, Seal(SEAL_KEY)))
    dialect, name = names["dialect"], names["name"]
    for user, secret, account in (("101", SECRET, "account_1"), ("102", SECRET[::-1], "account_2")):
        if dialect == "sarv_click2call":
            assert accounts.authenticate(dialect, user, secret, known_by=name).account_id == account
    with pytest.raises(Unauthorised):
        accounts.authenticate(dialect, "101", SECRET[::-1], known_by=name)


def test_the_same_name_in_two_dialects_is_two_names(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_2", SECRET[::-1])
    file.write_text(TWO.format(**MOR | VOICE_2, user="101"))
    assert [item["id"] for item in applied.read(file, Seal(SEAL_KEY))] == ["account_1", "account_2"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongConfig, match="No such file"):
        applied.read(tmp_path / "nothing.toml", Seal())


def test_a_secret_that_is_read_again_is_sealed_and_an_engine_opens_it(file: Path) -> None:
    mor = "credentials.mor = { username = 'demo', api_secret_key = 'env:AUTH_1' }\ncredentials.cpaas"
    file.write_text(GOOD.replace("credentials.cpaas", mor))
    seal = Seal(SEAL_KEY)
    items = applied.read(file, seal)
    assert SECRET not in repr(items)
    assert applied.read(file, seal) == items, "the same file again is no change"
    accounts = Accounts(seal)
    accounts.replace(items)
    assert accounts.credential("mor", "account_1") == {"username": "demo", "api_secret_key": SECRET}
    assert accounts.credential("mor", "account_2") == {}
    assert SECRET not in repr(accounts)
    before = accounts.accounts
    accounts.seal = Seal("another key, long enough to be one")
    with pytest.raises(WrongConfig, match="is not the key"):
        accounts.replace(items)
    assert accounts.accounts is before


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        # as vendors' documents show them
        ("abcXYZ", "is a sample"),
        ("TOKEN", "is a sample"),
        ("456789", "is a sample"),
        ("YOUR_ACCOUNT_AUTH", "is a sample"),
        ("{{token}}", "is a sample"),
        ("contact me", "is a sample"),
        # as nobody should choose them
        ("account_1", "is shorter than 16 characters"),
        ("f" * 15, "is shorter than 16 characters"),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", "is not random"),
        ("121212121212121212121212", "is not random"),
        ("5d0c2e0b7a9f4c1e\n", "printable ASCII"),
        ("5d0c2e0b 7a9f4c1e", "printable ASCII"),
        ("5d0c2e0b7a9f4c1é", "printable ASCII"),
    ],
)
def test_a_secret_that_is_none_is_refused_and_not_printed(
    file: Path, monkeypatch: pytest.MonkeyPatch, secret: str, words: str
) -> None:
    monkeypatch.setenv("AUTH_1", secret)
    with pytest.raises(WrongConfig, match=r"account account_1: credentials\.cpaas\.auth \(env:AUTH_1\) ") as wrong:
        applied.read(file, Seal())
    assert words in wrong.value.message
    file.write_text(GOOD.replace("env:AUTH_1", secret.replace("\n", "\\n")))
    with pytest.raises(WrongConfig, match=r"account account_1: credentials\.cpaas\.auth ") as wrong:
        applied.read(file, Seal())
    assert words in wrong.value.message
    if secret not in words:
        assert secret not in wrong.value.message.removeprefix("account account_1")


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("192.0.2.1/24", "has host bits set"),
        ("192.0.2.0/33", "does not appear to be"),
        ("example.org", "does not appear to be"),
        ("192.0.2.1\\n", "does not appear to be"),
        ("::ffff:192.0.2.1", "write an IPv4 address as one"),
    ],
)
def test_an_address_that_is_none_is_named(file: Path, network: str, words: str) -> None:
    file.write_text(GOOD.replace('region = "IN"', f'region = "IN"\nallowed_ips = ["{network}"]'))
    with pytest.raises(WrongConfig, match=r"account\.0\.allowed_ips\.0") as wrong:
        applied.read(file, Seal())
    assert words in wrong.value.message


@pytest.mark.parametrize("caller_id", ["15168148111\\n", "15168148111\\r\\nX: y", "١٥١٦٨١٤٨١١١", "+15168148111"])
def test_a_caller_id_is_ascii_digits_and_nothing_else(file: Path, caller_id: str) -> None:
    file.write_text(GOOD.replace('["15168148111"]', f'["{caller_id}"]'))
    with pytest.raises(WrongConfig, match=r"account\.0\.caller_ids\.0"):
        applied.read(file, Seal())


@pytest.mark.parametrize(("line", "seconds"), [("", 0), ("same_request_seconds = 5\n", 5)])
def test_an_account_may_want_the_same_request_to_be_the_same_call(file: Path, line: str, seconds: int) -> None:
    file.write_text(GOOD.replace('region = "IN"\n', 'region = "IN"\n' + line))
    accounts = Accounts()
    accounts.replace(applied.read(file, Seal()))
    assert accounts.accounts["account_1"].same_request_seconds == seconds


def test_a_token_that_names_an_account_is_one_accounts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_1", "5d0c2e0b7a9f4c1e5d0c2e0b")
    token = 'credentials.wolkvox = { token = "env:TOKEN_1" }'
    one = GOOD.replace("credentials.cpaas", f"{token}\ncredentials.cpaas")
    file.write_text(one)
    assert applied.read(file, Seal())
    two = f'[[account]]\nid = "account_2"\nname = "Clinic"\nregion = "IN"\n{token}\n'
    file.write_text(one + two)
    with pytest.raises(WrongConfig, match=r"credentials\.wolkvox: two accounts have the same secret"):
        applied.read(file, Seal())


def test_reports_have_settings_of_the_accounts(file: Path) -> None:
    file.write_text(
        GOOD.replace(
            'region = "IN"', 'region = "IN"\nmax_report_ids = 7\npoll_separator = "space"\nallow_get_api = true'
        )
    )
    accounts = Accounts()
    accounts.replace(applied.read(file, Seal()))
    account = accounts.accounts["account_1"]
    assert (account.max_report_ids, account.poll_separator, account.allow_get_api) == (7, "space", True)
    file.write_text(GOOD.replace('region = "IN"', 'region = "IN"\npoll_separator = ","'))
    with pytest.raises(WrongConfig, match="poll_separator"):
        applied.read(file, Seal())
