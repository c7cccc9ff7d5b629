"""Files for Asterisk: whole or not at all, and to be read by whoever may enter the folder above them."""

import os
from pathlib import Path
from tempfile import mkstemp

PART = ".part"  # what the name of a file that is being written ends with
ENTERED, READABLE = 0o755, 0o644  # whatever our umask is: who may read is for the folder above to say


def write(path: Path, content: bytes) -> None:
    """The file, even if the power fails. Raises `OSError`."""
    make(path.parent)
    number, part = mkstemp(dir=path.parent, suffix=PART)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(number)
        os.chmod(part, READABLE)
        os.replace(part, path)
    except OSError:
        os.unlink(part)  # on a full disk each look would leave one
        raise


def make(folder: Path) -> None:
    """The folder, and those above it; one that is there stays as it is."""
    if not folder.is_dir():
        make(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(ENTERED)
