"""SNMP informs, each said again until it is answered: by net-snmp's snmpinform, a process each, and for the volume by
senders that only count what was answered. Each sender has an address of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import ClassVar

from bridge.simulator.issued import Issued
from bridge.simulator.ledger import Vehicle
from tests.connectors.snmp_sender import INFORM, datagram, text
from tests.faults.ways.way import WITHIN, Way
from tests.free_port import free_port

RACKS, EVERY = 8, 0.25
"""Senders of ours, and seconds from an answer to what each says next."""
PROGRAM, PAUSE = "rack-net-snmp", 0.4
AGAIN = 0.3
"""Seconds after which a sender says the same once more."""
COMMUNITY = "not-public"
TRAP, TEXT = "1.3.6.1.4.1.8072.2.3.0.1", "1.3.6.1.4.1.8072.2.3.2.2.0"


class Informed(Way):
    name, least = "traps", 2
    reasons: ClassVar[Mapping[str, tuple[str, ...]]] = {"duplicate": ("the same was said in ",)}

    def __init__(self) -> None:
        super().__init__()
        self.addresses = {f"rack-{index}": f"127.0.1.{index + 1}" for index in range(RACKS)}
        self.addresses[PROGRAM] = "127.0.2.1"
        rules = "[{set: {urgency: alarm}, when: \"event.fields.description.endsWith('3')\"}]"
        self.sensors = {
            name: f"profile: snmp, address: {{from: {address}}}, rules: {rules}"
            for name, address in self.addresses.items()
        }
        self._numbers = dict.fromkeys(self.addresses, 0)
        self.port = 0
        self._folder = Path()
        self.said_again = 0

    def settings(self) -> str:
        return f"{{type: snmp, bind: '127.0.0.1:{self.port}', communities: [secret:traps]}}"

    def secrets(self) -> Mapping[str, str]:
        return {"traps": COMMUNITY}

    def thing(self, sensor: str, values: Mapping[str, str]) -> Vehicle | None:
        said = values.get("description") or values.get("field_description", "")  # the first name is the VMS's own there
        number = said.removeprefix("n-")
        return (sensor, values.get("address", ""), int(number)) if number.isdecimal() else None

    @contextlib.asynccontextmanager
    async def peers(self, folder: Path) -> AsyncIterator[None]:
        self.port, self._folder = free_port(), folder / "net-snmp"
        yield

    def _next(self, sensor: str) -> Issued:
        number = self._numbers[sensor] = self._numbers[sensor] + 1
        issued = Issued(
            sensor=sensor, serial=self.addresses[sensor], car=number, state="inform", raises=True, attempts=1,
            number=self.log.next_number(sensor), urgency="alarm" if number % 10 == 3 else "notice",
            expect={"field_description": text(number)}, unsure=True,
        )  # fmt: skip
        return self.log.add(issued)

    @contextlib.asynccontextmanager
    async def speaking(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for sensor in self.addresses:
                group.create_task(self._speak(sensor, stop))
            yield
            stop.set()

    async def fresh(self) -> None:
        async with asyncio.timeout(WITHIN), asyncio.TaskGroup() as group:
            for sensor in self.addresses:
                group.create_task(self._tell(sensor))

    async def _speak(self, sensor: str, stop: asyncio.Event) -> None:
        """One thing after the other, each until it is answered."""
        while not stop.is_set():
            await self._tell(sensor)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE if sensor == PROGRAM else EVERY):
                    await stop.wait()

    async def _tell(self, sensor: str) -> None:
        issued = self._next(sensor)
        if sensor == PROGRAM:
            await self._snmpinform(issued)
        else:
            await self._inform(issued)
        issued.acknowledged, issued.unsure = True, False

    async def _snmpinform(self, issued: Issued) -> None:
        own = {"SNMP_PERSISTENT_DIR": str(self._folder), "SNMPCONFPATH": str(self._folder), "MIBS": ""}
        process = await asyncio.create_subprocess_exec(
            "snmpinform", "-v2c", "-c", COMMUNITY, "-t", "1", "-r", "600", f"--clientaddr={issued.serial}",
            f"127.0.0.1:{self.port}", str(issued.car), TRAP, TEXT, "s", text(issued.car),
            env={**os.environ, **own}, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert await process.wait() == 0, "snmpinform was never answered"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _inform(self, issued: Issued) -> None:
        said = datagram(issued.car, INFORM, COMMUNITY.encode())
        expected = said.replace(b"\xa6", b"\xa2", 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.bind((issued.serial, 0))
            sender.connect(("127.0.0.1", self.port))
            while True:
                with contextlib.suppress(ConnectionError):  # nobody hears on the port: as if it were lost
                    sender.send(said)
                if await _answered(sender, expected):
                    return
                self.said_again += 1
                issued.attempts += 1

    @property
    def noticed(self) -> int:
        return self.said_again


async def _answered(sender: socket.socket, expected: bytes) -> bool:
    loop = asyncio.get_running_loop()
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
