"""Which sensor a message is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bridge.decide.cameras import CamerasBy
from bridge.model import CameraId, Draft, Item, Malformed, Message, Origin, ProfileId, SensorId, State
from bridge.profiles.expression import compile_expression
from bridge.routing import Routed, Router
from connectors.base import Address
from connectors.http.settings import HttpAddress
from connectors.mqtt.settings import MqttAddress
from connectors.tcp.settings import TcpAddress
from tests.decide.conftest import site_of
from tests.intake.conftest import HandClock, Words


class Batch(Words):
    """As Words, but every item says which sensor it is of."""

    def draft(self, item: Item, zone: ZoneInfo) -> Draft | Malformed:
        return Draft(type="t", title="t", fields={}, detail=b"{}")

    def identity(self, item: Item) -> Mapping[str, str]:
        return {name: str(value) for name, value in item.document.items()}


def router(**addresses: Address) -> Router:
    site = site_of()
    like = site.sensors[SensorId("gate-lpr")]
    sensors = {
        SensorId(name): msgspec.structs.replace(like, id=SensorId(name), address=address)
        for name, address in addresses.items()
    }
    return Router(msgspec.structs.replace(site, sensors=sensors, profiles={ProfileId("any"): Batch()}))


def http(**said: object) -> HttpAddress:
    return HttpAddress.model_validate(said)


def routed(to: Router, peer: str, place: str, said: str = "{}") -> Routed:
    origin = Origin(peer, place)
    return to.route(Message(connector="lpr", origin=origin, body=said.encode(), arrived=HandClock().now()))


def sensors(result: Routed) -> Sequence[str | None]:
    return [None if item.sensor is None else str(item.sensor.id) for item in result.items]


def test_hundreds_of_sensors_with_wildcards_are_told_apart_again_and_again() -> None:
    to = router(**{f"s{number}": MqttAddress(topic=f"plant/{number}/#") for number in range(200)})
    for _ in range(2):
        for number in (0, 7, 199):
            assert sensors(routed(to, "10.0.0.9", f"plant/{number}/leak")) == [f"s{number}"]
        assert sensors(routed(to, "10.0.0.9", "plant/200/leak")) == [None]


@pytest.mark.parametrize(
    ("peer", "place", "sensor"),
    [
        ("10.0.0.1", "/gate", "by_both"),
        ("10.0.0.9", "/gate", "by_path"),
        ("10.0.0.1", "/other", "by_host"),
        ("10.1.2.3", "/other", "by_network"),
        ("192.168.0.1", "/other", None),
    ],
)
def test_a_sensor_is_told_by_path_and_source(peer: str, place: str, sensor: str | None) -> None:
    to = router(
        by_both=http(path="/gate", **{"from": "10.0.0.1"}, identity={}),
        by_path=http(path="/gate", **{"from": "10.0.0.9"}),
        by_host=http(**{"from": ["10.0.0.1", "10.0.0.2"]}),
        by_network=http(**{"from": "10.1.0.0/16"}),
    )
    assert sensors(routed(to, peer, place)) == [sensor]


def test_behind_a_shared_address_each_item_goes_by_its_identity_the_most_specific_first() -> None:
    to = router(
        anyone=http(path="/in"),
        camera=http(path="/in", identity={"serial": "A"}),
        lane=http(path="/in", identity={"serial": "A", "roi": "2"}),
    )
    said = '[{"serial":"A","roi":"2"},{"serial":"A","roi":"1"},{"serial":"B"}]'
    assert sensors(routed(to, "10.0.0.1", "/in", said)) == ["lane", "camera", "anyone"]


def test_an_item_of_nobody_says_what_it_told_and_does_not_spoil_its_neighbours() -> None:
    to = router(camera=TcpAddress(identity={"serial": "A"}))
    result = routed(to, "10.0.0.1", "", '[{"serial":"B"},{"serial":"A"}]')
    assert sensors(result) == [None, "camera"]
    assert "serial=B" in result.items[0].why


def test_a_message_nobody_listens_for_says_where_it_came_from() -> None:
    result = routed(router(camera=http(path="/in")), "10.0.0.1", "/out")
    assert result.items[0].why == "no sensor of connector lpr listens for /out from 10.0.0.1"


def test_ten_thousand_sensors_told_by_source_are_not_looked_through_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    to = router(
        **{
            f"s{number}": TcpAddress.model_validate({"from": f"10.{number >> 8}.{number & 255}.7"})
            for number in range(10_000)
        }
    )
    asked: list[str] = []
    monkeypatch.setattr(TcpAddress, "matches", lambda self, origin: asked.append(origin.peer) is None)
    assert sensors(routed(to, "10.3.5.7", "")) == ["s773"]
    assert len(asked) == 1


def test_ten_thousand_doors_behind_one_address_are_found_by_their_identity_in_a_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    to = router(**{f"d{number}": http(path="/doors", identity={"serial": f"S{number}"}) for number in range(10_000)})
    asked: list[str] = []
    monkeypatch.setattr(HttpAddress, "matches", lambda self, origin: asked.append(origin.peer) is None)
    said = '[{"serial":"S7"},{"serial":"S9999"},{"serial":"S10000"}]'
    assert sensors(routed(to, "10.0.0.1", "/doors", said)) == ["d7", "d9999", None]
    assert len(asked) == 1, "the address they share is looked at once, not once for each of them"


def test_of_two_that_want_as_much_the_first_in_the_site_is_taken() -> None:
    to = router(
        by_lane=http(path="/in", identity={"roi": "2"}),
        by_serial=http(path="/in", identity={"serial": "A"}),
        same_again=http(path="/in", **{"from": "10.0.0.1"}, identity={"roi": "3"}),
    )
    assert sensors(routed(to, "10.0.0.2", "/in", '[{"serial":"A","roi":"2"}, {"serial":"A","roi":"3"}]')) == [
        "by_lane", "by_serial",
    ]  # fmt: skip


def test_an_identity_that_is_not_said_is_no_empty_one() -> None:
    to = router(empty=http(path="/in", identity={"roi": ""}))
    assert sensors(routed(to, "10.0.0.1", "/in", '[{"serial":"A"}, {"roi":""}]')) == [None, "empty"]


def looked_up(by: str, **table: str) -> Router:
    site = site_of()
    cameras = {key: (CameraId(camera),) for key, camera in table.items()}
    sensor = msgspec.structs.replace(
        site.sensors[SensorId("gate-lpr")],
        cameras=(),
        cameras_by=CamerasBy(compile_expression(by, {"fields", "identity"}), "cameras.csv", cameras),
    )
    return Router(msgspec.structs.replace(site, sensors={sensor.id: sensor}, profiles={ProfileId("any"): Spoken()}))


class Spoken(Batch):
    """As Batch, and what an item says are the fields of its event."""

    def draft(self, item: Item, zone: ZoneInfo) -> Draft | Malformed:
        quiet = "a heartbeat" if "beat" in item.document else None
        state = State.RESTORED if "over" in item.document else State.MOMENTARY
        return Draft(type="t", title="t", fields=item.document, detail=b"{}", quiet=quiet, state=state)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("by", "said", "cameras", "why"),
    [
        ("fields.door", '{"door": "a"}', ("one",), ""),
        ("fields.door", '{"door": 7}', ("two",), ""),
        ("fields.door", '{"door": 7.0}', ("two",), ""),
        ("identity.door", '{"door": "a"}', ("one",), ""),
        ('fields.building + "/" + fields.door', '{"building": "B", "door": "a"}', ("three",), ""),
        ("fields.door", '{"door": "x"}', None, "no camera for x in cameras.csv; add a row with this key"),
        ("fields.door", '{"gate": "x"}', None, "its cameras are looked up by fields.door: there is no"),
        ("fields.door", '{"door": true}', None, "neither text nor a number"),
        ("fields.door", '{"door": ""}', None, "neither text nor a number"),
        ("fields.door", '{"beat": 1}', (), ""),
        ("fields.door", '{"over": 1}', (), ""),
        ("fields.door", '{"over": 1, "door": "x"}', None, "no camera for x"),
    ],
)
def test_the_cameras_of_an_item_are_looked_up_by_what_it_says(
    by: str, said: str, cameras: tuple[str, ...] | None, why: str
) -> None:
    to = looked_up(by, **{"a": "one", "7": "two", "B/a": "three"})
    (item,) = routed(to, "10.0.0.1", "/in", said).items
    assert (None if item.sensor is None else item.sensor.cameras) == cameras
    assert why in item.why
