"""A call as its rows are at one moment: what Postgres gets now, or the spool until it can."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from engine.core import rows
from engine.core.call import Call
from engine.core.cdr import cdr
from engine.core.proviso import Proviso
from engine.store.connection import to_database
from engine.store.spool import Spooled

Row = dict[str, Any]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The call's row, its legs' rows, and its CDR's once it is over; times as datetimes, or as ISO times.

    A new call's has what its first commit depends on, if anything. No new call goes to the spool.
    """

    call_id: str
    call: Row
    legs: list[Row]
    cdr: Row | None
    proviso: Proviso | None = None

    @classmethod
    def of(cls, call: Call, *, node: str, proviso: Proviso | None = None) -> "Snapshot":
        """The call as it is now."""
        return cls(
            call.call_id,
            to_database(rows.call_row(call, node=node)),
            [to_database(row) for row in rows.leg_rows(call, node=node)],
            to_database(rows.cdr_row(cdr(call, node=node))) if call.over else None,
            proviso,
        )

    @classmethod
    def load(cls, body: bytes) -> "Snapshot":
        """The snapshot that was dumped."""
        return cls(*orjson.loads(body))

    def dump(self) -> bytes:
        """The snapshot for the spool."""
        return orjson.dumps([self.call_id, self.call, self.legs, self.cdr])


def loaded(batch: Iterable[Spooled]) -> Iterator[Snapshot]:
    """The snapshots of what was in the spool; what is not understood is left out, and told."""
    for each in batch:
        if each.body is None:
            continue
        try:
            yield Snapshot.load(each.body)
        except (orjson.JSONDecodeError, TypeError) as exc:
            log.error("call in the spool not understood", call=each.call_id, error=str(exc))
