"""Sparkplug B: payloads from literal bytes, names from births, also after a restart; whatever comes is bounded."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import ConnectorId
from connectors.mqtt.births import Births
from connectors.mqtt.sparkplug import MOST_FIELDS, MOST_METRICS, NotSparkplug, read, signed
from tests.connectors.conftest import Inbox
from tests.connectors.mosquitto import mosquitto, mqtt
from tests.connectors.outgoing import at_work

# timestamp 1767603603512; metric: name Leak, alias 4, datatype 11, boolean_value true; seq 17
BIRTH = bytes.fromhex("08b8908aebb833" "120c" "0a044c65616b" "1004" "200b" "7001" "1811")  # fmt: skip
# metric: alias 4, boolean_value true; seq 18
DATA = bytes.fromhex("1204" "1004" "7001" "1812")  # fmt: skip
TOPIC = "spBv1.0/Plant/{}/edge1/box"


def metrics(body: bytes) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(body)["metrics"]
    return found


def test_a_payload_is_read_as_the_standard_has_it() -> None:
    assert read(BIRTH) == {
        "timestamp": 1767603603512,
        "seq": 17,
        "metrics": [{"name": "Leak", "alias": 4, "datatype": 11, "value": True}],
    }


@pytest.mark.parametrize(
    ("value", "datatype", "meant"),
    [(0xFF, 1, -1), (0x7F, 1, 127), (0xFFFFFFF6, 3, -10), (2**64 - 2, 4, -2), (0xFFFFFFFF, 7, 0xFFFFFFFF)],
)
def test_whole_numbers_are_signed_by_their_datatype(value: int, datatype: int, meant: int) -> None:
    assert signed(value, datatype) == meant


def test_values_of_every_kind() -> None:
    def one(field: bytes) -> object:
        (metric,) = metrics(json.dumps(read(b"\x12" + bytes([len(field)]) + field)).encode())
        return metric.get("value", metric.get("bytes"))

    assert one(b"\x65" + struct.pack("<f", 2.5)) == 2.5
    assert one(b"\x69" + struct.pack("<d", float("nan"))) is None
    assert one(b"\x7a\x02hi") == "hi"
    assert one(b"\x82\x01\x02\x01\x02") == "AQI="
    assert one(b"\x38\x01") is None


async def test_a_number_is_a_name_after_a_birth_and_after_a_restart_too() -> None:
    births = Births(ConnectorId("broker"), Inbox())
    unknown, nothing = await births.read(TOPIC.format("DDATA"), DATA)
    assert (metrics(unknown)[0]["name"], nothing) == ("alias 4", None)
    born, position = await births.read(TOPIC.format("DBIRTH"), BIRTH)
    assert [each["name"] for each in metrics(born)] == ["(birth)", "Leak"]
    assert position is not None
    known, _ = await births.read(TOPIC.format("DDATA"), DATA)
    assert metrics(known) == [{"alias": 4, "name": "Leak", "value": True}]
    again = Births(ConnectorId("broker"), Inbox(positions={position.name: position}))
    known, _ = await again.read(TOPIC.format("DDATA"), DATA)
    assert metrics(known)[0]["name"] == "Leak"
    other, _ = await again.read(TOPIC.format("DDATA").replace("edge1", "edge2"), DATA)
    assert metrics(other)[0]["name"] == "alias 4"


@pytest.mark.parametrize(("number", "stale"), [(3, False), (4, True)])
async def test_the_death_of_an_earlier_connection_says_so(number: int, stale: bool) -> None:
    def with_number(number: int) -> bytes:
        return b"\x12\x0b\x0a\x05bdSeq\x20\x04\x58" + bytes([number])

    births = Births(ConnectorId("broker"), Inbox())
    await births.read("spBv1.0/Plant/NBIRTH/edge1", with_number(3))
    body, _ = await births.read("spBv1.0/Plant/NDEATH/edge1", with_number(number))
    assert metrics(body) == [{"name": "(death)", "stale": True} if stale else {"name": "(death)"}]


@pytest.mark.shows("profile:sparkplug", "fuzzed")
@pytest.mark.shows("connector:mqtt", "fuzzed")
@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        read(data)
    except NotSparkplug:
        return


def test_a_payload_that_holds_too_much_is_refused() -> None:
    with pytest.raises(NotSparkplug, match="metrics"):
        read(b"\x12\x02\x10\x01" * (MOST_METRICS + 1))
    with pytest.raises(NotSparkplug, match="fields"):
        read(b"\x08\x01" * (MOST_FIELDS + 1))


async def test_what_cannot_be_read_stays_as_it_is() -> None:
    births = Births(ConnectorId("broker"), Inbox())
    for topic, body in ((TOPIC.format("DDATA"), BIRTH[:-3]), ("spBv1.0/STATE/scada", b"\x01"), (TOPIC, b'{"a":1}')):
        assert await births.read(topic, body) == (body, None)


@pytest.mark.needs("mosquitto", "mosquitto_pub")
async def test_over_a_broker_the_names_are_kept_with_the_birth(tmp_path: Path, inbox: Inbox) -> None:
    async with mosquitto(tmp_path) as broker, at_work(mqtt(broker.url, "spBv1.0/Plant/#"), inbox) as (link, _):
        await link.hear("up: ")
        await broker.publish(TOPIC.format("DBIRTH"), BIRTH)
        await broker.publish(TOPIC.format("DDATA"), DATA)
        await inbox.hold(2)
        birth, data = inbox.messages
        assert birth.position is not None
        assert birth.position.name == "sparkplug broker Plant/edge1/box"
        assert metrics(data.body)[0]["name"] == "Leak"
        assert data.position is not None
        assert data.position.name == "mqtt broker"
