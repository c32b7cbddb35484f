"""Trouble to a real broker: told when the broker has acknowledged it, and somebody subscribes."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.secret import Secrets
from bridge.trouble.settings import TroubleMqtt
from bridge.trouble.told import NotTold, Trouble
from bridge.trouble.ways import way_of
from tests.connectors.authority import Authority
from tests.connectors.conftest import Inbox, Vault
from tests.connectors.mosquitto import HOST, Mosquitto, mosquitto, mqtt, program
from tests.connectors.outgoing import at_work

pytestmark = pytest.mark.needs("mosquitto", "mosquitto_pub")

TOPIC = "harbour/bridge/trouble"
AT = datetime(2026, 1, 5, 9, 0, 0, tzinfo=UTC)
TROUBLE = Trouble(
    site="depot", site_name="Depot", type="alarm.waiting", key="alarm cloud", state="active", title="Alarms wait",
    why="not accepted", since=AT, at=AT,
)  # fmt: skip


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def settings(broker: Mosquitto, **more: object) -> TroubleMqtt:
    return TroubleMqtt.model_validate({"type": "mqtt", "url": broker.url, "topic": TOPIC, "timeout": "5 s", **more})


async def tell(settings: TroubleMqtt, secrets: Secrets | None = None) -> None:
    way = way_of(settings, secrets or Vault())
    try:
        await way.tell(TROUBLE)
    finally:
        await way.close()


async def test_who_subscribes_gets_the_trouble_as_a_document(tmp_path: Path, inbox: Inbox) -> None:
    async with mosquitto(tmp_path) as broker, at_work(mqtt(broker.url, TOPIC), inbox) as (link, _):
        await link.hear("up: ")
        await tell(settings(broker))
        await inbox.hold(1)
        document = json.loads(inbox.bodies[0])
        assert (document["key"], document["state"], document["title"]) == ("alarm cloud", "active", "Alarms wait")


async def test_what_nobody_subscribes_to_is_not_told_unless_it_is_retained(tmp_path: Path, inbox: Inbox) -> None:
    async with mosquitto(tmp_path) as broker:
        with pytest.raises(NotTold, match=f"nobody subscribes to {TOPIC}"):
            await tell(settings(broker))
        await tell(settings(broker, retain=True))
        async with at_work(mqtt(broker.url, TOPIC), inbox):
            await inbox.hold(1)


async def test_a_broker_that_is_away_silent_or_refuses_is_said(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.touch(0o600)
    subprocess.run([program("mosquitto_passwd"), "-b", str(file), "bridge", "right"], check=True, capture_output=True)
    async with mosquitto(tmp_path, "allow_anonymous false", f"password_file {file}") as broker:
        login = {"user": "bridge", "password": "secret:broker", "retain": True}
        await tell(settings(broker, **login), Vault(broker="right"))
        with pytest.raises(NotTold, match="refuses us"):
            await tell(settings(broker, **login), Vault(broker="wrong"))
        with pytest.raises(NotTold, match="broker"):
            await tell(settings(broker, **login))
        await broker.kill()
        with pytest.raises(NotTold, match="refused"):
            await tell(settings(broker, **login), Vault(broker="right"))

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, HOST, 0)
    async with server:
        broker.port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotTold, match="no answer in time"):
            await tell(settings(broker, timeout="200 ms"))


async def test_over_tls_the_broker_has_to_be_who_it_should_be(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, other = authority.issue("server"), authority.issue("other")
    lines = (
        "allow_anonymous true",
        f"cafile {authority.certificate}",
        f"certfile {server}.pem",
        f"keyfile {server}.key",
    )
    async with mosquitto(tmp_path, *lines) as broker:
        secure = {"url": f"mqtts://{HOST}:{broker.port}", "retain": True}
        await tell(settings(broker, **secure, tls={"ca_file": str(authority.certificate)}))
        await tell(settings(broker, **secure, tls={"fingerprint": authority.fingerprint(server)}))
        with pytest.raises(NotTold, match="no TLS"):
            await tell(settings(broker, **secure))
        with pytest.raises(NotTold, match="not the pinned"):
            await tell(settings(broker, **secure, tls={"fingerprint": authority.fingerprint(other)}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://broker"},
        {"url": "mqtt://user:word@broker"},
        {"url": "mqtt://broker/topic"},
        {"topic": "a/#"},
        {"password": "secret:x"},
        {"certificate": "/etc/x.pem"},
    ],
)
def test_what_cannot_work_is_refused_at_check(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TroubleMqtt.model_validate({"type": "mqtt", "url": "mqtt://broker", "topic": TOPIC, **wrong})
