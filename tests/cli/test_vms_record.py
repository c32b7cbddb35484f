"""``events search --vms``, ``show`` and ``media``: a service that delivered, its VMS, and the commands beside them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.cli.one_event import delivered_to
from bridge.config.load import load
from bridge.config.secrets import SecretStores
from bridge.journal.contract import EventRecord, Query
from bridge.model import SensorEvent, SensorId, Urgency
from bridge.service import Service
from bridge.simulator.picture import JPEG
from bridge.simulator.vxg import SimulatedVxg
from bridge.simulator.vxg.media import video

SITE = """\
version: 1
site: {{name: Harbour depot, timezone: UTC}}
vms:
  cloud: {{type: vxg, url: "{url}", allow_http: true, timeout: 2 s}}
  hook: {{type: webhook, url: "{url}/nothing/here"}}
cameras:
  gate-in: {{vms: cloud, id: 4711, token: secret:gate-in}}
  gate-out: {{vms: cloud, id: 4712, token: secret:gate-out}}
  hooked: {{vms: hook}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  gate-lpr:
    name: Gate plate reader
    profile: cammra
    connector: lpr
    address: {{path: /gate}}
    cameras: [gate-in, gate-out]
"""


@dataclass
class Depot:
    folder: Path
    vms: SimulatedVxg
    event: SensorEvent
    capsys: pytest.CaptureFixture[str]
    err: str = ""

    @property
    def site(self) -> str:
        return str(self.folder / "site.yaml")

    @property
    def to(self) -> Path:
        return self.folder / "evidence"

    async def events(self, *words: str, site: bool = True) -> tuple[int, str]:
        """How the command ended, and what it printed."""
        where = ("--site", self.site) if site else ()
        self.capsys.readouterr()
        code = await asyncio.to_thread(main, ["events", *words, *where])
        said = self.capsys.readouterr()
        self.err = said.err
        for token in (*self.vms.tokens.values(), "ticket="):
            assert token not in said.out + said.err, "no token, no signed link is shown"
        return code, said.out

    async def told(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        code, out = await self.events(*words, "--json")
        return code, [json.loads(line) for line in out.splitlines()]


def write_secrets(folder: Path, vms: SimulatedVxg) -> None:
    folder.mkdir(mode=0o700)
    for name, camera in {"gate-in": 4711, "gate-out": 4712}.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(vms.tokens[camera])


async def delivered(vms: SimulatedVxg, count: int) -> None:
    async with asyncio.timeout(30):
        while len(vms.record) < count:
            await asyncio.sleep(0.01)


async def a_service(folder: Path) -> tuple[Service, asyncio.Task[None]]:
    service = await Service.start(load(folder / "site.yaml"), SecretStores.beside(folder / "site.yaml"))
    running = asyncio.create_task(service.run())
    async with asyncio.timeout(30):
        while service.state != "running":
            await asyncio.sleep(0.005)
    return service, running


@pytest.fixture
async def depot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Depot]:
    """One event, delivered to two cameras by a service that rests now."""
    async with SimulatedVxg(cameras=2) as vms:
        vms.cloud.event_images, vms.cloud.clip_takes = True, 0.05
        (tmp_path / "site.yaml").write_text(SITE.format(url=vms.base_url))
        write_secrets(tmp_path / "secrets", vms)
        service, running = await a_service(tmp_path)
        await service.fire(SensorId("gate-lpr"), None, {"plate": "1AB2345", "lane": 2}, Urgency.ALARM)
        await delivered(vms, 2)
        records = [each async for each in service.journal.read(Query(what="events"))]
        (event,) = [each.event for each in records if isinstance(each, EventRecord)]
        await service.stop()
        await running
        yield Depot(tmp_path, vms, event, capsys)


# --------------------------------------------------------------------------------------------------------------- search


async def test_without_a_word_it_is_the_search_of_the_journal(depot: Depot) -> None:
    assert await depot.events("--limit", "5") == await depot.events("search", "--limit", "5")
    code, told = await depot.told("--sensor", "gate-lpr", "--tag", "plate=1AB2345")
    assert (code, [each["id"] for each in told]) == (Code.DONE, [depot.event.id])
    assert (await depot.told("search", "--tag", "plate=OTHER"))[1] == []
    assert (await depot.told("search", "--tag", "lane=2", "--until", "1 h"))[1] == []
    assert len((await depot.told("search", "--tag", "lane=2", "--since", "1 h"))[1]) == 1


async def test_options_before_the_word_hold_for_it(depot: Depot) -> None:
    before = await asyncio.to_thread(main, ["events", "--site", depot.site, "--sensor", "nobody", "search"])
    assert before == Code.DONE
    assert depot.capsys.readouterr().out == "no events\n"


async def test_the_vms_is_asked_for_what_it_has(depot: Depot) -> None:
    code, told = await depot.told("search", "--vms")
    assert {(each["camera"], each["remote_id"], each["event"]) for each in told[:-1]} == {
        ("gate-in", str(depot.vms.events_of(4711)[0].id), depot.event.id),
        ("gate-out", str(depot.vms.events_of(4712)[0].id), depot.event.id),
    }
    assert told[-1] == {
        "vms": "hook",
        "cannot": "VMS hook: one of type webhook cannot be asked for what it has recorded",
    }
    assert code == Code.DONE, "that a VMS cannot is no failure where another was asked"
    code, out = await depot.events("--vms", "--camera", "gate-in", "--tag", "plate=1AB2345")
    assert code == Code.DONE
    assert depot.event.id in out
    assert depot.err == ""


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--type", "bridge.test"], 2),
        (["--type", "bridge_test"], 2),
        (["--type", "bridge.*"], 2),
        (["--type", "vehicle.*"], 0),
        (["--type", "motion"], 0),
        (["--sensor", "gate-lpr"], 2),
        (["--sensor", "another"], 0),
        (["--tag", "lane=2"], 2),
        (["--tag", "lane=3"], 0),
        (["--tag", "plate=1AB2345"], 2),
        (["--limit", "1"], 1),
        (["--since", "1 h"], 2),
        (["--until", "1 h"], 0),
    ],
)
async def test_the_vms_is_searched_by(depot: Depot, words: list[str], found: int) -> None:
    _, told = await depot.told("search", "--vms", *words)
    assert len([each for each in told if "remote_id" in each]) == found


async def test_the_newest_of_all_cameras_come_first(depot: Depot) -> None:
    for camera in (4711, 4712, 4711):
        at = depot.event.occurred_at - timedelta(minutes=len(depot.vms.record))
        depot.vms.cloud.add_event(camera, "bridge_test", at, b'{"meta":{}}')
    _, told = await depot.told("search", "--vms", "--limit", "4")
    times = [each["at"] for each in told if "remote_id" in each]
    assert times == sorted(times, reverse=True)
    assert len(times) == 4


async def test_a_camera_that_cannot_be_asked_is_said_and_the_others_are_there(depot: Depot) -> None:
    depot.vms.rotate(4712)
    code, out = await depot.events("search", "--vms")
    assert code == Code.FOUND
    assert "gate-in" in out
    assert "not asked: camera gate-out: the token is refused" in depot.err
    await depot.vms.go_away()
    code, told = await depot.told("search", "--vms")
    assert code == Code.FOUND
    assert [each["cameras"] for each in told if "cameras" in each] == [[]], "of a VMS that is away it is said once"


async def test_only_a_site_says_how_to_ask(depot: Depot) -> None:
    journal = str(depot.folder / "journal")
    code, _ = await depot.events("search", "--vms", "--journal", journal, site=False)
    assert code == Code.USAGE
    assert "--site" in depot.err
    code, _ = await depot.events("search", "--vms", "--camera", "gate-inn")
    assert (code, "did you mean gate-in?" in depot.err) == (Code.USAGE, True)


# ----------------------------------------------------------------------------------------------------------------- show


async def test_an_event_is_shown_with_what_the_vms_has_under_its_id(depot: Depot) -> None:
    code, told = await depot.told("show", depot.event.id)
    (one,) = told
    assert code == Code.DONE
    assert {(each["camera"], each["state"], each["remote_id"]) for each in one["deliveries"]} == {
        (each["camera"], "delivered", each["remote_id"]) for each in one["vms"]
    }
    for there in one["vms"]:
        assert there["found"]["event"] == depot.event.id
        assert there["wrong"] == []
        rows = {each["tag"]: each for each in there["compared"]}
        assert rows["plate"] == {"tag": "plate", "journal": "1AB2345", "vms": "1AB2345", "verdict": ""}
        assert rows["detail"]["verdict"] == ""
        assert {each["verdict"] for each in rows.values()} == {""}, "all of it is there as it was told"
    code, out = await depot.events("show", depot.event.id[:-4])
    assert code == Code.DONE
    assert "as in the journal" in out


async def test_what_is_not_in_the_vms_as_in_the_journal_is_said(depot: Depot) -> None:
    there = depot.vms.events_of(4711)[0]
    there.write("plate", "9ZZ9999")
    there.write("lane", None)
    there.write("process", "processed")
    code, told = await depot.told("show", depot.event.id, "--camera", "gate-in")
    (seen,) = told[0]["vms"]
    assert code == Code.FOUND
    assert seen["wrong"] == ["2 tags not as in the journal"]
    verdicts = {each["tag"]: each["verdict"] for each in seen["compared"] if each["verdict"]}
    assert verdicts == {"plate": "differs", "lane": "only in the journal", "process": "only in the VMS"}
    _, out = await depot.events("show", depot.event.id)
    assert "DIFFERS" in out


async def test_a_correction_that_waits_is_not_missed_in_the_vms(depot: Depot) -> None:
    _, (one,) = await depot.told("show", depot.event.id)
    (camera, other) = (each["camera"] for each in one["deliveries"])
    better = {**one["event"], "revision": 1, "changes": ["plate"], "fields": {"plate": "9ZZ9999", "lane": 2}}
    amendments = [
        {**one["deliveries"][0], "revision": 1, "action": "amend", "state": "delivered"},
        {**one["deliveries"][1], "revision": 1, "action": "amend", "state": "pending"},
    ]
    told = {**one, "revisions": [*one["revisions"], better], "deliveries": [*one["deliveries"], *amendments]}
    assert [each.revision for each in delivered_to(told, camera)] == [0, 1]
    assert [each.revision for each in delivered_to(told, other)] == [0]
    assert delivered_to(told, camera)[1].fields["plate"] == "9ZZ9999"


async def test_an_event_that_the_vms_has_no_longer_is_said(depot: Depot) -> None:
    depot.vms.reset()
    code, told = await depot.told("show", depot.event.id)
    assert code == Code.FOUND
    assert [each["wrong"][0][:16] for each in told[0]["vms"]] == ["it has no event "] * 2


async def test_a_vms_that_is_away_fails_the_command_only_when_it_has_to_be_asked(depot: Depot) -> None:
    await depot.vms.go_away()
    code, told = await depot.told("show", depot.event.id)
    assert code == Code.DONE
    assert all("no connection" in each["cannot"] for each in told[0]["vms"])
    code, _ = await depot.events("show", depot.event.id, "--vms")
    assert code == Code.REFUSED
    code, told = await depot.told("show", depot.event.id, "--no-vms")
    assert (code, told[0]["vms"]) == (Code.DONE, [])


async def test_a_journal_alone_is_shown_too(depot: Depot) -> None:
    code, out = await depot.events("show", depot.event.id, "--journal", str(depot.folder / "journal"), site=False)
    assert code == Code.DONE
    assert "name the site with --site to ask its VMS" in out
    code, _ = await depot.events("show", "nothing", "--journal", str(depot.folder / "journal"), site=False)
    assert (code, "no event in the journal has the id" in depot.err) == (Code.USAGE, True)


async def test_an_event_of_somebody_else_is_shown_by_the_vms_own_id(depot: Depot) -> None:
    number = str(depot.vms.events_of(4712)[0].id)
    code, told = await depot.told("show", number, "--theirs", "--camera", "gate-out")
    assert code == Code.DONE
    assert told[0]["vms"][0]["found"]["tags"]["plate"] == "1AB2345"
    assert (await depot.events("show", "123", "--theirs", "--camera", "gate-out"))[0] == Code.FOUND
    assert (await depot.events("show", number, "--theirs"))[0] == Code.USAGE


# ---------------------------------------------------------------------------------------------------------------- media


async def test_what_is_held_is_listed_and_nothing_is_written_without_a_folder(depot: Depot) -> None:
    code, told = await depot.told("media", depot.event.id, "--camera", "gate-in")
    assert code == Code.DONE
    kinds = [each["kind"] for each in told]
    assert kinds.count("video") >= 1
    assert kinds[0] == "picture"
    assert not any(each["file"] for each in told)
    assert not depot.to.exists()


async def test_everything_of_an_event_comes_into_files(depot: Depot) -> None:
    code, told = await depot.told("media", depot.event.id, "--to", str(depot.to), "--clip", "--camera", "gate-in")
    assert code == Code.DONE
    assert {each["kind"] for each in told} == {"picture", "clip", "video"}
    assert sorted(each["file"] for each in told) == sorted(path.name for path in depot.to.iterdir())
    for each in told:
        data = (depot.to / each["file"]).read_bytes()
        assert len(data) == each["bytes"]
        assert each["file"].startswith(f"{depot.event.id}_gate-in_")
        assert (data == JPEG) == (each["kind"] == "picture")
    (clip,) = [each for each in told if each["kind"] == "clip"]
    assert (depot.to / clip["file"]).read_bytes() == video(depot.vms.cloud, f"c/{clip['remote_id']}.mp4")
    (made,) = depot.vms.cloud.clips.values()
    assert made.event_time == depot.event.occurred_at
    assert made.title.endswith(f"[{depot.event.id}]")


async def test_asking_for_a_clip_again_makes_no_other(depot: Depot) -> None:
    for _ in range(2):
        await depot.events("media", depot.event.id, "--clip")
    assert len(depot.vms.cloud.clips) == 2, "one on each camera"


async def test_nothing_that_is_there_is_written_over(depot: Depot) -> None:
    for _ in range(2):
        assert (await depot.events("media", depot.event.id, "--to", str(depot.to), "--camera", "gate-in"))[0] == 0
    names = {path.name for path in depot.to.iterdir()}
    assert any(name.endswith("-2.mp4") for name in names)
    assert len({path.stat().st_ino for path in depot.to.iterdir()}) == len(names)


async def test_a_limit_is_kept_and_said(depot: Depot) -> None:
    depot.vms.cloud.video_bytes = 100_000
    code, told = await depot.told("media", depot.event.id, "--to", str(depot.to), "--most", "20 KiB")
    assert code == Code.FOUND
    assert all("--most" in each["cannot"] for each in told if each["kind"] == "video")
    assert sum(path.stat().st_size for path in depot.to.iterdir()) <= 20 * 1024
    assert not [path for path in depot.to.iterdir() if path.name.endswith(".part")]


async def test_recorded_video_is_there_where_the_event_never_arrived(depot: Depot) -> None:
    depot.vms.reset()
    code, told = await depot.told("media", depot.event.id, "--camera", "gate-in", "--before", "1 min", "--after", "0 s")
    assert code == Code.DONE
    videos = [each for each in told if each["kind"] == "video"]
    spans = [(datetime.fromisoformat(each["at"]), datetime.fromisoformat(each["until"])) for each in videos]
    assert spans[0][0] <= depot.event.occurred_at - timedelta(minutes=1)
    assert spans[-1][1] >= depot.event.occurred_at.replace(microsecond=0)


async def test_a_clip_that_fails_is_said(depot: Depot) -> None:
    depot.vms.cloud.gaps = [(depot.event.occurred_at - timedelta(1), depot.event.occurred_at + timedelta(1))]
    code, told = await depot.told("media", depot.event.id, "--to", str(depot.to), "--clip", "--wait", "5 s")
    assert code == Code.FOUND
    assert {each["cannot"] for each in told} == {"VXG failed to make it"}
