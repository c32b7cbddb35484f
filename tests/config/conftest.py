"""Two types of a third party, found through their entry points, and a folder to write sites in."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.config import registry
from bridge.config.load import load
from bridge.config.site import Site

HERE = Path(__file__).parent

SITE = """\
version: 1
site: {name: Harbour depot, timezone: Australia/Sydney, faults: {cameras: [gate-wide]}}
vms:
  cloud: {type: board, url: https://board.example}
cameras:
  gate-in: {vms: cloud, id: 4711, token: secret:gate-in}
  gate-wide: {vms: cloud, id: 4712, token: secret:gate-wide}
connectors:
  bells: {type: bell, bind: 0.0.0.0:8080, max_body: 2 MiB}
sensors:
  gate:
    name: Gate plate reader
    profile: cammra
    connector: bells
    address: {path: /gate, from: 10.0.0.21}
    cameras: [gate-in, gate-wide]
    rules:
      - {select: event.fields.list != "allow", name: strangers}
      - select: event.type == "vehicle.identified"
      - collapse: off
"""


@pytest.fixture(autouse=True)
def specimens(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(HERE / "specimens"))
    importlib.invalidate_caches()
    registry.forget()
    yield
    registry.forget()
    sys.modules.pop("specimen_types", None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one, so that errors name files without a path of this machine."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def site(folder: Path) -> Callable[..., Site]:
    """Writes the text of a site (with replacements) and loads it."""

    def write(*replacements: tuple[str, str], text: str = SITE) -> Site:
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        Path("site.yaml").write_text(text, "utf-8")
        return load(Path("site.yaml"))

    return write
