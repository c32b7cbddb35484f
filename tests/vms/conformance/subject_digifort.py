"""Digifort, signed in both ways: not searched, everything is now. Literal: reference ``vms-digifort.md``, 6."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from bridge.model import VmsId
from bridge.simulator.digifort import SimulatedDigifort
from bridge.vms.base import VmsTarget
from bridge.vms.digifort import DigifortCamera, DigifortSettings, DigifortTarget
from tests.vms.conformance.subject import Held, Running, Subject
from tests.vms.conformance.wiretap import status
from tests.vms.conftest import Vault

AUTH_DATA = "{md5-of-secret:digifort}"
LOG_IN = "{base64 of Bridge:{secret:digifort}}"
ASKED = (
    "GET /Interface/GlobalEvents/TriggerGlobalEvent?Event=Bridge-CAM01&OverrideOperatorMessage="
    "Access%20denied%20%5B0197c3-1.0%5D%20Door%2017%3B%20occurred%3A%202026-02-03T10%3A15%3A30.250000Z%3B%20"
    "vendor%3A%20acme%3B%20card%3A%2000931%3B%20reason%3A%20expired%3B%20type%3A%20access.denied%3B%20"
    "urgency%3A%20notice%3B%20sensor%3A%20door-17%3B%20kind%3A%20door%3B%20site%3A%20harbour%3B%20"
    "%E2%80%A6%20%5B3%20more%20in%20event%200197c3-1.0%5D&ResponseFormat=JSON"
)


class Digifort(Subject[SimulatedDigifort]):
    name = "digifort"
    secret = "digifort"
    raising = rb"TriggerGlobalEvent"
    besides = rb"CreateAuthSession|GetGlobalEvents"
    searched = backdates = False
    doubtful = (status(500),)
    literal = f"{ASKED}&AuthSession={{session}}&AuthData={AUTH_DATA} HTTP/1.1\r\nHost: {{host}}\r\n\r\n"
    sign_in = "session"

    def simulator(self) -> AbstractAsyncContextManager[SimulatedDigifort]:
        return SimulatedDigifort()

    def port(self, sim: SimulatedDigifort) -> int:
        return sim.server.port

    def vault(self, sim: SimulatedDigifort) -> Vault:
        return Vault(digifort=sim.users.password)

    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        told = {"url": url, "user": "Bridge", "password": "secret:digifort", "sign_in": self.sign_in}
        read = DigifortSettings.model_validate({"type": "digifort", **told, **settings})
        camera = DigifortCamera(vms="vms", id="CAM01")
        return DigifortTarget(VmsId("vms"), read, {self.camera: camera}, vault)

    def meant(self, sim: SimulatedDigifort, vault: Vault) -> Mapping[str, str]:
        number = list(sim.api.given)[-1]
        return {"{session}": number, AUTH_DATA: sim.api.digest(number)}

    def held(self, sim: SimulatedDigifort) -> list[Held]:
        found = []
        for each in sim.triggered:
            known = re.search(r" \[([^\]]+)\] [^;]*; occurred: (\S+);", each.message)
            assert known is not None
            again = each.message.startswith("possible duplicate: ")
            found.append(Held(known[1], each.message, datetime.fromisoformat(known[2]), again))
        return found

    def rotate(self, running: Running[SimulatedDigifort]) -> str:
        running.sim.users.password = "second pass"
        return "second pass"


class DigifortBasic(Digifort):
    name = "digifort-basic"
    literal = f"{ASKED} HTTP/1.1\r\nHost: {{host}}\r\nAuthorization: Basic {LOG_IN}\r\n\r\n"
    sign_in = "basic"

    def meant(self, sim: SimulatedDigifort, vault: Vault) -> Mapping[str, str]:
        return {LOG_IN: base64.b64encode(f"Bridge:{vault.kept['digifort']}".encode()).decode()}
