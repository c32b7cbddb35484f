"""Types are found by name, imported only when used, and ours cannot be replaced by a package."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bridge.config import registry
from bridge.config.registry import UnknownType, connector_class, type_names, vms_class

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_and_pyproject_declare_the_same() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    assert declared == registry.BUILT_IN


def test_a_type_of_an_installed_package_is_found() -> None:
    import specimen_types  # type: ignore[import-not-found]

    assert connector_class("bell") is specimen_types.BellConnector
    assert vms_class("board") is specimen_types.BoardTarget
    assert {"bell", "http", "tcp"} <= set(type_names(registry.CONNECTORS))


def test_an_unknown_type_is_said() -> None:
    with pytest.raises(UnknownType, match=r"^there is no type gong$"):
        connector_class("gong")


def test_a_type_whose_code_is_missing_is_said() -> None:
    with pytest.raises(UnknownType, match=r"the type broken is declared but its code specimen_types:NotThere"):
        connector_class("broken")


def test_a_package_cannot_replace_one_of_our_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, registry.CONNECTORS, {"bell": "tests_nowhere:Nothing"})
    with pytest.raises(UnknownType, match="tests_nowhere"):
        connector_class("bell")


def test_loading_a_site_imports_only_the_types_it_uses(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        "version: 1\nsite: {name: x}\nvms: {board: {type: board, url: https://x}}\ncameras:\n"
        "connectors: {bells: {type: bell, bind: x}}\nsensors:\n"
    )
    code = (
        "import sys\nfrom pathlib import Path\nfrom bridge.config.load import load\n"
        f"load(Path({str(tmp_path / 'site.yaml')!r}))\n"
        "loaded = {name for name in sys.modules if name.startswith(('connectors.', 'bridge.vms.'))}\n"
        "assert loaded == {'connectors.base', 'bridge.vms.base'}, loaded\n"
        "assert not {'httpx', 'aiohttp', 'httptools', 'keyring', 'cel', 'asyncio', 'sqlite3', 'ssl'} & set(sys.modules)"
    )
    specimens = Path(__file__).parent / "specimens"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={"PYTHONPATH": str(specimens)}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
