"""The first settings of a host: Asterisk's snippets and the engine's, with secrets minted for them alone."""

import grp
import os
import pwd
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.core.ids import NODE
from engine.errors import WrongConfig

SECRET_BYTES = 32
TRUNK = re.compile(r"([A-Za-z0-9_-]{1,40})=([A-Za-z0-9.-]{1,253}):([0-9]{1,5})", re.ASCII)
ADDRESS = re.compile(r"([0-9.]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", re.ASCII)
PORTS = range(1, 65536)
DATABASE_URL = "postgresql://legwork@/legwork?host=/var/run/postgresql"
SOUNDS = "/usr/share/asterisk/sounds/en/legwork"
RECORDINGS = "/var/spool/asterisk/recording"
HTTP = """\
; Legwork: include under [general] of http.conf. An ARI login is root of telephony: loopback only.
enabled = yes
bindaddr = 127.0.0.1
bindport = {http_port}
sessionlimit = 1000                   ; websockets count; over it a connection is closed without a word
session_keep_alive = 60000            ; ms; longer than any client keeps an idle connection
"""
ARI = """\
; Legwork: include at the end of [general] of ari.conf.
enabled = yes
websocket_write_timeout = 5000        ; ms a slow reader is waited for before it is cut off

[legwork]
type = user
read_only = no
password = {password}
"""
RTP = """\
; Legwork: include under [general] of rtp.conf. Two ports a leg: {rtp_start}-{rtp_end} are {calls} calls.
rtpstart = {rtp_start}
rtpend = {rtp_end}
"""
GLOBALS = """\
; Legwork: include under [globals] of extensions.conf. Where dialplan/legwork.conf leads calls to.
LEGWORK_NODE = {node}
"""
PJSIP = """\
; Legwork: include at the end of pjsip.conf. Where you have a [global] or a transport of your own, take these lines
; into it and out of here.
[global]
type = global
endpoint_identifier_order = ip        ; a caller is its address, never the name it gives; telephones that register
                                      ; need ip,auth_username, and each an auth of its own
taskprocessor_overload_trigger = pjsip_only  ; many hang-ups at once cost no call

[legwork-udp]
type = transport
protocol = udp
bind = {sip_bind}

; What each trunk is made of: [carrier](legwork-line). No transfer leaves the engine's hands.
[legwork-line](!)
type = endpoint
context = legwork-inbound
disallow = all
allow = ulaw,alaw
direct_media = no
ice_support = no
dtmf_mode = rfc4733
send_pai = yes
trust_id_outbound = yes
send_connected_line = no
set_var = PJSIP_TRANSFER_HANDLING()=ari-only

; What each agent's telephone is made of: [101](legwork-phone). It dials nothing but *45 (log in) and *46 (log out).
[legwork-phone](!,legwork-line)
context = legwork-phones
"""
TRUNK_LINES = """
[{name}](legwork-line)
aors = {name}

[{name}]
type = aor
contact = sip:{host}:{port}
qualify_frequency = 30                ; seconds; `legwork doctor` tells when it does not answer

[{name}]
type = identify
endpoint = {name}
match = {host}:{port}
"""
ENVIRONMENT = """\
# Settings of one engine; systemd/legwork.env.example shows more of them. Its secrets are the files in credentials/.
LEGWORK_CREDENTIALS_DIR={credentials}
LEGWORK_NODE={node}
LEGWORK_ARI_URL=http://127.0.0.1:{http_port}
LEGWORK_ARI_USER=legwork
LEGWORK_HTTP_HOST=127.0.0.1
LEGWORK_HTTP_PORT=8800
LEGWORK_AGI_HOST=127.0.0.1
LEGWORK_AGI_PORT=4573
LEGWORK_STATE_DIR=/var/lib/legwork
LEGWORK_MEDIA_DIR=/var/cache/legwork
LEGWORK_SPEECH_DIR=/run/legwork
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What an operator may choose: where the files lie, whose they are, which ports, which database, which trunks."""

    asterisk: Path
    engine: Path
    node: str = "n1"
    http_port: int = 8088
    sip_bind: str = "0.0.0.0:5060"
    rtp_start: int = 10000
    rtp_end: int = 20000
    database_url: str | None = None  # None: the one there is, else DATABASE_URL
    trunks: tuple[str, ...] = ()
    group: str = "asterisk"
    user: str = "legwork"

    @property
    def credentials(self) -> Path:
        """The folder of the engine's secrets."""
        return self.engine / "credentials"


