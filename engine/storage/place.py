"""Files to be imported, each account's under its own prefix: how they are named, and what a place of them is."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.errors import InvalidRequest, StorageAway

# A key is a path of such names: none that leads up or out, is hidden, or is another one once it was decoded.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ ()-]{0,99}", re.ASCII)
KEY_LENGTH = 300
CHUNK_BYTES = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which folder, or with a `bucket` which bucket, of what service ("": Amazon's own). `prefix` is in front of all.

    S3's credentials are where boto3 looks for them.
    """

    folder: Path
    bucket: str = ""
    prefix: str = ""
    endpoint_url: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is open: how long it is, and its bytes, a piece at a time.

    Taking a piece raises `StorageAway` where the file ends before that many bytes.
    """

    size: int
    chunks: Iterator[bytes]


class Storage(Protocol):
    """A place of files. It blocks: it is for a process of its own."""

    def open(self, account_id: str, key: str) -> AbstractContextManager[Opened]:
        """The account's file of that key. Raises `InvalidRequest`, `NotFound`, `StorageAway`."""


def names(account_id: str, key: str) -> list[str]:
    """The path to an account's file, from the place's root. Raises `InvalidRequest`."""
    path = [account_id, *key.split("/")]
    if len(key) > KEY_LENGTH or not all(NAME.fullmatch(name) for name in path):
        raise InvalidRequest("the name of a file is made of letters, digits and . _ - ( ), and leads nowhere else")
    return path


def whole(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The pieces; it raises `StorageAway` if they are not `size` bytes in the end."""
    read = 0
    for chunk in chunks:
        read += len(chunk)
        yield chunk
    if read != size:
        raise StorageAway(f"the file ends after {read:,} of {size:,} bytes, please try again")
