"""No room: senders are told to keep what they have, deliveries go on, and it recovers by itself."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.clock import SystemClock
from bridge.config.load import load
from bridge.config.secrets import SecretStores
from bridge.journal.sqlite import SqliteJournal
from bridge.service import Service
from bridge.service.rooms import Rooms
from bridge.simulator import ledger
from bridge.simulator.arrivals import from_vxg
from bridge.simulator.http_client import HttpClient, Reply
from bridge.simulator.issued import Log
from bridge.simulator.load import Load, LoadSettings
from bridge.simulator.readers import Way
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from connectors.base import Mode
from tests.end_to_end.bridge_process import running, until
from tests.end_to_end.passes import bare, form, post, said

SENSORS = [f"reader-{number}" for number in range(8)]
RESERVE = 64 * 2**20
PLENTY = 10 * 2**30

SITE = """\
version: 1
site: {{name: Full yard}}
vms:
  cloud: {{type: vxg, url: "{url}", allow_http: true, timeout: 5 s}}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  gate: {{profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate]}}
""" + "".join(
    f"  {name}: {{{{profile: cammra, connector: lpr, address: {{{{path: /s/{name}}}}}, cameras: [gate]}}}}\n"
    for name in SENSORS
)


def prepared(folder: Path, vms: SimulatedVxg, journal: str = "") -> Path:
    write_secrets(folder / "secrets", {"gate": vms.tokens[4711]})
    (folder / "site.yaml").write_text(SITE.format(url=vms.base_url) + journal)
    return folder / "site.yaml"


class Disk:
    """Says how much is free, instead of the system: the journal's own seam."""

    def __init__(self) -> None:
        self.free = PLENTY

    def __call__(self, folder: Path) -> int:
        return self.free


@contextlib.asynccontextmanager
async def service_on(disk: Disk, path: Path) -> AsyncIterator[tuple[Service, HttpClient]]:
    """The service in this process, and a client at its door."""
    site = load(path)
    journal = await SqliteJournal.open(
        site.journal.path, site=site.id, node="here", settings=site.journal, clock=SystemClock(), free_space=disk
    )
    service = Service(Rooms(site, SecretStores.beside(path), journal, SystemClock(), Mode.TAKE, False, None, None))
    async with asyncio.TaskGroup() as group:
        group.create_task(service.run())
        async with asyncio.timeout(30):
            while not (way := (await service.status()).connectors) or not way[0].up:
                await asyncio.sleep(0.01)
        host, _, port = way[0].bound.rpartition(":")
        client = HttpClient(host, int(port))
        try:
            yield service, client
        finally:
            client.close()
            await service.stop(5.0)


async def test_below_the_reserve_alarms_alone_are_taken_and_deliveries_go_on(tmp_path: Path) -> None:
    disk = Disk()
    async with SimulatedVxg([4711]) as vms:
        async with service_on(disk, prepared(tmp_path, vms)) as (service, reader):
            await vms.go_away()
            taken = []
            for number in range(1, 11):
                assert (await reader.send(form("/gate", said(number), number))).status == 200
                taken.append(number)
            disk.free = RESERVE - 1
            refused = await until_refused(reader, taken)
            assert refused.headers[b"retry-after"] == b"30"
            assert (await reader.send(form("/gate", said(20, listed="block"), 20))).status == 200, "an alarm is"
            taken.append(20)
            assert [each.key for each in service.conditions.held() if each.key == "journal"] == ["journal"]

            await vms.come_back()
            await until(lambda: len(vms.record) == len(taken), lambda: f"{len(vms.record)} of {len(taken)} came")
            await until_settled(service, len(taken))  # outcomes are noted in the reserve

            disk.free = RESERVE // 4 - 1
            await until_refused(reader, taken, "block")  # all has an end
            assert (await reader.send(post("/gate", bare(said(22))))).status == 503

            disk.free = PLENTY
            for number in (21, 22):
                assert (await reader.send(post("/gate", bare(said(number))))).status == 200, "it recovers by itself"
                taken.append(number)
            await until(lambda: len(vms.record) == len(taken), lambda: f"{len(vms.record)} of {len(taken)} came")
            assert not [each for each in service.conditions.held() if each.key == "journal"]
        assert sorted(int(event.meta["vehicle"]) for event in vms.record) == sorted(taken)


