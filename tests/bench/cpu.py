"""CPU time and memory of processes, from /proc."""

import os
from collections.abc import Mapping
from pathlib import Path

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
BUSY = (0, 1, 2, 5, 6)  # of /proc/stat: user, nice, system, irq, softirq


def process_ms(pid: int) -> float:
    """CPU time of a process, all its threads, its children that have ended."""
    return TICK_MS * sum(int(field) for field in stat(pid)[11:15])


def own_ms() -> float:
    """CPU time of this process, without its children."""
    return TICK_MS * sum(int(field) for field in stat(os.getpid())[11:13])


def tree_ms(pid: int) -> float:
    """CPU time of a process and its children."""
    return sum(process_ms(each) for each in [pid, *children(pid)])


def machine_ms() -> float:
    """CPU time that anything on this machine has used."""
    first = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    return TICK_MS * sum(int(first[place]) for place in BUSY)


def rss_bytes(pid: int) -> int:
    """Memory of a process that is in RAM now; /proc/<pid>/stat would be some pages off."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


def parent(pid: int) -> int:
    """Whose child a process is."""
    return int(stat(pid)[1])


def name(pid: int) -> str:
    """What a process calls itself; "" where there is none of that id."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except FileNotFoundError:
        return ""


def children(pid: int) -> list[int]:
    """The processes this one started that still run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name, which may hold anything: state, parent …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def pin(pids: Mapping[int, set[int]]) -> None:
    """Keep each process, all its threads, to these CPUs."""
    for pid, cpus in pids.items():
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cpus)
