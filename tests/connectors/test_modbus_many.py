"""Twenty devices at once: one that is dead, mute or mad changes nothing for the others."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tests.connectors.conftest import Bookshelf
from tests.connectors.modbus_devices import Panel, black_hole, modbus, scripted
from tests.connectors.outgoing import at_work, until

OTHERS = 19
ROUNDS = 12


@pytest.fixture(scope="module")
def panels() -> Iterator[list[Panel]]:
    made = [Panel() for _ in range(OTHERS)]
    for each in made:
        each.start()
    yield made
    with ThreadPoolExecutor(OTHERS) as stopping:
        list(stopping.map(Panel.stop, made))


@asynccontextmanager
async def dead() -> AsyncIterator[int]:
    with black_hole() as port:
        yield port


@asynccontextmanager
async def mute() -> AsyncIterator[int]:
    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        """Nothing."""

    async with scripted(answer) as device:
        yield device.port


@asynccontextmanager
async def mad() -> AsyncIterator[int]:
    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        for _ in range(64):
            writer.write(bytes(range(256)) * 64)

    async with scripted(answer) as device:
        yield device.port


@asynccontextmanager
async def drop_by_drop() -> AsyncIterator[int]:
    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        for octet in question[:4] + b"\x00\xfd" + question[6:8] + b"\xfa" + bytes(250):
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0.02)

    async with scripted(answer) as device:
        yield device.port


@pytest.mark.shows("connector:modbus", "isolation")
@pytest.mark.parametrize("broken", [dead, mute, mad, drop_by_drop])
async def test_one_broken_device_changes_nothing_for_the_others(
    panels: list[Panel], broken: Callable[[], AbstractAsyncContextManager[int]]
) -> None:
    for each in panels:
        each.as_new()
    inbox = Bookshelf()
    async with broken() as port, contextlib.AsyncExitStack() as stack:
        usual: dict[str, object] = {"poll": "100 ms"}
        link, _ = await stack.enter_async_context(
            at_work(modbus({"coil": 0}, port=port, timeout="500 ms", **usual), inbox)
        )
        others = [modbus(*({"coil": n} for n in range(10)), port=each.port, **usual) for each in panels]
        for each in others:
            await stack.enter_async_context(at_work(each, inbox))
        await until(lambda: len(inbox.kept) >= OTHERS * 10)  # how each point is at the start
        await link.hear("down")
        for each in panels:
            each.coils(*[True] * 10)
        await until(lambda: len(inbox.kept) >= OTHERS * 20)
        asked = [len(each.asked) for each in panels]
        await until(lambda: all(len(each.asked) >= before + ROUNDS for each, before in zip(panels, asked, strict=True)))
        told = [json.loads(each.body) for each in inbox.kept]
    assert sum("start" in each for each in told) == OTHERS * 10
    assert sum("start" not in each for each in told) == OTHERS * 10
    assert all(each["on"] for each in told if "start" not in each)
