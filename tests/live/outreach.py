"""A campaign to every row of the carrier's table, and what is said of it: on the wire, in recordings, in reports."""

import asyncio
import hashlib
import secrets
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from tests.live.engine import CALLER_ID, Api
from tests.live.lab import RATE, read, recordings, settings
from tests.live.wire import Wire

# The table of design.md, section 7, and what a call of a campaign comes to there: disposition, who answered.
TONES = ("00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "91")
DIGITS = {f"8{digit}": str(digit) for digit in range(10)} | {"92": "1234#"}
OUTCOMES = {
    **dict.fromkeys(TONES, ("ANSWER", {"machine"})),
    **dict.fromkeys(DIGITS, ("ANSWER", {"silence", "unsure", "human", "machine"})),
    "20": ("BUSY", set()),
    "30": ("NOANSWER", set()),
    "40": ("CONGESTION", set()),
    "50": ("CHANUNAVAIL", set()),
    "55": ("CHANUNAVAIL", set()),
    "60": ("ANSWER", {"unsure", "silence"}),
    "70": ("ANSWER", {"machine"}),
    "71": ("ANSWER", {"human"}),
    "72": ("ANSWER", {"human"}),
    "90": ("NOANSWER", set()),
    "95": ("ANSWER", {"silence"}),
}
ROWS = ("21", *OUTCOMES)  # row 21 is busy the first time
# The final response to the INVITE.
STATUSES = {"ANSWER": {200}, "BUSY": {486}, "NOANSWER": {487}, "CONGESTION": {503}, "CHANUNAVAIL": {404, 603}}
SARV = {"ANSWER": "Answered", "BUSY": "Busy", "NOANSWER": "No Answer", "CONGESTION": "Congession"} | {
    "CHANUNAVAIL": "Failed",
    "DND": "DND",
}
WOLKVOX = {"BUSY": "busy", "NOANSWER": "no_answer", "CONGESTION": "congestion", "CHANUNAVAIL": "failed"}
LOUD = 500  # a sample of somebody speaking
RETRY_SECONDS = 3
UNWANTED = "09"
# Attempts of an engine that was killed, or cut off, before anybody rang.
UNCOUNTED = ("cut off from Asterisk while dialling", "Asterisk did not answer", "never dialled")
BEGUN_SECONDS = 1.0
EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"


@dataclass(slots=True, kw_only=True)
class Outreach:
    """The campaign as it was asked for, and what became of it."""

    campaign_id: str
    list_id: str
    numbers: list[str]
    unwanted: set[str]  # on the campaign's do-not-disturb list
    max_retries: int
    retry_on: set[str]
    since: float
    cdrs: list[dict[str, Any]] = field(default_factory=list)

    def of(self, number: str) -> list[dict[str, Any]]:
        """That number's CDRs, as they were written."""
        return [cdr for cdr in self.cdrs if cdr["dialed_number"] == number]


async def carried_out(
    api: Api, *, contacts: int, per_minute: int, retry_on: Sequence[str], max_retries: int = 1
) -> Outreach:
    """A campaign that is over: so many contacts, row after row, those of row 09 on its do-not-disturb list."""
    run = await begun(api, contacts=contacts, per_minute=per_minute, retry_on=retry_on, max_retries=max_retries)
    await over(api, run, seconds=180 + 120 * contacts / per_minute)
    return run


async def begun(api: Api, *, contacts: int, per_minute: int, retry_on: Sequence[str], max_retries: int = 1) -> Outreach:
    """The same, as it begins."""
    tag, since = secrets.token_hex(4), time.time()
    places = [divmod(place, len(ROWS)) for place in range(contacts)]
    numbers = [f"9199100{secrets.randbelow(9) + 1}{block:02}{ROWS[row]}" for block, row in places]
    unwanted = {number for number in numbers if number.endswith(UNWANTED)}
    list_id = (await _ask(api, "/api/create_campaign_list", {"list_name": tag}))["list_id"]
    dnd_id = (await _ask(api, "/api/create_campaign_dnd_list", {"dnd_list_name": tag}))["dnd_list_id"]
    rows = [{"contact_name": each, "contact_number": each, "contact_fields": {"field1": each[-2:]}} for each in numbers]
    told = await _ask(api, "/api/add_contact_to_list", {"list_id": list_id, "contacts": rows})
    assert told["message"] == f"({contacts}) contacts imported successfully"
    unwanted_rows = [{"dnd_contact_name": "", "dnd_contact_number": each} for each in sorted(unwanted)]
    await _ask(api, "/api/add_dnd_contact_to_list", {"dnd_list_id": dnd_id, "dnd_contacts": unwanted_rows})
    made = await _ask(
        api,
        "/api/create_campaign",
        {
            "list_id": list_id,
            "dnd_list_id": dnd_id,
            "campaign_name": tag,
            "campaign_type": "0",
            "campaign_caller_id": CALLER_ID,
            "dynamic_announcement": "1",
            "announcement_text": "Your number ends with {field1}.",
            "max_retries": str(max_retries),
            "retry_time": str(RETRY_SECONDS),
            "retry_on_statuses": ",".join(retry_on),
            "calls_per_minute": str(per_minute),
            "amd": "asterisk",
            "on_machine": "play",
        },
    )
    return Outreach(
        campaign_id=made["campaign_id"],
        list_id=list_id,
        numbers=numbers,
        unwanted=unwanted,
        max_retries=max_retries,
        retry_on=set(retry_on),
        since=since,
    )


async def over(api: Api, run: Outreach, *, seconds: float) -> None:
    """Return once it is completed, with its CDRs. An engine that does not answer is asked again."""
    async with asyncio.timeout(seconds):
        while not await _completed(api, run):
            await asyncio.sleep(1)
    while page := await _page(api, run):
        run.cdrs += page
    await asyncio.sleep(1.2)  # a recording is complete within a second


# -- what disagrees ----------------------------------------------------------------------------


def attempts_wrong(run: Outreach) -> list[str]:
    """Numbers that were not called as often, or did not come out, as the carrier's table and the rules say."""
    return [f"{number}: {fault}" for number in run.numbers for fault in [_wrong(run, number)] if fault]


def _wrong(run: Outreach, number: str) -> str:
    row, found = number[-2:], run.of(number)
    outcomes = [(cdr["dial_status"], cdr["is_dnd"]) for cdr in found]
    if number in run.unwanted:
        dnd = found[0] if found else {}
        shape = (dnd.get("uniqueid"), dnd.get("billsec"), dnd.get("answer"), dnd.get("end"))
        return "" if outcomes == [("DND", "1")] and shape == ("", None, EPOCH, EPOCH) else f"DND: {outcomes} {shape}"
    if row == "21":
        wanted = ["BUSY", "ANSWER"] if "BUSY" in run.retry_on else ["BUSY"]
    else:
        disposition, _ = OUTCOMES[row]
        wanted = [disposition] * (1 + run.max_retries * (disposition in run.retry_on))
    if outcomes != [(each, "0") for each in wanted]:
        return f"{outcomes}, not {wanted}"
    if row in OUTCOMES and OUTCOMES[row][1] and found[0].get("amd_status") not in OUTCOMES[row][1]:
        return f"answered by {found[0].get('amd_status')}, not {OUTCOMES[row][1]}"
    if found[-1]["dtmf_inputs"] != DIGITS.get(row, ""):
        return f"pressed {found[-1]['dtmf_inputs']!r}, not {DIGITS.get(row, '')!r}"
    return ""


def rules_wrong(run: Outreach) -> list[str]:
    """Numbers that were not called as often as their outcomes ask for, or have one attempt twice."""
    faults = []
    for number in run.numbers:
        found = run.of(number)
        outcomes = [cdr["dial_status"] for cdr in found if cdr["reason"] not in UNCOUNTED]
        attempts = [int(cdr["unique_id"].rpartition("-u")[2]) for cdr in found]
        enough = not outcomes or outcomes[-1] not in run.retry_on or len(outcomes) == 1 + run.max_retries
        due = enough and all(each in run.retry_on for each in outcomes[:-1]) and attempts == [*range(1, len(found) + 1)]
        if not found or not due or (number in run.unwanted) != (outcomes == ["DND"]):
            faults.append(f"{number}: attempts {attempts} came out {outcomes}")
    return faults


def rung_wrong(run: Outreach, wire: Wire) -> list[str]:
    """Numbers that rang or answered more often than they have attempts."""
    rang: dict[str, set[str]] = {number: set() for number in run.numbers}
    for message in wire.messages:
        number = message.headers["to"].partition("sip:")[2].partition("@")[0]
        if number in rang and message.method == "INVITE" and message.status in (180, 183, 200):
            rang[number].add(message.headers["call-id"])
    attempts = {number: sum(1 for cdr in run.of(number) if cdr["uniqueid"]) for number in run.numbers}
    return [f"{number}: rang {len(calls)} times" for number, calls in rang.items() if len(calls) > attempts[number]]


def recordings_wrong(run: Outreach) -> list[str]:
    """Numbers whose recordings, made by the carrier of every call it answers, tell another story than the CDRs."""
    faults = []
    for number in run.numbers:
        answered = [cdr for cdr in run.of(number) if cdr["call_status"] == "ANSWERED"]
        heard = [read(path) for path in recordings(number, since=run.since - 1)]
        if len(heard) != len(answered):
            faults.append(f"{number}: {len(heard)} recordings, {len(answered)} answers")
            continue
        for cdr, samples in zip(answered, heard, strict=True):
            if number[-2:] != "95" and abs(len(samples) / RATE - cdr["billsec"]) > 0.3:  # 95 has no time axis
                faults.append(f"{number}: recorded {len(samples) / RATE:.2f} s, billed {cdr['billsec']:.2f} s")
            spoken = any(abs(sample) > LOUD for sample in samples)
            begun = 0 < cdr["heard_seconds"] < BEGUN_SECONDS  # who hangs up then may have heard a first sound or none
            if not begun and spoken != (cdr["heard_seconds"] > 0):
                faults.append(f"{number}: spoken {spoken}, heard {cdr['heard_seconds']} s")
    return faults


def wire_wrong(run: Outreach, wire: Wire) -> list[str]:
    """Numbers that were invited more or less often than the CDRs say, or whose network said something else."""
    statuses: dict[str, list[int]] = {number: [] for number in run.numbers}
    for message in wire.messages:
        number = message.headers["to"].partition("sip:")[2].partition("@")[0]
        if message.method == "INVITE" and not message.sent and (message.status or 0) >= 200 and number in statuses:
            statuses[number].append(message.status or 0)
    faults = []
    for number, told in statuses.items():
        wanted = [STATUSES[cdr["dial_status"]] for cdr in run.of(number) if cdr["uniqueid"]]
        if len(told) != len(wanted) or any(each not in any_of for each, any_of in zip(told, wanted, strict=True)):
            faults.append(f"{number}: {told}, not {wanted}")
        if wire.dialled(number) != len(wanted):
            faults.append(f"{number}: invited {wire.dialled(number)} times, not {len(wanted)}")
    return faults


# -- the four vendors ----------------------------------------------------------------------------


async def statistics_wrong(api: Api, run: Outreach) -> list[str]:
    """Where the CPaaS suite's statistics are not the count of its CDRs."""
    counted = Counter(cdr["dial_status"] for cdr in run.cdrs)
    wanted = {
        "answer_calls": [counted["ANSWER"]],
        "busy_calls": [counted["BUSY"]],
        "cancel_calls": [counted["CANCEL"]],
        "chanunavail_calls": [counted["CHANUNAVAIL"]],
        "congestion_calls": [counted["CONGESTION"]],
        "dnd_calls": [counted["DND"]],
        "noanswer_calls": [counted["NOANSWER"]],
        "total_calls": [len(run.cdrs)],
    }
    told = (await _ask(api, "/api/get_campaign_cdr_statistics", {"campaign_id": run.campaign_id}))["result"]
    return [] if told == wanted else [f"{told}, not {wanted}"]


async def sarv_wrong(run: Outreach) -> list[str]:
    """Attempts that Sarv's report tells otherwise."""
    lab, faults = settings(), []
    async with aiohttp.ClientSession() as http:
        for first in range(0, len(run.cdrs), 100):
            some = run.cdrs[first : first + 100]
            asked = {
                "username": lab["SARV_VOICE_USERNAME"],
                "token": lab["SARV_VOICE_TOKEN"],
                "unique_ids": ",".join(cdr["unique_id"] for cdr in some),
            }
            async with http.post(f"{lab['LEGWORK_URL']}/api/voice/fetch_report.php", data=asked) as reply:
                told = (await reply.json())["data"]
            for cdr in some:
                row = told[cdr["unique_id"]]["data"]
                wanted = {
                    "status": "Skipped" if cdr["dial_status"] == "DND" else "Dialed",
                    "report": SARV[cdr["dial_status"]],
                    "contact_number": cdr["dialed_number"].removeprefix("91"),
                    "dtmf": cdr["dtmf_inputs"],
                }
                if any(row[name] != value for name, value in wanted.items()):
                    faults.append(f"{cdr['unique_id']}: {row}, not {wanted}")
                if cdr["dial_status"] == "ANSWER" and abs(int(row["duration"]) - cdr["billsec"]) > 1:
                    faults.append(f"{cdr['unique_id']}: {row['duration']} s, not {cdr['billsec']}")
    return faults


async def wolkvox_wrong(run: Outreach) -> list[str]:
    """Telephones whose machine codes wolkvox's report counts otherwise."""
    lab, wanted = settings(), {}
    for number in run.numbers:
        columns = Counter(
            "answer_machine" if cdr.get("amd_status") == "machine" else WOLKVOX.get(cdr["dial_status"], "")
            for cdr in run.of(number)
        )
        columns.pop("", None)
        names = ("no_answer", "answer_machine", "busy", "congestion", "failed")
        row = {"telephone": number, "total_machine_recognitions": str(columns.total())}
        wanted[number] = row | {name: str(columns[name]) for name in names}
    zone = ZoneInfo("Asia/Kolkata")
    since, until = datetime.fromtimestamp(run.since, zone), datetime.now(zone) + timedelta(seconds=1)
    asked = {
        "api": "campaign_8",
        "campaign_id": run.campaign_id,
        "date_ini": since.strftime("%Y%m%d%H%M%S"),
        "date_end": until.strftime("%Y%m%d%H%M%S"),
    }
    headers = {"wolkvox-token": lab["WOLKVOX_TOKEN"]}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"{lab['LEGWORK_URL']}/api/v2/reports_manager.php", params=asked) as reply,
    ):
        told = await reply.json()
    found = {row["telephone"]: row for row in told["data"]}
    faults = [
        f"{number}: {found.get(number)}, not {row}" for number, row in wanted.items() if _differ(found.get(number), row)
    ]
    if (told["code"], told["error"], told["msg"]) != (200, None, f"{len(found)} records were found"):
        faults.append(str({name: told[name] for name in ("code", "error", "msg")}))
    return faults


