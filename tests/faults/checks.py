"""What must hold, whatever happened: each check looks at the evidence and says what is broken."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from docker.tones import Stretch
from tests.faults.evidence import Dialog, Evidence, Row
from tests.live.lab import read, started_at, tones

GAP_SECONDS = 0.3
TONE_SLACK_SECONDS = 0.6
BILLSEC_SECONDS = 1.0
LIMIT_SECONDS = 1.0
CROSSING_SECONDS = 0.3  # an answer that comes this close to a cut may be noted only after it
PARTY_LEAVES = ("60",)  # rows that hang up by themselves
TONE_ROWS = tuple(f"{row:02}" for row in range(15))


@dataclass(frozen=True, slots=True)
class Broken:
    """One thing that did not hold: which invariant, and what happened."""

    invariant: str
    what: str


Check = Callable[[Evidence], Iterator[str]]


def one_cdr_a_request(seen: Evidence) -> Iterator[str]:
    """Exactly one for what was accepted, none for what was refused, at most one where nobody knows."""
    by_agent = Counter(row["agent_number"] for row in seen.cdrs)
    ids = Counter(row["request_id"] for row in seen.cdrs)
    for asked in seen.asked:
        count = by_agent[asked.agent]
        rung = asked.agent in seen.dialogs
        match asked.told:
            case "accepted" if count != 1 or ids[asked.request_id] != 1:
                yield f"{asked.request_id} ({asked.agent}) has {count} CDRs"
            case "refused" | "unsent" if count or rung:
                yield f"{asked.agent} was {asked.told} ({asked.status}) and has {count} CDRs, rung: {rung}"
            case "unknown" if count > 1 or (rung and count != 1):
                yield f"{asked.agent} was not answered and has {count} CDRs, rung: {rung}"


def rung_once(seen: Evidence) -> Iterator[str]:
    """No number gets more INVITEs than it has leg rows, and no leg is without one where it rang."""
    rows = Counter(leg["number"] for leg in seen.legs)
    for number, dialogs in seen.dialogs.items():
        if len(dialogs) > rows[number]:
            yield f"{number} was rung {len(dialogs)} times with {rows[number]} leg rows"
    for leg in seen.legs:
        if leg["rang_at"] is not None and leg["number"] not in seen.dialogs:
            yield f"{leg['leg_id']} rang in our rows and never on the wire"


def all_ended(seen: Evidence) -> Iterator[str]:
    """No row is open."""
    for call in seen.calls:
        if not call["ended"]:
            yield f"call {call['call_id']} is open in our rows"


def nothing_left(seen: Evidence) -> Iterator[str]:
    """Asterisk has no channel and no bridge 10 s after the last call."""
    yield from (f"{thing} is left in Asterisk" for thing in seen.left)


def billsec(seen: Evidence) -> Iterator[str]:
    """Each CDR's is Asterisk's own, to the second.

    An answer that came during a cut, or a party that left then, may be off by the cut; our own hang-up may only
    where it was ordered in the cut, and got there late.
    """
    for row in seen.cdrs:
        theirs = _their_billsec(seen, row)
        if theirs is None or row["billsec"] is None:
            continue
        if abs(row["billsec"] - theirs) > BILLSEC_SECONDS + _unseen_seconds(seen, row):
            yield f"{row['channel']}: our billsec {row['billsec']:.3f}, Asterisk's {theirs:.3f}"


def _their_billsec(seen: Evidence, row: Row) -> float | None:
    """Asterisk's own; until its death on the wire, where it died with the call."""
    if row["channel"] in seen.asterisk:
        return float(sum(record["billsec"] for record in seen.asterisk[row["channel"]]))
    dialog = next(iter(seen.dialogs.get(row["dialed_number"], [])), None)
    if dialog is None or seen.pbx_died_at is None or not (dialog.answered_at and row["answered_at"]):
        return None
    return (dialog.ended_at or seen.pbx_died_at) - dialog.answered_at


def _unseen_seconds(seen: Evidence, row: Row) -> float:
    cuts = set()
    for dialog in seen.dialogs.get(row["dialed_number"], []):
        cuts.add(seen.cut_at(dialog.answered_at, margin=CROSSING_SECONDS) if dialog.answered_at else None)
        cut = seen.cut_at(dialog.ended_at, margin=CROSSING_SECONDS) if dialog.ended_at else None
        if not (cut and dialog.ended_at and dialog.answered_at):
            continue
        told_at = dialog.answered_at + (row["billsec"] or 0.0)
        ordered = cut[0] + CROSSING_SECONDS < told_at < dialog.ended_at
        if not dialog.ended_by_us or dialog.ended_at < cut[0] + CROSSING_SECONDS or ordered:
            cuts.add(cut)
    return sum(cut[1] - cut[0] for cut in cuts if cut)


