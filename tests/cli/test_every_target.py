"""Every command over every VMS, each way: it works, or says in a plain sentence what it cannot, with a fitting code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.ending import Code
from bridge.cli.hosting import Hosted, open_control
from bridge.cli.main import main
from bridge.config.load import load
from bridge.config.secrets import SecretStores
from bridge.control.door import Door
from bridge.control.tap import Tap
from bridge.journal.contract import DeliveryRecord, Query
from bridge.model import DeliveryState, SensorId, Urgency
from bridge.service import Service
from bridge.simulator.secret_files import write_secrets
from tests.cli.elsewhere import elsewhere, entered
from tests.cli.every_target import NOBODY, TARGETS, UNASKED, Target
from tests.vms.conformance.conftest import SUBJECTS


@dataclass
class Yard:
    """A service that has delivered one event; who asks, and what he was told."""

    target: Target
    folder: Path
    event: str
    sim: Any
    capsys: pytest.CaptureFixture[str]
    err: str = ""

    @property
    def site(self) -> str:
        return str(self.folder / "site.yaml")

    def told(self, *words: str) -> tuple[int, str]:
        """How the command ended, and what it printed; no secret, no traceback."""
        self.capsys.readouterr()
        code = main([*words])
        said = self.capsys.readouterr()
        self.err = said.err
        whole = said.out + said.err
        assert "Traceback" not in whole
        for value in self.target.secrets(self.sim).values():
            assert value not in whole
        assert whole.strip(), "it says something"
        return code, said.out

    def all_told(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        code, out = self.told(*words, "--json")
        return code, [json.loads(line) for line in out.splitlines()]


@dataclass
class Served:
    """A service with its control socket, which has delivered ``event``."""

    service: Service
    door: Door
    tasks: list[asyncio.Task[None]]
    event: str

    @classmethod
    async def start(cls, path: Path) -> Served:
        site = load(path)
        door, tap = open_control(None, site.journal.path), Tap()
        service = await Service.start(site, SecretStores.beside(path), observer=tap)
        tasks = [
            asyncio.create_task(service.run()),
            asyncio.create_task(Hosted(service, path, 5.0).control(tap, door)),
        ]
        async with asyncio.timeout(50):
            while service.state != "running":
                await asyncio.sleep(0.005)
            await service.fire(SensorId("lpr"), None, {"plate": "1AB2345", "lane": 2}, Urgency.ALARM)
            return cls(service, door, tasks, await _delivered(service))

    async def stop(self) -> None:
        await self.service.stop(5.0)
        self.tasks[1].cancel()
        await asyncio.wait(self.tasks)
        self.door.close()


async def _delivered(service: Service) -> str:
    query = Query(what="deliveries", states=(DeliveryState.DELIVERED, DeliveryState.DEAD))
    while True:
        async for each in service.journal.read(query):
            if isinstance(each, DeliveryRecord):
                assert each.state is DeliveryState.DELIVERED, each.why
                return each.event
        await asyncio.sleep(0.02)


ASKED = [each for each in TARGETS if not each.alike]


@pytest.fixture(scope="module", params=ASKED, ids=[each.name for each in ASKED])
def one(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, ...]]:
    target: Target = request.param
    folder = tmp_path_factory.mktemp(target.name)
    with elsewhere() as there, entered(there, target.simulator()) as sim:
        (folder / "site.yaml").write_text(target.site(sim))
        write_secrets(folder / "secrets", target.secrets(sim))
        served = there.run(Served.start(folder / "site.yaml"))
        try:
            yield target, folder, served.event, sim
        finally:
            there.run(served.stop())


@pytest.fixture
def yard(one: tuple[Any, ...], capsys: pytest.CaptureFixture[str]) -> Yard:
    target, folder, event, sim = one
    return Yard(target, folder, event, sim, capsys)


def test_none_is_left_out() -> None:
    """A subject of the conformance suite may be a variant of one here: the same over UDP, say."""
    names = tuple(each.name for each in TARGETS)
    assert [each.name for each in SUBJECTS if not each.name.startswith(names)] == []
    assert {each.name for each in entry_points(group="vms_bridge.vms")} == {each.name.split("-")[0] for each in TARGETS}


@pytest.mark.parametrize("what", ["list", "import"])
def test_cameras(yard: Yard, what: str, tmp_path: Path) -> None:
    """In a copy of the site, which gets those it has not."""
    target, site = yard.target, tmp_path / "site.yaml"
    site.write_text(Path(yard.site).read_text())
    secrets = ("--secrets", str(tmp_path / "secrets"))
    write_secrets(tmp_path / "secrets", target.secrets(yard.sim))
    pasted = ("--with", "gate") if target.name == "vxg" else ()
    code, out = yard.told("cameras", what, "--site", str(site), *secrets, *pasted)
    if target.unlisted:
        assert code in (Code.USAGE, Code.REFUSED)
        assert target.unlisted in yard.err
        assert site.read_text() == Path(yard.site).read_text()
        return
    assert code == Code.DONE, yard.err
    if what == "list":
        for name in target.lists.values():
            assert str(name) in out
        return
    cameras = {key: each.settings.model_dump()["id"] for key, each in load(site).cameras.items()}
    assert cameras == target.lists


@pytest.mark.parametrize("what", ["plan", "apply"])
def test_event_types(yard: Yard, what: str) -> None:
    """Where they are declared by somebody else, or nobody, it says so."""
    code, out = yard.told(what, yard.site, *(["--yes"] if what == "apply" else []))
    if yard.target.name == "vxg" and what == "plan":
        assert code == Code.TO_DO
    else:
        assert code == Code.DONE, out + yard.err
    assert yard.target.types in out or (yard.target.name == "vxg" and "every event type" in out), out


def test_check_says_what_it_can_and_what_it_cannot(yard: Yard) -> None:
    code, out = yard.told("check", yard.site)
    assert code == Code.DONE
    (line,) = [line for line in out.splitlines() if line.startswith("VMS yard (")]
    can, _, cannot = line.partition("cannot: ")
    for word in ("be searched", "back-date", "amend", "take pictures", "list its cameras", "tell its events"):
        assert (word in can) is not (word in cannot)
    assert ("tell its events" in can) is yard.target.found
    assert ("list its cameras" in can) is bool(yard.target.lists)
    assert ("make clips" in can) is yard.target.clips


def test_check_says_why_a_vms_cannot_be_built_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(kind: str) -> None:
        raise ModuleNotFoundError("no such library")

    (tmp_path / "site.yaml").write_text(ASKED[0].site(NOBODY))
    monkeypatch.setattr("bridge.cli.able.vms_class", missing)
    assert main(["check", str(tmp_path / "site.yaml")]) == Code.DONE
    out = capsys.readouterr().out
    assert f"VMS yard ({ASKED[0].name.split('-')[0]}) cannot be built: no such library" in out
    assert "no errors" in out


@pytest.mark.parametrize("target", [each for each in ASKED if not each.clips], ids=lambda each: each.name)
def test_clips_where_none_can_be_made_are_an_error(
    target: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(target.site(NOBODY).replace("yard: {type", "yard: {clip: {before: 5 s}, type"))
    assert main(["check", str(site)]) == Code.FOUND
    assert "vms.yard.clip: there is no key clip here: a VMS of this type cannot" in capsys.readouterr().out


def test_check_online(yard: Yard) -> None:
    code, (told,) = yard.all_told("check", "--online", yard.site)
    wrong = [line for line in told["online"] if line["grade"] == "wrong" and line["topic"] != "disk"]
    assert wrong == []
    assert code in (Code.DONE, Code.FOUND)
    cameras = [line for line in told["online"] if line["topic"] == "cameras"]
    assert cameras
    clocks = [line["what"] for line in told["online"] if line["topic"] == "clocks"]
    assert any("http://127.0.0.1:" in line for line in clocks) is yard.target.timed, clocks
    assert any("the clock of VMS yard is not asked" in line for line in clocks) is not yard.target.timed


def test_selftest(yard: Yard) -> None:
    _, (told,) = yard.all_told("selftest", yard.site)
    (trip,) = told["trips"]
    if yard.target.found:
        assert (trip["grade"], trip["note"]) == ("ok", "with its text"), trip
    else:
        assert trip["grade"] == "unknown"
        assert trip["delivered"] is not None
        assert "yard cannot be searched: ask a person to look there for" in trip["note"]


def test_fire(yard: Yard) -> None:
    code, out = yard.told("fire", "lpr", "--site", yard.site)
    assert (code, out.split()[0]) == (Code.DONE, "accepted")


def test_events_search(yard: Yard) -> None:
    code, found = yard.all_told("events", "search", "--site", yard.site, "--tag", "plate=1AB2345")
    assert (code, [each["id"] for each in found]) == (Code.DONE, [yard.event])
    code, found = yard.all_told("events", "search", "--vms", "--site", yard.site, "--tag", "plate=1AB2345")
    if yard.target.found:
        assert (code, [each.get("event") for each in found]) == (Code.DONE, [yard.event])
        return
    assert code == Code.FOUND
    assert [(each["vms"], UNASKED in each["cannot"]) for each in found] == [("yard", True)]
    assert yard.told("events", "search", "--vms", "--site", yard.site)[0] == Code.FOUND
    assert f"not asked: VMS yard: one of type {yard.target.name.split('-')[0]}" in yard.err


def test_events_show(yard: Yard) -> None:
    code, out = yard.told("events", "show", yard.event, "--site", yard.site)
    assert code == Code.DONE, out
    assert yard.event in out
    if yard.target.found:
        assert "dock (yard) has it as" in out
        assert "as in the journal" in out
        return
    assert UNASKED in out
    code, _ = yard.told("events", "show", yard.event, "--vms", "--site", yard.site)
    assert code == Code.REFUSED
    assert UNASKED in yard.err


def test_events_media(yard: Yard, tmp_path: Path) -> None:
    """What there is is brought, also where the clip that is asked for cannot be made."""
    target, to = yard.target, str(tmp_path / "evidence")
    words = ("events", "media", yard.event, "--site", yard.site, "--to", to, "--clip", "--wait", "10 s")
    code, found = yard.all_told(*words)
    brought = {each["kind"] for each in found if each["file"]}
    cannot = [each["cannot"] for each in found if each["cannot"]]
    assert set(target.media) <= {each["kind"] for each in found}, found
    assert brought <= {*target.media, "video"}, "of other events at that time, too"
    assert bool(brought) is bool(target.media), "something of what there is, is there already"
    assert any("its VMS cannot be asked to make clips" in why for why in cannot) is (target.found and not target.clips)
    if not target.media:
        assert any(target.without in why for why in cannot), found
    assert code == (Code.FOUND if cannot else Code.DONE)
