"""Faults planted one by one in a host that is well: the doctor names each, and nothing else."""

import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfoNotFoundError

import pytest
import pytest_asyncio
from aiohttp import web

from engine import doctor
from engine.config import Settings
from engine.doctor import asterisk, exposure, host
from engine.store.postgres import Store
from tests.ari.fake import FakeAsterisk
from tests.store.conftest import database_url, store

__all__ = ["database_url", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

RUNNING = [*asterisk.MODULES, *(name for names in asterisk.OTHERS.values() for name in names)]
READY = {"asterisk": True, "postgres": True}
METRICS = "# TYPE process_max_fds gauge\nprocess_max_fds 16384.0\nprocess_open_fds 31.0\n"
ROUTE = {"prefix": "91", "endpoints": ["PJSIP/{number}@carrier"]}


def stamp(seconds: float) -> str:
    """As ARI writes times."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".000+0000"


@dataclass(slots=True)
class Host:
    """A host that is well, to plant faults in."""

    asterisk: FakeAsterisk
    database_url: str
    folder: Path
    patch: pytest.MonkeyPatch
    engine: dict[str, Any] = field(default_factory=lambda: {"status": 200, "metrics": METRICS, "url": ""})
    told: dict[str, Any] = field(default_factory=dict)

    def settings(self) -> Settings:
        return Settings.model_validate(
            {
                "ari_url": self.asterisk.url,
                "ari_user": "legwork",
                "ari_password": "5d0c2e0b7a9f4c1e5d0c2e0b7a9f4c1e",
                "database_url": self.database_url,
                "state_dir": self.folder / "state",
                "recordings_dir": self.folder / "recording",
                "url": self.engine["url"],
                "voices": "espeak",
                "agi_port": 4573,
                **self.told,
            }
        )

    def without(self, *modules: str) -> None:
        names = [name for name in RUNNING if name not in modules]
        listed = [{"name": f"{name}.so", "status": "Running"} for name in names]
        self.asterisk.reply("GET asterisk/modules", 200, listed)

    def version(self, version: str) -> None:
        self.asterisk.reply("GET asterisk/info", 200, {"system": {"version": version}, "config": {}})

    def clock(self, seconds: float) -> None:
        self.asterisk.reply("GET asterisk/ping", 200, {"ping": "pong", "timestamp": stamp(time.time() + seconds)})

    def trunk(self, state: str) -> None:
        listed = [{"technology": "PJSIP", "resource": "carrier", "state": state, "channel_ids": []}]
        self.asterisk.reply("GET endpoints/PJSIP", 200, listed)

    def sounds(self, *names: str) -> None:
        self.asterisk.reply("GET sounds", 200, [{"id": name, "formats": []} for name in names])

    async def examined(self) -> dict[str, tuple[str, str]]:
        """What does not hold: what was found, and the fix, by check."""
        found = await doctor.examine(self.settings())
        return {each.check: (each.found, each.fix) for each in found if each.fix}


@pytest_asyncio.fixture(loop_scope="function")
async def well(store: Store, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    await store.apply([{"kind": "route", "account_id": "", "id": "91", "position": 1, "body": ROUTE}])
    monkeypatch.setattr(host, "unsynchronised", lambda: False)
    monkeypatch.setattr(exposure, "listening", lambda _: [])
    (tmp_path / "state").mkdir(mode=0o755)
    (tmp_path / "recording/account_1").mkdir(parents=True)
    async with FakeAsterisk.run() as fake:
        there = Host(fake, database_url, tmp_path, monkeypatch)
        there.without()
        there.version("22.10.1")
        there.clock(0)
        there.trunk("online")
        there.asterisk.reply("GET asterisk/variable", 200, {"value": ""})
        there.sounds("beep", "legwork/away")

        async def readyz(_: web.Request) -> web.Response:
            return web.json_response(READY, status=there.engine["status"])

        async def metrics(_: web.Request) -> web.Response:
            return web.Response(text=there.engine["metrics"])

        app = web.Application()
        app.add_routes([web.get("/readyz", readyz), web.get("/metrics", metrics)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        there.engine["url"] = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield there
        await runner.cleanup()


async def test_a_host_that_is_well_has_no_fault(well: Host) -> None:
    assert await well.examined() == {}


def _wrong_login(well: Host) -> None:
    for operation in list(well.asterisk.replies):
        well.asterisk.reply(operation, 401, {"message": "Authentication required"})


def _no_websocket(well: Host) -> None:
    well.asterisk.refusing = True


def _old(well: Host) -> None:
    well.version("22.4.0")


def _no_bridges(well: Host) -> None:
    well.without("res_ari_bridges", "bridge_softmix")


def _few_files(well: Host) -> None:
    body = {"system": {"version": "22.10.1"}, "config": {"max_open_files": 1024}}
    well.asterisk.reply("GET asterisk/info", 200, body)


def _few_files_of_the_engine(well: Host) -> None:
    well.engine["metrics"] = METRICS.replace("16384", "1024")


def _slow_asterisk(well: Host) -> None:
    well.clock(-90)


def _nobody_keeps_the_clock(well: Host) -> None:
    well.patch.setattr(host, "unsynchronised", lambda: True)


def _no_zones(well: Host) -> None:
    def unknown(name: str) -> None:
        raise ZoneInfoNotFoundError(f"No time zone found with key {name}")

    well.patch.setattr(host, "ZoneInfo", unknown)


def _full_disk(well: Host) -> None:
    well.patch.setattr("engine.disk.shutil.disk_usage", lambda _: SimpleNamespace(total=1000, free=30))


def _full_recordings(well: Host) -> None:
    def usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(total=1000, free=40 if folder == well.folder / "recording" else 800)

    well.patch.setattr("engine.disk.shutil.disk_usage", usage)


def _no_postgres(well: Host) -> None:
    well.told["database_url"] = "postgresql://nobody@127.0.0.1:9/nothing"


def _no_sox(well: Host) -> None:
    (well.folder / "bin").mkdir()
    for program in ("espeak-ng",):
        found = next(
            Path(folder) / program for folder in os.environ["PATH"].split(":") if (Path(folder) / program).exists()
        )
        (well.folder / "bin" / program).symlink_to(found)
    well.patch.setenv("PATH", str(well.folder / "bin"))


def _silent_trunk(well: Host) -> None:
    well.trunk("offline")


def _no_trunk(well: Host) -> None:
    well.asterisk.reply("GET endpoints/PJSIP", 200, [])


def _no_prompt(well: Host) -> None:
    well.sounds("beep", "away")


def _no_list_of_sounds(well: Host) -> None:
    well.asterisk.reply("GET sounds", 404, {"message": "Resource not found"})


def _no_recordings(well: Host) -> None:
    well.told["recordings_dir"] = well.folder / "elsewhere"


def _recordings_of_others(well: Host) -> None:
    well.patch.setattr(
        "engine.doctor.recorded.os.access", lambda path, mode: not mode & os.W_OK or Path(path).name != "account_1"
    )


def _recordings_unreadable(well: Host) -> None:
    well.patch.setattr(
        "engine.doctor.recorded.os.access", lambda path, mode: mode == os.F_OK or Path(path).name != "recording"
    )


def _another_node(well: Host) -> None:
    well.told["node"] = "n2"


def _public_ari(well: Host) -> None:
    port = urlsplit(well.asterisk.url).port
    well.patch.setattr(exposure, "listening", lambda _: [(_address("0.0.0.0"), port)])


def _public_ami(well: Host) -> None:
    well.patch.setattr(exposure, "listening", lambda _: [(_address("192.0.2.10"), 5038)])


def _public_agi(well: Host) -> None:
    well.told["agi_host"] = "0.0.0.0"


def _weak_password(well: Host) -> None:
    well.told["ari_password"] = "asterisk"


def _address(text: str) -> object:
    from ipaddress import ip_address

    return ip_address(text)


@pytest.mark.parametrize(
    ("plant", "check", "found", "fix"),
    [
        (_wrong_login, "Asterisk", "refuses our password", "LEGWORK_ARI_PASSWORD"),
        (_no_websocket, "its websocket", "is refused with status 503", "sessionlimit"),
        (_old, "Asterisk", "version 22.4.0", "upgrade to 22.10.1"),
        (_no_bridges, "its modules", "not running: res_ari_bridges, bridge_softmix", "modules.conf"),
        (_few_files, "its files", "1024 at once", "maxfiles=16384"),
        (_few_files_of_the_engine, "its open files", "1024 at once", "LimitNOFILE=16384"),
        (_slow_asterisk, "clock", "s ahead of Asterisk's", "NTP"),
        (_nobody_keeps_the_clock, "clock", "nobody keeps it", "chrony"),
        (_no_zones, "time zones", "No time zone found with key US/Eastern", "tzdata"),
        (_full_disk, "disk", "3 % free", "free some space"),
        (_full_recordings, "disk", "4 % free; below 5 % no call is recorded", "free some space on"),
        (_no_postgres, "Postgres", "", "start Postgres, check DATABASE_URL"),
        (_no_sox, "sounds", "there is no sox", "apt-get install sox"),
        (_silent_trunk, "trunks", "carrier does not answer", "registration"),
        (_no_trunk, "trunks", "routes lead to carrier, which Asterisk does not know", "pjsip.conf"),
        (_no_prompt, "while it is away", "Asterisk has no sound legwork/away", "sounds/en"),
        (_no_list_of_sounds, "while it is away", "ARI does not tell", "load res_ari_sounds"),
        (_no_recordings, "recordings", "there is no ", "install -d -o asterisk -g asterisk -m 2770"),
        (_recordings_of_others, "recordings", "account_1 can not be written", "UMask=0007"),
        (_recordings_unreadable, "recordings", "recording can not be read", "chmod 2770"),
        (_another_node, "calls from outside", "are led to n1, this engine is n2", "LEGWORK_NODE = n2 under [globals]"),
        (_public_ari, "open ports", "listens on 0.0.0.0", "bindaddr=127.0.0.1 in http.conf"),
        (_public_ami, "open ports", "port 5038 listens on 192.0.2.10", "manager.conf, or enabled=no"),
        (_public_agi, "open ports", "FastAGI listens on 0.0.0.0", "LEGWORK_AGI_HOST=127.0.0.1"),
        (_weak_password, "ARI's password", "is a sample out of a document", "openssl rand -hex 32"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
async def test_each_fault_is_named_with_its_fix(
    well: Host, plant: Callable[[Host], None], check: str, found: str, fix: str
) -> None:
    plant(well)
    faults = await well.examined()
    assert found in faults[check][0]
    assert fix in faults[check][1]
    # What depends on it says that it does, and nothing else is called wrong.
    others = {name: said for name, (said, _) in faults.items() if name != check}
    assert all(said == "not known" or said.startswith("espeak: ") for said in others.values()), others


@pytest.mark.parametrize(
    ("status", "body", "found", "fix"),
    [
        (200, "<html>another server</html>", "is not what answers there", "another program listens there"),
        (200, "{", "is not what answers there", "LEGWORK_ARI_URL"),
        (200, '{"system": {}}', "is not what answers there", "LEGWORK_ARI_URL"),
        (200, "[1]", "is not what answers there", "LEGWORK_ARI_URL"),
        (302, "", "answers with status 302", "LEGWORK_ARI_URL"),
        (403, "<html>Forbidden</html>", "forbids us (403)", "read_only=no in ari.conf"),
        (404, "<html>Not Found</html>", "has no ARI there (404)", "enabled=yes in ari.conf"),
        (404, '{"message": "Resource not found"}', "has no ARI there (404)", "res_ari_asterisk"),
        (500, '{"message": "Internal Server Error"}', "fails (500)", "Asterisk's log"),
        (503, "<html>Service Unavailable</html>", "is not ready (503)", "core waitfullybooted"),
    ],
)
async def test_whatever_answers_in_aris_place_is_named_and_hides_no_other_finding(
    well: Host, status: int, body: str, found: str, fix: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    well.told["ari_url"] = url
    findings = {each.check: each for each in await doctor.examine(well.settings())}
    assert list(findings) == list(doctor.CHECKS)
    assert found in findings["Asterisk"].found
    assert fix in findings["Asterisk"].fix
    assert findings["Postgres"].fix == findings["engine"].fix == ""
    # The same server where the engine should be.
    well.told |= {"ari_url": well.asterisk.url, "url": url}
    found_there = (await well.examined())["engine"]
    assert found_there[0].startswith((f"{url} is not an engine", "not ready: ")), found_there
    await runner.cleanup()


async def test_a_check_that_breaks_is_a_finding_that_quotes_nothing(well: Host) -> None:
    well.told["database_url"] = "postgresql://legwork:hunter2@[127.0.0.1/legwork"
    well.asterisk.reply("GET asterisk/modules", 200, [{"no": "name"}])
    findings = {each.check: each for each in await doctor.examine(well.settings())}
    assert list(findings) == list(doctor.CHECKS)
    assert findings["its modules"].found.startswith("broke: KeyError in asterisk.py, line ")
    assert findings["Postgres"].found == "DATABASE_URL is no URL"
    assert findings["clock"].fix == ""
    assert findings["engine"].fix == ""
    assert "hunter2" not in str(findings)


async def test_a_prompt_of_the_operators_own_is_looked_for_where_it_lies(well: Host) -> None:
    prompt = well.folder / "closed"
    well.asterisk.reply("GET asterisk/variable", 200, {"value": str(prompt)})
    check = doctor.CHECKS["while it is away"]
    with pytest.raises(doctor.Failed, match="Asterisk has no sound /"):
        await check(well.settings())
    prompt.with_suffix(".wav").touch()
    assert await check(well.settings()) == str(prompt)


async def test_a_frozen_database_and_a_stopped_asterisk_are_both_named(well: Host) -> None:
    well.told |= {"ari_url": "http://127.0.0.1:9", "database_url": "postgresql://nobody@127.0.0.1:9/nothing"}
    faults = await well.examined()
    assert faults["Asterisk"][0] == "does not answer"
    assert "start Postgres" in faults["Postgres"][1]
    assert urlunsplit(urlsplit(well.settings().url)) == well.engine["url"]
