"""The lab's commands: up, down, status, demo."""

import os
import sys
import time

from docker import asterisks, choices, containers, engines
from docker.choices import LAB, NAME, ROOT, Choices
from docker.demo import demo
from engine.store import embedded

ENV_FILE = LAB / "lab.env"
NODES = (1, 2)
PORT_SECONDS = 5
USAGE = "usage: python -m docker.lab up|down|status|demo"


def main() -> None:
    match sys.argv[1:]:
        case ["up"]:
            up()
        case ["down"]:
            down()
        case ["status"]:
            raise SystemExit(status())
        case ["demo"]:
            up()
            raise SystemExit(demo())
        case _:
            raise SystemExit(USAGE)


def up() -> None:
    """Start what does not run; return when all of it is ready."""
    with choices.locked():
        chosen = ports_and_secrets()
        carrier_sip = os.environ.get("CARRIER") or f"127.0.0.1:{chosen.carrier_sip}"
        nodes = NODES[: wanted_nodes()]

        wanted = [asterisks.pbx(chosen, node=node, carrier_sip=carrier_sip) for node in nodes]
        if not os.environ.get("CARRIER"):
            wanted.insert(0, asterisks.carrier(chosen))
        elif f"{NAME}-carrier" in containers.ours():
            containers.stop(f"{NAME}-carrier")
        for asterisk in asterisks.bring_up(wanted):
            say(f"started {asterisk.role} {asterisk.container}")

        database_url = os.environ.get("DATABASE_URL") or embedded.start(LAB)
        env = lab_env(chosen, carrier_sip=carrier_sip, database_url=database_url, nodes=nodes)
        for account in (env["CPAAS_ACCOUNT"], env["CPAAS_ACCOUNT_2"]):
            (LAB / "imports" / account).mkdir(parents=True, exist_ok=True)
        choices.write(ENV_FILE, "".join(f"{key}={value}\n" for key, value in env.items()))

        engines.apply(ROOT / "docker/accounts.toml", {"DATABASE_URL": database_url, **chosen.secrets})
        for node in nodes:
            told = engines.settings(chosen, node=node, database_url=database_url)
            if engines.bring_up(node, told):
                say(f"started engine n{node}")
    say(f"the lab is up: {env['LEGWORK_URL']}; everything else is in {ENV_FILE.relative_to(ROOT)}")


def ports_and_secrets() -> Choices:
    """Those of the first `make up`; other ports only where somebody took ours meanwhile."""
    kept = choices.read()
    if kept is None:
        return choices.make(keep=None)
    if anything_runs():
        return kept
    last = time.monotonic() + PORT_SECONDS  # what was killed a moment ago may still hold them
    while taken := choices.taken(kept.first_port):
        if time.monotonic() > last:
            say(f"port {taken[0]} is taken by another program: choosing other ports")
            return choices.make(keep=kept)
        time.sleep(0.1)
    return kept


def anything_runs() -> bool:
    containers_run = any(running for running, _ in containers.ours().values())
    return containers_run or any(engines.running(node) for node in NODES)


def wanted_nodes() -> int:
    """NODES if given, else as many as run."""
    given = os.environ.get("NODES")
    if given not in (None, "", "1", "2"):
        raise SystemExit("lab: NODES is 1 or 2")
    return int(given or (2 if containers.ours().get(f"{NAME}-n2") else 1))


def lab_env(chosen: Choices, *, carrier_sip: str, database_url: str, nodes: tuple[int, ...]) -> dict[str, str]:
    """Everything a test or a person must know to use the lab."""
    secrets = {name: value for name, value in chosen.secrets.items() if name != "ARI_PASSWORD"}
    env = {
        "DATABASE_URL": database_url,
        "ARI_USER": "legwork",
        "ARI_PASSWORD": chosen.secrets["ARI_PASSWORD"],
        "CARRIER_SIP": carrier_sip,
        **{f"PHONE_SIP_{p}": f"127.0.0.1:{chosen.phone_sip(p)}" for p in asterisks.PHONES},
        "CARRIER_RECORDINGS": str(LAB / "carrier/recordings"),
        "IMPORTS_DIR": str(LAB / "imports"),
        "LEGWORK_RECORDINGS_DIR": str(LAB / "n1/recording"),
        "LEGWORK_NTP": "false",  # whoever keeps the clock of the machine it runs on
        "CPAAS_ACCOUNT": "account_1",
        "CPAAS_ACCOUNT_2": "account_2",
        "SARV_USER_ID": "101",
        "SARV_VOICE_USERNAME": "demo",
        "MOR_USERNAME": "demo",
        "SARV_USER_ID_2": "102",
        "SARV_VOICE_USERNAME_2": "clinic",
        "MOR_USERNAME_2": "clinic",
        **secrets,
    }
    for node in nodes:
        suffix = "" if node == 1 else f"_{node}"
        env |= {
            f"LEGWORK_URL{suffix}": f"http://127.0.0.1:{chosen.http(node)}",
            f"ARI_URL{suffix}": f"http://127.0.0.1:{chosen.ari(node)}",
            f"PBX_SIP{suffix}": f"127.0.0.1:{chosen.pbx_sip(node)}",
            f"PBX_CANARY{suffix}": str(LAB / f"n{node}/log/canary.log"),
            f"PBX_CDR{suffix}": str(LAB / f"n{node}/cdr/cdr.csv"),
            f"PBX_RECORDINGS{suffix}": str(LAB / f"n{node}/recording"),
            f"ENGINE_LOG{suffix}": str(engines.log_file(node)),
            f"ENGINE_PID_FILE{suffix}": str(engines.pid_file(node)),
        }
    return env


def down() -> None:
    """Stop what this checkout started and nothing else."""
    with choices.locked():
        for node in NODES:
            if engines.stop(node):
                say(f"stopped engine n{node}")
        for container in containers.ours() if (LAB / "container.env").exists() else ():
            containers.stop(container)
            say(f"stopped {container}")
        embedded.stop(LAB)
    say("the lab is down")


def status() -> int:
    """One line for each part that is there; 0 if the lab is up, else 3."""
    parts = containers.ours() if (LAB / "container.env").exists() else {}
    for container, (running, _) in sorted(parts.items()):
        say(f"{container}: {'up' if running else 'stopped'}")
    pids = {node: pid for node in NODES if (pid := engines.running(node))}
    for node, pid in pids.items():
        say(f"engine n{node}: up, process {pid}, log {engines.log_file(node)}")
    if not (pids and parts and all(running for running, _ in parts.values())):
        say("the lab is not up")
        return 3
    return 0


def say(line: str) -> None:
    print(f"lab: {line}", flush=True)


if __name__ == "__main__":
    main()
