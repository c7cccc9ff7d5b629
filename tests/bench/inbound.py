"""Calls from outside, each to the right place: `.venv/bin/python tests/bench/inbound.py --help`."""

import argparse
import asyncio
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from engine.store.postgres import Row, Store
from tests.bench.lab import say
from tests.bench.main import run
from tests.bench.report import verdict
from tests.live.lab import loudness, settings, tones
from tests.live.phone import Call, Phone

HZ = range(400, 1000, 50)
QUIET = 50
TALK_SECONDS = 1.5
ANSWER_SECONDS = 30.0
CDR_SECONDS = 5.0
PAGE = 1000
RING_MS = 500.0  # of the slowest: by then a caller's network has to have told it something

DESCRIPTION = """
Calls the lab's numbers from outside, over the carrier's trunk, at a steady rate: an agent, a group, an extension, an
endpoint and an IVR. Each caller listens to who answers and hangs up; then its CDR is read. Prints who reached whom,
and how soon it rang and was answered.
"""
EPILOG = "Exit code: 0, or 1 if a call did not reach the right place, or none within half a second."


@dataclass(frozen=True, slots=True)
class Number:
    """One of ours: who may be reached there, each by the tone it sends; nobody where an IVR speaks."""

    did: str
    where: str
    reached: dict[str, int]


AGENT = Number("15168148111", "agent:201", {"919910020101": 450})
GROUP = Number("919910099999", "group:301", {"919910020101": 450, "919910020202": 500})
IVR = Number("919910099998", "ivr:survey", {})
EXTENSION = Number("919910099997", "extension:104", {"104": 550})
BOT = Number("919910099996", "endpoint:bot", {"bot": 550})
# Agents take one call at a time: they are called as often as they can answer.
ROUND = (EXTENSION, IVR, BOT, AGENT, EXTENSION, IVR, BOT, GROUP, EXTENSION, IVR)


@dataclass(slots=True)
class Seen:
    """What one caller saw and heard."""

    number: Number
    caller: str
    ring_ms: float = 0.0
    answer_ms: float = 0.0
    wrong: str = ""
    heard: int = 0


def main() -> None:
    """Measure it, and print it."""
    raise SystemExit(run(_main(parser().parse_args())))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    asked = argparse.ArgumentParser(description=DESCRIPTION, epilog=EPILOG)
    asked.add_argument("--calls", type=int, default=200, help="how many (default: %(default)s)")
    asked.add_argument("--rate", type=float, default=4.0, help="so many a second (default: %(default)s)")
    return asked


async def _main(options: argparse.Namespace) -> int:
    begun, first = time.time(), time.monotonic()
    tasks = []
    for turn in range(options.calls):
        await asyncio.sleep(max(0.0, first + turn / options.rate - time.monotonic()))
        caller = f"9199{round(begun * 10) % 100000:05}{turn:03}"
        tasks.append(asyncio.create_task(_one(Seen(ROUND[turn % len(ROUND)], caller)), name=f"call {turn}"))
    seen = await asyncio.gather(*tasks)
    await asyncio.sleep(CDR_SECONDS)
    async with Store.open(settings()["DATABASE_URL"]) as store:
        cdrs = await _cdrs(store, begun)
    by_caller: dict[str, list[Row]] = {}
    for row in cdrs:
        by_caller.setdefault(row["customer_number"], []).append(row)
    for each in seen:
        each.wrong = each.wrong or _wrong(each, by_caller.get(each.caller, []))
    return _report(seen)


async def _cdrs(store: Store, begun: float) -> list[Row]:
    """Those of today that ended since then."""
    today = datetime.fromtimestamp(begun, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    window = {"since": today, "until": today + timedelta(days=2)}
    found: list[Row] = []
    while page := await store.reports.cdrs_by_date("account_1", **window, count=PAGE, offset=len(found)):
        found += page
    return [row for row in found if row["call_date"] >= begun]


async def _one(seen: Seen) -> Seen:
    host, _, port = settings()["CARRIER_SIP"].partition(":")
    phone = await Phone.open(seen.caller)
    try:
        call = await phone.dial(seen.number.did, (host, int(port)))
        await call.until(200, seconds=ANSWER_SECONDS)
        await asyncio.sleep(TALK_SECONDS)
        _listen(seen, call)
    except TimeoutError:
        seen.wrong = "not answered"
    finally:
        await phone.close()
    return seen


def _listen(seen: Seen, call: Call) -> None:
    assert call.invite
    told = next(each.at for each in call.received if each.status in (180, 183, 200))
    seen.ring_ms = 1000 * (told - call.invite.at)
    seen.answer_ms = 1000 * (call.answered_at - call.invite.at)
    heard = call.audio(call.answered_at + 0.3, call.answered_at + TALK_SECONDS)
    if not seen.number.reached:
        seen.wrong = "" if loudness(heard) > QUIET else "the IVR is not heard"
        return
    found = [each.hz for each in tones(heard, HZ) if each.seconds > 1]
    seen.heard = found[0] if len(found) == 1 else 0
    if seen.heard not in seen.number.reached.values():
        seen.wrong = f"heard {found}"


def _wrong(seen: Seen, cdrs: list[Row]) -> str:
    """What its CDR does not say as it was."""
    if len(cdrs) != 1:
        return f"{len(cdrs)} CDRs"
    (cdr,) = cdrs
    told = (cdr["kind"], cdr["disposition"], cdr["dialed_number"])
    if told != ("inbound", "ANSWER", seen.number.did):
        return f"CDR {told}"
    if seen.number.reached and seen.number.reached.get(cdr["agent_number"]) != seen.heard:
        return f"CDR says {cdr['agent_number']}, heard {seen.heard} Hz"
    return ""


def _report(seen: list[Seen]) -> int:
    wrong = Counter(each.wrong for each in seen if each.wrong)
    for number in (AGENT, GROUP, EXTENSION, BOT, IVR):
        those = [each for each in seen if each.number is number]
        right = sum(not each.wrong for each in those)
        if those:
            say(f"{number.where:16} {right} of {len(those)} reached, answered after {_spread(those)}")
    slowest = max((each.ring_ms for each in seen), default=0.0)
    say(f"rang after {statistics.median(each.ring_ms for each in seen):.0f} ms, the slowest after {slowest:.0f} ms")
    for what, times in wrong.most_common(10):
        say(f"wrong: {what}: {times}")
    kept = not wrong, slowest <= RING_MS
    print(
        f"{verdict(kept[0])}  reached the right place: {len(seen) - sum(wrong.values())} of {len(seen)} (promised: all)"
    )
    print(f"{verdict(kept[1])}  the slowest rang after {slowest:.0f} ms (promised: {RING_MS:.0f} at most)")
    return int(not all(kept))


def _spread(those: list[Seen]) -> str:
    times = [each.answer_ms for each in those if each.answer_ms]
    return f"{statistics.median(times):.0f} ms, the slowest {max(times):.0f} ms" if times else "-"


if __name__ == "__main__":
    main()
