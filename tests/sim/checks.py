"""What must hold once a run is over, told from the simulated Asterisk's own memory and the rows left."""

import itertools
from collections import Counter
from collections.abc import Iterator

from engine.ari.client import STALE_SECONDS
from tests.sim.channel import Channel
from tests.sim.plan import AGENT
from tests.sim.run import Asked, World

SETTLED_SECONDS = 4.0  # so long both have talked before we take them for more than an answer that crossed a hang-up
CLOSE_SECONDS = 0.05


def wrong(world: World) -> Iterator[str]:
    """Whatever must not be, in words."""
    yield from world.wrong
    yield from world.asterisk.wrong
    yield from _left_over(world)
    yield from _dialled(world)
    for asked in world.asked:
        yield from _recorded(world, asked)
        yield from _talked(world, asked)


def _left_over(world: World) -> Iterator[str]:
    yield from (f"channel left: {channel}" for channel in world.asterisk.channels)
    yield from (f"bridge left: {bridge}" for bridge in world.asterisk.bridges)
    for channel in world.asterisk.every_channel:
        if channel.ended_by == "dead-man":
            yield f"the dead-man had to end {channel.channel_id}"


def _dialled(world: World) -> Iterator[str]:
    ids = Counter(channel.channel_id for channel in world.asterisk.invites)
    yield from (f"{leg} was dialled {times} times" for leg, times in ids.items() if times > 1)
    yield from (f"{leg} was dialled without a row" for leg in ids if leg not in world.postgres.legs)
    by_number: dict[str, list[Channel]] = {}
    for channel in world.asterisk.invites:
        for before in by_number.setdefault(channel.number, []):
            if before.ended_at is None or before.ended_at > (channel.dialed_at or 0):
                yield f"{channel.number} was rung by {channel.channel_id} while {before.channel_id} rang"
            if before.rang_at is not None or before.up_at is not None:
                yield f"{channel.number} was rung again by {channel.channel_id} after {before.channel_id} had rung"
        by_number[channel.number].append(channel)


def _numbers(asked: Asked) -> tuple[str, str]:
    request = asked.planned.request
    return (request.agent or request.choices[AGENT]).number, request.customer.number


def _recorded(world: World, asked: Asked) -> Iterator[str]:
    agent, customer = _numbers(asked)
    rows = [
        row for row in world.postgres.calls.values() if row["request"]["customer"]["targets"][0]["number"] == customer
    ]
    cdrs = [row for row in world.postgres.cdrs.values() if row["customer_number"] == customer]
    rung = [channel.channel_id for channel in world.asterisk.invites if channel.number in (agent, customer)]
    who = f"{asked.verdict} call {asked.call_id or customer}"
    if len(cdrs) > 1 or len(rows) > 1:
        yield f"{who} has {len(cdrs)} CDRs, {len(rows)} rows"
    match asked.verdict:
        case "accepted":
            if [row["request_id"] for row in cdrs] != [asked.call_id]:
                yield f"{who} has no CDR"
        case "refused" if cdrs and not rung and world.lives > 1 and cdrs[0]["billsec"] is None:
            pass  # its write came through after all, and the engine died before it could take it back
        case "refused" | "not asked":
            if cdrs or rows or rung:
                yield f"{who} has {len(cdrs)} CDRs, {len(rows)} rows, rang {rung}"
        case "unknown":
            if len(cdrs) != len(rows) or (rung and not rows):
                yield f"{who} has {len(cdrs)} CDRs, {len(rows)} rows, rang {rung}"
    for row in rows:
        if row["ended_at"] is None:
            yield f"{who} has not ended in its row"


