"""The pure parts of the MQTT connector: filters, acknowledgements, what was asked for before, gateways, settings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.model import ConnectorId, Instant, Origin, Position
from connectors.base import Addresses
from connectors.mqtt import MqttAddress, MqttConnector, MqttSettings, topics
from connectors.mqtt.acks import Acks, Entry
from connectors.mqtt.arrived import Arrived
from connectors.mqtt.availability import Gateways
from connectors.mqtt.known import Known
from connectors.mqtt.settings import Availability

LEVELS = st.sampled_from(["a", "b", "", "$SYS"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = st.tuples(st.lists(st.one_of(LEVELS, st.just("+")), max_size=4), st.booleans()).map(
    lambda made: "/".join([*made[0], *(["#"] if made[1] else [])])
).filter(bool)  # fmt: skip
AT = Instant(datetime(2026, 1, 5, 9, tzinfo=UTC), 0.0)


# ----------------------------------------------------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("filter", "topic", "matches"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "ab", False),
        ("+", "a", True),
        ("+/+", "/a", True),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("$share/g/a/+", "a/b", True),
    ],
)
def test_a_filter_chooses_topics_as_the_standard_has_it(filter: str, topic: str, matches: bool) -> None:
    assert topics.matches(filter, topic) is matches


@pytest.mark.parametrize("filter", ["", "a#", "a/#/b", "a+/b", "$share/g", "$share//a", "$share/+/a", "a\0"])
def test_what_is_no_filter_is_refused(filter: str) -> None:
    with pytest.raises(ValueError, match=r"a topic|a shared|stands alone"):
        topics.checked(filter)


@given(FILTERS, FILTERS, TOPICS)
def test_what_a_wider_filter_covers_it_chooses(wide: str, narrow: str, topic: str) -> None:
    if topics.covers(wide, narrow) and topics.matches(narrow, topic):
        assert topics.matches(wide, topic)


@given(st.lists(FILTERS, max_size=6), TOPICS)
def test_the_fewest_filters_choose_what_all_of_them_do_and_none_is_too_many(filters: list[str], topic: str) -> None:
    fewest = topics.fewest(filters)
    assert any(topics.matches(each, topic) for each in filters) == any(topics.matches(each, topic) for each in fewest)
    assert not any(one != other and topics.covers(one, other) for one in fewest for other in fewest)


def test_an_address_is_found_by_its_exact_topic_or_by_its_filter() -> None:
    exact, wild, any_ = MqttAddress(topic="a/b"), MqttAddress(topic="$share/g/a/+"), MqttAddress()
    assert (exact.place(), wild.place(), any_.place()) == ("a/b", None, None)
    assert [each.matches(Origin("10.0.0.9", "a/b")) for each in (exact, wild, any_)] == [True, True, True]
    assert [each.matches(Origin("10.0.0.9", "a/b/c")) for each in (wild, any_)] == [False, True]


# ------------------------------------------------------------------------------------------------- acknowledgements


def arrived(mid: int, payload: bytes = b"x", again: bool = False) -> Arrived:
    return Arrived("t", payload, mid, 1, False, again, AT)


def taken(acks: Acks, mid: int) -> Entry:
    """One that is being kept."""
    entry = acks.received(arrived(mid))
    assert entry is not None
    acks.begun(entry)
    return entry


def test_messages_are_acknowledged_in_the_order_they_came_however_they_are_kept() -> None:
    sent: list[Entry] = []
    acks = Acks()
    acks.connected(sent.append, present=True)
    entries = [taken(acks, mid) for mid in (7, 8, 9)]
    for entry in reversed(entries):
        acks.kept(entry)
    assert [entry.mid for entry in sent] == [7, 8, 9]


def test_what_was_kept_after_the_connection_broke_is_acknowledged_when_it_is_sent_again() -> None:
    before: list[Entry] = []
    sent: list[Entry] = []
    acks = Acks()
    acks.connected(before.append, present=False)
    kept, held = taken(acks, 1), taken(acks, 2)
    acks.lost()
    acks.kept(kept)
    acks.connected(sent.append, present=True)
    assert acks.received(arrived(1, again=True)) is None
    assert acks.received(arrived(2, again=True)) is None
    assert sent == [kept]
    acks.kept(held)
    assert (before, sent) == ([], [kept, held])


def test_what_was_to_be_acknowledged_on_a_connection_that_was_no_more_is_known_too() -> None:
    sent: list[Entry] = []
    acks = Acks()
    acks.connected(sent.append, present=True)
    entry = taken(acks, 1)
    acks.kept(entry)
    assert sent == [entry]
    acks.lost()
    acks.unsent(sent)
    acks.connected(sent.append, present=True)
    assert acks.received(arrived(1, again=True)) is None
    assert sent == [entry, entry]


def test_what_nobody_began_to_keep_is_taken_when_it_is_sent_again() -> None:
    acks = Acks()
    acks.connected(lambda entry: None, present=True)
    assert acks.received(arrived(1)) is not None
    acks.lost()
    acks.connected(lambda entry: None, present=True)
    assert acks.received(arrived(1, again=True)) is not None


@pytest.mark.parametrize(
    "other", [arrived(1, b"other", again=True), arrived(1), Arrived("u", b"x", 1, 1, False, True, AT)]
)
def test_another_message_under_the_same_packet_id_is_taken(other: Arrived) -> None:
    acks = Acks()
    acks.connected(lambda entry: None, present=True)
    first = taken(acks, 1)
    acks.lost()
    acks.kept(first)
    acks.connected(lambda entry: None, present=True)
    assert acks.received(other) is not None


def test_a_broker_that_forgot_us_begins_its_packet_ids_anew() -> None:
    acks = Acks()
    acks.connected(lambda entry: None, present=True)
    first = taken(acks, 1)
    acks.lost()
    acks.kept(first)
    acks.connected(lambda entry: None, present=False)
    assert acks.received(arrived(1, again=True)) is not None


# ---------------------------------------------------------------------------------------------- what was asked before


ASKED = Position("mqtt broker", '{"topics":["a","b"],"qos":1}')


def test_what_is_no_longer_wanted_is_given_up_and_what_is_new_is_asked_for() -> None:
    known = Known(ConnectorId("broker"), ASKED)
    known.want(["b", "c"], 1)
    assert known.plan(five=True)(True) == (["a"], ("b", "c"))
    assert known.plan(five=False)(True) == (["a"], ["c"])
    assert known.plan(five=False)(False) == ((), ("b", "c"))
    assert (known.asked_before("a"), known.asked_before("c")) == (True, False)


def test_with_another_qos_all_is_asked_for_anew() -> None:
    known = Known(ConnectorId("broker"), ASKED)
    known.want(["a", "b"], 0)
    assert known.plan(five=False)(True) == ([], ["a", "b"])
    assert known.position() == Position("mqtt broker", '{"topics":["a","b"],"qos":0}')


def test_it_is_kept_with_one_message_and_counts_from_the_next_connection_on() -> None:
    known = Known(ConnectorId("broker"), None)
    known.want(["a"], 1)
    position = known.position()
    assert position == Position("mqtt broker", '{"topics":["a"],"qos":1}')
    assert known.position() is None
    assert position is not None
    known.kept(position)
    assert known.position() is None
    assert not known.asked_before("a")
    known.want(["a"], 1)
    assert known.asked_before("a")


def test_a_topic_that_was_given_up_and_is_wanted_again_is_asked_for_though_no_message_came_between() -> None:
    """What is kept still says that it was asked for: it is kept with a message."""
    known = Known(ConnectorId("broker"), ASKED)
    known.want(["b"], 1)
    assert known.plan(five=False)(True) == (["a"], [])
    known.want(["a", "b"], 1)
    assert known.plan(five=False)(True) == ([], ["a"])


def test_a_topic_that_was_asked_for_is_given_up_though_no_message_came_between() -> None:
    known = Known(ConnectorId("broker"), ASKED)
    known.want(["a", "b", "c"], 1)
    known.want(["a", "b"], 1)
    assert known.plan(five=True)(True) == (["c"], ("a", "b"))
    assert known.plan(five=False)(True) == (["c"], [])


def test_a_position_nobody_can_read_is_none() -> None:
    assert not Known(ConnectorId("broker"), Position("mqtt broker", "{")).asked_before("a")


# ----------------------------------------------------------------------------------------------------------- gateways


@pytest.mark.parametrize("body", [b"offline", b'{"state":"offline"}', b" Stopped\n", b"false"])
def test_a_gateway_that_is_away_is_said_once_and_once_when_it_is_back(body: bytes) -> None:
    gateways = Gateways([Availability(topic="g")])
    assert gateways.said("g", b"online") is None
    assert gateways.said("g", body)
    assert gateways.said("g", body) is None
    assert gateways.said("g", b"") is None
    assert gateways.said("g", b'{"state":"online"}') == ""


@given(st.binary(max_size=200))
def test_whatever_a_gateway_says_is_read(body: bytes) -> None:
    Gateways([Availability(topic="g")]).said("g", body)
    Gateways([Availability(topic="g")]).said("g", b"{" + body)


# ----------------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://broker"},
        {"url": "mqtt://user:word@broker"},
        {"url": "mqtt://broker/topic"},
        {"url": "mqtt://broker", "password": "secret:x"},
        {"url": "mqtt://broker", "password": "the-word", "user": "x"},
        {"url": "mqtt://broker", "qos": 2},
        {"url": "mqtt://broker", "version": "3.1"},
        {"url": "mqtt://broker", "certificate": "/etc/x.pem"},
        {"url": "mqtts://broker", "key": "/etc/x.pem"},
        {"url": "mqtt://broker", "topics": ["a/#/b"]},
        {"url": "mqtt://broker", "availability": [{"topic": "a/#"}]},
        {"url": "mqtt://broker", "client_id": "a\nb"},
    ],
)
def test_what_cannot_work_is_refused_at_check(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MqttSettings.model_validate(wrong)


def test_the_firewall_is_told_where_the_broker_is() -> None:
    none: Addresses = ()
    (plain,) = MqttConnector.reaches(MqttSettings(url="mqtt://10.20.0.9"), none)
    (secure,) = MqttConnector.reaches(MqttSettings(url="mqtts://broker.example"), none)
    assert (plain.inbound, plain.peer, plain.port, plain.speaks) == (False, "10.20.0.9", 1883, "MQTT")
    assert (secure.peer, secure.port, secure.speaks) == ("broker.example", 8883, "MQTT with TLS")


def test_a_version_may_be_written_as_a_number() -> None:
    assert MqttSettings.model_validate({"url": "mqtt://b", "version": 5}).version == "5"
