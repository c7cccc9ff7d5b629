"""Talk time: its limit, and the alerts before it, counted from when both parties were bridged."""

from engine.core.request import CallRequest

LIMIT = "talk"
ALERT = "alert:"  # and its place in the request


def deadlines(request: CallRequest, bridged_at: float) -> dict[str, float]:
    """When the talk ends, and when each alert is played, by the deadline's name."""
    alerts = {f"{ALERT}{place}": bridged_at + alert.after_seconds for place, alert in enumerate(request.alerts)}
    return {LIMIT: bridged_at + request.max_talk_seconds, **alerts}
