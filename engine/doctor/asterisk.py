"""Whether Asterisk is one that calls can be made with."""

import re
from pathlib import Path

import aiohttp

from engine.config import Settings
from engine.doctor import ari, database
from engine.doctor.ari import ANOTHER, NOT_KNOWN
from engine.doctor.findings import Failed

MINIMUM = (22, 10, 1)
MODULES = (
    "res_stasis",
    "res_stasis_playback",
    "res_http_websocket",
    "res_ari_events",
    "res_ari_channels",
    "res_ari_bridges",
    "res_ari_playbacks",
    "app_stasis",
    "chan_pjsip",
    "bridge_softmix",
    "bridge_simple",
)
# What a call may do without: what is lost with each.
OTHERS = {
    "no answering machine is found": ("app_amd", "func_talkdetect", "res_stasis_snoop"),
    "no call is recorded": ("res_stasis_recording", "res_ari_recordings"),
    "no dialplan can ask": ("res_agi",),
}
# Of dialplan/legwork.conf, where [globals] names none.
DIALPLANS_NODE = "n1"
DIALPLANS_AWAY = "legwork/away"
FILES = 4096  # four sockets a call; with fewer Asterisk ends at some 200 calls a second


async def version(settings: Settings) -> str:
    """Whether ARI lets us in, and to which Asterisk."""
    match await ari.asked(settings, "asterisk/info", only="system"):
        case {"system": {"version": str(version)}}:
            pass
        case _:
            raise Failed("is not what answers there", ANOTHER)
    numbers = tuple(int(part) for part in re.findall(r"[0-9]+", version)[:3])
    if numbers < MINIMUM:
        raise Failed(
            f"version {version}", f"upgrade to {'.'.join(map(str, MINIMUM))} or later: older ones have known holes"
        )
    return f"version {version}"


async def websocket(settings: Settings) -> str:
    """Whether events come: a websocket is opened and closed."""
    url = f"{settings.ari_url.rstrip('/')}/ari/events"
    try:
        async with (
            ari.logged_in(settings) as http,
            http.ws_connect(url, params={"app": "legwork-doctor", "subscribeAll": "false"}),
        ):
            return "opens"
    except aiohttp.WSServerHandshakeError as exc:
        if exc.status == 401:
            raise NOT_KNOWN from exc
        fix = "load res_http_websocket and res_ari_events in modules.conf, raise sessionlimit in http.conf"
        raise Failed(f"is refused with status {exc.status}", fix) from exc
    except (aiohttp.ClientError, OSError) as exc:
        fix = "set enabled=yes in http.conf and ari.conf, and a sessionlimit of 1000: websockets count"
        raise Failed("does not open", fix) from exc


async def modules(settings: Settings) -> str:
    """Whether everything that calls need is loaded."""
    listed = await ari.known(settings, "asterisk/modules")
    running = {module["name"].removesuffix(".so") for module in listed if module["status"] == "Running"}
    missing = [name for name in MODULES if name not in running]
    if missing:
        raise Failed(f"not running: {', '.join(missing)}", "load them in modules.conf")
    lacks = [
        f"{what} without {', '.join(sorted(set(names) - running))}"
        for what, names in OTHERS.items()
        if not running.issuperset(names)
    ]
    return "; ".join([f"{len(running)} running", *lacks])


async def open_files(settings: Settings) -> str:
    """Whether Asterisk may open as many files as many calls need."""
    told = await ari.known(settings, "asterisk/info", only="config")
    most: int = told.get("config", {}).get("max_open_files", 0)
    if not most:
        return "as many as its unit allows: maxfiles is not set in asterisk.conf"
    if most < FILES:
        raise Failed(
            f"{most} at once", "set maxfiles=16384 under [options] in asterisk.conf, and LimitNOFILE in its unit"
        )
    return f"{most} at once"


async def trunks(settings: Settings) -> str:
    """Whether every endpoint that a route leads to is there and answers its qualifying."""
    wanted = await database.endpoints(settings)
    states = {
        each["resource"]: each["state"]
        for each in await ari.known(settings, "endpoints/PJSIP", module="res_ari_endpoints and chan_pjsip")
    }
    missing = sorted(wanted - states.keys())
    if missing:
        raise Failed(
            f"routes lead to {', '.join(missing)}, which Asterisk does not know",
            "add the endpoint to pjsip.conf and reload res_pjsip, or mend the route and legwork apply",
        )
    silent = sorted(name for name in wanted if states[name] == "offline")
    if silent:
        raise Failed(
            f"{', '.join(silent)} does not answer",
            "check the trunk's contact, its registration and the firewall: asterisk -rx 'pjsip show endpoints'",
        )
    return ", ".join(f"{name} {states[name]}" for name in sorted(wanted)) or "no route is applied"


async def inbound(settings: Settings) -> str:
    """Whether the dialplan leads calls that come in to this engine."""
    told = await ari.known(settings, "asterisk/variable", variable="LEGWORK_NODE")
    node = told["value"] or DIALPLANS_NODE
    if node != settings.node:
        raise Failed(
            f"are led to {node}, this engine is {settings.node}",
            f"set LEGWORK_NODE = {settings.node} under [globals] of extensions.conf; asterisk -rx 'dialplan reload'",
        )
    return f"are led to {node}"


async def away(settings: Settings) -> str:
    """Whether Asterisk finds what callers hear while the engine is away."""
    told = await ari.known(settings, "asterisk/variable", variable="LEGWORK_AWAY")
    sound = told["value"] or DIALPLANS_AWAY
    if sound.startswith("/"):
        found = any(Path(sound).parent.glob(f"{Path(sound).name}.*"))
    else:
        found = sound in {each["id"] for each in await ari.known(settings, "sounds", module="res_ari_sounds")}
    if not found:
        raise Failed(
            f"Asterisk has no sound {sound}: callers would hear congestion",
            "copy Legwork's sounds/en to legwork/ in the folder sounds/en of Asterisk's data directory (asterisk -rx"
            " 'core show settings'), restart Asterisk; or set LEGWORK_AWAY under [globals] of extensions.conf",
        )
    return sound
