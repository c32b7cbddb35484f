"""What is shipped is what was tested: the wheel holds everything a site needs, and its command works on its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOT_SHIPPED = "__pycache__"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps"]
    ran = subprocess.run(
        [*command, "--no-build-isolation", "-w", str(folder), str(ROOT)], capture_output=True, text=True, timeout=100
    )
    assert ran.returncode == 0, ran.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment's folder: empty but for the wheel, and a path to the libraries it needs."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--python", str(python), "install"]
    subprocess.run([*command, "--no-deps", "--no-index", str(wheel)], check=True, timeout=100)
    (site,) = home.glob("**/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return home


def command(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = home / ("Scripts" if os.name == "nt" else "bin") / "vms-bridge"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([program, *words], cwd=home, env=environment, capture_output=True, text=True, timeout=60)


def _shipped() -> list[str]:
    return [
        path.relative_to(ROOT).as_posix()
        for room in ("bridge", "connectors", "mappings")
        for path in sorted((ROOT / room).rglob("*"))
        if path.is_file() and NOT_SHIPPED not in path.parts
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    ]


def test_the_wheel_holds_every_module_profile_sample_and_example_site(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    missing = [name for name in _shipped() if name not in inside]
    assert not missing
    assert any(name.startswith("mappings/profiles/") and name.endswith(".yaml") for name in inside)
    assert any(name.startswith("mappings/sites/") and name.endswith(".yaml") for name in inside)


def test_the_wheel_holds_nothing_else_but_its_own_papers(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    others = {name for name in inside - set(_shipped()) if ".dist-info/" not in name}
    assert not others
    assert any(name.endswith("licenses/LICENSE") for name in inside)


def test_everything_declared_as_an_entry_point_can_be_loaded(installed: Path) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    program = "import importlib.metadata as m, json\nfound = [(e.group, e.name, e.load().__name__) "
    program += "for g in ('vms_bridge.connectors', 'vms_bridge.vms') for e in m.entry_points(group=g)]\n"
    program += "print(json.dumps(found))"
    python = installed / ("Scripts" if os.name == "nt" else "bin") / "python"
    ran = subprocess.run([python, "-c", program], cwd=installed, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    wanted = {
        (group, name, where.partition(":")[2]) for group, names in declared.items() for name, where in names.items()
    }
    assert {tuple(found) for found in json.loads(ran.stdout)} == wanted


def test_the_command_works_from_the_wheel_alone(installed: Path) -> None:
    ran = command(installed, "--version")
    assert (ran.returncode, ran.stdout) == (0, "vms-bridge 0.1.0\n"), ran.stderr
    ran = command(installed, "schema")
    assert ran.returncode == 0, ran.stderr
    assert {"site", "vms", "cameras", "connectors", "sensors"} <= set(json.loads(ran.stdout)["properties"])


def test_the_shipped_example_sites_are_without_errors(installed: Path) -> None:
    (mappings,) = installed.glob("**/site-packages/mappings/sites")
    sites = sorted(mappings.glob("*.yaml")) + sorted(path.parent for path in mappings.glob("*/site.yaml"))
    assert sites
    for site in sites:
        ran = command(installed, "check", str(site))
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_licence_is_the_apache_licence_whole() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "9. Accepting Warranty or Additional Liability" in text
