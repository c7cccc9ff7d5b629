"""Whether what is to be heard can be made, and played."""

import os
import shutil
from pathlib import Path

from engine.config import Settings
from engine.core.speech import Manner
from engine.doctor.findings import Failed
from engine.errors import VoiceFailed
from engine.media import convert
from engine.media.casting import cast

ENTERED_BY_OTHERS = 0o011  # the group, or anybody
FIXES = {
    "polly": "check the AWS key and LEGWORK_AWS_REGION, or set LEGWORK_VOICES=espeak",
    "espeak": "apt-get install espeak-ng sox",
}


async def voices(settings: Settings) -> str:
    """Whether each voice says a word."""
    voices = cast(settings.voices, region=settings.aws_region, at_once=1, environment=os.environ, home=Path.home())
    for voice in voices:
        try:
            await voice.speak("one", Manner())
        except VoiceFailed as exc:
            raise Failed(f"{voice.name}: {exc.message}", FIXES[voice.name]) from exc
    return ", then ".join(voice.name for voice in voices)


async def folders(settings: Settings) -> str:
    """Asterisk has to enter the folders it plays from, by its group if not as anybody; root's are root's to know."""
    for name, folder in (("LEGWORK_MEDIA_DIR", settings.sounds), ("LEGWORK_SPEECH_DIR", settings.speeches)):
        for part in (folder, *folder.parents):
            found = part.stat() if part.is_dir() else None
            if found and found.st_uid and not found.st_mode & ENTERED_BY_OTHERS:
                fix = f"let {name} name a folder that Asterisk's group may enter, as systemd/legwork.service does"
                raise Failed(f"{folder}: only its owner may enter {part}", fix)
    return f"{settings.sounds}, {settings.speeches}"


async def sounds(_: Settings) -> str:
    """Whether uploaded announcements can be converted."""
    fix = "apt-get install sox libsox-fmt-mp3: announcements are uploaded through it"
    if shutil.which("sox") is None:
        raise Failed("there is no sox", fix)
    missing = {"mp3", "vorbis"} - await convert.formats()
    if missing:
        raise Failed(f"sox does not read {' and '.join(sorted(missing))}", fix)
    return "sox reads WAV, MP3 and Ogg Vorbis"
