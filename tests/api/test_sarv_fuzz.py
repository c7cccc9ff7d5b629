"""Whatever is sent to Sarv's route, its document answers: a code it knows, and no call that nobody asked for.

`VALID` is the document read a second time. A request in which one parameter is not valid is never accepted.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from yarl import URL

from engine.accounts import Accounts
from engine.api.dialects import sarv_params
from engine.api.dialects.sarv_params import Params
from engine.core import permit
from engine.core.request import CallRequest
from engine.store.postgres import Store
from tests.api.conftest import Client, ClockDouble, SwitchDouble, client, clock, database_url, store, studio, switch
from tests.api.test_sarv_codes import CALL, ITEMS
from tests.dialects.sarv_document import MESSAGES

__all__ = ["client", "clock", "database_url", "store", "studio", "switch"]

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(120)]

SEED, TEXTS_EACH, RANDOM_REQUESTS = 20, 35, 500
PATHS = ("/v2/clickToCall/para", "/clickToCall/v1/para")
FORM = "application/x-www-form-urlencoded"
UNLUCKY = str(2**31)  # a telephone in Pune
CLIS = {"15168148111", "919910099999"}
SOUNDS = {"sound:/srv/one", "sound:/srv/two", "sound:beep"}

# A request with every parameter in it, which is accepted.
GOOD = {
    **CALL,
    "fromType": "Number",
    "fromStrategy": "ONE_BY_ONE",
    "toType": "Group",
    "to": "301",
    "toStrategy": "TO_ALL",
    "fromRingTime": "20",
    "toRingTime": "20",
    "timeLimit": "300",
    "timeLimitHangup": "true",
    "timeLimtAlert": "120,240",
    "alertAudio": "1610448601_84.wav",
    "ringTone": "1610448601_85.wav",
    "fromRetryCount": "1",
    "toRetryCount": "3",
    "fromWebLogin": "na",
    "fromCallLogin": "na",
    "toWebLogin": "yes",
    "toCallLogin": "na",
    "fromCLI": "15168148111",
    "toCLI": "919910099999",
    "sticky": "yes",
    "stickyTimeType": "day",
    "stickyTimeValue": "1",
    "stickyAgentBusy": "retrySame",
    "queueTimeout": "60",
    "dndFilter": "from",
    "mode": "live",
}

Rule = Callable[[str], bool]


def whole(least: int, most: int) -> Rule:
    return lambda text: re.fullmatch("[0-9]{1,9}", text) is not None and least <= int(text) <= most


def one_of(*words: str) -> Rule:
    return lambda text: text.casefold() in {word.casefold() for word in words}


def each(rule: Rule) -> Rule:
    return lambda text: all(rule(part.strip()) for part in text.split(","))


def digits_of(*known: str) -> Rule:
    """As people write a number: its digits, with a prefix or without, and marks between them."""

    def rule(text: str) -> bool:
        digits = re.sub(r"[^0-9]", "", text)
        return re.fullmatch(r"[+0-9 ().-]+", text) is not None and any(digits.endswith(one) for one in known)

    return rule


# What the document takes, where all else is as in GOOD.
VALID: dict[str, Rule] = {
    "user_id": lambda text: text == "101",
    "token": lambda text: text == "the token",
    "from": digits_of("9910000101", UNLUCKY),
    "to": lambda text: text in ("301", "302"),
    "fromType": one_of("Number"),
    "toType": one_of("Group"),
    "fromStrategy": one_of("ONE_BY_ONE", "TO_ALL"),
    "toStrategy": one_of("ONE_BY_ONE", "TO_ALL"),
    "fromRingTime": whole(1, 50),
    "toRingTime": whole(1, 50),
    "timeLimit": whole(241, 999_999_999),
    "timeLimitHangup": one_of("true", "false", "yes", "no", "1", "0", "on", "off"),
    "timeLimtAlert": each(whole(1, 299)),
    "alertAudio": each(one_of("1610448601_84.wav", "1610448601_85.wav", "84", "85")),
    "ringTone": one_of("1610448601_84.wav", "1610448601_85.wav", "84", "85"),
    "fromRetryCount": whole(0, 3),
    "toRetryCount": whole(0, 3),
    "fromWebLogin": one_of("yes", "no", "na"),
    "fromCallLogin": one_of("yes", "no", "na"),
    "toWebLogin": one_of("yes", "na"),
    "toCallLogin": one_of("no", "na"),
    "fromCLI": digits_of("15168148111", "9910099999"),
    "toCLI": digits_of("15168148111", "9910099999"),
    "sticky": one_of("yes"),
    "stickyTimeType": one_of("min", "hour", "day", "month", "permanent"),
    "stickyTimeValue": whole(1, 999_999_999),
    "stickyAgentBusy": one_of("retrySame", "retryNewSticky", "retryTemp"),
    "queueTimeout": whole(0, 3600),
    "dndFilter": one_of("from"),
    "mode": one_of("live", "developer"),
}

# As it stands in a URL or a form, percent-encoded where ~ is in front.
TEXTS = (
    *(
        "",
        " ",
        "\t",
        "0",
        "-0",
        "+5",
        "-1",
        "-999999999",
        "1.5",
        "5.0",
        "1e1",
        "1E400",
        "0x10",
        "1_0",
        "NaN",
        "Infinity",
    ),
    *("٣", "９", "²", "१", "५,६", "९९१००००१०१", "Ⅳ", "５,6", "yeſ", "ＹＥＳ", "ﬀ", "i̇", "да", "😀"),
    *(",", ",,", "5,", ",5", "5,,6", "5, ,6", "5;6", "5|6", "5 6", "[5]", "(5)"),
    *("x" * 50, "x" * 51, "9" * 51, "x" * 10_000, "5," * 5_000, "9" * 10_000, "," * 10_000, " " * 10_000),
    *(str(2**31), str(2**63), "-" + str(2**63), str(10**40), "1" * 400),
    *(
        "\x00",
        "5\x00",
        "\x005",
        "5\n6",
        "5\r\nX: 1",
        "\x1b[2J",
        "\x7f",
        "5\x7f",
        "\x85",
        "\u202e5",
        "\ufeff5",
        "5\u200b",
    ),
    *("null", "None", "undefined", "NULL", "[]", "{}", '{"a":1}', '"', "'", "\\", "*", "%", "%00", "%s%n"),
    *("' OR '1'='1", "101'--", "${SHELL(x)}", "$(x)", "`x`", "../../etc/passwd", "sound:/etc/passwd", "<x>", "{0.a}"),
    *("PJSIP/100@carrier", "Local/s@canary/n", "sip:100@127.0.0.1", "101@carrier", "112", "101&PJSIP/100", "AGENT_CLI"),
    *("~%ff", "~5%ff", "~%ed%a0%80", "~%c0%80", "~%c0%ae", "~%", "~%zz", "~%u0035", "~5%", "~%f4%90%80%80"),
)
# What only JSON can say, as it stands there.
JSON_VALUES = (
    *(
        "null",
        "true",
        "false",
        "-1",
        "0.5",
        "5.0",
        "1e308",
        "5e0",
        "-0",
        str(2**63),
        str(10**40),
        "9" * 5_000,
        "[]",
        "{}",
    ),
    *("[5]", '["5"]', "[[]]", '{"a":{"b":[1]}}', '{"$gt":""}', "[" * 200 + "]" * 200, '{"a":' * 200 + "1" + "}" * 200),
    *('"\\u0000"', '"5\\u0000"', '"\\ud83d\\ude00"', '"\\u0663"'),
)


@pytest_asyncio.fixture(loop_scope="function")
async def accounts(store: Store) -> Accounts:
    """What is applied, with room for as many calls as there are."""
    applied = [dict(each) for each in ITEMS]
    applied[0] = {**applied[0], "body": {**applied[0]["body"], "calls_per_second": 10_000}}
    await store.apply(applied)
    accounts = Accounts()
    accounts.replace(applied)
    return accounts


class Request:
    """One request: texts for each parameter, written in one of the ways a body can be written."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.fields: list[tuple[str, str]] = list(GOOD.items())
        self.valid = True

    def spoil(self, name: str, text: str) -> None:
        """Give another text for that parameter."""
        self._judge(name, text)
        place = next(place for place, (known, _) in enumerate(self.fields) if known == name)
        self.fields[place] = (name, text)

    def repeat(self, name: str, text: str) -> None:
        """Give another text for that parameter as well."""
        known = dict(self.fields)[name]
        self.valid &= not text.startswith("~") and text.strip() == known.strip()
        self.fields.insert(self.chance.randrange(len(self.fields) + 1), (name, text))

    def _judge(self, name: str, text: str) -> None:
        self.valid &= not text.startswith("~") and VALID[name](text.strip())

    async def sent(self, client: Client) -> Any:
        """The reply, however it was asked."""
        path = self.chance.choice(PATHS)
        fields = [(self._cased(name), text) for name, text in self.fields]
        encoded = "&".join(f"{quote(name)}={_escaped(text)}" for name, text in fields)
        split = self.chance.randrange(len(fields))
        halves = ["&".join(encoded.split("&")[part]) for part in (slice(split), slice(split, None))]
        url = URL(f"http://127.0.0.1:{client.port}{path}", encoded=True)
        match self.chance.randrange(6):
            case 0:
                return await client.session.get(URL(f"{url}?{encoded}", encoded=True))
            case 1:
                return await client.session.post(URL(f"{url}?{encoded}", encoded=True))
            case 2:
                return await client.session.post(url, data=encoded, headers={"Content-Type": FORM})
            case 3:
                return await client.session.post(
                    URL(f"{url}?{halves[0]}", encoded=True), data=halves[1], headers={"Content-Type": FORM}
                )
            case 4 if not any(text.startswith("~") or "\r" in text for _, text in fields):
                parts = (
                    f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields
                )
                multipart = "multipart/form-data; boundary=B"
                body = ("".join(parts) + "--B--\r\n").encode()
                return await client.session.post(url, data=body, headers={"Content-Type": multipart})
            case _:
                return await client.session.post(URL(f"{url}?{encoded}", encoded=True), data=b"")

    def _cased(self, name: str) -> str:
        return self.chance.choice((name, name, name.upper(), name.lower()))


