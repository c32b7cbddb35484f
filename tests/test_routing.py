"""Which sensor a message is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bridge.model import Draft, Item, Malformed, Message, Origin, ProfileId, SensorId
from bridge.routing import Routed, Router
from connectors.http.settings import HttpAddress
from connectors.tcp.settings import TcpAddress
from tests.decide.conftest import site_of
from tests.intake.conftest import HandClock, Words


class Batch(Words):
    """As Words, but every item says which sensor it is of."""

    def draft(self, item: Item, zone: ZoneInfo) -> Draft | Malformed:
        return Draft(type="t", title="t", fields={}, detail=b"{}")

    def identity(self, item: Item) -> Mapping[str, str]:
        return {name: str(value) for name, value in item.document.items()}


def router(**addresses: HttpAddress | TcpAddress) -> Router:
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
