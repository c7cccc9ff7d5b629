"""The lab's Asterisks: what each is told at start, and bringing them up."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from docker import containers
from docker.choices import LAB, NAME, ROOT, Choices, write

PHONES = range(101, 110)
BROUGHT = 108  # of which a test itself is the phone


@dataclass(frozen=True, slots=True)
class Asterisk:
    """One Asterisk: its role, its folder under `.lab`, and its part of the configuration."""

    role: str
    node: str
    conf: dict[str, str]
    mounts: dict[Path, str]

    @property
    def container(self) -> str:
        return f"{NAME}-{self.node}"

    @property
    def fingerprint(self) -> str:
        told = repr((containers.tool()["IMAGE"], sorted(self.conf.items()), self.mounts))
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def carrier(choices: Choices) -> Asterisk:
    """The telephone network, which takes either node's PBX for the PBX."""
    folder = LAB / "carrier"
    pbx = [f"127.0.0.1:{choices.pbx_sip(node)}" for node in (1, 2)]
    return Asterisk(
        role="carrier",
        node="carrier",
        conf={
            "asterisk.conf": "entityid = 02:00:00:00:00:00\n",
            "rtp.conf": rtp_ports(choices.carrier_rtp),
            "pjsip.conf": transport(choices.carrier_sip)
            + section("pbx", "aor", contact=f"sip:{pbx[0]}")
            + section("pbx", "identify", endpoint="pbx", match=",".join(pbx)),
        },
        mounts={
            folder / "conf": "/lab/conf:ro",
            folder / "log": "/var/log/asterisk",
            folder / "recordings": "/lab/recordings",
        },
    )


def pbx(choices: Choices, *, node: int, carrier_sip: str) -> Asterisk:
    """Our PBX: one trunk to the carrier, which answers for eight of its nine phones; a test brings the other."""
    folder = LAB / f"n{node}"
    where = {BROUGHT: f"127.0.0.1:{choices.phone_sip(BROUGHT)}"}
    phones = (section(str(p), "aor", contact=f"sip:{p}@{where.get(p, carrier_sip)}") for p in PHONES)
    own = (
        section(f"phone-{p}", "identify", endpoint=str(p), match=f"127.0.0.1:{choices.phone_sip(p)}") for p in PHONES
    )
    return Asterisk(
        role="pbx",
        node=f"n{node}",
        conf={
            "asterisk.conf": f"entityid = 02:00:00:00:00:0{node}\n",
            "http.conf": f"bindport = {choices.ari(node)}\n",
            "ari.conf": section(
                "legwork",
                "user",
                read_only="no",
                password=choices.secrets["ARI_PASSWORD"],
            ),
            "rtp.conf": rtp_ports(choices.pbx_rtp(node)),
            "globals.conf": f"LEGWORK_NODE = n{node}\nLEGWORK_AWAY = {ROOT / 'sounds/en/away'}\n",
            "pjsip.conf": transport(choices.pbx_sip(node))
            + section("carrier", "aor", contact=f"sip:{carrier_sip}")
            + section("carrier", "identify", endpoint="carrier", match=carrier_sip)
            + "".join(phones)
            + "".join(own),
        },
        mounts={
            folder / "conf": "/lab/conf:ro",
            folder / "log": "/var/log/asterisk",
            folder / "cdr": "/var/log/asterisk/cdr-custom",
            folder / "recording": "/var/spool/asterisk/recording",
            LAB / "media": str(LAB / "media"),
            ROOT / "sounds": f"{ROOT / 'sounds'}:ro",
        },
    )


def section(name: str, kind: str, **keys: str) -> str:
    lines = [f"[{name}]", f"type = {kind}", *(f"{key} = {value}" for key, value in keys.items())]
    return "\n".join(lines) + "\n\n"


def transport(port: int) -> str:
    return section("udp", "transport", protocol="udp", bind=f"127.0.0.1:{port}")


def rtp_ports(ports: range) -> str:
    return f"rtpstart = {ports.start}\nrtpend = {ports.stop - 1}\n"


def bring_up(wanted: list[Asterisk]) -> list[Asterisk]:
    """Start those that do not run as told; the ones it started, all of them ready."""
    running = containers.ours()
    stale = [each for each in wanted if running.get(each.container) != (True, each.fingerprint)]
    for each in stale:
        if each.container in running:
            containers.stop(each.container)
        for folder in each.mounts:
            folder.mkdir(parents=True, exist_ok=True)
        for name, text in each.conf.items():
            write(LAB / each.node / "conf" / name, text)
        containers.start(
            each.role,
            name=each.container,
            conf=each.fingerprint,
            mounts=each.mounts,
        )
    for each in stale:
        containers.wait_booted(each.container)
    return stale
