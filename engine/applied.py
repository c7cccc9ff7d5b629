"""The accounts file: what may stand in it, checked, as the items the store keeps."""

import json
import re
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from engine import applied_ivrs, pin, sound
from engine.applied_item import Clock, Digits, Extension, Id, Item, NetworkText, Region, Zone
from engine.core import account as core
from engine.core import numbers, permit
from engine.credentials import DIALECTS, SECRETS, kept, require_told_apart
from engine.errors import InvalidRequest, Refusal, WrongConfig
from engine.seal import Seal

NUMBERED = re.compile(r"(?:^|_)([0-9]{1,20})(?:\.wav)?\Z")  # 1610448601_84.wav is number 84
ITEMS = ("agent", "group", "announcement", "template", "did", "dnd_list", "endpoint", "ivr")


class Agent(Item):
    """A person who takes calls, by a number or by an extension."""

    id: Id
    number: Digits | None = None
    extension: Extension | None = None
    cli: Digits | None = None
    web_login: bool = False
    call_login: bool = False
    pin: Annotated[str, Field(pattern=r"^([0-9]{4,8}|env:[A-Za-z_][0-9A-Za-z_]*)$")] | None = None

    @model_validator(mode="after")
    def _one_way_to_reach(self) -> "Agent":
        if (self.number is None) == (self.extension is None):
            raise ValueError("an agent has either a number or an extension")
        return self


class Group(Item):
    """Agents in the order they are tried."""

    id: Id
    agents: list[Id]


class Announcement(Item):
    """A sound file under an id, and under a number: the one its id ends with, unless another is given."""

    id: Id
    file: str
    alias: Annotated[str, Field(pattern=r"^[0-9]{0,20}$")] = ""

    @model_validator(mode="before")
    @classmethod
    def _numbered(cls, given: Any) -> Any:
        if isinstance(given, dict) and "alias" not in given and (found := NUMBERED.search(str(given.get("id")))):
            return {**given, "alias": found[1]}
        return given


class Template(Item):
    """A text to speak."""

    id: Id
    text: str = Field(max_length=2000)
    approved: bool = False


class Did(Item):
    """A number of ours that calls come in on, and where they go."""

    number: Digits
    to: str = Field(pattern=r"^(agent|group|extension|endpoint|ivr):[0-9A-Za-z._-]+$")
    recording: Literal["both", "agent", "customer", "on", "off"] = "off"


class DndList(Item):
    """Numbers that are not to be disturbed: never called as a customer."""

    id: Id
    numbers: list[Digits]


class CallingHours(Item):
    """When campaigns may call, by the clock of whoever is called; `to` may lie after midnight."""

    since: Clock = Field(alias="from")
    until: Clock = Field(alias="to")

    @model_validator(mode="after")
    def _some_time(self) -> "CallingHours":
        if self.since == self.until:
            raise ValueError("from and to are the same")
        return self