async def until_refused(reader: HttpClient, taken: list[int], listed: str = "") -> Reply:
    """Send until it is refused: how full the disk is is looked at twice a second."""
    for number in range(1000 + len(taken), 5000):
        reply = await reader.send(post("/gate", bare(said(number, listed=listed))))
        if reply.status != 200:
            assert reply.status == 503
            return reply
        taken.append(number)
        await asyncio.sleep(0.01)
    raise AssertionError("it is never refused")


async def until_settled(service: Service, count: int) -> None:
    async with asyncio.timeout(30):
        while (await service.status()).deliveries.get("delivered") != count:
            await asyncio.sleep(0.02)


async def test_at_its_own_limit_it_says_later_until_the_limit_is_raised(tmp_path: Path) -> None:
    """The journal's own limit, on a real disk, in a process of its own."""
    async with SimulatedVxg([4711]) as vms:
        site = prepared(tmp_path, vms, "journal: {limit: 8 MiB, reserve: 16 MiB}\n")
        taken, number = [], 0
        async with running(tmp_path) as bridge:
            while True:
                number += 1
                assert number < 400, "the limit is never reached"
                reply = await bridge.post(form("/gate", said(number), number, 60_000))
                if reply.status == 503:
                    break
                assert reply.status == 200
                taken.append(number)
            assert reply.headers[b"retry-after"] == b"30"
            assert (await bridge.post(form("/gate", said(number, listed="block"), number, 60_000))).status == 200
            taken.append(number)
            await until(lambda: len(vms.record) == len(taken), bridge.said)
            assert "journal: full" in bridge.said()
            assert await bridge.stop() == 0
        site.write_text(site.read_text().replace("limit: 8 MiB", "limit: 1 GiB"))
        async with running(tmp_path) as bridge:
            assert (await bridge.post(form("/gate", said(number + 1), number + 1, 60_000))).status == 200
            taken.append(number + 1)
            await until(lambda: len(vms.record) == len(taken), bridge.said)
            assert await bridge.stop() == 0
        assert sorted(int(event.meta["vehicle"]) for event in vms.record) == sorted(taken)


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit(2) is Linux's")
async def test_when_the_system_refuses_to_write_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes real writes of the running process fail (setrlimit(2): EFBIG), with no word beforehand."""
    log = Log()
    async with SimulatedVxg([4711]) as vms:
        prepared(tmp_path, vms)
        async with running(tmp_path) as bridge:
            host, port = bridge.bound("lpr")
            settings = LoadSettings(
                host=host, port=port, sensors=SENSORS, rate=200.0, alarm_every=4, way=Way.MULTIPART, picture_bytes=1_000
            )
            loading = Load(settings, log)
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            async with asyncio.TaskGroup() as group:
                driving = group.create_task(loading.run())
                await until(lambda: len(log.acknowledged) > 50, bridge.said)
                for _ in range(3):
                    refused, kept = log.refused, len(log.acknowledged)
                    resource.prlimit(bridge.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
                    await until(lambda before=refused: log.refused > before + 4, bridge.said)
                    resource.prlimit(bridge.process.pid, resource.RLIMIT_FSIZE, unlimited)
                    await until(lambda before=kept: len(log.acknowledged) > before + 50, bridge.said)
                loading.stop()
                await driving
            await until(lambda: len(vms.record) >= len(log.issued), bridge.said)
            assert await bridge.stop() == 0
        report = ledger.compare(log, from_vxg(vms.record, {4711: "gate"}), {name: ["gate"] for name in SENSORS})
        assert report.closes, report.text()
        assert all(each.acknowledged for each in log.issued)
