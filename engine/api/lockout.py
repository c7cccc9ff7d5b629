"""Who failed too often to prove who they are, and until when they are not heard."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from engine.core.account import Address
from engine.errors import LockedOut

MINUTE_SECONDS = 60.0
SOURCES = 4096  # more than that are not remembered: those that failed longest ago are forgotten
NETWORK_BITS = 64  # what one IPv6 customer has of its own

Source = tuple[int, int] | None


@dataclass(slots=True)
class Lockout:
    """At most `per_minute` failures of one source in any minute; the rest is refused unheard."""

    per_minute: int
    clock: Callable[[], float] = time.monotonic
    _failures: OrderedDict[Source, deque[float]] = field(default_factory=OrderedDict)

    def check(self, address: Address | None) -> None:
        """Return if the address is to be heard. Raises `LockedOut`."""
        failures = self._failures.get(_source(address))
        if failures is None or len(failures) < self.per_minute:
            return
        seconds = failures[0] + MINUTE_SECONDS - self.clock()
        if seconds > 0:
            raise LockedOut(retry_after_seconds=math.ceil(seconds))

    def note(self, address: Address | None) -> bool:
        """Count a failure; whether it was the last one to be heard."""
        source = _source(address)
        failures = self._failures.setdefault(source, deque(maxlen=self.per_minute))
        failures.append(self.clock())
        self._failures.move_to_end(source)
        if len(self._failures) > SOURCES:
            self._failures.popitem(last=False)
        return len(failures) == self.per_minute and failures[0] + MINUTE_SECONDS > failures[-1]


def _source(address: Address | None) -> Source:
    if isinstance(address, IPv6Address):
        return 6, int(address) >> NETWORK_BITS
    return None if address is None else (4, int(address))
