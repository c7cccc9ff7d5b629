"""A call as rows of the store, and back: all that must outlive the engine.

What is made of rows here is written several times a call: it is kept cheap. A request stands in its row as it is, and
so does a verdict: the encoder to JSON, from which `restore` takes them, knows dataclasses.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from operator import attrgetter
from typing import Any

from engine.core.amd import Amd
from engine.core.call import Call, Flow
from engine.core.callback import Due
from engine.core.campaign import Claim
from engine.core.cdr import Cdr
from engine.core.idempotency import KeptAnswer
from engine.core.ids import leg_id
from engine.core.ivr import Choice, Ivr, Prompt, Step, Visit
from engine.core.leg import Leg
from engine.core.permit import ALLOWED, Verdict
from engine.core.recording import Recording
from engine.core.request import Alert, CallRequest, CampaignAttempt, Pair, Party, Speech, Target
from engine.core.third import Transfer

Row = dict[str, Any]
LEG_FACTS = tuple(field.name for field in fields(Leg))
CALL_FACTS = (
    "requested_at",
    "bridged_at",
    "bridge",
    "bridge_open",
    "release_reason",
    "ended_by",
    "digits",
    "deadlines",
    "seeking",
    "sought_since",
    "gave_up",
    "hears",
    "plays",
    "played_at",
    "heard_seconds",
    "connecting",
    "recorded",
)

_leg_facts = attrgetter(*LEG_FACTS)
_call_facts = attrgetter(*CALL_FACTS)


def call_row(call: Call, *, node: str) -> Row:
    """The call without its legs."""
    row: Row = dict(zip(CALL_FACTS, _call_facts(call), strict=True))
    row.update(
        call_id=call.call_id,
        node=node,
        account_id=call.request.account_id,
        kind=call.request.kind,
        request=call.request,
        members=sorted(call.members),
        deadlines=dict(call.deadlines),  # as they are now
        seeking=dict(call.seeking),
        sought_since=dict(call.sought_since),
        permit=call.permit,
        visit=call.visit and asdict(call.visit),
        transfer=call.transfer and asdict(call.transfer),
        recordings=[asdict(each) | {"name": leg_id(node, call.call_id, each.name)} for each in call.recordings],
        ended_at=call.ended_at,
    )
    return row


def leg_rows(call: Call, *, node: str) -> list[Row]:
    """The call's legs, one row each, keyed by `leg_id`, which is also the channel's id in Asterisk."""
    return [_leg_row(call, leg, node, position) for position, leg in enumerate(call.legs.values())]


def _leg_row(call: Call, leg: Leg, node: str, position: int) -> Row:
    row: Row = dict(zip(LEG_FACTS, _leg_facts(leg), strict=True))
    row.update(leg_id=leg_id(node, call.call_id, leg.name), call_id=call.call_id, position=position)
    if leg.over:
        row.update(disposition=leg.outcome.disposition, reason=leg.outcome.words, ended_by=leg.ended_by)
    return row


def cdr_row(record: Cdr) -> Row:
    """The CDR, column by column."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def kept_row(kept: KeptAnswer, *, call_id: str) -> Row:
    """The answer to the request that made this call, and the key it is kept under."""
    key, answer = kept.key, kept.answer
    return {
        "account_id": key.account_id,
        "key": key.text,
        "fingerprint": key.fingerprint,
        "keep_seconds": key.keep_seconds,
        "call_id": call_id,
        "status": answer.status,
        "body": answer.body,
    }


def due_row(due: Due) -> Row:
    """The callback this call is, and what it becomes with it."""
    return asdict(due)


def claim_row(claim: Claim, *, call_id: str) -> Row:
    """The lead this call is an attempt to reach."""
    return {"call_id": call_id, **asdict(claim)}


def restore(row: Mapping[str, Any], legs: Iterable[Mapping[str, Any]], *, flow: Flow, now: float) -> Call:
    """The call its rows were made of, as JSON has kept them. Times are seconds since the epoch, as they were."""
    call = Call(
        call_id=row["call_id"], request=request(row["request"]), flow=flow, requested_at=row["requested_at"], now=now
    )
    for name in CALL_FACTS:
        setattr(call, name, row[name])
    call.heard_seconds = row["heard_seconds"] or 0.0
    call.visit = Visit(**row["visit"]) if row["visit"] else None
    transfer = row["transfer"]
    if transfer:
        kept = {"party": party(transfer["party"]), "left": tuple(transfer["left"])}
        call.transfer = Transfer(**{**transfer, **kept})
    call.recordings = [_recording(each) for each in row["recordings"] or ()]
    if call.connecting:
        call.connect(call.connecting)
    call.members = set(row["members"])
    call.permit = Verdict(**row["permit"]) if row["permit"] else ALLOWED
    call.legs = {each["name"]: leg(each) for each in legs}
    return call


def leg(row: Mapping[str, Any]) -> Leg:
    """The leg its row was made of."""
    return Leg(**{name: row[name] for name in LEG_FACTS})


def request(kept: Mapping[str, Any]) -> CallRequest:
    """The request that was kept so."""
    agent, pair, speech = kept["agent"], kept["pair"], kept.get("speech")
    campaign, amd, ivr = kept.get("campaign"), kept.get("amd"), kept.get("ivr")
    return CallRequest(
        **{
            **kept,
            "agent": party(agent) if agent else None,
            "customer": party(kept["customer"]),
            "alerts": tuple(Alert(**alert) for alert in kept["alerts"]),
            "pair": Pair(**pair) if pair else None,
            "speech": Speech(**speech) if speech else None,
            "dnd_sides": tuple(kept["dnd_sides"]),
            "campaign": CampaignAttempt(**{**campaign, "retry_on": tuple(campaign["retry_on"])}) if campaign else None,
            "amd": Amd(**amd) if amd else None,
            "ivr": _ivr(ivr) if ivr else None,
            "choices": {name: party(choice) for name, choice in kept.get("choices", {}).items()},
        }
    )


def _recording(kept: Mapping[str, Any]) -> Recording:
    return Recording(**{name: value for name, value in kept.items() if name != "name"})


def party(kept: Mapping[str, Any]) -> Party:
    """The party that was kept so."""
    targets = (Target(**{**target, "endpoints": tuple(target["endpoints"])}) for target in kept["targets"])
    return Party(**{**kept, "targets": tuple(targets)})


def _ivr(kept: Mapping[str, Any]) -> Ivr:
    return Ivr(**{**kept, "steps": tuple(_step(step) for step in kept["steps"])})


def _step(kept: Mapping[str, Any]) -> Step:
    wrong = kept["wrong"]
    return Step(
        **{
            **kept,
            "prompt": Prompt(**kept["prompt"]),
            "keys": {key: Choice(**choice) for key, choice in kept["keys"].items()},
            "wrong": Prompt(**wrong) if wrong else None,
            "otherwise": Choice(**kept["otherwise"]),
        }
    )
