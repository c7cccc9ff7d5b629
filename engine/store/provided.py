"""Calls whose first commit depends on something: what that is as rows, and the refusal where it does not hold."""

from collections.abc import Iterable

from engine.core import rows
from engine.core.callback import Due
from engine.core.campaign import Claim
from engine.core.idempotency import KeptAnswer
from engine.core.proviso import Proviso
from engine.errors import IdTaken, KeyTaken, Refusal, TooLate
from engine.store.connection import to_database

REFUSALS: dict[type[Proviso], type[Refusal]] = {KeptAnswer: KeyTaken, Due: TooLate, Claim: TooLate}

Provided = tuple[str, Proviso]  # by the call's id


def keys(provided: Iterable[Provided]) -> list[rows.Row]:
    """The idempotency keys that have to be free, each with the answer to keep."""
    return [rows.kept_row(each, call_id=call_id) for call_id, each in provided if isinstance(each, KeptAnswer)]


def due(provided: Iterable[Provided]) -> list[rows.Row]:
    """The callbacks that have to be as they were read."""
    return [to_database(rows.due_row(each)) for _, each in provided if isinstance(each, Due)]


def claims(provided: Iterable[Provided]) -> list[rows.Row]:
    """The leads that have to be as they were claimed."""
    return [to_database(rows.claim_row(each, call_id=call_id)) for call_id, each in provided if isinstance(each, Claim)]


def refusal(proviso: Proviso | None) -> Refusal:
    """Why a call was not written: its id was used before, or what it depends on did not hold."""
    return IdTaken() if proviso is None else REFUSALS[type(proviso)]()
