"""A real broker: mosquitto on a port of its own, with the configuration a test wants, started and killed at will."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bridge.model import ConnectorId
from bridge.secret import Secrets
from connectors.backoff import Backoff
from connectors.base import Address
from connectors.mqtt import MqttAddress, MqttConnector, MqttSettings
from tests.connectors.conftest import BOUND, Vault
from tests.free_port import free_port

HOST = "127.0.0.1"
OPEN = ("allow_anonymous true",)
KEEPING = ("persistence true", "autosave_interval 1", "autosave_on_changes true", "max_queued_messages 0")
"""A broker that is killed has written everything but its last moment; ``hold`` waits for that."""


def program(name: str) -> str:
    """Its path; Debian has the broker where not everybody looks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") or name


@dataclass
class Mosquitto:
    folder: Path
    lines: Sequence[str] = OPEN
    options: Sequence[str] = ()
    """What ``mosquitto_pub`` and ``_sub`` are given besides."""
    port: int = 0
    _process: asyncio.subprocess.Process | None = field(default=None)
    _clients: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    async def start(self) -> None:
        """Returns once it takes connections."""
        if not self.port:
            self.port = free_port()
        configuration = self.folder / "mosquitto.conf"
        lines = [f"listener {self.port} {HOST}", f"persistence_location {self.folder}/", "user root", *self.lines]
        configuration.write_text("\n".join(lines) + "\n")
        self._process = await asyncio.create_subprocess_exec(
            program("mosquitto"), "-c", str(configuration), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(BOUND):
            while True:
                if self._process.returncode is not None:
                    raise RuntimeError(f"mosquitto ended with {self._process.returncode}")
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(HOST, self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """In order: it writes down what it holds."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            async with asyncio.timeout(BOUND):
                await self._process.wait()

    async def publish(self, topic: str, *payloads: str | bytes, qos: int = 1, retain: bool = False) -> None:
        """By mosquitto_pub: one message for each payload, in order, by one client that waits for every PUBACK."""
        words = ["-h", HOST, "-p", str(self.port), "-t", topic, "-q", str(qos), *self.options, *(["-r"] * retain)]
        lines = b"".join((each.encode() if isinstance(each, str) else each) + b"\n" for each in payloads)
        # -l publishes each line; one alone may hold line ends, or nothing.
        words += ["-l"] if len(payloads) > 1 else ["-s"] if payloads[0] else ["-n"]
        await self._run("mosquitto_pub", words, lines if len(payloads) > 1 else lines[:-1])

    async def begin_with_a_last_will(self, topic: str, will: str) -> asyncio.subprocess.Process:
        """A client that is connected (it has heard what is retained under a topic of its own), and whose will the
        broker publishes once it is killed."""
        await self.publish("begin", "connected", retain=True)
        words = ["-h", HOST, "-p", str(self.port), "-t", "begin", "--will-topic", topic, "--will-payload", will]
        client = await asyncio.create_subprocess_exec(
            program("mosquitto_sub"), *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        self._clients.append(client)
        assert client.stdout is not None
        async with asyncio.timeout(BOUND):
            await client.stdout.readline()
        return client

    async def _run(self, name: str, words: Sequence[str], given: bytes) -> None:
        process = await asyncio.create_subprocess_exec(
            program(name), *words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        async with asyncio.timeout(BOUND):
            _, said = await process.communicate(given)
        if process.returncode:
            raise RuntimeError(f"{name} ended with {process.returncode}: {said.decode()}")


@asynccontextmanager
async def mosquitto(folder: Path, *lines: str, options: Sequence[str] = ()) -> AsyncIterator[Mosquitto]:
    broker = Mosquitto(folder, lines or OPEN, options)
    await broker.start()
    try:
        yield broker
    finally:
        for client in broker._clients:
            if client.returncode is None:
                client.kill()
                await client.wait()
        await broker.kill()


def addresses(*topics: str) -> Sequence[Address]:
    return [MqttAddress(topic=topic) for topic in topics]


def mqtt(url: str, *topics: str, vault: Secrets | None = None, **settings: object) -> MqttConnector:
    """A connector with short pauses, and a sensor for each topic."""
    made = MqttConnector(
        ConnectorId("broker"),
        MqttSettings.model_validate({"url": url, **settings}),
        addresses(*topics),
        vault or Vault(),
    )
    made.backoff = Backoff(0.01, 0.05)
    made.refused_pause = 0.02
    made.finish_within = 0.2
    return made
