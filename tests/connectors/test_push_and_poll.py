"""A push loses what happens while its connection is away; a poller of the same sensor brings it, and nothing twice.

The whole way, with the real service and journal, over real sockets.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.config.errors import SiteErrors
from bridge.config.load import load
from bridge.config.secrets import SecretStores
from bridge.journal.contract import MessageRecord, Query
from bridge.model import ConnectorId, SensorId
from bridge.service import Service
from bridge.simulator.cammra_search import Passage, SimulatedSearch
from bridge.simulator.http_client import HttpClient
from bridge.simulator.omni import Happening, Kind, SimulatedOmni
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vehicles import CarState
from bridge.simulator.webhook import SimulatedWebhook
from connectors.websocket import WebSocketConnector
from tests.connectors.conftest import BOUND
from tests.connectors.outgoing import until
from tests.end_to_end.passes import bare, post, said

PROFILE = """\
profile: faces
name: Faces, small enough for a test
kind: ai
split: [data.events.collectionItems]
identity:
  camera: {from: [item.camera.id, item.cameraId], as: lower}
messages:
  event:
    when: {any: [item.event.id, item.id]}
    fields:
      event: {from: [item.event.id, item.id], as: lower}
    type: person.seen
    title: "Person seen {event}"
    time: [item.event.detection_date, item.date]
    dedup: {key: [fields.event], window: 1 h}
"""
SITE = """\
version: 1
site: {{name: Harbour lobby}}
vms:
  alarms: {{type: webhook, url: "{alarms}/in", allow_http: true}}
cameras:
  lobby: {{vms: alarms}}
  dock: {{vms: alarms}}
connectors:
  omni:
    type: websocket
    url: {ws}
    query: {{endpoint_id: secret:endpoint}}
  omni-events:
    type: http-poll
    url: {graphql}
    every: {every}
    headers: {{Authorization: secret:token}}
    json:
      query: |
        query ($from: DateTime, $offset: Int, $limit: Int) {{
          events(
            filters: {{date: {{gte: $from}}}}, order: {{date: ASC}}, pagination: {{offset: $offset, limit: $limit}}
          ) {{
            collectionItems {{ id date type agentId cameraId data }}
          }}
        }}
      variables: {{from: "{{cursor}}", offset: "{{offset}}", limit: "{{limit}}"}}
    items: data.events.collectionItems
    cursor: {{from: "data.events.collectionItems[*].date", start: "2026-01-05T08:00:00Z"}}
    pages: {{by: offset, limit: 4, order: oldest}}
sensors:
  lobby-faces:
    profile: faces
    connector: omni
    address: {{identity: {{camera: cam-1}}}}
    also: {{omni-events: }}
    cameras: [lobby]
  dock-faces:
    profile: faces
    connector: omni
    address: {{identity: {{camera: cam-2}}}}
    also: {{omni-events: }}
    cameras: [dock]
