"""A sound somebody sent, made into one that Asterisk plays: 16-bit mono WAV of 8 kHz, at one level.

sox does it, in a process of its own: fixed arguments, the sound on its standard input, a named format, no file. It is
niced, so that calls come first, and limited in memory, in what it writes, and in time.
"""

import asyncio
import io
import os
import re
import resource
import shutil
import wave
from contextlib import suppress
from dataclasses import dataclass, field

from engine.errors import BrokenSound, ConverterAway, Mislabelled, SilentSound, SoundTooLong, SoundTooShort
from engine.media.kinds import Source, check_label, recognise
from engine.sound import RATE

MOST_BYTES = 10_000_000  # of a sound as it is sent
LONGEST_SECONDS, SHORTEST_SECONDS = 600, 0.2
SECONDS = 10  # for each of three runs: one that reads it, one that measures, one that levels
LEVEL_DB = -18.0  # of what is not silence: root mean square, to full scale
PEAK_DB = -1.0  # no sample is louder
SILENT_DB = -54.0  # what is never louder is silence

HEADROOM_DB = 6  # so that resampling clips nothing
# Not longer than that, whatever it says it is; one channel; 8 kHz; and how loud it is.
COME = ("trim", "0", str(LONGEST_SECONDS + 1), "gain", f"-{HEADROOM_DB}", "remix", "-", "rate", str(RATE), "stats")
NORMAL = ("gain", "-n", str(PEAK_DB))  # its loudest sample at the peak
# Left out where the level is measured: more than 0.2 s that are 40 dB below the loudest.
NO_PAUSES = ("silence", "-l", "1", "0.02", "-40d", "-1", "0.2", "-40d")
BETWEEN = ("-t", "raw", "-r", str(RATE), "-c", "1", "-e", "signed-integer", "-b", "32", "-L")
SAMPLES = ("-t", "raw", "-e", "signed-integer", "-b", "16", "-L", "-")
LIMITS = {
    resource.RLIMIT_AS: 512 << 20,
    resource.RLIMIT_FSIZE: 64 << 20,
    resource.RLIMIT_CPU: SECONDS,
    resource.RLIMIT_CORE: 0,
}
NICE = 10
FORMATS = "AUDIO FILE FORMATS:"
PEAK, LEVEL = re.compile(rb"Pk lev dB +(\S+)"), re.compile(rb"RMS lev dB +(\S+)")


@dataclass(frozen=True, slots=True)
class Converted:
    """A WAV file that Asterisk plays, and how long it lasts."""

    wav: bytes = field(repr=False)
    seconds: float


async def convert(content: bytes, *, name: str = "", content_type: str = "", only: str = "") -> Converted:
    """The sound of a WAV, MP3 or Ogg Vorbis file, or of `only` one of these.

    Raises `WrongSound`, one of them for each that may be wrong with it, and `ConverterAway`.
    """
    source = await asyncio.to_thread(recognise, content)
    check_label(source.kind, name=name, content_type=content_type)
    if only not in ("", source.kind):
        raise Mislabelled(f"this is {source.kind}, and {only} is allowed only")
    came = await _come(source)
    gain = await _gain(came)
    samples, _ = await _sox(came, *SAMPLES, *NORMAL, "gain", f"{gain:.2f}")
    seconds = len(samples) / 2 / RATE
    if seconds > LONGEST_SECONDS:
        raise SoundTooLong
    if seconds < SHORTEST_SECONDS:
        raise SoundTooShort
    return Converted(_wav(samples), seconds)


async def formats() -> set[str]:
    """The file formats that this host's sox knows; none where there is no sox."""
    try:
        words, _ = await _run("--help", content=b"")
    except (ConverterAway, BrokenSound):
        return set()
    return set(next((line for line in words.decode().splitlines() if FORMATS in line), "").split())


async def _come(source: Source) -> Source:
    """Its samples, one channel of 8 kHz, as loud as they are. Raises `SilentSound`, `SoundTooShort`."""
    samples, words = await _sox(source, *BETWEEN, "-", *COME)
    peaks = PEAK.findall(words)
    if not peaks:
        raise SoundTooShort
    if peaks[0] == b"-inf" or float(peaks[0]) + HEADROOM_DB < SILENT_DB:
        raise SilentSound
    return Source(source.kind, BETWEEN, samples)


async def _gain(came: Source) -> float:
    """How many dB (0 or less) bring it, its loudest sample at the peak, to the level. Raises `SilentSound`."""
    _, words = await _sox(came, "-n", *NORMAL, *NO_PAUSES, "stats")
    levels = LEVEL.findall(words)
    if not levels or levels[0] == b"-inf":  # a click
        raise SilentSound
    return min(0.0, LEVEL_DB - float(levels[0]))


async def _sox(source: Source, *arguments: str) -> tuple[bytes, bytes]:
    """What sox makes of the sound, and what it says. Raises `BrokenSound`, `ConverterAway`."""
    return await _run("-V1", "-D", *source.options, "-", *arguments, content=source.content)


async def _run(*arguments: str, content: bytes) -> tuple[bytes, bytes]:
    sox = shutil.which("sox")
    if sox is None:
        raise ConverterAway
    process = await asyncio.create_subprocess_exec(
        sox,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"LC_ALL": "C"},
    )
    try:
        with suppress(ProcessLookupError):  # it has ended: nothing to limit
            for limit, most in LIMITS.items():
                resource.prlimit(process.pid, limit, (most, most))
            os.setpriority(os.PRIO_PROCESS, process.pid, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
        async with asyncio.timeout(SECONDS):
            output, words = await process.communicate(content)
    except TimeoutError as exc:
        raise SoundTooLong(f"it could not be converted within {SECONDS} s") from exc
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise BrokenSound
    return output, words


def _wav(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(samples)
    return file.getvalue()
