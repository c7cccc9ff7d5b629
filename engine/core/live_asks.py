"""What an API may ask of calls that are on; and what it is answered with."""

from dataclasses import dataclass
from typing import Any, Literal

Change = Literal["blind", "attended", "hang_up", "start", "stop", "pause", "resume"]
How = Literal["complete", "cancel", "swap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyCall:
    """Do that to a call: of a leg's `channel`, or of a `request_id`. Answered with the change.

    `start` and so on is its recording; `to` is whom it is transferred to.
    """

    change: Change
    channel: str = ""
    request_id: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True)
class SettleTransfer:
    """Decide what becomes of a call's transfer. Answered with the ask itself."""

    request_id: str
    how: How


@dataclass(frozen=True, slots=True)
class ListLiveCalls:
    """The account's calls that have a channel, on whichever node. Answered with a list of `LiveCall`."""


# A row of the store's `calls` and those of its legs.
LiveCall = tuple[dict[str, Any], list[dict[str, Any]]]
LiveAsk = ModifyCall | SettleTransfer | ListLiveCalls
