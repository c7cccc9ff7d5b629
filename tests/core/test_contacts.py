"""Contacts and their CSV files: what is taken, what is left out and why, what is refused as a whole."""

import csv
import io
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.campaign_asks import ListKind, RawContact
from engine.core.contacts import Contact, checked, columns
from engine.core.reading import reader
from engine.core.refusal import InvalidRequest
from engine.core.sheet import Bounds, Sheet

READ = reader("IN")
NUMBER = "919910000101"


def refused(raw: RawContact) -> str:
    """Why it is none."""
    with pytest.raises(InvalidRequest) as refusal:
        checked(raw, READ)
    return refusal.value.message


def rows(content: bytes, bounds: Bounds | None = None, *, size: int = 7) -> list[tuple[int, list[str]]]:
    """The rows of a file that comes in pieces of so many bytes."""
    chunks = (content[at : at + size] for at in range(0, len(content), size))
    return [(line, list(cells)) for line, cells in Sheet(chunks, bounds or Bounds()).rows()]


def no_sheet(content: bytes, bounds: Bounds | None = None) -> str:
    """Why the file is none."""
    with pytest.raises(InvalidRequest) as refusal:
        rows(content, bounds)
    return refusal.value.message


# -- one contact -------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [NUMBER, "9910000101", "+" + NUMBER, "00" + NUMBER, f" {NUMBER}\n"])
def test_a_number_is_kept_in_its_one_spelling(written: str) -> None:
    assert checked(RawContact(number=written, name="ankit"), READ) == Contact(NUMBER, "ankit")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/C calc'!A0", "{0.__class__}", "500", "सत्र"])
def test_a_formula_in_a_name_or_a_field_is_a_text_like_any_other(text: str) -> None:
    assert checked(RawContact(number=NUMBER, name=text, fields={"field1": text}), READ) == Contact(
        NUMBER, text, {"field1": text}
    )


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("=1+1", "only digits, 3 to 15 of them, with an optional + in front"),
        ("91997927XXXX", "only digits, 3 to 15 of them, with an optional + in front"),
        ("9.19910E+11", "only digits, 3 to 15 of them, with an optional + in front"),
        ("９１９９１００００１０１", "only digits, 3 to 15 of them, with an optional + in front"),
        ("112", "an emergency number is not a valid telephone number here"),
        ("91991", "not a valid telephone number"),
        ("", "there is no number"),
        ("  ", "there is no number"),
    ],
)
def test_what_is_no_number_is_told(number: str, why: str) -> None:
    assert refused(RawContact(number=number)) == why


def test_each_limit_holds_and_is_told() -> None:
    longest = RawContact(number=NUMBER, name="n" * 100, fields={"f" * 40: "v" * 500})
    assert checked(longest, READ).fields == {"f" * 40: "v" * 500}
    assert refused(RawContact(number=NUMBER, name="n" * 101)) == "the name is longer than 100 characters"
    assert refused(RawContact(number=NUMBER, fields={"a": "v" * 501})) == "a is longer than 500 characters"
    assert refused(RawContact(number=NUMBER, fields={f"f{n}": "1" for n in range(51)})) == "more than 50 fields"
    for name in ("", "f" * 41, "a b", "é", "a\n", "{a}"):
        assert refused(RawContact(number=NUMBER, fields={name: "1"})).startswith("the name of a field is")
    assert refused(RawContact(number=NUMBER, wrong="no object")) == "no object"


def test_control_characters_are_refused_and_the_ends_of_lines_become_spaces() -> None:
    for text in ("a\0b", "\x1b[2J", "\x9b31m", "\ud800", "a\x7f"):
        assert refused(RawContact(number=NUMBER, name=text)) == "the name holds a control character"
        assert refused(RawContact(number=NUMBER, fields={"a": text})) == "a holds a control character"
    assert checked(RawContact(number=NUMBER, fields={"a": "12 Main St\r\nDelhi\t1"}), READ).fields == {
        "a": "12 Main St Delhi 1"
    }


def test_a_field_without_a_text_is_one_that_the_contact_has_not() -> None:
    assert checked(RawContact(number=NUMBER, fields={"a": "", "b": "1"}), READ).fields == {"b": "1"}


# -- columns -----------------------------------------------------------------------------------

# "header row: contact_name, contact_number, then any column = contact field; DND: name, number" (E13)


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("contacts", ["contact_name", "contact_number", "field1"]),
        ("contacts", [" Contact_Name ", "CONTACT_NUMBER", "field1"]),
        ("dnd", ["name", "number", "field1"]),
        ("dnd", ["dnd_contact_name", "dnd_contact_number", "field1"]),
        ("dnd", ["contact_name", "contact_number", "field1"]),
    ],
)
def test_columns_are_known_by_their_names(kind: ListKind, header: list[str]) -> None:
    raw = columns(kind, header).contact(["ankit", NUMBER, "500"])
    assert raw == RawContact(number=NUMBER, name="ankit", fields={"field1": "500"})


