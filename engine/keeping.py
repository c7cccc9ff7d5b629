"""What an engine keeps of what is said on its calls: recordings, transcripts, and links to them."""

import asyncio
from dataclasses import dataclass

from engine.api.links import PURPOSE, Links
from engine.api.recordings import Vault
from engine.ari.client import Ari
from engine.config import Settings
from engine.disk import Disk
from engine.media.tapes import Tapes
from engine.services.recordings import Recordings
from engine.services.transcripts import Transcripts
from engine.storage.s3 import Bucket
from engine.store.postgres import Store
from engine.transcripts.choice import transcriber


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the API reads, and what is done beside it."""

    vault: Vault
    recordings: Recordings
    transcripts: Transcripts | None
    disk: Disk

    @classmethod
    def of(cls, settings: Settings, store: Store, ari: Ari) -> "Keeping":
        """As the settings have it. Raises `WrongConfig`."""
        tapes = Tapes(settings.recordings_dir)
        place, writes = settings.recordings_bucket, transcriber(settings)
        bucket = Bucket(place) if place else None
        links = Links(
            key=settings.seal.derived(PURPOSE), seconds=settings.recording_link_seconds, base=settings.public_url
        )
        transcripts = (
            Transcripts(
                store=store,
                tapes=tapes,
                transcriber=writes,
                seconds=settings.transcript_seconds,
                attempts=settings.transcript_attempts,
                at_once=settings.transcripts_at_once,
            )
            if writes
            else None
        )
        return cls(
            vault=Vault(tapes=tapes, links=links, bucket=bucket, transcribes=writes is not None),
            recordings=Recordings(
                store=store,
                ari=ari,
                tapes=tapes,
                bucket=bucket,
                transcriber=writes,
                keep_local=settings.recordings_keep_local,
                days=settings.recording_retention_days,
            ),
            transcripts=transcripts,
            disk=Disk(settings.recordings_dir),
        )

    def has_room(self) -> bool:
        """Whether there is room for another recording."""
        return not self.disk.full

    async def run(self) -> None:
        """See to all of it for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.recordings.run(), name="recordings")
            tasks.create_task(self.disk.watch(), name="recordings: disk")
            if self.transcripts is not None:
                tasks.create_task(self.transcripts.run(), name="transcripts")
