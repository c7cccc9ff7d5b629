"""A customer of this installation: what it may show, where it may dial, which phones are its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal

from engine.core.ivr import Ivr

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class CallingHours:
    """From when to before when people may be called, `HH:MM` where they are; `until` may lie after midnight."""

    since: str
    until: str

    def hold(self, clock: str) -> bool:
        """Whether a wall clock showing `HH:MM` is within them."""
        if self.since < self.until:
            return self.since <= clock < self.until
        return clock >= self.since or clock < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A person who takes calls at a number (E.164 digits) or an extension; `cli` is the agent's own, "" without one.

    `busy` is what somebody set; a call makes anyone busy without it.
    """

    agent_id: str
    number: str
    cli: str = ""
    web_login: bool = False
    call_login: bool = False
    busy: bool = False
    pin: str = field(default="", repr=False)  # what is kept of it, "" without one


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A sound Asterisk can play: its `media` URI, and how long it is."""

    media: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A text to speak, with fields such as `{otp}`; only an approved one is spoken."""

    text: str
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """A number of ours: where calls to it go, as `agent:201`, and who of them is recorded ("" for nobody)."""

    to: str
    recording: Literal["", "both", "agent", "customer"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account. Numbers are E.164 digits without `+`; no `allowed_ips` means from anywhere, a cap of 0 none."""

    account_id: str
    name: str
    region: str
    allowed_ips: tuple[Network, ...] = ()
    allowed_regions: tuple[str, ...] = ()
    caller_ids: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    agents: Mapping[str, Agent] = field(default_factory=dict)  # by agent id
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the ids of its agents, in order
    announcements: Mapping[str, Announcement] = field(default_factory=dict)  # by id
    templates: Mapping[str, Template] = field(default_factory=dict)  # by id
    endpoints: Mapping[str, str] = field(default_factory=dict)  # a voice bot, a voicemail: `PJSIP/…`, by id
    dids: Mapping[str, Did] = field(default_factory=dict)  # by number
    ivrs: Mapping[str, Ivr] = field(default_factory=dict)  # by id; its texts are not spoken yet
    default_ivr: str = ""  # the id of the one a campaign connects to that names nothing else
    report_tz: str = "UTC"
    dnd_numbers: frozenset[str] = frozenset()  # do not disturb: never called as a customer
    calling_hours: CallingHours | None = None  # of campaigns
    max_live_calls: int = 10
    calls_per_second: int = 1
    attempts_per_day: int = 1000
    requests_per_destination: int = 3  # in ten minutes
    max_targets: int = 5  # numbers or agents in one party
    same_request_seconds: int = 0  # so long the same request is the same call; 0: each is one of its own
    max_report_ids: int = 100  # asked about at once
    allow_get_api: bool = False  # MOR's reports, asked for with GET
    poll_separator: Literal["newline", "space"] = "newline"  # between MOR's poll results

    @property
    def agent_numbers(self) -> frozenset[str]:
        """The account's own people: not somebody it calls."""
        return frozenset(agent.number for agent in self.agents.values())

    @property
    def capped(self) -> bool:
        """Its calls have to be counted."""
        return bool(self.attempts_per_day or self.requests_per_destination)


@dataclass(frozen=True, slots=True)
class Route:
    """Where numbers with this prefix are sent: endpoint patterns holding `{number}`, in order."""

    prefix: str
    endpoints: tuple[str, ...]
