"""The accounts, routes and credentials as applied, in memory."""

import hashlib
import hmac
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from ipaddress import ip_network
from typing import Any

from engine import questions
from engine.core.account import Account, Agent, Announcement, CallingHours, Did, Route, Template
from engine.core.request import RECORDING_OPTIONS
from engine.errors import DisabledAccount, NoSecret, OtherDialect, Unauthorised, UnknownAccount, WrongConfig
from engine.seal import Seal

TUPLES = ("allowed_regions", "caller_ids", "extensions")
SEALED = "_sealed"
HASHED = "_sha256"
SIGNING = "api_secret_key"  # with which the account signs what it asks for


def fingerprint(secret: str) -> str:
    """What is kept of a secret: its SHA-256 (secrets are random, so nothing slower is needed)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def owner(dialect: str, account_id: str) -> str:
    """Whose a sealed secret is."""
    return f"{account_id}/{dialect}"


@dataclass(slots=True)
class Accounts:
    """What a running engine knows of its customers. `replace` takes a newly applied state over whole."""

    seal: Seal = field(default_factory=Seal)
    accounts: dict[str, Account] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    _credentials: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict, repr=False)  # dialect, account id
    _disabled: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict, repr=False)

    def replace(self, applied: Iterable[dict[str, Any]], *, disabled: Iterable[dict[str, Any]] = ()) -> None:
        """Take over the store's `applied` rows, or raise `WrongConfig` and leave all as it was.

        Of the `disabled` accounts is known who they were, so that they can be told so.
        """
        items = list(applied)
        bodies = {row["account_id"]: row["body"] for row in items if row["kind"] == "account"}
        belongings = _belongings(items)
        credentials = {
            (dialect, account_id): self._opened(dialect, account_id, credential)
            for account_id, body in bodies.items()
            for dialect, credential in body["credentials"].items()
        }
        gone = {
            (dialect, row["id"]): credential
            for row in disabled
            for dialect, credential in row["body"]["credentials"].items()
        }
        self.accounts = {
            account_id: _account(account_id, body, belongings[account_id]) for account_id, body in bodies.items()
        }
        self.routes = tuple(
            Route(row["body"]["prefix"], tuple(row["body"]["endpoints"])) for row in items if row["kind"] == "route"
        )
        self._credentials = credentials
        self._disabled = gone

    def whose(self, number: str) -> Account | None:
        """The account that has this number among its `dids`."""
        return next((each for each in self.accounts.values() if number in each.dids), None)

    def credential(self, dialect: str, account_id: str) -> Mapping[str, str]:
        """The account's credential of a dialect, what was sealed readable again; empty where there is none."""
        return self._credentials.get((dialect, account_id), {})

    def named(self, dialect: str, name: str, *, known_by: str = "") -> Account | None:
        """The account of that name, whoever asks."""
        return self.accounts.get(_known_as(self._credentials, dialect, known_by, name) if known_by else name)

    def authenticate(
        self, dialect: str, name: str, secret: str, *, known_by: str = "", signed: Sequence[str] = ()
    ) -> Account:
        """The account of that name, if the secret is its own. Raises `UnknownAccount`, `Unauthorised`.

        Its name in a dialect is the field `known_by` of its credential there; without one, its id. With `signed`, its
        secret is not shown but signs one of these texts, and who it was before it was disabled is told so.
        """
        account_id = _known_as(self._credentials, dialect, known_by, name) if known_by else name
        credential = self.credential(dialect, account_id)
        # Compared even where there is no such account, so that the time tells nothing.
        proven = _proves(credential, secret, signed)
        account = self.accounts.get(account_id)
        if account is None:
            raise self._gone(dialect, name, secret, known_by, signed) if signed else UnknownAccount()
        if not secret:
            raise NoSecret
        if not proven:
            raise Unauthorised
        return account

    def of_secret(self, dialect: str, secret: str) -> Account:
        """The one account whose secret this is. Raises `UnknownAccount`."""
        proof = fingerprint(secret)
        # Each is compared, so that the time tells nothing; "" is nobody's.
        whose = [
            account_id
            for (each, account_id), credential in self._credentials.items()
            if each == dialect and hmac.compare_digest(_hash_of(credential), proof)
        ]
        if not secret or len(whose) != 1 or whose[0] not in self.accounts:
            raise UnknownAccount
        return self.accounts[whose[0]]

    def known_otherwise(self, dialect: str, name: str, secret: str, *, known_by: str) -> Unauthorised | None:
        """Why who is not let in may think to be: of a disabled account, or with another dialect's credentials."""
        proof = fingerprint(secret)
        gone_id = _known_as(self._disabled, dialect, known_by, name)
        if gone_id and hmac.compare_digest(_hash_of(self._disabled[dialect, gone_id]), proof):
            return DisabledAccount()
        account_id = _known_as(self._credentials, dialect, known_by, name)
        for (each, owner_id), credential in self._credentials.items():
            theirs = owner_id in (account_id, name) or name in credential.values()
            kept = (_hash_of(credential), fingerprint(credential.get(SIGNING, "")))
            if each != dialect and theirs and any(hmac.compare_digest(known, proof) for known in kept):
                return OtherDialect()
        return None

    def _gone(self, dialect: str, name: str, secret: str, known_by: str, signed: Sequence[str]) -> Unauthorised:
        """Why who signed is not let in: nobody has that name, or a disabled account had it, and the hash is its own."""
        gone_id = _known_as(self._disabled, dialect, known_by, name)
        if not gone_id:
            return UnknownAccount()
        try:
            credential = self._opened(dialect, gone_id, self._disabled[dialect, gone_id])
        except WrongConfig:  # sealed under a key that was changed since: nothing is proven by it any more
            return Unauthorised()
        return DisabledAccount() if _proves(credential, secret, signed) else Unauthorised()

    def _opened(self, dialect: str, account_id: str, credential: dict[str, str]) -> dict[str, str]:
        return {
            name.removesuffix(SEALED): self.seal.open(value, owner=owner(dialect, account_id))
            if name.endswith(SEALED)
            else value
            for name, value in credential.items()
        }


