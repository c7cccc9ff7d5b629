"""`legwork agent …` on a real Postgres: what is printed, what is changed, what is refused."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine import cli
from engine.errors import InvalidRequest, NotFound, Refusal, WrongConfig
from tests.store.conftest import EMPTY, execute

ACCOUNTS = """
[[account]]
id = "account_1"
name = "Demo shop"
region = "IN"
caller_ids = ["15168148111", "919910099999"]
extensions = ["101"]
  [[account.agent]]
  id = "201"
  number = "919910020101"
  cli = "15168148111"
  web_login = true
  [[account.agent]]
  id = "202"
  number = "919910020202"
  [[account.agent]]
  id = "203"
  extension = "101"
  [[account.group]]
  id = "301"
  agents = ["202", "201"]
"""
OTHER = """
[[account]]
id = "account_2"
name = "Demo clinic"
region = "US"
caller_ids = ["12125550142"]
  [[account.agent]]
  id = "401"
  number = "919910040101"
  [[account.agent]]
  id = "201"
  number = "919910020101"
"""
# One call a row: its account, its id, then legs: side, number, whether it is on the line.
CALL = """
INSERT INTO calls (call_id, node, account_id, kind, request, requested_at, ended_at,
    bridge, bridge_open, members, digits, deadlines)
VALUES ('{call_id}', '{node}', '{account}', 'click2call', '{{}}', now(), {ended_at}, 0, false, '[]', '', '{{}}')
"""
LEG = """
INSERT INTO legs (leg_id, call_id, position, name, side, number, endpoint, estimated, ended_at)
VALUES ('{node}-{call_id}.{name}', '{call_id}', 0, '{name}', '{side}', '{number}', 'PJSIP/1@x', false, {ended_at})
"""

Legwork = Callable[..., str]


@pytest.fixture
def legwork(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Legwork:
    """What a command prints, with two accounts applied; a refusal is raised."""
    asyncio.run(execute(database_url, EMPTY))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LEGWORK_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("CPAAS_ACCOUNT", raising=False)
    file = tmp_path / "accounts.toml"
    file.write_text(ACCOUNTS + OTHER)

    def legwork(*arguments: str, account: str = "account_1", code: int = 0) -> str:
        words = [file if each == "FILE" else each for each in arguments]
        env = {"CPAAS_ACCOUNT": account} if account else {}
        ran = CliRunner().invoke(cli.app, [str(word) for word in words], env=env)
        if isinstance(ran.exception, Refusal):
            raise ran.exception
        assert ran.exit_code == code, ran.output
        return ran.output

    legwork("apply", "FILE")
    return legwork


def states(legwork: Legwork, **more: str) -> dict[str, str]:
    """Each agent's log-ins and state, in three words."""
    listed = json.loads(legwork("agent", "list", "--json", **more))
    return {
        each["id"]: f"{'web' if each['web_login'] else '-'} {'call' if each['call_login'] else '-'} {each['state']}"
        for each in listed["agents"]
    }


def on_the_line(url: str, account: str, call_id: str, *legs: tuple[str, str, str], node: str = "n1") -> None:
    """A live call; each leg is a side, a number and `live` or `over`."""
    when = {"live": "NULL", "over": "now()"}
    asyncio.run(execute(url, CALL.format(call_id=call_id, node=node, account=account, ended_at="NULL")))
    for place, (side, number, how) in enumerate(legs, start=1):
        name = f"{'a' if side == 'agent' else 'b'}{place}"
        leg = LEG.format(node=node, call_id=call_id, name=name, side=side, number=number, ended_at=when[how])
        asyncio.run(execute(url, leg))


def test_agents_log_in_and_out_one_way_or_both(legwork: Legwork) -> None:
    assert states(legwork) == {"201": "web - free", "202": "- - free", "203": "- - free"}
    printed = legwork("agent", "login", "202", "--web", "--call")
    assert printed == "agent 202 of account_1: web log-in in, call log-in in, not set busy\n"
    printed = legwork("agent", "logout", "201", "--web")
    assert printed == "agent 201 of account_1: web log-in out, call log-in out, not set busy\n"
    legwork("agent", "logout", "202", "--call")
    assert states(legwork) == {"201": "- - free", "202": "web - free", "203": "- - free"}
    assert states(legwork, account="account_2") == {"201": "- - free", "401": "- - free"}


def test_apply_leaves_log_ins_and_busy_as_they_are_and_says_nothing_changes(legwork: Legwork) -> None:
    legwork("agent", "logout", "201", "--web")
    legwork("agent", "busy", "202")
    assert legwork("apply", "FILE", "--dry-run").startswith("0 changes")
    legwork("apply", "FILE")
    assert states(legwork) == {"201": "- - free", "202": "- - busy", "203": "- - free"}
    assert legwork("agent", "free", "202").endswith(", not set busy\n")
    assert states(legwork)["202"] == "- - free"


def test_show_tells_log_ins_as_they_are(legwork: Legwork) -> None:
    legwork("agent", "login", "202", "--call")
    rows = json.loads(legwork("show", "account_1", "--json"))
    (body,) = [row["body"] for row in rows if row["kind"] == "agent" and row["id"] == "202"]
    assert (body["web_login"], body["call_login"], body["busy"]) == (False, True, False)
    assert all(row.keys() == {"kind", "account_id", "id", "body"} for row in rows)
    assert "call_login=True" in next(line for line in legwork("show").splitlines() if " 202 " in line)


