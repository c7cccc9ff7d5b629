"""What SoX does to sound: brings it to the telephone's form, cuts the silence around it, sets its level."""

from engine.core.speech import Volume
from engine.media.program import run

TELEPHONE = ("-t", "raw", "-r", "8000", "-e", "signed-integer", "-b", "16", "-c", "1", "-L", "-")
# Without dither: silence stays silence.
SOX = ("sox", "-V1", "-D")
# Of a peak of -6 dBFS: what stays 40 dB below that for longer than 5 ms at either end is silence.
TRIM = ("silence", "1", "0.005", "0.5%", "reverse", "silence", "1", "0.005", "0.5%", "reverse")
# From a peak of -6 dBFS on; loud ones are limited, not clipped.
LEVELS: dict[Volume, tuple[str, ...]] = {
    "silent": ("vol", "0"),
    "x-soft": ("gain", "-12"),
    "soft": ("gain", "-6"),
    "medium": (),
    "loud": ("gain", "-l", "4"),
    "x-loud": ("gain", "-l", "8"),
}


async def telephone(wav: bytes) -> bytes:
    """The samples of a WAV file in the telephone's form: 16-bit mono, 8000 a second."""
    return await run((*SOX, "-t", "wav", "-", *TELEPHONE), wav)


async def mastered(samples: bytes, volume: Volume) -> bytes:
    """The samples without the silence at both ends, their peak at -6 dBFS if the volume is medium."""
    return await run((*SOX, *TELEPHONE, *TELEPHONE, "gain", "-n", "-6", *TRIM, *LEVELS[volume]), samples)
