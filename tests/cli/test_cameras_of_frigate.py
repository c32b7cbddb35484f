"""Frigate's cameras get into the site by their names, with the user that the site file has."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.config.load import load
from bridge.simulator.frigate import SimulatedFrigate
from bridge.simulator.secret_files import write_secrets

SITE = """\
version: 1
site: {name: Warehouse}
vms:
  nvr: {type: frigate, url: "URL", allow_http: true, user: bridge, password: secret:frigate}
connectors:
  lpr: {type: http, bind: "127.0.0.1:0"}
sensors:
  lpr: {profile: cammra, connector: lpr, cameras: [loading-dock]}
"""


@pytest.fixture
def vms() -> Iterator[SimulatedFrigate]:
    """A VMS on a thread of its own, as the commands have loops of theirs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(what: object) -> None:
        asyncio.run_coroutine_threadsafe(what, loop).result(10)  # type: ignore[arg-type]

    frigate = SimulatedFrigate()
    wait(frigate.__aenter__())
    try:
        yield frigate
    finally:
        wait(frigate.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def test_its_cameras_are_imported_and_doing_it_again_changes_nothing(
    vms: SimulatedFrigate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site, secrets = tmp_path / "site.yaml", tmp_path / "secrets"
    site.write_text(SITE.replace("URL", vms.base_url))
    write_secrets(secrets, {"frigate": "first pass"})

    def run(what: str, *words: str) -> int:
        return main(["cameras", what, "--site", str(site), "--secrets", str(secrets), *words])

    assert run("list") == Code.DONE
    assert "boiler_room" in capsys.readouterr().out
    assert run("import", "--only", "loading_dock", "--only", "front*") == Code.DONE
    cameras = load(site).cameras
    assert {key: camera.settings.model_dump()["id"] for key, camera in cameras.items()} == {
        "loading-dock": "loading_dock",
        "front-gate": "front_gate",
    }
    before = site.read_text()
    assert run("import", "--only", "loading_dock") == Code.DONE
    assert site.read_text() == before
    assert [path.name for path in secrets.iterdir()] == ["frigate"]
    vms.users.password = "another"
    assert run("import") == Code.REFUSED
    told = capsys.readouterr()
    assert "refuses the log-in of bridge" in told.err
    assert "first pass" not in told.err + told.out
