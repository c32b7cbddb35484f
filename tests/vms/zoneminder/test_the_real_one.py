"""The real ZoneMinder, from Debian: what it was told is found again through its own API, asked by others' code; and the
ledger closes through kills of it and of the bridge. ``make zoneminder`` installs it and runs this."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.clock import SystemClock
from bridge.journal.contract import DeliveryRecord, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.model import Action, CameraId, Delivered, Delivery, DeliveryState, EventId, Found, SiteId, VmsId
from bridge.simulator.secret_files import write_secrets
from bridge.vms.zoneminder import ZoneMinderCamera, ZoneMinderSettings, ZoneMinderTarget
from bridge.vms.zoneminder.notes import ours_in
from tests.end_to_end.bridge_process import Bridge, command, running
from tests.end_to_end.passes import bare, post, said
from tests.vms.conftest import Vault, event
from tests.vms.zoneminder.real import PASSWORD, RealZoneMinder, why_not

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
DOCK, GATE = CameraId("dock"), CameraId("gate")
WAYS = ["socket", "rest"]
PACE = 0.3
"""Seconds between two vehicles, so that some of them are on their way when something is killed."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealZoneMinder]:
    if why := why_not():
        pytest.skip(why)
    with RealZoneMinder(tmp_path_factory.mktemp("zoneminder")) as real:
        yield real


@pytest.fixture
def zoneminder(started: RealZoneMinder) -> RealZoneMinder:
    """With no alarm going on: what zmtrigger was told to end would end one that is forced meanwhile."""
    started.until_quiet()
    return started


def settings(real: RealZoneMinder, way: str = "socket") -> ZoneMinderSettings:
    told = {"type": "zoneminder", "url": real.url, "allow_http": True, "user": "admin", "password": "secret:zm"}
    return ZoneMinderSettings.model_validate({**told, "way": way, "alarm_for": "1 s"})


def target(real: RealZoneMinder, way: str) -> ZoneMinderTarget:
    cameras = {name: ZoneMinderCamera(vms="yard", id=number) for name, number in ((DOCK, 1), (GATE, 2))}
    return ZoneMinderTarget(VmsId("yard"), settings(real, way), cameras, Vault(zm=PASSWORD))


async def sent(ours: ZoneMinderTarget, delivery: Delivery) -> str:
    """All its requests; ZoneMinder's id of the event."""
    outcome: object = None
    for request in ours.render(delivery):
        outcome = await ours.send(request)
        assert isinstance(outcome, Delivered), outcome
    assert isinstance(outcome, Delivered)
    return outcome.remote_id


def delivery(camera: CameraId = DOCK, **told: Any) -> Delivery:
    return Delivery(event=event(**told), camera=camera, vms=VmsId("yard"))


@pytest.mark.parametrize("way", WAYS)
async def test_an_event_is_found_again_through_its_own_api_with_its_text(zoneminder: RealZoneMinder, way: str) -> None:
    """With all that ZoneMinder itself would fail over: an apostrophe, a backslash, a character of four bytes."""
    ours = target(zoneminder, way)
    nasty = "It's 'quoted' 🚗 | žluťoučký \\"
    log = "; ".join(f"pole {number}" for number in range(9000))
    told = delivery(
        id=EventId(f"nasty-{way}.0"), title=nasty, fields={"plate": "1AB'2345\\", "note": "a\r\nb|c%s%d"},
        detail=json.dumps({"log": log}).encode(),
    )  # fmt: skip
    try:
        number = await sent(ours, told)
        assert await ours.find(told) == Found(number)
        later = msgspec.structs.replace(told.event, revision=1, title="Corrected", detail=b"{}")
        amendment = msgspec.structs.replace(told, event=later, action=Action.AMEND, remote_id=number)
        (found,) = zoneminder.get(f"/events/index/Id:{number}.json")["events"]
        notes = found["Event"]["Notes"]
        assert f"bridge_event: nasty-{way}.0" in notes
        assert "plate: 1AB'2345\\" in notes
        assert "It's 'quoted' � | žluťoučký" in notes
        assert f"all of it in event nasty-{way}.0]" in notes
        assert found["Event"]["Cause"].startswith("It’s ’quoted’")
        await sent(ours, amendment)
        (found,) = zoneminder.get(f"/events/index/Id:{number}.json")["events"]
        assert "Corrected\nbridge_event" in found["Event"]["Notes"]
        assert "pole 1;" not in found["Event"]["Notes"]
        kind, picture = zoneminder.fetch(f"view=image&eid={number}&fid=alarm")
        assert (kind, picture[:2]) == ("image/jpeg", b"\xff\xd8")
    finally:
        await ours.close()


