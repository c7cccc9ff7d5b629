"""Sarv Click-to-Call's error codes, as its document lists them, each through the real HTTP server.

In front of each request stands the document's line. What a request does not say is as in `CALL`, which is accepted.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.accounts import Accounts, fingerprint
from engine.api.dialects.sarv_codes import CODES
from engine.core.request import Side
from engine.errors import AsteriskAway, DndAway, Draining, OverCapacity, StoreAway
from engine.store.postgres import Store
from tests.api.conftest import (
    ROUTE,
    Client,
    SwitchDouble,
    account,
    client,
    clock,
    database_url,
    store,
    studio,
    switch,
)

__all__ = ["client", "clock", "database_url", "store", "studio", "switch"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

PATH = "/v2/clickToCall/para"
DOCUMENT = (Path(__file__).parents[1] / "dialects/sarv_codes.txt").read_text().splitlines()
CALL = {"user_id": "101", "token": "the token", "from": "9910000101", "to": "9910000202"}
SEVEN = ",".join(f"991000020{digit}" for digit in range(7))
LONG = "9" * 51
BLOCKED = "919910099900"


def item(kind: str, item_id: str, **body: Any) -> dict[str, Any]:
    return {"kind": kind, "account_id": "account_1", "id": item_id, "position": 2, "body": {"id": item_id, **body}}


def agent(agent_id: str, number: str, *, cli: str | None = "15168148111", web: bool = True) -> dict[str, Any]:
    facts = {"number": number, "extension": None, "cli": cli, "web_login": web, "call_login": False}
    return item("agent", agent_id, **facts)


ITEMS = [
    account(
        "account_1",
        caller_ids=["15168148111", "919910099999"],
        allowed_regions=["IN", "US"],
        credentials={
            "sarv_click2call": {"user_id": "101", "token_sha256": fingerprint("the token")},
            "cpaas": {"auth_sha256": fingerprint("secret of account_1")},
        },
    ),
    account(
        "account_2", credentials={"sarv_click2call": {"user_id": "102", "token_sha256": fingerprint("another token")}}
    ),
    account(
        "elsewhere",
        allowed_ips=("192.0.2.0/24",),
        credentials={"sarv_click2call": {"user_id": "103", "token_sha256": fingerprint("the token")}},
    ),
    ROUTE,
    agent("201", "919910020101"),
    agent("202", "919910020202", cli=None),
    agent("203", "919910020303", web=False),
    item("group", "301", agents=["201", "202"]),
    item("group", "302", agents=["202"]),
    item("announcement", "1610448601_84.wav", file="/srv/one.wav", seconds=2.0, alias="84"),
    item("announcement", "1610448601_85.wav", file="/srv/two.wav", seconds=2.0, alias="85"),
    item("dnd_list", "blocked", numbers=[BLOCKED]),
    {**item("agent", "401", number="919910040101", extension=None, cli=None, web_login=True, call_login=True)}
    | {"account_id": "account_2"},
]


@pytest_asyncio.fixture(loop_scope="function")
async def accounts(store: Store) -> Accounts:
    """What is applied: here, and in Postgres, where the do-not-disturb lists are looked up."""
    await store.apply(ITEMS)
    accounts = Accounts()
    accounts.replace(ITEMS)
    return accounts


@dataclass
class Asking:
    """A customer, and how it is answered."""

    client: Client
    switch: SwitchDouble
    store: Store
    params: dict[str, Any] = field(default_factory=lambda: dict(CALL))

    async def code(self, change: dict[str, Any]) -> str:
        """The code of the answer; a change to None leaves a parameter out. The message is the document's."""
        asked = {name: value for name, value in (self.params | change).items() if value is not None}
        reply = await self.client.post(PATH, params=asked)
        body = await reply.json()
        if body["status"] == "success":
            assert reply.status == 200
            return str(body["code"])
        assert body == {"message": CODES[body["code"]].message, "status": "error", "code": body["code"]}
        return str(body["code"])


@pytest_asyncio.fixture(loop_scope="function")
async def asking(client: Client, switch: SwitchDouble, store: Store) -> AsyncIterator[Asking]:
    yield Asking(client, switch, store)
    assert not switch.started, "nobody is called whose request is refused"


