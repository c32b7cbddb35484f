"""Where messages wait while one site gives way to another."""

from __future__ import annotations

import asyncio

from bridge.model import Message, Position, Receipt, ReceiptKind
from connectors.base import Intake


class Gate:
    """The intake as connectors see it that begin while the site before still decides: what they bring waits."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._decided = asyncio.Event()
        self._shut = ""

    async def submit(self, message: Message) -> Receipt:
        if not self._decided.is_set():
            await self._decided.wait()
        if self._shut:
            return Receipt(ReceiptKind.LATER, self._shut, after=1.0)
        return await self._intake.submit(message)

    async def position(self, name: str) -> Position | None:
        return await self._intake.position(name)

    def open(self) -> None:
        self._decided.set()

    def shut(self, why: str) -> None:
        """What waits, and what comes, stays with its sender."""
        self._shut = why
        self._decided.set()
