"""The aiohttp application: who asks, what for, and the answer, worded by the dialect."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import orjson
import structlog
from aiohttp import web

from engine.api import upload
from engine.api.answers import Api, Keep
from engine.api.body import as_json, read
from engine.api.dialect import Body, Dialect, File, Operation, Sound, Surroundings, WrongMethod
from engine.api.door import ACCOUNT, BODY, SECRET, SIGNATURE, closed
from engine.api.metrics import CONTENT_TYPE, Metrics
from engine.api.once import Once
from engine.core.account import Account
from engine.core.asks import Dialling
from engine.core.idempotency import HEADER, REPLAYED, Answer, KeptAnswer, Key, key_of
from engine.counts import Counts
from engine.errors import (
    InvalidRequest,
    LockedOut,
    NotFound,
    Refusal,
    Unavailable,
)
from engine.store.postgres import Store

BODY_BYTES = 1_000_000
RETRY_AFTER_SECONDS = 5
OPEN = ("/healthz", "/readyz", "/metrics")  # for anybody: they tell nothing of any account
LOGGED_PATH = 100
RETRY_LATER = (
    "over_capacity",
    "unavailable",
    "stopped",
    "store_away",
    "asterisk_away",
    "not_owner",
    "draining",
    "voice_failed",
    "converter_away",
    "storage_away",
    "import_failed",
)

log = structlog.get_logger()


class TooLarge(Refusal):
    """the request body is too large"""

    code = "too_large"


def build(api: Api, dialects: Iterable[Dialect]) -> web.Application:
    """The application with every dialect's routes, `/healthz`, `/readyz` and `/metrics`."""
    dialects = tuple(dialects)
    once, intake = Once(lambda key: api.store.replay(key)), upload.Intake()
    paths = {operation.path: dialect for dialect in dialects for operation in dialect.operations}
    linked = {each.path: _by_link(api) for dialect in dialects for each in dialect.operations if each.linked}
    door = closed(api.door, paths, open_paths=OPEN, links=linked)
    app = web.Application(client_max_size=BODY_BYTES, middlewares=[_envelope(api.switch.counts, dialects), door])
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz(api))
    app.router.add_get("/metrics", _metrics(api))
    for dialect in dialects:
        for operation in dialect.operations:
            answering = _answering(api, once, operation)
            if operation.uploads:
                answering = intake.bounded(answering)
            app.router.add_route(operation.method, operation.path, answering)
    return app


def _by_link(api: Api) -> Callable[[web.Request], Awaitable[Account]]:
    async def admit(request: web.Request) -> Account:
        name, query = request.match_info["name"], request.query
        signature = query.get(SIGNATURE, "")
        return await api.vault.admit(api.store, api.accounts, name, query.get("expires", ""), signature)

    return admit


def _answering(api: Api, once: Once, operation: Operation) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        account = request[ACCOUNT]
        body = await _body_of(request, operation)
        body |= request.match_info
        around = Surroundings(account=account, routes=api.accounts.routes, limits=api.limits)

        def words(found: Any) -> Answer:
            return Answer(operation.status, orjson.dumps(operation.reply(found)).decode())

        async def first(key: Key | None = None) -> Answer:
            ask = operation.parse(body, around)
            assert isinstance(ask, Dialling)
            return words(await api.answer(account, ask, keep=_keeping(key, words)))

        if not operation.dials:
            ask = operation.parse(body, around)
            assert not isinstance(ask, Dialling)
            return _response(operation.status, operation.reply(await api.answer(account, ask)))
        key = _key(request, account, body)
        return _answered(await (first() if key is None else once.answer(key, first)))

    return answer


async def _body_of(request: web.Request, operation: Operation) -> Body:
    gathered: Body | None = request.get(BODY)
    if gathered is not None:
        return gathered
    if operation.uploads:
        return await upload.read(request)
    if operation.bare:
        return {}
    if request.method == "GET" or (request.method == "DELETE" and not request.can_read_body):
        return dict(request.query)
    return as_json(await read(request))


