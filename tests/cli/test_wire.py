"""What is shown is what is sent: the bytes of a rehearsal against those that arrive at a real socket."""

from __future__ import annotations

import hmac
import json

import pytest

from bridge.cli.paper import Paper
from bridge.cli.telling import Teller
from bridge.cli.wire import written
from bridge.config.load import load
from bridge.config.registry import vms_class
from bridge.config.secrets import SecretStores
from bridge.model import (
    Action,
    CameraId,
    Delivered,
    Delivery,
    VmsId,
)
from bridge.vms.base import VmsTarget
from tests.cli.conftest import SITE, Folder, token
from tests.cli.recorder import recording
from tests.control.conftest import event

HOOK = """\
version: 1
site: {name: Hook}
vms:
  alarms:
    type: webhook
    url: http://127.0.0.1:PORT/in/{camera}
    allow_http: true
    headers: {Authorization: Bearer secret:hook, X-Plain: "yes"}
    signature: {header: X-Signature, secret: secret:sign, template: "sha256={hex}"}
cameras: {gate-in: {vms: alarms}}
connectors: {lpr: {type: http, bind: "127.0.0.1:0"}}
sensors: {gate-lpr: {profile: cammra, connector: lpr, cameras: [gate-in]}}
"""

CLOUD = VmsId("cloud")


def target_of(folder: Folder, port: int) -> VmsTarget:
    folder.site.write_text(SITE.replace("127.0.0.1:9,", f"127.0.0.1:{port},"))
    site = load(folder.site)
    cameras = {camera.id: camera.settings for camera in site.cameras.values()}
    settings = site.vms[CLOUD].settings
    return vms_class(settings.type)(CLOUD, settings, cameras, SecretStores(directory=folder.secrets))


@pytest.mark.parametrize(("action", "remote_id"), [(Action.RAISE, None), (Action.AMEND, "81"), (Action.AMEND, None)])
async def test_every_byte_that_is_shown_is_the_byte_that_is_sent(
    folder: Folder, action: Action, remote_id: str | None
) -> None:
    async with recording() as vms:
        target = target_of(folder, vms.port)
        delivery = Delivery(event=event(1), camera=CameraId("gate-in"), vms=CLOUD, action=action, remote_id=remote_id)
        requests = target.render(delivery)
        assert requests
        shown = [written(target, request) for request in requests]
        assert vms.connections == 0, "a rehearsal made a connection"
        for request in requests:
            assert isinstance(await target.send(request), Delivered)
        await target.close()
    expected = [wire.replace(token(4711).encode(), b"{secret:gate-in}") for wire in vms.requests]
    assert shown == expected
    assert any(b"{secret:gate-in}" in wire for wire in expected)


def test_what_is_sent_once_for_many_events_is_shown_once(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    target = target_of(folder, 9)
    paper = Paper(CLOUD, target, SecretStores(directory=folder.secrets), Teller(as_json=True))
    for number in (1, 2):
        for request in target.render(Delivery(event=event(number), camera=CameraId("gate-in"), vms=CLOUD)):
            paper.show(request)
    shown = [json.loads(line)["purpose"].split()[0] for line in capfd.readouterr().out.splitlines()]
    assert shown == ["look", "declare", "raise", "raise"]
    assert paper.shown == 4


async def test_a_webhook_shows_every_byte_but_its_secrets(folder: Folder) -> None:
    keys = {"hook": "Sesame-8642", "sign": "Pepper-9753"}
    for name, value in keys.items():
        (folder.secrets / name).touch(0o600)
        (folder.secrets / name).write_text(value)
    async with recording() as vms:
        folder.site.write_text(HOOK.replace("PORT", str(vms.port)))
        site = load(folder.site)
        cameras = {camera.id: camera.settings for camera in site.cameras.values()}
        settings = site.vms[VmsId("alarms")].settings
        stores = SecretStores(directory=folder.secrets)
        target: VmsTarget = vms_class("webhook")(VmsId("alarms"), settings, cameras, stores)
        delivery = Delivery(event=event(1), camera=CameraId("gate-in"), vms=VmsId("alarms"))
        (request,) = target.render(delivery)
        shown = written(target, request)
        assert vms.connections == 0
        assert isinstance(await target.send(request), Delivered)
        await target.close()
    (sent,) = vms.requests
    digest = hmac.new(keys["sign"].encode(), request.body, "sha256").hexdigest()
    masked = sent.replace(keys["hook"].encode(), b"{secret:hook}").replace(digest.encode(), b"{hmac of secret:sign}")
    assert shown == masked
    assert b"Bearer {secret:hook}" in shown
    assert b"sha256={hmac of secret:sign}" in shown


def test_a_missing_secret_is_said_once_beside_the_requests(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    (folder.secrets / "gate-in").unlink()
    target = target_of(folder, 9)
    paper = Paper(CLOUD, target, SecretStores(directory=folder.secrets), Teller(as_json=True))
    for request in target.render(Delivery(event=event(1), camera=CameraId("gate-in"), vms=CLOUD)):
        paper.show(request)
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["what"] for line in told] == ["request", "problem", "request", "request"]
    assert "gate-in" in told[1]["why"]
