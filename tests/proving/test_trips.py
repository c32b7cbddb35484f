"""Which test events are raised so that each camera is reached, and none does harm."""

from __future__ import annotations

from pathlib import Path

from bridge.config.load import load
from bridge.config.site import Site
from bridge.model import CameraId, SensorId
from bridge.proving.trips import MOST_TRIES, Harm, planned

SITE = """\
version: 1
site: {name: Trips, faults: {cameras: [faults]}}
vms:
  cloud: {type: vxg, url: "https://127.0.0.1:9"}
cameras:
  a: {vms: cloud, id: 1, token: secret:a}
  b: {vms: cloud, id: 2, token: secret:b}
  c: {vms: cloud, id: 3, token: secret:c}
  faults: {vms: cloud, id: 4, token: secret:d}
connectors:
  lpr: {type: http, bind: "127.0.0.1:0"}
sensors:
  one: {profile: cammra, connector: lpr, address: {path: /1}, cameras: [a, b]}
  two: {profile: cammra, connector: lpr, address: {path: /2}, cameras: [b]}
  doors:
    profile: cammra
    connector: lpr
    address: {path: /3}
    cameras: {by: fields.camera, table: cameras.csv}
"""


def site(folder: Path, text: str = SITE) -> Site:
    (folder / "cameras.csv").write_text("key,cameras\nnorth,c\n")
    (folder / "site.yaml").write_text(text)
    return load(folder / "site.yaml")


def named(*names: str) -> list[CameraId]:
    return [CameraId(name) for name in names]


def test_each_camera_has_a_sensor_that_shows_on_it(tmp_path: Path) -> None:
    plan = planned(site(tmp_path))
    assert {camera: trips[0].sensor for camera, trips in plan.trips.items()} == {"a": "one", "b": "one", "c": "doors"}
    assert list(plan.left_out) == ["faults"]


def test_where_a_table_says_the_camera_the_event_is_aimed_by_its_field(tmp_path: Path) -> None:
    (trip,) = planned(site(tmp_path)).trips[CameraId("c")]
    assert trip.fields == {"camera": "north"}
    assert trip.cameras == ("c",)


def test_another_sensor_is_at_hand_when_the_rules_of_the_first_keep_it_back(tmp_path: Path) -> None:
    assert [trip.sensor for trip in planned(site(tmp_path)).trips[CameraId("b")]] == ["one", "two"]
    assert len(planned(site(tmp_path)).trips[CameraId("b")]) <= MOST_TRIES


def test_only_what_is_asked_for_is_tried(tmp_path: Path) -> None:
    found = site(tmp_path)
    assert list(planned(found, named("b")).trips) == ["b"]
    assert list(planned(found, (), [SensorId("two")]).trips) == ["b"]
    assert list(planned(found, named("a"), [SensorId("two")]).left_out) == ["a"]


def test_a_camera_that_refuses_is_not_waited_for_and_others_go_without_it_where_they_can(tmp_path: Path) -> None:
    plan = planned(site(tmp_path), harm=Harm(refused={CameraId("a"): "the token is refused"}))
    assert plan.left_out[CameraId("a")] == "the token is refused"
    assert plan.trips[CameraId("b")][0].sensor == "two"


def test_no_event_is_raised_that_would_park_a_camera_not_even_beside_another(tmp_path: Path) -> None:
    plan = planned(site(tmp_path), harm=Harm(parks={CameraId("a"): "not declared"}))
    assert all(CameraId("a") not in trip.cameras for trips in plan.trips.values() for trip in trips)
    assert "not declared" in plan.left_out[CameraId("a")]
    assert [trip.sensor for trip in plan.trips[CameraId("b")]] == ["two"]