def _key(request: web.Request, account: Account, body: Body) -> Key | None:
    """The request's idempotency key; another method, URL or parameter makes it another request.

    The account's secret goes into its fingerprint: of that alone nobody finds out a password of four digits.
    """
    headers = request.headers.getall(HEADER, ())
    if not headers and not account.same_request_seconds:
        return None
    try:
        canonical = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as exc:
        raise InvalidRequest("the body is nested too deeply") from exc
    whole = f"{request[SECRET]}\n{request.method} {request.path_qs}\n".encode("utf-8", "surrogateescape") + canonical
    return key_of(
        headers, account_id=account.account_id, same_request_seconds=account.same_request_seconds, request=whole
    )


def _keeping(key: Key | None, words: Callable[[Any], Answer]) -> Keep | None:
    return None if key is None else lambda found: KeptAnswer(key, words(found))


def _envelope(counts: Counts, dialects: tuple[Dialect, ...]) -> Any:
    """Words every refusal, aiohttp's own included, in the dialect the path belongs to."""

    @web.middleware
    async def envelope(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        dialect = next((each for each in dialects if request.path.startswith(each.prefix)), None)
        if dialect is None:
            return await handler(request)
        headers: dict[str, str] = {}
        try:
            return await handler(request)
        except Refusal as exc:
            refusal = exc
        except web.HTTPNotFound:
            refusal = NotFound("there is no such URL")
        except web.HTTPMethodNotAllowed as exc:
            refusal = WrongMethod(allow=exc.headers["Allow"])
        except web.HTTPRequestEntityTooLarge:
            refusal = TooLarge()
        except web.HTTPException as exc:
            refusal = InvalidRequest(exc.reason)
        except Exception:  # a fault of ours is no answer to anybody
            log.exception("request failed", path=request.path[:LOGGED_PATH])
            refusal = Unavailable()
        if isinstance(refusal, WrongMethod):
            headers["Allow"] = refusal.allow
        if refusal.code in RETRY_LATER or refusal.retry_after_seconds is not None:
            headers["Retry-After"] = str(refusal.retry_after_seconds or RETRY_AFTER_SECONDS)
        counts.refusals[dialect.name, refusal.code] += 1
        status, body = dialect.refuse(refusal)
        if isinstance(refusal, LockedOut):  # told once, when it began: nobody fills our disk
            return _response(status, body, headers)
        path = request.path[:LOGGED_PATH]
        log.info("request refused", path=path, status=status, code=refusal.code, reason=refusal.message)
        return _response(status, body, headers)

    return envelope


async def _healthz(_: web.Request) -> web.StreamResponse:
    return _response(200, {"alive": True})


def _readyz(api: Api) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def readyz(_: web.Request) -> web.StreamResponse:
        postgres = not api.store.writer.away and await _answers(api.store)
        asterisk = api.switch.ready
        state = {"asterisk": asterisk, "postgres": postgres, "spool": api.store.writer.depth}
        return _response(200 if asterisk and postgres else 503, state)

    return readyz


def _metrics(api: Api) -> Callable[[web.Request], Awaitable[web.Response]]:
    metrics = Metrics(api.switch.counts, api.switch, depth=lambda: api.store.writer.depth)

    async def scrape(_: web.Request) -> web.Response:
        text = metrics.text(postgres=await _answers(api.store))
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})

    return scrape


async def _answers(store: Store) -> bool:
    try:
        await store.ping()
    except Unavailable:
        return False
    return True


def _answered(answer: Answer) -> web.Response:
    headers = {REPLAYED: "true"} if answer.replayed else None
    return web.Response(
        status=answer.status, body=answer.body.encode(), content_type="application/json", headers=headers
    )


def _response(status: int, body: Body | File | Sound, headers: dict[str, str] | None = None) -> web.StreamResponse:
    if isinstance(body, Sound):
        return _sound(body)
    if isinstance(body, File):
        headers = {**(headers or {}), "X-Content-Type-Options": "nosniff"}
        return web.Response(status=status, body=body.content, content_type=body.content_type, headers=headers)
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)


def _sound(sound: Sound) -> web.StreamResponse:
    headers = {"Content-Type": sound.content_type, "X-Content-Type-Options": "nosniff", "Cache-Control": "private"}
    if sound.path is not None:
        return web.FileResponse(sound.path, headers=headers)
    return web.Response(body=sound.pieces, headers={**headers, "Content-Length": str(sound.size)})
