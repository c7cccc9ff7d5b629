"""The accounts, routes and credentials as applied, in memory."""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_network
from typing import Any

from engine.core.account import Account, Agent, CallingHours, Route
from engine.errors import Unauthorised
from engine.seal import Seal

TUPLES = ("allowed_regions", "caller_ids", "extensions")
SEALED = "_sealed"


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
    _credentials: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict, repr=False)

    def replace(self, applied: Iterable[dict[str, Any]]) -> None:
        """Take over the store's `applied` rows, or raise `WrongConfig` and leave all as it was."""
        items = list(applied)
        bodies = {row["account_id"]: row["body"] for row in items if row["kind"] == "account"}
        agents, groups, dnd = _belongings(items)
        credentials = {
            (dialect, account_id): self._opened(dialect, account_id, credential)
            for account_id, body in bodies.items()
            for dialect, credential in body["credentials"].items()
        }
        self.accounts = {
            account_id: _account(
                account_id,
                body,
                agents=agents[account_id],
                groups=groups[account_id],
                dnd_numbers=frozenset(dnd[account_id]),
            )
            for account_id, body in bodies.items()
        }
        self.routes = tuple(
            Route(row["body"]["prefix"], tuple(row["body"]["endpoints"])) for row in items if row["kind"] == "route"
        )
        self._credentials = credentials

    def credential(self, dialect: str, account_id: str) -> Mapping[str, str]:
        """The account's credential of a dialect, what was sealed readable again; empty where there is none."""
        return self._credentials.get((dialect, account_id), {})

    def authenticate(self, dialect: str, account_id: str, secret: str) -> Account:
        """The account, if the secret is its own. Raises `Unauthorised`."""
        credential = self.credential(dialect, account_id)
        # Compared even where there is no such account, so that the time tells nothing.
        proven = hmac.compare_digest(credential.get("auth_sha256", "-"), fingerprint(secret))
        account = self.accounts.get(account_id)
        if account is None or not proven:
            raise Unauthorised
        return account

    def _opened(self, dialect: str, account_id: str, credential: dict[str, str]) -> dict[str, str]:
        return {
            name.removesuffix(SEALED): self.seal.open(value, owner=owner(dialect, account_id))
            if name.endswith(SEALED)
            else value
            for name, value in credential.items()
        }


def _belongings(
    items: list[dict[str, Any]],
) -> tuple[dict[str, dict[str, Agent]], dict[str, dict[str, tuple[str, ...]]], dict[str, set[str]]]:
    """Each account's agents, its groups, and the numbers it does not disturb."""
    agents: dict[str, dict[str, Agent]] = defaultdict(dict)
    groups: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    dnd: dict[str, set[str]] = defaultdict(set)
    for row in items:
        account_id, body = row["account_id"], row["body"]
        if row["kind"] == "agent":
            agents[account_id][row["id"]] = Agent(
                agent_id=row["id"],
                number=body["number"] or body["extension"],
                cli=body["cli"] or "",
                web_login=body["web_login"],
                call_login=body["call_login"],
            )
        elif row["kind"] == "group":
            groups[account_id][row["id"]] = tuple(body["agents"])
        elif row["kind"] == "dnd_list":
            dnd[account_id].update(body["numbers"])
    return agents, groups, dnd


def _account(account_id: str, body: dict[str, Any], **belongings: Any) -> Account:
    known = {each.name for each in fields(Account)} & body.keys()
    values: dict[str, Any] = {name: tuple(body[name]) if name in TUPLES else body[name] for name in known}
    values["allowed_ips"] = tuple(ip_network(each) for each in body["allowed_ips"])
    hours = body.get("calling_hours")
    values["calling_hours"] = CallingHours(since=hours["from"], until=hours["to"]) if hours else None
    return Account(account_id=account_id, **values, **belongings)
