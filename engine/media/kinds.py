"""Which kind of sound file some bytes are: by their content, whatever they are called.

What is recognised is told to sox word by word, so that it guesses nothing and reads no header it need not read.
"""

import re
import struct
from dataclasses import dataclass, field

from engine.errors import BrokenSound, Mislabelled, UnknownSound

MOST_CHUNKS, MOST_CHANNELS = 1000, 32
RATES = range(4000, 384_001)
STREAMED = 0x7FFF_0000  # from here on the length of a WAV is that of who did not know it: up to the end
EXTENSIBLE = 0xFFFE
# How samples are coded, by the WAV's format tag and the bytes of one sample.
CODINGS = {
    (1, 1): "unsigned-integer",
    (1, 2): "signed-integer",
    (1, 3): "signed-integer",
    (1, 4): "signed-integer",
    (3, 4): "floating-point",
    (3, 8): "floating-point",
    (6, 1): "a-law",
    (7, 1): "mu-law",
}

# Of MP3 frames, by the version in their header: samples a second; kbit/s; where a Xing header is in stereo and mono.
MPEG_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
KILOBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KILOBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
XING_AT = {3: (36, 21), 2: (21, 13), 0: (21, 13)}
WHOLE_ENOUGH = 0.98  # of what its Xing header says: some count what is not there

FIRST_PAGE, LAST_PAGE = 2, 4

EXTENSION = re.compile(r"\.([0-9a-z]{2,4})\Z", re.ASCII | re.IGNORECASE)
EXTENSIONS = {"wav": "WAV", "wave": "WAV", "mp3": "MP3", "mpga": "MP3", "ogg": "OGG", "oga": "OGG"}
TYPES = {
    **dict.fromkeys(("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"), "WAV"),
    **dict.fromkeys(("audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/mpeg3", "audio/x-mpeg", "audio/mpga"), "MP3"),
    **dict.fromkeys(("audio/ogg", "application/ogg", "audio/vorbis", "audio/x-vorbis+ogg", "audio/x-ogg"), "OGG"),
}
ANY_TYPE = ("", "application/octet-stream", "binary/octet-stream", "audio/*")


@dataclass(frozen=True, slots=True)
class Source:
    """A sound as it came: its kind (WAV, MP3, OGG), how sox is told to read it, and what it is to read."""

    kind: str
    options: tuple[str, ...]
    content: bytes = field(repr=False)


def recognise(content: bytes) -> Source:
    """What this is. Raises `UnknownSound`, or `BrokenSound` where its end is missing."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return _wav(content)
    if content[:4] == b"OggS":
        return _ogg(content)
    return _mp3(content)


def check_label(kind: str, *, name: str = "", content_type: str = "") -> None:
    """Raise `Mislabelled` where a file's name or Content-Type says that it is of another kind."""
    extension = EXTENSION.search(name)
    named = EXTENSIONS.get(extension[1].lower(), kind) if extension else kind
    if named != kind:
        raise Mislabelled(f"this is {kind}, and its name ends in {extension and extension[0]}")
    content_type = content_type.partition(";")[0].strip().lower()
    if content_type not in ANY_TYPE and TYPES.get(content_type) != kind:
        raise Mislabelled(f"this is {kind}, and its Content-Type is another")


# -- WAV -------------------------------------------------------------------------------------


def _wav(content: bytes) -> Source:
    """As its bare samples: sox does not see the header."""
    shape: tuple[int, int, int, int] | None = None
    at = 12
    for _ in range(MOST_CHUNKS):
        if at + 8 > len(content):
            break
        name, size = struct.unpack_from("<4sI", content, at)
        at += 8
        if name == b"fmt ":
            shape = _format(content[at : at + size])
        if name == b"data" and shape is not None:
            return _samples(content, at, size, shape)
        at += size + size % 2
    raise BrokenSound("this WAV has no samples")


