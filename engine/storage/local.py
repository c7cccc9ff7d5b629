"""Files to be imported in a folder of this host: nothing leads out of it, not even a link."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import InvalidRequest, NotFound, StorageAway
from engine.storage.place import CHUNK_BYTES, Opened, names, whole

# A link is not followed, at whatever place of the path; and nobody waits for the writer of a pipe.
ENTERING = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECTORY
READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Folder:
    """See `Storage`. A file is opened step by step, each from the folder before: what is renamed meanwhile is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def open(self, account_id: str, key: str) -> Iterator[Opened]:
        """See `Storage.open`."""
        number = self._opened(names(account_id, key))
        try:
            about = os.fstat(number)
            if not stat.S_ISREG(about.st_mode):
                raise InvalidRequest("this is no file")
            yield Opened(about.st_size, whole(_pieces(number), about.st_size))
        finally:
            os.close(number)

    def _opened(self, path: list[str]) -> int:
        try:
            at = os.open(self._folder, ENTERING & ~os.O_NOFOLLOW)
        except OSError as exc:
            raise _refusal(exc) from exc
        for step, name in enumerate(path, start=1):
            try:
                inner = os.open(name, READING if step == len(path) else ENTERING, dir_fd=at)
            except OSError as exc:
                raise _refusal(exc) from exc
            finally:
                os.close(at)
            at = inner
        return at


def _pieces(number: int) -> Iterator[bytes]:
    try:
        while piece := os.read(number, CHUNK_BYTES):
            yield piece
    except OSError as exc:
        raise _refusal(exc) from exc


def _refusal(exc: OSError) -> Exception:
    match exc.errno:
        case errno.ENOENT:
            return NotFound("there is no such file")
        case errno.ENOTDIR | errno.ELOOP | errno.EISDIR | errno.ENXIO:
            return InvalidRequest("this is no file")
        case _:
            return StorageAway(f"the file can not be read: {exc.strerror}")
