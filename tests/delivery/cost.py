"""What the delivery room costs per delivery, with a target and a journal that cost next to nothing.

Run it by itself: ``python -m tests.delivery.cost``. CPU time, so that other work on the machine does not count; the
journal and target alone are measured in the same run and taken off.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import ClassVar

from bridge.clock import SystemClock
from bridge.delivery.dispatch import Deliveries
from bridge.journal.contract import LaneHead, Lease, Parked
from bridge.model import (
    Absent,
    CameraId,
    Delivered,
    Delivery,
    Findings,
    Instant,
    Lane,
    Outcome,
    Search,
    SensorEvent,
    SensorId,
    Urgency,
    VmsId,
)
from bridge.supervision import Conditions
from bridge.vms.base import CameraSettings, Capabilities, Request, VmsSettings
from tests.delivery.conftest import event
from tests.delivery.scripted_vms import Keys

CLOUD = VmsId("cloud")
REQUESTS = (Request(method="POST", url="/", raises=True),)
DONE = Delivered("r")


class TrivialTarget:
    Settings: ClassVar[type[VmsSettings]] = VmsSettings
    Camera: ClassVar[type[CameraSettings]] = CameraSettings
    can = Capabilities(search=True, backdate=True, amend=True, picture=False)

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        return REQUESTS

    async def send(self, request: Request, urgent: bool = False) -> Outcome:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, None)
        await future
        return DONE

    async def find(self, delivery: Delivery) -> Search:
        return Absent()

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        return ()

    async def close(self) -> None: ...


class TrivialJournal:
    """Heads made beforehand; settling waits one turn of the loop, as for a commit shared by many."""

    def __init__(self, lanes: Sequence[Sequence[LaneHead]]) -> None:
        self.lanes = deque(deque(lane) for lane in lanes)
        self.following = {head.ref: lane for lane in self.lanes for head in lane}
        self.left = len(self.following)
        self.done = asyncio.get_running_loop().create_future()

    async def claim(self, lease: Lease, vms: VmsId, least: Urgency, now: Instant, limit: int) -> Sequence[LaneHead]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if least is Urgency.ALARM or not self.lanes:
            await future
        asyncio.get_running_loop().call_soon(future.set_result, None)
        await future
        return [self.lanes.popleft().popleft() for _ in range(min(limit, len(self.lanes)))]

    async def settle(self, head: LaneHead, outcome: Outcome, now: Instant, begin_next: bool) -> LaneHead | None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, None)
        await future
        self.left -= 1
        if not self.left:
            self.done.set_result(None)
        lane = self.following[head.ref]
        if lane and begin_next:
            return lane.popleft()
        if lane:
            self.lanes.append(lane)
        return None

    async def parked(self) -> Sequence[Parked]:
        return ()


def heads(lanes: int, length: int) -> list[list[LaneHead]]:
    said: SensorEvent = event(1)
    made = []
    for number in range(lanes):
        lane = Lane(SensorId(f"s{number}"), CameraId("gate"), Urgency.NOTICE)
        made.append(
            [
                LaneHead(
                    lane=lane,
                    delivery=Delivery(event=said, camera=CameraId("gate"), vms=CLOUD),
                    ambiguous=False,
                    begun_at=said.arrived_at,
                    ref=number * length + step,
                )
                for step in range(length)
            ]
        )
    return made


async def through_the_room(lanes: int, length: int) -> float:
    journal, clock = TrivialJournal(heads(lanes, length)), SystemClock()
    deliveries = Deliveries(
        journal,  # type: ignore[arg-type]  # only its lanes
        Lease("journal", "here", 1),
        {CLOUD: TrivialTarget()},  # type: ignore[dict-item]
        {CLOUD: VmsSettings(type="any")},
        Keys(),
        clock,
        Conditions(clock),
        None,
    )
    task = asyncio.ensure_future(deliveries.run())
    began = time.process_time()
    await journal.done
    spent = time.process_time() - began
    task.cancel()
    await asyncio.wait([task])
    return spent / (lanes * length) * 1e6


async def bare(count: int) -> float:
    """Send and settle by hand, 12 at a time: what is not the room's."""
    journal, target, clock = TrivialJournal(heads(12, count // 12)), TrivialTarget(), SystemClock()

    async def hand(lane: deque[LaneHead]) -> None:
        head: LaneHead | None = lane.popleft()
        while head is not None:
            await target.send(target.render(head.delivery)[0])
            head = await journal.settle(head, DONE, clock.now(), True)

    began = time.process_time()
    await asyncio.gather(*(hand(lane) for lane in list(journal.lanes)))
    return (time.process_time() - began) / count * 1e6


async def main() -> None:
    without = min([await bare(24_000) for _ in range(3)])
    print(f"target, journal and clock alone: {without:.1f} µs")
    for name, lanes, length in (("long lanes", 40, 600), ("lanes of one", 24_000, 1)):
        with_room = min([await through_the_room(lanes, length) for _ in range(3)])
        print(f"{name}: {with_room - without:.1f} µs per delivery in the room ({with_room:.1f} µs in all)")


if __name__ == "__main__":
    asyncio.run(main())
