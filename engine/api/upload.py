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
FIRST_SECONDS, BYTES_A_SECOND = 10, 50_000  # who sends slower than that after so long only keeps others out
AT_ONCE, OF_ONE = 8, 4  # of 10 MB each, and what is made of it; of one account, so that none keeps the others out
FORM_BYTES = 10_000  # of all there is besides the file
RAW = ("audio/", "application/octet-stream", "application/ogg")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Intake:
    """Only so many files at once are held in memory: who comes then is told to come again."""

    def __init__(self) -> None:
        self._held: list[str] = []  # whose

    def bounded(self, handler: Handler) -> Handler:
        """The handler, for so many at once. It raises `Unavailable`."""

        async def answer(request: web.Request) -> web.StreamResponse:
            account_id = request[ACCOUNT].account_id
            if len(self._held) >= AT_ONCE or self._held.count(account_id) >= OF_ONE:
                raise Unavailable("too many files are being sent at once, please try again")
            self._held.append(account_id)
            try:
                return await handler(request)
            finally:
                self._held.remove(account_id)

        return answer


class Pace:
    """How long a body may take to arrive: the longer, the more of it is here."""

    def __init__(self, limit: asyncio.Timeout) -> None:
        self._limit = limit
        self._began = asyncio.get_running_loop().time()
        self._bytes = 0

    def keep(self, count: int) -> None:
        """So many more are here."""
        self._bytes += count
        self._limit.reschedule(self._began + min(UPLOAD_SECONDS, FIRST_SECONDS + self._bytes / BYTES_A_SECOND))


async def read(request: web.Request) -> Body:
    """`content` (bytes), `file_name`, `content_type` and `name`, which is also taken from the query.

    Raises `InvalidRequest`, and aiohttp's own error of what is larger than 10 MB.
    """
    body: dict[str, Any] = {"file_name": "", "content_type": "", "name": request.query.get("name", "")}
    if (request.content_length or 0) > MOST_BYTES + FORM_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(FIRST_SECONDS) as limit:
            pace = Pace(limit)
            if request.content_type == MULTIPART:
                return body | await _of_form(await request.multipart(), pace)
            if not request.content_type.startswith(RAW):
                raise InvalidRequest("send the file as the part file of a form, or as the body with its Content-Type")
            content = bytearray()
            async for chunk in request.content.iter_any():
                _take(content, chunk, MOST_BYTES)
                pace.keep(len(chunk))
            return body | {"content": bytes(content), "content_type": request.content_type}
    except TimeoutError as exc:
        least = f"{BYTES_A_SECOND // 1000} kB a second after the first {FIRST_SECONDS} s"
        raise InvalidRequest(f"the body did not arrive within {UPLOAD_SECONDS} s, or slower than {least}") from exc
    except InvalidRequest:
        raise
    except (*UNREADABLE, AssertionError) as exc:  # the last: aiohttp's, of a part that has no end
        raise InvalidRequest("the body can not be read") from exc


async def _of_form(form: MultipartReader, pace: Pace) -> Body:
    found: dict[str, Any] = {}
    besides = bytearray()
    async for part in form:
        if not isinstance(part, BodyPartReader):
            raise InvalidRequest("the body is a form within a form")
        if part.name != "file":
            text = await _whole(part, besides, FORM_BYTES, pace)
            if part.name == "name":
                found["name"] = text.decode()
            continue
        if "content" in found:
            raise InvalidRequest("there is more than one file", param="file")
        found["content"] = await _whole(part, bytearray(), MOST_BYTES, pace)
        found["file_name"] = part.filename or ""
        found["content_type"] = part.headers.get("Content-Type", "")
    if "content" not in found:
        raise InvalidRequest("file is required", param="file")
    return found


async def _whole(part: BodyPartReader, taken: bytearray, most: int, pace: Pace) -> bytes:
    """What is in the part; it counts together with what was taken before."""
    begin = len(taken)
    while chunk := await part.read_chunk():
        _take(taken, chunk, most)
        pace.keep(len(chunk))
    return bytes(taken[begin:])


def _take(taken: bytearray, chunk: bytes, most: int) -> None:
    if len(taken) + len(chunk) > most:
        raise _too_large()
    taken += chunk


def _too_large() -> web.HTTPRequestEntityTooLarge:
    return web.HTTPRequestEntityTooLarge(max_size=MOST_BYTES, actual_size=MOST_BYTES + 1)
