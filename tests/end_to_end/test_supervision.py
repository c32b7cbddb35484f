"""Silence, test mode, inhibit and the second way of trouble, by the real command over real sockets and restarts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bridge.cli.ending import Code
from bridge.cli.main import main
from tests.end_to_end.bridge_process import WITHIN, Bridge, command, running, until

SITE = """\
version: 1
site:
  name: Harbour depot
  faults: {{cameras: [gate-wide], alarm_within: 1 s}}
vms:
  board: {{type: webhook, url: "http://127.0.0.1:{vms}/{{camera}}"}}
cameras:
  gate-in: {{vms: board}}
  gate-wide: {{vms: board}}
connectors:
  doors: {{type: http, bind: "127.0.0.1:0", supervise: {{silent_after: 2 s}}}}
sensors:
  front:
    name: Front door
    profile: bell
    connector: doors
    address: {{path: /front}}
    cameras: [gate-in]
    {supervise}
trouble:
  - {{type: webhook, url: "http://127.0.0.1:{oncall}/"}}
"""
PROFILE = """\
profile: bell
name: Bell
kind: access
decode: [json]
messages:
  forced:
    type: door.forced
    urgency: alarm
    title: "Forced {door}"
    fields: {door: {from: item.door, as: text}}
"""


class Receiver:
    """Takes every document, or says later while ``away``."""

    def __init__(self) -> None:
        self.documents: list[tuple[str, dict[str, Any]]] = []
        self.away = False
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                if not self.away:
                    self.documents.append((head.split(b" ")[1].decode(), json.loads(body)))
                status = b"503 Later" if self.away else b"204 Taken"
                writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


def write(folder: Path, vms: Receiver, oncall: Receiver, supervise: str = "") -> None:
    (folder / "site.yaml").write_text(SITE.format(vms=vms.port, oncall=oncall.port, supervise=supervise))
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / "bell.yaml").write_text(PROFILE)


async def ring(bridge: Bridge, door: str = "7") -> None:
    body = json.dumps({"door": door}).encode()
    head = f"POST /front HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    reply = await bridge.post(head.encode() + body, "doors")
    assert reply.status == 200


def events(vms: Receiver) -> list[tuple[str, str, str]]:
    return [(path, each["event"]["type"], each["event"]["state"]) for path, each in vms.documents]


async def delivered(bridge: Bridge, count: int) -> None:
    async with asyncio.timeout(WITHIN):
        while (await bridge.status())["deliveries"]["delivered"] < count:
            await asyncio.sleep(0.02)


async def test_silence_stands_on_the_camera_for_faults_and_a_kill_does_not_raise_it_again(tmp_path: Path) -> None:
    async with receiving() as vms, receiving() as oncall:
        write(tmp_path, vms, oncall)
        silent = ("/gate-wide", "sensor.silent", "active")
        async with running(tmp_path) as bridge:
            await ring(bridge)
            await until(lambda: silent in events(vms), lambda: str(vms.documents))
            status = await bridge.status()
            assert [each["key"] for each in status["conditions"]] == ["silent front"]
            assert status["health"] == "yellow"
            await delivered(bridge, 2)
            id = vms.documents[-1][1]["event"]["id"]
            code, said = await command("explain", id, "--site", str(tmp_path / "site.yaml"))
            assert code == 0, said
            assert b"Front door is silent" in said
            assert b"no sensor of connector" not in said
            bridge.signal(signal.SIGKILL)
            await bridge.ends()
        async with running(tmp_path) as bridge:
            assert [each["key"] for each in (await bridge.status())["conditions"]] == ["silent front"]
            await ring(bridge)
            await until(lambda: len(events(vms)) == 3, lambda: str(vms.documents))
            assert await bridge.stop() == 0
    assert events(vms).count(silent) == 1


async def test_an_alarm_the_vms_does_not_take_goes_the_second_way_and_makes_health_red(tmp_path: Path) -> None:
    async with receiving() as vms, receiving() as oncall:
        write(tmp_path, vms, oncall, "supervise: off")
        vms.away = True
        async with running(tmp_path) as bridge:
            await ring(bridge)
            await until(lambda: oncall.documents, lambda: bridge.said())
            _, document = oncall.documents[0]
            assert (document["type"], document["state"]) == ("alarm.waiting", "active")
            assert "Forced 7" in document["why"]
            assert (await bridge.status())["health"] == "red"
            vms.away = False
            await until(lambda: ("/gate-in", "door.forced", "momentary") in events(vms), lambda: bridge.said())
            async with asyncio.timeout(WITHIN):
                while (await bridge.status())["health"] == "red":
                    await asyncio.sleep(0.05)
            assert await bridge.stop() == 0


async def test_test_mode_and_inhibit_by_command_over_a_restart(tmp_path: Path) -> None:
    site = ("--site", str(tmp_path / "site.yaml"))
    async with receiving() as vms, receiving() as oncall:
        write(tmp_path, vms, oncall, "supervise: off")
        async with running(tmp_path) as bridge:
            code, said = await command("test-mode", "front", "--for", "30m", "--why", "walk test", *site)
            assert code == 0, said
            assert said.startswith(b"front is in test mode until ")
            await bridge.stop()
        async with running(tmp_path) as bridge:
            await ring(bridge)
            await until(lambda: vms.documents, lambda: bridge.said())
            event = vms.documents[0][1]["event"]
            assert (event["test"], event["title"]) == (True, "TEST Forced 7")
            (standing,) = (await bridge.status())["standing"]
            assert (standing["sensor"], standing["what"], standing["why"]) == ("front", "test", "walk test")
            _, said = await command("status", *site)
            assert b"in test mode" in said
            code, said = await command("test-mode", "front", "--end", *site, "--json")
            assert (code, json.loads(said)) == (0, {"ended": True})
            code, said = await command("inhibit", "front", "--for", "2h", "--why", "pipe works", *site)
            assert code == 0, said
            await ring(bridge)
            status = await bridge.status()
            assert status["items"]["filtered"] == 1
            assert [each["why"] for each in status["standing"]] == ["pipe works"]
            code, _ = await command("inhibit", "front", "--end", *site)
            assert code == 0
            await ring(bridge, "8")
            await until(lambda: len(vms.documents) == 2, lambda: bridge.said())
            assert vms.documents[1][1]["event"]["title"] == "Forced 8"
            code, said = await command("inhibit", "frnt", "--for", "2h", "--why", "x", *site)
            assert (code, b"did you mean front?" in said) == (Code.USAGE, True)
            await bridge.stop()


def test_without_a_reason_or_with_no_time_nothing_is_inhibited() -> None:
    assert main(["inhibit", "front", "--for", "2h", "--journal", "nowhere"]) == Code.USAGE
    assert main(["test-mode", "front", "--for", "soon", "--journal", "nowhere"]) == Code.USAGE
    assert main(["test-mode", "front", "--for", "500d", "--journal", "nowhere"]) == Code.USAGE
