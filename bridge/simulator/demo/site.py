"""The demo's site, as an installer would write it, and the readers that speak to it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bridge.simulator.readers import ReaderSettings, Way
from bridge.simulator.vehicles import Timing

PER_WAY = 8
"""Readers on each way in."""
CAMERAS = 6
BOARD = "gate-board"
"""The camera behind the webhook."""
_APART = 50_000
"""Vehicle numbers a reader has for itself."""
_MESSAGES = 4
"""A vehicle's: new, update, reliable, lost. Readers without the consolidated result send three."""


class Layout(msgspec.Struct, frozen=True):
    """Where everything is. Ports are fixed beforehand, for the bridge must come back to them."""

    folder: Path
    http_port: int
    tcp_port: int
    vms_url: str
    hooks_url: str

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
        trial.bind(("127.0.0.1", 0))
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


def all_cameras() -> dict[str, list[str]]:
    """By sensor."""
    return {sensor_name(way, index): cameras_of(way, index) for way in Way for index in range(PER_WAY)}


def site_yaml(layout: Layout, numbers: Mapping[str, int]) -> str:
    """``numbers``: the VXG number of each camera."""
    lines = [
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
        f"  lpr: {{type: http, bind: '127.0.0.1:{layout.http_port}'}}",
        f"  cable: {{type: tcp, bind: '127.0.0.1:{layout.tcp_port}'}}",
        "",
        "sensors:",
    ]
    for way in Way:
        for index in range(PER_WAY):
            if way is Way.TCP:
                where = f"connector: cable, address: {{identity: {{serial: {serial(way, index)}}}}}"
            else:
                where = f"connector: lpr, address: {{path: /{way.value}/{index + 1}}}"
            name = f"Plate reader {index + 1}, {way.value}"
            cameras = ", ".join(cameras_of(way, index))
            lines.append(
                f"  {sensor_name(way, index)}: {{name: '{name}', profile: cammra, {where}, cameras: [{cameras}]}}"
            )
    return "\n".join(lines) + "\n"


def readers(layout: Layout, rate: float) -> list[ReaderSettings]:
    """Those of the site, sending at least ``rate`` messages a second on each way.

    A pass is much quicker than on a road, so that few readers make much traffic; a vehicle leaves after the next one
    was seen. The next one comes after the one before it must have been raised: then the order of events is known.
    """
    found = []
    for way in Way:
        ai = way is not Way.TCP
        each = (_MESSAGES if ai else _MESSAGES - 1) * PER_WAY / (rate * 1.15)
        for index in range(PER_WAY):
            number = list(Way).index(way) * PER_WAY + index
            found.append(
                ReaderSettings(
                    sensor=sensor_name(way, index),
                    way=way,
                    host="127.0.0.1",
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
