"""The CPaaS dialect's lists, held against its document's own samples (`cpaas/*_list.json`, `cpaas/*_csv.json`)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.dialect import Operation
from engine.api.dialects.cpaas_lists import MOST_CONTACTS, OPERATIONS
from engine.core.campaign_asks import AddContacts, CreateList, ImportCsv, Imported, RawContact, Rejected
from engine.core.refusal import InvalidRequest
from engine.errors import NotFound
from tests.dialects.test_cpaas import AROUND, sample

BY_NAME: dict[str, Operation] = {operation.path.removeprefix("/api/"): operation for operation in OPERATIONS}
EXTRAS = ("imported", "duplicates", "invalid", "rejected")
LIST, DND = "LSaa8f9db7e6", "DN95716be314"


def parse(name: str, body: dict[str, Any]) -> Any:
    """What such a request asks for."""
    return BY_NAME[name].parse(body, AROUND)


def test_a_list_is_asked_for_by_its_name() -> None:
    # {"list_name":"my_campaign_list"}
    assert parse("create_campaign_list", {"list_name": "my_campaign_list"}) == CreateList(
        "contacts", "my_campaign_list"
    )
    # {"dnd_list_name":"my_first_DND_list"}
    asked = parse("create_campaign_dnd_list", {"dnd_list_name": " my_first_DND_list "})
    assert asked == CreateList("dnd", "my_first_DND_list")
    for wrong in ({}, {"list_name": ""}, {"list_name": "x" * 101}, {"list_name": "a\0b"}, {"list_name": ["a"]}):
        with pytest.raises(InvalidRequest):
            parse("create_campaign_list", wrong)


# {"response": {"list_id": "LSdb6a12e1f1","success": "true"}}
# {"response": {"dnd_list_id": "DNda1b361461","success": "true"}}


@pytest.mark.parametrize(
    ("name", "list_id"), [("create_campaign_list", "LSdb6a12e1f1"), ("create_campaign_dnd_list", "DNda1b361461")]
)
def test_a_new_list_is_told_as_the_document_tells_it(name: str, list_id: str) -> None:
    assert json.dumps(BY_NAME[name].reply(list_id)) == json.dumps(sample(name))


# {"response": {"message": "(2) contacts imported successfully","success": "true"}}
# {"response": {"message": "(2) DND contacts imported successfully","success": "true"}}


@pytest.mark.parametrize(
    "name",
    [
        "add_contact_to_list",
        "import_broadcast_contacts_csv",
        "add_dnd_contact_to_list",
        "import_dnd_contacts_csv",
    ],
)
def test_what_was_imported_is_told_as_the_document_tells_it_and_more(name: str) -> None:
    rejected = (Rejected(3, "there is no number"),)
    reply: Any = BY_NAME[name].reply(Imported(imported=2, duplicate=1, invalid=4, rejected=rejected))
    extras = [reply["response"].pop(extra) for extra in EXTRAS]
    assert extras == [2, 1, 4, [{"line": 3, "reason": "there is no number"}]]
    assert json.dumps(reply) == json.dumps(sample(name))


# The document's CURL, letter by letter: names of its keys are split where the page broke a line.
CURL = (
    '{"list_id":"LSaa8f9db7e6","contacts":[{"contact_name":"ankit","contact_number":"91997927XXXX","co ntact_fields":'
    '{"field1":"Ankit","field2":"Jayswal","field3":"500"}},{"contact_name":"abc","contact_numb er":"91800068XXXX",'
    '"contact_fields":{"field1":"abc","field2":"xyz","field3":"100"}}]}'
)
ASKED = AddContacts(
    kind="contacts",
    list_id=LIST,
    contacts=(
        RawContact(
            number="91997927XXXX", name="ankit", fields={"field1": "Ankit", "field2": "Jayswal", "field3": "500"}
        ),
        RawContact(number="91800068XXXX", name="abc", fields={"field1": "abc", "field2": "xyz", "field3": "100"}),
    ),
)


def test_the_document_s_own_request_is_understood() -> None:
    assert parse("add_contact_to_list", json.loads(CURL)) == ASKED


def test_contacts_may_be_an_array_or_its_text() -> None:
    # "contacts | String | Provide array of contacts as per mentioned in above body"
    body = json.loads(CURL)
    assert parse("add_contact_to_list", body | {"contacts": json.dumps(body["contacts"])}) == ASKED


def test_numbers_that_are_not_to_be_called_have_names_of_their_own() -> None:
    # {"dnd_list_id":"DN95716be314","dnd_contacts":[{"dnd_contact_name":"ankit","dnd_contact_number":"91997927XXXX"},…
    body = {
        "dnd_list_id": DND,
        "dnd_contacts": [{"dnd_contact_name": "ankit", "dnd_contact_number": 919979270001}],
    }
    assert parse("add_dnd_contact_to_list", body) == AddContacts(
        kind="dnd", list_id=DND, contacts=(RawContact(number="919979270001", name="ankit"),)
    )


def test_a_file_is_named() -> None:
    # {"list_id":"LS608c393614","csv_name":"contacts_dynamic_announcement.csv"}
    body = {"list_id": "LS608c393614", "csv_name": "contacts_dynamic_announcement.csv"}
    assert parse("import_broadcast_contacts_csv", body) == ImportCsv(
        kind="contacts", list_id="LS608c393614", key="contacts_dynamic_announcement.csv"
    )
    # {"dnd_list_id":"DNd2b09f8f80","dnd_csv_name":"dnd_contacts.csv"}
    body = {"dnd_list_id": "DNd2b09f8f80", "dnd_csv_name": "dnd_contacts.csv"}
    assert parse("import_dnd_contacts_csv", body) == ImportCsv(
        kind="dnd", list_id="DNd2b09f8f80", key="dnd_contacts.csv"
    )


@pytest.mark.parametrize("written", [f" {LIST}", f"“{LIST}”", f"”{LIST}″", f"'{LIST}' "])
def test_an_id_is_the_same_with_the_document_s_spaces_and_quotes(written: str) -> None:
    body = json.loads(CURL) | {"list_id": written}
    assert parse("add_contact_to_list", body) == ASKED


@pytest.mark.parametrize("list_id", [DND, "LS1", LIST.lower(), LIST + "0", "1", "' OR 1=1 --", "LSａa8f9db7e6", "a\0"])
def test_no_list_has_an_id_that_is_none(list_id: str) -> None:
    with pytest.raises(NotFound):
        parse("add_contact_to_list", json.loads(CURL) | {"list_id": list_id})


@pytest.mark.parametrize(
    "contacts", [None, [], {}, "", "[", "{}", "1", 7, True, "[" * 100_000, [{}] * (MOST_CONTACTS + 1)]
)
def test_what_is_no_array_of_contacts_is_refused_by_name(contacts: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse("add_contact_to_list", {"list_id": LIST, "contacts": contacts})
    assert refused.value.param == "contacts"


@pytest.mark.parametrize(
    ("contact", "wrong"),
    [
        ("919910000101", "this is no object"),
        (None, "this is no object"),
        ({"contact_number": ["1"]}, "contact_name and contact_number must be strings"),
        ({"contact_number": True}, "contact_name and contact_number must be strings"),
        ({"contact_number": "1", "contact_name": {}}, "contact_name and contact_number must be strings"),
        ({"contact_number": "1", "contact_fields": "a"}, "contact_fields must be an object"),
        ({"contact_number": "1", "contact_fields": {"a": []}}, "each of contact_fields must be a string or a number"),
        (
            {"contact_number": "1", "contact_fields": {"a": False}},
            "each of contact_fields must be a string or a number",
        ),
    ],
)
def test_a_contact_that_is_none_does_not_keep_the_others_out(contact: Any, wrong: str) -> None:
    good = {"contact_number": "919910000101", "contact_fields": {"amount": 500, "rate": 1.5, "none": None}}
    asked = parse("add_contact_to_list", {"list_id": LIST, "contacts": [contact, good]})
    assert [each.wrong for each in asked.contacts] == [wrong, ""]
    assert asked.contacts[1].fields == {"amount": "500", "rate": "1.5", "none": ""}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@given(ANYTHING, st.sampled_from(sorted(BY_NAME)))
def test_nothing_is_worse_than_refused(anything: Any, name: str) -> None:
    names = ("list_id", "dnd_list_id", "contacts", "dnd_contacts", "list_name", "dnd_list_name", "csv_name")
    good = {"list_id": LIST, "dnd_list_id": DND}
    for key in names:
        try:
            parse(name, good | {key: anything})
        except (InvalidRequest, NotFound):
            continue
