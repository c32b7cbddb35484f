"""What nobody listened for is kept, and decided once somebody does: by a reload, by a start, once and never twice."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.end_to_end.bridge_process import Bridge, command, running, until
from tests.end_to_end.passes import bare, post, said

SITE = """\
version: 1
site: {{name: Adoption yard}}
vms:
  cloud: {{type: vxg, url: "{url}", allow_http: true, timeout: 2 s}}
cameras:
  gate-in: {{vms: cloud, id: 4711, token: secret:gate-in}}
  gate-out: {{vms: cloud, id: 4712, token: secret:gate-out}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  lanes: {{from: lanes.csv, profile: cammra, connector: lpr}}
  by-plate:
    profile: cammra
    connector: lpr
    address: {{path: /hub}}
    cameras: {{by: fields.plate, table: plates.csv}}
"""
LANES = "id;cameras;address.path\r\ngate;gate-in;/gate\r\n"
PLATES = "key,camera\nNOBODY,gate-in\n"


def prepared(folder: Path, vms: SimulatedVxg) -> None:
    write_secrets(folder / "secrets", {"gate-in": vms.tokens[4711], "gate-out": vms.tokens[4712]})
    (folder / "site.yaml").write_text(SITE.format(url=vms.base_url))
    (folder / "lanes.csv").write_text(LANES)
    (folder / "plates.csv").write_text(PLATES)


async def reloaded(bridge: Bridge) -> None:
    before = bridge.said().count("reloaded:")
    bridge.signal(signal.SIGHUP)
    await until(lambda: bridge.said().count("reloaded:") > before, bridge.said)


async def arrived(vms: SimulatedVxg, camera: int, count: int) -> list[str]:
    await until(lambda: len(vms.events_of(camera)) >= count, lambda: f"{camera} has {vms.events_of(camera)}")
    assert len(vms.events_of(camera)) == count
    return [str(event.meta["plate"]) for event in vms.events_of(camera)]


def plates(*numbers: int) -> list[str]:
    return [str(said(number)["plateUTF8"]) for number in numbers]


async def told(*words: str) -> list[dict[str, Any]]:
    code, printed = await command(*words, "--json")
    assert code == 0, printed
    return [json.loads(line) for line in printed.splitlines()]


async def test_a_row_added_to_the_table_brings_what_was_waiting_in_its_order_and_once(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        prepared(tmp_path, vms)
        where = ("--site", str(tmp_path / "site.yaml"))
        async with running(tmp_path) as bridge:
            for number in (1, 2, 3):
                assert (await bridge.post(post("/exit", bare(said(number))))).status == 200
            assert (await bridge.post(post("/gate", bare(said(4))))).status == 200
            assert await arrived(vms, 4711, 1) == plates(4)
            waiting = await told("quarantine", "list", *where)
            assert [(item["unknown"], item["origin"]) for item in waiting] == [(True, "lpr 127.0.0.1 /exit")] * 3
            (before,) = await told("explain", waiting[0]["message"], *where)
            (item,) = before["messages"][0]["items"]
            assert (item["fate"], item["in_quarantine"], item["sensor"]) == ("quarantined", True, None)
            assert {each["sensor"]: each["differs"] for each in item["others"]} == {
                "gate": "it wants path /gate; this came to /exit",
                "by-plate": "it wants path /hub; this came to /exit",
            }

            (tmp_path / "lanes.csv").write_text(LANES + "exit;gate-out;/exit\r\n")
            await reloaded(bridge)
            assert await arrived(vms, 4712, 3) == plates(1, 2, 3)
            assert await told("quarantine", "list", *where) == []
            (after,) = await told("explain", waiting[0]["message"], *where)
            (item,) = after["messages"][0]["items"]
            assert (item["fate"], item["sensor"], item["event"]) == ("raised", "exit", f"{waiting[0]['message']}.0")
            (event,) = after["events"]
            assert "replayed from quarantine" in event["marks"]
            assert [(each["camera"], each["state"]) for each in event["deliveries"]] == [("gate-out", "delivered")]

            await reloaded(bridge)
            assert (await bridge.post(post("/exit", bare(said(5))))).status == 200
            await arrived(vms, 4712, 4)
            status = await bridge.status()
            assert status["items"]["quarantined"] == 0
            assert (status["messages"], status["items"]["raised"]) == (5, 5)
            assert await bridge.stop() == 0
        async with running(tmp_path) as bridge:
            assert (await bridge.post(post("/exit", bare(said(6))))).status == 200
            await arrived(vms, 4712, 5)
            assert await bridge.stop() == 0


async def test_a_camera_added_to_the_table_while_the_service_was_down_is_adopted_at_its_start(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        prepared(tmp_path, vms)
        where = ("--site", str(tmp_path / "site.yaml"))
        first, second = plates(1, 2)
        async with running(tmp_path) as bridge:
            for number in (1, 2):
                assert (await bridge.post(post("/hub", bare(said(number))))).status == 200
            waiting = await told("quarantine", "list", *where)
            assert [item["key"] for item in waiting] == [first, second]
            assert "no camera for" in waiting[0]["why"]
            assert await bridge.stop() == 0
        assert len(await told("quarantine", "list", *where)) == 2
        (tmp_path / "plates.csv").write_text(f"{PLATES}{second},gate-out\n{second},gate-in\n")
        async with running(tmp_path) as bridge:
            assert await arrived(vms, 4712, 1) == [second]
            assert await arrived(vms, 4711, 1) == [second]
            (left,) = await told("quarantine", "list", *where)
            assert left["key"] == first
            (done,) = await told("quarantine", "replay", "--all", *where)
            assert done == {"replayed": 0, "left": 1}
            (done,) = await told("quarantine", "drop", "--key", first[:3] + "*", *where)
            assert done == {"dropped": 1}
            assert await bridge.stop() == 0
