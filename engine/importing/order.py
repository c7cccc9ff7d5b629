"""What an import is told, and what it tells when it is over: JSON between two processes."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from engine import errors
from engine.core.campaign_asks import Imported, ListKind, Rejected
from engine.core.refusal import Refusal
from engine.core.sheet import Bounds
from engine.storage.place import Place

MOST_REJECTED = 10  # are told one by one
# What an import refuses, by the code that it is told with.
REFUSALS = {
    each.code: each
    for each in (errors.InvalidRequest, errors.NotFound, errors.StorageAway, errors.StoreAway, errors.ImportFailed)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Put the contacts of this file of the account's into this list."""

    database_url: str = field(repr=False)
    place: Place
    account_id: str
    region: str
    kind: ListKind
    list_id: str
    key: str
    bounds: Bounds = field(default_factory=Bounds)

    def told(self) -> bytes:
        """The order as a line."""
        return orjson.dumps(asdict(self), default=str) + b"\n"

    @classmethod
    def of(cls, line: bytes) -> "Order":
        """The order that the line is."""
        found = orjson.loads(line)
        place = found["place"] | {"folder": Path(found["place"]["folder"])}
        return cls(**(found | {"place": Place(**place), "bounds": Bounds(**found["bounds"])}))


def told(outcome: Imported | Refusal) -> bytes:
    """What became of it."""
    if isinstance(outcome, Refusal):
        return orjson.dumps({"code": outcome.code, "message": outcome.message, "param": outcome.param})
    return orjson.dumps(asdict(outcome))


def outcome_of(written: bytes) -> Imported:
    """The same, read again. Raises what it refuses; `ImportFailed` for what is no outcome."""
    try:
        found: dict[str, Any] = orjson.loads(written)
    except orjson.JSONDecodeError as exc:
        raise errors.ImportFailed from exc
    if "code" in found:
        raise REFUSALS.get(found["code"], errors.ImportFailed)(found["message"], param=found["param"])
    return Imported(**(found | {"rejected": tuple(Rejected(**each) for each in found["rejected"])}))