"""


def event(number: int, camera: str = "cam-1") -> Happening:
    return Happening(number=number, kind=Kind.ROI, camera=camera, at=datetime(2026, 1, 5, 9, 0, number, tzinfo=UTC))


def write_site(folder: Path, omni: SimulatedOmni, hooks: SimulatedWebhook, every: str = "50 ms") -> Path:
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / "faces.yaml").write_text(PROFILE)
    site = folder / "site.yaml"
    site.write_text(SITE.format(alarms=hooks.base_url, ws=omni.ws_url, graphql=omni.graphql_url, every=every))
    write_secrets(folder / "secrets", {"endpoint": omni.endpoint, "token": omni.token})
    return site


@asynccontextmanager
async def bridge(folder: Path) -> AsyncIterator[Service]:
    site = load(folder / "site.yaml")
    service = await Service.start(site, SecretStores(folder / "secrets"), journal_path=folder / "journal")
    running = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        await service.stop(5.0)
        async with asyncio.timeout(BOUND):
            await running


def raised(hooks: SimulatedWebhook) -> list[str]:
    return sorted(str(json.loads(hook.body)["event"]["title"]) for hook in hooks.record)


def titles(*events: Happening) -> list[str]:
    return sorted(f"Person seen {each.id}" for each in events)


async def test_what_the_push_lost_is_raised_once_and_what_it_brought_is_not_raised_again(tmp_path: Path) -> None:
    a, b, c, d = event(1), event(2), event(3), event(4, "cam-2")
    async with SimulatedOmni() as omni, SimulatedWebhook() as hooks:
        write_site(tmp_path, omni, hooks)
        # The poller waits until the outage is over, as if GraphQL had been away with the rest.
        await omni.http.go_away()
        async with bridge(tmp_path) as service:
            await omni.listeners(1)
            await omni.happens(a)
            await until(lambda: raised(hooks) == titles(a))
            await omni.cut()
            await omni.happens(b)
            await omni.listeners(1)
            await omni.happens(c)
            await until(lambda: raised(hooks) == titles(a, c))
            await omni.happens(d, push=False)  # an agent that has not yet synchronised
            await omni.http.come_back()
            await until(lambda: raised(hooks) == titles(a, b, c, d))
            await until(lambda: omni.queries >= 4)
            totals = await service.journal.totals()
            assert raised(hooks) == titles(a, b, c, d)
            assert totals.items["raised"] == 4
            assert totals.items["duplicate"] >= 2
            assert totals.items.get("quarantined", 0) == 0
            messages = [
                record.message
                async for record in service.journal.read(Query(what="messages"))
                if isinstance(record, MessageRecord)
            ]
            assert {message.connector for message in messages} == {"omni", "omni-events"}, "each by its own way"
            status = await service.status()
            assert all(sensor.last_heard is not None for sensor in status.sensors.values())
            said = {each.name: each.why for each in status.connectors}
            assert "what was sent meanwhile is not repeated" in said["omni"]


async def test_the_profile_that_comes_with_the_bridge_knows_both_shapes_for_the_same(tmp_path: Path) -> None:
    async with SimulatedOmni() as omni, SimulatedWebhook() as hooks:
        path = write_site(tmp_path, omni, hooks)
        path.write_text(path.read_text().replace("profile: faces", "profile: omni"))
        await omni.http.go_away()
        async with bridge(tmp_path) as service:
            await omni.listeners(1)
            for number, kind in enumerate(Kind):
                push = kind is not Kind.HAR
                at = datetime(2026, 1, 5, 9, 0, number, tzinfo=UTC)
                await omni.happens(Happening(number=number, kind=kind, camera="cam-1", at=at, person=1), push=push)
            await until(lambda: len(hooks.record) == len(Kind) - 1)
            await omni.http.come_back()
            await until(lambda: len(hooks.record) == len(Kind))
            totals = await service.journal.totals()
            assert totals.items["raised"] == len(Kind)
            assert totals.items["duplicate"] == len(Kind) - 1
            assert totals.items.get("quarantined", 0) == 0


GATE = """\
version: 1
site: {{name: Harbour gate}}
vms:
  alarms: {{type: webhook, url: "{alarms}/in", allow_http: true}}