# The document's line, and the requests that are answered with its code.
TABLE: list[tuple[str, dict[str, Any]]] = [
    ("1002 UserId not provided", {"user_id": None}),
    ("1002 UserId not provided", {"user_id": " ", "token": None}),
    ("1013 Invalid user id", {"user_id": "999"}),
    ("1013 Invalid user id", {"user_id": "999", "token": None}),
    ("1013 Invalid user id", {"user_id": "103"}),  # from an address it does not allow
    ("1014 Token not found", {"token": None}),
    ("1014 Token not found", {"token": ""}),
    ("1020 Invalid token", {"token": "another token"}),
    ("1502 fromType empty", {"fromType": ""}),
    ("1503 fromType Invalid", {"fromType": "Phone"}),
    ("1504 toType empty", {"toType": " "}),
    ("1505 toType Invalid", {"toType": "Agents"}),
    ("1506 from parameter not found", {"from": None}),
    ("1507 to parameter not found", {"to": ""}),
    ("1508 invalid mobile number in from parameter", {"from": "99x"}),
    ("1508 invalid mobile number in from parameter", {"from": "-9910000101"}),
    ("1508 invalid mobile number in from parameter", {"from": "112"}),  # an emergency number
    ("1509 invalid mobile number in to parameter", {"to": "９９１００００２０２"}),
    ("1509 invalid mobile number in to parameter", {"to": "+18765551234"}),  # Jamaica is not allowed
    ("1509 invalid mobile number in to parameter", {"to": "9910000202;991"}),
    ("1510 Duplicate Mobile Number exists in from parameter", {"from": "9910000101,+919910000101"}),
    ("1511 Duplicate Mobile Number exists in to parameter", {"to": "9910000202,9910000203,919910000202"}),
    ("1512 Invalid Agent Id in from parameter", {"fromType": "Agent", "from": "201,999"}),
    ("1512 Invalid Agent Id in from parameter", {"fromType": "agent", "from": "401"}),  # another account's
    ("1513 Invalid Agent Id in to parameter", {"toType": "Agent", "to": "9910000202"}),
    ("1514 Duplicate Agent Id Exists in from parameter", {"fromType": "Agent", "from": "201,202,201"}),
    ("1515 Duplicate Agent Id Exists in to parameter", {"toType": "Agent", "to": "201,201"}),
    ("1516 Multiple Group Ids found in from parameter", {"fromType": "Group", "from": "301,302"}),
    ("1517 Multiple Group Ids found in to parameter", {"toType": "Group", "to": "301,999"}),
    ("1518 Invalid Group Id in from parameter", {"fromType": "Group", "from": "201"}),
    ("1519 Invalid Group Id in to parameter", {"toType": "GROUP", "to": "999"}),
    ("1520 Same value exists in from and to parameters", {"to": "+919910000101"}),
    ("1520 Same value exists in from and to parameters", {"fromType": "Agent", "from": "201", "to": "9910020101"}),
    (
        "1520 Same value exists in from and to parameters",
        {"fromType": "Group", "from": "301", "toType": "Group", "to": "301"},
    ),
    ("1521 from and to are empty", {"from": None, "to": ""}),
    ("1522 fromStrategy invalid", {"fromStrategy": "ONE"}),
    ("1522 fromStrategy invalid", {"fromStrategy": ""}),
    ("1523 toStrategy invalid", {"toStrategy": "ALL"}),
    ("1524 fromRingTime value invalid", {"fromRingTime": "20s"}),
    ("1524 fromRingTime value invalid", {"fromRingTime": "0"}),
    ("1524 fromRingTime value invalid", {"fromRingTime": ""}),
    ("1525 negative value not allowed for fromRingTime", {"fromRingTime": "-1"}),
    ("1526 toRingTime value invalid", {"toRingTime": "2.5"}),
    ("1527 negative value not allowed for toRingTime", {"toRingTime": "-20"}),
    ("1528 fromRetryCount value invalid", {"fromRetryCount": "one"}),
    ("1529 negative value not allowed for fromRetryCount", {"fromRetryCount": "-1"}),
    ("1530 toRetryCount value invalid", {"toRetryCount": "٣"}),
    ("1531 negative value not allowed for toRetryCount", {"toRetryCount": "-3"}),
    ("1532 timeLimit empty", {"timeLimit": ""}),
    ("1533 negative value not allowed for timeLimit", {"timeLimit": "-60"}),
    ("1534 timeLimit value invalid", {"timeLimit": "1e3"}),
    ("1535 ringTone invalid announcement id", {"ringTone": "1610448601_99.wav"}),
    ("1535 ringTone invalid announcement id", {"ringTone": "../../etc/passwd"}),
    (
        "1536 fromWebLogin none of the agents have this state",
        {"fromType": "Agent", "from": "203", "fromWebLogin": "yes"},
    ),
    (
        "1537 fromWebLogin none of the agents from group have this state",
        {"fromType": "Group", "from": "301", "fromWebLogin": "no"},
    ),
    (
        "1538 fromCallLogin none of the agents have this state",
        {"fromType": "Agent", "from": "201,202", "fromCallLogin": "Yes"},
    ),
    ("1539 Invalid format", {"to": "9910000202,,9910000203"}),
    ("1539 Invalid format", {"mode": "test"}),
    ("1539 Invalid format", {"mode": ""}),
    ("1539 Invalid format", {"sticky": "perhaps"}),
    ("1539 Invalid format", {"timeLimitHangup": "maybe"}),
    ("1539 Invalid format", {"timeLimit": "300", "timeLimtAlert": "20", "timeLimitAlert": "30"}),
    ("1539 Invalid format", {"to": "99100\x0002"}),
    (
        "1540 fromCallLogin none of the agents from group have this state",
        {"fromType": "Group", "from": "301", "fromCallLogin": "yes"},
    ),
    ("1541 toWebLogin none of the agents have this state", {"toType": "Agent", "to": "201", "toWebLogin": "no"}),
    (
        "1542 toWebLogin none of the agents from group have this state",
        {"toType": "Group", "to": "302", "toWebLogin": "no"},
    ),
    ("1543 toCallLogin none of the agents have this state", {"toType": "Agent", "to": "201", "toCallLogin": "yes"}),
    (
        "1544 toCallLogin none of the agents from group have this state",
        {"toType": "Group", "to": "301", "toCallLogin": "yes"},
    ),
    ("1545 timeLimitAlert invalid", {"timeLimtAlert": "20"}),  # without timeLimit
    ("1545 timeLimitAlert invalid", {"timeLimit": "300", "timeLimtAlert": "20,soon"}),
    ("1545 timeLimitAlert invalid", {"timeLimit": "300", "timeLimitAlert": "-20"}),
    ("1545 timeLimitAlert invalid", {"timeLimit": "300", "timeLimtAlert": ",".join(map(str, range(1, 22)))}),
    (
        "1546 alertAudio invalid announcement id",
        {"timeLimit": "300", "timeLimtAlert": "20", "alertAudio": "1610448601_99.wav"},
    ),
    (
        "1546 alertAudio invalid announcement id",  # two for three
        {"timeLimit": "300", "timeLimtAlert": "1,2,3", "alertAudio": "1610448601_84.wav,1610448601_85.wav"},
    ),
    ("1547 timeLimitAlert must be less than from timeLimit", {"timeLimit": "300", "timeLimtAlert": "120,300"}),
    ("1548 crossed maximum limit of fromRetryCount", {"fromRetryCount": "4"}),
    ("1549 crossed maximum limit of toRetryCount", {"toRetryCount": "999999"}),
    ("1550 crossed maximum limit of fromRingTime", {"fromRingTime": "51"}),
    ("1551 crossed maximum limit of toRingTime", {"toRingTime": "60"}),
    ("1552 crossed maximum limit of from parameter", {"from": SEVEN}),
    ("1553 crossed maximum limit of to parameter", {"to": SEVEN}),
    ("1554 invalid CLI in fromCLI", {"fromCLI": "919910000303"}),
    ("1554 invalid CLI in fromCLI", {"fromCLI": ""}),
    ("1555 invalid CLI in toCLI", {"toCLI": "anonymous"}),
    ("1555 invalid CLI in toCLI", {"toCLI": "1" * 50}),
    (
        "1556 since fromStrategy=TO_ALL, so fromCallLogin filter will not work",
        {"fromType": "Agent", "from": "201,202", "fromStrategy": "TO_ALL", "fromCallLogin": "no"},
    ),
    (
        "1557 since toStrategy=TO_ALL, so toCallLogin filter will not work",
        {"toType": "Agent", "to": "201,202", "toStrategy": "TO_ALL", "toCallLogin": "yes"},
    ),
    (
        "1558 Sticky will only work if out of toType and fromType at-least one have number as value,not both",
        {"sticky": "yes"},
    ),
    (
        "1559 invalid value of stickyTimeType",
        {"toType": "Group", "to": "301", "sticky": "yes", "stickyTimeType": "year"},
    ),
    (
        "1560 invalid value of stickyTimeValue. It must be an integer",
        {"toType": "Group", "to": "301", "sticky": "yes", "stickyTimeValue": "one"},
    ),
    (
        "1561 sticky parameter must be set for stickyTimeType, stickyTimeValue and stickyAgentBusy",
        {"toType": "Group", "to": "301", "stickyTimeType": "day"},
    ),
    (
        "1562 invalid value of stickyAgentBusy",
        {"toType": "Group", "to": "301", "sticky": "yes", "stickyAgentBusy": "retry"},
    ),
    (
        "1563 invalid value of queueTimeout. It must be an integer",
        {"toType": "Group", "to": "301", "queueTimeout": "long"},
    ),
    ("1564 invalid fromWebLogin value", {"fromType": "Agent", "from": "201", "fromWebLogin": "true"}),
    ("1565 invalid fromCallLogin value", {"fromType": "Agent", "from": "201", "fromCallLogin": "x"}),
    ("1566 invalid fromWebLogin value", {"toType": "Agent", "to": "201", "toWebLogin": "x"}),
    ("1567 invalid toCallLogin value", {"toType": "Agent", "to": "201", "toCallLogin": "x"}),
    (
        "1568 queueTimeout will only work if out of toType and fromType at-least one have group as value",
        {"queueTimeout": "30"},
    ),
    ("1569 Value length exceed 50 characters", {"to": LONG}),
    ("1569 Value length exceed 50 characters", {"ringTone": "x" * 51}),
    ("1569 Value length exceed 50 characters", {"to": "9910000202," + "x" * 10_000}),
    ("1570 Invalid DND Filter Value, valid:from/to/both", {"dndFilter": "all"}),
    ("1571 Invalid From Type for DND Checking", {"fromType": "Agent", "from": "201", "dndFilter": "both"}),
    ("1572 Invalid To Type for DND Checking", {"toType": "Group", "to": "301", "dnd": "to"}),
    ("1573 DND number exists in from", {"from": BLOCKED, "dndFilter": "from"}),
    ("1574 DND number exists in to", {"to": f"9910000202,{BLOCKED}", "DND": "both"}),
    (
        "1576 Multiple values not allowed in from",
        {"from": "9910000101,9910000102", "toType": "Group", "to": "301", "sticky": "yes"},
    ),
    (
        "1577 Multiple values not allowed in to",
        {"toType": "Agent", "to": "201,203", "fromCLI": "AGENT_CLI"},
    ),
    (
        "1580 Invalid fromType for AGENT_CLI",
        {"toType": "Agent", "to": "201", "toCLI": "AGENT_CLI"},
    ),
    (
        "1581 Invalid toType for AGENT_CLI",
        {"fromType": "Agent", "from": "201", "fromCLI": "AGENT_CLI"},
    ),
    (
        "1582 From-AGENT_CLI not found",
        {"fromType": "Agent", "from": "202", "toCLI": "AGENT_CLI"},
    ),
    (
        "1582 From-AGENT_CLI not found",  # nobody in the group has one
        {"fromType": "Group", "from": "302", "toCLI": "agent_cli"},
    ),
    (
        "1583 To-AGENT_CLI not found",
        {"toType": "Agent", "to": "202", "fromCLI": "AGENT_CLI"},
    ),
    ("1584 There should be at-least one agent either in TO or FROM", {"fromCLI": "AGENT_CLI"}),
    (
        "1585 fromCLI can not be set as AGENT_CLI if toType is group",
        {"toType": "Group", "to": "301", "fromCLI": "AGENT_CLI"},
    ),
]
# What a request alone does not bring about; each has a test of its own below.
CIRCUMSTANCES = {"1501", "1575", "1578", "1579"}


