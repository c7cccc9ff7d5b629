"""What an API may ask for: a call, or something about calls; and what it is answered with."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from engine.core.callback import State
from engine.core.campaign_asks import CampaignAsk, CreateCampaign, ListAsk, ReportAsk
from engine.core.live_asks import LiveAsk
from engine.core.recording_asks import RecordingAsk
from engine.core.request import CallRequest, RecordingOption, Side
from engine.core.speech import Manner, Part
from engine.core.sticky import Sticky


@dataclass(frozen=True, slots=True)
class StartCall:
    """Make this call, once those it is for have been looked up. Answered with its request id, a text.

    `dnd` are the sides to look for in the account's do-not-disturb lists, `sticky` asks for a sticky pair. A `test`
    is checked like any other and makes no call.
    """

    request: CallRequest
    dnd: tuple[Side, ...] = ()
    sticky: Sticky | None = None
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSpeech:
    """Make this call, and speak these parts to who answers, so many times. Answered with `Accepted`."""

    request: CallRequest
    parts: tuple[Part, ...] = field(repr=False)
    manner: Manner
    times: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The id of an accepted request, and what of it is done otherwise than asked."""

    request_id: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CdrByRequestId:
    """The CDR of this request. Answered with a list of `CdrRow`, empty while it has not ended."""

    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrsByDate:
    """The CDRs with a call date from `since` to before `until`. Answered with a list of `CdrRow`."""

    since: datetime
    until: datetime
    count: int
    offset: int


@dataclass(frozen=True, slots=True)
class CdrStatistics:
    """How requests came out. Answered with a count by disposition."""


@dataclass(frozen=True, slots=True)
class LiveCallStatistics:
    """The calls on the line now. Answered with a count by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleCallback:
    """Make this call when a clock in `time_zone` shows `wall`, at `due_at`. Answered with the `Callback`."""

    request: CallRequest
    wall: str
    time_zone: str
    due_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCallback:
    """Change what is not "" of a callback. Answered with the `Callback` as it is then."""

    request_id: str
    agent_number: str = ""
    customer_number: str = ""
    caller_id: str = ""
    wall: str = ""
    time_zone: str = ""
    recording: RecordingOption | None = None  # None: as it is


@dataclass(frozen=True, slots=True)
class DeleteCallback:
    """Do not make this call. Answered with its request id."""

    request_id: str


@dataclass(frozen=True, slots=True)
class CallbackById:
    """This callback. Answered with the `Callback`."""

    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCallbacks:
    """Callbacks, the newest first, from behind the one `after`. Answered with a list of `Callback`."""

    state: State | Literal[""] = ""
    after: str = ""
    count: int


CallbackAsk = ScheduleCallback | ChangeCallback | DeleteCallback | CallbackById | ListCallbacks


@dataclass(frozen=True, slots=True)
class ListAnnouncements:
    """The account's announcements. Answered with a list of `AnnouncementRow`."""


@dataclass(frozen=True, slots=True)
class PlayAnnouncement:
    """What is heard under this id or number. Answered with a WAV."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAnnouncement:
    """Keep this sound. Answered with its `AnnouncementRow`.

    `file_name` and `content_type` are what whoever sent it says of it, `name` is what it is to be called.
    """

    content: bytes = field(repr=False)
    file_name: str = ""
    content_type: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchAnnouncement:
    """Fetch the sound at this URL, and keep it if it is of the kind that is taken `only`. Answered the same way."""

    url: str
    only: str = ""


@dataclass(frozen=True, slots=True)
class DeleteAnnouncement:
    """Delete the one with this id or number. Answered with the `AnnouncementRow` it had."""

    name: str


AnnouncementAsk = ListAnnouncements | PlayAnnouncement | UploadAnnouncement | FetchAnnouncement | DeleteAnnouncement
CallAsk = StartCall | StartSpeech | CdrByRequestId | CdrsByDate | CdrStatistics | LiveCallStatistics
Ask = CallAsk | CallbackAsk | AnnouncementAsk | ListAsk | CampaignAsk | ReportAsk | LiveAsk | RecordingAsk
Dialling = StartCall | StartSpeech | ScheduleCallback | CreateCampaign  # somebody is rung, now or later

# Of the store's `announcements`: id, number, name, seconds, source (file, upload), uploaded_at.
AnnouncementRow = dict[str, Any]

# A row of the store's `cdrs`, and its `legs`, rows of the store's `legs`; times are epoch seconds.
CdrRow = dict[str, Any]
