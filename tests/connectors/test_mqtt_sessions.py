"""What stands behind a broker: retained messages, gateways, topics that change, sessions and who else wants them."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.base import Mode
from tests.connectors.conftest import Inbox
from tests.connectors.mosquitto import addresses, mosquitto, mqtt
from tests.connectors.outgoing import at_work, until

pytestmark = pytest.mark.needs("mosquitto", "mosquitto_pub")

VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


# ------------------------------------------------------------------------------------------------- retained messages


@VERSIONS
async def test_what_is_retained_tells_how_things_stood_when_the_bridge_first_came(
    tmp_path: Path, inbox: Inbox, version: str
) -> None:
    async with mosquitto(tmp_path) as broker:
        await broker.publish("plant/leak", "wet", retain=True)
        async with at_work(mqtt(broker.url, "plant/leak", version=version), inbox):
            await inbox.hold(1)
            await broker.publish("plant/leak", "dry", retain=True)
            await inbox.hold(2)
            assert [dict(message.origin.attributes) for message in inbox.messages] == [{"standing": "first"}, {}]


async def test_what_is_retained_anew_after_the_broker_forgot_us_may_have_changed_meanwhile(tmp_path: Path) -> None:
    inbox = Inbox()
    async with mosquitto(tmp_path) as broker:
        async with at_work(mqtt(broker.url, "plant/leak"), inbox) as (link, _):
            await link.hear("up: connected")
            await broker.publish("plant/leak", "dry", retain=True)
            await inbox.hold(1)
            await broker.kill()
            await link.hear("down")
            await broker.start()
            await link.hear("the broker had forgotten our session")
            await broker.publish("plant/leak", "wet", retain=True)
            await inbox.hold(2)
        asked = inbox.messages[0].position
        assert asked is not None
        await broker.kill()
        await broker.start()
        await broker.publish("plant/leak", "wet", retain=True)
        later = Inbox(positions={asked.name: asked})
        async with at_work(mqtt(broker.url, "plant/leak", "plant/door"), later):
            await later.hold(1)
            assert dict(later.messages[0].origin.attributes) == {"standing": "again"}


@pytest.mark.parametrize(("setting", "kept"), [("events", [b"wet"]), ("ignore", [])])
async def test_what_is_retained_is_an_event_or_nothing_where_the_site_says_so(
    tmp_path: Path, inbox: Inbox, setting: str, kept: list[bytes]
) -> None:
    async with mosquitto(tmp_path) as broker:
        await broker.publish("plant/leak", "wet", retain=True)
        async with at_work(mqtt(broker.url, "plant/leak", retained=setting), inbox) as (link, _):
            await link.hear("up: connected")
            await broker.publish("plant/leak", "dry")
            await inbox.hold(len(kept) + 1)
            assert inbox.bodies == [*kept, b"dry"]
            assert all(not message.origin.attributes for message in inbox.messages)


async def test_a_retained_message_that_is_taken_away_says_nothing(tmp_path: Path, inbox: Inbox) -> None:
    async with mosquitto(tmp_path) as broker:
        connector = mqtt(broker.url, "plant/#")
        async with at_work(connector, inbox) as (link, _):
            await link.hear("up: connected")
            await broker.publish("plant/leak", "", retain=True)
            await broker.publish("plant/leak", "x")
            await inbox.hold(1)
            assert (inbox.bodies, connector.counts["empty"]) == ([b"x"], 1)


# ------------------------------------------------------------------------------------------------------- gateways


@VERSIONS
async def test_a_gateway_that_says_it_is_away_is_a_part_of_the_link_that_is_down(
    tmp_path: Path, inbox: Inbox, version: str
) -> None:
    async with mosquitto(tmp_path) as broker:
        await broker.publish("z/bridge/state", '{"state": "offline"}', retain=True)
        gateways = [{"topic": "z/bridge/state"}, {"topic": "frigate/available"}]
        connector = mqtt(broker.url, "z/leak", version=version, availability=gateways)
        async with at_work(connector, inbox) as (link, _):
            await link.hear("z/bridge/state down: z/bridge/state says offline")
            await broker.publish("z/bridge/state", '{"state": "online"}', retain=True)
            await link.hear("z/bridge/state up")
            await broker.publish("frigate/available", "online")
            await broker.publish("frigate/available", "stopped")
            await broker.publish("frigate/available", "stopped")
            await broker.publish("z/leak", "x")
            await link.hear("frigate/available down: frigate/available says stopped")
            await until(lambda: b"x" in inbox.bodies)
            assert len([each for each in link.said if "frigate" in each]) == 1
            assert inbox.bodies == [b"x"]


async def test_what_a_gateway_says_is_a_message_where_a_sensor_s_topic_takes_it_in(
    tmp_path: Path, inbox: Inbox
) -> None:
    async with mosquitto(tmp_path) as broker:
        connector = mqtt(broker.url, "frigate/#", availability=[{"topic": "frigate/available"}])
        async with at_work(connector, inbox) as (link, _):
            await link.hear("up: connected")
            await broker.publish("frigate/available", "offline")
            await link.hear("frigate/available down")
            await inbox.hold(1)
            assert inbox.bodies == [b"offline"]


async def test_what_a_gateway_says_is_a_message_for_a_sensor_that_hears_all_the_connector_does(
    tmp_path: Path, inbox: Inbox
) -> None:
    """Its address names no topic: which items are its own, its profile tells."""
    async with mosquitto(tmp_path) as broker:
        connector = mqtt(broker.url, "", topics=["frigate/#"], availability=[{"topic": "frigate/available"}])
        async with at_work(connector, inbox) as (link, _):
            await link.hear("up: connected")
            await broker.publish("frigate/available", "offline")
            await link.hear("frigate/available down")
            await inbox.hold(1)
            assert inbox.bodies == [b"offline"]


@pytest.mark.needs("mosquitto_sub")
@pytest.mark.shows("connector:mqtt", "peer", peer="mosquitto")
async def test_the_last_will_of_a_gateway_that_is_killed_is_a_part_of_the_link_that_is_down(
    tmp_path: Path, inbox: Inbox
) -> None:
    async with mosquitto(tmp_path) as broker:
        connector = mqtt(broker.url, "z/leak", availability=[{"topic": "z/state"}])
        async with at_work(connector, inbox) as (link, _):
            await link.hear("up: connected")
            gateway = await broker.begin_with_a_last_will("z/state", "offline")
            await broker.publish("z/state", "online", retain=True)
            await broker.publish("z/leak", "before")
            await inbox.hold(1)
            assert [each for each in link.said if "z/state" in each] == []
            gateway.kill()
            await gateway.wait()
            assert await link.hear("z/state down") == "z/state down: z/state says offline"


@VERSIONS
async def test_no_more_than_so_many_wait_for_their_commit_and_the_rest_stays_with_the_broker(
    tmp_path: Path, inbox: Inbox, version: str
) -> None:
    inbox.open.clear()
    async with (
        mosquitto(tmp_path, "allow_anonymous true", "max_queued_messages 0") as broker,
        at_work(mqtt(broker.url, "plant/leak", version=version, in_flight=10), inbox) as (link, _),
    ):
        await link.hear("up: connected")
        await broker.publish("plant/leak", *map(str, range(100)))
        await inbox.hold(10)
        inbox.open.set()
        await inbox.hold(100)
        assert inbox.most_at_once <= 10
        assert inbox.bodies == [str(number).encode() for number in range(100)]


# ------------------------------------------------------------------------------------------------- topics and sessions


@VERSIONS
async def test_sensors_that_come_and_go_change_what_is_subscribed_to(
    tmp_path: Path, inbox: Inbox, version: str
) -> None:
    async with mosquitto(tmp_path) as broker:
        connector = mqtt(broker.url, "plant/a", "plant/b", version=version)
        async with at_work(connector, inbox) as (link, _):
            await link.hear("up: connected")
            await broker.publish("plant/a", "1")
            await inbox.hold(1)
            connector.readdress(addresses("plant/b", "plant/c"))
            await link.hear("up: ", 2)
            await broker.publish("plant/a", "gone")
            await broker.publish("plant/b", "2")
            await broker.publish("plant/c", "3")
            await inbox.hold(3)
            assert inbox.bodies == [b"1", b"2", b"3"]


async def test_a_shared_subscription_gets_its_share(tmp_path: Path) -> None:
    one, other = Inbox(), Inbox()
    share = "$share/bridges/plant/+"
    async with (
        mosquitto(tmp_path) as broker,
        at_work(mqtt(broker.url, share, client_id="one"), one) as (link, _),
        at_work(mqtt(broker.url, share, client_id="other"), other) as (link_of_other, _),
    ):
        await link.hear("up: connected")
        await link_of_other.hear("up: connected")
        await broker.publish("plant/leak", *map(str, range(20)))
        await until(lambda: len(one.kept) + len(other.kept) == 20)
        assert one.kept
        assert other.kept


async def test_a_dry_run_hears_the_same_and_takes_nothing_away(tmp_path: Path, inbox: Inbox) -> None:
    async with mosquitto(tmp_path) as broker:
        topic = "$share/bridges/plant/leak"
        async with at_work(mqtt(broker.url, topic), Inbox()) as (link, _):
            await link.hear("up: connected")
        watched = Inbox()
        async with at_work(mqtt(broker.url, topic), watched, Mode.OBSERVE) as (link, _):
            await link.hear("up: connected")
            await broker.publish("plant/leak", *map(str, range(10)))
            await watched.hold(10)
        async with at_work(mqtt(broker.url, topic), inbox):
            await inbox.hold(10)
            assert len(inbox.bodies) == 10


async def test_a_dry_run_that_is_told_to_wait_does_not_connect(tmp_path: Path, inbox: Inbox) -> None:
    async with mosquitto(tmp_path) as broker:
        connector = mqtt(broker.url, "plant/leak", observe="wait")
        async with at_work(connector, inbox, Mode.OBSERVE) as (link, _):
            await link.hear("down: a dry run does not connect")
            assert not connector.counts["connections"]


@VERSIONS
async def test_a_client_id_that_two_have_is_said_once(tmp_path: Path, version: str) -> None:
    async with mosquitto(tmp_path) as broker:
        one, other = mqtt(broker.url, "a", version=version), mqtt(broker.url, "a", version=version)
        async with at_work(one, Inbox()) as (link, _):
            await link.hear("up: connected")
            async with at_work(other, Inbox()):
                said = await link.hear("another client may have the client id vms-bridge-broker")
                assert "client_id of its own" in said
                count, connections = len(link.said), one.counts["connections"]
                await until(lambda: one.counts["connections"] > connections + 5)
                assert len(link.said) == count
