"""Parameters that may stand in a query, a form or a JSON body, as texts."""

from collections.abc import Sequence
from typing import Any

from engine.api.dialect import Body


def gather(pairs: Sequence[tuple[str, Any]], _: bool) -> Body:
    """The parameters' trimmed texts; of one that is said twice the first, of what can not be read nothing."""
    found: Body = {}
    for name, value in pairs:
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        found.setdefault(name, text.strip())
    return found
