"""A log that another process writes, read from where it ended when the reader was made."""

from pathlib import Path


class Tail:
    """The lines added since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = path.stat().st_size if path.exists() else 0

    def lines(self) -> list[bytes]:
        """Those not read yet, whole ones only."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as log:
            log.seek(self._read)
            whole = log.read().rpartition(b"\n")
        self._read += len(whole[0]) + len(whole[1])
        return whole[0].splitlines()
