"""Who may know whom. Read from the source, imports inside functions and for type checking alone included."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parent.parent

EVERYTHING = frozenset({"bridge", "connectors", "mappings"})
NOBODY: frozenset[str] = frozenset()

# Room (module or package) → what of ours it may import, besides itself. A name allows what lies below it.
MAY_KNOW: dict[str, frozenset[str]] = {
    "bridge.model": NOBODY,
    "bridge.units": NOBODY,
    "bridge.secret": NOBODY,
    "bridge.clock": frozenset({"bridge.model"}),
    "bridge.supervision": frozenset(
        {
            "bridge.model",
            "bridge.clock",
            "bridge.config.site",
            "bridge.decide",
            "bridge.journal.contract",
            "bridge.routing",
            "connectors.base",
        }
    ),
    # What every room may tell of what is wrong knows nobody.
    "bridge.supervision.conditions": frozenset({"bridge.model", "bridge.clock", "bridge.supervision.kinds"}),
    "bridge.supervision.kinds": NOBODY,
    # Says by other means what the VMS may be too broken to show; sends as the webhook VMS does.
    "bridge.trouble": frozenset(
        {
            "bridge.model",
            "bridge.clock",
            "bridge.units",
            "bridge.secret",
            "bridge.tls",
            "bridge.supervision",
            "bridge.config.site",
            "bridge.delivery.backoff",
            "bridge.vms.base",
            "bridge.vms.http",
            "bridge.vms.webhook",
        }
    ),
    "bridge.tls": NOBODY,
    "bridge.asgi": NOBODY,
    "connectors": frozenset({"bridge.asgi", "bridge.model", "bridge.secret", "bridge.tls", "bridge.units"}),
    # What asks over HTTP does it over httpx: it is off the hot path.
    "connectors.asking": frozenset({"bridge.model", "bridge.secret", "bridge.tls", "connectors"}),
    "connectors.http_poll": frozenset({"bridge.model", "bridge.secret", "bridge.units", "connectors"}),
    "connectors.http_stream": frozenset({"bridge.model", "bridge.secret", "bridge.units", "connectors"}),
    "bridge.vms": frozenset({"bridge.model", "bridge.secret", "bridge.tls", "bridge.units", "bridge.clock"}),
    # Of the configuration only its pure half: text in; values, or faults with line and column, out.
    "bridge.profiles": frozenset(
        {
            "bridge.model",
            "bridge.units",
            "bridge.config.document",
            "bridge.config.errors",
            "bridge.config.explain",
            "bridge.config.faults",
        }
    ),
    # For those who write profiles, not part of the service: reads examples as their connector would.
    "bridge.profiles.examples": frozenset(
        {
            "bridge.model",
            "bridge.profiles",
            "bridge.config.document",
            "connectors.mqtt",
            "connectors.http_stream",
            "connectors.multipart",
            "connectors.snmp",
        }
    ),
    "bridge.routing": frozenset({"bridge.model", "bridge.config.site", "bridge.profiles", "bridge.decide.cameras"}),
    "bridge.decide": frozenset({"bridge.model", "bridge.config.site", "bridge.profiles", "bridge.routing"}),
    # config.site for its own settings' class alone.
    "bridge.journal": frozenset({"bridge.model", "bridge.clock", "bridge.units", "bridge.config.site"}),
    "bridge.delivery": frozenset(
        {
            "bridge.model",
            "bridge.clock",
            "bridge.secret",
            "bridge.observer",
            "bridge.supervision",
            "bridge.journal.contract",
            "bridge.vms.base",
        }
    ),
    "bridge.config": frozenset(
        {
            "bridge.model",
            "bridge.units",
            "bridge.secret",
            "bridge.profiles",
            "bridge.decide.rules",
            "bridge.decide.cameras",
            "bridge.vms.base",
            "bridge.vms.http",
            "bridge.endpoints.settings",
            "bridge.metrics.settings",
            "bridge.trouble.settings",
            "connectors.base",
            "mappings",
        }
    ),
    "bridge.observer": frozenset({"bridge.model", "bridge.journal.contract"}),
    # Tells other programs what the journal holds; sends as the webhook VMS does, listens as connectors do.
    "bridge.endpoints": frozenset(
        {
            "bridge.model",
            "bridge.clock",
            "bridge.units",
            "bridge.secret",
            "bridge.supervision",
            "bridge.config.site",
            "bridge.decide.draft",
            "bridge.delivery.backoff",
            "bridge.journal.contract",
            "bridge.profiles.expression",
            "bridge.vms.base",
            "bridge.vms.http",
            "bridge.vms.webhook",
            "connectors.listening",
        }
    ),
    # Clips around events, after their delivery; asks the VMS as a command would.
    "bridge.clips": frozenset(
        {
            "bridge.clock",
            "bridge.config.site",
            "bridge.delivery.backoff",
            "bridge.journal.clips",
            "bridge.journal.contract",
            "bridge.model",
            "bridge.vms.base",
            "bridge.vms.clip",
            "bridge.vms.recorded",
        }
    ),
    # Counts and shows; is asked by the control socket and by a port of its own.
    "bridge.metrics": frozenset(
        {
            "bridge.asgi",
            "bridge.clock",
            "bridge.journal.contract",
            "bridge.model",
            "bridge.supervision",
            "connectors.listening",
        }
    ),
    "bridge.observing": frozenset(
        {
            "bridge.clock",
            "bridge.config.site",
            "bridge.endpoints.status",
            "bridge.journal.clips",
            "bridge.journal.contract",
            "bridge.metrics",
            "bridge.model",
            "bridge.supervision",
        }
    ),
    # Listens for whoever is not set up yet; is no part of a service.
    "bridge.learning": frozenset({"bridge.asgi", "bridge.clock", "bridge.model", "bridge.profiles", "connectors"}),
    # Reads a site, asks nobody.
    "bridge.ports": frozenset(
        {
            "bridge.config",
            "bridge.endpoints.settings",
            "bridge.model",
            "bridge.trouble.settings",
            "bridge.units",
            "bridge.vms",
            "connectors.base",
            "connectors.listening",
        }
    ),
    "bridge.linking": frozenset({"bridge.model", "bridge.routing"}),
    "bridge.fetching": frozenset(
        {
            "bridge.model",
            "bridge.secret",
            "bridge.config.pictures",
            "bridge.linking",
            "bridge.profiles.pictures",
            "bridge.routing",
            "bridge.vms.http",
        }
    ),
    "bridge.adoption": frozenset(
        {
            "bridge.model",
            "bridge.clock",
            "bridge.decide.draft",
            "bridge.journal.contract",
            "bridge.routing",
        }
    ),
    # What helps an installer; no part of the service.
    "bridge.setup": frozenset(
        {
            "bridge.model",
            "bridge.secret",
            "bridge.config",
            "bridge.decide.rules",
            "bridge.profiles",
            "bridge.supervision.kinds",
            "bridge.vms.base",
            "bridge.vms.credentials",
            "bridge.vms.declaring",
        }
    ),
    # Looks at a site from the outside, as an installer does; no part of the service, which it asks as a command does.
    "bridge.proving": frozenset(
        {
            "bridge.clock",
            "bridge.config",
            "bridge.control.client",
            "bridge.control.door",
            "bridge.endpoints.settings",
            "bridge.journal.contract",
            "bridge.journal.sqlite.offline",
            "bridge.model",
            "bridge.ports",
            "bridge.secret",
            "bridge.setup",
            "bridge.tls",
            "bridge.units",
            "bridge.vms",
            "connectors.base",
            "connectors.listening",
        }
    ),
    # Made of what was found out: it asks nobody any more.
    "bridge.proving.report": frozenset(
        {
            "bridge.config.places",
            "bridge.config.site",
            "bridge.model",
            "bridge.ports",
            "bridge.proving.lines",
            "bridge.proving.round_trip",
            "bridge.setup",
            "bridge.units",
        }
    ),
    "bridge.explanation": frozenset(
        {
            "bridge.model",
            "bridge.config.site",
            "bridge.decide",
            "bridge.profiles",
            "bridge.routing",
            "bridge.journal.contract",
            "connectors.base",
        }
    ),
    "bridge.intake": frozenset(
        {
            "bridge.model",
            "bridge.adoption",
            "bridge.clock",
            "bridge.supervision",
            "bridge.config.site",
            "bridge.decide",
            "bridge.fetching",
            "bridge.linking",
            "bridge.observer",
            "bridge.routing",
            "bridge.journal.contract",
        }
    ),
    # It serves whatever looks like a service, so that it need not know how one is made.
    "bridge.control": frozenset(
        {
            "bridge.asgi",
            "bridge.explanation",
            "bridge.metrics",
            "bridge.model",
            "bridge.config.site",
            "bridge.journal.clips",
            "bridge.journal.contract",
            "bridge.routing",
            "bridge.units",
        }
    ),
    # The connectors of a service, and how they change with a reload.
    "bridge.ways_in": frozenset(
        {"bridge.model", "bridge.clock", "bridge.config", "bridge.secret", "bridge.supervision", "connectors.base"}
    ),
    "bridge.service": EVERYTHING,
    "bridge.cli": EVERYTHING,
    "bridge.simulator": EVERYTHING,
    "mappings": NOBODY,
}

OUTSIDE = {
    "os",
    "socket",
    "asyncio",
    "time",
    "threading",
    "subprocess",
    "ssl",
    "http",
    "urllib.request",
    "select",
    "signal",
}
NETWORK = {"aiohttp", "httpx", "httptools", "uvloop", "websockets"}

# Room → modules of others it may not import: what would make it impure, or belongs to another room.
MAY_NOT_USE: dict[str, set[str]] = {
    "bridge.model": OUTSIDE | NETWORK | {"pydantic", "yaml", "sqlite3", "cel"},
    "bridge.decide": OUTSIDE | NETWORK | {"sqlite3", "random", "uuid"},
    "bridge.profiles": OUTSIDE | NETWORK | {"sqlite3", "random", "uuid"},
    "bridge.routing": OUTSIDE | NETWORK | {"sqlite3", "random", "uuid"},
    "bridge.linking": OUTSIDE | NETWORK | {"sqlite3", "random", "uuid"},
    "bridge.intake": NETWORK | {"sqlite3", "yaml", "cel", "pydantic"},
    "bridge.endpoints": {"sqlite3", "cel", "yaml", "aiohttp", "httpx", "uvicorn"},
    "bridge.journal": NETWORK | {"http", "cel", "pydantic"},
    "bridge.vms": {"sqlite3", "cel", "yaml"},
    "bridge.delivery": NETWORK | {"sqlite3", "http", "socket", "cel", "pydantic"},
    "bridge.proving.report": OUTSIDE - {"os"} | NETWORK | {"sqlite3"},
    "connectors": {"sqlite3", "cel", "yaml", "httpx", "aiohttp"},
    "connectors.asking": {"sqlite3", "cel", "yaml", "aiohttp"},
    "connectors.http_poll": {"sqlite3", "cel", "yaml", "aiohttp"},
    "connectors.http_stream": {"sqlite3", "cel", "yaml", "aiohttp"},
}

CLOCKS = {"now", "utcnow", "today"}  # of datetime and date: the pure rooms are given the time


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _sources() -> Iterator[tuple[str, Path, ast.Module]]:
    for top in sorted(EVERYTHING):
        for path in sorted((ROOT / top).rglob("*.py")):
            yield _module(path), path, ast.parse(path.read_text("utf-8"), str(path))


SOURCES = list(_sources())
MODULES = {module for module, _, _ in SOURCES}


def _imports(module: str, path: Path, tree: ast.Module) -> Iterator[tuple[str, int]]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for name in node.names:
                deeper = f"{base}.{name.name}"
                yield (deeper if deeper in MODULES else base), node.lineno


def _below(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def _room(module: str) -> str | None:
    return max((room for room in MAY_KNOW if _below(module, room)), key=len, default=None)


def test_every_module_stands_in_a_room_with_walls() -> None:
    homeless = [module for module in sorted(MODULES) if module != "bridge" and _room(module) is None]
    assert not homeless, f"say in MAY_KNOW what these may import: {homeless}"


@pytest.mark.parametrize("room", sorted(MAY_KNOW))
def test_a_room_imports_only_what_it_may_know(room: str) -> None:
    wrong = []
    for module, path, tree in SOURCES:
        if _room(module) != room:
            continue
        for imported, line in _imports(module, path, tree):
            ours = imported.partition(".")[0] in EVERYTHING and imported != "bridge"
            if ours and not any(_below(imported, allowed) for allowed in {room, *MAY_KNOW[room]}):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {imported}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", sorted(MAY_NOT_USE))
def test_a_room_keeps_away_from_what_is_not_its_business(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {imported}"
        for module, path, tree in SOURCES
        if _room(module) == room
        for imported, line in _imports(module, path, tree)
        if any(_below(imported, other) for other in MAY_NOT_USE[room])
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", ["bridge.decide", "bridge.profiles", "bridge.routing", "bridge.model"])
def test_the_pure_rooms_are_given_the_time_and_never_read_it(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} reads the clock"
        for module, path, tree in SOURCES
        if _room(module) == room
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in CLOCKS
        and isinstance(node.value, ast.Name)
        and node.value.id in ("datetime", "date")
    ]
    assert not wrong, "\n".join(wrong)


def test_one_connector_does_not_know_another() -> None:
    """What lies beside them in connectors/ is shared by all."""
    connectors = _declared_connectors()
    assert connectors
    wrong = []
    for module, path, tree in SOURCES:
        mine = next((each for each in connectors if _below(module, each)), None)
        others = connectors - {mine}
        if not module.startswith("connectors."):
            continue
        for imported, line in _imports(module, path, tree):
            if any(_below(imported, other) for other in others):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {imported}")
    assert not wrong, "\n".join(wrong)


def _declared_connectors() -> set[str]:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    return {where.partition(":")[0] for where in declared["vms_bridge.connectors"].values()}


def _loaded(code: str) -> set[str]:
    """The modules a fresh interpreter holds after running this."""
    program = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout.splitlines()[-1]))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_asking_for_help_loads_no_library(command: str) -> None:
    code = f"from bridge.cli.main import main\ntry: main([{command!r}, '--help'])\nexcept SystemExit: pass"
    heavy = {"aiohttp", "httpx", "keyring", "httptools", "cel", "pydantic", "yaml", "sqlite3", "bridge.service"}
    assert not heavy & _loaded(code)


def test_one_command_does_not_load_another() -> None:
    code = "from bridge.cli.main import main\ntry: main(['run', '--help'])\nexcept SystemExit: pass"
    commands = {name for name in _loaded(code) if name.startswith("bridge.cli.")}
    assert "bridge.cli.run" in commands
    assert not commands & {f"bridge.cli.{name}" for name in ("check", "demo", "simulate", "events", "dead", "attempt")}
