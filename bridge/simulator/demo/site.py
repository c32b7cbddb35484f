"""The demo's site, as an installer would write it, and the devices that speak to it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bridge.simulator.omni.documents import identifier
from bridge.simulator.omni.scene import SceneSettings
from bridge.simulator.ovenmediaengine import OvenMediaEngineSettings
from bridge.simulator.readers import ReaderSettings, Way
from bridge.simulator.vehicles import Timing
from bridge.simulator.visualcortex import VisualCortexSettings

PER_WAY = 8
"""Readers on each way in, and cameras or streams of each of the other systems."""
CAMERAS = 6
BOARD = "gate-board"
"""The camera behind the webhook."""
_APART = 50_000
"""Vehicle numbers a reader has for itself."""
_MESSAGES = 4
"""A vehicle's: new, update, reliable, lost. Readers without the consolidated result send three."""


HOST = "127.0.0.1"
OME_KEY = "demo-1234"
"""The SecretKey of the simulated OvenMediaEngine."""
FASTER = 1.15
"""By how much more than what was asked for is sent, so that it is reached on a slow machine too."""


class Layout(msgspec.Struct, frozen=True):
    """Where everything is. Ports are fixed beforehand, for the bridge must come back to them."""

    folder: Path
    http_port: int
    tcp_port: int
    vms_url: str
    hooks_url: str
    omni_ws: str = "ws://127.0.0.1:1/event-service/ws"
    omni_graphql: str = "http://127.0.0.1:1/event-service/graphql"

    @property
    def site(self) -> Path:
        return self.folder / "site.yaml"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def control(self) -> Path:
        return self.folder / "control.sock"


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind((HOST, 0))
        return int(trial.getsockname()[1])


def camera_name(index: int) -> str:
    return f"gate-{index + 1}"


def serial(way: Way, index: int) -> str:
    """A MAC of Axis, another for each reader."""
    return f"B8A44F{list(Way).index(way):02X}{index:04X}"


def sensor_name(way: Way, index: int) -> str:
    return f"{way.value}-{index + 1}"


def cameras_of(way: Way, index: int) -> list[str]:
    """One camera each, every fourth reader has a second one, and one of each way also the board."""
    first = (index + list(Way).index(way)) % CAMERAS
    cameras = [camera_name(first)]
    if index % 4 == 0:
        cameras.append(camera_name((first + 1) % CAMERAS))
    if index == 1:
        cameras.append(BOARD)
    return cameras


def faces(index: int) -> tuple[str, str]:
    """A sensor's name and its camera's id at the simulated OMNI Platform."""
    return f"faces-{index + 1}", identifier("camera", index)


def tripwire(index: int) -> tuple[str, str]:
    """A sensor's name and its entity at the simulated VisualCortex."""
    return f"tripwire-{index + 1}", f"48f73949-01be-44c5-b4f7-{index:012x}"


def stream(index: int) -> tuple[str, str]:
    """A sensor's name and its stream at the simulated OvenMediaEngine."""
    return f"stream-{index + 1}", f"#default#app/dock-{index + 1}"


def all_cameras() -> dict[str, list[str]]:
    """By sensor."""
    found = {sensor_name(way, index): cameras_of(way, index) for way in Way for index in range(PER_WAY)}
    for system in (faces, tripwire, stream):
        found |= {system(index)[0]: [camera_name(index % CAMERAS)] for index in range(PER_WAY)}
    return found


def secrets_of(omni_endpoint: str, omni_token: str) -> dict[str, str]:
    """What the devices are known by, beside the cameras' tokens."""
    return {"ome": OME_KEY, "omni-endpoint": omni_endpoint, "omni-token": omni_token}


def site_yaml(layout: Layout, numbers: Mapping[str, int]) -> str:
    """``numbers``: the VXG number of each camera."""
    return "\n".join([*_before_sensors(layout, numbers), *_readers(), *_systems()]) + "\n"


