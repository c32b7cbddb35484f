"""What the journal alone takes: events a second and CPU per event, claim and settle included.

    python tests/benchmarks/journal.py [seconds per line]

Each line keeps ``concurrency`` senders at work that commit one event after the other, and a delivery side that
settles every head at once and asks for the lane's next. Pin it to one core (``taskset -c 0``) to see what a bridge on
one core can have at most.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from bridge.clock import SystemClock
from bridge.journal.contract import LaneHead
from bridge.journal.sqlite import SqliteJournal
from bridge.model import Decision, Delivered, SensorId, StateChange, StateKey, Urgency
from tests.journal.making import SITE, VMS, decision

DETAIL = b'{"plate":"' + b"x" * 1800 + b'"}'


def decisions(count: int, cameras: int, sensors: int) -> list[Decision]:
    names = tuple(f"camera-{each}" for each in range(cameras))
    made = []
    for number in range(count):
        sensor = f"sensor-{number % sensors}"
        fact = StateChange(
            StateKey(SensorId(sensor), "dedup", f"key-{time.time_ns()}-{number}"), b"seen", time.time() + 3600
        )
        made.append(decision(sensor=sensor, cameras=names, body=DETAIL, detail=DETAIL, changes=(fact,)))
    return made


async def measure(folder: Path, cameras: int, concurrency: int, seconds: float, sensors: int = 200) -> str:
    journal = await SqliteJournal.open(folder, site=SITE, node="bench", clock=SystemClock())
    clock = SystemClock()
    work = decisions(int(12_000 * seconds), cameras, sensors)
    latencies: list[float] = []
    settled = committed = 0
    going = True

    async def send(mine: list[Decision]) -> None:
        nonlocal committed
        for each in mine:
            if not going:
                return
            begun = time.perf_counter()
            await journal.commit(each)
            latencies.append(time.perf_counter() - begun)
            committed += 1

    async def deliver(head: LaneHead) -> None:
        nonlocal settled
        following: LaneHead | None = head
        while following is not None:
            following = await journal.settle(following, Delivered("remote-id"), clock.now(), True)
            settled += 1

    async def claim(group: asyncio.TaskGroup) -> None:
        free = asyncio.Semaphore(16)
        while True:
            await free.acquire()
            heads = await journal.claim(journal.lease, VMS, Urgency.NOTICE, clock.now(), 1 + free._value)
            for _ in heads[1:]:
                await free.acquire()
            for head in heads:
                group.create_task(deliver(head)).add_done_callback(lambda _: free.release())

    cpu, wall = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        claimer = group.create_task(claim(group))
        senders = [group.create_task(send(work[each::concurrency])) for each in range(concurrency)]
        done, _ = await asyncio.wait(senders, timeout=seconds)
        going = len(done) == len(senders)
        await asyncio.gather(*senders)
        taken = time.perf_counter() - wall
        while settled < committed * cameras:
            await asyncio.sleep(0.005)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        claimer.cancel()
    await journal.close()
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
    return (
        f"{cameras} camera(s), {concurrency:3d} senders: {committed / taken:7.0f} events/s, "
        f"{committed * cameras / wall:7.0f} deliveries/s, {cpu / committed * 1e6:6.1f} us CPU per event, "
        f"commit p50 {p50:.2f} p99 {p99:.2f} ms"
    )


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    for cameras in (1, 4):
        for concurrency in (1, 8, 32, 128):
            with tempfile.TemporaryDirectory() as folder:
                print(uvloop.run(measure(Path(folder) / "journal", cameras, concurrency, seconds)), flush=True)


if __name__ == "__main__":
    main()
