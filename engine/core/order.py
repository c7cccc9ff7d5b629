"""What is asked of a call that another node leads, as JSON and back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from engine.core.events import Cancelled, RecordingAsked, TransferAsked, TransferSettled
from engine.core.rows import party

Asked = Cancelled | RecordingAsked | TransferAsked | TransferSettled


def written(event: Asked) -> dict[str, Any]:
    """What is asked, but for when."""
    match event:
        case Cancelled():
            return {"what": "hang_up"}
        case RecordingAsked(what=what):
            return {"what": "recording", "recording": what}
        case TransferAsked(leg=leg, attended=attended):
            return {"what": "transfer", "leg": leg, "attended": attended, "party": asdict(event.party)}
        case TransferSettled(how=how):
            return {"what": "settle", "how": how}


def read(kept: Mapping[str, Any], *, at: float) -> Asked:
    """What was written so, asked now. Raises `KeyError`, `ValueError` for what another version wrote."""
    match kept["what"]:
        case "hang_up":
            return Cancelled(at=at)
        case "recording":
            return RecordingAsked(at=at, what=kept["recording"])
        case "transfer":
            return TransferAsked(at=at, leg=kept["leg"], attended=kept["attended"], party=party(kept["party"]))
        case "settle":
            return TransferSettled(at=at, how=kept["how"])
        case what:
            raise ValueError(f"{what} is nothing that can be asked of a call")
