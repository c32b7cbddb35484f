"""Nx, each way: bookmarks are searched and back-date; a generic event takes a time, and nothing of it can be found.

Literal: reference ``vms-nxwitness.md``, 3, 4, 5 and 10."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

from bridge.model import VmsId
from bridge.simulator.nx import SimulatedNx, SimulatedNxCloud
from bridge.simulator.nx.cloud import SYSTEM
from bridge.vms.base import VmsTarget
from bridge.vms.nx import NxCamera, NxSettings, NxTarget
from tests.vms.conformance.subject import Held, Running, Subject, status
from tests.vms.conftest import Vault

DEVICE = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
DESCRIPTION = (
    "Access denied\\nbridge_event: 0197c3-1.0\\nrevision: 0\\nsite: harbour\\nsensor: door-17\\nsensor_name: Door 17\\n"
    "kind: door\\ntype: access.denied\\nstate: momentary\\nurgency: notice\\noccurred: 2026-02-03T10:15:30.250000Z\\n"
    "arrived: 2026-02-03T10:15:30.500000Z\\nclock: device\\nclock_offset: -0.250\\nvendor: acme\\ncard: 00931\\n"
    "reason: expired\\n"
    'detail: {\\"vendor\\":\\"acme\\",\\"card\\":\\"00931\\",\\"reason\\":\\"expired\\"}'
)
BOOKMARK = (
    """\
POST /rest/v4/devices/3f2504e0-4f89-11d3-9a0c-0305e82c3301/bookmarks HTTP/1.1\r
Host: {host}\r
Authorization: Bearer {token}\r
Content-Type: application/json\r
Content-Length: 573\r
\r
{"name":"Access denied","description":\""""
    + DESCRIPTION
    + """\
","startTimeMs":1770113725250,"durationMs":20000,\
"tags":["evt-0197c3-1.0","door-17","door","access.denied","notice","momentary"]}"""
)
GENERIC = (
    """\
POST /rest/v4/events/generic HTTP/1.1\r
Host: {host}\r
Authorization: Bearer {token}\r
Content-Type: application/json\r
Content-Length: 567\r
\r
{"timestamp":"1770113730250","state":"instant","source":"Door 17","caption":"Access denied","description":\""""
    + DESCRIPTION
    + """","deviceIds":["3f2504e0-4f89-11d3-9a0c-0305e82c3301"]}"""
)
CREATE_EVENT = (
    """\
POST /api/createEvent HTTP/1.1\r
Host: {host}\r
Authorization: Bearer {token}\r
Content-Type: application/json\r
Content-Length: 569\r
\r
{"timestamp":"1770113730250","source":"Door 17","caption":"Access denied","description":\""""
    + DESCRIPTION
    + """","metadata":"{\\"cameraRefs\\":[\\"3f2504e0-4f89-11d3-9a0c-0305e82c3301\\"]}"}"""
)


class NxBookmark(Subject[SimulatedNx]):
    name = "nx-bookmark"
    secret = "nx"
    raising = rb"^POST /rest/v4/devices/"
    besides = rb"^(POST|DELETE) /rest/v\d/login/sessions"
    searched = backdates = True
    literal = BOOKMARK
    settings: Mapping[str, Any] = {"way": "bookmark"}
    version = "6.1"

    def simulator(self) -> AbstractAsyncContextManager[SimulatedNx]:
        return SimulatedNx(version=self.version)

    def port(self, sim: SimulatedNx) -> int:
        return sim.server.port

    def vault(self, sim: SimulatedNx) -> Vault:
        return Vault(nx=sim.users.password)

    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        told = {"type": "nx", "url": url, "user": "bridge", "password": "secret:nx", "settle_after": "200 ms"}
        read = NxSettings.model_validate({**told, **self.settings, **settings})
        return NxTarget(VmsId("vms"), read, {self.camera: NxCamera(vms="vms", id=DEVICE)}, vault)

    def meant(self, sim: SimulatedNx, vault: Vault) -> Mapping[str, str]:
        return {"{secret:nx}": list(sim.users.tokens)[-1]}

    def held(self, sim: SimulatedNx) -> list[Held]:
        return [held(str(each["description"]), each) for each in sim.api.bookmarks.values()]

    def rotate(self, running: Running[SimulatedNx]) -> str:
        running.sim.users.password = "second pass"
        running.sim.users.forget()
        return "second pass"


class NxDigest(NxBookmark):
    """With each request; the first is asked for it."""

    name = "nx-bookmark-digest"
    literal = BOOKMARK.replace("Bearer {token}", "Digest {secret:nx}")
    settings: Mapping[str, Any] = {"way": "bookmark", "login": "digest"}

    def meant(self, sim: SimulatedNx, vault: Vault) -> Mapping[str, str]:
        return {"{secret:nx}": sim.asked[-1].headers[b"authorization"].decode().removeprefix("Digest ")}

    def is_besides(self, request: bytes) -> bool:
        """The server answers it with its challenge."""
        return b"\r\nAuthorization: " not in request


class NxCloud(NxBookmark):
    """The token is the cloud's, and the relay sends on to the server."""

    _cloud: SimulatedNxCloud
    name = "nx-bookmark-cloud"

    @asynccontextmanager
    async def simulator(self) -> AsyncIterator[SimulatedNx]:
        async with SimulatedNx(version=self.version) as nx, SimulatedNxCloud(nx) as self._cloud:
            yield nx

    def vault(self, sim: SimulatedNx) -> Vault:
        return Vault(nx=self._cloud.password)

    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        cloud = self._cloud
        cloud.sends_on_to = url
        place = {"system": SYSTEM, "host": cloud.base_url, "relay": "localhost"}
        log_in = {"url": cloud.base_url, "user": cloud.user, "login": "cloud", "cloud": place}
        return super().target(url, lines_port, vault, {**log_in, **settings})

    def meant(self, sim: SimulatedNx, vault: Vault) -> Mapping[str, str]:
        seen = sim.asked[-1].headers
        token = seen[b"authorization"].decode().removeprefix("Bearer ")
        relay = self._cloud.base_url.removeprefix("http://")
        return {"{secret:nx}": token, f"Host: {relay}": f"Host: {seen[b'host'].decode()}"}

    def rotate(self, running: Running[SimulatedNx]) -> str:
        self._cloud.password = "second pass"
        running.sim.users.scoped.clear()
        return "second pass"


class NxBoth(NxBookmark):
    name = "nx-both"
    literal = GENERIC + BOOKMARK
    settings: Mapping[str, Any] = {"way": "both"}


class NxGeneric(NxBookmark):
    name = "nx-event"
    raising = rb"^POST /rest/v4/events/generic"
    searched = False
    doubtful = (status(500), status(503, "Retry-After: 0"))
    literal = GENERIC
    settings: Mapping[str, Any] = {"way": "event"}

    def held(self, sim: SimulatedNx) -> list[Held]:
        return [held(str(each["description"]), each) for each in sim.api.events]


class NxCreateEvent(NxGeneric):
    name = "nx-createEvent"
    raising = rb"^POST /api/createEvent"
    literal = CREATE_EVENT
    settings: Mapping[str, Any] = {"way": "event", "api": "v3"}
    version = "6.0"


def held(description: str, all_of_it: Mapping[str, object]) -> Held:
    lines = dict(line.partition(": ")[::2] for line in description.split("\n"))
    at = datetime.fromisoformat(lines["occurred"])
    text = json.dumps(dict(all_of_it), ensure_ascii=False)
    return Held(lines["bridge_event"], text, at, lines.get("possible_duplicate") == "true")