def test_who_is_on_a_call_of_the_account_on_any_node_is_not_free(legwork: Legwork, database_url: str) -> None:
    agent, customer = ("agent", "919910020101", "live"), ("customer", "919910000202", "live")
    on_the_line(database_url, "account_1", "0000000001", agent, ("customer", "919910000203", "over"), customer)
    on_the_line(database_url, "account_1", "0000000002", ("agent", "101", "live"), node="n2")
    on_the_line(database_url, "account_1", "0000000003", ("agent", "919910020202", "over"), customer)
    on_the_line(database_url, "account_2", "0000000004", ("agent", "919910020202", "live"))
    listed = json.loads(legwork("agent", "list", "--json"))
    assert [(each["id"], each["state"], each["calls"]) for each in listed["agents"]] == [
        ("201", "on a call", [{"call_id": "0000000001", "with": ["919910000202"]}]),
        ("202", "free", []),
        ("203", "on a call", [{"call_id": "0000000002", "with": []}]),
    ]
    printed = [" ".join(line.split()) for line in legwork("agent", "list").splitlines()]
    assert printed[:5] == [
        "agent number CLI web call state with",
        "201 919910020101 15168148111 in out on a call 919910000202",
        "202 919910020202 - out out free -",
        "203 101 - out out on a call nobody yet",
        "",
    ]
    assert printed[5:] == ["group agents in order", "301 202, 201"]


def test_set_changes_where_an_agent_is_reached_until_the_next_apply(legwork: Legwork) -> None:
    printed = legwork("agent", "set", "201", "--number", "9910020303", "--cli", "9910099999")
    assert printed == ("agent 201 of account_1: number=919910020303 cli=919910099999, until the next legwork apply\n")
    printed = legwork("agent", "set", "202", "--extension", "101")
    assert printed == "agent 202 of account_1: extension=101, until the next legwork apply\n"
    assert legwork("agent", "set", "201", "--cli", "").startswith("agent 201 of account_1: cli=none, until")
    listed = json.loads(legwork("agent", "list", "--json"))["agents"]
    assert [(each["number"], each["cli"]) for each in listed] == [("919910020303", ""), ("101", ""), ("101", "")]
    other = json.loads(legwork("agent", "list", "--json", account="account_2"))["agents"]
    assert [each["number"] for each in other] == ["919910040101", "919910020101"]
    printed = legwork("apply", "FILE")
    assert printed.splitlines()[:2] == ["change  agent 201 of account_1", "change  agent 202 of account_1"]
    listed = json.loads(legwork("agent", "list", "--json"))["agents"]
    assert [(each["number"], each["cli"]) for each in listed[:2]] == [
        ("919910020101", "15168148111"),
        ("919910020202", ""),
    ]


def test_group_puts_agents_in_this_order_until_the_next_apply(legwork: Legwork) -> None:
    printed = legwork("agent", "group", "301", "203", "201", "202")
    assert printed == "group 301 of account_1: 203, 201, 202, until the next legwork apply\n"
    assert json.loads(legwork("agent", "list", "--json"))["groups"] == [{"id": "301", "agents": ["203", "201", "202"]}]
    legwork("apply", "FILE")
    assert json.loads(legwork("agent", "list", "--json"))["groups"] == [{"id": "301", "agents": ["202", "201"]}]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ("login 299 --web", NotFound, "there is no agent 299 of account_1"),
        ("login 401 --web", NotFound, "there is no agent 401 of account_1"),  # another account's
        ("busy 401", NotFound, "there is no agent 401 of account_1"),
        ("set 401 --cli 15168148111", NotFound, "there is no agent 401 of account_1"),
        ("group 399 201", NotFound, "there is no group 399 of account_1"),
        ("group 301 201 401", NotFound, "there is no agent 401 of account_1"),
        ("group 301 201 202 201", InvalidRequest, "agent 201 is given twice"),
        ("set 201 --number 112", InvalidRequest, "112: an emergency number is not a valid telephone number here"),
        ("set 201 --number 9910", InvalidRequest, "9910: not a valid telephone number"),
        ("set 201 --number 99100x", InvalidRequest, "99100x: only digits, 3 to 15 of them, with an optional + in fr"),
        ("set 201 --extension 102", InvalidRequest, "extension 102 is not one of the account's"),
        ("set 201 --cli 12125550142", InvalidRequest, "cli 12125550142: this account does not own this caller id"),
    ],
)
def test_a_refusal_is_one_line_and_changes_nothing(
    legwork: Legwork, arguments: str, error: type[Refusal], words: str
) -> None:
    before = [legwork("agent", "list", "--json", account=each) for each in ("account_1", "account_2")]
    with pytest.raises(error) as refused:
        legwork("agent", *arguments.split())
    assert refused.value.message.startswith(words)
    assert "\n" not in refused.value.message
    assert [legwork("agent", "list", "--json", account=each) for each in ("account_1", "account_2")] == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("login 201", "give --web, --call or both"),
        ("logout 201", "give --web, --call or both"),
        ("set 201", "give --number, --extension or --cli"),
        ("set 201 --number 919910020101 --extension 101", "an agent has either a number or an extension"),
        ("group 301", "Missing argument"),
    ],
)
def test_wrong_usage_is_exit_code_2(legwork: Legwork, arguments: str, words: str) -> None:
    assert words in legwork("agent", *arguments.split(), code=2)


def test_an_account_has_to_be_named_where_there_are_more(legwork: Legwork, tmp_path: Path) -> None:
    with pytest.raises(WrongConfig, match="--account account_1 or account_2"):
        legwork("agent", "login", "201", "--web", account="")
    legwork("agent", "login", "401", "--web", "--account", "account_2", account="")
    assert states(legwork, account="account_2")["401"] == "web - free"
    (tmp_path / "accounts.toml").write_text(ACCOUNTS)
    legwork("apply", "FILE")
    assert legwork("agent", "login", "202", "--call", account="").startswith("agent 202 of account_1:")
