"""Monitors get into the site with the user that the site file has: nothing is pasted, no secret is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.config.load import load
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.zoneminder import SimulatedZoneMinder

SITE = """\
version: 1
site: {name: Yard}
vms:
  yard: {type: zoneminder, url: "URL", allow_http: true, user: bridge, password: secret:zm, way: rest}
connectors:
  lpr: {type: http, bind: "127.0.0.1:0"}
sensors:
  lpr: {profile: cammra, connector: lpr, cameras: [dock]}
"""


@pytest.fixture
def vms() -> Iterator[SimulatedZoneMinder]:
    """A VMS on a thread of its own, as the commands have loops of theirs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(what: object) -> None:
        asyncio.run_coroutine_threadsafe(what, loop).result(10)  # type: ignore[arg-type]

    zoneminder = SimulatedZoneMinder()
    wait(zoneminder.__aenter__())
    try:
        yield zoneminder
    finally:
        wait(zoneminder.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@pytest.fixture
def site(vms: SimulatedZoneMinder, tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.replace("URL", vms.base_url))
    write_secrets(tmp_path / "secrets", {"zm": "first pass"})
    return path


def run(what: str, site: Path, *words: str) -> int:
    return main(["cameras", what, "--site", str(site), "--secrets", str(site.parent / "secrets"), *words])


def test_its_monitors_are_imported_and_doing_it_again_changes_nothing(
    site: Path, vms: SimulatedZoneMinder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("list", site) == Code.DONE
    assert "Dock" in capsys.readouterr().out
    assert run("import", site, "--only", "Dock", "--only", "2") == Code.DONE
    cameras = load(site).cameras
    assert {key: (camera.vms, camera.settings.model_dump()["id"]) for key, camera in cameras.items()} == {
        "dock": ("yard", 1),
        "gate": ("yard", 2),
    }
    before = site.read_text()
    assert run("import", site, "--only", "Dock") == Code.DONE
    assert site.read_text() == before
    assert [path.name for path in (site.parent / "secrets").iterdir()] == ["zm"]


def test_a_refused_log_in_is_said_and_nothing_is_written(
    site: Path, vms: SimulatedZoneMinder, capsys: pytest.CaptureFixture[str]
) -> None:
    vms.users.password = "another"
    before = site.read_text()
    assert run("import", site) == Code.REFUSED
    told = capsys.readouterr()
    assert "refuses the log-in of bridge" in told.err
    assert "first pass" not in told.err + told.out
    assert site.read_text() == before
