"""What any API may ask for, checked once: after this a request can be dialled."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.core import dialstring, permit
from engine.core.account import Account, Agent, Route
from engine.core.amd import Amd
from engine.core.ivr import Ivr
from engine.core.refusal import InvalidRequest, NotPermitted

Side = Literal["agent", "customer", "third"]
Strategy = Literal["one_by_one", "to_all"]
RecordingOption = Literal["", "both", "agent", "customer"]  # whose talk is recorded
# As people write it: the samples of the CPaaS suite's document have "on", too, which is both.
RECORDING_OPTIONS: dict[str, RecordingOption] = {
    "both": "both",
    "agent": "agent",
    "customer": "customer",
    "on": "both",
    "off": "",
}
# In place of a caller id: the CLI of whichever agent of the other party is on the line.
AGENT_CLI = "AGENT_CLI"
AROUND_SPEECH_SECONDS = 5  # what a restart or a slow Asterisk may add to each time it is played


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One telephone of a party: an extension or E.164 digits, and the endpoints that lead there.

    `agent_id` says whose it is, "" for nobody of ours; `cli` is that agent's own, "" without one.
    """

    number: str
    endpoints: tuple[str, ...]
    agent_id: str = ""
    cli: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who is to be reached: targets in order, and how they are hunted.

    `caller_id` is what this party is shown: E.164 digits, or `AGENT_CLI`. Each target is tried `1 + retries` times.
    Of targets that are agents only free ones are rung, of others any; `queue_seconds` is how long a free one may be
    waited for (0: not at all), `web_login` and `call_login` how it is to be logged in (None: as it likes). `group_id`
    is their group.
    """

    targets: tuple[Target, ...]
    ring_seconds: int
    caller_id: str
    strategy: Strategy = "one_by_one"
    retries: int = 0
    group_id: str = ""
    queue_seconds: int = 0
    web_login: bool | None = None
    call_login: bool | None = None

    def wants(self, agent: Agent) -> bool:
        """Whether the agent is logged in as it is asked for."""
        return self.web_login in (None, agent.web_login) and self.call_login in (None, agent.call_login)

    @property
    def number(self) -> str:
        """Its first target's."""
        return self.targets[0].number

    @property
    def staffed(self) -> bool:
        """Agents of ours are among its targets: those are rung only when free."""
        return any(target.agent_id for target in self.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A sound both parties hear so many seconds after they were bridged."""

    after_seconds: int
    media: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The number and whichever agent it is bridged with are to be a sticky pair, for so long (None: for ever)."""

    number: str
    seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """A sound that is played to whoever answers, so many times: its media URI, and how long it is."""

    media: str
    seconds: float
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignAttempt:
    """Which attempt of which contact of a campaign a call is, and when there is to be another."""

    campaign_id: str
    campaign_type: int
    list_id: str
    position: int  # of the contact in its list
    attempt: int  # the first is 1
    max_retries: int
    retry_seconds: int
    retry_on: tuple[str, ...]  # dispositions

    @property
    def unique_id(self) -> str:
        """By which reports know it."""
        return f"{self.campaign_id}_{self.list_id}_{self.position}-u{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """One request for one call: the agent's party is reached first, then the customer's, then both are bridged.

    Without an agent's party the customer hears `speech`, and that is all of the call. `ring_tone` is what the agent's
    party hears while the customer's is hunted (a media URI; "": what the customer's network sends). `dnd_sides` are
    those whose numbers must not be on the account's do-not-disturb lists.

    A campaign's attempt reaches the customer first, finds out by `amd` who answered, plays `speech`, if there is one,
    then leads through `ivr`, or else connects to the party of `choices` that `connect_to` names ("": to nobody). What
    an IVR transfers to is in `choices`, too.

    `recording` says which of those who talk to each other are recorded; with `transcript` that is written down.

    Who calls in, on the number `did` of ours, is the customer, and on the line from the start: the agent's party is
    reached for it, then it is led through `ivr`. "" where we call.
    """

    account_id: str
    kind: str
    customer: Party
    agent: Party | None = None
    max_talk_seconds: int
    retry_pause_seconds: float = 2.0
    ring_tone: str = ""
    alerts: tuple[Alert, ...] = ()
    pair: Pair | None = None
    speech: Speech | None = None
    dnd_sides: tuple[Side, ...] = ("customer",)
    campaign: CampaignAttempt | None = None
    amd: Amd | None = None
    ivr: Ivr | None = None
    choices: Mapping[str, Party] = field(default_factory=dict)
    connect_to: str = ""
    recording: RecordingOption = ""
    transcript: bool = False
    did: str = ""

    @property
    def parties(self) -> dict[Side, Party]:
        """All that are to be reached, in that order."""
        return {"agent": self.agent, "customer": self.customer} if self.agent else {"customer": self.customer}

    @property
    def first(self) -> Side:
        """Whose party is reached first, or calls in, and waits for the other one's."""
        return "agent" if self.agent is not None and self.campaign is None and not self.did else "customer"

    def party(self, side: Side) -> Party:
        """The party of that side, which is one of those to be reached."""
        party = {"agent": self.agent, "customer": self.customer}.get(side)
        assert party is not None
        return party


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a party may ring and two parties may talk, and how soon the next attempt comes, in seconds."""

    ring_seconds: int
    max_talk_seconds: int
    retry_pause_seconds: float = 2.0


def click2call(
    account: Account,
    *,
    agent_number: str,
    customer_number: str,
    caller_id: str,
    routes: Sequence[Route],
    limits: Limits,
    kind: str = "click2call",
    recording: RecordingOption = "",
    transcript: bool = False,
) -> CallRequest:
    """A checked request to ring the agent, then the customer. Raises `InvalidRequest` naming the parameter."""
    shown = _shown(account, caller_id)
    moment = permit.Moment(account=account, routes=routes)
    agent = permit.Attempt(number=agent_number, caller_id=shown, side="agent")
    customer = permit.Attempt(number=customer_number, caller_id=shown)
    return CallRequest(
        account_id=account.account_id,
        kind=kind,
        agent=_party("agent_number", agent, moment, limits),
        customer=_party("destination_number", customer, moment, limits),
        max_talk_seconds=limits.max_talk_seconds,
        recording=recording or ("both" if transcript else ""),
        transcript=transcript,
    )


def otp(
    account: Account,
    *,
    customer_number: str,
    caller_id: str,
    routes: Sequence[Route],
    limits: Limits,
) -> CallRequest:
    """A checked request to speak to the customer: what is not said yet. Raises `InvalidRequest` naming the parameter.

    Whoever asked for a password wants to be called: do-not-disturb lists are for calls nobody asked for.
    """
    attempt = permit.Attempt(number=customer_number, caller_id=_shown(account, caller_id), kind="otp", heeds_dnd=False)
    return CallRequest(
        account_id=account.account_id,
        kind="otp",
        customer=_party("customer_number", attempt, permit.Moment(account=account, routes=routes), limits),
        max_talk_seconds=limits.max_talk_seconds,
        dnd_sides=(),
    )


def speaking(request: CallRequest, speech: Speech) -> CallRequest:
    """The request with what is said to who answers; nobody is on the line for longer than that takes."""
    seconds = math.ceil(speech.times * (speech.seconds + AROUND_SPEECH_SECONDS))
    return replace(request, speech=speech, max_talk_seconds=seconds)


def _shown(account: Account, caller_id: str) -> str:
    try:
        return permit.shown(account, caller_id)
    except InvalidRequest as exc:
        raise InvalidRequest(f"caller_id: {exc.message}", param="caller_id") from exc


def _party(param: str, attempt: permit.Attempt, moment: permit.Moment, limits: Limits) -> Party:
    verdict = permit.verdict(attempt, moment)
    if not verdict.allowed:
        raise NotPermitted(f"{param}: {verdict.words}", param=param, reason=verdict.reason)
    number = permit.spelt(moment.account, attempt.number)
    endpoints = dialstring.endpoints(number, extensions=moment.account.extensions, routes=moment.routes)
    target = Target(number=number, endpoints=endpoints)
    return Party(targets=(target,), ring_seconds=limits.ring_seconds, caller_id=attempt.caller_id)
