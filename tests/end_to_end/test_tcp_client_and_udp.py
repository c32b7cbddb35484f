"""The bridge as a process of its own, with socat for devices: one that is connected to, one that sends datagrams."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.connectors.socat import device_that_says, send_datagram
from tests.end_to_end.bridge_process import running, until
from tests.free_port import free_port

pytestmark = pytest.mark.needs("socat")

SITE = """\
version: 1
site: {{name: Plant}}
vms:
  cloud: {{type: vxg, url: "{vms}", allow_http: true}}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
connectors:
  panel:
    type: tcp-client
    host: 127.0.0.1
    port: {port}
    framing: lines
    greeting: ['LOGIN ', 'secret:panel', '\\r\\n']
  rope: {{type: udp, bind: '127.0.0.1:0'}}
sensors:
  door: {{profile: contact, connector: panel, cameras: [gate]}}
  leak: {{profile: contact, connector: rope, address: {{from: 127.0.0.1}}, cameras: [gate]}}
"""


@pytest.mark.shows("connector:udp", "peer", peer="socat")
@pytest.mark.shows("connector:tcp-client", "peer", peer="socat")
async def test_what_they_say_becomes_events_and_the_way_back_is_found(tmp_path: Path) -> None:
    said, heard = tmp_path / "said", tmp_path / "heard"
    heard.touch()
    port = free_port()
    async with SimulatedVxg([4711]) as vms:
        write_secrets(tmp_path / "secrets", {"gate": vms.tokens[4711], "panel": "open sesame"})
        (tmp_path / "site.yaml").write_text(SITE.format(vms=vms.base_url, port=port))
        async with running(tmp_path) as bridge:
            said.write_bytes(b'{"point": "front", "of": "door", "on": true}\r\n')
            async with device_that_says(said, heard, port):
                await until(lambda: len(vms.record) == 1, bridge.said)
                await until(lambda: heard.read_bytes() == b"LOGIN open sesame\r\n", bridge.said)
            said.write_bytes(b'{"point": "front", "of": "door", "on": false}\r\n')
            async with device_that_says(said, heard, port):
                await until(lambda: len(vms.record) == 2, bridge.said)
            await send_datagram(bridge.bound("rope")[1], b'{"point": "cellar", "of": "leak", "on": true}')
            await until(lambda: len(vms.record) == 3, bridge.said)
            assert await bridge.stop() == 0
        assert "open sesame" not in bridge.said()
    assert [(event.meta["type"], event.meta["state"]) for event in vms.record] == [
        ("door.opened", "active"), ("door.opened", "restored"), ("leak.detected", "active"),
    ]  # fmt: skip
