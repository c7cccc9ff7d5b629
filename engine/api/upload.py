"""A file in a request's body: the body itself, or the part `file` of a form."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, web

from engine.api.body import MULTIPART, UNREADABLE
from engine.api.dialect import Body
from engine.api.door import ACCOUNT
from engine.errors import InvalidRequest, Unavailable
from engine.media.convert import MOST_BYTES

UPLOAD_SECONDS = 60
AT_ONCE, OF_ONE = 8, 4  # of 10 MB each, and what is made of it; of one account, so that none keeps the others out
FORM_BYTES = 10_000  # of all there is besides the file
RAW = ("audio/", "application/octet-stream", "application/ogg")

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Intake:
    """Only so many files at once are held in memory: who comes then is told to come again."""

    def __init__(self) -> None:
        self._held: list[str] = []  # whose

    def bounded(self, handler: Handler) -> Handler:
        """The handler, for so many at once. It raises `Unavailable`."""

        async def answer(request: web.Request) -> web.Response:
            account_id = request[ACCOUNT].account_id
            if len(self._held) >= AT_ONCE or self._held.count(account_id) >= OF_ONE:
                raise Unavailable("too many files are being sent at once, please try again")
            self._held.append(account_id)
            try:
                return await handler(request)
            finally:
                self._held.remove(account_id)

        return answer


async def read(request: web.Request) -> Body:
    """`content` (bytes), `file_name`, `content_type` and `name`, which is also taken from the query.

    Raises `InvalidRequest`, and aiohttp's own error of what is larger than 10 MB.
    """
    body: dict[str, Any] = {"file_name": "", "content_type": "", "name": request.query.get("name", "")}
    if (request.content_length or 0) > MOST_BYTES + FORM_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            if request.content_type == MULTIPART:
                return body | await _of_form(await request.multipart())
            if not request.content_type.startswith(RAW):
                raise InvalidRequest("send the file as the part file of a form, or as the body with its Content-Type")
            content = bytearray()
            async for chunk in request.content.iter_any():
                _take(content, chunk, MOST_BYTES)
            return body | {"content": bytes(content), "content_type": request.content_type}
    except TimeoutError as exc:
        raise InvalidRequest(f"the body did not arrive within {UPLOAD_SECONDS} s") from exc
    except InvalidRequest:
        raise
    except (*UNREADABLE, AssertionError) as exc:  # the last: aiohttp's, of a part that has no end
        raise InvalidRequest("the body can not be read") from exc


async def _of_form(form: MultipartReader) -> Body:
    found: dict[str, Any] = {}
    besides = bytearray()
    async for part in form:
        if not isinstance(part, BodyPartReader):
            raise InvalidRequest("the body is a form within a form")
        if part.name != "file":
            text = await _whole(part, besides, FORM_BYTES)
            if part.name == "name":
                found["name"] = text.decode()
            continue
        if "content" in found:
            raise InvalidRequest("there is more than one file", param="file")
        found["content"] = await _whole(part, bytearray(), MOST_BYTES)
        found["file_name"] = part.filename or ""
        found["content_type"] = part.headers.get("Content-Type", "")
    if "content" not in found:
        raise InvalidRequest("file is required", param="file")
    return found


async def _whole(part: BodyPartReader, taken: bytearray, most: int) -> bytes:
    """What is in the part; it counts together with what was taken before."""
    begin = len(taken)
    while chunk := await part.read_chunk():
        _take(taken, chunk, most)
    return bytes(taken[begin:])


def _take(taken: bytearray, chunk: bytes, most: int) -> None:
    if len(taken) + len(chunk) > most:
        raise _too_large()
    taken += chunk


def _too_large() -> web.HTTPRequestEntityTooLarge:
    return web.HTTPRequestEntityTooLarge(max_size=MOST_BYTES, actual_size=MOST_BYTES + 1)