class Account(Item):
    """One account with all that belongs to it."""

    id: Id
    name: str
    region: Region
    report_tz: Zone = "UTC"
    allowed_ips: list[NetworkText] = Field([])
    allowed_regions: list[Region] = Field([])
    caller_ids: list[Digits] = Field([])
    extensions: list[Extension] = Field([])
    max_live_calls: int = Field(10, ge=0)
    calls_per_second: int = Field(1, ge=1)
    attempts_per_day: int = Field(1000, ge=0)
    requests_per_destination: int = Field(3, ge=0)
    max_targets: int = Field(5, ge=1, le=20)
    calling_hours: CallingHours | None = None
    same_request_seconds: int = Field(0, ge=0, le=86400)
    default_ivr: Id | Literal[""] = ""
    max_report_ids: int = Field(100, ge=1, le=1000)
    allow_get_api: bool = False
    poll_separator: Literal["newline", "space"] = "newline"
    credentials: dict[str, dict[str, str]] = Field({})
    agent: list[Agent] = Field([])
    group: list[Group] = Field([])
    announcement: list[Announcement] = Field([])
    template: list[Template] = Field([])
    did: list[Did] = Field([])
    dnd_list: list[DndList] = Field([])
    endpoint: list[applied_ivrs.Endpoint] = Field([])
    ivr: list[applied_ivrs.Ivr] = Field([])

    @model_validator(mode="after")
    def _references_hold(self) -> "Account":
        agents = {agent.id for agent in self.agent}
        for group in self.group:
            if missing := sorted(set(group.agents) - agents):
                raise ValueError(f"group {group.id}: no agent {', '.join(missing)}")
            if len(group.agents) != len(set(group.agents)):
                raise ValueError(f"group {group.id}: an agent is given twice")
        return self

    @model_validator(mode="after")
    def _ivrs_lead_somewhere(self) -> "Account":
        targets = {f"agent:{agent.id}" for agent in self.agent} | {f"extension:{each}" for each in self.extensions}
        targets |= {f"group:{group.id}" for group in self.group if group.agents}
        targets |= {f"endpoint:{endpoint.id}" for endpoint in self.endpoint}
        announcements = {name for each in self.announcement for name in (each.id, each.alias)}
        for ivr in self.ivr:
            applied_ivrs.check(ivr, targets=targets, announcements=announcements)
        for did in self.did:
            if did.to not in targets | {f"ivr:{ivr.id}" for ivr in self.ivr}:
                raise ValueError(f"did {did.number}: there is no {did.to}")
        if self.default_ivr and self.default_ivr not in {ivr.id for ivr in self.ivr}:
            raise ValueError(f"default_ivr: there is no ivr {self.default_ivr}")
        return self

    @model_validator(mode="after")
    def _announcements_are_told_apart(self) -> "Account":
        named: dict[str, str] = {}
        for each in self.announcement:
            for name in {each.id, each.alias} - {""}:
                if (other := named.setdefault(name, each.id)) != each.id:
                    raise ValueError(f"announcement {each.id}: {other} is called {name} too: give one of them an alias")
        return self

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> "Account":
        for dialect, credential in self.credentials.items():
            if dialect not in DIALECTS:
                raise ValueError(f"credentials.{dialect}: no such dialect; there are {', '.join(DIALECTS)}")
            if credential.keys() != DIALECTS[dialect]:
                raise ValueError(f"credentials.{dialect}: needs {', '.join(sorted(DIALECTS[dialect]))}")
        return self


class Route(Item):
    """Where numbers with this prefix go."""

    prefix: str = Field(pattern=r"^[0-9]{0,15}$")
    endpoints: list[Annotated[str, Field(pattern=r"^PJSIP/\{number\}@[0-9A-Za-z_-]+$")]] = Field(min_length=1)


class File(Item):
    """The whole file."""

    account: list[Account] = Field([])
    route: list[Route] = Field([])

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "File":
        keys = [(item["kind"], item["account_id"], item["id"]) for item in items(self)]
        if double := sorted(
            {f"{kind} {item_id}" for kind, account, item_id in keys if keys.count((kind, account, item_id)) > 1}
        ):
            raise ValueError(f"given twice: {', '.join(double)}")
        return self

    @model_validator(mode="after")
    def _numbers_are_one_accounts(self) -> "File":
        numbers = [did.number for account in self.account for did in account.did]
        if double := sorted({number for number in numbers if numbers.count(number) > 1}):
            raise ValueError(f"did: given to two accounts: {', '.join(double)}")
        return self

    @model_validator(mode="after")
    def _names_are_one_accounts(self) -> "File":
        named: dict[tuple[str, str, str], str] = {}
        for account in self.account:
            for dialect, credential in account.credentials.items():
                for name in credential.keys() - set(SECRETS):
                    other = named.setdefault((dialect, name, credential[name]), account.id)
                    if other != account.id:
                        known = f"credentials.{dialect}.{name} {credential[name]}"
                        raise ValueError(
                            f"{known}: given to {other} and to {account.id}, and one account is known by it"
                        )
        return self


