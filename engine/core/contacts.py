"""A contact as somebody wrote it, checked: a number to call, a name, and fields to speak; or why it is none."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import category

from engine.core.campaign_asks import ListKind, RawContact
from engine.core.reading import Read
from engine.core.refusal import InvalidRequest

NAME_LENGTH, VALUE_LENGTH = 100, 500
MOST_FIELDS = 50
FIELD = re.compile(r"[A-Za-z0-9_]{1,40}", re.ASCII)
BREAKS = re.compile(r"[\t\r\n]+")  # an address of two lines is spoken as one
UNSPOKEN = ("Cc", "Cs")  # control characters, and halves of one that is none

# What a CSV file may call the columns that are no fields, the document's name first.
NUMBER_COLUMNS: Mapping[ListKind, tuple[str, ...]] = {
    "contacts": ("contact_number",),
    "dnd": ("number", "dnd_contact_number", "contact_number"),
}
NAME_COLUMNS: Mapping[ListKind, tuple[str, ...]] = {
    "contacts": ("contact_name",),
    "dnd": ("name", "dnd_contact_name", "contact_name"),
}


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody of a list: a number in its one spelling, a name ("" for none), fields by name."""

    number: str
    name: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


def checked(raw: RawContact, read: Read) -> Contact:
    """The contact, its number as `read` spells it. Raises `InvalidRequest`, whose message says what is wrong with it.

    Whatever a name or a field holds is what is spoken, and nothing else: `=1+1` is just that. A field without a text
    is one that the contact has not.
    """
    if raw.wrong:
        raise InvalidRequest(raw.wrong)
    number = raw.number.strip()
    if not number:
        raise InvalidRequest("there is no number")
    digits = read(number).digits
    name = _text("the name", raw.name, NAME_LENGTH)
    if len(raw.fields) > MOST_FIELDS:
        raise InvalidRequest(f"more than {MOST_FIELDS} fields")
    fields = {}
    for key, value in raw.fields.items():
        if not FIELD.fullmatch(key):
            raise InvalidRequest("the name of a field is 1 to 40 letters, digits and _")
        if value:
            fields[key] = _text(key, value, VALUE_LENGTH)
    return Contact(digits, name, fields)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a file holds what: indexes, `name` None where there is none."""

    count: int
    number: int
    name: int | None
    fields: tuple[tuple[str, int], ...]

    def contact(self, cells: Sequence[str]) -> RawContact:
        """Who stands in a row of the file."""
        if len(cells) != self.count:
            return RawContact(number="", wrong=f"{len(cells)} cells where the header has {self.count}")
        name = "" if self.name is None else cells[self.name]
        return RawContact(number=cells[self.number], name=name, fields={key: cells[at] for key, at in self.fields})


def columns(kind: ListKind, header: Sequence[str]) -> Columns:
    """The columns of a file that begins with this row. Raises `InvalidRequest`."""
    names = [name.strip() for name in header]
    known = [name.lower() for name in names]
    numbers = [at for at, name in enumerate(known) if name in NUMBER_COLUMNS[kind]]
    named = [at for at, name in enumerate(known) if name in NAME_COLUMNS[kind]]
    wanted = NUMBER_COLUMNS[kind][0]
    if not numbers:
        raise InvalidRequest(f"the first line of the file must name its columns, {wanted} among them")
    if len(numbers) > 1 or len(named) > 1 or len(set(names)) < len(names):
        raise InvalidRequest("two columns of the file have the same name")
    fields = tuple((name, at) for at, name in enumerate(names) if at not in (*numbers, *named))
    if len(fields) > MOST_FIELDS:
        raise InvalidRequest(f"the file has more than {MOST_FIELDS} columns besides name and number")
    for name, at in fields:
        if not FIELD.fullmatch(name):
            raise InvalidRequest(f"column {at + 1} of the file needs a name of 1 to 40 letters, digits and _")
    return Columns(len(names), numbers[0], named[0] if named else None, fields)


def _text(what: str, text: str, length: int) -> str:
    if not text.isprintable():
        text = BREAKS.sub(" ", text)
        if any(category(each) in UNSPOKEN for each in text):
            raise InvalidRequest(f"{what} holds a control character")
    if len(text) > length:
        raise InvalidRequest(f"{what} is longer than {length} characters")
    return text
