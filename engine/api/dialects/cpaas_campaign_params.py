"""Parameters of the CPaaS suite's campaigns: names with aliases, ids as documents print them, what is said and to whom.

Each is refused by the name it was given.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, get_args

from engine.api.dialect import Body, Surroundings
from engine.api.dialects.cpaas_params import required, text, whole
from engine.core import connect, permit
from engine.core.amd import Amd, OnMachine
from engine.core.campaign import RETRY_ON
from engine.core.causes import Disposition
from engine.core.refusal import InvalidRequest
from engine.core.speech import FIELD, LONGEST_CHARACTERS, spoken

ID = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
QUOTES = " \t\"'“”„‟‘’‚‛″′«»`"  # what word processors put around an id
UNSPEAKABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
FIELD_NAME = re.compile(r"[A-Za-z0-9_]{1,40}", re.ASCII)  # as contacts may have them
AUDIBLE = "1"  # what a field is taken to hold while the text is checked
FLAGS = {"0": False, "1": True}
AMD_WORDS = ("off", "asterisk")
RETRIED = (*RETRY_ON, Disposition.CHANUNAVAIL)  # never who answered, is not to be called, or whom we did not reach for
MOST_STATUSES = 20
SPELLINGS = {"NOANSER": Disposition.NOANSWER}  # the document's own
# What Asterisk's AMD may be told, from and to: milliseconds, words, a loudness.
AMD_RANGES = {
    "initial_silence": (100, 20_000),
    "greeting": (100, 20_000),
    "after_greeting_silence": (50, 10_000),
    "total_analysis_time": (500, 30_000),
    "minimum_word_length": (10, 5_000),
    "between_words_silence": (10, 5_000),
    "maximum_number_of_words": (1, 100),
    "silence_threshold": (0, 32_767),
    "maximum_word_length": (100, 20_000),
}


def tidied(body: Body) -> Body:
    """The body with its names as they are meant: a sample of the document has `calls_per_min ute`."""
    return {"".join(name.split()): value for name, value in body.items()}


def written_id(body: Body, name: str) -> str:
    """The id of that parameter without spaces and quotes around it, "" where it is missing."""
    found = text(body, name).strip(QUOTES)
    if found and not ID.fullmatch(found):
        raise InvalidRequest(f"{name} is not valid", param=name)
    return found


def required_id(body: Body, name: str) -> str:
    """As above, of one that has to be there."""
    found = written_id(body, name)
    if not found:
        raise InvalidRequest(f"{name} is required", param=name)
    return found


def line(body: Body, name: str, *, most: int = 100) -> str:
    """One line of printable text, "" where it is missing."""
    found = " ".join(text(body, name, most=most).split())
    if UNSPEAKABLE.search(found):
        raise InvalidRequest(f"{name}: it has characters that are none", param=name)
    return found


def ranged(body: Body, names: str | Iterable[str], least: int, most: int, *, default: int | None = None) -> int:
    """The whole number of a parameter that goes by these names; without a default one of them has to be there."""
    names = (names,) if isinstance(names, str) else tuple(names)
    given = {name: whole(body, name, default=0) for name in names if text(body, name)}
    if len(set(given.values())) > 1:
        raise InvalidRequest(f"{' and '.join(given)} differ", param=list(given)[-1])
    if not given and default is None:
        raise InvalidRequest(f"{names[0]} is required", param=names[0])
    for name, number in given.items():
        if not least <= number <= most:
            raise InvalidRequest(f"{name} must be from {least} to {most}", param=name)
        return number
    return default or 0


def flag(body: Body, name: str) -> bool | None:
    """0 or 1; None where it is missing."""
    found = text(body, name)
    if found and found not in FLAGS:
        raise InvalidRequest(f"{name} must be 0 or 1", param=name)
    return FLAGS[found] if found else None


def caller_id(body: Body, name: str, around: Surroundings) -> str:
    """A number of the account's own."""
    try:
        return permit.shown(around.account, required(body, name))
    except InvalidRequest as exc:
        raise InvalidRequest(f"{name}: {exc.message}" if exc.param is None else exc.message, param=name) from exc


def statuses(body: Body, name: str) -> tuple[str, ...]:
    """What is dialled again: an array, or words with commas between them."""
    given: Any = body.get(name)
    words = given if isinstance(given, list) else text(body, name).split(",")
    if len(words) > MOST_STATUSES:
        raise InvalidRequest(f"{name}: at most {MOST_STATUSES} are taken", param=name)
    found: list[str] = []
    for each in words:
        word = "".join(text({name: each}, name).split()).upper().strip(QUOTES)
        status = SPELLINGS.get(word, word)
        if status and status not in RETRIED:
            raise InvalidRequest(f"{name} must be of {', '.join(RETRIED)}", param=name)
        found += [status] if status else []
    return tuple(str(status) for status in dict.fromkeys(found)) or tuple(map(str, RETRY_ON))


