"""The poller dies at each point of a poll in turn; with the journal it left, the next one loses and doubles nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.clock import SystemClock
from bridge.config.load import load
from bridge.config.site import Site
from bridge.intake import Intake
from bridge.journal.sqlite import SqliteJournal
from bridge.model import ConnectorId, Message, Position, Receipt
from bridge.simulator.http_server import Asked, Connection
from bridge.simulator.omni import Happening, Kind, SimulatedOmni
from bridge.simulator.webhook import SimulatedWebhook
from bridge.supervision import Conditions
from tests.connectors.conftest import BOUND, Vault
from tests.connectors.http_poll.conftest import OMNI
from tests.connectors.outgoing import at_work, http_poll, until
from tests.connectors.test_push_and_poll import write_site

THINGS = 10


class Fate:
    """Dies at the ``at``-th point it passes: from then on nothing returns."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.dead = asyncio.Event()
        self.passed: list[str] = []

    def dies_here(self, point: str) -> bool:
        if not self.dead.is_set():
            self.passed.append(point)
            self.left -= 1
            if self.left < 0:
                self.dead.set()
        return self.dead.is_set()


class Mortal:
    """An intake whose caller may die before a commit, or after it and before the receipt."""

    def __init__(self, intake: Intake, fate: Fate) -> None:
        self._intake = intake
        self._fate = fate

    async def submit(self, message: Message) -> Receipt:
        if self._fate.dies_here("before the commit"):
            await asyncio.get_running_loop().create_future()
        receipt = await self._intake.submit(message)
        if self._fate.dies_here("before the receipt"):
            await asyncio.get_running_loop().create_future()
        return receipt

    async def position(self, name: str) -> Position | None:
        return await self._intake.position(name)


async def life(site: Site, folder: Path, omni: SimulatedOmni, settings: dict[str, object], fate: Fate) -> int:
    """Until it dies, or all is raised; how many were, in all lives."""
    clock = SystemClock()
    journal = await SqliteJournal.open(
        folder / "journal", site=site.id, node="test", settings=site.journal, clock=clock, budgets={}
    )
    respond = omni.http.respond

    def mortal(asked: Asked, connection: Connection) -> None:
        if not fate.dies_here("before the answer"):
            respond(asked, connection)

    try:
        omni.http.respond = mortal
        intake = Intake(site, journal, clock, Conditions(clock))
        connector = http_poll(omni.graphql_url, Vault(omni=omni.token), **settings)
        connector._name = ConnectorId("omni-events")
        async with at_work(connector, Mortal(intake, fate)):
            polls = connector.counts
            async with asyncio.timeout(BOUND):
                # Two polls after the last new thing: whatever would come twice has come by then.
                await until(lambda: fate.dead.is_set() or (polls["polls"] >= 3 and polls["known"] >= 1))
        return (await journal.totals()).items.get("raised", 0)
    finally:
        omni.http.respond = respond
        await journal.close()


@pytest.mark.shows("connector:http-poll", "kill")
@pytest.mark.parametrize("order", ["any", "oldest"])
async def test_whichever_point_it_dies_at(tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.one_at_a_time.FINISH_WITHIN", 0.0)  # a kill waits for nobody
    # Without an overlap, which would forgive a cursor that is too far.
    cursor = {**OMNI["cursor"], "overlap": "0 s"}
    settings = {**OMNI, "cursor": cursor, "pages": {"by": "offset", "limit": 4, "order": order}}
    points = 0
    async with SimulatedOmni() as omni, SimulatedWebhook() as hooks:
        for number in range(THINGS):
            at = datetime(2026, 1, 5, 9, 0, number, tzinfo=UTC)
            await omni.happens(Happening(number=number, kind=Kind.ROI, camera="cam-1", at=at), push=False)
        for death in range(20):
            folder = tmp_path / str(death)
            folder.mkdir()
            site = load(write_site(folder, omni, hooks))
            fate = Fate(death)
            await life(site, folder, omni, settings, fate)
            if not fate.dead.is_set():
                break
            points += 1
            assert await life(site, folder, omni, settings, Fate(1000)) == THINGS, f"died at {fate.passed}"
    assert points >= 9, "three pages, each with its answer, its commit and its receipt"
