"""Endpoints over a real journal, with a receiver on a real socket, and pauses that the test does not wait for."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.clock import SystemClock
from bridge.config.site import Endpoint, Site
from bridge.endpoints.endpoints import Endpoints
from bridge.endpoints.settings import TYPES
from bridge.endpoints.status import EndpointStatus
from bridge.endpoints.stream import Stream
from bridge.journal.sqlite import SqliteJournal
from bridge.model import Decision
from bridge.profiles.expression import compile_expression
from bridge.supervision import Conditions
from tests.decide.conftest import site_of
from tests.journal.making import SITE
from tests.vms.conftest import Played, Vault, playing

BOUND = 30.0


class Hurried(SystemClock):
    """What is waited for on purpose takes a moment; ``pauses`` are those that were asked for."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(min(seconds, 0.002))


def site_with(**endpoints: dict[str, Any]) -> Site:
    """A site with these endpoints, as written in YAML; ``_`` in a name stands for ``-``."""
    made = {}
    for name, written in endpoints.items():
        settings = TYPES[written["type"]].model_validate(written)
        select = compile_expression(settings.filter.select, {"event"}) if settings.filter.select else None
        made[name.replace("_", "-")] = Endpoint(name.replace("_", "-"), settings, select)
    return msgspec.structs.replace(site_of(), endpoints=made)


class Running:
    """The endpoints of a site, and the journal they tell of."""

    def __init__(self, journal: SqliteJournal, endpoints: Endpoints, conditions: Conditions) -> None:
        self.journal = journal
        self.endpoints = endpoints
        self.conditions = conditions

    async def keep(self, *decisions: Decision) -> None:
        """What the intake does: commit, then tell who watches."""
        for each in decisions:
            await self.journal.commit(each)
            self.endpoints.stream.decided(each)

    async def status(self, name: str) -> EndpointStatus:
        return next(each for each in await self.endpoints.status() if each.name == name)

    async def until(self, name: str, is_so: Callable[[EndpointStatus], bool]) -> EndpointStatus:
        async with asyncio.timeout(BOUND):
            while not is_so(status := await self.status(name)):
                await asyncio.sleep(0.001)
        return status

    async def bound(self, name: str) -> str:
        return (await self.until(name, lambda status: status.up)).bound


class House:
    """One journal, in which endpoints run, stop and run again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vault = Vault(erp="open sesame", control="let me in", other="me too")
        self.clock = Hurried()
        self.journal: SqliteJournal

    async def open(self) -> None:
        self.journal = await SqliteJournal.open(self.folder, site=SITE, node="here", clock=SystemClock())

    async def reopen(self) -> None:
        await self.journal.close()
        await self.open()

    @asynccontextmanager
    async def running(self, site: Site) -> AsyncIterator[Running]:
        conditions = Conditions(self.clock)
        endpoints = Endpoints(site, Stream(self.journal), self.vault, self.clock, conditions)
        task = asyncio.create_task(endpoints.run())
        try:
            yield Running(self.journal, endpoints, conditions)
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=BOUND)
            assert task.cancelled(), task


class Heard(logging.Handler):
    """Everything the bridge logs, tracebacks too."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += logging.Formatter("%(message)s").format(record) + "\n"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Afterwards no secret stands in the log, and nothing failed that nobody expected to."""
    heard, logger = Heard(), logging.getLogger("bridge")
    level = logger.level
    logger.addHandler(heard)
    logger.setLevel(logging.DEBUG)
    house = House(tmp_path / "journal")
    await house.open()
    yield house
    await house.journal.close()
    logger.removeHandler(heard)
    logger.setLevel(level)
    for value in (*house.vault.values.values(), "open sesame", "let me in"):
        assert value not in heard.text
    assert "Traceback" not in heard.text, heard.text
    assert "did not leave in time" not in heard.text


@pytest.fixture
async def receiver() -> AsyncIterator[Played]:
    async with playing() as played:
        yield played


def told(played: Played) -> list[dict[str, Any]]:
    return [json.loads(body) for body in played.bodies]


def ids(documents: list[dict[str, Any]]) -> list[str]:
    return [each["event"]["id"] for each in documents if each["what"] == "event"]


def said(*decisions: Decision) -> list[str]:
    return [event.id for each in decisions for event in each.events]