def read(path: Path, seal: Seal) -> list[dict[str, Any]]:
    """The file's items: kind, account_id, id, position, body. Raises `WrongConfig` naming each wrong key."""
    try:
        read_text = json.loads if path.suffix == ".json" else tomllib.loads
        file = File.model_validate(read_text(path.read_text()))
    except OSError as exc:
        raise WrongConfig(f"{path}: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise WrongConfig(f"{path}: {exc}") from exc
    except ValidationError as exc:
        wrong = (f"  {'.'.join(map(str, error['loc'])) or 'file'}: {error['msg']}" for error in exc.errors())
        raise WrongConfig(f"{path}:\n" + "\n".join(wrong)) from exc
    found = items(file)
    accounts = {account.id: _core(account) for account in file.account}
    for item in found:
        try:
            _settle(item["kind"], item["body"], accounts.get(item["account_id"]))
            if item["kind"] == "agent":
                pin.keep(item["body"], account_id=item["account_id"], agent_id=item["id"])
        except Refusal as exc:
            raise WrongConfig(f"{item['kind']} {item['id']} of {item['account_id']}: {exc.message}") from exc
        if item["kind"] == "account":
            item["body"]["credentials"] = {
                dialect: kept(credential, dialect, item["id"], seal)
                for dialect, credential in item["body"]["credentials"].items()
            }
            item["body"]["allowed_regions"] = item["body"]["allowed_regions"] or [item["body"]["region"]]
    require_told_apart(item["body"]["credentials"] for item in found if item["kind"] == "account")
    return found


def agent(body: dict[str, Any], account: core.Account) -> dict[str, Any]:
    """The agent's `number`, `extension` and `cli` as they are kept. Raises `InvalidRequest`."""
    extension, number, cli = body["extension"], body["number"], body["cli"]
    if extension is not None and extension not in account.extensions:
        raise InvalidRequest(f"extension {extension} is not one of the account's")
    return {
        "number": None if number is None else _spelt(number, account),
        "extension": extension,
        "cli": None if cli is None else _own(cli, account),
    }


def items(file: File) -> list[dict[str, Any]]:
    """The file's tables as flat items, in the file's order."""
    found = [_item("route", "", route.prefix, route.model_dump()) for route in file.route]
    for account in file.account:
        body = account.model_dump(exclude={"id", *ITEMS}, by_alias=True)
        found.append(_item("account", account.id, account.id, body))
        for kind in ITEMS:
            for each in getattr(account, kind):
                found.append(_item(kind, account.id, getattr(each, "id", None) or each.number, each.model_dump()))
    for position, item in enumerate(found):
        item["position"] = position
    return found


def _item(kind: str, account_id: str, item_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "account_id": account_id, "id": item_id, "body": body}


def _settle(kind: str, body: dict[str, Any], account: core.Account | None) -> None:
    """Put what an engine is to find in the place of what was written."""
    match kind:
        case "agent" if account:
            body |= agent(body, account)
        case "dnd_list" if account:
            body["numbers"] = [_spelt(text, account) for text in body["numbers"]]
        case "announcement":
            body |= asdict(sound.look(body["file"]))


def _core(account: Account) -> core.Account:
    return core.Account(
        account_id=account.id,
        name=account.name,
        region=account.region,
        caller_ids=tuple(account.caller_ids),
        extensions=tuple(account.extensions),
    )


def _spelt(text: str, account: core.Account) -> str:
    """The number as it is compared when calls are made."""
    try:
        return numbers.parse(text, account.region).digits
    except InvalidRequest as exc:
        raise InvalidRequest(f"{text}: {exc.message}") from exc


def _own(cli: str, account: core.Account) -> str:
    try:
        return permit.shown(account, cli)
    except InvalidRequest as exc:
        raise InvalidRequest(f"cli {cli}: {exc.message}") from exc
