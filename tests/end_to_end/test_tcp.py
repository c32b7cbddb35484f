"""Over TCP and HTTP on the loop the bridge really runs on: any split of the stream gives the same events."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vehicles import CarState
from bridge.simulator.vxg import SimulatedVxg
from bridge.simulator.vxg.store import Raised
from tests.end_to_end.bridge_process import running, until
from tests.end_to_end.passes import bare, form, post, said

SITE = """\
version: 1
site: {{name: Cable yard}}
vms:
  cloud: {{type: vxg, url: "{url}", allow_http: true}}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
  cable: {{type: tcp, bind: "127.0.0.1:0"}}
sensors:
  over-http: {{profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate], rules: [collapse: "off"]}}
"""
SENSOR = "  {name}: {{profile: cammra, connector: cable, address: {{identity: {{serial: {name}}}}}, cameras: [gate]}}\n"
AT = 1_767_603_734_000
SEED = 7


def stream(serial: str) -> bytes:
    """Objects back to back, and apart by what devices put between them; one of them is not JSON; text that looks
    like the end of an object; letters of several bytes, which a split may cut."""
    tricky = {
        **json.loads(bare(said(4, serial=serial, at=AT + 4))),
        "note": 'a } and a \\" {{ " in text, \u00c4\U0001f697\u20ac',
    }
    objects = [
        bare(said(1, CarState.NEW, listed="block", serial=serial, at=AT + 1)),
        bare(said(1, CarState.LOST, listed="block", serial=serial, plate="9ZZ9999", at=AT + 2)),
        b"\r\n" + bare(said(2, serial=serial, at=AT + 3)),
        json.dumps(tricky, ensure_ascii=False, indent=1).encode() + b"\x00\n",
        b'{"plateUTF8": nonsense, }',
        bare(said(5, serial=serial, at=AT + 5)) + bare(said(6, serial=serial, at=AT + 6)),
        b"\xef\xbb\xbf" + bare({**said(7, serial=serial, at=AT + 7), "filler": "x" * 70_000}),
        bare(said(8, serial=serial, at=AT + 8)),
    ]
    return b"".join(objects)


def splits(length: int) -> dict[str, list[int]]:
    """Places to cut the stream at, by a serial number for each way."""
    chance = random.Random(SEED)
    ways = {"AC0000000000": [], "AC0000000001": list(range(1, 6_000)), "AC0000000002": list(range(1460, length, 1460))}
    for number in range(3, 9):
        ways[f"AC{number:010d}"] = sorted(chance.sample(range(1, length), chance.randint(1, 40)))
    return ways


async def send(place: tuple[str, int], data: bytes, cuts: Sequence[int]) -> None:
    """Each piece on its own, so that the other side reads it as one; the last pieces go as one write."""
    _, writer = await asyncio.open_connection(*place)
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        writer.write(data[begin:end])
        await writer.drain()
        await asyncio.sleep(0)
    writer.close()
    await writer.wait_closed()


def told(event: Raised, serial: str) -> dict[str, str]:
    """What must be the same whichever sensor said it."""
    made_of = {"bridge_event", "arrived", "clock_offset", "detail_document"}
    kept = {tag: value for tag, value in event.meta.items() if tag not in made_of and not tag.startswith("detail_")}
    details = sorted((int(tag[7:]), value) for tag, value in event.meta.items() if re.fullmatch(r"detail_\d+", tag))
    kept["detail"] = "".join(value for _, value in details)
    return {tag.replace(serial, "SERIAL"): value.replace(serial, "SERIAL") for tag, value in kept.items()}


async def test_any_split_of_the_stream_gives_the_same_events(tmp_path: Path) -> None:
    ways = splits(len(stream("AC0000000000")))
    async with SimulatedVxg([4711], strict=True) as vms:
        write_secrets(tmp_path / "secrets", {"gate": vms.tokens[4711]})
        site = SITE.format(url=vms.base_url) + "".join(SENSOR.format(name=serial) for serial in ways)
        (tmp_path / "site.yaml").write_text(site)
        async with running(tmp_path) as bridge:
            async with asyncio.TaskGroup() as group:
                for serial, cuts in ways.items():
                    group.create_task(send(bridge.bound("cable"), stream(serial), cuts))
            found: dict[str, list[dict[str, str]]] = {}

            def all_there() -> bool:
                for serial in ways:
                    of_it = [event for event in vms.record if event.meta["sensor"] == serial]
                    found[serial] = sorted((told(each, serial) for each in of_it), key=lambda each: each["vehicle"])
                amended = [each for one in found.values() for each in one if each.get("plate") == "9ZZ9999"]
                revised = [each for each in amended if each["bridge_revision"] == "1"]
                return len(revised) == len(ways) and all(len(each) == 7 for each in found.values())

            await until(all_there, lambda: f"{ {serial: len(each) for serial, each in found.items()} } {bridge.said()}")
            status = await bridge.status()
            assert await bridge.stop() == 0
        whole = found["AC0000000000"]
        assert [each["vehicle"] for each in whole] == ["1", "2", "4", "5", "6", "7", "8"]
        for serial, events in found.items():
            assert events == whole, f"cut at {ways[serial][:50]} the stream says something else"
        assert status["items"]["quarantined"] == len(ways), "the piece that is no JSON, once for each"


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is for Linux and macOS")
async def test_each_kind_of_connector_works_on_uvloop(tmp_path: Path) -> None:
    async with SimulatedVxg([4711]) as vms:
        write_secrets(tmp_path / "secrets", {"gate": vms.tokens[4711]})
        (tmp_path / "site.yaml").write_text(SITE.format(url=vms.base_url) + SENSOR.format(name="AC0000000001"))
        async with running(tmp_path) as bridge:
            assert "uvloop" in Path(f"/proc/{bridge.process.pid}/maps").read_text()
            assert (await bridge.post(post("/gate", bare(said(1))))).status == 200
            assert (await bridge.post(form("/gate", said(2), 2))).status == 200
            await send(bridge.bound("cable"), bare(said(3, serial="AC0000000001")), [10])
            await until(lambda: len(vms.record) == 3, bridge.said)
            assert {event.meta["plate"] for event in vms.record} == {str(said(n)["plateUTF8"]) for n in (1, 2, 3)}
            assert await bridge.stop() == 0
