"""Genetec, as it is without further settings, and with every way: not searched; a bookmark stands at its own time, what
else there is does not. Literal: reference ``vms-genetec.md``, 6."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from bridge.model import VmsId
from bridge.simulator.genetec import SimulatedGenetec
from bridge.simulator.genetec.server import ALARM, CAMERAS, CUSTOM_EVENT
from bridge.vms.base import VmsTarget
from bridge.vms.genetec import GenetecCamera, GenetecSettings, GenetecTarget
from tests.vms.conformance.subject import Held, Running, Subject
from tests.vms.conformance.wiretap import status
from tests.vms.conftest import Vault

LOG_IN = "{base64 of bridge;{secret:application}:{secret:genetec}}"
REST = f"""\
 HTTP/1.1\r
Host: {{host}}\r
Authorization: Basic {LOG_IN}\r
Accept: text/json\r
"""
POSTED = f"{REST}Content-Length: 0\r\n\r\n"
TITLE = (
    "Access%20denied%20%5B0197c3-1.0%5D%20Door%2017%3B%20occurred%3A%202026-02-03T10%3A15%3A30.250000Z%3B%20"
    "vendor%3A%20acme%3B%20card%3A%2000931%3B%20reason%3A%20expired%3B%20type%3A%20access.denied%3B%20"
    "urgency%3A%20notice%3B%20sensor%3A%20door-17%3B%20kind%3A%20door%3B%20site%3A%20harbour%3B%20"
    "arrived%3A%202026-02-03T10%3A15%3A30.500000Z%3B%20clock_offset%3A%20-0.250%3B%20detail%3A%20"
)
BOOKMARK = (
    "POST /WebSdk/action?q=AddCameraBookmark(000000010000babe0000080023e940c6,2026-02-03T10:15:30.250Z,"
    f"{TITLE}%EF%BD%9B%22vendor%22%3A%22acme%22%5C%2C%22card%22%3A%2200931%22%5C%2C%22reason%22%3A%22expired%22"
    f"%EF%BD%9D){POSTED}"
)
EVENT = (
    "POST /WebSdk/events/RaiseCustomEvent/5000/00000001-0000-babe-0000-080023e940c6?msg="
    f"{TITLE}%7B%22vendor%22%3A%22acme%22%2C%22card%22%3A%2200931%22%2C%22reason%22%3A%22expired%22%7D{POSTED}"
)
TRIGGER = (
    f"GET /WebSdk/alarm?q=TriggerAlarm(543b686c06e14304afa6fcef50242a5e,000000010000babe0000080023e940c6){REST}\r\n"
)


class Genetec(Subject[SimulatedGenetec]):
    name = "genetec"
    secret = "genetec"
    raising = rb"AddCameraBookmark"
    searched, backdates = False, True
    doubtful = (status(500),)
    literal = BOOKMARK

    def simulator(self) -> AbstractAsyncContextManager[SimulatedGenetec]:
        return SimulatedGenetec()

    def port(self, sim: SimulatedGenetec) -> int:
        return sim.server.port

    def vault(self, sim: SimulatedGenetec) -> Vault:
        return Vault(genetec=sim.users.password, application=next(iter(sim.users.licensed)))

    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        told = {"user": "bridge", "password": "secret:genetec", "application": "secret:application"}
        whole = {"type": "genetec", "url": f"{url}/WebSdk", **told, **self.more(), **settings}
        camera = GenetecCamera(vms="vms", id=CAMERAS[0])
        return GenetecTarget(VmsId("vms"), GenetecSettings.model_validate(whole), {self.camera: camera}, vault)

    def more(self) -> dict[str, Any]:
        return {}

    def meant(self, sim: SimulatedGenetec, vault: Vault) -> Mapping[str, str]:
        whole = f"bridge;{vault.kept['application']}:{vault.kept['genetec']}"
        return {LOG_IN: base64.b64encode(whole.encode()).decode()}

    def texts(self, sim: SimulatedGenetec) -> list[str]:
        return [each.text for each in sim.bookmarks]

    def held(self, sim: SimulatedGenetec) -> list[Held]:
        found = []
        for text in self.texts(sim):
            known = re.search(r" \[([^\]]+)\] [^;]*; occurred: (\S+);", text)
            assert known is not None
            again = text.startswith("possible duplicate: ")
            found.append(Held(known[1], text, datetime.fromisoformat(known[2]), again))
        return found

    def rotate(self, running: Running[SimulatedGenetec]) -> str:
        running.sim.users.password = "second pass"
        return "second pass"


class GenetecEveryWay(Genetec):
    name = "genetec-every-way"
    raising = rb"RaiseCustomEvent"
    backdates = False
    literal = EVENT + BOOKMARK + TRIGGER

    def more(self) -> dict[str, Any]:
        return {"ways": ["event", "bookmark", "alarm"], "custom_event": CUSTOM_EVENT, "alarm": ALARM}

    def texts(self, sim: SimulatedGenetec) -> list[str]:
        return [each.message for each in sim.raised]