def _differ(found: dict[str, str] | None, wanted: dict[str, str]) -> bool:
    """A telephone no machine code of which is counted may have no row."""
    return found != wanted and not (found is None and wanted["total_machine_recognitions"] == "0")


async def poll_wrong(run: Outreach) -> list[str]:
    """What MOR's poll says that was not pressed, and the other way round."""
    lab = settings()
    number = run.campaign_id
    proof = hashlib.sha1(f"{number}{lab['MOR_SECRET']}".encode(), usedforsecurity=False).hexdigest()
    asked = {"u": lab["MOR_USERNAME"], "id": number, "hash": proof}
    url = f"{lab['LEGWORK_URL']}/billing/api/autodialer_get_campaign_ivr_poll_results"
    async with aiohttp.ClientSession() as http, http.post(url, params=asked) as reply:
        text = await reply.text()
    told = ET.fromstring(text).findtext("status/ivr_poll_results_string") or ""
    pressed, *period = told.rsplit(",", 2)
    wanted = Counter(cdr["dtmf_inputs"] for cdr in run.cdrs if cdr["dtmf_inputs"])
    faults = [] if Counter(pressed.split()) == wanted else [f"{pressed!r}, not {wanted}"]
    return faults if len(period) == 2 and period[1] == "2090-12-31 23:59:59" else [*faults, f"period {period}"]


# -- behind it -----------------------------------------------------------------------------------


async def _ask(api: Api, path: str, body: dict[str, Any]) -> dict[str, Any]:
    status, response = await api.post(path, body)
    assert status == 200, response
    told: dict[str, Any] = response
    return told


async def _page(api: Api, run: Outreach) -> list[dict[str, Any]]:
    """The next CDRs of the campaign."""
    asked = {"campaign_id": run.campaign_id, "record_count": "1000", "offset": str(len(run.cdrs))}
    page: list[dict[str, Any]] = (await _ask(api, "/api/get_cdr_by_campaign_id", asked))["result"]
    return page


async def _completed(api: Api, run: Outreach) -> bool:
    try:
        async with api.http.get(f"{api.url}/v1/campaigns/{run.campaign_id}") as reply:
            return reply.status == 200 and (await reply.json())["state"] == "completed"
    except aiohttp.ClientError:
        return False
