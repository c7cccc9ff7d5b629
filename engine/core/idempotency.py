"""The key under which a request is made once, however often it is sent, and the answer kept for it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.refusal import InvalidRequest

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
SHAPE = re.compile(r"[ -~]{1,255}", re.ASCII)
KEEP_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One account's key. `patient` clients are made to wait for the first answer, others are told 409."""

    account_id: str
    text: str
    fingerprint: str
    keep_seconds: int
    patient: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered with, and whether it had been answered so before."""

    status: int
    body: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer to be kept under a key, once the call behind it is committed."""

    key: Key
    answer: Answer


def key_of(headers: Sequence[str], *, account_id: str, same_request_seconds: int, request: bytes) -> Key | None:
    """The key that the request's headers give it, else one made of the request where the account wants that.

    `request` is the whole of it: method, URL and canonical body. Raises `InvalidRequest`.
    """
    if headers:
        if len(headers) > 1 or not SHAPE.fullmatch(headers[0]):
            raise InvalidRequest(f"{HEADER}: 1 to 255 printable ASCII characters, once", param=HEADER)
        return Key(account_id=account_id, text=headers[0], fingerprint=_fingerprint(request), keep_seconds=KEEP_SECONDS)
    if not same_request_seconds:
        return None
    fingerprint = _fingerprint(request)
    # No header can hold a line feed: no client can choose a key of this kind.
    return Key(
        account_id=account_id,
        text=f"\n{fingerprint}",
        fingerprint=fingerprint,
        keep_seconds=same_request_seconds,
        patient=True,
    )


def _fingerprint(request: bytes) -> str:
    return hashlib.sha256(request).hexdigest()
