"""The shape of the code: imports point inwards, the core is pure, each module says what it is."""

import ast
import sys
from pathlib import Path

import pytest

ENGINE = Path(__file__).parents[1] / "engine"
MODULES = sorted(path for path in ENGINE.rglob("*.py") if "versions" not in path.parts)

# Who may import whom, inwards only: the longest matching name holds.
MAY_IMPORT = {
    "engine.core": ("engine.core",),
    "engine.errors": ("engine.core",),
    "engine.ari": ("engine.core", "engine.errors", "engine.ari"),
    "engine.store": ("engine.core", "engine.errors", "engine.store", "engine.crash", "engine.trouble"),
    "engine.census": ("engine.core", "engine.ari"),
    "engine.pin": ("engine.errors", "engine.credentials"),
    "engine.logins": (
        "engine.core",
        "engine.errors",
        "engine.ari",
        "engine.store",
        "engine.accounts",
        "engine.clock",
        "engine.pin",
    ),
    "engine.arrivals": (
        "engine.core",
        "engine.errors",
        "engine.ari",
        "engine.store",
        "engine.census",
        "engine.gate",
        "engine.lines",
        "engine.logins",
    ),
    "engine.sweep": ("engine.errors", "engine.ari", "engine.store", "engine.census"),
    "engine.trouble": (),
    "engine.disk": ("engine.trouble",),
    "engine.clock": (),
    "engine.log": (),
    "engine.crash": (),
    "engine.counts": ("engine.core",),
    "engine.secret": (),
    "engine.seal": ("engine.errors",),
    "engine.config": ("engine.core", "engine.errors", "engine.seal", "engine.storage.place"),
    "engine.storage": ("engine.errors", "engine.storage"),
    "engine.importing": ("engine.core", "engine.errors", "engine.store", "engine.storage", "engine.importing"),
    "engine.questions": ("engine.core",),
    "engine.transcripts": ("engine.config", "engine.errors", "engine.storage", "engine.transcripts"),
    "engine.accounts": ("engine.core", "engine.errors", "engine.questions", "engine.seal"),
    "engine.sound": ("engine.errors",),
    "engine.media": (
        "engine.core",
        "engine.errors",
        "engine.accounts",
        "engine.sound",
        "engine.store",
        "engine.trouble",
        "engine.media",
    ),
    "engine.credentials": ("engine.errors", "engine.accounts", "engine.seal", "engine.secret"),
    "engine.applied_item": (),
    "engine.applied_ivrs": ("engine.core", "engine.applied_item"),
    "engine.applied": (
        "engine.core",
        "engine.errors",
        "engine.applied_item",
        "engine.applied_ivrs",
        "engine.credentials",
        "engine.pin",
        "engine.seal",
        "engine.sound",
    ),
    "engine.gate": ("engine.core", "engine.errors", "engine.accounts", "engine.store"),
    "engine.line": ("engine.core", "engine.errors", "engine.ari", "engine.store", "engine.crash"),
    "engine.staff": ("engine.core", "engine.accounts"),
    "engine.lines": (
        "engine.core",
        "engine.errors",
        "engine.ari",
        "engine.store",
        "engine.clock",
        "engine.counts",
        "engine.gate",
        "engine.line",
        "engine.staff",
    ),
    "engine.switch": (
        "engine.core",
        "engine.errors",
        "engine.ari",
        "engine.store",
        "engine.census",
        "engine.crash",
        "engine.gate",
        "engine.line",
        "engine.lines",
        "engine.arrivals",
        "engine.logins",
        "engine.sweep",
    ),
    "engine.leads": (
        "engine.core",
        "engine.errors",
        "engine.store",
        "engine.media",
        "engine.accounts",
        "engine.counts",
        "engine.leads",
    ),
    "engine.services": (
        "engine.core",
        "engine.errors",
        "engine.store",
        "engine.media",
        "engine.accounts",
        "engine.counts",
        "engine.leads",
        "engine.switch",
        "engine.trouble",
    ),
    "engine.services.recordings": (
        "engine.ari",
        "engine.errors",
        "engine.media.tapes",
        "engine.storage",
        "engine.store",
        "engine.transcripts.engine",
        "engine.trouble",
    ),
    "engine.services.transcripts": ("engine.errors", "engine.media.tapes", "engine.store", "engine.transcripts.engine"),
    "engine.agi": (
        "engine.core",
        "engine.errors",
        "engine.store",
        "engine.accounts",
        "engine.gate",
        "engine.trouble",
        "engine.agi",
    ),
    "engine.api": (
        "engine.core",
        "engine.errors",
        "engine.store",
        "engine.media",
        "engine.importing",
        "engine.storage.place",
        "engine.storage.s3",
        "engine.accounts",
        "engine.counts",
        "engine.api",
    ),
    "engine.api.dialect": ("engine.core",),
    "engine.api.dialects": (
        "engine.core",
        "engine.errors",
        "engine.api.dialect",
        "engine.api.dialects",
        "engine.api.statuses",
    ),
    "engine": ("engine",),
}
CORE_LIBRARIES = {"phonenumbers"}
IMPURE = {"asyncio", "time", "random", "secrets", "socket", "logging", "os", "pathlib", "threading"}
DIALECT_FORBIDDEN = {"aiohttp", "asyncpg", "asyncio"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ENGINE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_inwards(path: Path) -> None:
    rule = max((package for package in MAY_IMPORT if within(name_of(path), package)), key=len)
    ours = {name for name in imports_of(path) if within(name, "engine")}
    assert not [name for name in ours if not any(within(name, package) for package in MAY_IMPORT[rule])]


@pytest.mark.parametrize("path", [path for path in MODULES if within(name_of(path), "engine.core")], ids=name_of)
def test_the_core_has_no_clock_no_waiting_and_no_library_that_does(path: Path) -> None:
    tops = {name.split(".")[0] for name in imports_of(path)} - {"engine"}
    assert tops <= (set(sys.stdlib_module_names) - IMPURE) | CORE_LIBRARIES
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, waiting)]


@pytest.mark.parametrize(
    "path", [path for path in MODULES if within(name_of(path), "engine.api.dialects")], ids=name_of
)
def test_a_dialect_knows_neither_http_nor_sql(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(path)} & DIALECT_FORBIDDEN


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_first_line_of_a_module_says_what_it_is(path: Path) -> None:
    first = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]
    assert len(first) > 20
    assert first.endswith((".", ":"))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 320
