"""A stand-in for Amazon Polly on loopback: its HTTP API, its errors, and eSpeak for its voice."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree import ElementTree

import botocore.session
from aiohttp import web

from tests.media.sounds import telephone

# Polly's name of each engine's own voices, as far as tests ask for them.
NEURAL = {"Joanna", "Kajal", "Olivia", "Matthew"}
STANDARD = {"Joanna", "Raveena", "Aditi", "Matthew", "Hans"}
BILINGUAL = {"Aditi": {"en-IN", "hi-IN"}, "Kajal": {"en-IN", "hi-IN"}}
TAGS = {"speak", "prosody", "say-as"}
SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 Credential=\S+/polly/aws4_request, SignedHeaders=\S+, Signature=[0-9a-f]{64}")


class Refused(Exception):
    """An error of Polly's."""

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind, self.message, self.status = kind, message, status


class StandIn:
    """Answers POST /v1/speech. `trouble` is what it does wrong, `times` times, after the first `spares` requests."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.trouble = ""
        self.spares = 0
        self.times = 1_000_000
        self.seconds = 0.0  # how long it thinks
        self.now = self.most = 0  # requests at once
        self._stalled = asyncio.Event()
        self._voices = set(botocore.session.Session().get_service_model("polly").shape_for("VoiceId").enum)

    async def speech(self, request: web.Request) -> web.StreamResponse:
        """One request, answered."""
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            asked = await request.json()
            self.requests.append(asked)
            await asyncio.sleep(self.seconds)
            self._check(request, asked)
            return await self._answer(request, asked)
        except Refused as refusal:
            headers = {"x-amzn-errortype": refusal.kind, "x-amzn-requestid": "1"}
            return web.json_response({"message": refusal.message}, status=refusal.status, headers=headers)
        finally:
            self.now -= 1

    def release(self) -> None:
        """Let go of what stalls."""
        self._stalled.set()

    def _check(self, request: web.Request, asked: dict[str, Any]) -> None:
        if not SIGNATURE.fullmatch(request.headers.get("Authorization", "")):
            raise Refused("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        if self._troubled() and self.trouble == "throttled":
            raise Refused("ThrottlingException", f"Rate exceeded for {asked['Text']}")
        if self._troubled() and self.trouble == "failing":
            raise Refused("ServiceFailureException", "An unknown condition has caused a service failure.", 500)
        if (asked["OutputFormat"], asked["SampleRate"], asked["TextType"]) != ("pcm", "8000", "ssml"):
            raise Refused("InvalidSampleRateException", "The specified sample rate is not valid.")
        voice, engine = asked["VoiceId"], asked["Engine"]
        if voice not in self._voices:
            raise Refused("ValidationException", f"Value '{voice}' at 'voiceId' failed to satisfy constraint")
        if voice not in (NEURAL if engine == "neural" else STANDARD):
            raise Refused("EngineNotSupportedException", "This voice does not support the selected engine")
        if "LanguageCode" in asked and asked["LanguageCode"] not in BILINGUAL.get(voice, set()):
            raise Refused("LanguageNotSupportedException", "This voice does not support the selected language")
        self._parse(asked["Text"], engine)

    def _troubled(self) -> bool:
        return bool(self.trouble) and self.spares < len(self.requests) <= self.spares + self.times

    def _parse(self, ssml: str, engine: str) -> None:
        try:
            root = ElementTree.fromstring(ssml)
        except ElementTree.ParseError as exc:
            raise Refused("InvalidSsmlException", f"Invalid SSML request {ssml}") from exc
        tags = {element.tag for element in root.iter()}
        pitched = any("pitch" in element.attrib for element in root.iter())
        if root.tag != "speak" or tags - TAGS or (pitched and engine != "standard"):
            raise Refused("InvalidSsmlException", f"Invalid SSML request {ssml}")

    async def _answer(self, request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        samples = await asyncio.to_thread(_spoken, asked["Text"])
        trouble = self.trouble if self._troubled() else ""
        samples = {"empty": b"", "odd": samples[:-1], "silent": bytes(len(samples))}.get(trouble, samples)
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm", "x-amzn-RequestCharacters": "1"})
        if trouble == "cut":
            response.content_length = len(samples)
        await response.prepare(request)
        if trouble == "trickling":
            await self._trickle(response, samples)
        await response.write(samples if trouble not in ("stalled", "cut") else samples[: len(samples) // 2])
        if trouble == "stalled":
            await self._stalled.wait()
        if trouble in ("stalled", "cut") and request.transport:
            request.transport.abort()
        return response

    async def _trickle(self, response: web.StreamResponse, samples: bytes) -> None:
        for place in range(0, len(samples), 100):
            if self._stalled.is_set():
                return
            await response.write(samples[place : place + 100])
            await asyncio.sleep(0.1)


def _spoken(ssml: str) -> bytes:
    said = subprocess.run(
        ["espeak-ng", "-v", "en-us+f2", "-m", "--stdin", "--stdout"],
        input=ssml.encode(),
        capture_output=True,
        check=True,
    )
    return telephone(said.stdout)


@asynccontextmanager
async def stand_in() -> AsyncIterator[tuple[StandIn, str]]:
    """A stand-in and its URL, for AWS_ENDPOINT_URL_POLLY."""
    polly = StandIn()
    app = web.Application()
    app.router.add_post("/v1/speech", polly.speech)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield polly, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        polly.release()
        await runner.cleanup()
