"""A Sarv request, read step by step: each step checks, and leaves what the next needs."""

from dataclasses import dataclass, field

from engine.api.dialect import Surroundings
from engine.api.dialects.sarv_codes import INVALID_FORMAT, Coded
from engine.api.dialects.sarv_params import WHOLE, Params
from engine.api.dialects.sarv_sides import AGENT, CODES_OF, GROUP, NUMBER, RING_SECONDS, OneSide
from engine.core.request import AGENT_CLI, Alert, CallRequest, Side, Strategy
from engine.core.sticky import Policy, Sticky

STRATEGIES: dict[str, Strategy] = {"ONE_BY_ONE": "one_by_one", "TO_ALL": "to_all"}
MOST_RING_SECONDS = 50
MOST_RETRIES = 3
MOST_ALERTS = 20
QUEUE_SECONDS, MOST_QUEUE_SECONDS = 60, 3600
SHORT_TONE = "sound:beep"
LOG_INS = {"yes": True, "no": False, "na": None}
STICKY_SECONDS = {"min": 60, "hour": 3600, "day": 86400, "month": 30 * 86400, "permanent": None}
POLICIES: dict[str, Policy] = {"retrySame": "same", "retryNewSticky": "new", "retryTemp": "once"}
DND_SIDES: dict[str, tuple[Side, ...]] = {"from": ("agent",), "to": ("customer",), "both": ("agent", "customer")}