@dataclass(frozen=True, slots=True)
class File:
    """A file to be written: its text, its mode, whether Asterisk's group reads it."""

    text: str
    mode: int = 0o600
    shared: bool = False


def files(choices: Choices) -> Mapping[Path, File]:
    """Every file of these choices. Credentials there are already stay: other things are sealed under them.

    Raises `WrongConfig` where a choice makes no sense.
    """
    _check(choices)
    password = _kept(choices.credentials / "LEGWORK_ARI_PASSWORD") or _new_secret()
    key = _kept(choices.credentials / "LEGWORK_SECRET_KEY") or _new_secret()
    url = choices.database_url
    if url is None:
        url = _kept(choices.credentials / "DATABASE_URL", otherwise=DATABASE_URL)
    values = {
        "http_port": choices.http_port,
        "sip_bind": choices.sip_bind,
        "password": password,
        "rtp_start": choices.rtp_start,
        "rtp_end": choices.rtp_end,
        "calls": (choices.rtp_end - choices.rtp_start) // 4,
        "node": choices.node,
        "credentials": choices.credentials,
    }
    return {
        choices.asterisk / "http.conf": File(HTTP.format(**values), 0o640, shared=True),
        choices.asterisk / "ari.conf": File(ARI.format(**values), 0o640, shared=True),
        choices.asterisk / "rtp.conf": File(RTP.format(**values), 0o640, shared=True),
        choices.asterisk / "globals.conf": File(GLOBALS.format(**values), 0o640, shared=True),
        choices.asterisk / "pjsip.conf": File(
            PJSIP.format(**values) + "".join(map(_trunk, choices.trunks)), 0o640, shared=True
        ),
        choices.engine / "legwork.env": File(ENVIRONMENT.format(**values), 0o644),
        choices.credentials / "LEGWORK_ARI_PASSWORD": File(f"{password}\n"),
        choices.credentials / "LEGWORK_SECRET_KEY": File(f"{key}\n"),
        choices.credentials / "DATABASE_URL": File(f"{url}\n"),
    }


def write(choices: Choices, *, force: bool = False) -> list[Path]:
    """Write them; which. Raises `WrongConfig`, nothing written, where one is there already and `force` is not given."""
    made = files(choices)
    owner = _owner(choices.user)
    _require(choices.group)
    there = [str(path) for path in made if path.exists()]
    if there and not force:
        raise WrongConfig(f"already there: {', '.join(there)}; --force writes them anew and keeps the credentials")
    try:
        _folder(choices.asterisk, 0o750, group=choices.group)
        _folder(choices.engine, 0o755)
        _folder(choices.credentials, 0o700)
        for path, file in made.items():
            _write(path, file, group=choices.group)
        for path in (choices.credentials, *choices.credentials.iterdir()):
            if owner is not None and os.geteuid() == 0:
                os.chown(path, owner, -1)
    except OSError as exc:
        raise WrongConfig(f"{exc.filename}: {exc.strerror}; run it as root, or name folders of your own") from exc
    return list(made)


