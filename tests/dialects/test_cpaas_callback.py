"""The CPaaS dialect's callbacks, held against its document's own samples (`cpaas/callback_*.json`, verbatim)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.dialects import cpaas_callback
from engine.core.asks import ChangeCallback, DeleteCallback, ScheduleCallback
from engine.core.refusal import InvalidRequest
from tests.core.test_callback import at, callback_of
from tests.dialects.test_cpaas import AROUND, CALL, sample

# {"agent_number":"91997927XXXX","caller_id":"15168148111","destination_number":"91800068XXXX",
#  "recording_option":"off","time_zone":"Asia/Kolkata","scheduled_at":"2023-08-15 12:55:00"}
SCHEDULED = CALL | {"recording_option": "off", "time_zone": "Asia/Kolkata", "scheduled_at": "2023-08-15 12:55:00"}
DUE_AT = at("2023-08-15T07:25:00Z")


def test_a_callback_is_a_call_and_a_time() -> None:
    ask = cpaas_callback.parse_schedule(SCHEDULED, AROUND)
    assert isinstance(ask, ScheduleCallback)
    assert (ask.request.kind, ask.request.party("agent").number) == ("callback", "919979270001")
    assert (ask.request.customer.number, ask.request.customer.caller_id) == ("918000680001", "15168148111")
    assert (ask.wall, ask.time_zone, ask.due_at) == ("2023-08-15 12:55:00", "Asia/Kolkata", DUE_AT)


# "scheduled_at":"2023-12-1810:00:00" and ids with a space in front stand in the document's samples, too


def test_the_documents_other_spellings_are_the_same() -> None:
    body = SCHEDULED | {"scheduled_at": " 2023-08-1512:55:00", "time_zone": "Asia/Kolkata ", "recording_option": "OFF"}
    assert cpaas_callback.parse_schedule(body, AROUND) == cpaas_callback.parse_schedule(SCHEDULED, AROUND)


# {"response": {"request_id": "fd5ff6e021","success": "true"}}


def test_the_reply_is_the_documents_and_the_utc_time() -> None:
    reply = cpaas_callback.reply_scheduled(callback_of("fd5ff6e021", due_at=DUE_AT))
    assert reply["response"].pop("resolved_at_utc") == "2023-08-15T07:25:00Z"
    assert json.dumps(reply) == json.dumps(sample("callback_create"))


# {"request_id":"fd5ff6e021","agent_number":"91997927XXXX","caller_id":"15168148111",
#  "destination_number":"91800068XXXX","recording_option":"on","scheduled_at":"2023-08-16 09:00:02"}


def test_an_update_may_hold_anything_but_the_id_or_nothing_else() -> None:
    body = {"request_id": "fd5ff6e021", **CALL, "scheduled_at": "2023-08-16 09:00:02"}
    assert cpaas_callback.parse_change(body, AROUND) == ChangeCallback(
        request_id="fd5ff6e021",
        agent_number="919979270001",
        customer_number="918000680001",
        caller_id="15168148111",
        wall="2023-08-16 09:00:02",
    )
    assert cpaas_callback.parse_change({"request_id": "fd5ff6e021"}, AROUND) == ChangeCallback(request_id="fd5ff6e021")
    zoned = cpaas_callback.parse_change({"request_id": "fd5ff6e021", "time_zone": "US/Eastern"}, AROUND)
    assert zoned == ChangeCallback(request_id="fd5ff6e021", time_zone="US/Eastern")


# {"response": {"message": "callback data modified successfully","request_id": "fd5ff6e021","success": "true"}}


def test_the_reply_to_an_update_is_the_documents_and_the_utc_time() -> None:
    reply = cpaas_callback.reply_changed(callback_of("fd5ff6e021", due_at=DUE_AT))
    assert reply["response"].pop("resolved_at_utc") == "2023-08-15T07:25:00Z"
    assert json.dumps(reply) == json.dumps(sample("callback_update"))


# {"request_id":"fd5ff6e021"}
# {"response": {"message": "callback request deleted successfully","request_id": "fd5ff6e021","success": "true"}}


def test_a_delete_needs_the_id_and_is_answered_as_the_document_shows() -> None:
    assert cpaas_callback.parse_delete({"request_id": "fd5ff6e021"}, AROUND) == DeleteCallback("fd5ff6e021")
    assert json.dumps(cpaas_callback.reply_deleted("fd5ff6e021")) == json.dumps(sample("callback_delete"))


NAMES = [*SCHEDULED, "request_id"]


@pytest.mark.parametrize("parse", [cpaas_callback.parse_schedule, cpaas_callback.parse_change])
@given(
    body=st.dictionaries(
        st.sampled_from(NAMES),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=2)),
    )
)
def test_whatever_is_sent_is_a_callback_or_a_named_refusal(parse: Any, body: dict[str, Any]) -> None:
    for whole in (body, SCHEDULED | body):
        try:
            parse(whole, AROUND)
        except InvalidRequest as refusal:
            named = refusal.param
        else:
            named = "request_id"
        assert named in NAMES