async def test_the_table_of_codes_is_the_documents() -> None:
    assert [f"{code.code} {code.message}" for code in CODES.values()] == DOCUMENT
    assert len(DOCUMENT) == 89
    assert {line.partition(" ")[0] for line, _ in TABLE} | CIRCUMSTANCES == set(CODES)
    assert {line for line, _ in TABLE} <= set(DOCUMENT)


@pytest.mark.parametrize(("line", "change"), TABLE, ids=[line[:40] for line, _ in TABLE])
async def test_each_code(asking: Asking, line: str, change: dict[str, Any]) -> None:
    assert f"{await asking.code(change)} " == line[:5]


# "1501 Connection Issue"
@pytest.mark.parametrize(
    ("failure", "status"), [(AsteriskAway(), 503), (StoreAway(), 503), (Draining(), 503), (OverCapacity(), 429)]
)
async def test_1501_is_asterisk_or_postgres_away_or_a_limit(asking: Asking, failure: Exception, status: int) -> None:
    asking.switch.failure = failure
    reply = await asking.client.post(PATH, params=CALL)
    assert (reply.status, (await reply.json())["code"]) == (status, "1501")
    assert "Retry-After" in reply.headers


# "1501 Connection Issue"
async def test_1501_is_told_in_developer_mode_too(asking: Asking) -> None:
    asking.switch.ready = False
    assert await asking.code({"mode": "developer"}) == "1501"


