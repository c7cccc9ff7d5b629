"""The lab's containers, through whichever tool `docker/setup` found."""

import os
import subprocess
import time
from pathlib import Path

from docker.choices import LAB, NAME

STOP_SECONDS = 5
READY_SECONDS = 20


def tool() -> dict[str, str]:
    """What `docker/setup` wrote down: the tool, its configuration, the image."""
    lines = (LAB / "container.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def call(*arguments: str, check: bool = True) -> str:
    """Run the container tool; its answer."""
    found = tool()
    environment = dict(os.environ)
    if found["CONTAINERS_CONF"]:
        environment["CONTAINERS_CONF"] = found["CONTAINERS_CONF"]
    done = subprocess.run(
        [found["TOOL"], *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise SystemExit(f"lab: {found['TOOL']} {' '.join(arguments)}\n{done.stderr.strip()}")
    return done.stdout.strip()


def ours() -> dict[str, tuple[bool, str]]:
    """Each container of this checkout: does it run, and which configuration it was given."""
    ids = call("ps", "--all", "--quiet", f"--filter=label=legwork.lab={NAME}").split()
    fields = '{{.Name}} {{.State.Running}} {{index .Config.Labels "legwork.conf"}}'
    lines = call("inspect", f"--format={fields}", *ids).splitlines() if ids else []
    parts = (line.split() for line in lines)
    return {name.lstrip("/"): (running == "true", conf) for name, running, conf in parts}


def start(role: str, *, name: str, conf: str, mounts: dict[Path, str]) -> None:
    """A new container of the lab's image."""
    volumes = [f"--volume={host}:{inside}" for host, inside in mounts.items()]
    call(
        "run",
        "--detach",
        "--network=host",
        "--cap-add=SYS_NICE",
        f"--name={name}",
        f"--label=legwork.lab={NAME}",
        f"--label=legwork.conf={conf}",
        *volumes,
        tool()["IMAGE"],
        role,
    )


def wait_booted(name: str) -> None:
    """Until this Asterisk has loaded everything."""
    last = time.monotonic() + READY_SECONDS
    while "fully booted" not in asterisk(name, "core waitfullybooted"):
        if time.monotonic() > last:
            raise SystemExit(f"lab: {name} does not start:\n" + call("logs", name, check=False))
        time.sleep(0.05)


def asterisk(name: str, command: str) -> str:
    """One command at an Asterisk's console."""
    return call("exec", name, "asterisk", "-rx", command, check=False)


def stop(name: str) -> None:
    """Stop an Asterisk at once, live calls or not, and remove its container."""
    asterisk(name, "core stop now")
    last = time.monotonic() + STOP_SECONDS
    while ours().get(name, (False, ""))[0] and time.monotonic() < last:
        time.sleep(0.05)
    call("rm", "--force", name)
