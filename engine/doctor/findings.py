"""What a check comes to: what was found, and where it does not hold what to do."""

from dataclasses import dataclass


class Failed(Exception):
    """A check did not hold: what was found, and what to do."""

    def __init__(self, found: str, fix: str) -> None:
        super().__init__(found)
        self.found = found
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `fix` is empty where all is well."""

    check: str
    found: str
    fix: str = ""
