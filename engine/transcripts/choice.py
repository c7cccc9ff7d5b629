"""Which engine the settings name."""

import shlex

from engine.config import Settings
from engine.errors import WrongConfig
from engine.transcripts.amazon import Transcribe
from engine.transcripts.command import Command
from engine.transcripts.engine import Transcriber


def transcriber(settings: Settings) -> Transcriber | None:
    """The engine; None where there is to be none. Raises `WrongConfig`."""
    match settings.transcripts:
        case "command":
            try:
                arguments = shlex.split(settings.transcript_command)
            except ValueError as exc:
                raise WrongConfig(f"LEGWORK_TRANSCRIPT_COMMAND: {exc}") from exc
            if not arguments:
                raise WrongConfig("LEGWORK_TRANSCRIPT_COMMAND: a program is required")
            return Command(arguments=arguments, seconds=settings.transcript_seconds)
        case "transcribe":
            if not settings.transcribe_s3_bucket:
                raise WrongConfig("LEGWORK_TRANSCRIBE_S3_BUCKET: a bucket is required")
            return Transcribe(
                bucket=settings.transcribe_bucket,
                language=settings.transcribe_language,
                seconds=settings.transcript_seconds,
                endpoint_url=settings.transcribe_endpoint_url,
            )
        case _:
            return None
