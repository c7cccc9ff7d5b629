"""The accounts file: what may stand in it, and how a mistake is named."""

import json
import tomllib
from pathlib import Path

import orjson
import pytest

from engine import applied, pin
from engine.accounts import Accounts, fingerprint
from engine.core.account import CallingHours, Did
from engine.core.ivr import Choice, Ivr, Prompt, Step
from engine.errors import Unauthorised, WrongConfig
from engine.seal import Seal
from tests.test_sound import announcement, recorded

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


def with_more(file: Path, more: str) -> None:
    secret = 'credentials.cpaas = { auth = "env:AUTH_1" }\n'
    file.write_text(GOOD.replace(secret, secret + more, 1))


def test_a_number_of_ours_leads_to_somebody_there_is(file: Path) -> None:
    with_more(file, '[[account.did]]\nnumber = "15168148111"\nto = "agent:201"\nrecording = "on"\n')
    accounts = Accounts()
    accounts.replace(applied.read(file, Seal()))
    account = accounts.whose("15168148111")
    assert account is not None
    assert (account.account_id, account.dids["15168148111"]) == ("account_1", Did(to="agent:201", recording="both"))
    assert accounts.whose("15168148112") is None
    with_more(file, '[[account.did]]\nnumber = "15168148111"\nto = "agent:999"\n')
    with pytest.raises(WrongConfig, match="did 15168148111: there is no agent:999"):
        applied.read(file, Seal())


def test_a_number_of_ours_is_one_accounts(file: Path) -> None:
    did = '[[account.did]]\nnumber = "15168148111"\nto = "extension:101"\n'
    second = '[[account]]\nid = "account_2"\nname = "x"\nregion = "IN"\nextensions = ["101"]\n'
    file.write_text(GOOD.replace("[[route]]", f"{did}{second}{did}[[route]]", 1))
    with pytest.raises(WrongConfig, match="given to two accounts: 15168148111"):
        applied.read(file, Seal())


def test_of_a_pin_nothing_is_kept_but_what_proves_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIN_203", "20302030")
    agents = '[[account.agent]]\nid = "202"\nnumber = "9910020202"\npin = "2020"\n'
    agents += '[[account.agent]]\nid = "203"\nnumber = "9910020303"\npin = "env:PIN_203"\n'
    with_more(file, agents)
    items = applied.read(file, Seal())
    bodies = {item["id"]: item["body"] for item in items if item["kind"] == "agent"}
    assert "pin" not in bodies["202"]
    assert "2020" not in repr({**bodies["202"], "number": ""})
    accounts = Accounts()
    accounts.replace(items)
    kept = {name: agent.pin for name, agent in accounts.accounts["account_1"].agents.items()}
    assert kept["201"] == ""
    assert pin.proves(kept["202"], "2020", account_id="account_1", agent_id="202")
    assert pin.proves(kept["203"], "20302030", account_id="account_1", agent_id="203")
    with_more(file, agents.replace('"2020"', '"202"'))
    with pytest.raises(WrongConfig, match="pin"):
        applied.read(file, Seal())


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


# -- IVRs ------------------------------------------------------------------------------------

QUESTIONS = """
[[account.endpoint]]
id = "bot"
endpoint = "PJSIP/919910099103@carrier"
[[account.ivr]]
id = "survey"
voice = "Raveena"
language_code = "en-IN"
[[account.ivr.step]]
id = "service"
text = "How was our service?"
wrong_text = "One to five, please."
timeout_seconds = 4
tries = 2
keys.1 = { answer = "good" }
keys.2 = { answer = "bad", go_to = "sorry" }
keys.3 = { answer = "so so", next = true }
keys.9 = { repeat = true }
keys."*" = { hangup = true }
keys."#" = { transfer = "endpoint:bot" }
[[account.ivr.step]]
id = "sorry"
text = "Why?"
keys.0 = { answer = "rude", transfer = "group:301" }
otherwise = { answer = "nothing", go_to = "end" }
[[account.ivr.step]]
id = "end"
text = "Anything else?"
keys.1 = { transfer = "agent:201" }
keys.2 = { transfer = "extension:101" }
"""


@pytest.fixture
def surveyed(file: Path) -> Path:
    """A good file with an IVR of three steps."""
    file.write_text(
        GOOD.replace('region = "IN"', 'region = "IN"\ndefault_ivr = "survey"', 1).replace(
            "[[route]]", QUESTIONS + "[[route]]", 1
        )
    )
    return file


