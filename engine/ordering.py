"""Orders that other nodes left for the calls of this one."""

import time

import structlog

from engine.core import order
from engine.store.postgres import Store
from engine.switch import Switch

NOT_HERE = "the call is over"
NOT_UNDERSTOOD = "the call's engine is of another version, which does not know this"

log = structlog.get_logger()


async def take(store: Store, switch: Switch) -> None:
    """Let each call have what is asked of it, and tell whoever waits. Raises `StoreAway`."""
    for row in await store.live.take():
        try:
            event = order.read(row["asked"], at=time.time())
        except (KeyError, ValueError):
            log.warning("order not understood", call=row["call_id"], asked=sorted(row["asked"]))
            await store.live.answer(row["order_id"], NOT_UNDERSTOOD)
            continue
        refusal = switch.ask(row["call_id"], event)
        log.info("order taken", call=row["call_id"], what=row["asked"]["what"], refusal=refusal)
        await store.live.answer(row["order_id"], NOT_HERE if refusal is None else refusal)
