"""What a vendor's dialect is: routes, each with how to read a request and how to word the answer."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.core.account import Account, Route
from engine.core.asks import Ask
from engine.core.refusal import Refusal
from engine.core.request import Limits

Body = dict[str, Any]


class WrongMethod(Refusal):
    """this URL does not take this method"""

    code = "wrong_method"

    def __init__(self, *, allow: str) -> None:
        super().__init__()
        self.allow = allow  # the methods that it takes


@dataclass(frozen=True, slots=True)
class File:
    """A reply that is a file."""

    content: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A reply that is a file of this host, at `path`, or comes from elsewhere in `pieces`, of that `size` together."""

    content_type: str
    path: Path | None = None
    size: int = 0
    pieces: AsyncIterator[bytes] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a request is read against."""

    account: Account
    routes: Sequence[Route]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Operation:
    """One route. `parse` raises `InvalidRequest`; `reply` words the answer to what was asked.

    What stands in the path's braces is in the body under that name, and so is a GET's query.
    One that `dials` asks for calls: it takes an idempotency key. One that `uploads` takes a file: its body is that of
    `upload.read`, unless the dialect gathers one, and only so many are answered at once. One that is `bare` has all it
    needs in its path: no body is read. One that is `linked` is answered to whoever has a signed link to it, too.
    """

    method: str
    path: str
    parse: Callable[[Body, Surroundings], Ask]
    reply: Callable[[Any], Body | File | Sound]
    dials: bool = field(default=False, kw_only=True)
    uploads: bool = field(default=False, kw_only=True)
    bare: bool = field(default=False, kw_only=True)
    linked: bool = field(default=False, kw_only=True)
    status: int = field(default=200, kw_only=True)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request says it is from, and the secret that is to prove it.

    With `signed`, the account's secret stays at home, and this is the SHA-1 of one of these texts and it.
    """

    account_id: str
    secret: str = field(repr=False)
    signed: tuple[str, ...] = ()


Gather = Callable[[Sequence[tuple[str, Any]], bool], Body]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One vendor's API. `refuse` words an error: HTTP status and body.

    A request's body is a JSON object; with `gather` it is made of the pairs of names and values that stand in its
    query and its body, whether all of that could be read, and is there when the sender is identified. `known_by` is
    the field of an account's credential that `identify` names the account by; without it, it is the account's id.
    `credential` is the dialect whose credential proves it, where that is not its own. A `candid` one has words for who
    is refused for an address, for being disabled, or with credentials of another dialect; it is named by `known_by`.
    With `by_secret`, there is no name: the secret alone says who asks.
    """

    name: str
    prefix: str | tuple[str, ...]
    operations: tuple[Operation, ...]
    identify: Callable[[Mapping[str, str], Body], Identity]
    refuse: Callable[[Refusal], tuple[int, Body | File]]
    gather: Gather | None = None
    known_by: str = ""
    credential: str = ""
    candid: bool = False
    by_secret: bool = False
