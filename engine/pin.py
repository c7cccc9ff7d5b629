"""An agent's PIN: what is kept of it, whether somebody's keys are it, how often they may not be."""

import hashlib
import hmac
import re
from collections import deque
from dataclasses import dataclass
from typing import Any

from engine.credentials import resolved
from engine.errors import WrongConfig

# A PIN is short: who has the rows is to pay for every guess.
COST = {"n": 2**14, "r": 8, "p": 1}

# So many wrong ones within that time; then none is heard any more, not even the right one.
FROM_ONE_TELEPHONE = 10
FOR_ONE_AGENT = 50  # from all telephones: who tries at one of them locks nobody out at another
WRONG_SECONDS = 900.0

SHAPE = re.compile(r"[0-9]{4,8}", re.ASCII)


def keep(agent: dict[str, Any], *, account_id: str, agent_id: str) -> None:
    """Put what is kept of an agent's PIN in its place, as applied. Raises `WrongConfig` for one that is none."""
    given = agent.pop("pin")
    pin = resolved(given) if given else ""
    if pin and not SHAPE.fullmatch(pin):
        raise WrongConfig("a PIN is made of 4 to 8 digits")
    agent["pin_scrypt"] = hashed(pin, account_id=account_id, agent_id=agent_id) if pin else ""


def hashed(pin: str, *, account_id: str, agent_id: str) -> str:
    """What is kept; the same PIN of another agent looks different."""
    return hashlib.scrypt(pin.encode(), salt=f"{account_id}/{agent_id}".encode(), **COST).hex()


def proves(kept: str, pin: str, *, account_id: str, agent_id: str) -> bool:
    """Whether that is the PIN. It takes as long where none is kept ("")."""
    told = hashed(pin, account_id=account_id, agent_id=agent_id)
    return hmac.compare_digest(kept, told) and bool(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wrong:
    at: float
    telephone: str
    agent: tuple[str, str]


class WrongPins:
    """The wrong ones of late, on this node, since the engine began: whoever can restart it needs no PIN."""

    def __init__(self) -> None:
        self._wrong: deque[_Wrong] = deque()

    def refusal(self, telephone: str, agent: tuple[str, str], *, right: bool, now: float) -> str:
        """Why a try is in vain, "" where it is not: `agent` is account and id, `now` in seconds of any clock.

        A right one takes back what went wrong before it at that telephone for that agent, and no more: nobody makes
        room for guesses at somebody else's PIN with the own one.
        """
        while self._wrong and self._wrong[0].at < now - WRONG_SECONDS:
            self._wrong.popleft()
        if sum(each.telephone == telephone for each in self._wrong) >= FROM_ONE_TELEPHONE:
            return "too many wrong PINs from this telephone"
        if sum(each.agent == agent for each in self._wrong) >= FOR_ONE_AGENT:
            return "too many wrong PINs for this agent"
        if not right:
            self._wrong.append(_Wrong(at=now, telephone=telephone, agent=agent))
            return "wrong PIN or agent"
        self._wrong = deque(each for each in self._wrong if (each.telephone, each.agent) != (telephone, agent))
        return ""
