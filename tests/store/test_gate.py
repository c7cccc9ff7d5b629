"""The gate on a real Postgres: caps that hold for many at once and across restarts, stops, the queue."""

import asyncio
import time
from dataclasses import replace
from itertools import count

import pytest

from engine.accounts import Accounts
from engine.core.account import Account, Agent, Route
from engine.core.call import Call
from engine.core.commands import FindThird
from engine.core.events import Answered, Created, Ended, TransferAsked
from engine.core.flows import click2call
from engine.core.permit import ALLOWED
from engine.core.request import Party
from engine.core.rows import restore
from engine.errors import DestinationCapped, NotPermitted, OverCapacity, Refusal, Stopped
from engine.gate import Gate
from engine.store.postgres import Store
from tests.core.conftest import AGENT, CUSTOMER, inbound_of, party_of, request_of
from tests.voice import LIMITS

pytestmark = pytest.mark.asyncio(loop_scope="function")

ACCOUNT = Account(
    account_id="account_1",
    name="Demo shop",
    region="IN",
    allowed_regions=("IN",),
    caller_ids=("15168148111",),
    agents={"201": Agent(agent_id="201", number="919910020101")},
    max_live_calls=1000,
    calls_per_second=1000,
    attempts_per_day=0,
    requests_per_destination=0,
)
ROUTES = (Route("91", ("PJSIP/{number}@carrier",)),)
NAMES = count()


def gate_of(store: Store, account: Account = ACCOUNT) -> Gate:
    return Gate(Accounts(accounts={"account_1": account}, routes=ROUTES), store)


def call_to(customer: Party = CUSTOMER, *, at: float | None = None) -> Call:
    now = time.time() if at is None else at
    request = request_of(customer=customer)
    return Call(call_id=f"{next(NAMES):010x}", request=request, flow=click2call, requested_at=now, now=now)


async def asked(gate: Gate, store: Store, call: Call, *, live_calls: int = 0) -> Refusal | None:
    """What the switch does with a request."""
    try:
        await gate.admit(call, live_calls=live_calls)
        call.start(call.requested_at)
        await store.writer.commit(call)
    except Refusal as refusal:
        return refusal
    finally:
        gate.leave(call)
    return None


def taken(refusals: list[Refusal | None]) -> int:
    return refusals.count(None)


async def test_fifty_requests_at_once_for_one_number_are_as_many_calls_as_it_may_have(store: Store) -> None:
    gate = gate_of(store, replace(ACCOUNT, requests_per_destination=3))
    refusals = await asyncio.gather(*(asked(gate, store, call_to()) for _ in range(50)))
    assert taken(refusals) == 3
    refusal = await asked(gate, store, call_to())
    assert isinstance(refusal, DestinationCapped)
    assert refusal.message == "3 requests for this number in 10 minutes, and the account may make 3"
    assert refusal.retry_after_seconds == pytest.approx(600, abs=5)
    assert await asked(gate, store, call_to(party_of("919910000203"))) is None


async def test_fifty_requests_at_once_do_not_exceed_a_days_calls(store: Store) -> None:
    gate = gate_of(store, replace(ACCOUNT, attempts_per_day=20))
    parties = [party_of(f"9199100{n:03}01") for n in range(50)]
    refusals = await asyncio.gather(*(asked(gate, store, call_to(party)) for party in parties))
    assert taken(refusals) == 20
    assert len(await store.live_calls()) == 20


async def test_caps_survive_a_restart_and_old_calls_do_not_count(store: Store) -> None:
    now = time.time()
    account = replace(ACCOUNT, attempts_per_day=3, requests_per_destination=2)
    old = gate_of(store)
    for seconds in (86500, 86300, 700, 500):
        assert await asked(old, store, call_to(at=now - seconds)) is None
    new = gate_of(store, account)
    refusal = await asked(new, store, call_to())
    assert refusal is not None
    assert refusal.message == "3 requests in 24 hours, and the account may make 3"
    assert refusal.retry_after_seconds == pytest.approx(100, abs=5)
    two_more = gate_of(store, replace(account, attempts_per_day=0))
    assert taken([await asked(two_more, store, call_to()) for _ in range(2)]) == 1


async def test_what_was_refused_counts_no_more(store: Store) -> None:
    gate = gate_of(store, replace(ACCOUNT, requests_per_destination=1))
    call = call_to()
    await gate.admit(call, live_calls=0)
    assert await asked(gate, store, call_to()) is not None  # it may become a call
    gate.leave(call)
    assert await asked(gate, store, call_to()) is None


