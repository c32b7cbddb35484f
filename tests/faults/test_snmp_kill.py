"""The bridge is killed at random under SNMP informs: what was answered is there, once; what was not comes again.

``KILLS``: a tenth of them; 3 unless given.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections import Counter
from pathlib import Path

import msgspec

from bridge.clock import SystemClock
from bridge.journal.contract import EventRecord, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.model import SiteId
from bridge.simulator.demo.child import Child
from bridge.simulator.demo.site import free_port
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.webhook import SimulatedWebhook
from tests.connectors.snmp_sender import INFORM, datagram, text

KILLS = max(3, int(os.environ.get("KILLS", "20")) // 10)
SEED = int(os.environ.get("SEED", "1"))
SENDERS = 8
AGAIN = 0.3
"""Seconds after which a sender says the same once more."""

COMMUNITY = "not-public"
SITE = """\
version: 1
site: {{name: Kill room}}
vms:
  board: {{type: webhook, url: "{url}/in", timeout: 2 s}}
cameras:
  rack: {{vms: board}}
connectors:
  traps: {{type: snmp, bind: "127.0.0.1:{port}", communities: [secret:traps]}}
sensors:
  any: {{kind: device, profile: snmp, connector: traps, cameras: [rack]}}
"""


class Informer:
    """Says one thing after the other, each until it is answered."""

    def __init__(self, port: int, first: int) -> None:
        self.acknowledged: list[int] = []
        self.said_again = 0
        self._port = port
        self._number = first
        self._stop = False

    def stop(self) -> None:
        """When what it is saying was answered."""
        self._stop = True

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.connect(("127.0.0.1", self._port))
            while not self._stop:
                said = datagram(self._number, INFORM, COMMUNITY.encode())
                expected = said.replace(b"\xa6", b"\xa2", 1)
                while True:
                    with contextlib.suppress(ConnectionError):  # nobody hears on the port: as if it were lost
                        sender.send(said)
                    if await self._answered(loop, sender, expected):
                        break
                    self.said_again += 1
                self.acknowledged.append(self._number)
                self._number += SENDERS

    async def _answered(self, loop: asyncio.AbstractEventLoop, sender: socket.socket, expected: bytes) -> bool:
        try:
            async with asyncio.timeout(AGAIN):
                while True:
                    try:
                        if await loop.sock_recv(sender, 65_536) == expected:
                            return True
                    except ConnectionError:
                        await asyncio.sleep(AGAIN)
        except TimeoutError:
            return False


async def test_killed_at_random_no_answered_inform_is_lost_and_none_is_doubled(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    async with SimulatedWebhook() as hooks:
        port = free_port()
        site = tmp_path / "site.yaml"
        site.write_text(SITE.format(url=hooks.base_url, port=port))
        write_secrets(tmp_path / "secrets", {"traps": COMMUNITY})
        words = ["run", str(site), "--secrets", str(tmp_path / "secrets"), "--journal", str(tmp_path / "journal")]
        child = Child([*words, "--log-level", "warning"], tmp_path / "bridge.log")
        informers = [Informer(port, first) for first in range(SENDERS)]
        try:
            await child.start()
            async with asyncio.timeout(30 + 10 * KILLS), asyncio.TaskGroup() as group:
                for informer in informers:
                    group.create_task(informer.run())
                for _ in range(KILLS):
                    await asyncio.sleep(chance.uniform(0.2, 1.0))
                    await child.kill()
                    await child.start()
                await asyncio.sleep(0.5)
                for informer in informers:
                    informer.stop()
            acknowledged = {text(number) for informer in informers for number in informer.acknowledged}
            async with asyncio.timeout(60):
                while acknowledged - shown(hooks):
                    await asyncio.sleep(0.1)
            assert await child.stop() == 0, child.tail()
        finally:
            await child.kill()
        events = await descriptions(tmp_path / "journal")
    print(f"{len(acknowledged)} informs, {sum(each.said_again for each in informers)} said again, {KILLS} kills")
    assert len(acknowledged) >= 50 * KILLS
    assert sum(informer.said_again for informer in informers) >= KILLS, "the senders hardly noticed"
    assert acknowledged - events.keys() == set(), "answered, and not in the journal"
    assert {each: times for each, times in events.items() if times > 1} == {}, "said again, and doubled"


def shown(hooks: SimulatedWebhook) -> set[str]:
    return {msgspec.json.decode(hook.body)["event"]["fields"]["description"] for hook in hooks.record}


async def descriptions(folder: Path) -> Counter[str]:
    """What the events in the journal say, and how often."""
    journal = await SqliteJournal.open(folder, site=SiteId("kill-room"), node="test", clock=SystemClock())
    found: Counter[str] = Counter()
    try:
        async for record in journal.read(Query(what="events", limit=10_000_000)):
            assert isinstance(record, EventRecord)
            found[str(record.event.fields["description"])] += 1
    finally:
        await journal.close()
    return found
