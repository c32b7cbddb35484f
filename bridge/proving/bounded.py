"""Bounds for what has none: names that do not resolve, disks that hang, servers that never answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from bridge.proving.lines import Line, Topic, wrong

P = ParamSpec("P")
T = TypeVar("T")


class Threads(ThreadPoolExecutor):
    """A thread for each call, which nobody waits for at the end: a resolver or a disk that hangs must not keep the
    command from ending. Set as the loop's default executor it holds for ``getaddrinfo`` too."""

    def submit(self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*arguments, **named)
            except BaseException as error:  # noqa: BLE001 - it goes to whoever waits
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=work, name="probe", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Waits for nobody."""


async def bounded(probe: Awaitable[Sequence[Line]], seconds: float, topic: Topic, what: str, where: str) -> list[Line]:
    """What the probe says, or after ``seconds`` that it did not end: ``what`` names it."""
    try:
        async with asyncio.timeout(seconds):
            return list(await probe)
    except TimeoutError:
        said = f"{what}: nothing was found out within {seconds:g} s"
        return [wrong(topic, said, where, "see what does not answer, and try again")]
