"""The compose file, as podman-compose reads it: every image is built from `docker/`, and holds what it needs."""

import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine import initial

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = "docker/host/Dockerfile"
BASE = "debian:forky-slim"


def config(**environment: str) -> dict[str, Any]:
    """What podman-compose makes of the file."""
    command = [
        str(Path(sys.executable).parent / "podman-compose"),
        "--dry-run",
        "--file",
        "docker/compose.yml",
        "config",
    ]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LEGWORK_")}
    done = subprocess.run(
        command, cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


@cache
def stages() -> dict[str, tuple[str, str]]:
    """Of each stage of the Dockerfile what it is made from, and its lines."""
    text = (ROOT / DOCKERFILE).read_text().replace("\\\n", " ")
    parts = re.split(r"^FROM (\S+) AS (\S+)$", text, flags=re.MULTILINE)[1:]
    return {name: (base, lines) for base, name, lines in zip(parts[::3], parts[1::3], parts[2::3], strict=True)}


def let_in(path: str) -> bool:
    """Whether the build sees this file: of what matches the last line counts."""
    seen = True
    for line in (ROOT / f"{DOCKERFILE}.dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        names = [path, *(str(parent) for parent in Path(path).parents)]
        if any(fnmatch(name, pattern.removeprefix("**/")) for name in names):
            seen = line.startswith("!")
    return seen


def test_every_service_is_built_from_docker_and_from_nothing_but_debian() -> None:
    services = config()["services"]
    assert set(services) == {"init", "postgres", "asterisk", "engine"}
    for name, service in services.items():
        build = service["build"]
        assert (Path(build["context"]).resolve(), build["dockerfile"]) == (ROOT, DOCKERFILE), name
        assert build["target"] in stages(), name
        assert service["image"].startswith("legwork-"), name
    known = {BASE}
    for name, (base, lines) in stages().items():
        assert base in known, f"{name} is made from {base}"
        assert set(re.findall(r"--from=(\S+)", lines)) <= known
        known.add(name)


def test_what_the_images_are_made_of_is_let_into_the_build() -> None:
    sources = [
        source
        for _, lines in stages().values()
        for copied in re.findall(r"^COPY (?!--from)(.+)$", lines, re.MULTILINE)
        for source in copied.split()[:-1]
    ]
    assert {"engine/", "sounds/en", "dialplan/"} <= set(sources)
    for source in sources:
        place = ROOT / source
        files = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
        files = [path for path in files if path.suffix != ".pyc"]
        assert files, source
        missing = [str(path) for path in files if not let_in(str(path.relative_to(ROOT)))]
        assert not missing, f"{DOCKERFILE}.dockerignore keeps {missing} out"
    assert not let_in(".git/config")
    assert not let_in(".lab/choices.json")


def test_what_asterisk_includes_is_written_by_init_or_lies_beside_it() -> None:
    written = {path.name for path in initial.files(initial.Choices(asterisk=Path("/a"), engine=Path("/e")))}
    own = {path.name for folder in ("dialplan", "docker/host/asterisk") for path in (ROOT / folder).iterdir()}
    for file in (ROOT / "docker/host/asterisk").iterdir():
        for included in re.findall(r'^#include "(.+)"$', file.read_text(), re.MULTILINE):
            folder, _, name = included.rpartition("/")
            assert folder in ("", "/etc/asterisk/legwork"), included
            assert name in (written if folder else own), included


def test_the_dialplan_is_told_the_node_and_the_prompt_lies_where_it_looks() -> None:
    assert config(LEGWORK_NODE="n2")["services"]["init"]["environment"]["NODE"] == "n2"
    extensions = (ROOT / "docker/host/asterisk/extensions.conf").read_text()
    assert extensions.startswith('[globals]\n#include "/etc/asterisk/legwork/globals.conf"\n')
    assert "COPY sounds/en /usr/share/asterisk/sounds/en/legwork\n" in stages()["asterisk"][1]
    assert (ROOT / "sounds/en/away.wav").is_file()


@pytest.mark.parametrize("package", ["ca-certificates", "espeak-ng", "sox", "libsox-fmt-mp3"])
def test_the_engines_image_has_what_it_calls_on(package: str) -> None:
    assert re.search(rf"apt-get install .*\s{package}\s", stages()["engine"][1])
