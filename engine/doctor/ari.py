"""What ARI answers by plain HTTP: what was asked for, or the fault in words."""

from typing import Any

import aiohttp
import orjson

from engine.config import Settings
from engine.doctor.findings import Failed

SECONDS = 3
NOT_KNOWN = Failed("not known", "mend the first line first")
AWAY = Failed("does not answer", "start Asterisk, enable http.conf and ari.conf, check LEGWORK_ARI_URL")
ANOTHER = "if another program listens there (ss -ltnp), give LEGWORK_ARI_URL the bindport of http.conf"
# By status: what is wrong with ARI, whatever is asked.
FAULTS = {
    401: ("refuses our password", "give LEGWORK_ARI_USER and LEGWORK_ARI_PASSWORD as in ari.conf"),
    403: ("forbids us (403)", f"set read_only=no in ari.conf and let http.conf's acl pass this host; {ANOTHER}"),
    404: (
        "has no ARI there (404)",
        f"set enabled=yes in ari.conf, load res_ari and res_ari_asterisk; LEGWORK_ARI_URL ends with http.conf's prefix"
        f" where there is one; {ANOTHER}",
    ),
    500: ("fails (500)", f"see Asterisk's log, then restart it; {ANOTHER}"),
    503: ("is not ready (503)", f"wait for asterisk -rx 'core waitfullybooted', then see Asterisk's log; {ANOTHER}"),
}


async def asked(settings: Settings, path: str, **query: str) -> Any:
    """What ARI has there, an object or a list. Raises `Failed`: what is wrong with ARI."""
    status, body = await _answer(settings, path, query)
    if status != 200:
        raise Failed(*FAULTS.get(status, (f"answers with status {status}", ANOTHER)))
    if not isinstance(body, dict | list):
        raise Failed("is not what answers there", ANOTHER)
    return body


async def known(settings: Settings, path: str, *, module: str = "res_ari_asterisk", **query: str) -> Any:
    """As `asked`, for a check behind the first: what is wrong with ARI is told there, that `module` is missing here."""
    status, body = await _answer(settings, path, query)
    if status == 404 and isinstance(body, dict):  # ARI's own words: the web server's are HTML
        raise Failed("ARI does not tell", f"load {module} in modules.conf")
    if status != 200 or not isinstance(body, dict | list):
        raise NOT_KNOWN
    return body


def logged_in(settings: Settings) -> aiohttp.ClientSession:
    """Requests that log in as the engine does, each of 3 s at most."""
    login = aiohttp.encode_basic_auth(settings.ari_user, settings.ari_password.get_secret_value())
    return aiohttp.ClientSession(headers={"Authorization": login}, timeout=aiohttp.ClientTimeout(total=SECONDS))


async def _answer(settings: Settings, path: str, query: dict[str, str]) -> tuple[int, Any]:
    """The status, and the body or None where it is no JSON."""
    url = f"{settings.ari_url.rstrip('/')}/ari/{path}"
    try:
        async with logged_in(settings) as http, http.get(url, params=query) as reply:
            raw = await reply.read()
    except (aiohttp.ClientError, OSError) as exc:
        raise AWAY from exc
    try:
        return reply.status, orjson.loads(raw)
    except orjson.JSONDecodeError:
        return reply.status, None
