"""A sender that speaks nonsense: memory and journal stay bounded, and everybody else is served as before.

Counts and sizes, no times: the machine these tests run on is shared.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.clock import SystemClock
from bridge.journal.contract import QuarantineRecord, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.journal.sqlite.checkpoint import BACKSTOP
from bridge.journal.sqlite.files import CHECKPOINT_PAGES
from bridge.model import SiteId
from bridge.simulator import ledger, payloads
from bridge.simulator.arrivals import from_vxg
from bridge.simulator.http_client import HttpClient
from bridge.simulator.issued import Log
from bridge.simulator.load import Load, LoadSettings
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.end_to_end.bridge_process import Bridge, running, until
from tests.end_to_end.passes import bare, post, said

CAP = 50
"""Items kept per sender, by the site."""
GROWTH = 24 * 2**20
"""Bytes the process may grow by after its first 500 malformed bodies: allocators keep some, nothing else stays."""
JOURNAL = 24 * 2**20
"""Bytes of the journal without its log, which comes and goes: a slow machine copies it later."""
LOG = CHECKPOINT_PAGES * BACKSTOP * 4096
"""Bytes the log may have at the most."""
SENDERS = 4
SENSORS = [f"good-{number}" for number in range(10)]

SITE = f"""\
version: 1
site: {{name: Flood yard}}
vms:
  cloud: {{type: vxg, url: "URL", allow_http: true}}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
  strict: {{type: http, bind: "127.0.0.1:0", answer: strict}}
sensors:
  bad: {{profile: cammra, connector: lpr, address: {{path: /bad}}, cameras: [gate]}}
  told: {{profile: cammra, connector: strict, address: {{path: /bad}}, cameras: [gate]}}
journal: {{quarantine_per_origin: {CAP}}}
"""
GOOD = "".join(
    f"  {name}: {{profile: cammra, connector: lpr, address: {{path: /s/{name}}}, cameras: [gate]}}\n"
    for name in SENSORS
)


def malformed(seed: int) -> Iterator[bytes]:
    """Bodies without end, no two alike: what is cut off, nested, huge, binary, nearly a form, nearly JSON."""
    chance = random.Random(seed)
    whole = bare(said(1, at=1_767_603_734_000))
    number = seed * 10_000_000
    while True:
        number += 1
        mark = f"{number}".encode()
        yield post("/bad", whole[: chance.randrange(1, len(whole) - 1)] + mark)
        yield post("/bad", b"[" * chance.randrange(1, 3000) + mark)
        yield post("/bad", b'{"plateUTF8":' * chance.randrange(1, 800) + mark)
        yield post("/bad", chance.randbytes(chance.randrange(1, 3000)))
        yield post("/bad", b'{"a":' + b"9" * chance.randrange(400, 4000) + mark)
        yield post("/bad", b'"' + mark + b"\xff\xfe\x00" * chance.randrange(1, 500))
        form = payloads.multipart(whole[: chance.randrange(1, 400)] + mark, number, (), payloads.Quirks())
        yield post("/bad", form, kind=payloads.FORM)
        yield post("/bad", form[: chance.randrange(1, len(form))], kind=payloads.FORM)
        yield post("/bad", mark, kind="text/\xe4; charset=utf-17")
        yield post("/bad", b"")


async def flood(bridge: Bridge, connector: str, count: int, seed: int) -> set[int]:
    """So many bodies over a few connections; the statuses that came back. Raises Cut for one without an answer."""
    statuses: set[int] = set()

    async def sender(seed: int) -> None:
        client = HttpClient(*bridge.bound(connector))
        for _, body in zip(range(count // SENDERS), malformed(seed), strict=False):
            statuses.add((await client.send(body)).status)
        client.close()

    async with asyncio.TaskGroup() as group:
        for number in range(SENDERS):
            group.create_task(sender(seed + number))
    return statuses


@pytest.mark.parametrize("bodies", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
async def test_malformed_bodies_cost_nothing_and_hold_up_nobody(tmp_path: Path, bodies: int) -> None:
    log = Log()
    async with SimulatedVxg([4711]) as vms:
        write_secrets(tmp_path / "secrets", {"gate": vms.tokens[4711]})
        (tmp_path / "site.yaml").write_text(SITE.replace("URL", vms.base_url).replace("journal:", f"{GOOD}journal:"))
        async with running(tmp_path, "--log-level", "info") as bridge:
            host, port = bridge.bound("lpr")
            load = Load(LoadSettings(host=host, port=port, sensors=SENSORS, rate=50.0, picture_bytes=1000), log)
            async with asyncio.TaskGroup() as group:
                good = group.create_task(load.run())
                assert await flood(bridge, "lpr", 500, 100) == {200}
                before = bridge.memory()
                issued = len(log.issued)
                assert await flood(bridge, "lpr", bodies, 200) == {200}, "a device is never told 4xx"
                assert len(log.issued) > issued, "nobody else spoke meanwhile"
                load.stop()
                await good
            assert await flood(bridge, "strict", 40, 300) == {400}, "software is told what is wrong"
            grown = bridge.memory() - before
            assert grown < GROWTH, f"{grown / 2**20:.1f} MiB more after {bodies} malformed bodies"
            assert log.refused + log.cut == 0
            await until(lambda: len(vms.record) == len(log.issued), bridge.said)
            report = ledger.compare(log, from_vxg(vms.record, {4711: "gate"}), {name: ["gate"] for name in SENSORS})
            assert report.closes, report.text()
            status = await bridge.status()
            assert status["items"]["quarantined"] >= 540 + bodies  # a body may hold several
            written = sum(file.stat().st_size for file in (tmp_path / "journal").glob("*-wal"))
            assert written <= LOG
            assert status["journal_bytes"] - written < JOURNAL + 4_000 * len(log.issued)
            assert len(bridge.said()) < 20_000, "a line for each body would fill the disk in the journal's stead"
            assert await bridge.stop() == 0
    by_origin = await quarantined(tmp_path / "journal")
    assert set(by_origin.values()) == {CAP, 40}, by_origin


async def quarantined(folder: Path) -> dict[str, int]:
    """Items kept, by sender."""
    found: dict[str, int] = {}
    journal = await SqliteJournal.open(folder, site=SiteId("flood-yard"), node="test", clock=SystemClock())
    try:
        async for record in journal.read(Query(what="quarantine", limit=1_000_000)):
            assert isinstance(record, QuarantineRecord)
            found[record.origin] = found.get(record.origin, 0) + 1
    finally:
        await journal.close()
    return found