def test_columns_may_stand_in_any_order_and_a_name_may_be_missing() -> None:
    assert columns("contacts", ["a", "contact_number"]).contact(["1", NUMBER]) == RawContact(
        number=NUMBER, fields={"a": "1"}
    )


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (["ankit", NUMBER], "the first line of the file must name its columns, contact_number among them"),
        (["contact_name", "number"], "the first line of the file must name its columns, contact_number among them"),
        (["contact_number", "contact_number"], "two columns of the file have the same name"),
        (["contact_number", "Contact_Number"], "two columns of the file have the same name"),
        (["contact_number", "a", " a"], "two columns of the file have the same name"),
        (["contact_number", ""], "column 2 of the file needs a name of 1 to 40 letters, digits and _"),
        (["contact_number", "=1+1"], "column 2 of the file needs a name of 1 to 40 letters, digits and _"),
        (
            ["contact_number", *(f"f{n}" for n in range(1000))],
            "the file has more than 50 columns besides name and number",
        ),
    ],
)
def test_a_header_that_does_not_name_its_columns_is_refused(header: list[str], why: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        columns("contacts", header)
    assert refusal.value.message == why


def test_a_row_of_other_cells_than_the_header_names_is_left_out() -> None:
    named = columns("contacts", ["contact_name", "contact_number"])
    assert refused(named.contact(["ankit"])) == "1 cells where the header has 2"
    assert refused(named.contact(["ankit", NUMBER, "more"])) == "3 cells where the header has 2"


# -- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_rows_are_read_however_the_file_is_cut(mark: bytes, end: bytes, size: int) -> None:
    content = mark + end.join((b"a,b", b'"x, ""y""",\xc3\xa9', b"", b'"two', b'lines",1', b"last,2"))
    breaks = end.decode()
    assert rows(content, size=size) == [
        (1, ["a", "b"]),
        (2, ['x, "y"', "é"]),
        (4, [f"two{breaks}lines", "1"]),
        (6, ["last", "2"]),
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=9), min_size=2)),
    st.integers(1, 99),
)
def test_what_was_written_is_what_is_read(written: list[list[str]], size: int) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(written)
    read = rows(file.getvalue().encode(), size=size)
    first = [cells for _, cells in read]
    if written and written[0][0].startswith("\ufeff"):
        assert first[1:] == written[1:]
    else:
        assert first == written


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_are_worse_than_refused(content: bytes) -> None:
    with suppress(InvalidRequest):
        assert all(isinstance(cell, str) for _, cells in rows(content) for cell in cells)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("é,1\nü,2".encode("latin-1"), "line 1 is not UTF-8"),
        ("a,1\nü,2".encode("latin-1"), "line 2 is not UTF-8"),
        ("a,1\n".encode("utf-16"), "line 1 holds a NUL, which is in no text"),
        (b"a,b\n1,\0\n", "line 2 holds a NUL, which is in no text"),
        (b"a,b\n1,2\n3,\xed\xa0\x80", "line 3 is not UTF-8"),
        (b'a,b\n"1"x,2', "line 2: this is no CSV: ',' expected after '\"'"),
        (b'a,b\n1,"2\n3,4\n', "line 2: this is no CSV: unexpected end of data"),
        (b"a,b\rc,d\re,f\n", "line 1: this is no CSV: new-line character seen in unquoted field"),
    ],
)
def test_what_is_no_csv_in_utf_8_is_refused_by_its_line(content: bytes, why: str) -> None:
    assert no_sheet(content).startswith(why)


def test_each_bound_of_a_file_holds() -> None:
    bounds = Bounds(rows=2, total_bytes=40, row_bytes=15)
    assert len(rows(b"h\n1\n2\n", bounds)) == 3
    assert no_sheet(b"h\n1\n2\n3\n", bounds) == "the file has more than 2 rows"
    assert no_sheet(b"h\n" * 21, bounds) == "the file has more than 2 rows"
    assert no_sheet(b"h\n" + b"\n" * 3, bounds) == "the file has more than 2 rows"
    assert no_sheet(b"h\n" * 3, Bounds(total_bytes=5)) == "the file is larger than 5e-06 MB"
    too_long = "line {}: a row is longer than 0 kB, or a quote in it has no end"
    assert no_sheet(b"h\n" + b"x" * 16, bounds) == too_long.format(2)
    assert no_sheet(b'h\n"' + b"x\n" * 16, bounds) == too_long.format(9)


@pytest.mark.parametrize("line", [b"x" * 65536, b"x\n" * 32768, b"\n" * 65536])
def test_a_quote_without_an_end_ends_early_and_in_little_memory(line: bytes) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b'contact_name,contact_number\n"'
        while True:
            taken += 1
            yield line

    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest, match=r"a row is longer than 64 kB, or a quote in it has no end"):
            list(Sheet(endless(), Bounds()).rows())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 4
    assert peak < 20_000_000
