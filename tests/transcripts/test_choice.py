"""Which engine of transcripts the settings name, and what they have to say of it."""

import pytest

from engine.config import Settings
from engine.errors import WrongConfig
from engine.transcripts.amazon import Transcribe
from engine.transcripts.choice import transcriber
from engine.transcripts.command import Command


def test_without_a_setting_there_is_none() -> None:
    assert transcriber(Settings()) is None


def test_a_command_is_a_program_and_its_arguments_and_no_shell() -> None:
    found = transcriber(
        Settings(transcripts="command", transcript_command="/usr/bin/x --model 'a b' ;rm", transcript_seconds=60)
    )
    assert found == Command(arguments=["/usr/bin/x", "--model", "a b", ";rm"], seconds=60)


def test_transcribe_has_a_bucket_and_a_language() -> None:
    found = transcriber(
        Settings(
            transcripts="transcribe", transcribe_s3_bucket="talk", transcribe_language="en-IN", s3_region="ap-south-1"
        )
    )
    assert isinstance(found, Transcribe)
    assert (found.bucket.bucket, found.bucket.prefix, found.bucket.region) == ("talk", "transcripts/", "ap-south-1")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"transcripts": "command"}, "LEGWORK_TRANSCRIPT_COMMAND"),
        ({"transcripts": "command", "transcript_command": "'x"}, "LEGWORK_TRANSCRIPT_COMMAND"),
        ({"transcripts": "transcribe"}, "LEGWORK_TRANSCRIBE_S3_BUCKET"),
    ],
)
def test_what_is_missing_is_named(settings: dict[str, str], name: str) -> None:
    with pytest.raises(WrongConfig, match=name):
        transcriber(Settings(**settings))  # type: ignore[arg-type]