def _known_as(credentials: Mapping[tuple[str, str], Mapping[str, str]], dialect: str, field: str, name: str) -> str:
    """The id of the account that has this name in the dialect; "" where none has."""
    named = (
        account_id
        for (each, account_id), credential in credentials.items()
        if each == dialect and credential.get(field) == name
    )
    return next(named, "")


def _proves(credential: Mapping[str, str], secret: str, signed: Sequence[str]) -> bool:
    """Whether the secret is the credential's own, or its signature of one of the texts."""
    if not signed:
        return hmac.compare_digest(_hash_of(credential), fingerprint(secret))
    key = credential.get(SIGNING) or secrets.token_hex()  # a key that is not there signs nothing
    given = secret.encode("utf-8", "surrogateescape")
    # Each is compared, so that the time tells nothing.
    return sum(hmac.compare_digest(_signature(text + key), given) for text in signed) > 0


def _signature(text: str) -> bytes:
    return hashlib.sha1(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest().encode()


def _hash_of(credential: Mapping[str, str]) -> str:
    return next((value for field, value in credential.items() if field.endswith(HASHED)), "-")


@dataclass(slots=True)
class Belongings:
    """What else is applied of an account."""

    agents: dict[str, Agent] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    announcements: dict[str, Announcement] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)
    dnd_numbers: set[str] = field(default_factory=set)
    endpoints: dict[str, str] = field(default_factory=dict)
    ivrs: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # as applied
    dids: dict[str, Did] = field(default_factory=dict)


def _belongings(items: Iterable[dict[str, Any]]) -> dict[str, Belongings]:
    found: dict[str, Belongings] = defaultdict(Belongings)
    for row in items:
        belongings, item_id, body = found[row["account_id"]], row["id"], row["body"]
        match row["kind"]:
            case "agent":
                belongings.agents[item_id] = _agent(item_id, body, row.get("state") or body)
            case "group":
                belongings.groups[item_id] = body["agents"]
            case "announcement" if "seconds" in body:  # an older version's apply has not looked at the file
                announcement = Announcement(media=f"sound:{body['file'].removesuffix('.wav')}", seconds=body["seconds"])
                belongings.announcements |= dict.fromkeys({item_id, body["alias"] or item_id}, announcement)
            case "template":
                belongings.templates[item_id] = Template(text=body["text"], approved=body["approved"])
            case "dnd_list":
                belongings.dnd_numbers.update(body["numbers"])
            case "endpoint":
                belongings.endpoints[item_id] = body["endpoint"]
            case "did":
                belongings.dids[body["number"]] = Did(
                    to=body["to"], recording=RECORDING_OPTIONS[body.get("recording", "off")]
                )
            case "ivr":
                belongings.ivrs[item_id] = body
    return found


def _agent(agent_id: str, body: Mapping[str, Any], state: Mapping[str, Any]) -> Agent:
    return Agent(
        agent_id=agent_id,
        number=body["number"] or body["extension"],
        cli=body["cli"] or "",
        web_login=state["web_login"],
        call_login=state["call_login"],
        busy=state.get("busy", False),
        pin=body.get("pin_scrypt") or "",
    )


def _account(account_id: str, body: dict[str, Any], belongings: Belongings) -> Account:
    known = {each.name for each in fields(Account)} & body.keys()
    values: dict[str, Any] = {name: tuple(body[name]) if name in TUPLES else body[name] for name in known}
    values["allowed_ips"] = tuple(ip_network(each) for each in body["allowed_ips"])
    hours = body.get("calling_hours")
    values["calling_hours"] = CallingHours(since=hours["from"], until=hours["to"]) if hours else None
    return Account(
        account_id=account_id,
        **values,
        agents=belongings.agents,
        # Between an apply and a change of a group an agent may be gone.
        groups={
            group_id: tuple(each for each in members if each in belongings.agents)
            for group_id, members in belongings.groups.items()
        },
        announcements=belongings.announcements,
        templates=belongings.templates,
        dnd_numbers=frozenset(belongings.dnd_numbers),
        endpoints=belongings.endpoints,
        dids=belongings.dids,
        ivrs=questions.ivrs(belongings.ivrs, belongings.announcements),
    )
