"""A message of hundreds of items and a kill in the middle of it: each item is on the timeline, once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections import Counter
from pathlib import Path

from bridge.simulator.http_client import Cut
from tests.end_to_end.bridge_process import WITHIN, Bridge, running
from tests.end_to_end.passes import post
from tests.vms.conftest import playing

MANY = 300
KILLS = 3
SITE = """\
version: 1
site: {{name: Crowd}}
vms:
  hook: {{type: webhook, url: "http://127.0.0.1:{port}/vms"}}
cameras:
  hall: {{vms: hook}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  hall-ai: {{profile: visualcortex, connector: lpr, address: {{path: /vc}}, cameras: [hall]}}
"""


def batch(number: int) -> bytes:
    items = [
        {
            "type": "event",
            "payload": {
                "entity_id": "hall",
                "transformation_name": "vc_dwell",
                "event_dttm": "2026-01-05T09:00:05.500Z",
                "data_json": {"object_uuid": f"{number}-{each}", "label": "person"},
            },
        }
        for each in range(MANY)
    ]
    return post("/vc", json.dumps(items).encode())


async def test_killed_while_hundreds_of_items_are_decided_each_is_delivered_once(tmp_path: Path) -> None:
    async with playing() as host:
        (tmp_path / "site.yaml").write_text(SITE.format(port=host.port))
        for number in range(KILLS):
            async with running(tmp_path) as bridge:
                before = len(host.requests)
                sending = asyncio.create_task(bridge.post(batch(number)))
                await host.until(before + 1 + 60 * number)  # something of it is kept and told
                bridge.signal(signal.SIGKILL)
                await bridge.ends()
                with contextlib.suppress(Cut):
                    await sending
        async with running(tmp_path) as bridge:
            async with asyncio.timeout(WITHIN):
                while len(told := [json.loads(body) for body in host.bodies]) < MANY * KILLS or await waits(bridge):
                    await asyncio.sleep(0.05)
            assert await bridge.stop() == 0
    events = {(each["event"]["fields"]["object"], each["event"]["id"]) for each in told}
    assert {name for name, _ in events} == {f"{number}-{each}" for number in range(KILLS) for each in range(MANY)}
    assert len(events) == MANY * KILLS, "each is an event once"
    first = Counter(each["event"]["id"] for each in told if not each["possible_duplicate"])
    assert set(first.values()) == {1}, "what may have come twice says so"


async def waits(bridge: Bridge) -> bool:
    deliveries = (await bridge.status())["deliveries"]
    return bool(deliveries.get("pending", 0) + deliveries.get("begun", 0))
