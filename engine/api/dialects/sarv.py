"""Sarv Click-to-Call: `/v2/clickToCall/para`, everything a parameter, answers with a code.

The order of the checks is `CHECKS`: one error a reply, the first one found.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.api.dialect import Body, Dialect, Identity, Operation, Surroundings
from engine.api.dialects.sarv_codes import CODES, CONNECTION_ISSUE, INVALID_FORMAT, Coded
from engine.api.dialects.sarv_params import PARAMS, Params
from engine.api.dialects.sarv_reading import Reading
from engine.api.statuses import status
from engine.core.asks import Ask, StartCall
from engine.core.refusal import NotPermitted, Refusal
from engine.errors import AgentUnavailable, DndAway, DndListed, NoSecret, UnknownAccount

PATHS = ("/v2/clickToCall/para", "/clickToCall/v1/para")
NO_USER_ID, UNKNOWN_USER, NO_TOKEN, WRONG_TOKEN = "1002", "1013", "1014", "1020"

OF_SIDE = {
    (DndListed, "agent"): "1573",
    (DndListed, "customer"): "1574",
    (AgentUnavailable, "agent"): "1578",
    (AgentUnavailable, "customer"): "1579",
}


def gather(pairs: Sequence[tuple[str, Any]], readable: bool) -> Body:
    """The parameters of query and body; what is said twice, or can not be read, is an error when it is its turn."""
    return {PARAMS: Params.of(pairs, readable=readable)}


def identify(_: Mapping[str, str], body: Body) -> Identity:
    """The user id and the campaign token, as parameters. Raises `Coded`."""
    params: Params = body[PARAMS]
    if not params.text("user_id"):
        raise Coded(NO_USER_ID)
    return Identity(params.text("user_id"), params.text("token"))


def parse(body: Body, around: Surroundings) -> Ask:
    """The call that is asked for. Raises `Coded`."""
    reading = Reading(body[PARAMS], around)
    for check in CHECKS:
        check(reading)
    return StartCall(
        reading.request(),
        dnd=tuple(side for side in ("agent", "customer") if side in reading.dnd_sides),
        sticky=reading.sticky(),
        test=reading.developer,
    )


CHECKS: tuple[Callable[[Reading], None], ...] = (
    Reading.format,  # 1569 1539
    Reading.types,  # 1502-1505
    Reading.both_there,  # 1521 1506 1507
    Reading.from_targets,  # 1552, 1508 1512 1516 1518, 1510 1514
    Reading.to_targets,  # 1553, 1509 1513 1517 1519, 1511 1515
    Reading.apart,  # 1520
    Reading.strategies,  # 1522 1523
    Reading.ring_times,  # 1524 1525 1550 1526 1527 1551
    Reading.retries,  # 1528 1529 1548 1530 1531 1549
    Reading.time_limit,  # 1532 1534 1533
    Reading.alerts,  # 1545 1547
    Reading.sounds,  # 1546 1535
    Reading.caller_ids,  # 1584 1585 1580-1583 1554 1555
    Reading.log_ins,  # 1564-1567 1556 1557, 1536-1538 1540-1544
    Reading.stickiness,  # 1561 1558 1559 1560 1562 1576 1577
    Reading.queue,  # 1563 1568
    Reading.dnd,  # 1570-1572; the lists (1575 1573 1574), the agents (1578 1579) and 1501 are looked at after it
)


def reply(call_id: str) -> Body:
    """The call was accepted."""
    return {"callid": call_id, "status": "success", "code": "200"}


def refuse(refusal: Refusal) -> tuple[int, Body]:
    """The document's error: a message and its code, with HTTP status 200 for whatever is the customer's doing."""
    code = _code(refusal)
    http_status = 200 if refusal.code == "unauthorised" else status(refusal, otherwise=200)
    return http_status, {"message": CODES[code].message, "status": "error", "code": code}


def _code(refusal: Refusal) -> str:
    match refusal:
        case Coded(sarv_code=code):
            return code
        case DndListed(side=side) | AgentUnavailable(side=side):
            return OF_SIDE[type(refusal), side]
        case DndAway():
            return "1575"
        case UnknownAccount():
            return UNKNOWN_USER
        case NoSecret():
            return NO_TOKEN
        case NotPermitted(reason=reason):
            return "1555" if reason == "caller_id" else "1574" if reason == "dnd" else "1509"
    if refusal.code == "unauthorised":
        return WRONG_TOKEN
    return CONNECTION_ISSUE if status(refusal) in (429, 503) else INVALID_FORMAT


DIALECT = Dialect(
    name="sarv_click2call",
    prefix=("/v2/clickToCall/", "/clickToCall/"),
    known_by="user_id",
    gather=gather,
    identify=identify,
    refuse=refuse,
    operations=tuple(Operation(method, path, parse, reply, dials=True) for path in PATHS for method in ("POST", "GET")),
)
