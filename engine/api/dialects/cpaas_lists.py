"""The CPaaS suite's lists: of contacts, of numbers not to be disturbed, and what is put into them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.api.dialect import Body, Operation, Surroundings
from engine.api.dialects.cpaas_params import required
from engine.core.asks import Ask
from engine.core.campaign_asks import AddContacts, CreateList, ImportCsv, Imported, ListKind, RawContact
from engine.core.refusal import InvalidRequest
from engine.errors import NotFound

MOST_CONTACTS = 10_000  # of a request: more are a file
QUOTES = "“”„‟″‘’\"'"  # as the document's own samples have them
UNSPOKEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the document calls things of one kind of list."""

    kind: ListKind
    ids: re.Pattern[str]
    list_id: str
    list_name: str
    contacts: str
    contact_name: str
    contact_number: str
    contact_fields: str
    csv_name: str
    imported: str


CONTACTS = Words(
    kind="contacts",
    ids=re.compile(r"LS[0-9a-f]{10}", re.ASCII),
    list_id="list_id",
    list_name="list_name",
    contacts="contacts",
    contact_name="contact_name",
    contact_number="contact_number",
    contact_fields="contact_fields",
    csv_name="csv_name",
    imported="({}) contacts imported successfully",
)
DND = Words(
    kind="dnd",
    ids=re.compile(r"DN[0-9a-f]{10}", re.ASCII),
    list_id="dnd_list_id",
    list_name="dnd_list_name",
    contacts="dnd_contacts",
    contact_name="dnd_contact_name",
    contact_number="dnd_contact_number",
    contact_fields="dnd_contact_fields",
    csv_name="dnd_csv_name",
    imported="({}) DND contacts imported successfully",
)


def parse_create(words: Words, body: Body, around: Surroundings) -> Ask:
    """A list of that name."""
    name = required(body, words.list_name)
    if UNSPOKEN.search(name):
        raise InvalidRequest(f"{words.list_name} holds a control character", param=words.list_name)
    return CreateList(words.kind, name)


def parse_add(words: Words, body: Body, around: Surroundings) -> Ask:
    """An array of contacts, or the JSON text of one: the document calls it a string."""
    list_id = _list_id(words, body)
    found = body.get(words.contacts)
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError) as exc:
            raise InvalidRequest(f"{words.contacts} is not valid JSON", param=words.contacts) from exc
    if not isinstance(found, list) or not found:
        raise InvalidRequest(f"{words.contacts} must be an array of contacts", param=words.contacts)
    if len(found) > MOST_CONTACTS:
        raise InvalidRequest(f"{words.contacts}: at most {MOST_CONTACTS:,} at once", param=words.contacts)
    return AddContacts(kind=words.kind, list_id=list_id, contacts=tuple(_contact(words, each) for each in found))


def parse_import(words: Words, body: Body, around: Surroundings) -> Ask:
    """A file of the account's, by its name."""
    return ImportCsv(kind=words.kind, list_id=_list_id(words, body), key=_bare(required(body, words.csv_name)))


def reply_created(words: Words, list_id: str) -> Body:
    """The document's reply."""
    return {"response": {words.list_id: list_id, "success": "true"}}


def reply_imported(words: Words, imported: Imported) -> Body:
    """The document's reply; what was left out, and why, are extra fields of ours."""
    return {
        "response": {
            "message": words.imported.format(imported.imported),
            "success": "true",
            "imported": imported.imported,
            "duplicates": imported.duplicate,
            "invalid": imported.invalid,
            "rejected": [{"line": each.line, "reason": each.reason} for each in imported.rejected],
        }
    }


def _list_id(words: Words, body: Body) -> str:
    """An id that could be one of ours; of any other there is no list."""
    found = _bare(required(body, words.list_id))
    if not words.ids.fullmatch(found):
        raise NotFound("there is no such list")
    return found


def _bare(text: str) -> str:
    return text.strip(QUOTES + " ")


def _contact(words: Words, given: object) -> RawContact:
    if not isinstance(given, Mapping):
        return _wrong("this is no object")
    found = given
    if not given.keys() <= {words.contact_name, words.contact_number, words.contact_fields}:
        # The document's own sample has names that a line break split: "co ntact_fields".
        found = {"".join(str(name).split()): value for name, value in given.items()}
    number, name = _text(found.get(words.contact_number)), _text(found.get(words.contact_name))
    if number is None or name is None:
        return _wrong(f"{words.contact_name} and {words.contact_number} must be strings")
    fields = found.get(words.contact_fields)
    if fields is not None and not isinstance(fields, Mapping):
        return _wrong(f"{words.contact_fields} must be an object")
    kept = {}
    for key, value in fields.items() if fields else ():
        text = _text(value)
        if text is None:
            return _wrong(f"each of {words.contact_fields} must be a string or a number")
        kept[str(key).strip()] = text
    return RawContact(number=number, name=name, fields=kept)


def _wrong(reason: str) -> RawContact:
    return RawContact(number="", wrong=reason)


def _text(value: Any) -> str | None:
    """A text, or the digits of a number; "" for nothing, None for what is neither."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return str(value)
    except ValueError:  # an integer of thousands of digits
        return None


OPERATIONS = tuple(
    Operation("POST", path, partial(parse, words), partial(reply, words))
    for words, path, parse, reply in (
        (CONTACTS, "/api/create_campaign_list", parse_create, reply_created),
        (CONTACTS, "/api/add_contact_to_list", parse_add, reply_imported),
        (CONTACTS, "/api/import_broadcast_contacts_csv", parse_import, reply_imported),
        (DND, "/api/create_campaign_dnd_list", parse_create, reply_created),
        (DND, "/api/add_dnd_contact_to_list", parse_add, reply_imported),
        (DND, "/api/import_dnd_contacts_csv", parse_import, reply_imported),
    )
)
