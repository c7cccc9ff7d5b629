"""An agent's PIN: what is kept of it, and whether somebody's keys are it."""

import hashlib
import hmac
import re
from typing import Any

from engine.credentials import resolved
from engine.errors import WrongConfig

# A PIN is short: who has the rows is to pay for every guess.
COST = {"n": 2**14, "r": 8, "p": 1}

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
