"""Who speaks: the voices in the order in which they are tried."""

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from engine.media.espeak import Espeak
from engine.media.polly import Polly
from engine.media.voice import Voice

Setting = Literal["auto", "polly", "espeak"]
IN_ENVIRONMENT = ({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, {"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"})
# Any of these in a profile is, or leads to, a key.
IN_FILES = {"aws_access_key_id", "credential_process", "role_arn", "sso_session", "sso_start_url", "login_session"}


def cast(
    setting: Setting, *, region: str, at_once: int, environment: Mapping[str, str], home: Path
) -> tuple[Voice, ...]:
    """The voices that the setting asks for: Polly first, where it is wanted or there is a key; eSpeak behind it.

    `at_once` is the studio's: so many texts does each of them have to be able to speak at the same time.
    """
    espeak = Espeak()
    if setting == "espeak" or (setting == "auto" and not has_key(environment, home)):
        return (espeak,)
    return (Polly(region=region, threads=at_once), espeak)


def has_key(environment: Mapping[str, str], home: Path) -> bool:
    """Whether AWS credentials are in the environment or a shared file. The network is not asked, nor boto3 loaded."""
    if any(all(environment.get(name) for name in names) for names in IN_ENVIRONMENT):
        return True
    profile = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or "default"
    credentials = Path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws/credentials")
    config = Path(environment.get("AWS_CONFIG_FILE") or home / ".aws/config")
    named = profile if profile == "default" else f"profile {profile}"
    return bool((_keys(credentials, profile) | _keys(config, named)) & IN_FILES)


def _keys(file: Path, section: str) -> set[str]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(file.expanduser())
    except (configparser.Error, OSError, ValueError):
        return set()
    return set(parser[section]) if parser.has_section(section) else set()
