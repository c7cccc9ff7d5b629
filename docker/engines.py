"""The lab's engines: started in the background, found again, stopped."""

import contextlib
import hashlib
import os
import shlex
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from docker.choices import LAB, ROOT, Choices, write

LEGWORK = ROOT / ".venv/bin/legwork"
READY_SECONDS = 30
STOP_SECONDS = 10
SECOND_TERM_SECONDS = 0.1


def settings(choices: Choices, *, node: int, database_url: str) -> dict[str, str]:
    """What one node's engine is told."""
    return {
        "DATABASE_URL": database_url,
        "LEGWORK_NODE": f"n{node}",
        "LEGWORK_ARI_URL": f"http://127.0.0.1:{choices.ari(node)}",
        "LEGWORK_ARI_USER": "legwork",
        "LEGWORK_ARI_PASSWORD": choices.secrets["ARI_PASSWORD"],
        "LEGWORK_HTTP_HOST": "127.0.0.1",
        "LEGWORK_HTTP_PORT": str(choices.http(node)),
        "LEGWORK_AGI_PORT": str(choices.agi(node)),
        "LEGWORK_STATE_DIR": str(state_dir(node)),
        "LEGWORK_MEDIA_DIR": str(LAB / "media" / f"n{node}"),  # LAB/media is where its Asterisk sees it, too
        "LEGWORK_RECORDINGS_DIR": str(LAB / f"n{node}" / "recording"),
        "LEGWORK_TRANSCRIPTS": "command",
        "LEGWORK_TRANSCRIPT_COMMAND": f"{shlex.quote(str(ROOT / '.venv/bin/python'))} -m docker.scribe",
        "LEGWORK_IMPORTS_DIR": str(LAB / "imports"),
        "LEGWORK_SECRET_KEY": choices.secrets["LEGWORK_SECRET_KEY"],
        "LEGWORK_LOCKOUT_PER_MINUTE": "1000",
        "LEGWORK_VOICES": "espeak",  # whatever keys its user has
        "LEGWORK_BUILD": build(),  # read by nobody: an engine of older code is not "told the same"
    }


def build() -> str:
    """The fingerprint of the engine's code."""
    files = sorted(path for path in (ROOT / "engine").rglob("*") if path.suffix in (".py", ".sql"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def state_dir(node: int) -> Path:
    return LAB / f"n{node}" / "state"


def log_file(node: int) -> Path:
    return LAB / f"n{node}" / "engine.log"


def pid_file(node: int) -> Path:
    return LAB / f"n{node}" / "engine.pid"


def bring_up(node: int, told: dict[str, str]) -> bool:
    """Start this node's engine unless it runs, told the same; whether it had to be started."""
    pid = running(node)
    if pid is not None and told.items() <= environment(pid).items():
        wait_ready(node, told)
        return False
    stop(node)
    engine = start(node, told)
    wait_ready(node, told, engine)
    return True


def start(node: int, told: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start this node's engine; return at once."""
    state_dir(node).mkdir(parents=True, exist_ok=True)
    with log_file(node).open("ab") as log:
        engine = subprocess.Popen(
            [LEGWORK, "run"],
            cwd=ROOT,
            env=os.environ | told,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    write(pid_file(node), f"{engine.pid}\n")
    return engine


def wait_ready(node: int, told: dict[str, str], engine: subprocess.Popen[bytes] | None = None) -> None:
    """Until /readyz says that Asterisk and Postgres both answer this engine."""
    url = f"http://127.0.0.1:{told['LEGWORK_HTTP_PORT']}/readyz"
    last = time.monotonic() + READY_SECONDS
    while not answers(url):
        if (engine and engine.poll() is not None) or time.monotonic() > last:
            tail = "\n".join(log_file(node).read_text().splitlines()[-15:])
            raise SystemExit(f"lab: the engine of n{node} does not get ready; its log ends:\n{tail}")
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def running(node: int) -> int | None:
    """The engine's process id: the pid file's if it is ours, else whichever process is.

    The file may name another program by now, or be missing where a `make up` was killed
    before it could write one.
    """
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    with contextlib.suppress(OSError, ValueError):
        pids.insert(0, int(pid_file(node).read_text()))
    return next((pid for pid in pids if is_engine(pid, node)), None)


def is_engine(pid: int, node: int) -> bool:
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        ours = environment(pid).get("LEGWORK_STATE_DIR") == str(state_dir(node))
        return ours and str(LEGWORK).encode() in command and b"run" in command
    return False


def environment(pid: int) -> dict[str, str]:
    with contextlib.suppress(OSError):
        entries = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
        return dict(entry.split("=", 1) for entry in entries if "=" in entry)
    return {}


def stop(node: int) -> bool:
    """Tell this node's engine to stop, without letting what rings finish, then insist; whether there was one."""
    pid = running(node)
    if pid is None:
        pid_file(node).unlink(missing_ok=True)
        return False
    for order in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, order)
            if order == signal.SIGTERM:
                time.sleep(SECOND_TERM_SECONDS)
                os.kill(pid, order)
        last = time.monotonic() + STOP_SECONDS
        while is_engine(pid, node) and time.monotonic() < last:
            time.sleep(0.02)
    pid_file(node).unlink(missing_ok=True)
    return True


def apply(accounts: Path, secrets: dict[str, str]) -> None:
    """Give the engine's database the accounts of this file."""
    subprocess.run(
        [LEGWORK, "apply", accounts],
        cwd=ROOT,
        env=os.environ | secrets,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
