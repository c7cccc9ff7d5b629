"""Links to recordings that whoever has one may follow, for a while and without an account's secret."""

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from engine.errors import Forbidden

PURPOSE = "legwork links to recordings"  # what the key is derived for
PATH = "/v1/recordings/"
LONGEST = 12  # digits of a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Signed with `key`, good for so many seconds, and begun with `base` ("": with their path)."""

    key: bytes = field(repr=False)
    seconds: int
    base: str = ""
    now: Callable[[], float] = time.time

    def to(self, name: str) -> str:
        """A link to the recording of that name."""
        expires = str(int(self.now()) + self.seconds)
        query = urlencode({"expires": expires, "signature": self._signature(name, expires)})
        return f"{self.base.rstrip('/')}{PATH}{name}?{query}"

    def check(self, name: str, expires: str, signature: str) -> None:
        """Return if that is what a link of ours says which is still good. Raises `Forbidden`."""
        # Signatures are compared first, and all of them: who guesses is not told which part of it was right.
        right = hmac.compare_digest(self._signature(name, expires).encode(), signature.encode("utf-8", "replace"))
        known = expires.isascii() and expires.isdecimal() and len(expires) <= LONGEST
        if not (right and known) or int(expires) <= self.now():
            raise Forbidden

    def _signature(self, name: str, expires: str) -> str:
        # Neither has a line feed in it that could move the border between the two.
        return hmac.digest(self.key, f"{name}\n{expires}".encode("utf-8", "replace"), "sha256").hex()
