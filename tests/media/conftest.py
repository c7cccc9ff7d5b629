"""Fixtures: Polly's stand-in, an environment with a key, an empty cache."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engine.media.cache import Cache
from tests.media.polly import StandIn, stand_in


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No AWS credentials but those a test gives."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI-EXAMPLE")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest_asyncio.fixture
async def polly(key: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StandIn]:
    """Polly's stand-in, found by boto3."""
    async with stand_in() as (polly, url):
        monkeypatch.setenv("AWS_ENDPOINT_URL_POLLY", url)
        yield polly


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty cache of ten megabytes."""
    return Cache(tmp_path / "speech", limit=10_000_000)