@dataclass(slots=True)
class Reading:
    """A request being read. The steps are called in the documented order; each raises `Coded`."""

    params: Params
    around: Surroundings
    came: OneSide = field(default_factory=lambda: OneSide("from", "agent"))
    went: OneSide = field(default_factory=lambda: OneSide("to", "customer"))
    developer: bool = False
    hangs_up: bool = True
    is_sticky: bool = False
    limit_seconds: int = 0
    alerts_at: tuple[int, ...] = ()
    alert_media: tuple[str, ...] = ()
    ring_tone: str = ""
    queue_seconds: int = QUEUE_SECONDS
    dnd_sides: tuple[Side, ...] = ()
    sticky_seconds: int | None = None
    policy: Policy = "same"

    @property
    def sides(self) -> tuple[OneSide, OneSide]:
        """From, then to."""
        return self.came, self.went

    def format(self) -> None:
        """Lengths, lists, booleans, and words that have no code of their own."""
        self.params.check()
        self.hangs_up = self.params.flag("timeLimitHangup", default=True)
        mode = self.params.choice("mode", of=("live", "developer"), default="live", code=INVALID_FORMAT)
        self.developer = mode == "developer"
        self.is_sticky = self.params.choice("sticky", of=LOG_INS, default="na", code=INVALID_FORMAT) == "yes"

    def types(self) -> None:
        """Number, Agent or Group."""
        for side in self.sides:
            name = f"{side.name}Type"
            if self.params.has(name) and not self.params.text(name):
                raise side.coded("type_empty")
            code = CODES_OF["type"][side.name == "to"]
            side.type = self.params.choice(name, of=(NUMBER, AGENT, GROUP), default=NUMBER, code=code)

    def both_there(self) -> None:
        """Somebody on each side."""
        for side in self.sides:
            side.ids = tuple(self.params.elements(side.name))
        if not self.came.ids and not self.went.ids:
            raise Coded("1521")
        for side in self.sides:
            if not side.ids:
                raise side.coded("missing")

    def from_targets(self) -> None:
        """Whom the from side means."""
        self.came.read_targets(self.around)

    def to_targets(self) -> None:
        """Whom the to side means."""
        self.went.read_targets(self.around)

    def apart(self) -> None:
        """Nobody is connected to themselves."""
        same_group = self.came.type == self.went.type == GROUP and self.came.ids == self.went.ids
        groups = GROUP in (self.came.type, self.went.type)
        numbers = {target.number for target in self.came.targets} & {target.number for target in self.went.targets}
        if same_group or (numbers and not groups):
            raise Coded("1520")
        if groups:  # whoever is named on the other side is not asked for in the group
            self.came.leave_out(self.went)
            self.went.leave_out(self.came)

    def strategies(self) -> None:
        """One by one, or all at once; a group is always worked through."""
        for side in self.sides:
            code = CODES_OF["strategy"][side.name == "to"]
            word = self.params.choice(f"{side.name}Strategy", of=STRATEGIES, default="ONE_BY_ONE", code=code)
            side.strategy = STRATEGIES[word]

    def ring_times(self) -> None:
        """Seconds, up to 50."""
        for side in self.sides:
            side.ring_seconds = side.up_to(
                MOST_RING_SECONDS, self.params, "RingTime", "ring_time", default=RING_SECONDS
            )
            if side.ring_seconds == 0:
                raise side.coded("ring_time")

    def retries(self) -> None:
        """Up to 3."""
        for side in self.sides:
            side.retries = side.up_to(MOST_RETRIES, self.params, "RetryCount", "retries", default=0)

    def time_limit(self) -> None:
        """Seconds of talk; 0 is none."""
        if self.params.has("timeLimit") and not self.params.text("timeLimit"):
            raise Coded("1532")
        self.limit_seconds = self.params.whole("timeLimit", default=0, invalid="1534", negative="1533")

    def alerts(self) -> None:
        """Seconds of talk at which both are told, each before the limit."""
        texts = self.params.elements("timeLimtAlert")
        if self.params.has("timeLimtAlert") and not 0 < len(texts) <= MOST_ALERTS:
            raise Coded("1545")
        if any(not WHOLE.fullmatch(text) or not int(text) for text in texts) or (texts and not self.limit_seconds):
            raise Coded("1545")
        self.alerts_at = tuple(int(text) for text in texts)
        if any(at >= self.limit_seconds for at in self.alerts_at):
            raise Coded("1547")

    def sounds(self) -> None:
        """Announcements of the account's own: one for all alerts, or one for each; and one while it rings."""
        given = self.alerts_at and self.params.has("alertAudio")
        ids = self.params.elements("alertAudio") if given else []
        if given and len(ids) not in (1, len(self.alerts_at)):
            raise Coded("1546")
        media = [self._media(each, "1546") for each in ids] or [SHORT_TONE]
        self.alert_media = tuple(media * len(self.alerts_at) if len(media) == 1 else media)
        self.ring_tone = self._media(self.params.text("ringTone"), "1535") if self.params.has("ringTone") else ""

    def caller_ids(self) -> None:
        """What each side is shown: a caller id of the account's, or the CLI of the agent on the other side."""
        texts = self.params.text("fromCLI"), self.params.text("toCLI")
        from_agent, to_agent = (text.upper() == AGENT_CLI for text in texts)
        if from_agent or to_agent:
            self._agent_cli(from_agent=from_agent, to_agent=to_agent)
        owned = self.around.account.caller_ids
        shown = texts[0] if self.params.has("fromCLI") or not owned else owned[0]
        self.came.caller_id = self.went.agent_clis[0] if from_agent else self.came.shown(self.around.account, shown)
        if to_agent:
            only = len(self.came.targets) == 1 and self.came.type == AGENT
            self.went.caller_id = self.came.agent_clis[0] if only else AGENT_CLI
        elif self.params.has("toCLI"):
            self.went.caller_id = self.went.shown(self.around.account, texts[1])
        else:
            self.went.caller_id = self.came.caller_id

    def log_ins(self) -> None:
        """How the agents are to be logged in: one of them has to be so now. A side of numbers has none."""
        for side in self.sides:
            side.web_login = self._log_in(side, "Web", "web_login")
            side.call_login = self._log_in(side, "Call", "call_login")
        staffed = [side for side in self.sides if side.type != NUMBER]
        for side in staffed:
            if side.strategy == "to_all" and side.call_login is not None:
                raise side.coded("call_login_to_all")
        agents = self.around.account.agents
        for side in staffed:
            whose = "group" if side.type == GROUP else "agents"
            if not side.anybody(agents, web_only=True):
                raise side.coded(f"web_login_{whose}")
            if not side.anybody(agents):
                raise side.coded(f"call_login_{whose}")

    def stickiness(self) -> None:
        """A number that comes back to its agent."""
        given = [name for name in ("stickyTimeType", "stickyTimeValue", "stickyAgentBusy") if self.params.has(name)]
        if given and not self.is_sticky:
            raise Coded("1561")
        if self.is_sticky:
            if (self.came.type == NUMBER) == (self.went.type == NUMBER):
                raise Coded("1558")
            unit = self.params.choice("stickyTimeType", of=STICKY_SECONDS, default="day", code="1559")
            value = self.params.whole("stickyTimeValue", default=1, invalid="1560")
            if not value:
                raise Coded("1560")
            seconds = STICKY_SECONDS[unit]
            self.sticky_seconds = None if seconds is None else seconds * value
            busy = self.params.choice("stickyAgentBusy", of=POLICIES, default="retrySame", code="1562")
            self.policy = POLICIES[busy]
        if self.is_sticky or AGENT_CLI in (self.params.text("fromCLI").upper(), self.params.text("toCLI").upper()):
            for side in self.sides:
                if len(side.ids) > 1:
                    raise side.coded("several")

    def queue(self) -> None:
        """How long a caller waits for an agent of a group."""
        self.queue_seconds = self.params.whole("queueTimeout", default=QUEUE_SECONDS, invalid="1563")
        if self.queue_seconds > MOST_QUEUE_SECONDS:
            raise Coded("1563")
        if self.params.has("queueTimeout") and GROUP not in (self.came.type, self.went.type):
            raise Coded("1568")

    def dnd(self) -> None:
        """Which numbers are looked for in the do-not-disturb lists."""
        text = self.params.choice("dndFilter", of=DND_SIDES, default="", code="1570")
        self.dnd_sides = DND_SIDES.get(text, ())
        for side in self.sides:
            if side.side in self.dnd_sides and side.type != NUMBER:
                raise side.coded("dnd_type")

    # -- what it comes to ----------------------------------------------------------------------

    def request(self) -> CallRequest:
        """The request, once every step was taken."""
        ceiling = self.around.limits.max_talk_seconds
        limited = self.hangs_up and self.limit_seconds
        return CallRequest(
            account_id=self.around.account.account_id,
            kind="click2call",
            agent=self.came.party(self.queue_seconds),
            customer=self.went.party(self.queue_seconds),
            max_talk_seconds=min(self.limit_seconds, ceiling) if limited else ceiling,
            retry_pause_seconds=self.around.limits.retry_pause_seconds,
            ring_tone=self.ring_tone,
            alerts=tuple(
                Alert(after_seconds=at, media=media) for at, media in zip(self.alerts_at, self.alert_media, strict=True)
            ),
            dnd_sides=(),
        )

    def sticky(self) -> Sticky | None:
        """The sticky pair that is asked for."""
        if not self.is_sticky:
            return None
        number, staff = (self.came, self.went) if self.came.type == NUMBER else (self.went, self.came)
        return Sticky(
            number=number.targets[0].number,
            side=staff.side,
            seconds=self.sticky_seconds,
            policy=self.policy,
            queue_seconds=self.queue_seconds,
        )

    # -- parts of the steps --------------------------------------------------------------------

    def _log_in(self, side: OneSide, which: str, error: str) -> bool | None:
        code = CODES_OF[error][side.name == "to"]
        return LOG_INS[self.params.choice(f"{side.name}{which}Login", of=LOG_INS, default="na", code=code)]

    def _media(self, announcement_id: str, code: str) -> str:
        found = self.around.account.announcements.get(announcement_id)
        if found is None:
            raise Coded(code)
        return found.media

    def _agent_cli(self, *, from_agent: bool, to_agent: bool) -> None:
        if self.came.type == self.went.type == NUMBER:
            raise Coded("1584")
        if from_agent and self.went.type == GROUP:
            raise Coded("1585")
        if to_agent and self.came.type == NUMBER:
            raise self.came.coded("agent_cli_type")
        if from_agent and self.went.type == NUMBER:
            raise self.went.coded("agent_cli_type")
        for wanted, side in ((to_agent, self.came), (from_agent, self.went)):
            clis = side.agent_clis
            if wanted and not (clis if side.type == GROUP else len(clis) == len(side.targets)):
                raise side.coded("agent_cli_none")
