"""The one way in: a route is closed, but for the open ones, until an account has proven itself."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import structlog
from aiohttp import web

from engine.accounts import Accounts
from engine.api import address
from engine.api.body import pairs
from engine.api.dialect import Body, Dialect, Identity
from engine.api.lockout import Lockout
from engine.core.account import Account, Address, Network
from engine.errors import OtherAddress, Unauthorised

ACCOUNT: web.RequestKey[Account] = web.RequestKey("account", Account)
SECRET: web.RequestKey[str] = web.RequestKey("secret", str)  # what proved it
SIGNATURE = "signature"  # in the query of a link
BODY: web.RequestKey[Body] = web.RequestKey("body", dict)

ByLink = Callable[[web.Request], Awaitable[Account]]  # whose it leads to

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Who is let in: from where, not too often wrong, and with which account's secret."""

    accounts: Accounts
    lockout: Lockout
    trusted_proxies: Sequence[Network] = ()

    def check(self, request: web.Request) -> Address | None:
        """Where the request comes from. Raises `LockedOut`."""
        forwarded_for = request.headers.getall("X-Forwarded-For", ())
        source = address.client(request.remote, forwarded_for, trusted=self.trusted_proxies)
        self.lockout.check(source)
        return source

    def admit(self, source: Address | None, identity: Identity, dialect: Dialect) -> Account:
        """The account that asks. Raises `Unauthorised`."""
        whose = dialect.credential or dialect.name
        name, secret, known_by = identity.account_id, identity.secret, dialect.known_by
        try:
            if dialect.candid and (named := self.accounts.named(whose, name, known_by=known_by)) is not None:
                _check_address(source, named)
            if dialect.by_secret:
                account = self.accounts.of_secret(whose, secret)
            else:
                account = self.accounts.authenticate(whose, name, secret, known_by=known_by, signed=identity.signed)
            _check_address(source, account)
        except Unauthorised as exc:
            log.info("stranger refused", dialect=dialect.name, address=str(source))
            if self.lockout.note(source):
                log.warning("address locked out", address=str(source))
            if dialect.candid and not isinstance(exc, OtherAddress):
                known = self.accounts.known_otherwise(whose, name, secret, known_by=known_by)
                raise known or exc from None
            raise
        return account


def _check_address(source: Address | None, account: Account) -> None:
    if account.allowed_ips and not address.within(source, account.allowed_ips):
        raise OtherAddress


def closed(
    door: Door,
    dialects: Mapping[str, Dialect],
    *,
    open_paths: Collection[str],
    links: Mapping[str, ByLink] = MappingProxyType({}),
) -> Any:
    """Lets a request through to an open path, or to a path of a dialect with the account it is from.

    Who has no account may have a link to a path of `links`, which says whose it is. A route that is neither does not
    exist for anybody: a new one has to say who may use it.
    """

    @web.middleware
    async def admit(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        resource = request.match_info.route.resource
        if resource is None or resource.canonical in open_paths:  # None: the router's own 404 and 405
            return await handler(request)
        dialect = dialects.get(resource.canonical)
        if dialect is None:
            log.error("route without a rule", path=resource.canonical)
            raise web.HTTPNotFound
        source = door.check(request)
        by_link = links.get(resource.canonical) if SIGNATURE in request.query else None
        if by_link is not None:
            request[ACCOUNT], request[SECRET] = await by_link(request), ""
            return await handler(request)
        body = {}
        if dialect.gather is not None:
            body = request[BODY] = dialect.gather(*await pairs(request))
        identity = dialect.identify(request.headers, body)
        request[ACCOUNT] = door.admit(source, identity, dialect)
        request[SECRET] = identity.secret
        return await handler(request)

    return admit
