"""Cameras get into the site with the user that the site file has: nothing is pasted, no secret is kept. What a VMS that
gives its cameras' tokens does is in ``test_cameras_and_init``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.config.load import load
from bridge.simulator.secret_files import write_secrets
from tests.cli.elsewhere import elsewhere, entered
from tests.cli.every_target import TARGETS, Target, users

LOGS_IN = [
    each
    for each in TARGETS
    if each.name in ("zoneminder-rest", "frigate", "genetec", "digifort", "milestone-alarms", "nx-bookmark")
]


@dataclass
class Yard:
    target: Target
    sim: Any
    folder: Path

    @property
    def site(self) -> Path:
        return self.folder / "site.yaml"

    def cameras(self, what: str, *words: str) -> int:
        return main(["cameras", what, "--site", str(self.site), "--secrets", str(self.folder / "secrets"), *words])


@pytest.fixture(params=LOGS_IN, ids=[each.name for each in LOGS_IN])
def yard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Yard]:
    """With no camera in the site yet, and no sensor."""
    target: Target = request.param
    with elsewhere() as there, entered(there, target.simulator()) as sim:
        (tmp_path / "site.yaml").write_text(target.site(sim).partition("cameras:")[0] + "connectors: {}\nsensors: {}\n")
        write_secrets(tmp_path / "secrets", target.secrets(sim))
        yield Yard(target, sim, tmp_path)


def test_they_are_imported_and_doing_it_again_changes_nothing(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    kept = sorted(path.name for path in (yard.folder / "secrets").iterdir())
    assert yard.cameras("list") == Code.DONE
    listed = capsys.readouterr().out
    ids = yard.target.lists
    assert all(str(each) in listed for each in ids.values())
    some = dict(list(ids.items())[:2])
    only = [word for each in some.values() for word in ("--only", str(each))]
    assert yard.cameras("import", *only) == Code.DONE
    cameras = load(yard.site).cameras.values()
    assert sorted((each.vms, str(each.settings.model_dump()["id"])) for each in cameras) == sorted(
        ("yard", str(each)) for each in some.values()
    )
    before = yard.site.read_text()
    assert yard.cameras("import", *only) == Code.DONE
    assert yard.site.read_text() == before
    assert sorted(path.name for path in (yard.folder / "secrets").iterdir()) == kept


def test_a_refused_log_in_is_said_and_nothing_is_written(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    users(yard.sim).password = "another"
    before = yard.site.read_text()
    assert yard.cameras("import") == Code.REFUSED
    told = capsys.readouterr()
    assert told.err.startswith("vms-bridge: vms yard: ")
    assert "refuse" in told.err
    for value in yard.target.secrets(yard.sim).values():
        assert value not in told.err + told.out
    assert yard.site.read_text() == before
