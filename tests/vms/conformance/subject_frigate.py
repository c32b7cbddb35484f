"""Frigate: searched by its newest events, cannot back-date. Literal: reference ``vms-frigate.md``, 3 and 4."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from bridge.model import VmsId
from bridge.simulator.frigate import SimulatedFrigate
from bridge.vms.base import VmsTarget
from bridge.vms.frigate import FrigateCamera, FrigateSettings, FrigateTarget
from tests.vms.conformance.subject import Held, Running, Subject
from tests.vms.conftest import Vault
from tests.vms.time_passes import PATIENCE

LITERAL = """\
POST /api/events/boiler_room/access_denied/create HTTP/1.1\r
Host: {host}\r
Cookie: frigate_token={token}\r
Content-Type: application/json\r
Content-Length: 103\r
\r
{"sub_label":"Access denied [0197c3-1.0]","score":0.6,"duration":20,"include_recording":true,"draw":{}}\
POST /api/events/{id-in-the-VMS}/description HTTP/1.1\r
Host: {host}\r
Cookie: frigate_token={token}\r
Content-Type: application/json\r
Content-Length: 423\r
\r
{"description":"Access denied\\nbridge_event: 0197c3-1.0\\nrevision: 0\\nsite: harbour\\nsensor: door-17\\n\
sensor_name: Door 17\\nkind: door\\ntype: access.denied\\nstate: momentary\\nurgency: notice\\n\
occurred: 2026-02-03T10:15:30.250000Z\\narrived: 2026-02-03T10:15:30.500000Z\\nclock: device\\n\
clock_offset: -0.250\\nvendor: acme\\ncard: 00931\\nreason: expired\\n\
detail: {\\"vendor\\":\\"acme\\",\\"card\\":\\"00931\\",\\"reason\\":\\"expired\\"}"}"""


class Frigate(Subject[SimulatedFrigate]):
    name = "frigate"
    secret = "frigate"
    raising = rb"^POST /api/events/[^ ]+/create "
    besides = rb"^POST /api/login "
    searched, backdates = True, False
    literal = LITERAL

    def simulator(self) -> AbstractAsyncContextManager[SimulatedFrigate]:
        return SimulatedFrigate()

    def port(self, sim: SimulatedFrigate) -> int:
        return sim.server.port

    def vault(self, sim: SimulatedFrigate) -> Vault:
        return Vault(frigate=sim.users.password)

    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        told = {"url": url, "user": "bridge", "password": "secret:frigate", "duration": "20 s"}
        quick = {"visible_within": PATIENCE, "settle_after": "200 ms"}
        read = FrigateSettings.model_validate({"type": "frigate", **told, **quick, **settings})
        return FrigateTarget(VmsId("vms"), read, {self.camera: FrigateCamera(vms="vms", id="boiler_room")}, vault)

    def meant(self, sim: SimulatedFrigate, vault: Vault) -> Mapping[str, str]:
        return {"{secret:frigate}": list(sim.users.sessions)[-1], "{id-in-the-VMS}": sim.events[-1].id}

    def held(self, sim: SimulatedFrigate) -> list[Held]:
        found = []
        for event in sim.events:
            known = re.search(r"^bridge_event: (.+)$", event.description, re.MULTILINE)
            if known is not None:
                at = re.search(r"^occurred: (.+)$", event.description, re.MULTILINE)
                assert at is not None
                again = "\npossible_duplicate: true" in event.description
                text = f"{event.sub_label}\n{event.description}"
                found.append(Held(known[1], text, datetime.fromisoformat(at[1]), again))
        return found

    def rotate(self, running: Running[SimulatedFrigate]) -> str:
        running.sim.users.password = "second pass"
        running.sim.users.forget()
        return "second pass"
