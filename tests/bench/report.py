"""What the benchmark prints."""

import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

from tests.bench.rounds import Round

HEADINGS = (
    "way      rate calls wrong refused │     CPU-ms per call of          │ event→command │  commit wait │ late  others",
    "           /s                     │    app Asterisk Postgres phones │  p50    p99 ms│  p50   p99 ms│         CPU",
)
RULE = "".join("┼" if sign == "│" else "─" for sign in HEADINGS[0])


def print_table(rounds: Sequence[Round]) -> None:
    """One line a round."""
    print()
    print(*HEADINGS, RULE, sep="\n")
    for each in rounds:
        print(line(each))


def line(each: Round) -> str:
    """One round."""
    cpu = each.cpu_ms
    application = f"{cpu['application']:6.2f}" if cpu["application"] else "     -"
    return (
        f"{each.way:<8}{each.rate:5g}{each.calls:6}{len(each.wrong):6}{each.refused:8} │ "
        f"{application}{cpu['asterisk']:9.2f}{cpu['postgres']:9.2f}{cpu['load']:7.2f} │"
        f"{spread(each.reaction_us)} │{spread(each.commit_us)}│"
        f"{each.behind_ms:4.0f} ms{each.others_share:6.0%}"
    )


def spread(times_us: Sequence[int]) -> str:
    """The median and the 99th percentile, in milliseconds."""
    if not times_us:
        return "     -       -"
    return f"{percentile_ms(times_us, 50):6.2f}{percentile_ms(times_us, 99):8.2f}"


def percentile_ms(times_us: Sequence[int], percent: int) -> float:
    """The time that `percent` of them do not exceed."""
    ranked = sorted(times_us)
    return ranked[min(len(ranked) - 1, len(ranked) * percent // 100)] / 1000


def print_promises(rounds: Sequence[Round]) -> None:
    """What the product promises, and whether this run kept it."""
    print()
    engine, asterisk = cpu_ms(rounds, "legwork", 60, "application"), cpu_ms(rounds, "legwork", 60, "asterisk")
    promise("engine / Asterisk, CPU per call at 60/s", engine, asterisk, most=1 / 2)
    engine, aioari = cpu_ms(rounds, "legwork", 20, "application"), cpu_ms(rounds, "aioari", 20, "application")
    promise("engine / aioari, CPU per call at 20/s", engine, aioari, most=3 / 4)
    for rate in sorted({each.rate for each in rounds if each.reaction_us}):
        times = [time for each in rounds if each.rate == rate for time in each.reaction_us]
        p99 = percentile_ms(times, 99)
        print(f"{verdict(p99 < 5)}  p99 of event → command at {rate:g}/s: {p99:.2f} ms (promised: < 5 ms)")
    wrong = sum(len(each.wrong) for each in rounds if each.way == "legwork")
    calls = sum(each.calls for each in rounds if each.way == "legwork")
    refused = sum(each.refused for each in rounds if each.way == "legwork")
    more = f"; {refused} more were refused, with more live calls than the account may have" if refused else ""
    print(f"{verdict(not wrong)}  one right CDR for each call: {calls - wrong} of {calls}{more}")


def promise(what: str, ours: Sequence[float], theirs: Sequence[float], *, most: float) -> None:
    """One ratio: the median of the rounds', each against its neighbour, for a machine's speed drifts."""
    ratios = [our / their for our, their in zip(ours, theirs, strict=False) if their]
    if not ratios:
        print(f" --   {what}: not measured")
        return
    ratio = statistics.median(ratios)
    each = f" (rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)})" if len(ratios) > 1 else ""
    print(f"{verdict(ratio <= most)}  {what}: {ratio:.2f}{each} (promised: ≤ {most:.2f})")


def verdict(kept: bool) -> str:
    return "PASS" if kept else "FAIL"


def cpu_ms(rounds: Sequence[Round], way: str, rate: float, part: str) -> list[float]:
    """Each round's CPU per call of one part."""
    return [each.cpu_ms[part] for each in rounds if each.way == way and each.rate == rate]


def print_circumstances(asterisk: str, peer: str, phones: tuple[int, int], *, pinned: bool) -> None:
    """What it was measured on."""
    model = next((x.partition(": ")[2] for x in cpuinfo() if x.startswith("model name")), platform.machine())
    where = "Asterisk on the first, all else on the others" if pinned else "not pinned"
    print()
    print(f"Asterisk {asterisk}; Python {platform.python_version()}; {peer or 'no peer'}")
    print(f"Linux {platform.release()}; {os.cpu_count()} CPUs ({model}), {where}")
    print("Two legs, half a second of talk, no RTP. Asterisk writes its own CDRs to a file; no CEL, no AMI.")
    print("`app` is the application: Legwork with its HTTP API, or aioari, which places its calls by itself.")
    print("Legwork speaks to Asterisk over its websocket but for a few commands, aioari over HTTP.")
    print("`phones` is the load generator with SIPp; `late` is how far it fell behind.")
    print("`others` is what the rest of the machine took meanwhile; from some 20 % on, measure again.")
    print(f"SIPp's phones: {phones[0]} legs as they should be, {phones[1]} not.")


def cpuinfo() -> list[str]:
    return Path("/proc/cpuinfo").read_text().splitlines()