async def test_an_agents_number_is_called_as_often_as_asked(store: Store) -> None:
    gate = gate_of(store, replace(ACCOUNT, requests_per_destination=1))
    calls = [call_to(party_of("919910020101")) for _ in range(5)]
    assert taken(await asyncio.gather(*(asked(gate, store, call) for call in calls))) == 5


async def test_requests_in_the_queue_are_live_calls(store: Store) -> None:
    gate = gate_of(store, replace(ACCOUNT, calls_per_second=1, max_live_calls=2))
    refusals = await asyncio.gather(*(asked(gate, store, call_to(), live_calls=int(n > 0)) for n in range(4)))
    assert [type(refusal) for refusal in refusals] == [type(None), type(None), OverCapacity, OverCapacity]


async def test_a_burst_is_queued_for_two_seconds_and_refused_beyond(store: Store) -> None:
    gate = gate_of(store, replace(ACCOUNT, calls_per_second=5))
    starts: list[float] = []

    async def one() -> Refusal | None:
        refusal = await asked(gate, store, call_to())
        starts.append(time.monotonic())
        return refusal

    began = time.monotonic()
    refusals = await asyncio.gather(*(one() for _ in range(25)))
    assert taken(refusals) == 15
    refusal = next(each for each in refusals if each is not None)
    assert isinstance(refusal, OverCapacity)
    assert refusal.message == "more calls at once than 5 a second, please try again"
    assert refusal.retry_after_seconds == 1
    assert sorted(round(start - began) for start in starts) == [0] * 15 + [1] * 5 + [2] * 5


async def test_without_caps_and_with_room_nothing_is_waited_for(store: Store) -> None:
    admission = gate_of(store).admit(call_to(), live_calls=0)
    with pytest.raises(StopIteration):
        admission.send(None)  # it comes to its end without giving the loop a turn


async def test_a_stop_is_kept_hinted_at_and_taken_back(store: Store) -> None:
    hints = store.listen()
    assert await anext(hints) == ""
    await store.stop("", "fraud alarm")
    assert await anext(hints) == "stop "
    gate = gate_of(store)
    gate.take_stops(await store.stops())
    refusal = await asked(gate, store, call_to())
    assert isinstance(refusal, Stopped)
    assert refusal.message == "dialling is stopped for every account: fraud alarm"
    assert await store.resume("")
    assert await anext(hints) == "resume "
    assert not await store.resume("")
    gate.take_stops(await store.stops())
    assert await asked(gate, store, call_to()) is None
    await hints.aclose()  # type: ignore[attr-defined]


async def test_an_accounts_stop_is_its_own(store: Store) -> None:
    await store.stop("account_2", "")
    gate = gate_of(store)
    gate.take_stops(await store.stops())
    assert await asked(gate, store, call_to()) is None
    await store.stop("account_1", "unpaid")
    gate.take_stops(await store.stops())
    refusal = await asked(gate, store, call_to())
    assert refusal is not None
    assert refusal.message == "dialling is stopped for this account: unpaid"


async def test_a_leg_is_judged_by_what_holds_when_it_is_dialled(store: Store) -> None:
    accounts = Accounts(accounts={"account_1": ACCOUNT}, routes=ROUTES)
    gate = Gate(accounts, store)
    call = call_to()
    call.start(call.requested_at)
    (agent,) = call.legs.values()
    assert gate.leg(call, agent) == ALLOWED
    customer = replace(agent, side="customer", number=CUSTOMER.number)
    accounts.accounts["account_1"] = replace(ACCOUNT, dnd_numbers=frozenset({AGENT.number, CUSTOMER.number}))
    assert gate.leg(call, agent) == ALLOWED
    assert gate.leg(call, customer).reason == "dnd"
    accounts.accounts["account_1"] = replace(ACCOUNT, caller_ids=())
    assert gate.leg(call, customer).reason == "caller_id"
    accounts.routes = ()
    accounts.accounts["account_1"] = ACCOUNT
    assert gate.leg(call, customer).reason == "route"
    del accounts.accounts["account_1"]
    assert gate.leg(call, customer).reason == "account"


async def test_a_request_read_long_ago_is_judged_by_the_lists_of_now(store: Store) -> None:
    gate = gate_of(store, replace(ACCOUNT, dnd_numbers=frozenset({CUSTOMER.number})))
    assert isinstance(await asked(gate, store, call_to()), NotPermitted)


