"""A monitoring system, and systemd, beside a real service: what they are told is so."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from pathlib import Path

from tests.end_to_end.bridge_process import WITHIN, Bridge, running, until
from tests.end_to_end.passes import bare, post, said
from tests.free_port import free_port
from tests.metrics.strict import Family, read
from tests.vms.conftest import Played, answer, playing

SITE = """\
version: 1
site: {{name: Watched yard}}
vms:
  hook: {{type: webhook, url: "http://127.0.0.1:{port}/vms", timeout: 2 s}}
cameras:
  gate: {{vms: hook}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  gate-lpr: {{profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate], rules: [{{collapse: off}}]}}
{more}
"""
OBSERVE = 'observe: {bind: "127.0.0.1:0"}'


def prepared(folder: Path, host: Played, more: str = OBSERVE) -> None:
    (folder / "site.yaml").write_text(SITE.format(port=host.port, more=more))


async def get(bound: str, path: str) -> tuple[int, bytes, bytes]:
    """(status, head, body) over TCP."""
    name, _, port = bound.rpartition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(WITHIN):
        whole = await reader.read()
    writer.close()
    head, _, body = whole.partition(b"\r\n\r\n")
    return int(head.split()[1]), head, body


async def scraped(bridge: Bridge) -> dict[str, Family]:
    status, head, body = await get((await bridge.status())["observe"], "/metrics")
    assert status == 200
    assert b"content-type: text/plain; version=0.0.4; charset=utf-8" in head
    return read(body.decode())


async def scraped_until(bridge: Bridge, name: str, value: float, **labels: str) -> dict[str, Family]:
    async with asyncio.timeout(WITHIN):
        while True:
            families = await scraped(bridge)
            if name in families and families[name].value(**labels) == value:
                return families
            await asyncio.sleep(0.02)


async def test_a_scrape_of_a_running_service_tells_what_came_what_waits_and_what_arrived(tmp_path: Path) -> None:
    async with playing() as host:
        host.otherwise = answer(503)
        prepared(tmp_path, host)
        async with running(tmp_path) as bridge:
            for number in range(3):
                assert (await bridge.post(post("/gate", bare(said(number))))).status == 200
            assert (await bridge.post(post("/gate", b"not json"))).status == 200
            away = await scraped_until(bridge, "vms_bridge_backlog_lanes", 1, vms="hook", urgency="notice")
            messages = away["vms_bridge_messages_total"]
            assert messages.value(connector="lpr", fate="raised") == 3
            assert messages.value(connector="lpr", fate="quarantined") == 1
            assert away["vms_bridge_backlog_bytes"].value(vms="hook", urgency="notice") > 0
            assert away["vms_bridge_oldest_undelivered_age_seconds"].value(vms="hook", urgency="notice") >= 0
            assert away["vms_bridge_quarantined_items"].value() == 1
            assert away["vms_bridge_connector_up"].value(connector="lpr") == 1
            commits = away["vms_bridge_journal_commit_seconds"].samples
            assert commits["vms_bridge_journal_commit_seconds_count", frozenset()] > 0
            host.otherwise = answer(200)
            back = await scraped_until(bridge, "vms_bridge_deliveries_total", 3, vms="hook", outcome="delivered")
            # An outcome is counted when the VMS answered, and its lane is free when that is committed: a moment later.
            async with asyncio.timeout(WITHIN):
                while "vms_bridge_backlog_lanes" in back:
                    back = await scraped(bridge)
            control = await bridge.ask("GET", "/metrics")
            assert b"vms_bridge_messages_total" in control
            assert await bridge.stop() == 0


async def test_the_port_is_there_only_where_the_site_asks_for_it_and_a_reload_moves_it(tmp_path: Path) -> None:
    async with playing() as host:
        prepared(tmp_path, host)
        async with running(tmp_path) as bridge:
            bound = (await bridge.status())["observe"]
            status, _, body = await get(bound, "/health/live")
            assert (status, json.loads(body)) == (200, {"ok": True, "why": []})
            assert (await get(bound, "/health/ready"))[0] == 200
            assert (await get(bound, "/status"))[0] == 404, "the control API is not for the network"
            prepared(tmp_path, host, more="")
            bridge.signal(signal.SIGHUP)
            await bridge.says("reloaded:")
            await bridge.says("observe ~")
            async with asyncio.timeout(WITHIN):
                while (await bridge.status())["observe"]:
                    await asyncio.sleep(0.02)
            try:
                await get(bound, "/metrics")
            except ConnectionError:
                pass
            else:
                raise AssertionError("it still answers")
            assert await bridge.stop() == 0


async def test_a_port_that_somebody_else_has_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    async with playing() as host:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            prepared(tmp_path, host, f'observe: {{bind: "127.0.0.1:{taken.getsockname()[1]}"}}')
            async with running(tmp_path) as bridge:
                assert (await bridge.post(post("/gate", bare(said(1))))).status == 200
                await bridge.says("observe: cannot listen on")
                conditions = (await bridge.status())["conditions"]
                assert [each["key"] for each in conditions] == ["observe"]
                assert await bridge.stop() == 0


async def test_a_dry_run_leaves_the_port_to_the_service_that_has_it(tmp_path: Path) -> None:
    async with playing() as host:
        port = free_port()
        prepared(tmp_path, host, f'observe: {{bind: "127.0.0.1:{port}"}}')
        async with running(tmp_path, "--dry-run"):
            try:
                await get(f"127.0.0.1:{port}", "/metrics")
            except ConnectionError:
                return
            raise AssertionError("a dry run listens")


class Systemd:
    """A stand-in: the socket a service's NOTIFY_SOCKET names (sd_notify(3)), and what was told there."""

    def __init__(self, path: Path) -> None:
        self.told: list[str] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self.socket, self._read)

    def _read(self) -> None:
        self.told.append(self.socket.recv(4096).decode())

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()

    async def hears(self, words: str, times: int = 1) -> None:
        await until(lambda: sum(words in each for each in self.told) >= times, lambda: f"{words}: {self.told}")