def _escaped(text: str) -> str:
    return text[1:] if text.startswith("~") else quote(text, safe="")


def harmless(request: CallRequest) -> bool:
    """Whether it dials only whom GOOD names, and shows and plays only what is the account's."""
    agents = {"919910020101", "919910020202"}
    return (
        {target.number for target in request.party("agent").targets} <= {"919910000101", "91" + UNLUCKY}
        and {target.number for target in request.customer.targets} <= agents
        and all(
            re.fullmatch("PJSIP/[0-9]+@carrier", end)
            for p in request.parties.values()
            for t in p.targets
            for end in t.endpoints
        )
        and {party.caller_id for party in request.parties.values()} <= CLIS
        and {request.ring_tone, *(alert.media for alert in request.alerts)} <= SOUNDS
        and all(1 <= party.ring_seconds <= 50 and 0 <= party.retries <= 3 for party in request.parties.values())
        and 0 < request.max_talk_seconds <= 7200
    )


async def judged(reply: Any, switch: SwitchDouble, *, valid: bool, what: object) -> str:
    """The code of a reply that is as the document shapes it, and made a call only if it may."""
    assert reply.status == 200, (what, await reply.text())
    body = await reply.json()
    calls, switch.started[:] = list(switch.started), []
    if body["code"] == "200":
        assert valid, what
        assert body.keys() == {"callid", "status", "code"}
        assert body["status"] == "success"
        assert len(calls) == (not body["callid"].startswith("test")), what
        assert all(harmless(call) for call in calls), what
    else:
        assert body == {"message": MESSAGES[body["code"]], "status": "error", "code": body["code"]}, what
        assert calls == [], what
    return str(body["code"])


