"""What a dialplan asks: the lines that open a FastAGI connection, read and checked."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from engine.core.account import Account

LINE = re.compile(r"(agi_[a-z0-9_]{1,40}): ?([^\r\n\x00]*)", re.ASCII)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
MOST_PARAMETERS = 8
# What each path may be asked with; the account can be named in any of them.
PARAMETERS = {
    "sticky": ("number", "account"),
    "permit": ("number", "caller_id", "account"),
    "dnd": ("number", "account"),
    "caller": ("number", "account"),
}
OF_CALLER = ("sticky", "caller")  # where no number is given, it is the caller's


class Refused(Exception):
    """It is not answered; `reason` says why, in a word that a dialplan can compare."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question: its path, what it is asked with, and the numbers the call may have come in on."""

    path: str
    number: str
    of_caller: bool = False  # the number is what the line says of who calls, not what somebody wrote
    account_id: str = ""
    caller_id: str = ""
    dids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and by whom."""

    asked: Asked
    account: Account


def read(lines: Iterable[str]) -> Asked:
    """What is asked by these lines. Raises `Refused`.

    A parameter given twice is refused: whoever put a caller's text unescaped into the address lets the caller add
    parameters, and the account may not be chosen by a caller.
    """
    given = _environment(lines)
    path, _, query = given.get("agi_network_script", "").partition("?")
    path = path.strip("/")
    if path not in PARAMETERS:
        raise Refused("unknown_path")
    parameters = _parameters(query, PARAMETERS[path])
    number = parameters.get("number") or (given.get("agi_callerid", "") if path in OF_CALLER else "")
    account_id = parameters.get("account", "")
    if account_id and not NAME.fullmatch(account_id):
        raise Refused("unknown_account")
    return Asked(
        path=path,
        number=number,
        of_caller=path in OF_CALLER and not parameters.get("number"),
        account_id=account_id,
        caller_id=parameters.get("caller_id", ""),
        dids=tuple(_digits(given[name]) for name in ("agi_dnid", "agi_extension") if _digits(given.get(name, ""))),
    )


def _environment(lines: Iterable[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        match = LINE.fullmatch(line)
        if match is None or match[1] in found:
            raise Refused("not_agi")
        found[match[1]] = match[2].strip()
    return found


def _parameters(query: str, known: tuple[str, ...]) -> Mapping[str, str]:
    try:
        # A plus is part of a number here, and never a space.
        query = query.replace("+", "%2B")
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=MOST_PARAMETERS)
    except ValueError as exc:
        raise Refused("invalid_query") from exc
    parameters = dict(pairs)
    if len(parameters) < len(pairs) or not parameters.keys() <= set(known):
        raise Refused("invalid_query")
    return parameters


def _digits(text: str) -> str:
    """The digits of a dialed number, without what says that it is international; "" where it is none."""
    digits = text.removeprefix("+")
    return digits if re.fullmatch(r"[0-9]{3,15}", digits, re.ASCII) else ""
