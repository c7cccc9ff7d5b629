"""Files in a bucket of S3, or of any service that speaks its language, by boto3: read, and put there."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from engine.errors import NotFound, StorageAway
from engine.storage.place import CHUNK_BYTES, Opened, Place, names, whole

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
ATTEMPTS = 2
MISSING = ("NoSuchKey", "404", "NotFound")


class Bucket:
    """See `Storage`. boto3 is loaded when the first file is opened."""

    def __init__(self, place: Place, *, read_seconds: float = READ_SECONDS) -> None:
        self._place = place
        self._read_seconds = read_seconds

    @contextmanager
    def open(self, account_id: str, key: str) -> Iterator[Opened]:
        """See `Storage.open`. Nothing boto3 raises goes any further: it may quote what is in the file."""
        path = self.path(account_id, key)
        with _told():
            found = self._client().get_object(Bucket=self._place.bucket, Key=path)
            size = int(found.get("ContentLength", ""))  # a service that does not say it can be cut short unnoticed
        with closing(found["Body"]) as body:
            yield Opened(size, whole(_pieces(body), size))

    def put(self, account_id: str, key: str, file: Path, *, content_type: str) -> None:
        """Put the file under the account's key. Raises `StorageAway`, `OSError` where the file can not be read."""
        with file.open("rb") as opened, _told():
            self._client().put_object(
                Bucket=self._place.bucket, Key=self.path(account_id, key), Body=opened, ContentType=content_type
            )

    def delete(self, account_id: str, key: str) -> None:
        """Delete it, if it is there. Raises `StorageAway`."""
        with _told():
            self._client().delete_object(Bucket=self._place.bucket, Key=self.path(account_id, key))

    def path(self, account_id: str, key: str) -> str:
        """Where the bucket has an account's file of that key. Raises `InvalidRequest`."""
        return self._place.prefix + "/".join(names(account_id, key))

    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=self._read_seconds,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            # Whoever is not Amazon has no host name for each bucket.
            s3={"addressing_style": "path" if self._place.endpoint_url else "auto"},
        )
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self._place.endpoint_url or None,
            region_name=self._place.region or None,
            config=config,
        )


def _pieces(body: Any) -> Iterator[bytes]:
    while True:
        with _told():
            piece: bytes = body.read(CHUNK_BYTES)
        if not piece:
            return
        yield piece


@contextmanager
def _told() -> Iterator[None]:
    """What boto3 raises, in our words."""
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as exc:
        code = exc.response.get("Error", {}).get("Code", "unknown")
        if code in MISSING:
            raise NotFound("there is no such file") from None
        raise StorageAway(f"the bucket refuses: {code}") from None
    except (BotoCoreError, HTTPError, OSError, ValueError) as exc:  # the last: an endpoint that is no URL
        raise StorageAway(f"the bucket does not answer: {type(exc).__name__}") from None
