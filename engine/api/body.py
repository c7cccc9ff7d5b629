"""The body of a request, read once: JSON, or whatever stands in its query and its form."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from engine.api.dialect import Body
from engine.errors import InvalidRequest

BODY_SECONDS = 5
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

# What aiohttp raises of a body; a RuntimeError is an encoding of a part that it does not know.
UNREADABLE = (
    InvalidRequest,
    ValueError,
    LookupError,
    RuntimeError,
    TimeoutError,
    web.RequestPayloadError,
    HttpProcessingError,
)

Pairs = list[tuple[str, Any]]


async def read(request: web.Request) -> bytes:
    """The body as it came. Raises `InvalidRequest`."""
    try:
        if request.content.is_eof():  # it is here already
            return await request.read()
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError as exc:
        raise InvalidRequest(f"the body did not arrive within {BODY_SECONDS} s") from exc
    except (web.RequestPayloadError, HttpProcessingError) as exc:
        raise InvalidRequest("the body can not be read") from exc


def as_json(raw: bytes) -> Body:
    """The JSON object. Raises `InvalidRequest`."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise InvalidRequest("the body is not valid JSON") from exc
    if not isinstance(body, dict):
        raise InvalidRequest("the body is not a JSON object")
    return body


async def pairs(request: web.Request) -> tuple[Pairs, bool]:
    """Names and values of the query and of the body, and whether all of it could be read."""
    found: Pairs = list(request.query.items())
    try:
        return [*found, *await _of_body(request)], True
    except UNREADABLE:
        return found, False


async def _of_body(request: web.Request) -> Pairs:
    if request.content_type == MULTIPART:
        async with asyncio.timeout(BODY_SECONDS):
            form = await request.post()
        return [(name, value if isinstance(value, str) else None) for name, value in form.items()]
    raw = await read(request)
    if not raw.strip():
        return []
    if request.content_type == FORM:
        return list(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=1000))
    return list(as_json(raw).items())
