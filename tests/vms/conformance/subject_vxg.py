"""VXG: searched by tags, back-dates, a token for each camera. Literal: reference ``vms-vxg.md``, 12, calls 8 and 9."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from bridge.model import VmsId
from bridge.simulator.vxg import SimulatedVxg
from bridge.vms.base import VmsTarget
from bridge.vms.vxg import VxgCamera, VxgSettings, VxgTarget
from tests.vms.conformance.subject import Held, Running, Subject
from tests.vms.conftest import Vault

LITERAL = """\
GET /api/v2/cameras/4711/event_processing/events/?limit=1000 HTTP/1.1\r
Host: {host}\r
Authorization: Acc {token}\r
Accept: application/json\r
\r
POST /api/v2/cameras/4711/event_processing/events/ HTTP/1.1\r
Host: {host}\r
Authorization: Acc {token}\r
Accept: application/json\r
Content-Type: application/json\r
Content-Length: 38\r
\r
{"name":"access_denied","notify":true}\
POST /api/v2/storage/events/ HTTP/1.1\r
Host: {host}\r
Authorization: Acc {token}\r
Accept: application/json\r
Content-Type: application/json\r
Content-Length: 519\r
\r
{"camid":4711,"name":"access_denied","time":"2026-02-03T10:15:30.250000",\
"meta":{"bridge_event":"0197c3-1.0","bridge_revision":"0","type":"access.denied","title":"Access denied",\
"site":"harbour","sensor":"door-17","sensor_name":"Door 17","kind":"door","state":"momentary","urgency":"notice",\
"clock":"device","arrived":"2026-02-03T10:15:30.500000","clock_offset":"-0.250","sensor_door-17":"","vendor":"acme",\
"card":"00931","reason":"expired","detail_1":"{\\"vendor\\":\\"acme\\",\\"card\\":\\"00931\\",\\"reason\\":\\"expired\\"}"}}"""


class Vxg(Subject[SimulatedVxg]):
    name = "vxg"
    secret = "gate-in"
    raising = rb"^POST /api/v2/storage/events/ "
    depends = rb"^POST /api/v2/storage/events/\d+/meta/ "  # a tag that the event has not had yet
    searched = backdates = True
    literal = LITERAL

    def simulator(self) -> AbstractAsyncContextManager[SimulatedVxg]:
        return SimulatedVxg(cameras=1)

    def port(self, sim: SimulatedVxg) -> int:
        return sim.server.port

    def vault(self, sim: SimulatedVxg) -> Vault:
        return Vault(gate_in=sim.tokens[4711])

    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        read = VxgSettings.model_validate({"type": "vxg", "url": url, "settle_after": "200 ms", **settings})
        camera = VxgCamera.model_validate({"vms": "vms", "id": 4711, "token": "secret:gate-in"})
        return VxgTarget(VmsId("vms"), read, {self.camera: camera}, vault)

    def meant(self, sim: SimulatedVxg, vault: Vault) -> Mapping[str, str]:
        return {"{secret:gate-in}": vault.kept["gate-in"]}

    def held(self, sim: SimulatedVxg) -> list[Held]:
        found = []
        for each in sim.record:
            documents = json.dumps(list(sim.cloud.store.documents.get(4711, {}).values()), ensure_ascii=False)
            text = json.dumps(dict(each.meta), ensure_ascii=False) + documents
            again = each.meta.get("possible_duplicate") == "true"
            found.append(Held(str(each.meta["bridge_event"]), text, each.time, again))
        return found

    def rotate(self, running: Running[SimulatedVxg]) -> str:
        return running.sim.rotate(4711)