@pytest.mark.parametrize("way", WAYS)
async def test_several_that_speak_into_one_alarm_are_all_there(zoneminder: RealZoneMinder, way: str) -> None:
    ours = target(zoneminder, way)
    told = [
        delivery(GATE, id=EventId(f"many-{way}.{number}"), sensor=f"s{number}", title=f"Event {number}")
        for number in range(6)
    ]
    try:
        async with asyncio.TaskGroup() as group:
            for each in told:
                group.create_task(sent(ours, each))
        for each in told:
            assert isinstance(await ours.find(each), Found)
    finally:
        await ours.close()


async def test_it_passes_its_own_check_and_lists_its_monitors(zoneminder: RealZoneMinder) -> None:
    ours = target(zoneminder, "socket")
    try:
        findings = await ours.check([DOCK, GATE])
        assert all(finding.ok for finding in findings), findings
        cameras = await ours.discover(settings(zoneminder), PASSWORD, Vault())
        assert [(each.name, each.settings) for each in cameras] == [("Dock", {"id": 1}), ("Gate", {"id": 2})]
    finally:
        await ours.close()


SITE = """\
version: 1
site: {{name: Yard}}
vms:
  yard: {{type: zoneminder, url: "{url}", allow_http: true, user: admin, password: secret:zm, way: {way},
         alarm_for: 2 s}}
cameras:
  dock: {{vms: yard, id: 1}}
  gate: {{vms: yard, id: 2}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  lpr-1: {{profile: cammra, connector: lpr, address: {{path: /1}}, cameras: [dock], rules: [collapse: "off"]}}
  lpr-2: {{profile: cammra, connector: lpr, address: {{path: /2}}, cameras: [gate], rules: [collapse: "off"]}}
  lpr-3: {{profile: cammra, connector: lpr, address: {{path: /3}}, cameras: [dock, gate], rules: [collapse: "off"]}}
"""


async def test_the_commands_find_show_and_fetch_what_it_has(zoneminder: RealZoneMinder, tmp_path: Path) -> None:
    """Dock keeps pictures alone, Gate writes a video file, too."""
    (tmp_path / "site.yaml").write_text(SITE.format(url=zoneminder.url, way="socket"))
    write_secrets(tmp_path / "secrets", {"zm": PASSWORD})
    site, plate = str(tmp_path / "site.yaml"), "1AB'2345"
    async with running(tmp_path) as bridge:
        code, out = await command("fire", "lpr-3", "--site", site, "--field", f"plate={plate}")
        assert code == 0, out
        async with asyncio.timeout(60):
            while await waiting(bridge):
                await asyncio.sleep(0.2)
        _, (ours,) = await told("events", "search", "--site", site)
        event = ours["id"]
        async with asyncio.timeout(120):  # the video is whole when ZoneMinder has closed its event
            while not (found := await media(site, event, tmp_path / "media")).get("clip"):
                await asyncio.sleep(1)
        code, (shown,) = await told("events", "show", event, "--vms", "--site", site)
        assert code == 0, shown
        assert [(each["camera"], each["wrong"]) for each in shown["vms"]] == [("dock", []), ("gate", [])]
        assert {each["found"]["tags"]["plate"] for each in shown["vms"]} == {plate}
        code, listed = await told("events", "search", "--vms", "--site", site, "--tag", f"plate={plate}")
        assert code == 0
        assert {(each["camera"], each["event"], each["tags"]["title"]) for each in listed} == {
            (camera, event, "TEST lpr-3: test event") for camera in ("dock", "gate")
        }
        assert await bridge.stop() == 0
    files = {
        kind: [(tmp_path / "media" / name).read_bytes() for name in names]
        for kind, names in found.items()
        if kind != "cannot"
    }
    assert all(each.startswith(b"\xff\xd8") for each in files["picture"])
    assert all(each[4:8] == b"ftyp" for each in files["clip"])
    assert any("keeps pictures and no video" in name for name in found["cannot"])
    _, (_, *clips) = await told("events", "media", event, "--site", site, "--clip")
    assert any("cannot be asked to make clips" in each["cannot"] for each in clips)


async def told(*words: str) -> tuple[int, list[dict[str, Any]]]:
    code, printed = await command(*words, "--json")
    return code, [json.loads(line) for line in printed.splitlines()]


async def media(site: str, event: str, to: Path) -> dict[str, list[str]]:
    """The files that were brought, by kind; under ``cannot`` why others were not."""
    found: dict[str, list[str]] = {}
    _, brought = await told(
        "events", "media", event, "--site", site, "--to", str(to), "--before", "1 s", "--after", "1 s"
    )
    for each in brought:
        found.setdefault(each["kind"] if each["file"] else "cannot", []).append(each["file"] or each["cannot"])
    return found


