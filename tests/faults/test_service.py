"""The service's whole life, by the unit's own lines: installed from a wheel over a journal of the first version,
started, killed, reloaded with a changed token, restarted, stopped and removed, under load: nothing is lost or doubled.

Everywhere under a stand-in for systemd; where this machine lets a systemd run, under that, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from bridge.clock import SystemClock
from bridge.journal.sqlite import SqliteJournal, schema
from bridge.model import SiteId
from bridge.simulator import ledger
from bridge.simulator.arrivals import from_vxg
from bridge.simulator.faults import every_kind
from bridge.simulator.issued import Issued, Log
from bridge.simulator.journal_ledger import journal_properties
from bridge.simulator.load import Load, LoadSettings
from bridge.simulator.readers import Way
from bridge.simulator.vxg import SimulatedVxg
from tests.faults.service import real
from tests.faults.service.machine import ROOT, Machine, Steward, install, run, wheels
from tests.faults.service.stand_in import standing_in
from tests.faults.ways.plates import driving
from tests.free_port import free_port

HERE = Path(__file__).parent / "service"
BEFORE = {"before-0": ["gate-0"], "before-1": ["gate-0", "gate-1"]}
SENSORS = {f"reader-{number:02d}": [f"gate-{number % 3}"] for number in range(12)}
CAMERAS = {"gate-0": 4711, "gate-1": 4712, "gate-2": 4713}
RATE = 60.0
EXPOSED = 2.0
"""The most that ``systemd-analyze security`` may say of the service while it runs."""
KEPT = "/var/lib/vms-bridge-secrets/files"
"""The unit's folder for secrets that change while the service runs."""