def _talked(world: World, asked: Asked) -> Iterator[str]:
    """What both parties did is what the CDR says, and only they, an operator or the limit ended it."""
    legs = [channel for channel in world.asterisk.every_channel if channel.number in _numbers(asked)]
    up = [channel for channel in legs if channel.up_at is not None]
    if len(up) != 2:
        return
    agent, customer = sorted(up, key=lambda channel: channel.number)
    assert customer.up_at is not None
    assert agent.up_at is not None
    of_campaign = asked.planned.request.kind == "campaign"
    second = agent if of_campaign else customer  # whose answer is where the talk begins
    began_at = max(customer.up_at, agent.up_at)
    ended_at = min(agent.ended_at or float("inf"), customer.ended_at or float("inf"))
    talked = ended_at - began_at
    cdr = next((row for row in world.postgres.cdrs.values() if row["channel"] == customer.channel_id), None)
    if cdr is None:
        if talked > _deaf_seconds(world) + SETTLED_SECONDS:
            yield f"{customer.channel_id} talked for {talked:.2f} s and no CDR says so"
        return
    deaf = _deaf_seconds(world)
    yield from _taped(world, asked, (agent, customer), began_at, ended_at)
    billed = cdr["billsec"] or 0.0
    truth = (customer.ended_at or 0) - customer.up_at
    if talked > deaf + SETTLED_SECONDS and cdr["disposition"] != "ANSWER":
        yield f"{customer.channel_id} talked for {talked:.2f} s and is {cdr['disposition']} ({cdr['reason']})"
    elif cdr["disposition"] == "ANSWER" and abs(billed - truth) > deaf:
        yield f"{customer.channel_id} talked for {truth:.2f} s and is billed {billed:.2f}"
    first = agent if agent.ended_at == ended_at else customer
    row = world.postgres.calls[cdr["request_id"]]
    ours = first.ended_by not in ("party", "restart") and asked.call_id not in world.postgres.asked
    limit = asked.planned.request.max_talk_seconds
    # an answer within the last seconds of its ring time may cross our giving up before we know that we are deaf
    margin = STALE_SECONDS if world.plan.faults else CLOSE_SECONDS
    in_time = began_at < (second.dialed_at or 0) + asked.planned.request.customer.ring_seconds - margin
    settled = in_time and SETTLED_SECONDS < talked < limit - CLOSE_SECONDS
    expected = {"max_talk", "cancelled"}
    if any(fault.kind.endswith("-response") for fault in world.plan.faults):
        expected.add("refused")  # what Asterisk did not answer for it, nobody knows to be done
    if ours and settled and row["release_reason"] not in expected:
        yield f"{customer.channel_id} was dropped after {talked:.2f} s: {first.ended_by}, {row['release_reason']}"
    if row["release_reason"] == "max_talk" and ours and talked < limit - 1:
        yield f"{customer.channel_id} was limited after {talked:.2f} s, not {limit}"
    if talked > limit + deaf + 1:
        yield f"{customer.channel_id} talked for {talked:.2f} s, its limit is {limit}"


def _taped(
    world: World, asked: Asked, legs: tuple[Channel, Channel], began_at: float, ended_at: float
) -> Iterator[str]:
    """What was to be recorded was, from soon after both talked to the end, and never twice at once."""
    option, deaf = asked.planned.request.recording, _deaf_seconds(world)
    copies = [each for each in world.asterisk.every_channel if each.copy_of in legs and each.recorded_at is not None]
    if copies and not option and asked.planned.request.kind == "click2call":
        yield f"{copies[0].channel_id} was recorded, which nobody asked for"
    for before, after in itertools.pairwise(sorted(copies, key=lambda each: each.recorded_at or 0.0)):
        if before.ended_at is None or before.ended_at > (after.recorded_at or 0.0):
            yield f"{after.channel_id} was recorded beside {before.channel_id}"
    lost = any(fault.kind.endswith("-response") for fault in world.plan.faults)
    if not option or lost or ended_at - began_at <= deaf + SETTLED_SECONDS:
        return
    seconds = sum((each.ended_at or 0.0) - (each.recorded_at or 0.0) for each in copies)
    if seconds < ended_at - began_at - deaf - 1:
        yield f"{legs[1].channel_id} talked for {ended_at - began_at:.2f} s, of which {seconds:.2f} s are recorded"


def _deaf_seconds(world: World) -> float:
    """How far off a CDR may be: for so long nobody listened, or what was heard could not be written."""
    if world.deaf_seconds <= 1 and not world.plan.faults:
        return CLOSE_SECONDS
    # a second engine that takes over knows only what was written
    stores = [fault.seconds for fault in world.plan.faults if fault.kind.startswith("store")]
    return world.deaf_seconds + 3 + (sum(stores) if world.plan.engines > 1 else 0.0)
