"""The runs that are larger than one seed: a hundred talks, a minute without Postgres, three times what is allowed."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator

from docker import choices, engines
from docker.choices import LAB, ROOT
from tests.bench.lab import carried_by, say
from tests.bench.phones import phones
from tests.faults import report
from tests.faults.plan import NUMBERS, Plan, PlannedCall, pair
from tests.faults.rounds import run
from tests.live.lab import settings

BIG_CALLS = 100
BIG_RATE = 10.0
BIG_TALK_SECONDS = 25
AWAY_RATE = 5.0
OFFERED_RATE = 150.0
OFFERED_SECONDS = 20.0
MOST_RATE = 50
MOST_LIVE = 200
OVERLOAD_TALK_SECONDS = 4
SUCCEED_SHARE = 0.999
ACCOUNTS = ROOT / "docker/accounts.toml"


def big(seed: int) -> Plan:
    """A hundred calls that all talk when the engine is killed."""
    first = random.Random(seed).randrange(NUMBERS)
    rows = {"agent": "00", "customer": "05"}
    calls = tuple(PlannedCall(turn / BIG_RATE, *pair(first + turn, **rows)) for turn in range(BIG_CALLS))
    return Plan(
        seed=seed, kind="kill", calls=calls, lead=BIG_CALLS / BIG_RATE + 3, talk_seconds=BIG_TALK_SECONDS, large="--big"
    )


def away(seed: int, seconds: int) -> Plan:
    """Calls that end at five a second, all of them while Postgres is stopped."""
    calls = _steady(seed, count=round(AWAY_RATE * seconds), rate=AWAY_RATE, rows=("00", "05"))
    return Plan(
        seed=seed,
        kind="postgres-kill",
        calls=calls,
        lead=seconds + 1.0,
        talk_seconds=seconds + 2,
        away_seconds=float(seconds),
        large=f"--postgres-away {seconds}",
        recorded=False,
    )


def overload(seed: int) -> Plan:
    """Three times as many requests as the account may make; half of the customers hang up at once."""
    calls = _steady(seed, count=round(OFFERED_RATE * OFFERED_SECONDS), rate=OFFERED_RATE, rows=("05", "60"))
    return Plan(
        seed=seed,
        kind="nothing",
        calls=calls,
        lead=OFFERED_SECONDS,
        talk_seconds=OVERLOAD_TALK_SECONDS,
        recorded=False,
        large="--overload",
    )


def _steady(seed: int, *, count: int, rate: float, rows: tuple[str, str]) -> tuple[PlannedCall, ...]:
    """Calls over SIPp's phones, which go by the last two digits only: there are numbers enough for each."""
    dice = random.Random(seed)
    return tuple(
        PlannedCall(turn / rate, f"91991{turn:05}{rows[0]}", f"91992{turn:05}{dice.choice(rows)}")
        for turn in range(count)
    )


async def run_big(seed: int) -> int:
    """A hundred talks and kill -9."""
    return await _print(big(seed))


def run_away(seed: int, seconds: int) -> int:
    """Over SIPp's phones, as six hundred legs with sound are too much for a small machine."""
    with phones() as sipp, carried_by(sipp.address):
        return asyncio.run(_print(away(seed, seconds)))


def run_overload(seed: int) -> int:
    """With accounts of its own, and the lab's own afterwards."""
    with phones() as sipp, carried_by(sipp.address), limited():
        return asyncio.run(_print_overload(overload(seed)))


async def _print(plan: Plan) -> int:
    done = await run(plan, settings())
    print(report.line(done))
    if done.broken:
        print(*report.details(done, most=40), sep="\n")
    report.print_figures([done])
    return int(bool(done.broken))


async def _print_overload(plan: Plan) -> int:
    done = await run(plan, settings())
    told = Counter(f"{each.told} {each.status or ''}".strip() for each in done.asked)
    succeeded = sum(row["disposition"] == "ANSWER" for row in done.cdrs)
    share = succeeded / max(1, done.accepted)
    say(f"offered {len(done.asked)} in {OFFERED_SECONDS:g} s, allowed {MOST_RATE}/s and {MOST_LIVE} live")
    say(", ".join(f"{count} {what}" for what, count in told.most_common()))
    say(f"{done.accepted / OFFERED_SECONDS:.0f} accepted a second")
    kept = share >= SUCCEED_SHARE and not done.broken and not told["unknown"] and not told["unsent"]
    if done.broken:
        print(*report.details(done, most=40), sep="\n")
    print(f"{'PASS' if share >= SUCCEED_SHARE else 'FAIL'}  accepted calls that succeeded: {succeeded} ({share:.2%})")
    report.print_figures([done])
    return int(not kept)


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """account_1 with the small limits; with the lab's own again afterwards."""
    chosen = choices.read()
    assert chosen is not None
    secrets = {"DATABASE_URL": settings()["DATABASE_URL"], **chosen.secrets}
    text = ACCOUNTS.read_text()
    small = LAB / "overload.toml"
    text = text.replace("max_live_calls = 400", f"max_live_calls = {MOST_LIVE}", 1)
    small.write_text(text.replace("calls_per_second = 200", f"calls_per_second = {MOST_RATE}", 1))
    engines.apply(small, secrets)
    try:
        yield
    finally:
        engines.apply(ACCOUNTS, secrets)
