"""One sensor on the cameras of three VMS of different makers: one that is away for days costs the others nothing, ends
its own oldest notices when its bytes are spent, and has every alarm when it is back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.config.load import load
from bridge.config.secrets import SecretStores
from bridge.journal.contract import DeliveryRecord, Query
from bridge.model import CameraId, DeliveryState, Urgency
from bridge.service import Service
from bridge.simulator.http_client import HttpClient
from bridge.simulator.milestone import SimulatedMilestone
from bridge.simulator.milestone.state import DOCK
from bridge.simulator.nx import SimulatedNx
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.end_to_end.passes import bare, post, said
from tests.end_to_end.skipping_clock import SkippingClock

SITE = """\
version: 1
site: {{name: Yard}}
vms:
  cloud: {{type: vxg, url: "{vxg}", allow_http: true}}
  depot: {{type: milestone, event_server: "{milestone}"}}
  yard: {{type: nx, url: "{nx}", allow_http: true, user: bridge, password: secret:nx, way: bookmark,
         budget: {{notice: 24 KiB, fault: 24 KiB}}}}
cameras:
  gate-cloud: {{vms: cloud, id: 4711, token: secret:gate}}
  gate-depot: {{vms: depot, id: {dock}}}
  gate-yard: {{vms: yard, id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  gate-lpr:
    {{profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate-cloud, gate-depot, gate-yard],
      rules: [collapse: "off"]}}
"""
BUDGET = 24 * 1024
DAYS, A_DAY, ALARM_EVERY = 4, 12, 4
DAY = 86_400.0
WITHIN = 30.0


@dataclass
class Three:
    service: Service
    clock: SkippingClock
    vxg: SimulatedVxg
    milestone: SimulatedMilestone
    nx: SimulatedNx
    sent: int = 0
    replies: list[int] = field(default_factory=list)

    async def vehicles(self, count: int) -> None:
        """So many come by, now and then one that is on the list: an alarm."""
        (way,) = (await self.service.status()).connectors
        host, _, port = str(way.bound).rpartition(":")
        client = HttpClient(host, int(port))
        try:
            for _ in range(count):
                self.sent += 1
                listed = "block" if self.sent % ALARM_EVERY == 0 else ""
                at = int(self.clock.now().utc.timestamp() * 1000)
                reply = await client.send(post("/gate", bare(said(self.sent, listed=listed, at=at))))
                self.replies.append(reply.status)
        finally:
            client.close()

    def in_vxg(self) -> list[str]:
        return [str(json.loads(each.posted)["meta"]["bridge_event"]) for each in self.vxg.record]

    def in_milestone(self) -> list[str]:
        analytics = [each.analytics for each in self.milestone.state.events]
        return [each.values["EventHeader/CustomTag"] for each in analytics if each is not None]

    def in_nx(self) -> list[str]:
        """In the order of their coming."""
        told = [str(each["description"]) for each in self.nx.api.bookmarks.values()]
        return [found[1] for text in told if (found := re.search(r"^bridge_event: (.+)$", text, re.MULTILINE))]

    async def until_the_others_have_all(self) -> None:
        async with asyncio.timeout(WITHIN):
            while len(set(self.in_vxg())) < self.sent or len(set(self.in_milestone())) < self.sent:
                await asyncio.sleep(0.02)

    async def deliveries(self, camera: str) -> list[DeliveryRecord]:
        """In the order of their events."""
        read = self.service.journal.read(Query(what="deliveries", camera=CameraId(camera), limit=10_000))
        found = [each async for each in read if isinstance(each, DeliveryRecord)]
        return sorted(found, key=lambda each: each.event)

    async def ended(self, camera: str, skip: float = 0.0) -> set[str]:
        """How its deliveries ended, once none is left; ``skip``: by so many seconds the clock is put forward."""
        async with asyncio.timeout(WITHIN):
            while True:
                states = {each.state for each in await self.deliveries(camera)}
                if not states & {DeliveryState.PENDING, DeliveryState.BEGUN}:
                    return {each.value for each in states}
                self.clock.skip(skip)
                await asyncio.sleep(0.05)


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Three]:
    async with AsyncExitStack() as stack:
        vxg = await stack.enter_async_context(SimulatedVxg(1))
        milestone = await stack.enter_async_context(SimulatedMilestone(visible_after=0.0))
        nx = await stack.enter_async_context(SimulatedNx())
        text = SITE.format(vxg=vxg.base_url, milestone=milestone.base_url, nx=nx.base_url, dock=DOCK)
        (tmp_path / "site.yaml").write_text(text)
        write_secrets(tmp_path / "secrets", {"gate": vxg.tokens[4711], "nx": nx.users.password})
        clock = SkippingClock()
        stores = SecretStores.beside(tmp_path / "site.yaml")
        service = await Service.start(load(tmp_path / "site.yaml"), stores, clock=clock)
        running = asyncio.create_task(service.run())
        try:
            async with asyncio.timeout(WITHIN):
                while service.state != "running":
                    await asyncio.sleep(0.005)
            yield Three(service, clock, vxg, milestone, nx)
        finally:
            await service.stop(5.0)
            await running


async def test_one_that_is_away_for_days_leaves_the_others_untouched(three: Three) -> None:
    await three.vehicles(1)
    await three.until_the_others_have_all()
    async with asyncio.timeout(WITHIN):
        while not three.in_nx():
            await asyncio.sleep(0.02)
    await three.nx.server.go_away()
    for _ in range(DAYS):
        await three.vehicles(A_DAY)
        await three.until_the_others_have_all()
        assert (await three.service.status()).vms["yard"]["notice"] <= BUDGET
        three.clock.skip(DAY)
    assert set(three.replies) == {200}, "nobody was told to come later"
    assert three.service.conditions.holds("budget yard notice")
    waiting = await three.deliveries("gate-yard")
    alarms = [each for each in waiting if each.urgency is Urgency.ALARM]
    assert len(alarms) == three.sent // ALARM_EVERY
    assert {each.state for each in alarms} <= {DeliveryState.PENDING, DeliveryState.BEGUN}, "an alarm has no budget"
    assert {each.why for each in waiting if each.state is DeliveryState.EXPIRED} == {"budget"}
    for camera in ("gate-cloud", "gate-depot"):
        assert await three.ended(camera) == {"delivered"}
        assert {each.attempts for each in await three.deliveries(camera)} == {1}

    await three.nx.server.come_back()
    assert await three.ended("gate-yard", skip=60.0) == {"delivered", "expired"}
    ended = await three.deliveries("gate-yard")
    assert len(ended) == three.sent
    assert {each.event for each in alarms} <= set(three.in_nx())
    assert set(three.in_nx()) == {each.event for each in ended if each.state is DeliveryState.DELIVERED}
    assert len(three.in_nx()) == len(set(three.in_nx())), "each once"
    notices = [each for each in ended if each.urgency is Urgency.NOTICE]
    last_expired = max(index for index, each in enumerate(notices) if each.state is DeliveryState.EXPIRED)
    before = [each for each in notices[1:last_expired] if each.state is DeliveryState.DELIVERED]
    assert len(before) <= 1, "the oldest ended; the one that was being sent when it went away may not"
    assert len(notices) - last_expired > 1, "and the newest were kept"
    order = [each for each in three.in_nx() if each in {one.event for one in notices}]
    assert order == sorted(order)