# "1575 connection Error in DND Api"
async def test_1575_is_a_list_that_can_not_be_looked_up(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> set[str]:
        raise DndAway

    monkeypatch.setattr(asking.store, "dnd_listed", away)
    assert await asking.code({"dndFilter": "to"}) == "1575"


# "1578 From-Agent is not available", "1579 To-Agent is not available"
@pytest.mark.parametrize(("side", "code"), [("agent", "1578"), ("customer", "1579")])
async def test_1578_and_1579_are_agents_that_are_not_free(asking: Asking, side: Side, code: str) -> None:
    asking.switch.without = side
    assert await asking.code({"toType": "Agent", "to": "201"}) == code


# -- the order of the checks: one error a reply, the first in this order ----------------------------

# Every error at once; taking the first one away uncovers the next.
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("1002", {"user_id": None}),
    ("1013", {"user_id": "999"}),
    ("1014", {"token": None}),
    ("1020", {"token": "wrong"}),
    ("1569", {"ringTone": "x" * 51}),
    ("1539", {"mode": "x"}),
    ("1502", {"fromType": ""}),
    ("1503", {"fromType": "x"}),
    ("1504", {"toType": ""}),
    ("1505", {"toType": "x"}),
    ("1521", {"from": None, "to": None}),
    ("1506", {"from": None}),
    ("1507", {"to": None}),
    ("1552", {"from": SEVEN}),
    ("1508", {"from": "x"}),
    ("1510", {"from": "9910000101,9910000101"}),
    ("1553", {"to": SEVEN}),
    ("1509", {"to": "x"}),
    ("1511", {"to": "9910000202,9910000202"}),
    ("1520", {"to": "9910000101"}),
    ("1522", {"fromStrategy": "x"}),
    ("1523", {"toStrategy": "x"}),
    ("1524", {"fromRingTime": "x"}),
    ("1525", {"fromRingTime": "-1"}),
    ("1550", {"fromRingTime": "51"}),
    ("1526", {"toRingTime": "x"}),
    ("1527", {"toRingTime": "-1"}),
    ("1551", {"toRingTime": "51"}),
    ("1528", {"fromRetryCount": "x"}),
    ("1529", {"fromRetryCount": "-1"}),
    ("1548", {"fromRetryCount": "4"}),
    ("1530", {"toRetryCount": "x"}),
    ("1531", {"toRetryCount": "-1"}),
    ("1549", {"toRetryCount": "4"}),
    ("1532", {"timeLimit": ""}),
    ("1534", {"timeLimit": "x"}),
    ("1533", {"timeLimit": "-1"}),
    ("1545", {"timeLimit": "60", "timeLimtAlert": "x"}),
    ("1547", {"timeLimit": "60", "timeLimtAlert": "60"}),
    ("1546", {"timeLimit": "60", "timeLimtAlert": "5", "alertAudio": "x"}),
    ("1535", {"ringTone": "x"}),
    ("1584", {"fromCLI": "AGENT_CLI"}),
    ("1554", {"fromCLI": "919910000303"}),
    ("1555", {"toCLI": "919910000303"}),
    ("1564", {"fromWebLogin": "x"}),
    ("1565", {"fromCallLogin": "x"}),
    ("1566", {"toWebLogin": "x"}),
    ("1567", {"toCallLogin": "x"}),
    ("1561", {"stickyTimeType": "year"}),
    ("1558", {"sticky": "yes"}),
    ("1563", {"queueTimeout": "x"}),
    ("1568", {"queueTimeout": "5"}),
    ("1570", {"dndFilter": "x"}),
    ("1573", {"from": BLOCKED, "dndFilter": "both"}),
]


# Together these are another error, or none of the first kind.
TOGETHER = {("1506", "1507"), ("1520", "1573"), ("1561", "1558"), ("1532", "1545"), ("1532", "1547"), ("1532", "1546")}


@pytest.mark.parametrize("place", range(len(WRONG)), ids=[code for code, _ in WRONG])
async def test_the_first_error_in_the_documented_order_is_told(asking: Asking, place: int) -> None:
    """Each error together with each later one that can be there at the same time."""
    code, change = WRONG[place]
    for later_code, later in WRONG[place + 1 :]:
        if not later.keys() & change.keys() and (code, later_code) not in TOGETHER:
            assert await asking.code(later | change) == code, f"before {later_code}"


async def test_two_customers_at_once_get_each_its_own_answer(asking: Asking) -> None:
    codes = await asyncio.gather(*(asking.code(change) for _, change in TABLE[:40]))
    assert codes == [line[:4] for line, _ in TABLE[:40]]
