"""One import, as a process: an order on its first line of input, the outcome as its output.

It ends with whoever started it, which is when its input ends; Postgres then forgets what was not all there yet.
"""

import asyncio
import os
import sys
import threading
import traceback
from collections.abc import Iterator

from engine.core.campaign_asks import Imported, Rejected
from engine.core.contacts import Contact, checked, columns
from engine.core.reading import reader
from engine.core.refusal import InvalidRequest, Refusal
from engine.core.sheet import Sheet
from engine.importing.order import MOST_REJECTED, Order, told
from engine.storage.choice import storage_of
from engine.storage.place import Opened
from engine.store.lists import add_staged, stage, staging

NICENESS = 10  # calls come first
ORPHANED = 3  # the exit code of one whose engine is gone


class Reading:
    """A file's contacts; what can not be called is counted, and the first of it told."""

    def __init__(self, order: Order, file: Opened) -> None:
        self._order = order
        self._file = file
        self.good = self.invalid = 0
        self.rejected: list[Rejected] = []

    def contacts(self) -> Iterator[Contact]:
        """Each of them, in order. Raises `Refusal` for a file that is not taken at all."""
        order = self._order
        if self._file.size > order.bounds.total_bytes:
            raise order.bounds.too_many_bytes()
        rows = Sheet(self._file.chunks, order.bounds).rows()
        named = columns(order.kind, next(rows, (1, ()))[1])
        read = reader(order.region)
        for line, cells in rows:
            try:
                contact = checked(named.contact(cells), read)
            except InvalidRequest as exc:
                self._reject(line, exc.message)
                continue
            self.good += 1
            yield contact

    def _reject(self, line: int, reason: str) -> None:
        self.invalid += 1
        if len(self.rejected) < MOST_REJECTED:
            self.rejected.append(Rejected(line, reason))


async def carry_out(order: Order) -> Imported:
    """Put the file's contacts into the list, all that can be called or none. Raises `Refusal`."""
    with storage_of(order.place).open(order.account_id, order.key) as file:
        reading = Reading(order, file)
        async with staging(order.database_url) as connection:
            await stage(connection, reading.contacts())
            imported = await add_staged(connection, order.account_id, order.kind, order.list_id)
    return Imported(
        imported=imported,
        duplicate=reading.good - imported,
        invalid=reading.invalid,
        rejected=tuple(reading.rejected),
    )


def main() -> None:
    """Carry out the order. What nobody thought of is told without its words, which may be somebody's number."""
    os.nice(NICENESS)
    order = Order.of(sys.stdin.buffer.readline())
    threading.Thread(target=_follow, daemon=True).start()
    try:
        outcome: Imported | Refusal = asyncio.run(carry_out(order))
    except Refusal as exc:
        outcome = exc
    except Exception as exc:
        frames = "".join(traceback.format_tb(exc.__traceback__))
        raise SystemExit(f"{frames}{type(exc).__name__}") from None
    sys.stdout.buffer.write(told(outcome))


def _follow() -> None:
    """End at once when nobody is there any more to be told."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(ORPHANED)


if __name__ == "__main__":
    main()
