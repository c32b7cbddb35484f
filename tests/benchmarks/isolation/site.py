"""The site that is measured: healthy sensors by six ways, and what is bad beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.isolation.healthy import DEVICES, POINTS, Ports, address

BAD = {
    "modbus": "host: 127.0.0.1, port: {port}, poll: 100 ms, timeout: 300 ms",
    "tcp-client": "host: 127.0.0.1, port: {port}, connect_timeout: 500 ms, silence: 1 s",
    "http-stream": "url: 'http://127.0.0.1:{port}/events', connect_timeout: 500 ms, heartbeat: 1 s",
    "http-poll": "url: 'http://127.0.0.1:{port}/events', every: 200 ms, timeout: 500 ms",
    "websocket": "url: 'ws://127.0.0.1:{port}/events', connect_timeout: 500 ms, ping: 500 ms",
    "mqtt": "url: 'mqtt://127.0.0.1:{port}', connect_timeout: 500 ms, keepalive: 5 s",
    "snmp-poll": "host: 127.0.0.1, port: {port}, every: 200 ms, timeout: 300 ms, community: secret:traps, "
    "get: [1.3.6.1.2.1.33.1.4.1.0]",
}
"""Settings of a connector whose device is bad: everything is short, so that it happens often while it is measured."""

_ADDRESS = {"modbus": "{discrete_input: 0}", "mqtt": "{topic: bad}"}
_PROFILE = {"modbus": "contact", "snmp-poll": "snmp", "mqtt": "zigbee2mqtt"}


def write_site(
    folder: Path, ports: Ports, board: int, panels: Sequence[int], sides: Sequence[int], way: str, bad: Sequence[int]
) -> None:
    """``sides``: ports of VMS that are told too what the healthy say; ``bad``: ports of devices asked by ``way``."""
    lines = [
        "version: 1",
        "site: {name: Benchmark, timezone: Europe/Prague}",
        "vms:",
        f"  board: {{type: webhook, url: 'http://127.0.0.1:{board}/in'}}",
        *(
            f"  side-{number}: {{type: webhook, url: 'http://127.0.0.1:{port}/in', timeout: 500 ms}}"
            for number, port in enumerate(sides)
        ),
        "cameras:",
        "  wide: {vms: board}",
        *(f"  side-{number}: {{vms: side-{number}}}" for number in range(len(sides))),
        "connectors:",
        f"  web: {{type: http, bind: '127.0.0.1:{ports.http}', body_timeout: 2 s}}",
        f"  wire: {{type: tcp, bind: '127.0.0.1:{ports.tcp}'}}",
        f"  grams: {{type: udp, bind: '127.0.0.1:{ports.udp}'}}",
        f"  traps: {{type: snmp, bind: '127.0.0.1:{ports.snmp}', communities: [secret:traps]}}",
        f"  broker: {{type: mqtt, url: 'mqtt://127.0.0.1:{ports.broker}'}}",
        *(
            f"  panel-{number}: {{type: modbus, host: 127.0.0.1, port: {port}, poll: 50 ms}}"
            for number, port in enumerate(panels)
        ),
        *(f"  bad-{number}: {{type: {way}, {BAD[way].format(port=port)}}}" for number, port in enumerate(bad)),
        "sensors:",
        "  bad-web: {profile: cammra, connector: web, address: {path: /bad}, cameras: [wide]}",
        "  bad-topic: {profile: zigbee2mqtt, connector: broker, address: {topic: zigbee2mqtt/bad}, cameras: [wide]}",
        *(
            f"  bad-{number}: {{profile: {_PROFILE.get(way, 'cammra')}, connector: bad-{number}, "
            f"address: {_ADDRESS.get(way, '{}')}, cameras: [wide]}}"
            for number in range(len(bad))
        ),
    ]
    for device in range(DEVICES):
        on = f"wide, side-{device % len(sides)}" if sides else "wide"
        source = f"{{from: {address(device)}}}"
        for way_in, profile, where in (
            ("web", "cammra", f"{{path: /s/{device}}}"),
            ("wire", "cammra", source),
            ("grams", "cammra", source),
            ("traps", "snmp", source),
            ("broker", "zigbee2mqtt", f"{{topic: zigbee2mqtt/d{device}}}"),
        ):
            lines.append(
                f"  {way_in}-{device}: {{profile: {profile}, connector: {way_in}, address: {where}, cameras: [{on}]}}"
            )
        lines += (
            f"  point-{device}-{point}: {{profile: contact, connector: panel-{device}, cameras: [{on}], "
            f"address: {{discrete_input: {point}, of: door}}, rules: [chatter: 'off']}}"
            for point in range(POINTS)
        )
    (folder / "site.yaml").write_text("\n".join(lines) + "\n")
