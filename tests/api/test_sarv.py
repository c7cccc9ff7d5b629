"""Sarv Click-to-Call through the real HTTP server: how it may be asked, and what call is made of what was asked."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import FormData

from engine.accounts import Accounts
from engine.core.request import AGENT_CLI, Alert, CallRequest, Pair, Party, Target
from engine.store.postgres import Store
from tests.api.conftest import Client, SwitchDouble, client, clock, database_url, store, studio, switch
from tests.api.test_sarv_codes import BLOCKED, CALL, ITEMS, agent, item
from tests.dialects.sarv_document import MESSAGES, SUCCESS

__all__ = ["client", "clock", "database_url", "store", "studio", "switch"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

PATHS = ("/v2/clickToCall/para", "/clickToCall/v1/para")
CEILING = 7200  # of the server in conftest
CLI, OTHER_CLI = "15168148111", "919910099999"
BEEP = "sound:beep"
TO_GROUP = {"toType": "Group", "to": "303"}


def of_account_2(kind: str, item_id: str, **body: Any) -> dict[str, Any]:
    return {**item(kind, item_id, **body), "account_id": "account_2"}


MORE = [
    {**agent("204", "919910020404", cli=OTHER_CLI, web=False)},
    {**agent("205", "919910020505", cli=None, web=True)},
    item("group", "303", agents=["204", "201", "205"]),
    of_account_2("agent", "501", number="919910050101", extension=None, cli=None, web_login=True, call_login=True),
    of_account_2("group", "601", agents=["501"]),
    of_account_2("announcement", "theirs.wav", file="/srv/theirs.wav", seconds=2.0, alias="7"),
    of_account_2("dnd_list", "their list", numbers=["919910000303"]),
]


@pytest_asyncio.fixture(loop_scope="function")
async def accounts(store: Store) -> Accounts:
    """What is applied, with one agent logged in by telephone."""
    applied = [{**each, "body": {**each["body"], **logged_in(each["id"])}} for each in [*ITEMS, *MORE]]
    await store.apply(applied)
    accounts = Accounts()
    accounts.replace(applied)
    return accounts


def logged_in(item_id: str) -> dict[str, bool]:
    return {"call_login": True} if item_id in ("204", "501") else {}


@dataclass
class Customer:
    """Who asks, and what becomes of it."""

    client: Client
    switch: SwitchDouble
    store: Store

    async def call(self, **change: Any) -> CallRequest:
        """The call that is made of a request like `CALL` but for some parameters."""
        before = len(self.switch.started)
        body = await self.answer(**change)
        assert body["code"] == "200", body
        assert len(self.switch.started) == before + 1
        return self.switch.started[-1]

    async def refusal(self, **change: Any) -> str:
        """The code of a request that makes no call."""
        before = len(self.switch.started)
        body = await self.answer(**change)
        assert body == {"message": MESSAGES[body["code"]], "status": "error", "code": body["code"]}
        assert len(self.switch.started) == before
        return str(body["code"])

    async def answer(self, **change: Any) -> dict[str, Any]:
        reply = await self.client.post(PATHS[0], params=CALL | change)
        assert reply.status == 200
        body: dict[str, Any] = await reply.json()
        return body


@pytest.fixture
def customer(client: Client, switch: SwitchDouble, store: Store) -> Customer:
    return Customer(client, switch, store)


def target(number: str, **more: str) -> Target:
    return Target(number=number, endpoints=(f"PJSIP/{number}@carrier",), **more)


def numbers(party: Party) -> list[str]:
    return [each.number for each in party.targets]


def agents(party: Party) -> list[str]:
    return [each.agent_id for each in party.targets]


# -- how it may be asked ---------------------------------------------------------------------

MANY = {
    **CALL,
    "to": "9910000202,9910000203",
    "toStrategy": "TO_ALL",
    "fromRingTime": "30",
    "toRetryCount": "2",
    "timeLimit": "300",
    "timeLimitHangup": "false",
    "timeLimtAlert": "120,240",
    "ringTone": "1610448601_84.wav",
}
NUMBERS_AND_BOOLEANS = {
    "user_id": 101,
    "from": 9910000101,
    "fromRingTime": 30,
    "toRetryCount": 2,
    "timeLimit": 300,
    "timeLimitHangup": False,
}
MADE = CallRequest(
    account_id="account_1",
    kind="click2call",
    agent=Party(targets=(target("919910000101"),), ring_seconds=30, caller_id=CLI),
    customer=Party(
        targets=(target("919910000202"), target("919910000203")),
        ring_seconds=20,
        caller_id=CLI,
        strategy="to_all",
        retries=2,
    ),
    max_talk_seconds=CEILING,
    ring_tone="sound:/srv/one",
    alerts=(Alert(after_seconds=120, media=BEEP), Alert(after_seconds=240, media=BEEP)),
    dnd_sides=(),
)

Ask = Callable[[Client, str], Awaitable[Any]]


def multipart(fields: dict[str, str]) -> FormData:
    form = FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value)
    return form


def half(odd: int) -> dict[str, str]:
    """Every other parameter."""
    return dict(list(MANY.items())[odd::2])


def odd_case(fields: dict[str, str]) -> dict[str, str]:
    return {"".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(name)): v for name, v in fields.items()}


RIGHT_SPELLING = {("timeLimitAlert" if name == "timeLimtAlert" else name): value for name, value in MANY.items()}

WAYS: dict[str, Ask] = {
    "POST, query": lambda client, path: client.post(path, params=MANY),
    "POST, query, as the PHP example": lambda client, path: client.post(
        path, params=MANY, data=b"", headers={"Content-Type": "application/x-www-form-urlencoded"}
    ),
    "GET": lambda client, path: client.get(path, params=MANY),
    "urlencoded": lambda client, path: client.post(path, data=MANY),
    "multipart": lambda client, path: client.post(path, data=multipart(MANY)),
    "JSON": lambda client, path: client.post(path, json=MANY),
    "JSON, numbers and booleans": lambda client, path: client.post(path, json=MANY | NUMBERS_AND_BOOLEANS),
    "JSON that does not say so": lambda client, path: client.post(path, data=json.dumps(MANY).encode()),
    "query and urlencoded": lambda client, path: client.post(path, params=half(0), data=half(1)),
    "query and multipart": lambda client, path: client.post(path, params=half(1), data=multipart(half(0))),
    "query and JSON": lambda client, path: client.post(path, params=half(0), json=half(1)),
    "twice the same": lambda client, path: client.post(path, params=[*MANY.items()] * 2),
    "the same in query and body": lambda client, path: client.post(path, params=MANY, data=MANY),
    "the same number and text": lambda client, path: client.post(path, params=MANY, json=NUMBERS_AND_BOOLEANS),
    "upper case": lambda client, path: client.post(path, params={name.upper(): MANY[name] for name in MANY}),
    "odd case": lambda client, path: client.post(path, params=odd_case(MANY)),
    "the right spelling": lambda client, path: client.post(path, params=RIGHT_SPELLING),
    "both spellings": lambda client, path: client.post(path, params=MANY | RIGHT_SPELLING),
    "blanks around": lambda client, path: client.post(path, params={f" {n} ": f" {v}\t" for n, v in MANY.items()}),
    "blanks in lists": lambda client, path: client.post(path, params=MANY | {"to": " 9910000202 , 9910000203 "}),
    "words in any case": lambda client, path: client.post(
        path, params=MANY | {"toStrategy": "to_All", "fromType": "NUMBER", "timeLimitHangup": "FALSE", "mode": "Live"}
    ),
    "what nobody knows": lambda client, path: client.post(path, params=MANY | {"campaign": "x", "_": "1", "": "y"}),
    "an unknown one twice": lambda client, path: client.post(path, params=[*MANY.items(), ("_", "1"), ("_", "2")]),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", WAYS)
async def test_every_way_to_ask_makes_the_same_call(client: Client, switch: SwitchDouble, path: str, way: str) -> None:
    reply = await WAYS[way](client, path)
    assert (reply.status, (await reply.json())["code"]) == (200, "200")
    assert switch.started == [MADE]


@pytest.mark.parametrize("path", PATHS)
async def test_success_is_to_the_letter(client: Client, path: str) -> None:
    reply = await client.post(path, params=CALL)
    assert reply.content_type == "application/json"
    assert await reply.text() == '{"callid":"0000000001","status":"success","code":"200"}'
    sample, body = json.loads(SUCCESS), await reply.json()
    assert list(body) == list(sample)
    assert {name: type(value) for name, value in body.items()} == {name: type(value) for name, value in sample.items()}
    assert body | {"callid": sample["callid"]} == sample


@pytest.mark.parametrize(
    "asked",
    [
        {"params": [*CALL.items(), ("to", "9910000303")]},
        {"params": [("to", "9910000303"), *CALL.items()]},
        {"params": CALL, "data": {"to": "9910000303"}},
        {"params": CALL, "json": {"TO": 9910000303}},
        {"params": CALL, "data": multipart({"to": "9910000303"})},
        {"data": [*CALL.items(), ("to", "9910000303")]},
        {"params": [*CALL.items(), ("to", "")]},
        {"params": [*CALL.items(), ("token", "another token")]},
        {"params": [*CALL.items(), ("user_id", "102")]},
        {"params": CALL | {"timeLimit": "60", "timeLimtAlert": "5", "timelimitalert": "6"}},
        {"params": CALL | {"dnd": "from", "dndFilter": "to"}},
    ],
)
async def test_what_is_said_twice_and_differently_is_1539(
    client: Client, switch: SwitchDouble, asked: dict[str, Any]
) -> None:
    reply = await client.post(PATHS[0], **asked)
    assert (reply.status, (await reply.json())["code"]) == (200, "1539")
    assert switch.started == []


# -- what is made of it ----------------------------------------------------------------------


async def test_what_is_not_said_is_as_the_document_says(customer: Customer) -> None:
    """ "Default : Number", "ONE_BY_ONE", "20", "unlimited", "0", and our own ceiling for "unlimited"."""
    assert await customer.call() == CallRequest(
        account_id="account_1",
        kind="click2call",
        agent=Party(targets=(target("919910000101"),), ring_seconds=20, caller_id=CLI),
        customer=Party(targets=(target("919910000202"),), ring_seconds=20, caller_id=CLI),
        max_talk_seconds=CEILING,
        dnd_sides=(),
    )
    group = (await customer.call(**TO_GROUP)).customer
    assert (group.queue_seconds, group.ring_seconds, group.retries) == (60, 20, 0)


@pytest.mark.parametrize(
    ("words", "hangs_up"),
    [(("true", "True", "TRUE", "1", "yes", "Yes", "on"), True), (("false", "False", "0", "no", "NO", "off"), False)],
)
async def test_booleans_are_taken_as_people_send_them(
    customer: Customer, words: tuple[str, ...], hangs_up: bool
) -> None:
    for word in words:
        made = await customer.call(timeLimit="60", timeLimitHangup=word)
        assert made.max_talk_seconds == (60 if hangs_up else CEILING), word


@pytest.mark.parametrize("word", ["", "2", "maybe", "truefalse", "y", "0.0", "-1", "null", "[]", "да"])
async def test_a_boolean_that_is_none_is_1539(customer: Customer, word: str) -> None:
    assert await customer.refusal(timeLimit="60", timeLimitHangup=word) == "1539"


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ({}, CEILING),
        ({"timeLimit": "0"}, CEILING),
        ({"timeLimit": "0", "timeLimitHangup": "true"}, CEILING),
        ({"timeLimitHangup": "true"}, CEILING),
        ({"timeLimit": "1"}, 1),
        ({"timeLimit": "300"}, 300),
        ({"timeLimit": "00300"}, 300),
        ({"timeLimit": "300", "timeLimitHangup": "false"}, CEILING),
        ({"timeLimit": "7201"}, CEILING),
        ({"timeLimit": "999999999"}, CEILING),
    ],
)
async def test_talk_ends_at_the_limit_if_that_hangs_up_and_at_the_ceiling_otherwise(
    customer: Customer, asked: dict[str, str], seconds: int
) -> None:
    assert (await customer.call(**asked)).max_talk_seconds == seconds


async def test_a_list_is_called_in_its_order_or_all_at_once(customer: Customer) -> None:
    """ "If toType is number or agent then to can have multiple values." """
    five = ",".join(f"99100002{n:02}" for n in (4, 2, 0, 1, 3))
    made = await customer.call(to=five, toStrategy="TO_ALL", toRingTime="50", toRetryCount="3")
    assert numbers(made.customer) == [f"9199100002{n:02}" for n in (4, 2, 0, 1, 3)]
    assert (made.customer.strategy, made.customer.ring_seconds, made.customer.retries) == ("to_all", 50, 3)
    assert (made.party("agent").strategy, made.party("agent").ring_seconds, made.party("agent").retries) == (
        "one_by_one",
        20,
        0,
    )
    made = await customer.call(**{"from": five, "to": "9910000301", "fromRingTime": "1", "fromRetryCount": "1"})
    assert numbers(made.party("agent")) == [f"9199100002{n:02}" for n in (4, 2, 0, 1, 3)]
    assert (made.party("agent").strategy, made.party("agent").ring_seconds, made.party("agent").retries) == (
        "one_by_one",
        1,
        1,
    )


async def test_an_extension_and_agents_are_dialled_where_they_are(customer: Customer) -> None:
    made = await customer.call(**{"from": "101", "toType": "Agent", "to": "204,202", "toStrategy": "TO_ALL"})
    assert made.party("agent").targets == (Target(number="101", endpoints=("PJSIP/101",)),)
    assert made.customer.targets == (
        target("919910020404", agent_id="204", cli=OTHER_CLI),
        target("919910020202", agent_id="202"),
    )
    assert (made.customer.strategy, made.customer.group_id, made.customer.queue_seconds) == ("to_all", "", 0)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["204", "201", "205"]),
        ({"toWebLogin": "na", "toCallLogin": "NA"}, ["204", "201", "205"]),
        ({"toWebLogin": "yes"}, ["201", "205"]),
        ({"toWebLogin": "No"}, ["204"]),
        ({"toCallLogin": "yes"}, ["204"]),
        ({"toCallLogin": "no"}, ["201", "205"]),
        ({"toWebLogin": "yes", "toCallLogin": "no"}, ["201", "205"]),
        ({"toWebLogin": "no", "toCallLogin": "yes"}, ["204"]),
        ({"fromWebLogin": "yes", "fromCallLogin": "yes"}, ["204", "201", "205"]),  # of a side of numbers
    ],
)
async def test_a_group_is_asked_for_in_its_order_and_of_it_whom_the_filters_leave(
    customer: Customer, accounts: Accounts, filters: dict[str, str], found: list[str]
) -> None:
    """All are asked for, as a log-in may come while the caller waits; who is logged in is looked at when rung."""
    made = await customer.call(**TO_GROUP, **filters, queueTimeout="5")
    assert agents(made.customer) == ["204", "201", "205"]
    staff = accounts.accounts["account_1"].agents
    assert [each for each in agents(made.customer) if made.customer.wants(staff[each])] == found
    assert (made.customer.group_id, made.customer.queue_seconds, made.customer.strategy) == ("303", 5, "one_by_one")


async def test_a_group_is_one_by_one_whatever_the_strategy_says(customer: Customer) -> None:
    """ "If toType is number or agent then to can have multiple values. In that case [a] strategy can be defined." """
    assert (await customer.call(**TO_GROUP, toStrategy="TO_ALL")).customer.strategy == "one_by_one"


async def test_who_is_on_the_other_side_is_not_asked_for_in_the_group(customer: Customer) -> None:
    made = await customer.call(**TO_GROUP, **{"fromType": "Agent", "from": "201"})
    assert (agents(made.party("agent")), agents(made.customer)) == (["201"], ["204", "205"])
    made = await customer.call(**{"fromType": "Group", "from": "303", "to": "9910020404"})
    assert agents(made.party("agent")) == ["201", "205"]


@pytest.mark.parametrize(
    ("asked", "played"),
    [
        ({"timeLimtAlert": "120"}, [(120, BEEP)]),
        ({"timeLimtAlert": "1,299"}, [(1, BEEP), (299, BEEP)]),
        ({"timeLimtAlert": "120", "alertAudio": "1610448601_84.wav"}, [(120, "sound:/srv/one")]),
        (
            {"timeLimtAlert": "60,120,200", "alertAudio": "1610448601_85.wav"},
            [(60, "sound:/srv/two"), (120, "sound:/srv/two"), (200, "sound:/srv/two")],
        ),
        (
            {"timeLimtAlert": "60,120", "alertAudio": "1610448601_85.wav, 84"},
            [(60, "sound:/srv/two"), (120, "sound:/srv/one")],
        ),
        ({"alertAudio": "nobody.wav"}, []),  # "If specified, announcement will be played according to timeLimtAlert"
    ],
)
async def test_alerts_are_one_sound_for_all_or_one_for_each(
    customer: Customer, asked: dict[str, str], played: list[tuple[int, str]]
) -> None:
    for hangs_up in ("true", "false"):
        made = await customer.call(timeLimit="300", timeLimitHangup=hangs_up, **asked)
        assert [(alert.after_seconds, alert.media) for alert in made.alerts] == played


async def test_a_ring_tone_is_an_announcement_by_its_id_or_its_number(customer: Customer) -> None:
    assert (await customer.call()).ring_tone == ""
    assert (await customer.call(ringTone="1610448601_85.wav")).ring_tone == "sound:/srv/two"
    assert (await customer.call(ringTone="85")).ring_tone == "sound:/srv/two"


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({}, (CLI, CLI)),
        ({"fromCLI": OTHER_CLI}, (OTHER_CLI, OTHER_CLI)),
        ({"toCLI": OTHER_CLI}, (CLI, OTHER_CLI)),
        ({"fromCLI": "+" + OTHER_CLI, "toCLI": CLI}, (OTHER_CLI, CLI)),
        ({"fromCLI": "9910099999"}, (OTHER_CLI, OTHER_CLI)),
        ({"toType": "Agent", "to": "204", "fromCLI": "AGENT_CLI"}, (OTHER_CLI, OTHER_CLI)),
        ({"toType": "Agent", "to": "204", "fromCLI": "agent_cli", "toCLI": CLI}, (OTHER_CLI, CLI)),
        ({"fromType": "Agent", "from": "204", "toCLI": "AGENT_CLI"}, (CLI, OTHER_CLI)),
        ({"fromType": "Agent", "from": "204", "toCLI": "AGENT_CLI", "fromCLI": OTHER_CLI}, (OTHER_CLI, OTHER_CLI)),
        # Who of the group it will be is not known yet.
        ({"fromType": "Group", "from": "303", "toCLI": "AGENT_CLI"}, (CLI, AGENT_CLI)),
        (
            {"fromType": "Agent", "from": "204", "toCLI": "AGENT_CLI", "toType": "Agent", "to": "201"}
            | {"fromCLI": "AGENT_CLI"},
            (CLI, OTHER_CLI),
        ),
    ],
)
async def test_each_side_is_shown_its_cli(customer: Customer, asked: dict[str, str], shown: tuple[str, str]) -> None:
    made = await customer.call(**asked)
    assert (made.party("agent").caller_id, made.customer.caller_id) == shown


@pytest.mark.parametrize("side", ["to", "from"])
@pytest.mark.parametrize(
    ("paired", "policy", "found", "queued", "remembered"),
    [
        (None, "retrySame", ["204", "201", "205"], 60, True),
        (None, "retryTemp", ["204", "201", "205"], 60, True),
        ("201", "", ["201"], 60, True),  # "Default : retrySame"
        ("201", "retrySame", ["201"], 60, True),
        ("201", "RetryNewSticky", ["201", "204", "205"], 60, True),
        ("205", "retryTemp", ["205", "204", "201"], 60, False),
        ("202", "retrySame", ["204", "201", "205"], 60, True),  # not of this group
    ],
)
async def test_a_number_comes_back_to_its_agent(
    customer: Customer, side: str, paired: str | None, policy: str, found: list[str], queued: int, remembered: bool
) -> None:
    number = "919910000777"
    if paired:
        await customer.store.pair("account_1", number, paired, None)
    await customer.store.pair("account_2", number, "501", None)  # is nothing to this account
    asked = {"to": "303", "toType": "Group", "from": number}
    if side == "from":
        asked = {"from": "303", "fromType": "Group", "to": number}
    made = await customer.call(**asked, sticky="yes", **({"stickyAgentBusy": policy} if policy else {}))
    party, other = (made.customer, made.party("agent")) if side == "to" else (made.party("agent"), made.customer)
    assert (agents(party), party.queue_seconds, numbers(other)) == (found, queued, [number])
    assert made.pair == (Pair(number=number, seconds=86400) if remembered else None)


async def test_the_same_agent_is_waited_for_as_long_as_is_said(customer: Customer) -> None:
    await customer.store.pair("account_1", "919910000101", "204", None)
    made = await customer.call(**TO_GROUP, sticky="yes", queueTimeout="7")
    assert (agents(made.customer), made.customer.queue_seconds) == (["204"], 7)


async def test_one_agent_is_waited_for_too_if_it_is_the_numbers_own(customer: Customer) -> None:
    await customer.store.pair("account_1", "919910000101", "204", None)
    own = (await customer.call(toType="Agent", to="204", sticky="yes")).customer
    assert (agents(own), own.queue_seconds) == (["204"], 60)
    another = await customer.call(toType="Agent", to="201", sticky="yes")
    assert (agents(another.customer), another.customer.queue_seconds) == (["201"], 0)
    assert another.pair == Pair(number="919910000101", seconds=86400)


@pytest.mark.parametrize(
    ("kind", "value", "seconds"),
    [
        ("min", "5", 300),
        ("Hour", "2", 7200),
        ("day", None, 86400),
        (None, "3", 3 * 86400),
        ("month", "1", 30 * 86400),
        ("permanent", None, None),
        ("permanent", "4", None),
    ],
)
async def test_a_pair_lasts_as_long_as_is_said(
    customer: Customer, kind: str | None, value: str | None, seconds: int | None
) -> None:
    given = {"stickyTimeType": kind, "stickyTimeValue": value}
    made = await customer.call(**TO_GROUP, sticky="YES", **{name: each for name, each in given.items() if each})
    assert made.pair == Pair(number="919910000101", seconds=seconds)


@pytest.mark.parametrize("sticky", [{}, {"sticky": "no"}, {"sticky": "na"}])
async def test_without_sticky_a_pair_is_neither_asked_for_nor_made(customer: Customer, sticky: dict[str, str]) -> None:
    await customer.store.pair("account_1", "919910000101", "201", None)
    made = await customer.call(**TO_GROUP, **sticky)
    assert (agents(made.customer), made.pair) == (["204", "201", "205"], None)


@pytest.mark.parametrize(
    ("came", "went", "codes"),
    [
        ("9910000101", "9910000202", {"from": "200", "to": "200", "both": "200"}),
        (BLOCKED, "9910000202", {"from": "1573", "to": "200", "both": "1573"}),
        ("9910000101", BLOCKED, {"from": "200", "to": "1574", "both": "1574"}),
        ("9910000101", "9910000202," + BLOCKED, {"from": "200", "to": "1574", "both": "1574"}),
        ("9910000303", "9910000304", {"from": "200", "to": "200", "both": "200"}),  # another account's list
    ],
)
async def test_a_dnd_list_is_asked_for_the_sides_that_are_named(
    customer: Customer, came: str, went: str, codes: dict[str, str]
) -> None:
    for name in ("dndFilter", "dnd", "DND"):
        for side, code in codes.items():
            asked = {"from": came, "to": went, name: side}
            assert (await customer.answer(**asked))["code"] == code, asked
    await customer.call(**{"from": came, "to": went})  # no filter, no list


@pytest.mark.parametrize("mode", ["developer", "Developer", "DEVELOPER"])
async def test_developer_mode_checks_everything_and_calls_nobody(customer: Customer, mode: str) -> None:
    """ "API will respond success/error according to the parameters but call will not originate" """
    body = await customer.answer(mode=mode)
    assert (body["status"], body["code"], body["callid"][:4]) == ("success", "200", "test")
    assert body["callid"] != (await customer.answer(mode=mode))["callid"]
    assert await customer.refusal(mode=mode, to="9910000101") == "1520"
    assert await customer.refusal(mode=mode, to=BLOCKED, dndFilter="to") == "1574"
    customer.switch.without = "customer"
    assert await customer.refusal(mode=mode, **TO_GROUP) == "1579"
    assert customer.switch.started == []
    assert await customer.store.live_kinds("account_1") == {}


# -- accounts apart --------------------------------------------------------------------------

THEIRS = {"user_id": "102", "token": "another token"}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"fromType": "Agent", "from": "201"}, "1512"),
        ({"toType": "Agent", "to": "201"}, "1513"),
        ({"fromType": "Group", "from": "301"}, "1518"),
        ({"toType": "Group", "to": "301"}, "1519"),
        ({"ringTone": "1610448601_84.wav"}, "1535"),
        ({"ringTone": "84"}, "1535"),
        ({"timeLimit": "9", "timeLimtAlert": "5", "alertAudio": "1610448601_84.wav"}, "1546"),
        ({"fromCLI": OTHER_CLI}, "1554"),
        ({"toCLI": OTHER_CLI}, "1555"),
    ],
)
async def test_what_is_another_accounts_does_not_exist(customer: Customer, asked: dict[str, str], code: str) -> None:
    assert (await customer.call(**asked)).account_id == "account_1"
    assert await customer.refusal(**THEIRS, **asked) == code


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"fromType": "Agent", "from": "501"}, "1512"),
        ({"toType": "Agent", "to": "501"}, "1513"),
        ({"fromType": "Group", "from": "601"}, "1518"),
        ({"toType": "Group", "to": "601"}, "1519"),
        ({"ringTone": "theirs.wav"}, "1535"),
        ({"to": "9910000303", "dndFilter": "to"}, "200"),
    ],
)
async def test_nor_is_ours_theirs(customer: Customer, asked: dict[str, str], code: str) -> None:
    theirs = await customer.answer(**THEIRS, **asked)
    assert theirs["code"] == ("1574" if code == "200" else "200")
    assert (await customer.answer(**asked))["code"] == code