async def test_the_verdict_stands_on_the_calls_row(store: Store) -> None:
    call = call_to(at=1688710079.5)
    call.start(call.requested_at)
    await store.writer.commit(call)
    (row, legs), *_ = await store.live_calls()
    assert row["permit"] == {"allowed": True, "reason": "allowed", "words": "it may be dialled"}
    before = {**row, "permit": None}  # written by the version before
    assert restore(before, legs, flow=click2call, now=call.now) == call


async def test_a_number_counts_wherever_it_stands_in_a_list(store: Store) -> None:
    gate = gate_of(store, replace(ACCOUNT, requests_per_destination=1))
    assert await asked(gate, store, call_to(party_of("919910000301"))) is None
    both = replace(CUSTOMER, targets=party_of("919910000302").targets + party_of("919910000301").targets)
    assert isinstance(await asked(gate, store, call_to(both)), OverCapacity)


async def test_of_a_group_whoever_may_be_dialled_is_enough(store: Store) -> None:
    gate = gate_of(store)
    jamaica, delhi = (replace(party_of(each).targets[0], agent_id=each) for each in ("18765551234", "919910020101"))
    assert await asked(gate, store, call_to(replace(CUSTOMER, targets=(jamaica, delhi)))) is None
    assert isinstance(await asked(gate, store, call_to(replace(CUSTOMER, targets=(jamaica,)))), NotPermitted)


# -- transfers -----------------------------------------------------------------------------------

THIRD = party_of("919910000303")


async def transferred(gate: Gate, store: Store, call: Call, to: Party = THIRD) -> Refusal | None:
    """What becomes of an API's transfer of a call whose parties talk, to a third party that is rung and gives up."""
    try:
        await gate.transfer(call.request, to)
    except Refusal as refusal:
        return refusal
    now = time.time()
    call.note(TransferAsked(leg="a1", at=now, attended=False, party=to))
    third = call.legs_of("third")[-1]
    call.note(Created(leg=third.name, at=now))
    call.note(Ended(leg=third.name, at=now, cause=19, sip_code=480))
    await store.writer.commit(call)
    return None


def talk(customer: Party = CUSTOMER) -> Call:
    call = call_to(customer)
    at = call.requested_at
    call.start(at)
    for event in (
        Created(leg="a1", at=at),
        Answered(leg="a1", at=at),
        Created(leg="b1", at=at),
        Answered(leg="b1", at=at),
    ):
        call.note(event)
    assert call.bridged_at is not None
    return call


async def test_a_third_party_counts_as_often_as_a_request_for_it(store: Store) -> None:
    gate = gate_of(store, replace(ACCOUNT, requests_per_destination=2))
    call = talk()
    assert [await transferred(gate, store, call) for _ in range(2)] == [None, None]
    refusal = await transferred(gate, store, call)
    assert isinstance(refusal, DestinationCapped)
    assert refusal.message == "2 requests for this number in 10 minutes, and the account may make 2"
    assert isinstance(await asked(gate, store, call_to(THIRD)), DestinationCapped)
    assert await transferred(gate, store, call, party_of("919910000404")) is None


async def test_third_parties_use_a_days_calls_up(store: Store) -> None:
    gate = gate_of(store, replace(ACCOUNT, attempts_per_day=3))
    call = talk()
    refusals = [await transferred(gate, store, call, party_of(f"9199100003{n:02}")) for n in range(3)]
    assert taken(refusals) == 2  # and the request itself
    assert refusals[2] is not None
    assert refusals[2].message == "3 requests in 24 hours, and the account may make 3"


async def test_only_the_accounts_own_telephones_transfer(store: Store) -> None:
    gate = gate_of(store, replace(ACCOUNT, extensions=("104",)))
    to = party_of("104")
    for call, leg, own in (
        (talk(), "a1", True),
        (talk(), "b1", False),
        (talk(to), "b1", True),
        (inbound_of(), "b1", False),
    ):
        finding = gate.third(call, FindThird(leg=leg, to="919910000303"), limits=LIMITS)
        if own:
            assert (await finding).ring_seconds == LIMITS.ring_seconds
        else:
            with pytest.raises(NotPermitted, match="only telephones of the account may transfer"):
                await finding


async def test_a_third_party_of_a_call_that_came_in_is_rung_as_long_as_any(store: Store) -> None:
    call = inbound_of()
    call.start(100.0)
    (agent,) = call.legs_of("agent")
    party = await gate_of(store).third(call, FindThird(leg=agent.name, to="919910000303"), limits=LIMITS)
    assert party.ring_seconds == LIMITS.ring_seconds
