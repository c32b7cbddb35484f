"""What a plan counts as to be done, what as wrong, and what it leaves alone; behind it VMS at our own seam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bridge.config.difference import Compared, difference
from bridge.config.keeping import keep
from bridge.config.load import load
from bridge.config.secrets import SecretStores, Store
from bridge.config.site import Site
from bridge.model import CameraId, Finding, Findings
from bridge.secret import SecretMissing
from bridge.setup import missing as asking
from bridge.setup.missing import declare
from bridge.setup.plan import Plan, plan
from bridge.vms.declaring import Declared
from tests.setup.played_vms import Board, Told
from tests.vms.conftest import token

SITE = """\
version: 1
site: {name: Depot}
vms: {cloud: {type: vxg, url: "https://web.harbour.example"}, board: {type: webhook, url: "https://x.example/"}}
cameras:
  gate: {vms: cloud, id: 4711, token: secret:gate}
  wide: {vms: cloud, id: 4712, token: secret:wide}
  wall: {vms: board}
connectors: {lpr: {type: http, bind: "127.0.0.1:0"}}
sensors:
  one: {profile: cammra, connector: lpr, address: {path: /one}, cameras: [gate, wall]}
  two: {profile: cammra, connector: lpr, address: {path: /two}, cameras: [gate, wide], rules: [{set: {type: a.b}}]}
"""


class Away(Board):
    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        return (Finding(True, "secret there"), Finding(False, "nobody answers", "https://x.example", "look at url"))


class Broken(Told):
    async def declared(self, cameras: Sequence[CameraId]) -> Mapping[CameraId, Declared]:
        raise RuntimeError("boom")


@pytest.fixture(autouse=True)
def classes(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    made: dict[str, object] = {"vxg": Told, "webhook": Board}
    Told.begin()
    monkeypatch.setattr(asking, "vms_class", made.__getitem__)
    return made


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "site.yaml").write_text(SITE)
    return load(tmp_path / "site.yaml")


@pytest.fixture
def stores(tmp_path: Path) -> SecretStores:
    def no_keyring(name: str) -> str | None:
        raise SecretMissing("none here")

    made = SecretStores(tmp_path / "secrets", environment={}, keyring=no_keyring)
    keep(made, {"gate": token(), "wide": token(4712)}, Store.FILE)
    return made


async def planned(site: Site, stores: SecretStores, old: Site | None = None, offline: bool = False) -> Plan:
    service = None
    if old is not None:
        changed = difference(old, site)
        service = Compared(pid=7, site="site.yaml", digest=site.digest, running=old.digest, difference=changed)
    return await plan(site, stores, offline=offline, service=service)


async def test_a_type_is_missing_once_by_the_name_the_vms_has_for_it(site: Site, stores: SecretStores) -> None:
    found = await planned(site, stores)
    assert [(each.camera, each.name, each.types, each.by) for each in found.missing] == [
        ("gate", "vehicle", ("vehicle.identified", "vehicle.unidentified"), ("one",)),
        ("gate", "a", ("a.b",), ("two",)),
        ("wide", "a", ("a.b",), ("two",)),
    ]
    assert (found.to_do, found.wrong) == (3, 0)
    assert found.asked[1].note, "a VMS without types to declare says so"
    assert sorted(Told.closed) == ["board", "cloud"]


async def test_what_is_declared_is_not_missing(site: Site, stores: SecretStores) -> None:
    Told.has = {"gate": Declared(frozenset({"vehicle", "a", "other"})), "wide": Declared(frozenset({"a"}))}
    found = await planned(site, stores)
    assert (found.missing, found.to_do, found.wrong) == ([], 0, 0)


async def test_a_camera_that_could_not_be_asked_is_wrong_and_the_others_are_planned(
    site: Site, stores: SecretStores
) -> None:
    Told.has = {"gate": Declared(unknown="the token is refused (401)")}
    found = await planned(site, stores)
    assert [each.camera for each in found.missing] == ["wide"]
    assert (found.asked[0].troubles[0].cameras, found.wrong) == (("gate",), 1)


@pytest.mark.parametrize(("type", "broken"), [("webhook", Away), ("vxg", Broken)])
async def test_a_vms_that_cannot_be_asked_hides_no_other(
    site: Site, stores: SecretStores, classes: dict[str, object], type: str, broken: object
) -> None:
    classes[type] = broken
    found = await planned(site, stores)
    troubles = [trouble for each in found.asked for trouble in each.troubles]
    assert [each.vms for each in troubles] == ["board" if type == "webhook" else "cloud"]
    assert found.wrong == (1 if type == "webhook" else 2)
    assert bool(found.missing) is (type == "webhook")


async def test_offline_nobody_is_asked(site: Site, stores: SecretStores, classes: dict[str, object]) -> None:
    classes.clear()
    found = await planned(site, stores, offline=True)
    assert (found.missing, found.wrong) == ([], 0)
    assert {each.note for each in found.asked} == {asking.NOT_ASKED}


async def test_a_missing_secret_is_wrong_and_one_that_opens_too_much_is_said(site: Site, stores: SecretStores) -> None:
    (stores.directory / "wide").unlink()  # type: ignore[operator]
    keep(stores, {"gate": "v3.AbCdEfGhIjKlMn"}, Store.FILE)
    found = await planned(site, stores, offline=True)
    assert (found.secrets.missing, found.wrong) == (("wide",), 1)
    assert ["licence key" in each.message for each in found.secrets.warnings] == [True]


async def test_declaring_goes_on_where_one_camera_fails_and_asks_each_once(site: Site, stores: SecretStores) -> None:
    Told.refuses = {"gate"}
    found = await declare(site, (await planned(site, stores)).missing, stores)
    assert sorted(Told.asked) == [("gate", ("vehicle.identified", "a.b")), ("wide", ("a.b",))]
    assert [(each.ok, each.where) for each in found] == [(False, "camera gate"), (True, "wide")]


async def test_a_service_that_runs_what_is_written_has_nothing_to_reload(site: Site, stores: SecretStores) -> None:
    found = await planned(site, stores, old=site, offline=True)
    assert (found.reloads, found.to_do) == (None, 0)


async def test_a_reload_is_one_thing_to_do(site: Site, stores: SecretStores, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE.replace("path: /two", "path: /door"))
    found = await planned(load(tmp_path / "site.yaml"), stores, old=site, offline=True)
    assert found.reloads is not None
    assert (found.reloads.sensors.changed, found.to_do, found.wrong) == (("two",), 1, 0)


async def test_another_site_is_never_reloaded(site: Site, stores: SecretStores, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE.replace("name: Depot", "name: Yard"))
    found = await planned(load(tmp_path / "site.yaml"), stores, old=site, offline=True)
    assert (found.reloads, found.to_do, found.wrong) == (None, 0, 1)
