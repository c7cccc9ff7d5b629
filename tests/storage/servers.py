"""S3 over real sockets: moto's server, and one that does wrong what an object storage can do wrong."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "legwork-imports"
HANGING_SECONDS = 30.0
ERROR = b"<Error><Code>%s</Code><Message>no</Message></Error>"


@contextmanager
def moto() -> Iterator[str]:
    """Moto's S3, with an empty bucket; its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        client(url).create_bucket(Bucket=BUCKET)
        yield url
    finally:
        server.stop()


@cache
def client(url: str) -> Any:
    """What puts files there."""
    return boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret"
    )


class Broken:
    """A server whose bucket has a `trouble`: failing, busy, hanging, half, stalling, or denied. `requests` it got."""

    def __init__(self, trouble: str, content: bytes) -> None:
        self.trouble = trouble
        self.content = content
        self.requests = 0
        self.over = threading.Event()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One request."""
        self.requests += 1
        match self.trouble:
            case "failing":
                self._refuse(request, 500, b"InternalError")
            case "busy":
                self._refuse(request, 503, b"SlowDown")
            case "denied":
                self._refuse(request, 403, b"AccessDenied")
            case "hanging":
                self.over.wait(HANGING_SECONDS)
            case "half" | "stalling":
                self._send(request, 200, self.content, self.content[: len(self.content) // 2])
                if self.trouble == "stalling":
                    self.over.wait(HANGING_SECONDS)
            case "none":
                self._send(request, 200, self.content, self.content)
        request.close_connection = True

    def _refuse(self, request: BaseHTTPRequestHandler, status: int, code: bytes) -> None:
        self._send(request, status, ERROR % code, ERROR % code)

    def _send(self, request: BaseHTTPRequestHandler, status: int, promised: bytes, sent: bytes) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(promised)))
        request.end_headers()
        request.wfile.write(sent)
        request.wfile.flush()


@contextmanager
def broken(trouble: str, content: bytes = b"x" * 100_000) -> Iterator[tuple[Broken, str]]:
    """A server with that trouble, and its URL."""
    bucket = Broken(trouble, content)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            bucket.answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield bucket, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        bucket.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
