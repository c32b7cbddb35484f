"""Their cameras get into the site with the user that the site file has: nothing is pasted, no secret is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.config.load import load
from bridge.simulator.digifort import SimulatedDigifort
from bridge.simulator.genetec import SimulatedGenetec
from bridge.simulator.genetec.server import CAMERAS
from bridge.simulator.secret_files import write_secrets

SITE = """\
version: 1
site: {{name: Yard}}
vms:
  yard: {{url: "{url}", allow_http: true, user: {user}, password: secret:yard, {more}}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  lpr: {{profile: cammra, connector: lpr, cameras: [{camera}]}}
"""
GENETEC = {"user": "bridge", "more": "type: genetec, application: secret:app", "camera": "dock"}
DIGIFORT = {"user": "Bridge", "more": "type: digifort", "camera": "dock-1"}
SORTS = [
    pytest.param(SimulatedGenetec, GENETEC, {"dock": CAMERAS[0], "gate": CAMERAS[1]}, id="genetec"),
    pytest.param(SimulatedDigifort, DIGIFORT, {"dock-1": "CAM01", "gate": "CAM02"}, id="digifort"),
]


@contextmanager
def simulated(sort: type[Any]) -> Iterator[Any]:
    """A VMS on a thread of its own, as the commands have loops of theirs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    vms = sort()
    asyncio.run_coroutine_threadsafe(vms.__aenter__(), loop).result(10)
    try:
        yield vms
    finally:
        asyncio.run_coroutine_threadsafe(vms.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def run(what: str, site: Path, *words: str) -> int:
    return main(["cameras", what, "--site", str(site), "--secrets", str(site.parent / "secrets"), *words])


@pytest.mark.parametrize(("sort", "told", "cameras"), SORTS)
def test_its_cameras_are_imported_and_doing_it_again_changes_nothing(
    sort: type[Any], told: dict[str, str], cameras: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.yaml"
    write_secrets(tmp_path / "secrets", {"yard": "first pass", "app": "AbC123=="})
    with simulated(sort) as vms:
        site.write_text(SITE.format(url=vms.base_url, **told))
        assert run("list", site) == Code.DONE
        assert next(iter(cameras.values())) in capsys.readouterr().out
        assert run("import", site) == Code.DONE
        assert {key: each.settings.model_dump()["id"] for key, each in load(site).cameras.items()} == cameras
        before = site.read_text()
        assert run("import", site) == Code.DONE
        assert site.read_text() == before
        capsys.readouterr()
        for users in (getattr(vms, "users", None), getattr(getattr(vms, "api", None), "users", None)):
            if users is not None:
                users.password = "another"
        assert run("import", site) == Code.REFUSED
        assert "first pass" not in str(capsys.readouterr())
    assert sorted(path.name for path in (tmp_path / "secrets").iterdir()) == ["app", "yard"]
