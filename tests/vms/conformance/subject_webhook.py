"""The webhook: no search, back-dates, no rights of its own; the receiver decides whom it lets in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from bridge.model import VmsId
from bridge.simulator.webhook import SimulatedWebhook
from bridge.vms.base import VmsTarget
from bridge.vms.webhook import WebhookCamera, WebhookSettings, WebhookTarget
from tests.vms.conformance.subject import Held, Running, Subject
from tests.vms.conformance.wiretap import status
from tests.vms.conftest import Vault

LITERAL = """\
POST /in/gate-in HTTP/1.1\r
Host: {host}\r
Content-Type: application/json\r
Authorization: Bearer open sesame\r
Content-Length: 664\r
\r
{"version":1,"action":"raise","possible_duplicate":false,"camera":{"key":"gate-in","name":"gate-in","id":"gate-in"},\
"sensor":{"id":"door-17","name":"Door 17","kind":"door"},"event":{"id":"0197c3-1.0","revision":0,"site":"harbour",\
"message":"0197c3-1","type":"access.denied","title":"Access denied","state":"momentary","condition":null,\
"closes":null,"urgency":"notice","occurred_at":"2026-02-03T10:15:30.250000Z",\
"arrived_at":"2026-02-03T10:15:30.500000Z","clock":"device","clock_offset":-0.25,"fields":{"vendor":"acme",\
"card":"00931","reason":"expired"},"detail":{"vendor":"acme","card":"00931","reason":"expired"},"media":[],\
"changes":[],"marks":[],"test":false}}"""


class Webhook(Subject[SimulatedWebhook]):
    name = "webhook"
    secret = "alarms"
    raising = rb"^POST "
    searched, backdates = False, True
    literal = LITERAL

    def simulator(self) -> AbstractAsyncContextManager[SimulatedWebhook]:
        return SimulatedWebhook()

    def port(self, sim: SimulatedWebhook) -> int:
        return sim.server.port

    def vault(self, sim: SimulatedWebhook) -> Vault:
        return Vault(alarms="open sesame")

    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        told = {"url": url + "/in/{camera}", "headers": {"Authorization": "Bearer secret:alarms"}}
        read = WebhookSettings.model_validate({"type": "webhook", **told, **settings})
        return WebhookTarget(VmsId("vms"), read, {self.camera: WebhookCamera(vms="vms")}, vault)

    def meant(self, sim: SimulatedWebhook, vault: Vault) -> Mapping[str, str]:
        return {"{secret:alarms}": vault.kept["alarms"]}

    def held(self, sim: SimulatedWebhook) -> list[Held]:
        found = []
        for hook in sim.record:
            told = json.loads(hook.body)
            at = datetime.fromisoformat(told["event"]["occurred_at"])
            text = json.dumps(told, ensure_ascii=False)
            found.append(Held(told["event"]["id"], text, at, told["possible_duplicate"]))
        return found

    def rotate(self, running: Running[SimulatedWebhook]) -> str:
        old = re.escape(running.vault.kept["alarms"].encode())
        running.tap.refuses(rb"Authorization: Bearer " + old, status(401))
        return "open parsley"
