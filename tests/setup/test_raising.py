"""Which event types a site can raise on which camera, before anything has come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bridge.config.load import load
from bridge.config.site import Site
from bridge.model import CameraId, ProfileId
from bridge.setup.raising import raising
from bridge.supervision.kinds import KINDS

SITE = """\
version: 1
site: {name: Depot, faults: {cameras: [wide]}}
vms: {cloud: {type: webhook, url: "https://x.example/"}}
cameras: {gate: {vms: cloud}, wide: {vms: cloud}, east: {vms: cloud}, spare: {vms: cloud}}
connectors: {lpr: {type: http, bind: "127.0.0.1:0"}}
"""
PROFILE = """\
profile: panel
name: Panel
kind: access
messages:
  door: {when: item.door == true, type: [{when: item.forced == true, is: door.forced}, door.opened], title: x}
  beat: {when: item.beat == true, type: panel.beat, title: x, quiet: a heartbeat}
  busy: {when: item.busy == true, type: panel.busy, title: x, quiet: [{when: item.n < 3, is: not busy}]}
  else: {type: panel.said, title: x}
"""
ALL = {"door.forced", "door.opened", "panel.busy", "panel.said"}
Types = Callable[..., set[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "panel.yaml").write_text(PROFILE)
    return tmp_path


def site_with(folder: Path, sensors: str, text: str = SITE) -> Site:
    (folder / "site.yaml").write_text(text + sensors)
    return load(folder / "site.yaml")


def sensor(rules: str = "[]", more: str = "cameras: [gate]") -> str:
    return f"sensors:\n  panel: {{profile: panel, connector: lpr, address: {{path: /p}}, {more}, rules: {rules}}}\n"


@pytest.fixture
def types(folder: Path) -> Types:
    """What can be raised on the camera gate by a sensor with these rules."""

    def of(rules: str = "[]") -> set[str]:
        return set(raising(site_with(folder, sensor(rules))).by_camera[CameraId("gate")])

    return of


def test_every_type_a_profile_names_can_come_but_what_it_always_keeps_quiet_about(types: Types) -> None:
    assert types() == ALL
    assert types("[{quiet: raise}]") == ALL | {"panel.beat"}


@pytest.mark.parametrize(
    ("select", "left"),
    [
        ('event.type == \\"door.forced\\"', {"door.forced"}),
        ('event.type != \\"door.forced\\"', ALL - {"door.forced"}),
        ('event.type == \\"door.forced\\" && event.fields.door == 3', {"door.forced"}),
        ('event.fields.door == 3 && event.type.startsWith(\\"door.\\")', {"door.forced", "door.opened"}),
        ('(event.type == \\"panel.said\\" || event.type == \\"panel.busy\\") && event.fields.n > 3',
         {"panel.said", "panel.busy"}),
        ('event.type == \\"door.forced\\" || event.fields.door == 3', ALL),
        ('event.type == \\"door.forced\\" ? event.fields.door == 3 && true : event.type == \\"panel.said\\"', ALL),
        ('event.type == \\"door.forced\\" && event.fields.n > 3 || event.fields.m == 1', ALL),
        ('event.type == \\"door.forced\\" && event.fields.n > 3 ? true : event.fields.m == 1', ALL),
        ("event.fields.door == 3", ALL),
        ('event.type in [\\"panel.said\\", \\"other\\"]', {"panel.said"}),
        ('event.type == \\"nobody.says\\"', set()),
    ],
)  # fmt: skip
def test_a_select_that_speaks_of_the_type_alone_rules_types_out_and_no_other_does(
    types: Types, select: str, left: set[str]
) -> None:
    assert types(f'[{{select: "{select}"}}]') == left


def test_a_rule_may_call_it_something_else(types: Types) -> None:
    assert types("[{set: {type: gate.event}}]") == {"gate.event"}
    assert types('[{set: {type: gate.event}, when: "event.fields.n > 3"}]') == ALL | {"gate.event"}
    assert types('[{set: {type: gate.forced}, when: "event.type == \\"door.forced\\""}]') == (
        ALL - {"door.forced"} | {"gate.forced"}
    )
    assert types("[{set: {urgency: alarm}}]") == ALL


def test_rules_are_applied_in_their_order(types: Types) -> None:
    renamed = '{set: {type: gate.forced}, when: "event.type == \\"door.forced\\""}'
    chosen = '{select: "event.type == \\"gate.forced\\""}'
    assert types(f"[{renamed}, {chosen}]") == {"gate.forced"}
    assert types(f"[{chosen}, {renamed}]") == set()


def test_every_camera_of_a_table_may_get_them(folder: Path) -> None:
    (folder / "by.csv").write_text("key,cameras\n1,gate\n2,east\n")
    by = "cameras: {by: fields.door, table: by.csv, otherwise: [spare]}"
    found = raising(site_with(folder, sensor(more=by))).by_camera
    assert {camera for camera, each in found.items() if set(each) >= ALL} == {"gate", "east", "spare"}


def test_faults_come_on_the_cameras_for_faults_alone_and_only_those_that_can(folder: Path) -> None:
    found = raising(site_with(folder, sensor())).by_camera
    assert {"link.down", "vms.away", "disk.low", "alarm.waiting"} <= set(found[CameraId("wide")])
    assert not {"sensor.silent", "heartbeat.missed", "clock.wrong", "endpoint.away"} & set(found[CameraId("wide")])
    assert all(by == ["bridge"] for by in found[CameraId("wide")].values())
    assert not found[CameraId("spare")]
    supervised = sensor(more="cameras: [gate], supervise: {silent_after: 5 min, heartbeat: 2 min, clock: 30 s}")
    hook = 'endpoints: {out: {type: webhook, url: "https://y.example/"}}\n'
    every = raising(site_with(folder, supervised + hook)).by_camera[CameraId("wide")]
    assert set(every) == {kind.type for kind in KINDS.values()}


def test_a_profile_that_does_not_tell_its_types_is_said(folder: Path) -> None:
    site = site_with(folder, sensor())

    class Computes:
        id = ProfileId("panel")

    found = raising(msgspec.structs.replace(site, profiles={ProfileId("panel"): Computes()}))
    (said,) = found.unforeseen
    assert (said.sensor, "computes" in said.why) == ("panel", True)
    assert not found.by_camera[CameraId("gate")]


@pytest.mark.parametrize(("declares", "planned"), [("true", False), ("false", True)])
def test_a_test_event_is_planned_for_where_the_service_does_not_declare_its_type(
    folder: Path, declares: str, planned: bool
) -> None:
    vms = f"vms: {{cloud: {{type: vxg, declare_types: {declares}}}}}"
    cameras = "cameras: {gate: {vms: cloud, id: 1, token: secret:gate}}"
    text = f"version: 1\nsite: {{name: Depot}}\n{vms}\n{cameras}\n{SITE[SITE.index('connectors:') :]}"
    found = raising(site_with(folder, sensor(), text)).by_camera[CameraId("gate")]
    assert found.get("bridge.test", []) == (["fire and selftest"] if planned else [])