def said(body: Body, *, campaign_type: int) -> tuple[str, str]:
    """The text and the announcement, of which one is said; none where an IVR is what there is to hear."""
    announcement = line(body, "recorded_filename").strip(QUOTES)
    words = _spoken(line(body, "announcement_text", most=2 * LONGEST_CHARACTERS))
    dynamic = flag(body, "dynamic_announcement")
    if dynamic is None:
        if words and announcement:
            wanted = "dynamic_announcement: 1 for announcement_text, 0 for recorded_filename"
            raise InvalidRequest(wanted, param="dynamic_announcement")
        dynamic = not announcement
    chosen, name = (words, "announcement_text") if dynamic else (announcement, "recorded_filename")
    if not chosen and campaign_type == 0:
        raise InvalidRequest(f"{name} is required", param=name)
    return (words, "") if dynamic else ("", announcement)


def connect_to(body: Body, around: Surroundings, *, campaign_type: int, shown: str) -> str:
    """Whom an answered contact is connected to: `ivr_id`, else `connect_to`, else the account's default IVR."""
    ivr_id, written = written_id(body, "ivr_id"), "".join(line(body, "connect_to").split()).strip(QUOTES)
    if ivr_id and written and written != f"{connect.IVR}:{ivr_id}":
        raise InvalidRequest("ivr_id and connect_to differ", param="connect_to")
    name = "ivr_id" if ivr_id else "connect_to"
    written = f"{connect.IVR}:{ivr_id}" if ivr_id else written
    if campaign_type == 0:
        if written:
            raise InvalidRequest(f"{name} is for a campaign_type of 1", param=name)
        return ""
    account = around.account
    if not written:
        if not account.default_ivr:
            raise InvalidRequest("connect_to is required: the account has no default IVR", param="connect_to")
        written = f"{connect.IVR}:{account.default_ivr}"
    kind, _, whom = written.partition(":")
    if kind == connect.IVR:
        if whom not in account.ivrs:
            raise InvalidRequest(f"{name}: there is no such IVR", param=name)
        return written
    try:
        connect.party(account, written, shown=shown, routes=around.routes, limits=around.limits)
    except InvalidRequest as exc:
        raise InvalidRequest(f"{name}: {exc.message}", param=name) from exc
    return written


def amd(body: Body, *, says: bool) -> Amd | None:
    """Whether machines are listened for, with which thresholds, and what happens on one."""
    kind = text(body, "amd").lower() or "off"
    if kind not in AMD_WORDS:
        raise InvalidRequest(f"amd must be one of {', '.join(AMD_WORDS)}", param="amd")
    on_machine = text(body, "on_machine").lower()
    thresholds: dict[str, Any] = {
        name: ranged(body, f"amd_{name}", *limits) for name, limits in AMD_RANGES.items() if text(body, f"amd_{name}")
    }
    if kind == "off":
        if on_machine or thresholds:
            name = "on_machine" if on_machine else f"amd_{next(iter(thresholds))}"
            raise InvalidRequest(f"{name} is for amd=asterisk", param=name)
        return None
    choices: tuple[OnMachine, ...] = get_args(OnMachine)
    chosen = next((each for each in choices if each == (on_machine or choices[0])), None)
    if chosen is None:
        raise InvalidRequest(f"on_machine must be one of {', '.join(choices)}", param="on_machine")
    if chosen == "beep" and not says:
        raise InvalidRequest("on_machine: nothing is said that could be left after the beep", param="on_machine")
    return replace(Amd(on_machine=chosen), **thresholds)


def _spoken(words: str) -> str:
    """The text, once it is sure that it can be spoken for whoever has its fields."""
    name = "announcement_text"
    if not words:
        return ""
    fields = [each.strip() for each in FIELD.findall(words)]
    for each in fields:
        if not FIELD_NAME.fullmatch(each):
            raise InvalidRequest(f"{name}: {{{each}}} is no field's name", param=name)
    if set("{}") & set(FIELD.sub("", words)):
        raise InvalidRequest(f"{name}: a brace has no other", param=name)
    try:
        spoken(words, dict.fromkeys(fields, AUDIBLE))
    except InvalidRequest as exc:
        raise InvalidRequest(f"{name}: {exc.message.removeprefix('template: ')}", param=name) from exc
    return words