def requests(seed: int) -> Iterator[Request]:
    """One parameter spoilt, each of them by many texts; and several at once, and the same one twice."""
    chance = random.Random(seed)
    plan = [(name, text) for name in GOOD for text in chance.sample(TEXTS, TEXTS_EACH)]
    plan += [("", "")] * RANDOM_REQUESTS
    chance.shuffle(plan)
    for name, text in plan:
        request = Request(chance)
        if name:
            request.spoil(name, text)
        else:
            spoil_some(request, chance)
        yield request


def spoil_some(request: Request, chance: random.Random) -> None:
    """Something like what is good in one parameter or more, instead of it or beside it."""
    for name in chance.sample([*GOOD], chance.choice((1, 1, 2, 3))):
        good, text = GOOD[name], chance.choice(TEXTS)
        spoilt = (good + text.lstrip("~"), text.lstrip("~") + good, good * 2, good.swapcase())
        text = chance.choice((*spoilt, text, f" {good}\t", str(chance.randrange(-5, 400))))
        (request.repeat if chance.random() < 0.3 else request.spoil)(name, text)


async def fuzz(client: Client, switch: SwitchDouble, clock: ClockDouble) -> dict[str, int]:
    """How often each code was answered."""
    codes: dict[str, int] = {}
    for request in requests(SEED):
        clock.seconds += 60  # nobody is locked out
        changed = [(name, text[:80]) for name, text in request.fields if (name, text) not in GOOD.items()]
        async with await request.sent(client) as reply:
            code = await judged(reply, switch, valid=request.valid, what=changed)
        codes[code] = codes.get(code, 0) + 1
    return codes