async def test_systemd_is_told_ready_alive_reloading_and_stopping(tmp_path: Path) -> None:
    systemd = Systemd(tmp_path / "notify")
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
    async with playing() as host:
        prepared(tmp_path, host)
        async with running(tmp_path, environment=environment) as bridge:
            await systemd.hears("READY=1\nSTATUS=Watched yard: 1 of 1 connectors up")
            await systemd.hears("WATCHDOG=1", times=3)
            bridge.signal(signal.SIGHUP)
            await systemd.hears("RELOADING=1\nMONOTONIC_USEC=")
            await until(lambda: "READY=1" in systemd.told, lambda: systemd.told)
            assert await bridge.stop() == 0
            await systemd.hears("STOPPING=1")
    systemd.close()
    assert all(each == "WATCHDOG=1" for each in systemd.told[1:4] if "WATCHDOG" in each)


async def test_a_log_for_programs_has_one_object_per_line_and_says_once_when_something_is_away(tmp_path: Path) -> None:
    async with playing() as host:
        taken = socket.create_server(("127.0.0.1", 0))
        prepared(tmp_path, host, f'observe: {{bind: "127.0.0.1:{taken.getsockname()[1]}"}}')
        site = tmp_path / "site.yaml"
        tills = f'  tills: {{type: tcp, bind: "127.0.0.1:{taken.getsockname()[1]}"}}\nsensors:'
        site.write_text(site.read_text().replace("sensors:", tills).replace("observe:", "# "))
        async with running(tmp_path, "--log-format", "json") as bridge:
            await bridge.says('"change": "begins"')
            taken.close()
            await bridge.says('"change": "ends"')
            assert await bridge.stop() == 0
        lines = [json.loads(line) for line in bridge.said().splitlines()]
        about = [line["change"] for line in lines if line.get("condition") == "connector tills"]
        assert about == ["begins", "ends"], "once when it is away and once when it is back"
        assert all({"at", "level", "logger", "message"} <= line.keys() for line in lines)
