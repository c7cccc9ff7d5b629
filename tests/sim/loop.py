"""An event loop whose time is virtual: it jumps to the next timer instead of waiting for it."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from types import SimpleNamespace
from typing import Any

import engine.ari.client
import engine.store.lock
import engine.switch

EPOCH = 1_800_000_000.0  # what the virtual clock says when a run starts


class Stuck(Exception):
    """Nothing is left that could ever happen."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in the order of their times, in no time. It has no sockets, threads or signals."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = self
        self.set_debug(False)

    def time(self) -> float:
        """Seconds since the run started."""
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """What `BaseEventLoop` calls where others wait for sockets."""
        if timeout is None:
            raise Stuck
        self._now += timeout
        return []

    def forget(self, of: Callable[[Context], bool]) -> None:
        """Never call what the engine's own code is to be called for in a context like that.

        Tasks are left to be cancelled.
        """
        handles: list[Any] = [*self._scheduled, *self._ready]  # type: ignore[attr-defined]
        for handle in handles:
            call = getattr(handle._callback, "func", handle._callback)
            if of(handle._context) and str(getattr(call, "__module__", "")).startswith("engine"):
                handle.cancel()

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody is to be woken: there is one thread."""


@contextmanager
def virtual_time(loop: VirtualLoop, random: Any) -> Iterator[None]:
    """Let the engine's modules read this loop's clock, and draw from this source of randomness."""
    clock = SimpleNamespace(**vars(time))
    clock.time = lambda: EPOCH + loop.time()
    clock.monotonic = loop.time
    clock.sleep = None  # nothing may block
    secrets = SimpleNamespace(token_hex=lambda size: random.randbytes(size).hex())
    patched: list[tuple[Any, str, Any]] = []

    def patch(module: Any, name: str, value: Any) -> None:
        patched.append((module, name, getattr(module, name)))
        setattr(module, name, value)

    for name, module in list(sys.modules.items()):
        if name.startswith("engine.") and getattr(module, "time", None) is time:
            patch(module, "time", clock)
    patch(engine.switch, "secrets", secrets)
    patch(engine.store.lock, "secrets", secrets)
    patch(engine.ari.client, "random", random)
    try:
        yield
    finally:
        for module, name, value in reversed(patched):
            setattr(module, name, value)