async def test_whatever_is_sent_is_answered_with_a_code_and_calls_nobody_who_was_not_asked_for(
    client: Client, switch: SwitchDouble, clock: ClockDouble
) -> None:
    codes = await fuzz(client, switch, clock)
    assert codes["200"] > 50, "what is valid is accepted, so that a refusal says something"
    assert {"1013", "1020", "1508", "1524", "1528", "1534", "1539", "1545", "1560", "1569"} <= codes.keys()
    assert len(codes) > 40, "the document's codes, by chance"


async def test_the_request_that_is_spoilt_is_a_good_one(client: Client, switch: SwitchDouble) -> None:
    assert GOOD.keys() == VALID.keys()
    assert {name.lower() for name in GOOD} == sarv_params.KNOWN
    assert all(VALID[name](text) for name, text in GOOD.items())
    assert await judged(await client.post(PATHS[0], params=GOOD), switch, valid=True, what="good") == "200"


@pytest.mark.parametrize("name", GOOD)
async def test_a_value_that_only_json_can_say_is_that_text_or_none(
    client: Client, switch: SwitchDouble, clock: ClockDouble, name: str
) -> None:
    for value in JSON_VALUES:
        clock.seconds += 60
        fields = ",".join(f"{json.dumps(key)}:{json.dumps(text)}" for key, text in GOOD.items() if key != name)
        body = f'{{{fields},"{name}":{value}}}'.encode()
        said = json.loads(value) if value[0] == '"' or re.fullmatch("-?[0-9]{1,20}|true|false", value) else None
        valid = said is not None and VALID[name](str(said))
        reply = await client.post(PATHS[0], data=body, headers={"Content-Type": "application/json"})
        await judged(reply, switch, valid=valid, what=value[:80])


PART = b'--B\r\nContent-Disposition: form-data; name="timeLimit"\r\n%s\r\n300\r\n--B--\r\n'
MULTIPART = "multipart/form-data; boundary=B"
BROKEN: list[tuple[str, bytes]] = [
    *((kind, b"{") for kind in ("application/json", "text/plain", "application/xml", "", ";;;", "x/" + "y" * 1000)),
    *(
        ("application/json", raw)
        for raw in (b"[]", b"null", b"1", b'"x"', b"{}{}", b"\xff\xfe", b"\xef\xbb\xbf{}", b"\x00")
    ),
    *(("application/json", raw) for raw in (b"[" * 100_000, b'{"a":' * 50_000, b'{"to":1e400}', b'{"to":NaN}')),
    *(("application/json", raw) for raw in (b'{"to":"\\ud800"}', b'{"\\ud800":1}', "{}".encode("utf-16"), b'{"a":01}')),
    *((FORM, raw) for raw in (b"\xff\xfe", b"to=\xed\xa0\x80", b"a=1&" * 1001, b"&" * 2000, "to=1".encode("utf-16"))),
    *(
        (kind, PART % b"")
        for kind in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=C")
    ),
    ("multipart/form-data; boundary=" + "B" * 100, PART % b""),
    *((MULTIPART, PART[:-length] % b"") for length in (4, 8, 14)),
    *(
        (MULTIPART, PART % (header + b"\r\n"))
        for header in (
            b"Content-Transfer-Encoding: bogus",
            b"Content-Encoding: bogus",
            b"Content-Encoding: gzip",
            b"Content-Encoding: br",
            b"Content-Type: text/plain; charset=bogus",
            b"Content-Type: text/plain; charset=utf-16",
            b"Content-Type: multipart/mixed; boundary=C",
            b"Content-Type: multipart/mixed",
            b"Content-Length: 1000000000",
            b"Content-Length: x",
            b"no colon",
            b": no name",
            b"X: " + b"y" * 20_000,
            b"X: \xff\x00",
        )
    ),
    (MULTIPART, b"--B\r\n\r\n300\r\n--B--\r\n"),
    (MULTIPART, b"--B\r\nContent-Disposition: form-data; name=to; filename=x\r\n\r\n301\r\n--B--\r\n"),
    (MULTIPART, b'--B\r\nContent-Disposition: form-data; name="to\r\n\r\n301\r\n--B--\r\n'),
    (MULTIPART, b'--B\r\nContent-Disposition: form-data; name="to"\r\n\r\n\xff\xfe\r\n--B--\r\n'),
    (MULTIPART, b"--B--"),
    (MULTIPART, b"hello"),
    (MULTIPART, b"\r\n" * 50_000),
]


