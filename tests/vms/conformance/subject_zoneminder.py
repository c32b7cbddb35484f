"""ZoneMinder, both ways: searched by notes, cannot back-date. Literal: reference ``vms-zoneminder.md``, 2 and 3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from bridge.model import VmsId
from bridge.simulator.zoneminder import SimulatedZoneMinder
from bridge.vms.base import VmsTarget
from bridge.vms.zoneminder import ZoneMinderCamera, ZoneMinderSettings, ZoneMinderTarget
from tests.vms.conformance.subject import Fate, Held, Running, Subject
from tests.vms.conformance.wiretap import Linetap
from tests.vms.conftest import Vault
from tests.vms.time_passes import PATIENCE

NOTES = (
    "Access+denied%0Abridge_event%3A+0197c3-1.0%0Arevision%3A+0%0Asite%3A+harbour%0Asensor%3A+door-17%0A"
    "sensor_name%3A+Door+17%0Akind%3A+door%0Atype%3A+access.denied%0Astate%3A+momentary%0Aurgency%3A+notice%0A"
    "occurred%3A+2026-02-03T10%3A15%3A30.250000Z%0Aarrived%3A+2026-02-03T10%3A15%3A30.500000Z%0Aclock%3A+device%0A"
    "clock_offset%3A+-0.250%0Avendor%3A+acme%0Acard%3A+00931%0Areason%3A+expired%0A"
    "detail%3A+%7B%22vendor%22%3A%22acme%22%2C%22card%22%3A%2200931%22%2C%22reason%22%3A%22expired%22%7D"
)
SOCKET = (
    """\
1|on+1|20|Access denied|[0197c3-1.0] Door 17: Access denied; vendor: acme; card: 00931; reason: expired
GET /zm/api/events/index/StartDateTime%20%3E=:2026-02-02/Notes%20REGEXP:0197c3-1.0.json\
?sort=StartDateTime&direction=desc&limit=100&token={token} HTTP/1.1\r
Host: {host}\r
Accept: application/json\r
\r
PUT /zm/api/events/1.json?token={token} HTTP/1.1\r
Host: {host}\r
Content-Type: application/x-www-form-urlencoded\r
Accept: application/json\r
Content-Length: 627\r
\r
Event%5BNotes%5D=Access+denied%3A+%5B0197c3-1.0%5D+Door+17%3A+Access+denied%3B+vendor%3A+acme%3B+card%3A+00931%3B+\
reason%3A+expired%0A%0A"""
    + NOTES
)
REST = (
    """\
GET /zm/api/monitors/alarm/id:1/command:on.json?token={token} HTTP/1.1\r
Host: {host}\r
Accept: application/json\r
\r
GET /zm/api/monitors/alarm/id:1/command:off.json?token={token} HTTP/1.1\r
Host: {host}\r
Accept: application/json\r
\r
GET /zm/api/events/index/Id:1.json?token={token} HTTP/1.1\r
Host: {host}\r
Accept: application/json\r
\r
PUT /zm/api/events/1.json?token={token} HTTP/1.1\r
Host: {host}\r
Content-Type: application/x-www-form-urlencoded\r
Accept: application/json\r
Content-Length: 538\r
\r
Event%5BNotes%5D="""
    + NOTES
    + "&Event%5BCause%5D=Access+denied"
)


class ZoneMinderRest(Subject[SimulatedZoneMinder]):
    name = "zoneminder-rest"
    secret = "zm"
    raising = rb"command:on"
    besides = rb"^POST /zm/api/host/login.json "
    searched, backdates = True, False
    literal = REST
    way = "rest"

    def simulator(self) -> AbstractAsyncContextManager[SimulatedZoneMinder]:
        return SimulatedZoneMinder(picture_every=0.01, stays_open=0.05, second=0.05)

    def port(self, sim: SimulatedZoneMinder) -> int:
        return sim.server.port

    def vault(self, sim: SimulatedZoneMinder) -> Vault:
        return Vault(zm=sim.users.password)

    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        told = {"url": f"{url}/zm", "user": "bridge", "password": "secret:zm", "way": self.way, "alarm_for": "1 s"}
        quick = {"confirm_within": PATIENCE, "settle_after": "200 ms"}
        port = {"trigger_port": lines_port} if lines_port else {}
        read = ZoneMinderSettings.model_validate({"type": "zoneminder", **told, **quick, **port, **settings})
        return ZoneMinderTarget(VmsId("vms"), read, {self.camera: ZoneMinderCamera(vms="vms", id=1)}, vault)

    def meant(self, sim: SimulatedZoneMinder, vault: Vault) -> Mapping[str, str]:
        return {"{secret:zm}": list(sim.users.tokens)[-1], "{id-in-the-VMS}": str(sim.events[-1].id)}

    def held(self, sim: SimulatedZoneMinder) -> list[Held]:
        found = []
        for event in sim.events:
            for block in event.notes.split("\n\n"):
                known = re.search(r"^bridge_event: (.+)$", block, re.MULTILINE)
                if known is not None:
                    at = re.search(r"^occurred: (.+)$", block, re.MULTILINE)
                    assert at is not None
                    again = "\npossible_duplicate: true" in block
                    found.append(Held(known[1], event.notes, datetime.fromisoformat(at[1]), again))
        return found

    def rotate(self, running: Running[SimulatedZoneMinder]) -> str:
        running.sim.users.password = "second pass"
        running.sim.users.forget()
        return "second pass"


class ZoneMinderSocket(ZoneMinderRest):
    name = "zoneminder-socket"
    raising = rb"^GET /zm/api/events/index/StartDateTime"
    depends = rb"^PUT "  # with what stands there of others, the short text's too
    literal = SOCKET
    way = "socket"

    def lines_port(self, sim: SimulatedZoneMinder) -> int:
        return sim.trigger.port

    async def refuse(self, running: Running[SimulatedZoneMinder]) -> None:
        assert isinstance(running.lines, Linetap)
        await running.lines.close()

    def meets(self, running: Running[SimulatedZoneMinder], fate: Fate | bytes) -> None:
        """Nobody answers a line: what comes of it is asked."""
        assert isinstance(running.lines, Linetap)
        if fate in (Fate.CUT_BEFORE, Fate.SILENT_BEFORE):
            running.lines.swallow += 1
        running.tap.meets(self.raising, fate)
