"""Meters behind a real broker: published with QoS 1, by a client that keeps its own record of PUBACKs, and by
mosquitto_pub."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import ClassVar

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from bridge.simulator.issued import Issued
from bridge.simulator.ledger import Vehicle
from tests.connectors.mosquitto import HOST, OPEN, Mosquitto, mosquitto
from tests.faults.ways.way import WITHIN, Way

METERS, RATE = 8, 30.0
"""Sensors our publisher speaks for, and messages a second over all of them."""
BY_PROGRAM, LINES, PAUSE = 2, 5, 1.5
"""Sensors mosquitto_pub speaks for, messages of each of its processes, and seconds between two of these."""
SETTINGS = (*OPEN, "max_inflight_messages 40", "max_queued_messages 0")
ALARM = 4
"""Every so-manieth reading is an alarm."""


class Published(Way):
    name, least = "broker", 10
    reasons: ClassVar[Mapping[str, tuple[str, ...]]] = {"duplicate": ("the same was said in ",)}

    def __init__(self) -> None:
        super().__init__()
        self._serials = {f"meter-{index}": f"A84041FFFF{index:06X}" for index in range(METERS + BY_PROGRAM)}
        rules = f'[quiet: raise, {{set: {{urgency: alarm}}, when: "int(event.fields.frame) % {ALARM} == 0"}}]'
        self.sensors = {
            name: f"profile: chirpstack, address: {{topic: '{topic(serial)}'}}, rules: {rules}"
            for name, serial in self._serials.items()
        }
        self._frames = dict.fromkeys(self._serials, 0)
        self._sent: dict[int, Issued] = {}
        self._acknowledged: deque[tuple[int, bool]] = deque()
        self._broker: Mosquitto | None = None

    def settings(self) -> str:
        return f"{{type: mqtt, url: '{self.broker.url}'}}"

    @property
    def broker(self) -> Mosquitto:
        assert self._broker is not None
        return self._broker

    def thing(self, sensor: str, values: Mapping[str, str]) -> Vehicle | None:
        frame = values.get("frame", "")
        return (sensor, values.get("serial", ""), int(frame)) if frame.isdecimal() else None

    @contextlib.asynccontextmanager
    async def peers(self, folder: Path) -> AsyncIterator[None]:
        async with mosquitto(folder, *SETTINGS) as self._broker:
            yield

    def _next(self, sensor: str) -> tuple[Issued, str]:
        """The sensor's next reading, and what is published of it."""
        frame = self._frames[sensor] = self._frames[sensor] + 1
        serial = self._serials[sensor]
        issued = Issued(
            sensor=sensor, serial=serial, car=frame, state="uplink", number=self.log.next_number(sensor), raises=True,
            urgency="notice" if frame % ALARM else "alarm", expect={"reading": f"{sensor} {frame}"}, unsure=True,
        )  # fmt: skip
        said = {
            "deduplicationId": f"{sensor}-{frame}",
            "deviceInfo": {"devEui": serial.lower(), "deviceName": sensor},
            "fCnt": frame,
            "object": {"reading": f"{sensor} {frame}"},
        }
        return self.log.add(issued), json.dumps(said)

    @contextlib.asynccontextmanager
    async def speaking(self) -> AsyncIterator[None]:
        async with self._publisher() as client, asyncio.TaskGroup() as group:
            stop = asyncio.Event()
            group.create_task(self._publish(client, stop))
            group.create_task(self._publish_by_program(stop))
            yield
            stop.set()

    @contextlib.asynccontextmanager
    async def _publisher(self) -> AsyncIterator[Client]:
        """Connected; at the end the broker has acknowledged all that was published."""
        client = Client(CallbackAPIVersion.VERSION2, "publisher", protocol=MQTTProtocolVersion.MQTTv5)
        client.max_queued_messages_set(0)
        # MQTT 5.0, 3.4.2.1: 0 is taken; 16 is taken by the broker, and by nobody who listens.
        client.on_publish = lambda _client, _data, mid, reason, _properties: self._acknowledged.append(
            (mid, reason.value == 0)
        )
        await asyncio.to_thread(client.connect, HOST, self.broker.port)
        client.loop_start()
        try:
            yield client
            async with asyncio.timeout(WITHIN):
                while self._sent:
                    self._note()
                    await asyncio.sleep(0.02)
        finally:
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)

    def _note(self) -> None:
        """Write down which PUBACKs came; they come in the client's thread, and perhaps before ``publish`` returns."""
        while self._acknowledged:
            mid, taken = self._acknowledged.popleft()
            issued = self._sent.pop(mid)
            issued.acknowledged, issued.unsure = taken, not taken

    def _say(self, client: Client, sensor: str) -> None:
        issued, said = self._next(sensor)
        issued.attempts += 1
        told = client.publish(topic(self._serials[sensor]), said, qos=1)
        assert told.rc == MQTTErrorCode.MQTT_ERR_SUCCESS, told.rc
        self._sent[told.mid] = issued

    async def _publish(self, client: Client, stop: asyncio.Event) -> None:
        sensors = list(self._serials)[:METERS]
        turn = 0
        while not stop.is_set():
            self._say(client, sensors[turn % METERS])
            self._note()
            turn += 1
            await asyncio.sleep(1 / RATE)

    async def _publish_by_program(self, stop: asyncio.Event) -> None:
        sensors = list(self._serials)[METERS:]
        turn = 0
        while not stop.is_set():
            await self._by_program(sensors[turn % BY_PROGRAM], LINES)
            turn += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await stop.wait()

    async def _by_program(self, sensor: str, count: int) -> None:
        """It ends with 0 once it has every PUBACK."""
        made = [self._next(sensor) for _ in range(count)]
        await self.broker.publish(topic(self._serials[sensor]), *(said for _, said in made))
        for issued, _ in made:
            issued.acknowledged, issued.unsure = True, False

    async def fresh(self) -> None:
        sensors = list(self._serials)
        async with self._publisher() as client:
            for sensor in sensors[:METERS]:
                self._say(client, sensor)
        for sensor in sensors[METERS:]:
            await self._by_program(sensor, 1)

    @property
    def noticed(self) -> int:
        """The publisher never does: the broker does not tell it."""
        return 0


def topic(serial: str) -> str:
    return f"application/1/device/{serial.lower()}/event/up"
