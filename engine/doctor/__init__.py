"""Checks that this host can run calls; each failure says how to mend it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from traceback import extract_tb

from engine.config import Settings
from engine.doctor import asterisk, database, exposure, host, recorded, speaking
from engine.doctor.findings import Failed, Finding

__all__ = ["Failed", "Finding", "examine"]

# In the order in which one depends on the other.
CHECKS: dict[str, Callable[[Settings], Awaitable[str]]] = {
    "Asterisk": asterisk.version,
    "its websocket": asterisk.websocket,
    "its modules": asterisk.modules,
    "its files": asterisk.open_files,
    "ARI's address": exposure.address,
    "ARI's password": exposure.password,
    "open ports": exposure.ports,
    "Postgres": database.postgres,
    "dialling": database.dialling,
    "trunks": asterisk.trunks,
    "calls from outside": asterisk.inbound,
    "while it is away": asterisk.away,
    "recordings": recorded.recordings,
    "clock": host.clock,
    "time zones": host.zones,
    "voices": speaking.voices,
    "sounds": speaking.sounds,
    "their folders": speaking.folders,
    "disk": host.room,
    "spool": host.spool,
    "engine": host.engine,
    "its open files": host.open_files,
}


async def examine(settings: Settings) -> list[Finding]:
    """What every check found. It raises for none: one that breaks is a finding, too, and hides no other."""
    return [await _examined(name, check(settings)) for name, check in CHECKS.items()]


async def _examined(name: str, check: Awaitable[str]) -> Finding:
    try:
        return Finding(name, await check)
    except Failed as exc:
        return Finding(name, exc.found, exc.fix)
    except Exception as exc:
        # Not its text, which may quote a secret: DATABASE_URL has one.
        at = extract_tb(exc.__traceback__)[-1]
        where = f"{Path(at.filename).name}, line {at.lineno}"
        return Finding(name, f"broke: {type(exc).__name__} in {where}", "mend the other lines first; then report this")