TROUBLES = (
    ["kill zmtrigger.pl"],
    ["hold", "kill zmc -m 1"],  # nobody starts it again: what it is told meanwhile is lost without a word
    ["kill zmc -m 2", "kill zmtrigger.pl", "kill apache2"],
    ["kill mariadbd", "kill zmdc.pl"],  # what that one had started goes on without it
    ["crash"],
)


@pytest.mark.parametrize("way", WAYS)
async def test_the_ledger_closes_through_kills_of_zoneminder_and_of_the_bridge(
    zoneminder: RealZoneMinder, tmp_path: Path, way: str
) -> None:
    """What was acknowledged stands in ZoneMinder, each on each of its cameras; once, but for what says that it may be
    there twice."""
    (tmp_path / "site.yaml").write_text(SITE.format(url=zoneminder.url, way=way))
    write_secrets(tmp_path / "secrets", {"zm": PASSWORD})
    words = ("--secrets", str(tmp_path / "secrets"), "--journal", str(tmp_path / "journal"))
    number = 0

    async def issue(bridge: Bridge, count: int) -> None:
        nonlocal number
        for _ in range(count):
            number += 1
            listed = "block" if number % 5 == 0 else ""
            reply = await bridge.post(post(f"/{number % 3 + 1}", bare(said(number, listed=listed))))
            assert reply.status == 200
            await asyncio.sleep(PACE)

    for troubles in TROUBLES:
        async with running(tmp_path, *words) as bridge:
            await issue(bridge, 4)
            for trouble in troubles:
                assert await asyncio.to_thread(zoneminder.ask, trouble) == "done"
            await issue(bridge, 5)
            bridge.process.kill()
            await bridge.ends()
            assert await asyncio.to_thread(zoneminder.ask, "go on") == "done"
    assert await asyncio.to_thread(zoneminder.ask, "start") == "done"
    async with running(tmp_path, *words) as bridge:
        await issue(bridge, 3)
        async with asyncio.timeout(240):
            while await waiting(bridge):
                await asyncio.sleep(0.5)
        assert await bridge.stop() == 0
    records = await deliveries(tmp_path / "journal")
    assert len({each.event for each in records}) == number
    assert [each for each in records if each.state is not DeliveryState.DELIVERED] == []
    there = found_in(zoneminder.events())
    missing = [each for each in records if (each.event, MONITOR[each.camera]) not in there]
    assert missing == []
    once = {(each.event, MONITOR[each.camera]) for each in records if not each.possible_duplicate}
    twice = {key for key in once - marked_in(zoneminder.events()) if there[key] > 1}
    assert twice == set(), "\n\n".join(
        f"event {of_it['Id']} of monitor {of_it['MonitorId']}, {of_it['StartDateTime']} to {of_it['EndDateTime']}, "
        f"{of_it['Cause']}:\n{of_it['Notes']}"
        for each in twice
        for of_it in zoneminder.events()
        if each[0] in of_it["Notes"]
    )


async def waiting(bridge: Bridge) -> int:
    """Deliveries that have not ended."""
    counts: dict[str, int] = (await bridge.status())["deliveries"]
    return counts.get("pending", 0) + counts.get("begun", 0)


MONITOR = {DOCK: "1", GATE: "2"}


async def deliveries(folder: Path) -> list[DeliveryRecord]:
    journal = await SqliteJournal.open(folder, site=SiteId("yard"), node="test", clock=SystemClock())
    try:
        read = journal.read(Query(what="deliveries", limit=100_000))
        return [each async for each in read if isinstance(each, DeliveryRecord)]
    finally:
        await journal.close()


def marked_in(events: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """(our event, monitor) where ZoneMinder has it with the mark. The bridge's own record lacks it where the bridge was
    killed after it had sent it again and before it had noted so."""
    return {
        (ours, str(each["MonitorId"]))
        for each in events
        for ours, block in ours_in(each["Notes"] or "").items()
        if "\npossible_duplicate: true" in block
    }


def found_in(events: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """(our event, monitor) → in how many of ZoneMinder's events it stands."""
    found: Counter[tuple[str, str]] = Counter()
    for each in events:
        notes = each["Notes"] or ""
        ours = {*re.findall(r"\[([0-9a-z-]+\.\d+)\]", notes), *re.findall(r"^bridge_event: (.+)$", notes, re.MULTILINE)}
        found.update((one, str(each["MonitorId"])) for one in ours)
    return found
