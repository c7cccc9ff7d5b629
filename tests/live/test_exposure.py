"""What the lab's PBX offers to somebody who gets near it: as little as it can."""

import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from docker import choices, containers
from docker.choices import BLOCKS, NAME
from engine.doctor.exposure import listening
from tests.live.engine import ari, legwork
from tests.live.lab import settings

pytestmark = pytest.mark.asyncio(loop_scope="function")

PBX = f"{NAME}-n1"
ROOT = Path(__file__).resolve().parents[2]
# Modules that fetch addresses, run programs, open a port of their own, or had a hole lately.
DANGEROUS = re.compile(
    r"func_curl|res_curl|res_config_curl|res_http_media_cache|res_http_post|app_system|func_shell|app_externalivr|app_mp3"
    r"|res_pjsip_mwi.*|res_mwi.*|.*manager.*|res_phoneprov|res_prometheus|res_xmpp|res_calendar.*|pbx_spool|chan_iax2|chan_sip"
)


async def test_no_module_runs_that_nobody_named_and_none_that_is_dangerous() -> None:
    modules = await ari("asterisk/modules")
    running = {each["name"].removesuffix(".so") for each in modules if each["name"].endswith(".so")}
    named = set()
    for file in ("docker/common/modules.conf", "docker/pbx/modules.role.conf"):
        named |= set(re.findall(r"^load = ([a-z0-9_]+)\.so", (ROOT / file).read_text(), re.MULTILINE))
    assert running == named
    assert not [name for name in running if DANGEROUS.fullmatch(name)]
    assert DANGEROUS.fullmatch("res_pjsip_mwi_body_generator")
    assert DANGEROUS.fullmatch("res_manager_devicestate")


async def test_the_manager_is_off_and_so_is_the_shell_of_the_console() -> None:
    assert re.search(r"Manager \(AMI\): +No", containers.asterisk(PBX, "manager show settings"))
    assert re.search(r"Shell on remote consoles: +Disabled", containers.asterisk(PBX, "core show settings"))


async def test_what_listens_of_the_lab_is_on_loopback() -> None:
    chosen = choices.read()
    assert chosen is not None
    ours = [
        (host, port) for host, port in listening(Path("/proc/net")) if port - chosen.first_port in range(BLOCKS.step)
    ]
    assert {chosen.ari(1), chosen.http(1)} <= {port for _, port in ours}
    assert not [(str(host), port) for host, port in ours if not host.is_loopback]


async def variable(text: str, **value: str) -> Any:
    """What Asterisk says a variable is, once it is set where a value is given."""
    lab = settings()
    headers = {"Authorization": aiohttp.encode_basic_auth(lab["ARI_USER"], lab["ARI_PASSWORD"])}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.request(
            "POST" if value else "GET", f"{lab['ARI_URL']}/ari/asterisk/variable", params={"variable": text, **value}
        ) as reply,
    ):
        return await reply.json() if reply.status == 200 else {}


async def test_a_variable_reads_no_file_and_runs_no_program() -> None:
    await variable("LEGWORK_TEST", value="seen")
    assert await variable("LEGWORK_TEST") == {"value": "seen"}
    for dangerous in ("FILE(/etc/passwd)", "SHELL(id)", "CURL(http://127.0.0.1/)", "ENV(PATH)", "STAT(e,/etc/passwd)"):
        assert (await variable(dangerous)).get("value", "") == ""


@pytest.mark.parametrize("password", ["", "legwork", "asterisk", "peekaboo"])
async def test_ari_is_closed_to_whoever_does_not_know_this_labs_password(password: str) -> None:
    lab = settings()
    headers = {"Authorization": aiohttp.encode_basic_auth(lab["ARI_USER"], password)}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(f"{lab['ARI_URL']}/ari/channels") as reply:
        assert reply.status == 401
    assert len(lab["ARI_PASSWORD"]) >= 32


async def test_the_command_line_prints_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    chosen = choices.read()
    assert chosen is not None
    shown = ""
    more = tmp_path / "more.toml"
    more.write_text((ROOT / "docker/accounts.toml").read_text().replace('name = "Demo shop"', 'name = "Demo"'))
    for arguments in (
        ("apply", "--dry-run", "docker/accounts.toml"),
        ("apply", "--dry-run", str(more)),
        ("show",),
        ("show", "--json"),
        ("show", "account_1"),
        ("doctor",),
        ("doctor", "--json"),
    ):
        code, output = await legwork(*arguments)
        assert code == 0, output
        shown += output
    assert "change  account account_1" in shown
    for secret in chosen.secrets.values():
        assert secret not in shown
    assert not re.search(r"[0-9a-f]{64}", shown), "nor a fingerprint"
    assert "sealed" not in shown


async def test_an_engine_with_another_key_says_so_and_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGWORK_NODE", "other")
    monkeypatch.setenv("LEGWORK_SECRET_KEY", "another key, long enough to be one")
    monkeypatch.setenv("ARI_URL", "http://127.0.0.1:9")
    code, output = await legwork("run")
    assert code == 1
    assert "LEGWORK_SECRET_KEY is not the key that the secret of account_1/mor was sealed with" in output
    assert "another key" not in output