def not_dropped(seen: Evidence) -> Iterator[str]:
    """Whoever talks is hung up by us only when its talk limit has come, and then within a second."""
    for dialog in customers(seen):
        if seen.pbx_died_at is not None and dialog.invited_at < seen.pbx_died_at:
            continue
        assert dialog.answered_at is not None
        if dialog.ended_at is None:
            yield f"{dialog.number} was answered and never hung up"
            continue
        if not dialog.ended_by_us:
            continue
        earliest, latest = due(seen, dialog)
        talked = dialog.ended_at - dialog.answered_at
        if dialog.ended_at < earliest - LIMIT_SECONDS:
            yield f"{dialog.number} was dropped after {talked:.1f} s"
        elif dialog.ended_at > latest + LIMIT_SECONDS:
            yield f"{dialog.number}'s limit fired late, after {talked:.1f} s"


def due(seen: Evidence, dialog: Dialog) -> tuple[float, float]:
    """When the talk limit may fire at the earliest and must at the latest."""
    assert dialog.answered_at is not None
    unseen = seen.cut_at(dialog.answered_at, margin=CROSSING_SECONDS)
    earliest = dialog.answered_at + seen.talk_seconds
    latest = (unseen[1] if unseen else dialog.answered_at) + seen.talk_seconds
    cut = seen.cut_at(latest)
    return earliest, cut[1] if cut else latest


def customers(seen: Evidence) -> Iterator[Dialog]:
    """The customers' calls that were answered, and not by crossing our hang-up."""
    for asked in seen.asked:
        for dialog in seen.dialogs.get(asked.customer, []):
            if dialog.answered_at is not None and dialog.cancelled_at is None:
                yield dialog


def heard_without_a_gap(seen: Evidence) -> Iterator[str]:
    """Both sides of a talk hear each other from its beginning to its end."""
    agents = {asked.customer: asked.agent for asked in seen.asked}
    for dialog in customers(seen):
        if (
            not seen.recorded
            or dialog.ended_at is None
            or (seen.pbx_died_at is not None and dialog.invited_at < seen.pbx_died_at)
        ):
            continue
        agent = agents[dialog.number]
        yield from _deaf(seen, dialog, listener=dialog.number, speaker=agent)
        if dialog.number[-2:] in TONE_ROWS:
            yield from _deaf(seen, dialog, listener=agent, speaker=dialog.number)


def _deaf(seen: Evidence, talk: Dialog, *, listener: str, speaker: str) -> Iterator[str]:
    """Why the listener did not hear the speaker throughout the talk; the first second is for the wire."""
    path = seen.recording(listener)
    if path is None:
        yield f"{listener} was not recorded"
        return
    assert talk.answered_at is not None
    assert talk.ended_at is not None
    unseen = seen.cut_at(talk.answered_at, margin=CROSSING_SECONDS)
    begins = (unseen[1] if unseen else talk.answered_at) - started_at(path) + TONE_SLACK_SECONDS
    ends = talk.ended_at - started_at(path) - TONE_SLACK_SECONDS
    if ends <= begins:
        return
    found = tones(read(path), [400 + 50 * int(speaker[-1])], gap_seconds=GAP_SECONDS)
    if not any(stretch.start_seconds <= begins and stretch.end_seconds >= ends for stretch in found):
        yield f"{listener} did not hear {speaker} from {begins:.1f} to {ends:.1f} s, but {_told(found)} ({path.name})"


def _told(found: list[Stretch]) -> str:
    return ", ".join(f"{each.start_seconds:.1f}-{each.end_seconds:.1f}" for each in found) or "never"


def in_time(seen: Evidence) -> Iterator[str]:
    """Ready again, and whatever else was timed."""
    for wait in seen.waits:
        if wait.seconds > wait.most_seconds:
            yield f"{wait.what}: {wait.seconds:.1f} s, promised within {wait.most_seconds:g} s"


def struck(seen: Evidence) -> Iterator[str]:
    """The fault did happen."""
    yield from seen.missed


CHECKS: dict[str, Check] = {
    "cdr": one_cdr_a_request,
    "rung twice": rung_once,
    "open row": all_ended,
    "left over": nothing_left,
    "billsec": billsec,
    "dropped": not_dropped,
    "gap": heard_without_a_gap,
    "late": in_time,
    "no fault": struck,
}


def broken(seen: Evidence) -> list[Broken]:
    """Everything that does not hold."""
    return [Broken(invariant, what) for invariant, check in CHECKS.items() for what in check(seen)]
