"""500 sensors on one session of one broker: how many durable events a second, and where the time goes.

The bridge has core 0; mosquitto, the publishers and the VMS share core 1. A message is durable when the broker has its
PUBACK: published are more than are in flight, so the bridge is what is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import struct
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.benchmarks.peers import Vms
from tests.benchmarks.process import Child
from tests.benchmarks.site import token
from tests.connectors.mosquitto import OPEN, Mosquitto

SENSORS = 500
UNDER_TEST = 0
LINES = ("max_inflight_messages 1000", "max_queued_messages 0", "set_tcp_nodelay true")


class Report(Protocol):
    def say(self, name: str, value: float, unit: str, goal: str = "") -> None: ...


def write_site(folder: Path, broker: str, vms_port: int) -> Path:
    secrets = folder / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    (secrets / "cam").write_text(token(4701, vms_port))
    (secrets / "cam").chmod(0o600)
    lines = [
        "version: 1",
        "site: {name: Benchmark}",
        f"vms: {{cloud: {{type: vxg, url: 'http://127.0.0.1:{vms_port}', allow_http: true, connections: 64}}}}",
        "cameras: {cam: {vms: cloud, id: 4701, token: secret:cam}}",
        f"connectors: {{broker: {{type: mqtt, url: '{broker}', in_flight: 1000}}}}",
        "sensors:",
        *(
            f"  button-{number}: {{profile: zigbee2mqtt, connector: broker, "
            f"address: {{topic: zigbee2mqtt/b{number}}}, cameras: [cam]}}"
            for number in range(SENSORS)
        ),
    ]
    (folder / "site.yaml").write_text("\n".join(lines) + "\n")
    return folder / "site.yaml"


def field(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text


def publication(number: int) -> bytes:
    """A PUBLISH of QoS 1 (MQTT 3.1.1, 3.3)."""
    topic = field(b"zigbee2mqtt/b%d" % (number % SENSORS))
    body = topic + struct.pack(">H", number % 65_535 + 1)
    body += b'{"action":"P%07d","battery":93,"linkquality":120,"voltage":2995}' % number
    assert len(body) < 128 * 128
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])
    return b"\x32" + length + body


async def publish(port: int, count: int, window: int = 2_000) -> None:
    """As quickly as the broker takes them, by one client."""
    reader, writer = await _connected(port)
    sent = taken = 0
    while taken < count:
        while sent < count and sent - taken < window:
            writer.write(b"".join(publication(each) for each in range(sent, min(sent + 100, count))))
            sent = min(sent + 100, count)
        await writer.drain()
        taken += len(await reader.read(65_536)) // 4  # PUBACKs of four bytes
    writer.close()


async def steadily(port: int, first: int, rate: float, seconds: float) -> dict[bytes, float]:
    """At ``rate`` a second whatever becomes of them; what each says → monotonic seconds at which it was sent."""
    reader, writer = await _connected(port)
    left: dict[bytes, float] = {}
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        wait = began + number / rate - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        left[b"P%07d" % (first + number)] = time.monotonic()
        writer.write(publication(first + number))
    taken = 0
    while taken < 4 * len(left):
        taken += len(await reader.read(65_536))  # PUBACKs of four bytes
    writer.close()
    return left


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = field(b"MQTT") + b"\x04\x02\x00\x00" + field(b"publisher")
    writer.write(b"\x10" + bytes([len(body)]) + body)
    await reader.readexactly(4)
    return reader, writer


@asynccontextmanager
async def bridge(vms_open: bool) -> AsyncIterator[tuple[Child, Mosquitto, Vms, Path]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vms, broker = Vms(), Mosquitto(folder, (*OPEN, *LINES))
        await vms.open()
        await broker.start()
        site = write_site(folder, broker.url, vms.port)
        if not vms_open:
            await vms.close()
        child = await Child.start(
            *("bridge.cli.main", "run", str(site), "--secrets", str(folder / "secrets")),
            *("--journal", str(folder / "journal"), "--control", str(folder / "control.sock")),
            core=UNDER_TEST,
            ready=b"ready",
            log=folder / "bridge.log",
        )
        try:
            async with asyncio.timeout(20):
                while not (await status(folder))["connectors"][0]["up"]:
                    await asyncio.sleep(0.05)
            yield child, broker, vms, folder
        finally:
            await child.stop()
            await vms.close()
            await broker.kill()


async def status(folder: Path) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(str(folder / "control.sock"))
    writer.write(b"GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    found: dict[str, Any] = json.loads(answer[answer.index(b"{") : answer.rindex(b"}") + 1])
    return found


async def until_kept(folder: Path, count: int, bound: float = 120.0) -> None:
    async with asyncio.timeout(bound):
        while (await status(folder))["messages"] < count:
            await asyncio.sleep(0.05)


async def bench_mqtt(report: Report, scale: float) -> None:
    """Durable events of 500 sensors on one session, with the VMS away and with each event delivered."""
    count = int(30_000 * scale)
    for vms_open, name in ((False, "durable, the VMS away"), (True, "durable and delivered")):
        async with bridge(vms_open) as (child, broker, vms, folder):
            await publish(broker.port, SENSORS)  # every sensor was heard: what is remembered of it is in memory
            await until_kept(folder, SENSORS)
            began, cpu = time.monotonic(), child.cpu()
            async with asyncio.TaskGroup() as group:
                group.create_task(publish(broker.port, count))
                await until_kept(folder, SENSORS + count)
                took, busy = time.monotonic() - began, child.cpu() - cpu
            goal = "" if vms_open else "goal ≥ 5,000 events/s"
            report.say(f"mqtt, 500 sensors, {name}", count / took, "events/s", goal)
            if vms_open:
                with contextlib.suppress(TimeoutError):
                    await vms.until(SENSORS + count)
                took, busy = time.monotonic() - began, child.cpu() - cpu
                report.say("mqtt, 500 sensors, delivered", vms.deliveries / (time.monotonic() - began), "events/s")
                missing = SENSORS + count - vms.deliveries
                report.say("mqtt: not at the VMS", missing, f"of {SENSORS + count:,}", "must be 0")
            report.say(f"mqtt: CPU per event, {name}", busy / count * 1e6, "µs")
            report.say(f"mqtt: RSS, {name}", child.memory()[0], "MiB")
            told = await status(folder)
            report.say(f"mqtt: lost, {name}", SENSORS + count - told["events"], f"of {SENSORS + count:,}", "must be 0")
    await latency(report, scale)


async def latency(report: Report, scale: float, rate: int = 500) -> None:
    """From the publisher's byte to the VMS's, at a steady rate over all sensors."""
    async with bridge(vms_open=True) as (child, broker, vms, _):
        await publish(broker.port, SENSORS)
        await vms.until(SENSORS)
        began, cpu = time.monotonic(), child.cpu()
        left = await steadily(broker.port, SENSORS, rate, max(4.0, 20 * scale))
        busy = (child.cpu() - cpu) / (time.monotonic() - began)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(30):
                while not left.keys() <= vms.arrived.keys():
                    vms.woken.clear()
                    await vms.woken.wait()
        took = [(vms.arrived[each] - at) * 1000 for each, at in left.items() if each in vms.arrived]
        cuts = statistics.quantiles(took, n=100)
        for place, value in (("p50", cuts[49]), ("p95", cuts[94]), ("p99", cuts[98])):
            report.say(f"mqtt at {rate}/s: publisher to VMS, {place}", value, "ms", "")
        report.say(f"mqtt at {rate}/s: lost", len(left) - len(took), f"of {len(left):,}", "must be 0")
        report.say(f"mqtt at {rate}/s: processor", busy * 100, "% of a core")
        report.say(f"mqtt at {rate}/s: RSS", child.memory()[0], "MiB")


async def alone() -> None:
    os.sched_setaffinity(0, {1})

    class Printed:
        def say(self, name: str, value: float, unit: str, goal: str = "") -> None:
            print(f"  {name:<58}{value:>12,.2f} {unit:<12}{goal}", flush=True)

    await bench_mqtt(Printed(), float(os.environ.get("SCALE", "1")))


if __name__ == "__main__":
    asyncio.run(alone())
