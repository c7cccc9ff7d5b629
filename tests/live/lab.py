"""The running lab, as its tests see it."""

from pathlib import Path

from docker.tones import RATE, Stretch, heard, loudness, read, tones

__all__ = ["RATE", "Stretch", "heard", "loudness", "read", "recordings", "settings", "started_at", "tones"]

ENV_FILE = Path(__file__).resolve().parents[2] / ".lab/lab.env"


def settings() -> dict[str, str]:
    """What `make up` wrote down about the lab."""
    if not ENV_FILE.exists():
        raise RuntimeError(f"there is no lab ({ENV_FILE} is missing): run `make up` first")
    lines = ENV_FILE.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def recordings(number: str, *, since: float = 0) -> list[Path]:
    """What the carrier recorded of the calls this number answered since a wall-clock time, oldest first."""
    found = sorted(Path(settings()["CARRIER_RECORDINGS"]).glob(f"{number}-*.wav"))
    return [path for path in found if started_at(path) >= since]


def started_at(recording: Path) -> float:
    """The wall-clock time a recording begins at, which is that of the 200 OK."""
    return int(recording.stem.partition("-")[2]) / 1000