def _format(chunk: bytes) -> tuple[int, int, int, int]:
    """Format tag, channels, samples a second, bytes of one sample of all channels."""
    if len(chunk) < 16:
        raise BrokenSound("this WAV does not say what is in it")
    tag, channels, rate, _, align, _ = struct.unpack_from("<HHIIHH", chunk)
    if tag == EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    return tag, channels, rate, align


def _samples(content: bytes, at: int, size: int, shape: tuple[int, int, int, int]) -> Source:
    tag, channels, rate, align = shape
    if not 1 <= channels <= MOST_CHANNELS or rate not in RATES or align % channels:
        raise UnknownSound(f"a WAV of {channels} channels and {rate} Hz is not taken")
    width = align // channels
    coding = CODINGS.get((tag, width))
    if coding is None:
        raise UnknownSound("a WAV of this coding is not taken: PCM, float, A-law and u-law are")
    there = len(content) - at
    if size > there and size < STREAMED:
        raise BrokenSound("this WAV is cut short")
    samples = content[at : at + min(size, there) // align * align]
    options = ("-t", "raw", "-r", str(rate), "-c", str(channels), "-e", coding, "-b", str(8 * width), "-L")
    return Source("WAV", options, samples)


# -- MP3 -------------------------------------------------------------------------------------


def _mp3(content: bytes) -> Source:
    """From its first frame on: tags, which may be anything, are left out."""
    at = 0
    while content[at : at + 3] == b"ID3" and len(content) >= at + 10:
        a, b, c, d = content[at + 6 : at + 10]
        footer = 10 if content[at + 5] & 0x10 else 0
        at += 10 + (a << 21 | b << 14 | c << 7 | d) + footer
    at += len(content[at:]) - len(content[at:].lstrip(b"\0"))
    length = _frame(content, at)
    if not length or not _frame(content, at + length):
        raise UnknownSound
    frames = content[at:]
    if len(frames) < WHOLE_ENOUGH * _declared(frames):
        raise BrokenSound("this MP3 is cut short")
    return Source("MP3", ("-t", "mp3"), frames)


def _frame(content: bytes, at: int) -> int:
    """The length in bytes of the MPEG layer III frame that begins there; 0 where none does."""
    head = content[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, kilobits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version not in MPEG_RATES or kilobits in (0, 15) or rate == 3:
        return 0
    bits = 1000 * (KILOBITS_1 if version == 3 else KILOBITS_2)[kilobits]
    return (144 if version == 3 else 72) * bits // MPEG_RATES[version][rate] + (head[2] >> 1 & 1)


def _declared(frames: bytes) -> int:
    """How many bytes its Xing header says there are; 0 where it does not say."""
    at = XING_AT[frames[1] >> 3 & 3][frames[3] >> 6 == 3]
    if frames[at : at + 4] not in (b"Xing", b"Info") or len(frames) < at + 16:
        return 0
    (flags,) = struct.unpack_from(">I", frames, at + 4)
    if not flags & 2:
        return 0
    (declared,) = struct.unpack_from(">I", frames, at + (12 if flags & 1 else 8))
    return int(declared)


# -- Ogg -------------------------------------------------------------------------------------


def _ogg(content: bytes) -> Source:
    """Vorbis, to the page that says it is the last."""
    at = kind = 0
    while content[at : at + 4] == b"OggS" and len(content) >= at + 27:
        segments = content[at + 27 : at + 27 + content[at + 26]]
        begins = at + 27 + content[at + 26]
        kind = content[at + 5]
        if at == 0 and (not kind & FIRST_PAGE or content[begins : begins + 7] != b"\x01vorbis"):
            raise UnknownSound("an Ogg file is taken where it holds Vorbis")
        at = begins + sum(segments)
    if at > len(content) or not kind & LAST_PAGE:
        raise BrokenSound("this Ogg file is cut short")
    return Source("OGG", ("-t", "ogg"), content)
