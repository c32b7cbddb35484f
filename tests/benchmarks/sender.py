"""The sender beside aiohttp's client: POSTs of 1 kB to a bare sink on the other core, uvloop, one run, ratios.

``python -m tests.benchmarks.sender [requests]``. CPU is this process's own, user and system.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe

import uvloop

from bridge.vms.http import Sender
from bridge.vms.http.origin import origin

ANSWER = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"id":900001}'
BODY = b'{"camid":4711,"name":"vehicle_identified","time":"2026-02-03T10:15:30.250000","meta":"' + b"x" * 910 + b'"}'
HEADERS = (
    ("Authorization", "Acc " + "e" * 340),
    ("Accept", "application/json"),
    ("Content-Type", "application/json"),
)
IN_FLIGHT = (1, 8, 50)
Post = Callable[[], Awaitable[None]]


class Sink(asyncio.Protocol):
    """Answers as often as it sees the end of a body of ours."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER * data.count(b'x"}'))  # type: ignore[attr-defined]


def _sink(pipe: Pipe) -> None:
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


async def _measure(name: str, post: Post, requests: int, in_flight: int) -> float:
    async def worker(times: int) -> None:
        for _ in range(times):
            await post()

    await worker(50)
    wall, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(worker(requests // in_flight))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(
        f"{name:<10}{in_flight:>4} in flight {requests / wall:>10,.0f}/s {cpu / requests * 1e6:>8.1f} µs CPU",
        flush=True,
    )
    return cpu / requests * 1e6


async def _run(port: int, requests: int) -> None:
    import aiohttp

    sender = Sender(connections=64, reserved=4)
    target = origin(False, "127.0.0.1", port)
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(connector=connector) as session:
        url = f"http://127.0.0.1:{port}/api/v2/storage/events/"
        headers = dict(HEADERS)

        async def ours() -> None:
            answer = await sender.send("POST", target, "/api/v2/storage/events/", HEADERS, BODY)
            assert answer.status == 201

        async def theirs() -> None:
            async with session.post(url, data=BODY, headers=headers) as answer:
                await answer.read()
                assert answer.status == 201

        for in_flight in IN_FLIGHT:
            mine = await _measure("ours", ours, requests, in_flight)
            other = await _measure("aiohttp", theirs, requests, in_flight)
            print(f"{'':<10}{in_flight:>4} in flight: aiohttp takes {other / mine:.1f} × the CPU", flush=True)
    await sender.close()


def main(requests: int) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    sink = context.Process(target=_sink, args=(there,), daemon=True)
    sink.start()
    os.sched_setaffinity(0, {0})
    try:
        uvloop.run(_run(here.recv(), requests))
    finally:
        sink.terminate()
        sink.join(5)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