class Yard:
    """A machine with its service, a VMS, and readers that send to it all the time."""

    def __init__(self, machine: Machine, vms: SimulatedVxg, steward: Steward) -> None:
        self.machine = machine
        self.vms = vms
        self.steward = steward
        self.log = Log()
        self.port = 0

    def loads(self) -> list[Load]:
        names = list(SENSORS)
        settings = [
            LoadSettings(
                host="127.0.0.1", port=self.port, sensors=names[turn::2], senders=2, rate=RATE / 2, way=way,
                alarm_every=4, picture_bytes=2_000 if way is Way.MULTIPART else 0, first=turn * 1_000_000, timeout=5.0,
            )
            for turn, way in enumerate((Way.JSON, Way.MULTIPART))
        ]  # fmt: skip
        return [Load(each, self.log) for each in settings]

    async def more(self, count: int = 40) -> None:
        """Until so many messages more have been acknowledged."""
        wanted = len(self.log.acknowledged) + count
        await self.until(lambda: len(self.log.acknowledged) >= wanted, "hardly anything is acknowledged")

    async def shown(self, camera: str, count: int = 3) -> None:
        """Until so many events more stand on this camera."""
        wanted = len(self.vms.events_of(CAMERAS[camera])) + count
        await self.until(lambda: len(self.vms.events_of(CAMERAS[camera])) >= wanted, f"{camera} gets nothing more")

    async def until(self, holds: object, why: str) -> None:
        assert callable(holds)
        try:
            async with asyncio.timeout(60):
                while not holds():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{why}\n{self.steward.said()[-6000:]}") from None

    def report(self) -> ledger.Report:
        arrivals = from_vxg(self.vms.record, {number: name for name, number in CAMERAS.items()})
        return ledger.compare(self.log, arrivals, BEFORE | SENSORS)

    async def closes(self) -> None:
        """All that was acknowledged has arrived, and the journal says the same."""
        await self.until(lambda: not self.report().broken(ledger.ARRIVES), "not all arrives")
        told = await self.steward.command("status", "--journal", "/var/lib/vms-bridge", "--json")
        assert not msgspec.json.decode(told)["parked"]
        await self.steward.stop()
        report = self.report()
        arrivals = from_vxg(self.vms.record, {number: name for name, number in CAMERAS.items()})
        site = SiteId("service-yard")
        journal = await SqliteJournal.open(self.machine.journal, site=site, node="test", clock=SystemClock())
        try:
            report.properties += await journal_properties(self.log, journal, arrivals)
        finally:
            await journal.close()
        assert report.closes, f"{report.text()}\n{self.steward.said()[-3000:]}"
        assert all(each.checked for each in report.properties), report.text()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A socket's path has 107 characters at most, and a test's own folder may take most of them."""
    with tempfile.TemporaryDirectory(prefix="vb-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheels(tmp_path_factory.mktemp("wheels"))


@contextlib.asynccontextmanager
async def yard(kind: str, root: Path, packages: Path, watchdog: float | None = None) -> AsyncIterator[Yard]:
    """Installed and set up, with what an earlier version left undelivered; not started."""
    machine = Machine(root, ("gate-1", "gate-2"), watchdog)
    machine.old_journal(HERE / "journal_version_1.sql")
    async with SimulatedVxg(3) as vms, contextlib.AsyncExitStack() as stack:
        port = free_port()
        machine.site.write_text(site(vms.base_url, port))
        for name in ("gate-1", "gate-2"):
            machine.credential(name, vms.tokens[CAMERAS[name]])
        steward: Steward
        if kind == "stand-in":
            install(machine, packages)
            steward = await stack.enter_async_context(standing_in(machine))
        else:
            steward = await stack.enter_async_context(real.booted(machine, packages))
        made = Yard(machine, vms, steward)
        made.port = port
        lines = (HERE / "issued_before.jsonl").read_bytes().splitlines()
        made.log.issued += [msgspec.json.decode(line, type=Issued) for line in lines]
        yield made


def site(vms: str, port: int) -> str:
    lines = [
        "version: 1",
        "site: {name: Service yard}",
        "vms:",
        f"  cloud: {{type: vxg, url: '{vms}', allow_http: true, timeout: 2 s, settle_after: 1 s}}",
        "cameras:",
        *(f"  {name}: {{vms: cloud, id: {number}, token: secret:{name}}}" for name, number in CAMERAS.items()),
        "connectors:",
        f"  lpr: {{type: http, bind: '127.0.0.1:{port}'}}",
        "sensors:",
        *(
            f"  {sensor}: {{profile: cammra, connector: lpr, address: {{path: /s/{sensor}}},"
            f" cameras: [{', '.join(cameras)}]}}"
            for sensor, cameras in (BEFORE | SENSORS).items()
        ),
    ]
    return "\n".join(lines) + "\n"


async def first_start(yard: Yard) -> None:
    """It is ready with a camera that has no token yet; its token is given to it while it runs."""
    await yard.steward.start()
    token = yard.vms.tokens[CAMERAS["gate-0"]]
    await yard.steward.command("secret", "set", "gate-0", "--secrets", KEPT, given=token)
    await yard.shown("gate-0", 1)


async def new_token_and_reload(yard: Yard) -> None:
    """The site takes a further sensor in the same moment; the old token is refused from then on."""
    fresh = yard.vms.rotate(CAMERAS["gate-0"])
    await yard.more(10)
    await yard.steward.command("secret", "set", "gate-0", "--secrets", KEPT, given=fresh)
    text = yard.machine.site.read_text()
    more = "  reader-99: {profile: cammra, connector: lpr, address: {path: /s/reader-99}, cameras: [gate-2]}\n"
    yard.machine.site.write_text(text + more)
    before = yard.steward.said().count("reloaded:")
    await yard.steward.reload()
    await yard.until(lambda: yard.steward.said().count("reloaded:") > before, "it does not reload")
    await yard.shown("gate-0")


async def new_credential_and_restart(yard: Yard) -> None:
    """A credential is copied when the service starts: a new one is used from the next start on."""
    yard.machine.credential("gate-1", yard.vms.rotate(CAMERAS["gate-1"]))
    await yard.more(20)
    await yard.steward.restart()
    await yard.shown("gate-1")


KINDS = ["stand-in", *(["systemd"] if not real.missing() else [])]


@pytest.mark.shows("connector:http", "kill")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["stand-in"])
async def test_killed_reloaded_and_restarted_under_load_nothing_is_lost(
    short_path: Path, packages: Path, kind: str
) -> None:
    async with yard(kind, short_path / "m", packages) as here:
        await story(here, kills=2)
        await here.closes()
        await removed(here)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_with_a_vms_on_a_bad_day_and_a_service_that_stands_still(
    short_path: Path, packages: Path, kind: str
) -> None:
    async with yard(kind, short_path / "m", packages, watchdog=6) as here:
        for fault in every_kind(0.05, seconds=2.5):
            here.vms.faults.add(fault)
        await story(here, kills=6, freezes=1)
        if isinstance(here.steward, real.Real):
            assert await here.steward.exposure() <= EXPOSED
        await here.closes()
        await removed(here)


async def story(here: Yard, kills: int, freezes: int = 0) -> None:
    await first_start(here)
    await here.until(lambda: len(here.vms.record) >= 9, "what the first version left undelivered does not arrive")
    async with driving(here.loads()):
        await here.more()
        for _ in range(kills):
            await here.steward.kill()
            await here.more()
        await new_token_and_reload(here)
        for _ in range(freezes):
            await here.steward.freeze()
            await here.more()
        await new_credential_and_restart(here)
        here.vms.faults.clear()
        await here.more()


async def removed(here: Yard) -> None:
    """The program is gone; the site, its secrets and the journal are not, as the page about it says."""
    _, _, page = (ROOT / "docs/deploy.md").read_text("utf-8").partition("## Removing it")
    for place in ("/etc/vms-bridge", "/var/lib/vms-bridge", "/var/lib/vms-bridge-secrets", "/etc/systemd/system"):
        assert f"`{place}`" in page
    kept = [here.machine.site, here.machine.journal / schema.DATABASE, here.machine.at(KEPT) / "gate-0"]
    before = [each.stat().st_size for each in kept]
    run([str(here.machine.at("/opt/vms-bridge/bin/python3")), "-m", "pip", "uninstall", "-q", "-y", "vms-bridge"])
    assert not here.machine.program.exists()
    assert [each.stat().st_size for each in kept] == before