def advice(choices: Choices) -> str:
    """What an operator does next."""
    folder = choices.asterisk
    return f"""\
Include in Asterisk's own files:
  /etc/asterisk/http.conf        under [general]  #include "{folder}/http.conf"
  /etc/asterisk/ari.conf         under [general]  #include "{folder}/ari.conf"
  /etc/asterisk/rtp.conf         under [general]  #include "{folder}/rtp.conf"
  /etc/asterisk/pjsip.conf       at the end       #include "{folder}/pjsip.conf"
  /etc/asterisk/extensions.conf  under [globals]  #include "{folder}/globals.conf"
  /etc/asterisk/extensions.conf  at the end       #include "/opt/legwork/dialplan/legwork.conf"
Then:
  1. make your trunks of the template [legwork-line] (or --trunk) and your agents' phones of [legwork-phone]; those
     made otherwise need context = legwork-inbound, and legwork-phones
  2. copy what is heard while the engine is away below Asterisk's data directory (asterisk -rx 'core show settings'):
     mkdir -p {SOUNDS}; cp /opt/legwork/sounds/en/*.wav {SOUNDS}
  3. give Asterisk a folder to record into, where its group, which is the engine's, may mend and delete:
     install -d -o asterisk -g asterisk -m 2770 {RECORDINGS}
     mkdir -p /etc/systemd/system/asterisk.service.d
     printf '[Service]\\nUMask=0007\\n' >/etc/systemd/system/asterisk.service.d/legwork.conf
  4. systemctl daemon-reload; systemctl restart asterisk
  5. unless {choices.credentials}/DATABASE_URL names another database:
     runuser -u postgres -- sh -c 'createuser legwork; createdb --owner=legwork legwork'
  6. cp /opt/legwork/systemd/legwork.service /etc/systemd/system/; systemctl enable --now legwork
  7. as the engine's user, doctor, then apply your accounts:
     runuser -u {choices.user or "USER"} -- /opt/legwork/.venv/bin/legwork --env {choices.engine}/legwork.env doctor"""


def _check(choices: Choices) -> None:
    if not NODE.fullmatch(choices.node):
        raise WrongConfig(
            f"a node is named by a small letter, then up to 15 more or digits, which {choices.node!r} is not"
        )
    if not choices.rtp_start < choices.rtp_end <= PORTS[-1]:
        raise WrongConfig(f"RTP ports {choices.rtp_start} to {choices.rtp_end} are no range")
    address = ADDRESS.fullmatch(choices.sip_bind)
    if address is None or int(address[2]) not in PORTS:
        raise WrongConfig(
            f"SIP is listened for at ADDRESS:PORT, such as 0.0.0.0:5060, which {choices.sip_bind!r} is not"
        )


def _trunk(text: str) -> str:
    match = TRUNK.fullmatch(text)
    if match is None or int(match[3]) not in PORTS:
        raise WrongConfig(f"a trunk is NAME=HOST:PORT, such as carrier=sip.example.net:5060, which {text!r} is not")
    return TRUNK_LINES.format(name=match[1], host=match[2], port=match[3])


def _kept(file: Path, *, otherwise: str = "") -> str:
    """What a file of credentials holds, `otherwise` where there is none."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return otherwise
    except OSError as exc:
        raise WrongConfig(f"{file}: {exc.strerror}") from exc


def _new_secret() -> str:
    return secrets.token_hex(SECRET_BYTES)


def _folder(folder: Path, mode: int, *, group: str = "") -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(mode)
        _share(folder, group)


def _write(path: Path, file: File, *, group: str) -> None:
    """Whole or not at all, and never readable by more than it is for."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(file.text)
        out.flush()
        os.fsync(descriptor)
    if file.shared:
        _share(draft, group)
    draft.chmod(file.mode)
    draft.rename(path)


def _owner(user: str) -> int | None:
    """The id of the engine's user. Raises `WrongConfig` where there is none ("": none is needed)."""
    try:
        return pwd.getpwnam(user).pw_uid if user else None
    except KeyError as exc:
        make = f"useradd --system --no-create-home --home-dir /var/lib/legwork --gid asterisk {user}"
        raise WrongConfig(f"there is no user {user} for the engine: {make}; or say --user") from exc


def _require(group: str) -> None:
    """Raise `WrongConfig` where there is no such group ("": none is needed)."""
    try:
        if group:
            grp.getgrnam(group)
    except KeyError as exc:
        raise WrongConfig(f"there is no group {group}: install Asterisk first, or say --group") from exc


def _share(path: Path, group: str) -> None:
    """Let Asterisk's group read it, where we may say so."""
    if group and os.geteuid() == 0:
        shutil.chown(path, group=group)
