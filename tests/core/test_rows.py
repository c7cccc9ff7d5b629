"""A call survives its rows."""

import orjson

from engine.core.call import Call
from engine.core.events import Answered, Created, Rang
from engine.core.rows import call_row, leg_rows, restore


def test_a_call_restored_from_its_rows_is_the_call(call: Call) -> None:
    call.start(100.0)
    for event in (Created(leg="a1", at=100.1), Rang(leg="a1", at=101), Answered(leg="a1", at=105)):
        call.note(event)
    row, legs = orjson.loads(orjson.dumps((call_row(call, node="n1"), leg_rows(call, node="n1"))))
    restored = restore(row, legs, flow=call.flow, now=call.now)
    assert restored == call
