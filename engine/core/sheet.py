"""A CSV file, read a piece at a time: rows of cells, or why it is none, in memory that does not grow with it."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.core.refusal import InvalidRequest

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How large a file may be. A row, of however many lines, is at most `row_bytes` long; the header is no row."""

    rows: int = 1_000_000
    total_bytes: int = 200_000_000
    row_bytes: int = 64_000

    def too_many_bytes(self) -> InvalidRequest:
        """The refusal of what is larger."""
        return InvalidRequest(f"the file is larger than {self.total_bytes / 1e6:g} MB")


class Sheet:
    """A file whose bytes come in `chunks`. It is UTF-8, with or without a byte order mark, and quoted as RFC 4180 says.

    Raises `InvalidRequest` as soon as it is found to be none, or too large.
    """

    def __init__(self, chunks: Iterable[bytes], bounds: Bounds) -> None:
        self._bounds = bounds
        self._chunks = chunks
        self._line = 0  # the last one that was looked at
        self._of_row = 0  # bytes of it

    def rows(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Each row with the number of the line that it begins on, the header first; empty lines are none."""
        reader = csv.reader(self._lines(), strict=True)
        begins, count = 1, -1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as exc:
                raise InvalidRequest(f"line {begins}: this is no CSV: {exc}") from exc
            count += 1  # an empty line costs time, too
            if count > self._bounds.rows:
                raise InvalidRequest(f"the file has more than {self._bounds.rows:,} rows")
            if cells:
                yield begins, cells
            begins, self._of_row = self._line + 1, 0

    def _lines(self) -> Iterator[str]:
        for line in self._split():
            self._line += 1
            self._of_row += len(line)
            if self._of_row > self._bounds.row_bytes:
                raise self._too_long(self._line)
            if b"\0" in line:
                raise InvalidRequest(f"line {self._line} holds a NUL, which is in no text")
            try:
                yield line.decode()
            except UnicodeDecodeError as exc:
                raise InvalidRequest(f"line {self._line} is not UTF-8") from exc

    def _split(self) -> Iterator[bytes]:
        """Its lines, each with its end."""
        total, rest = 0, b""
        for chunk in _without_mark(self._chunks):
            total += len(chunk)
            if total > self._bounds.total_bytes:
                raise self._bounds.too_many_bytes()
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"
            if self._of_row + len(rest) > self._bounds.row_bytes:
                raise self._too_long(self._line + 1)
        if rest:
            yield rest

    def _too_long(self, line: int) -> InvalidRequest:
        longest = f"{self._bounds.row_bytes // 1000} kB"
        return InvalidRequest(f"line {line}: a row is longer than {longest}, or a quote in it has no end")


def _without_mark(chunks: Iterable[bytes]) -> Iterator[bytes]:
    begin, begun = b"", False
    for chunk in chunks:
        if begun:
            yield chunk
            continue
        begin += chunk
        if len(begin) >= len(BOM):
            begun = True
            yield begin.removeprefix(BOM)
    if not begun:
        yield begin
