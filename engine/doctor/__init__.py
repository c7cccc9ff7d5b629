"""Checks that this host can run calls; each failure says how to mend it."""

from collections.abc import Awaitable, Callable

from engine.ari.client import Ari
from engine.config import Settings
from engine.doctor import asterisk, database, exposure, host, speaking
from engine.doctor.findings import Failed, Finding

__all__ = ["Failed", "Finding", "examine"]


async def examine(settings: Settings) -> list[Finding]:
    """Every check, in the order in which one depends on the other."""
    async with Ari.open(
        url=settings.ari_url,
        user=settings.ari_user,
        password=settings.ari_password.get_secret_value(),
        app="legwork-doctor",
    ) as ari:
        checks: dict[str, Callable[[], Awaitable[str]]] = {
            "Asterisk": lambda: asterisk.version(ari),
            "its websocket": lambda: asterisk.websocket(settings),
            "its modules": lambda: asterisk.modules(ari),
            "its files": lambda: asterisk.open_files(ari),
            "ARI's address": lambda: exposure.address(settings),
            "ARI's password": lambda: exposure.password(settings),
            "open ports": lambda: exposure.ports(settings),
            "Postgres": lambda: database.postgres(settings),
            "dialling": lambda: database.dialling(settings),
            "trunks": lambda: asterisk.trunks(settings),
            "clock": lambda: host.clock(settings, ari),
            "time zones": host.zones,
            "voices": lambda: speaking.voices(settings),
            "sounds": speaking.sounds,
            "their folders": lambda: speaking.folders(settings),
            "disk": lambda: host.room(settings.state_dir),
            "spool": lambda: host.spool(settings.state_dir),
            "engine": lambda: host.engine(settings),
            "its open files": lambda: host.open_files(settings),
        }
        return [await _examined(name, check) for name, check in checks.items()]


async def _examined(name: str, check: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(name, await check())
    except Failed as exc:
        return Finding(name, exc.found, exc.fix)