def test_an_ivr_becomes_what_a_call_is_led_through(surveyed: Path) -> None:
    accounts = Accounts()
    accounts.replace(orjson.loads(orjson.dumps(applied.read(surveyed, Seal()))))
    account = accounts.accounts["account_1"]
    assert (account.default_ivr, account.endpoints) == ("survey", {"bot": "PJSIP/919910099103@carrier"})
    assert account.ivrs["survey"] == Ivr(
        ivr_id="survey",
        voice="Raveena",
        language_code="en-IN",
        steps=(
            Step(
                name="service",
                prompt=Prompt(text="How was our service?"),
                wrong=Prompt(text="One to five, please."),
                timeout_seconds=4.0,
                times=2,
                keys={
                    "1": Choice(then="next", answer="good"),
                    "2": Choice(then="go_to", to="sorry", answer="bad"),
                    "3": Choice(then="next", answer="so so"),
                    "9": Choice(then="repeat"),
                    "*": Choice(then="hang_up"),
                    "#": Choice(then="transfer", to="endpoint:bot"),
                },
            ),
            Step(
                name="sorry",
                prompt=Prompt(text="Why?"),
                keys={"0": Choice(then="transfer", to="group:301", answer="rude")},
                otherwise=Choice(then="go_to", to="end", answer="nothing"),
            ),
            Step(
                name="end",
                prompt=Prompt(text="Anything else?"),
                keys={
                    "1": Choice(then="transfer", to="agent:201"),
                    "2": Choice(then="transfer", to="extension:101"),
                },
            ),
        ),
    )


