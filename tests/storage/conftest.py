"""The places files lie in: a folder, and a bucket of moto's server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.storage.place import Place
from tests.storage.servers import BUCKET, client, moto

Put = Callable[[str, bytes], None]
PREFIX = "imports/"


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """Moto's server."""
    with moto() as url:
        yield url


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials in the environment, and no others."""
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI-EXAMPLE")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A folder; then a bucket."""
    folder = tmp_path / "imports"
    folder.mkdir()
    if request.param == "folder":
        return Place(folder=folder)
    url = request.getfixturevalue("s3_url")
    return Place(folder=folder, bucket=BUCKET, prefix=PREFIX, endpoint_url=url)


@pytest.fixture
def put(place: Place) -> Put:
    """What puts a file at a path of the place, whoever's that is."""

    def put_file(path: str, content: bytes) -> None:
        if place.bucket:
            client(place.endpoint_url).put_object(Bucket=place.bucket, Key=place.prefix + path, Body=content)
        else:
            (place.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (place.folder / path).write_bytes(content)

    return put_file