def _before_sensors(layout: Layout, numbers: Mapping[str, int]) -> list[str]:
    return [
        "version: 1",
        "site: {name: Demo depot, timezone: Europe/Prague}",
        "",
        "vms:",
        f"  cloud: {{type: vxg, url: '{layout.vms_url}', allow_http: true}}",
        f"  board: {{type: webhook, url: '{layout.hooks_url}/board', allow_http: true}}",
        "",
        "cameras:",
        *(f"  {name}: {{vms: cloud, id: {number}, token: secret:{name}}}" for name, number in numbers.items()),
        f"  {BOARD}: {{vms: board}}",
        "",
        "connectors:",
        f"  web: {{type: http, bind: '{HOST}:{layout.http_port}'}}",
        f"  cable: {{type: tcp, bind: '{HOST}:{layout.tcp_port}'}}",
        f"  omni: {{type: websocket, url: '{layout.omni_ws}', query: {{endpoint_id: secret:omni-endpoint}}}}",
        "  omni-events:",
        "    type: http-poll",
        f"    url: {layout.omni_graphql}",
        "    headers: {Authorization: secret:omni-token}",
        "    every: 2 s",
        "    json:",
        "      query: >-",
        "        query ($from: DateTime, $offset: Int, $limit: Int) { events(filters: {date: {gte: $from}},",
        "        order: {date: ASC}, pagination: {offset: $offset, limit: $limit})",
        "        { collectionItems { id date type agentId cameraId data } } }",
        '      variables: {from: "{cursor}", offset: "{offset}", limit: "{limit}"}',
        "    items: data.events.collectionItems",
        '    cursor: {from: "data.events.collectionItems[*].date", overlap: 5 s}',
        "    pages: {by: offset, limit: 200, order: oldest}",
        "",
        "sensors:",
    ]


def _readers() -> list[str]:
    lines = []
    for way in Way:
        for index in range(PER_WAY):
            if way is Way.TCP:
                where = f"connector: cable, address: {{identity: {{serial: {serial(way, index)}}}}}"
            else:
                where = f"connector: web, address: {{path: /{way.value}/{index + 1}}}"
            name = f"Plate reader {index + 1}, {way.value}"
            cameras = ", ".join(cameras_of(way, index))
            lines.append(
                f"  {sensor_name(way, index)}: {{name: '{name}', profile: cammra, {where}, cameras: [{cameras}]}}"
            )
    return lines


def _systems() -> list[str]:
    """The cameras and streams of the systems that speak for many through one address."""
    lines = []
    for index in range(PER_WAY):
        camera = camera_name(index % CAMERAS)
        name, of = faces(index)
        lines.append(
            f"  {name}: {{profile: omni, connector: omni, address: {{identity: {{camera: {of}}}}}, "
            f"also: {{omni-events: {{}}}}, cameras: [{camera}]}}"
        )
        name, of = tripwire(index)
        lines.append(
            f"  {name}: {{profile: visualcortex, connector: web, "
            f"address: {{path: /visualcortex, identity: {{entity: {of}}}}}, cameras: [{camera}]}}"
        )
        name, of = stream(index)
        lines.append(
            f"  {name}: {{profile: ovenmediaengine, connector: web, cameras: [{camera}], "
            f"address: {{path: /ome, hmac: {{preset: ovenmediaengine, secret: secret:ome}}, "
            f"identity: {{source: '{of}'}}}}, rules: [chatter: off]}}"
        )
    return lines


def scene(rate: float) -> SceneSettings:
    return SceneSettings(cameras=[faces(index) for index in range(PER_WAY)], every=1 / (rate * FASTER))


def visualcortex(layout: Layout, rate: float) -> VisualCortexSettings:
    batch = 4
    return VisualCortexSettings(
        host=HOST, port=layout.http_port, path="/visualcortex", cameras=[tripwire(index) for index in range(PER_WAY)],
        every=batch / (rate * FASTER), batch=batch, timeout=5.0,
    )  # fmt: skip


def ovenmediaengine(layout: Layout, rate: float) -> OvenMediaEngineSettings:
    return OvenMediaEngineSettings(
        host=HOST, port=layout.http_port, path="/ome", streams=[stream(index) for index in range(PER_WAY)],
        secret=OME_KEY, every=PER_WAY / (rate * FASTER), timeout=5.0,
    )  # fmt: skip


def readers(layout: Layout, rate: float) -> list[ReaderSettings]:
    """Those of the site, sending at least ``rate`` messages a second on each way.

    A pass is much quicker than on a road, so that few readers make much traffic; a vehicle leaves after the next one
    was seen. The next one comes after the one before it must have been raised: then the order of events is known.
    """
    found = []
    for way in Way:
        ai = way is not Way.TCP
        each = (_MESSAGES if ai else _MESSAGES - 1) * PER_WAY / (rate * FASTER)
        for index in range(PER_WAY):
            number = list(Way).index(way) * PER_WAY + index
            found.append(
                ReaderSettings(
                    sensor=sensor_name(way, index),
                    way=way,
                    host=HOST,
                    port=layout.tcp_port if way is Way.TCP else layout.http_port,
                    path=f"/{way.value}/{index + 1}",
                    serial=serial(way, index),
                    first=number * _APART,
                    every=each,
                    begins=each * ((number * 7) % 24) / 24,
                    timing=Timing(update=0.2 * each, reliable=0.5 * each, passed=0.8 * each, lost=0.5 * each),
                    ai=ai,
                    block_every=9,
                    allow_every=5,
                    picture_bytes=2_000,
                    timeout=5.0,
                )
            )
    return found
