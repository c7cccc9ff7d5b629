"""One call from the command line: asked for over the API, followed in the store."""

import asyncio
from typing import Any

import aiohttp
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from engine import config, screen
from engine.errors import InvalidRequest, Unavailable
from engine.store.postgres import Store

POLL_SECONDS = 0.1
REQUEST_SECONDS = 10


async def first_caller_id(store: Store, account_id: str) -> str:
    """What an account shows unless told otherwise."""
    for row in await store.applied():
        if row["kind"] == "account" and row["account_id"] == account_id and row["body"]["caller_ids"]:
            first: str = row["body"]["caller_ids"][0]
            return first
    raise InvalidRequest(f"account {account_id} has no caller id: give --caller-id")


async def click2call(body: dict[str, str], *, account: str, auth: str) -> str:
    """The request id of a call asked for over the API."""
    url = config.load().url + "/api/click2call"
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers={"account": account, "auth": auth}) as http,
            http.post(url, json=body) as reply,
        ):
            response = (await reply.json())["response"]
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        raise Unavailable(f"the engine does not answer at {url}") from exc
    if response["success"] != "true":
        raise InvalidRequest(f"refused: {response['message']}")
    request_id: str = response["request_id"]
    return request_id


async def follow(
    store: Store, call_id: str, interrupted: asyncio.Event, *, talk_seconds: float | None, on: Console
) -> dict[str, Any] | None:
    """The call's CDR, once it has ended, None if interrupted before.

    Until then a terminal shows how far it is.
    """
    asked, spinner = False, Spinner("dots")
    with Live(console=on, refresh_per_second=10, transient=True) as live:
        while (cdr := await store.cdr(call_id)) is None:
            found, legs = await store.call(call_id) or (None, [])
            live.update(screen.call_progress(spinner, call_id, found, legs))
            talked = screen.seconds_since(found["bridged_at"]) if found else None
            if talk_seconds is not None and not asked and talked is not None and talked >= talk_seconds:
                asked = await store.order_hangup(call_id) is not None
            if interrupted.is_set():
                return None
            await asyncio.sleep(POLL_SECONDS)
    return cdr