cameras:
  gate: {{vms: alarms}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
  gate-memory:
    type: http-poll
    url: {search}
    query: {{TimestampFrom: "{{cursor}}", offset: "{{offset}}", limit: "{{limit}}"}}
    digest: secret:camera
    every: 50 ms
    items: event
    cursor: {{from: "event[*].TS", write: us, start: "2026-01-05T08:00:00Z"}}
    pages: {{by: offset, limit: 50}}
sensors:
  gate-lpr:
    profile: cammra
    connector: lpr
    address: {{path: /gate}}
    also: {{gate-memory: }}
    cameras: [gate]
"""


async def test_what_a_readers_push_lost_comes_from_its_memory(tmp_path: Path) -> None:
    async with SimulatedSearch() as memory, SimulatedWebhook() as hooks:
        (tmp_path / "site.yaml").write_text(GATE.format(alarms=hooks.base_url, search=memory.url))
        write_secrets(tmp_path / "secrets", {"camera": f"{memory.user}:{memory.password}"})
        passed = [said(number, CarState.LOST, at=1_767_603_734_000 + number) for number in (1, 2, 3)]
        await memory.server.go_away()
        async with bridge(tmp_path) as service:
            for number, each in enumerate(passed):
                memory.remember(_remembered(each))
                if number != 1:
                    await _push(service, each)
            await until(lambda: len(hooks.record) == 2)
            await memory.server.come_back()
            await until(lambda: len(hooks.record) == 3)
            totals = await service.journal.totals()
            assert (totals.items["raised"], totals.items["duplicate"]) == (3, 2)
            assert str(passed[1]["plateUTF8"]) in raised(hooks)[1]


def _remembered(each: dict[str, object]) -> Passage:
    return Passage(
        at=datetime.fromtimestamp(int(str(each["capture_timestamp"])) / 1000, UTC),
        car=int(str(each["carID"])),
        plate=str(each["plateUTF8"]),
        direction=str(each["carMoveDirection"]),
    )


async def _push(service: Service, each: dict[str, object]) -> None:
    bound = ""
    async with asyncio.timeout(BOUND):
        while not bound:
            await asyncio.sleep(0.005)
            bound = next((one.bound for one in (await service.status()).connectors if one.name == "lpr"), "")
    host, _, port = bound.rpartition(":")
    client = HttpClient(host, int(port))
    assert (await client.send(post("/gate", bare(each)))).status == 200
    client.close()


async def test_wherever_the_bridge_is_stopped_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    """The same journal, many short lives; the WebSocket says nothing, so that all depends on the cursor."""
    events = [event(number) for number in range(30)]
    async with SimulatedOmni() as omni, SimulatedWebhook() as hooks:
        write_site(tmp_path, omni, hooks, "5 ms")
        for life, each in enumerate(events):
            await omni.happens(each, push=False)
            if life % 3 == 0:
                async with bridge(tmp_path):
                    await asyncio.sleep(0.004 * (life % 8))  # anywhere: before, in or after a question or a commit
        async with bridge(tmp_path) as service:
            await until(lambda: raised(hooks) == titles(*events))
            totals = await service.journal.totals()
        assert totals.items["raised"] == len(events)


async def test_a_reload_moves_a_sensor_to_another_way_in(tmp_path: Path) -> None:
    async with SimulatedOmni() as omni, SimulatedWebhook() as hooks:
        path = write_site(tmp_path, omni, hooks)
        whole = path.read_text()
        path.write_text(whole.replace("    also: {omni-events: }\n", ""))
        await omni.happens(event(1), push=False)
        async with bridge(tmp_path) as service:
            await until(lambda: omni.queries > 1)
            assert raised(hooks) == []
            path.write_text(whole)
            changed = await service.reload(load(path))
            assert changed.sensors.changed == (SensorId("lobby-faces"), SensorId("dock-faces"))
            assert changed.connectors_to_readdress == (ConnectorId("omni-events"),)
            await omni.happens(event(2), push=False)
            await until(lambda: titles(event(2))[0] in raised(hooks))


async def test_identity_holds_for_the_other_ways_unless_they_say_their_own(tmp_path: Path) -> None:
    async with SimulatedOmni() as omni, SimulatedWebhook() as hooks:
        path = write_site(tmp_path, omni, hooks)
        site = load(path)
        (way,) = site.sensors[SensorId("dock-faces")].also.values()
        assert way.identity == {"camera": "cam-2"}
        path.write_text(path.read_text().replace("{omni-events: }", "{omni-events: {identity: {camera: other}}}", 1))
        (way,) = load(path).sensors[SensorId("lobby-faces")].also.values()
        assert way.identity == {"camera": "other"}


@pytest.mark.parametrize(
    ("also", "words"),
    [
        ("{omni-event: }", "there is no connector omni-event; did you mean omni-events?"),
        ("{omni: }", "omni is this sensor's connector already"),
        ("{omni-events: {path: /x}}", "there is no key path here"),
        ("{omni-events: {identity: {camera: cam-2}}}", "nothing tells this sensor from"),
        ("[omni-events]", "this has to be a mapping"),
    ],
)
async def test_a_wrong_way_is_said_where_it_stands(tmp_path: Path, also: str, words: str) -> None:
    async with SimulatedOmni() as omni, SimulatedWebhook() as hooks:
        path = write_site(tmp_path, omni, hooks)
        path.write_text(path.read_text().replace("{omni-events: }", also, 1))
        with pytest.raises(SiteErrors, match=words.replace("?", r"\?")):
            load(path)


def test_the_connectors_are_found_by_their_names() -> None:
    from bridge.config.registry import connector_class

    assert connector_class("websocket") is WebSocketConnector
    assert connector_class("http-poll").Settings.model_fields["type"].default == "http-poll"


def test_to_know_the_types_no_library_of_theirs_is_loaded() -> None:
    program = (
        "import sys; from bridge.config.registry import connector_class as find; find('websocket'); find('http-poll')\n"
        "print([name for name in ('httpx', 'websockets') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=30)
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr
