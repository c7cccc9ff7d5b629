"""Deletes what has been kept long enough: old CDRs with all of the call, expired idempotency keys and sticky pairs."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from engine.errors import StoreAway
from engine.store.postgres import Store

EVERY_SECONDS = 3600.0
BATCH_ROWS = 1000
PAUSE_SECONDS = 0.2  # between two batches: calls come first

log = structlog.get_logger()


async def run(store: Store, *, cdr_days: int) -> None:
    """Delete now and every hour, for ever; 0 days is to keep CDRs for ever."""
    while True:
        try:
            await sweep(store, cdr_days=cdr_days)
        except StoreAway:
            log.warning("retention put off: the store is away")
        await asyncio.sleep(EVERY_SECONDS)


async def sweep(store: Store, *, cdr_days: int) -> None:
    """Delete whatever is old by now. Another engine doing the same takes other rows. Raises `StoreAway`."""
    keys = await _all(store.delete_expired_keys)
    pairs = await _all(store.delete_expired_pairs)
    cdrs = await _all(lambda count: store.delete_old_cdrs(cdr_days, count)) if cdr_days else 0
    callbacks = await _all(lambda count: store.callbacks.delete_old(cdr_days, count)) if cdr_days else 0
    leads = await _all(lambda count: store.leads.delete_old(cdr_days, count)) if cdr_days else 0
    if keys or pairs or cdrs or callbacks or leads:
        facts = {"cdrs": cdrs, "callbacks": callbacks, "leads": leads}
        log.info("old rows deleted", **facts, idempotency_keys=keys, sticky_pairs=pairs)


async def _all(delete: Callable[[int], Awaitable[int]]) -> int:
    total = deleted = await delete(BATCH_ROWS)
    while deleted == BATCH_ROWS:
        await asyncio.sleep(PAUSE_SECONDS)
        deleted = await delete(BATCH_ROWS)
        total += deleted
    return total
