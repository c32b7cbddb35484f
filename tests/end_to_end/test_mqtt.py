"""The bridge as a process of its own behind a real broker: killed under load, restarted, and nothing lost."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest

from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.connectors.mosquitto import OPEN, Mosquitto, mosquitto
from tests.end_to_end.bridge_process import WITHIN, Bridge, running, until

pytestmark = pytest.mark.needs("mosquitto", "mosquitto_pub")

KILLS, EACH, SENSORS, SEED = 2, 40, 4, 11
SITE = """\
version: 1
site: {{name: Gateway yard}}
vms:
  cloud: {{type: vxg, url: "{vms}", allow_http: true}}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
connectors:
  broker: {{type: mqtt, url: "{broker}"}}
sensors:
"""
LEAK = '  leak: {profile: zigbee2mqtt, connector: broker, address: {topic: "zigbee2mqtt/Leak/#"}, cameras: [gate]}\n'
UPLINK = (
    "  sensor-{number}: {{profile: chirpstack, connector: broker, cameras: [gate], rules: [quiet: raise],"
    ' address: {{topic: "application/+/device/{device}/event/up"}}}}\n'
)


def device(number: int) -> str:
    return f"a84041ffff{number:06x}"


def topic(number: int) -> str:
    return f"application/1/device/{device(number)}/event/up"


def uplink(sensor: int, number: int) -> str:
    """A reading; each has the id that ChirpStack gives it."""
    return json.dumps(
        {
            "deduplicationId": f"{sensor}-{number}",
            "deviceInfo": {"devEui": device(sensor), "deviceName": f"meter {sensor}"},
            "fCnt": number,
            "object": {"number": number},
        }
    )


def place(folder: Path, vms: SimulatedVxg, broker: Mosquitto, sensors: str) -> None:
    write_secrets(folder / "secrets", {"gate": vms.tokens[4711]})
    (folder / "site.yaml").write_text(SITE.format(vms=vms.base_url, broker=broker.url) + sensors)


async def test_what_stood_before_the_bridge_came_is_no_event_and_what_changed_since_is_one(tmp_path: Path) -> None:
    async with SimulatedVxg([4711]) as vms, mosquitto(tmp_path) as broker:
        place(tmp_path, vms, broker, LEAK)
        told = '{"water_leak": %s, "tamper": false, "battery": 97}'
        await broker.publish("zigbee2mqtt/Leak", told % "true", retain=True)
        await broker.publish("zigbee2mqtt/Leak/availability", '{"state": "online"}', retain=True)
        async with running(tmp_path) as bridge:
            await connected(bridge)
            await broker.publish("zigbee2mqtt/Leak", told % "false", retain=True)
            await broker.publish("zigbee2mqtt/Leak", told % "false", retain=True)
            await broker.publish("zigbee2mqtt/Leak/availability", '{"state": "offline"}', retain=True)
            await until(lambda: len(vms.record) == 1, bridge.said)
            assert await bridge.stop() == 0
        # The broker forgets us, and the leak begins while nobody listens.
        await broker.kill()
        await broker.start()
        await broker.publish("zigbee2mqtt/Leak", told % "true", retain=True)
        async with running(tmp_path) as bridge:
            await until(lambda: len(vms.record) == 2, bridge.said)
            await broker.publish("zigbee2mqtt/Leak", told % "true", retain=True)
            await broker.publish("zigbee2mqtt/Leak", told % "false", retain=True)
            await until(lambda: len(vms.record) == 3, bridge.said)
            status = await bridge.status()
            assert await bridge.stop() == 0
        shown = [(event.meta["type"], event.meta["state"]) for event in vms.record]
        assert shown == [("device.offline", "active"), ("leak.detected", "active"), ("leak.detected", "restored")]
        assert status["items"]["quarantined"] == 0


async def killed(folder: Path, kills: int, each: int, seed: int) -> None:
    """Publish so many messages of each sensor in each life of the bridge, kill it in the midst, and keep the books: all
    that the broker took is at the VMS once, in the order of its sensor."""
    chance = random.Random(seed)
    issued = dict.fromkeys(range(SENSORS), 0)
    sensors = "".join(UPLINK.format(number=number, device=device(number)) for number in issued)
    async with (
        SimulatedVxg([4711]) as vms,
        mosquitto(folder, *OPEN, "max_inflight_messages 40", "max_queued_messages 0") as broker,
    ):
        place(folder, vms, broker, sensors)

        async def publish(sensor: int) -> None:
            first = issued[sensor] + 1
            issued[sensor] += each
            await broker.publish(topic(sensor), *(uplink(sensor, number) for number in range(first, first + each)))

        async with running(folder) as bridge:
            await connected(bridge)  # from now on the broker keeps what comes
        for _ in range(kills):
            async with running(folder) as bridge, asyncio.TaskGroup() as group:
                for sensor in issued:
                    group.create_task(publish(sensor))
                await asyncio.sleep(chance.uniform(0.0, 0.25))
                bridge.process.kill()
        async with running(folder) as bridge:
            wanted = {(f"sensor-{sensor}", str(number)) for sensor in issued for number in range(1, issued[sensor] + 1)}

            def shown() -> list[tuple[str, str]]:
                return [(event.meta["sensor"], event.meta["number"]) for event in vms.record]

            def missing() -> str:
                return f"{len(wanted - set(shown()))} of {len(wanted)} are missing"

            for goal in range(0, len(wanted), 200):  # as long as something comes
                await until(lambda goal=goal: len(vms.record) >= goal, missing)
            await until(lambda: set(shown()) == wanted, missing)
            status = await bridge.status()
            assert await bridge.stop() == 0
        assert len(shown()) == len(wanted)
        assert status["items"].get("quarantined", 0) == 0
        for sensor in issued:
            numbers = [int(number) for name, number in shown() if name == f"sensor-{sensor}"]
            assert numbers == sorted(numbers)


async def connected(bridge: Bridge) -> None:
    async with asyncio.timeout(WITHIN):
        while not (await bridge.status())["connectors"][0]["up"]:
            await asyncio.sleep(0.02)


@pytest.mark.shows("connector:mqtt", "kill", "peer", peer="mosquitto")
async def test_nothing_the_broker_has_is_lost_or_doubled_when_the_bridge_is_killed(tmp_path: Path) -> None:
    await killed(tmp_path, KILLS, EACH, SEED)
