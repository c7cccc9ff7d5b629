"""The call flows, one a file: each decides what an event means for its kind of call."""

from types import ModuleType

from engine.core.flows import announce, campaign, click2call, inbound

FLOWS: dict[str, ModuleType] = {
    "click2call": click2call,
    "callback": click2call,
    "otp": announce,
    "campaign": campaign,
    "inbound": inbound,
}