@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
@pytest.mark.parametrize("place", range(len(BROKEN)), ids=[f"{kind[:30]}-{raw[:60]!r}" for kind, raw in BROKEN])
async def test_a_body_that_can_not_be_read_is_no_server_error(client: Client, switch: SwitchDouble, place: int) -> None:
    """What is good in the query is not carried out without the rest."""
    kind, raw = BROKEN[place]
    reply = await client.post(PATHS[0], params=GOOD, data=raw, headers={"Content-Type": kind})
    code = await judged(reply, switch, valid=kind.startswith("multipart"), what=(kind, raw[:80]))
    assert code in ("1539", "200")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "bogus", "gzip, gzip"])
async def test_a_body_that_is_not_compressed_as_it_says_is_no_server_error(
    client: Client, switch: SwitchDouble, encoding: str
) -> None:
    headers = {"Content-Type": FORM, "Content-Encoding": encoding}
    reply = await client.post(PATHS[0], params=GOOD, data=b"hello", headers=headers)
    code = await judged(reply, switch, valid=encoding not in ("gzip", "deflate"), what=encoding)
    assert code in ("1539", "200")


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("to", "3" * 60_000, "1569"),
        ("to", "301," * 15_000, "1539"),
        ("token", "x" * 60_000, "1020"),
        ("user_id", "1" * 60_000, "1013"),
        ("nobody_knows", "x" * 60_000, "200"),
    ],
)
async def test_a_request_line_of_60_kb_is_read(
    client: Client, switch: SwitchDouble, name: str, text: str, code: str
) -> None:
    reply = await client.get(PATHS[0], params=GOOD | {name: text})
    assert await judged(reply, switch, valid=code == "200", what=name) == code


async def test_six_thousand_parameters_are_read(client: Client, switch: SwitchDouble) -> None:
    url = f"{PATHS[0]}?{'&'.join(f'{name}={quote(text)}' for name, text in GOOD.items())}"
    for more, valid in (("&a=1" * 6_000, True), ("&to=301" * 6_000, True), ("&to=301" * 6_000 + "&to=302", False)):
        reply = await client.get(URL(url + more, encoded=True))
        assert await judged(reply, switch, valid=valid, what=more[:20]) == ("200" if valid else "1539")


# -- the fuzz finds what is there ------------------------------------------------------------


def any_digits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sarv_params, "WHOLE", re.compile(r"\d{1,9}"))


def no_lengths(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Params, "check", lambda params: None)


def any_character(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sarv_params, "PRINTABLE", re.compile(".*", re.DOTALL))
    patch.setattr(permit, "spelt", lambda account, text: "919910000101")
    patch.setattr(permit, "verdict", lambda attempt, moment: permit.ALLOWED)


def the_first_of_two(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Params, "_take", lambda params, key, value: params.texts.setdefault(key, str(value).strip()))


def a_fault(patch: pytest.MonkeyPatch) -> None:
    def whole(params: Params, name: str, **_: Any) -> int:
        return int(params.text(name) or 0)

    patch.setattr(Params, "whole", whole)


@pytest.mark.parametrize("hole", [any_digits, no_lengths, any_character, the_first_of_two, a_fault])
async def test_a_hole_is_found(
    client: Client,
    switch: SwitchDouble,
    clock: ClockDouble,
    monkeypatch: pytest.MonkeyPatch,
    hole: Callable[[pytest.MonkeyPatch], None],
) -> None:
    hole(monkeypatch)
    with pytest.raises(AssertionError):
        await fuzz(client, switch, clock)
