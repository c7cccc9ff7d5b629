"""Process settings: `LEGWORK_*` in the environment or in files of secrets, or one TOML file named by LEGWORK_CONFIG."""

import os
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from engine.core.account import Network
from engine.core.ids import NODE
from engine.core.request import Limits
from engine.errors import WrongConfig
from engine.seal import Seal
from engine.storage.place import Place


def _networks(value: Any) -> Any:
    """`10.0.0.5, 192.0.2.0/24` in the environment, a list in the file."""
    texts = value.replace(",", " ").split() if isinstance(value, str) else value
    return tuple(ip_network(text) for text in texts)


def _names(value: Any) -> Any:
    """`sounds.lan:8080, [fd00::5]:443` in the environment, a list in the file."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


HostAndPort = Annotated[
    str, Field(pattern=r"(?i)^([a-z0-9._-]+|\[[0-9a-f:.]+\]):[0-9]{1,5}$"), AfterValidator(str.lower)
]
Hosts = Annotated[tuple[HostAndPort, ...], NoDecode, BeforeValidator(_names)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]


class Settings(BaseSettings):
    """What an engine and its command line need to know. DATABASE_URL and ARI_* work without the prefix, too."""

    model_config = SettingsConfigDict(env_prefix="LEGWORK_", extra="ignore", populate_by_name=True)

    node: str = Field("n1", pattern=f"^{NODE.pattern}$", description="this engine's name, in every channel's id")
    ari_url: str = Field("http://127.0.0.1:8088", validation_alias=AliasChoices("LEGWORK_ARI_URL", "ARI_URL"))
    ari_user: str = Field("legwork", validation_alias=AliasChoices("LEGWORK_ARI_USER", "ARI_USER"))
    ari_password: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("LEGWORK_ARI_PASSWORD", "ARI_PASSWORD")
    )
    http_host: str = "127.0.0.1"
    http_port: int = Field(8800, ge=1, le=65535)
    agi_host: str = Field("127.0.0.1", description="where dialplans ask by FastAGI, which knows no passwords")
    agi_port: int = Field(4573, ge=0, le=65535, description="0: nowhere")
    ntp: bool = Field(True, description="an NTP client keeps this host's clock; false: whoever runs the machine does")
    url: str = Field("http://127.0.0.1:8800", description="where the command line finds the API")
    state_dir: Path = Path("/var/lib/legwork")
    media_dir: Path | None = Field(
        None, description="sounds for Asterisk, whose user has to read it; else in state_dir"
    )
    speech_dir: Path | None = Field(None, description="what is spoken in live calls; else in media_dir")
    fetch_allowed_hosts: Hosts = Field((), description="host:port that files may be fetched from, private or by http")
    fetch_http: bool = Field(False, description="files may be fetched by http from any public host")
    secret_key: SecretStr = Field(SecretStr(""), description="seals what is read again; else state_dir/secret.key does")
    trusted_proxies: Networks = Field((), description="whose X-Forwarded-For is believed")
    lockout_per_minute: int = Field(10, ge=1, description="so many wrong attempts of one address are heard")
    spool_megabytes: int = Field(1024, ge=1, description="how much may wait in the state folder for Postgres")
    database_url: str = Field("", validation_alias=AliasChoices("DATABASE_URL", "LEGWORK_DATABASE_URL"))
    ring_seconds: int = Field(30, ge=1, le=300)
    max_talk_seconds: int = Field(7200, ge=1, le=86400)
    retry_pause_seconds: float = Field(2.0, ge=0, le=300, description="from the end of an attempt to the next")
    callback_grace_seconds: int = Field(900, ge=1, le=86400, description="how late a callback is still rung")
    cdr_retention_days: int = Field(0, ge=0, le=36500, description="how long CDRs are kept; 0: for ever")
    voices: Literal["auto", "polly", "espeak"] = Field("auto", description="who speaks; auto: Polly if there is a key")
    aws_region: str = Field("", validation_alias=AliasChoices("LEGWORK_AWS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"))
    imports_dir: Path | None = Field(None, description="files to be imported, by account id; else in state_dir")
    s3_bucket: str = Field("", description="files to be imported lie there, and not in imports_dir")
    s3_endpoint_url: str = Field("", description="of a service other than Amazon's")
    s3_prefix: str = Field("", description="in front of each account's id, such as imports/")
    s3_region: str = Field("", description="of the bucket; else where boto3 looks for it")
    recordings_dir: Path = Field(
        Path("/var/spool/asterisk/recording"), description="where this engine sees what its Asterisk records"
    )
    recording_retention_days: int = Field(0, ge=0, le=36500, description="how long recordings are kept; 0: for ever")
    recording_link_seconds: int = Field(3600, ge=1, le=31 * 86400, description="how long a link to one is good")
    public_url: str = Field("", description="what links begin with; else they begin with their path")
    recordings_s3_bucket: str = Field("", description="recordings are put there, at s3_endpoint_url, in s3_region")
    recordings_s3_prefix: str = Field("", description="in front of each account's id, such as recordings/")
    recordings_keep_local: bool = Field(True, description="their files stay here when they are in the bucket")
    transcripts: Literal["off", "command", "transcribe"] = Field("off", description="who writes down what was said")
    transcript_command: str = Field("", description="a program and its arguments; the file's path comes last")
    transcript_seconds: int = Field(900, ge=1, le=86400, description="how long one transcript may take")
    transcripts_at_once: int = Field(1, ge=1, le=16)
    transcript_attempts: int = Field(5, ge=1, le=100, description="so often one is tried")
    transcribe_s3_bucket: str = Field("", description="in which Amazon Transcribe finds what it is to write down")
    transcribe_s3_prefix: str = Field("transcripts/", description="in front of what is put there, for a while")
    transcribe_language: str = Field("", description="such as en-IN; else Transcribe finds it out")
    transcribe_endpoint_url: str = Field("", description="of Transcribe, where it is not Amazon's own")
    speech_cache_megabytes: int = Field(256, ge=1, description="how much spoken text is kept in the state folder")
    speech_at_once: int = Field(4, ge=1, le=64, description="so many texts does each voice speak at the same time")

    @property
    def limits(self) -> Limits:
        """The limits of each call."""
        return Limits(
            ring_seconds=self.ring_seconds,
            max_talk_seconds=self.max_talk_seconds,
            retry_pause_seconds=self.retry_pause_seconds,
        )

    @property
    def sounds(self) -> Path:
        """The folder of sounds that this node makes for its Asterisk."""
        return (self.media_dir or self.state_dir / "media").absolute()

    @property
    def speeches(self) -> Path:
        """The folder of what is spoken in this node's live calls."""
        return (self.speech_dir or self.sounds / "speeches").absolute()

    @property
    def imports(self) -> Place:
        """Where files to be imported lie."""
        return Place(
            folder=(self.imports_dir or self.state_dir / "imports").absolute(),
            bucket=self.s3_bucket,
            prefix=self.s3_prefix and self.s3_prefix.rstrip("/") + "/",
            endpoint_url=self.s3_endpoint_url,
            region=self.s3_region,
        )

    @property
    def recordings_bucket(self) -> Place | None:
        """The bucket that recordings are put into."""
        if not self.recordings_s3_bucket:
            return None
        return self._bucket(self.recordings_s3_bucket, self.recordings_s3_prefix)

    @property
    def transcribe_bucket(self) -> Place:
        """The bucket that Amazon Transcribe reads from."""
        return self._bucket(self.transcribe_s3_bucket, self.transcribe_s3_prefix)

    def _bucket(self, name: str, prefix: str) -> Place:
        return Place(
            folder=self.state_dir,
            bucket=name,
            prefix=prefix and prefix.rstrip("/") + "/",
            endpoint_url=self.s3_endpoint_url,
            region=self.s3_region or self.aws_region,
        )

    @property
    def seal(self) -> Seal:
        """What seals the secrets that have to be read again."""
        return Seal(self.secret_key.get_secret_value(), self.state_dir)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Files of secrets first, then the environment, then the file."""
        secrets, file = credentials(), os.environ.get("LEGWORK_CONFIG")
        return (
            init_settings,
            *([SecretsSettingsSource(settings_cls, secrets)] if secrets else []),
            env_settings,
            *([TomlConfigSettingsSource(settings_cls, file)] if file else []),
        )


def credentials() -> Path | None:
    """The folder of secrets, each in a file named as its variable: systemd's, else LEGWORK_CREDENTIALS_DIR."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY") or os.environ.get("LEGWORK_CREDENTIALS_DIR")
    return Path(folder) if folder else None


def load() -> Settings:
    """The settings. Raises `WrongConfig` naming each wrong one."""
    file, secrets = os.environ.get("LEGWORK_CONFIG"), credentials()
    if secrets is not None and not os.access(secrets, os.R_OK | os.X_OK):
        raise WrongConfig(f"the folder of secrets {secrets} can not be read, or is not there")
    if file and not Path(file).is_file():
        raise WrongConfig(f"LEGWORK_CONFIG: there is no file {file}")
    try:
        return Settings()
    except tomllib.TOMLDecodeError as exc:
        raise WrongConfig(f"LEGWORK_CONFIG: {exc}") from exc
    except ValidationError as exc:
        wrong = (f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors())
        raise WrongConfig("settings: " + "; ".join(wrong)) from exc


def load_environment(path: Path) -> None:
    """Read a file of KEY=value lines into the environment; what is set there already stays.

    Quotes around a value are no part of it, as systemd's `EnvironmentFile=` has it.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as exc:
        raise WrongConfig(f"{path}: {exc.strerror}") from exc
    for line in lines:
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            os.environ.setdefault(name.strip(), _unquoted(value.strip()))


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value
