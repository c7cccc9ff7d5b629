"""Has files imported: one of an account's at a time, few at once, each in a process that never outlives this one."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from engine.api.turns import Turns
from engine.core.account import Account
from engine.core.campaign_asks import ImportCsv, Imported
from engine.core.sheet import Bounds
from engine.errors import ImportFailed
from engine.importing.order import Order, outcome_of
from engine.storage.place import Place

AT_ONCE = 2  # each may keep a core busy
WAITING = 4  # of an account, behind the one that is carried out
IMPORT_SECONDS = 600.0
TOLD_CHARACTERS = 2000  # of what one that failed has to say

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Importer:
    """Has files of `place` imported into the lists of that database. Needs an event loop."""

    database_url: str = field(repr=False)
    place: Place
    bounds: Bounds = field(default_factory=Bounds)
    seconds: float = IMPORT_SECONDS  # it takes no longer
    turns: Turns = field(
        default_factory=lambda: Turns(at_once=1, waiting=WAITING, what="too many files are to be imported at once")
    )
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def carry_out(self, account: Account, ask: ImportCsv) -> Imported:
        """What became of it: all that can be called is in the list, or an error is raised and nothing is.

        Raises `InvalidRequest`, `NotFound`, `OverCapacity`, `Unavailable`.
        """
        order = Order(
            database_url=self.database_url,
            place=self.place,
            account_id=account.account_id,
            region=account.region,
            kind=ask.kind,
            list_id=ask.list_id,
            key=ask.key,
            bounds=self.bounds,
        )
        async with self.turns.of(account.account_id), self.room:
            return await self._process(order)

    async def _process(self, order: Order) -> Imported:
        command = (sys.executable, "-P", "-m", "engine.importing")
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        except OSError as exc:
            raise ImportFailed from exc
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with asyncio.timeout(self.seconds):
                process.stdin.write(order.told())  # and its end stays open: it ends when we do
                written, complaint = await asyncio.gather(process.stdout.read(), process.stderr.read())
                await process.wait()
        except TimeoutError as exc:
            raise ImportFailed(
                f"the import took longer than {self.seconds:g} s: make files of fewer rows of it"
            ) from exc
        finally:
            await _end(process)
        if process.returncode:
            told = complaint.decode(errors="replace")[-TOLD_CHARACTERS:]
            log.error("import failed", account_id=order.account_id, exit_code=process.returncode, told=told)
            raise ImportFailed
        return outcome_of(written)


async def _end(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with suppress(ProcessLookupError):  # it has just ended
            process.kill()
        await process.wait()
