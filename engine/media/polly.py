"""Amazon Polly, by boto3: in threads of its own, within a deadline, its errors without the words that were spoken."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from engine.core.speech import Manner
from engine.errors import VoiceAway, VoiceFailed
from engine.media.ssml import ssml

CHUNK_BYTES = 8192
LONGEST_SECONDS = 600
LARGEST_BYTES = 2 * 8000 * LONGEST_SECONDS
# Of this text only; whatever else goes wrong would go wrong with another text, too.
OF_THE_TEXT = frozenset(
    (
        "EngineNotSupportedException",
        "InvalidSsmlException",
        "LanguageNotSupportedException",
        "TextLengthExceededException",
        "ValidationException",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long Polly is waited for: to be reached, for each piece of its answer, and in all."""

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    whole_seconds: float = 20.0
    attempts: int = 2


class Polly:
    """Speaks with Polly's voices, up to `threads` texts at once; others wait, and lose patience meanwhile.

    boto3 is loaded when it first speaks, for it is 20 MB of memory.
    """

    name = "polly"

    def __init__(self, *, region: str = "", threads: int = 4, patience: Patience | None = None) -> None:
        self._region = region
        self._patience = patience or Patience()
        self._count = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="polly")
        self._client: asyncio.Future[Any] | None = None

    async def speak(self, text: str, manner: Manner) -> bytes:
        """See `Voice.speak`."""
        wanted = request(text, manner)
        loop = asyncio.get_running_loop()
        deadline = time.monotonic() + self._patience.whole_seconds
        try:
            async with asyncio.timeout(self._patience.whole_seconds):
                client = await self._connected()
                samples = await loop.run_in_executor(self._threads, _said, client, wanted, deadline)
        except TimeoutError:
            raise VoiceAway(f"Polly takes longer than {self._patience.whole_seconds:g} s") from None
        if not samples or len(samples) % 2:
            raise VoiceFailed(f"Polly sent {len(samples)} bytes, which are no 16-bit samples")
        return samples

    async def _connected(self) -> Any:
        """The client, which is made once; after a failure the next text tries again."""
        if self._client is None or (self._client.done() and self._client.exception()):
            self._client = asyncio.get_running_loop().run_in_executor(self._threads, self._connect)
        return await asyncio.shield(self._client)

    def _connect(self) -> Any:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(
            connect_timeout=self._patience.connect_seconds,
            read_timeout=self._patience.read_seconds,
            retries={"total_max_attempts": self._patience.attempts, "mode": "standard"},
            max_pool_connections=self._count,
        )
        try:
            return boto3.session.Session().client("polly", region_name=self._region or None, config=config)
        except (BotoCoreError, ValueError) as exc:  # the latter: an endpoint that is no URL
            raise VoiceAway(f"Polly can not be used: {type(exc).__name__}; is LEGWORK_AWS_REGION set?") from None


def request(text: str, manner: Manner) -> dict[str, str]:
    """What Polly is asked. The language is told to those that speak several, and only one that they speak."""
    wanted = {
        "Engine": manner.tts_engine,
        "OutputFormat": "pcm",
        "SampleRate": "8000",
        "Text": ssml(text, manner),
        "TextType": "ssml",
        "VoiceId": manner.voice,
    }
    languages = manner.speaker.languages
    if len(languages) > 1 and manner.language_code in languages:
        wanted["LanguageCode"] = manner.language_code
    return wanted


def _said(client: Any, wanted: dict[str, str], deadline: float) -> bytes:
    """Polly's samples, whole. Errors of boto3 can quote the text: none of their words, nor they, go any further."""
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        with closing(client.synthesize_speech(**wanted)["AudioStream"]) as stream:
            return _read(stream, deadline)
    except ClientError as exc:
        code = exc.response.get("Error", {}).get("Code", "unknown")
        kind = VoiceFailed if code in OF_THE_TEXT else VoiceAway
        raise kind(f"Polly refuses: {code}") from None
    except (BotoCoreError, HTTPError, OSError) as exc:
        raise VoiceAway(f"Polly can not be used: {type(exc).__name__}") from None


def _read(stream: Any, deadline: float) -> bytes:
    read = bytearray()
    for chunk in stream.iter_chunks(CHUNK_BYTES):
        read += chunk
        if time.monotonic() > deadline:
            raise VoiceAway("Polly sends too slowly")
        if len(read) > LARGEST_BYTES:
            raise VoiceFailed(f"Polly speaks for longer than {LONGEST_SECONDS} s")
    return bytes(read)