def test_an_ivr_may_play_announcements_of_the_file(surveyed: Path, tmp_path: Path) -> None:
    text = surveyed.read_text().replace('text = "How was our service?"', 'announcement = "84"', 1)
    text = text.replace('wrong_text = "One to five, please."', 'wrong_announcement = "1610448601_84.wav"', 1)
    sound = recorded(tmp_path / "hello.wav")
    surveyed.write_text(text.replace("[[route]]", announcement("1610448601_84.wav", sound) + "[[route]]", 1))
    items = applied.read(surveyed, Seal())
    accounts = Accounts()
    accounts.replace(items)
    step = accounts.accounts["account_1"].ivrs["survey"].steps[0]
    heard = Prompt(media=f"sound:{tmp_path}/hello", seconds=1.5)
    assert (step.prompt, step.wrong) == (heard, heard)
    accounts.replace(item for item in items if item["kind"] != "announcement")
    assert accounts.accounts["account_1"].ivrs == {}, "one whose sound is not there is none"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('go_to = "sorry"', 'go_to = "nowhere"', "step service: keys.2: there is no step nowhere"),
        ('go_to = "end"', 'go_to = "nowhere"', "step sorry: otherwise: there is no step nowhere"),
        ('"group:301"', '"group:999"', "ivr survey: step sorry: keys.0: nobody is at group:999"),
        ('"agent:201"', '"agent:999"', "ivr survey: step end: keys.1: nobody is at agent:999"),
        ('"extension:101"', '"extension:102"', "ivr survey: step end: keys.2: nobody is at extension:102"),
        ('"endpoint:bot"', '"endpoint:bat"', "ivr survey: step service: keys.#: nobody is at endpoint:bat"),
        ('"endpoint:bot"', '"PJSIP/bot"', "keys.#.transfer: String should match pattern"),
        ('"endpoint:bot"', '"ivr:survey"', "keys.#.transfer: String should match pattern"),
        ('text = "Why?"', 'announcement = "84"', "ivr survey: step sorry: announcement: there is no announcement 84"),
        (
            'wrong_text = "One to five, please."',
            'wrong_announcement = "84"',
            "ivr survey: step service: wrong_announcement: there is no announcement 84",
        ),
        ('otherwise = { answer = "nothing", go_to = "end" }', "", "step end: nothing leads there"),
        ('id = "end"', 'id = "price"', "step sorry: otherwise: there is no step end"),
        (
            'answer = "nothing", go_to = "end" }\n[[account.ivr.step]]\nid = "end"',
            'answer = "nothing" }\n[[account.ivr.step]]\nid = "sorry"',
            "step sorry: given twice",
        ),
        ("keys.1 = { answer", "keys.2 = { answer", "Cannot overwrite a value"),
        ("keys.9", "keys.A", "keys.A.[key]: String should match pattern"),
        ("keys.9", "keys.10", "keys.10.[key]: String should match pattern"),
        ('keys.0 = { answer = "rude", transfer = "group:301" }', "keys = {}", "a step without keys asks nothing"),
        ('keys.0 = { answer = "rude", transfer = "group:301" }', "", "step.1.keys: Field required"),
        ("repeat = true", "repeat = true, hangup = true", "repeat and hangup: one of them is wanted"),
        ('go_to = "sorry"', 'go_to = "sorry", next = true', "go_to and next: one of them is wanted"),
        ('answer = "bad"', 'answer = "b\\u0000"', "keys.2.answer: String should match pattern"),
        ('answer = "bad"', 'anwser = "bad"', "keys.2.anwser: Extra inputs are not permitted"),
        ('answer = "nothing", go_to = "end"', "repeat = true", "it can not repeat it"),
        (
            'answer = "nothing", go_to = "end" }\n',
            'go_to = "sorry" }\nkeys.1 = { go_to = "end" }\n',
            "step sorry: who presses nothing never gets out of there",
        ),
        ('text = "Why?"', 'text = "Why?"\nannouncement = "84"', "a step has either a text or an announcement"),
        ('text = "Why?"', "", "a step has either a text or an announcement"),
        (
            'wrong_text = "One to five, please."',
            'wrong_text = "One."\nwrong_announcement = "84"',
            "a step has either a wrong_text or a wrong_announcement",
        ),
        ('text = "Why?"', 'text = " ,, "', "step sorry: text: there is nothing to say"),
        ('text = "Why?"', 'text = ""', "step.1.text: String should have at least 1 character"),
        ('text = "Why?"', 'text = "Why, {name}?"', "step sorry: text: a question is the same for everybody"),
        ('text = "Why?"', f'text = "{"x" * 3001}"', "step.1.text: String should have at most 3000 characters"),
        ("One to five, please.", " . ", "step service: wrong_text: there is nothing to say"),
        ("timeout_seconds = 4", "timeout_seconds = 0.5", "timeout_seconds: Input should be greater than or equal to 1"),
        ("timeout_seconds = 4", "timeout_seconds = 61", "timeout_seconds: Input should be less than or equal to 60"),
        ("tries = 2", "tries = 0", "tries: Input should be greater than or equal to 1"),
        ("tries = 2", "tries = 11", "tries: Input should be less than or equal to 10"),
        ('voice = "Raveena"', 'voice = "HAL"', "voice: there is no such voice"),
        ('language_code = "en-IN"', 'language_code = "de-DE"', "language_code: Raveena speaks en-IN"),
        ('default_ivr = "survey"', 'default_ivr = "poll"', "default_ivr: there is no ivr poll"),
        ('id = "bot"', 'id = "101"', "account.0.endpoint.0.id: String should match pattern"),
        ("PJSIP/919910099103@carrier", "Local/s@canary", "account.0.endpoint.0.endpoint: String should match pattern"),
        ("PJSIP/919910099103@carrier", "PJSIP/a/sip:b@evil", "endpoint.0.endpoint: String should match pattern"),
        ("PJSIP/919910099103@carrier", "PJSIP/a&PJSIP/b", "endpoint.0.endpoint: String should match pattern"),
        ("PJSIP/919910099103@carrier", "PJSIP/a\\n", "endpoint.0.endpoint: String should match pattern"),
        ('default_ivr = "survey"', "max_report_ids = 0", "account.0.max_report_ids: Input should be greater"),
        (
            'default_ivr = "survey"',
            'poll_separator = "comma"',
            "account.0.poll_separator: Input should be 'newline' or",
        ),
    ],
)
def test_each_mistake_of_an_ivr_is_named(surveyed: Path, old: str, new: str, words: str) -> None:
    before = surveyed.read_text()
    assert old in before
    surveyed.write_text(before.replace(old, new, 1))
    with pytest.raises(WrongConfig) as wrong:
        applied.read(surveyed, Seal())
    assert words in wrong.value.message


def test_what_reports_allow_is_the_accounts(file: Path) -> None:
    lines = 'max_report_ids = 7\nallow_get_api = true\npoll_separator = "space"\nreport_tz = "Asia/Kolkata"\n'
    for text, found in ((GOOD, (100, False, "newline", "UTC")), (None, (7, True, "space", "Asia/Kolkata"))):
        file.write_text(text or GOOD.replace('region = "IN"\n', 'region = "IN"\n' + lines))
        accounts = Accounts()
        accounts.replace(applied.read(file, Seal()))
        account = accounts.accounts["account_1"]
        shown = (account.max_report_ids, account.allow_get_api, account.poll_separator, account.report_tz)
        assert shown == found


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


def test_the_file_may_be_json(file: Path) -> None:
    as_json = file.with_suffix(".json")
    as_json.write_text(json.dumps(tomllib.loads(file.read_text())))
    assert [each["id"] for each in applied.read(as_json, Seal())] == [each["id"] for each in applied.read(file, Seal())]
    as_json.write_text("{")
    with pytest.raises(WrongConfig, match="Expecting property name"):
        applied.read(as_json, Seal())
