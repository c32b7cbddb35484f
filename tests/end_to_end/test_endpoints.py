"""Endpoints of a real service: whoever follows them gets every acknowledged event in order, through kills too."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bridge.simulator.secret_files import write_secrets
from tests.end_to_end.bridge_process import Bridge, command, running, until
from tests.end_to_end.passes import bare, post, said
from tests.free_port import free_port
from tests.vms.conftest import Played, playing

SITE = """\
version: 1
site: {{name: Told yard}}
vms:
  hook: {{type: webhook, url: "http://127.0.0.1:{port}/vms"}}
cameras:
  gate: {{vms: hook}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  gate-lpr: {{profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate], rules: [{{collapse: off}}]}}
endpoints:
  room: {{type: websocket, bind: "127.0.0.1:{room}", token: secret:room}}
  erp: {{type: webhook, url: "http://127.0.0.1:{port}/erp"}}
"""
TOKEN = "token-of-the-room"


def prepared(folder: Path, host: Played) -> int:
    room = free_port()
    write_secrets(folder / "secrets", {"room": TOKEN})
    (folder / "site.yaml").write_text(SITE.format(port=host.port, room=room))
    return room


class Follower:
    """Subscribes, and comes again with its last position whenever it is cut off."""

    def __init__(self, port: int) -> None:
        self.got: list[dict[str, Any]] = []
        self._url = f"ws://127.0.0.1:{port}/events"
        self._after = "oldest"

    async def follow(self) -> None:
        while True:
            try:
                headers = {"Authorization": f"Bearer {TOKEN}"}
                async with connect(f"{self._url}?after={self._after}", additional_headers=headers) as connection:
                    async for text in connection:
                        told = json.loads(text)
                        self._after = told["position"]
                        if told["what"] == "event":
                            self.got.append(told)
            except (OSError, ConnectionClosed):
                pass
            await asyncio.sleep(0.02)

    def ids(self) -> list[str]:
        return [told["event"]["id"] for told in self.got]


async def pass_by(bridge: Bridge, *numbers: int) -> None:
    for number in numbers:
        assert (await bridge.post(post("/gate", bare(said(number))))).status == 200


def told_to_erp(host: Played) -> list[str]:
    pairs = zip(host.heads, host.bodies, strict=True)
    return [json.loads(body)["event"]["id"] for head, body in pairs if b"/erp" in head]


async def test_a_follower_and_a_receiver_get_every_acknowledged_event_in_order_through_kills(tmp_path: Path) -> None:
    async with playing() as host:
        follower = Follower(prepared(tmp_path, host))
        following = asyncio.create_task(follower.follow())
        for each in range(3):
            async with running(tmp_path) as bridge:
                await pass_by(bridge, *range(10 * each, 10 * each + 10))
                if each < 2:
                    bridge.signal(signal.SIGKILL)
                    await bridge.ends()
                    continue
                await until(lambda: len(follower.got) >= 30, lambda: len(follower.got))
                await until(lambda: len(set(told_to_erp(host))) >= 30, lambda: len(told_to_erp(host)))
                (room, erp) = (await bridge.status())["endpoints"]
                assert (room["up"], room["subscribers"], room["behind"]) == (True, 1, 0)
                assert erp["up"]
                _, shown = await command("status", "--site", str(tmp_path / "site.yaml"))
                assert b"endpoints\n" in shown
                assert b"1 subscribed on 127.0.0.1:" in shown
                assert await bridge.stop() == 0
        following.cancel()
        assert len(follower.ids()) == len(set(follower.ids())) == 30, "once each: it always said where it was"
        assert follower.ids() == sorted(follower.ids())
        first_times = list(dict.fromkeys(told_to_erp(host)))
        assert first_times == follower.ids()
        assert len(follower.got) == len({told["position"] for told in follower.got})
        for log in (bridge.said(),):
            assert TOKEN not in log
            assert "Traceback" not in log, log


async def test_a_dry_run_tells_nobody(tmp_path: Path) -> None:
    async with playing() as host:
        room = prepared(tmp_path, host)
        async with running(tmp_path, "--dry-run", "--accept") as bridge:
            await pass_by(bridge, 1, 2)
            await bridge.line("request")
            try:
                await asyncio.open_connection("127.0.0.1", room)
            except ConnectionRefusedError:
                pass
            else:
                raise AssertionError("a dry run listens for subscribers")
            assert await bridge.stop() == 0
        assert host.connections == 0


async def test_a_reload_brings_an_endpoint_and_takes_it_away(tmp_path: Path) -> None:
    async with playing() as host:
        prepared(tmp_path, host)
        site = tmp_path / "site.yaml"
        whole = site.read_text()
        site.write_text(whole.partition("endpoints:")[0])
        async with running(tmp_path) as bridge:
            for text, count in ((whole, 2), (whole.partition("endpoints:")[0], 0)):
                before = bridge.said().count("reloaded:")
                site.write_text(text)
                bridge.signal(signal.SIGHUP)
                await until(lambda b=before: bridge.said().count("reloaded:") > b, bridge.said)
                assert len((await bridge.status())["endpoints"]) == count
                if count:
                    while not all(each["up"] for each in (await bridge.status())["endpoints"]):
                        await asyncio.sleep(0.02)
                    await pass_by(bridge, 1)
                    await until(lambda: told_to_erp(host), lambda: host.heads)
            assert await bridge.stop() == 0
