"""Traps and informs of net-snmp through a running bridge: alarms are paired, informs survive a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.simulator.secret_files import write_secrets
from bridge.simulator.webhook import SimulatedWebhook
from tests.connectors.snmp_agent import ALARMS, OUTPUT_SOURCE, answering, number, oid
from tests.connectors.snmp_sender import INFORM, datagram
from tests.end_to_end.bridge_process import Bridge, running, until
from tests.end_to_end.test_full_disk import PLENTY, RESERVE, Disk, service_on
from tests.free_port import free_port

pytestmark = pytest.mark.needs("snmptrap", "snmpinform")

SITE = """\
version: 1
site: {{name: Server room}}
vms:
  board: {{type: webhook, url: "{url}/in/{{camera}}"}}
cameras:
  rack: {{vms: board}}
connectors:
  traps:
    type: snmp
    bind: "127.0.0.1:{port}"
    communities: [secret:traps]
    users: [{{name: bridge, auth_key: secret:auth, priv_key: secret:priv}}]
sensors:
  ups: {{kind: device, profile: ups, connector: traps, address: {{agent: 192.168.7.5}}, cameras: [rack]}}
  switch: {{kind: device, profile: snmp, connector: traps, address: {{from: 127.0.0.1}}, cameras: [rack]}}
"""
COMMUNITY, AUTH, PRIV = "not-public", "authenticates", "encrypts it"
LINK_DOWN, LINK_UP = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.6.3.1.1.5.4"
V2 = ("-v2c", "-c", COMMUNITY)
V3 = ("-v3", "-u", "bridge", "-a", "SHA-256", "-A", AUTH, "-x", "AES", "-X", PRIV, "-l", "authPriv")


def prepared(folder: Path, hooks: SimulatedWebhook) -> int:
    port = free_port()
    (folder / "site.yaml").write_text(SITE.format(url=hooks.base_url, port=port))
    write_secrets(folder / "secrets", {"traps": COMMUNITY, "auth": AUTH, "priv": PRIV})
    return port


async def net_snmp(folder: Path, port: int, *words: str, told: tuple[str, ...]) -> int:
    """A program of net-snmp to its end; its exit code."""
    own = {"SNMP_PERSISTENT_DIR": str(folder / "net-snmp"), "SNMPCONFPATH": str(folder / "net-snmp"), "MIBS": ""}
    process = await asyncio.create_subprocess_exec(
        *words, f"127.0.0.1:{port}", *told,
        env={**os.environ, **own}, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(60):
        return await process.wait()


def events(hooks: SimulatedWebhook) -> list[dict[str, Any]]:
    return [msgspec.json.decode(hook.body)["event"] for hook in hooks.record]


def titles(hooks: SimulatedWebhook) -> list[str]:
    return [event["title"] for event in events(hooks)]


def on_port(port: int | str, trap: str = LINK_DOWN) -> tuple[str, ...]:
    return ("4200", trap, f"1.3.6.1.2.1.2.2.1.1.{port}", "i", str(port))


def requests(bridge: Bridge) -> list[str]:
    return [told["request"] for told in bridge.told if told["what"] == "request"]


async def shown(hooks: SimulatedWebhook, count: int, bridge: Bridge) -> list[str]:
    await until(lambda: len(hooks.record) >= count, lambda: f"{titles(hooks)}\n{bridge.said()}")
    return titles(hooks)


@pytest.mark.shows("profile:snmp", "peer", peer="net-snmp")
async def test_an_alarm_and_its_end_are_one_pair_in_any_version(tmp_path: Path) -> None:
    async with SimulatedWebhook() as hooks:
        port = prepared(tmp_path, hooks)
        async with running(tmp_path) as bridge:
            battery = (
                "1.3.6.1.2.1.33.1.6.2.1.1.7",
                "i",
                "7",
                "1.3.6.1.2.1.33.1.6.2.1.2.7",
                "o",
                "1.3.6.1.2.1.33.1.6.3.16",
            )
            for specific in ("3", "3", "4"):
                told = ("1.3.6.1.2.1.33.2", "192.168.7.5", "6", specific, "4200", *battery)
                await net_snmp(tmp_path, port, "snmptrap", "-v1", "-c", COMMUNITY, told=told)
            await net_snmp(tmp_path, port, "snmptrap", *V2, told=on_port(3))
            assert await net_snmp(tmp_path, port, "snmpinform", *V3, told=on_port(3, LINK_UP)) == 0
            said = await shown(hooks, 4, bridge)
            assert sorted(said) == [
                "127.0.0.1: link again at port 3",
                "127.0.0.1: no link at port 3",
                "UPS 192.168.7.5: fan failed",
                "UPS 192.168.7.5: fan failed",
            ]
            for words in ("UPS", "link"):
                began, ended = (event for event in events(hooks) if words in event["title"])
                assert (began["state"], ended["state"]) == ("active", "restored")
                assert ended["closes"] == began["id"]
        assert COMMUNITY not in bridge.said()


async def test_a_dry_run_shows_traps_and_answers_no_inform(tmp_path: Path) -> None:
    async with SimulatedWebhook() as hooks:
        port = prepared(tmp_path, hooks)
        async with running(tmp_path, "--dry-run") as bridge:
            assert await net_snmp(tmp_path, port, "snmpinform", "-r", "0", *V3, told=on_port(3)) == 1, "no answer"
            await net_snmp(tmp_path, port, "snmptrap", *V2, told=on_port(4))
            await until(lambda: len(requests(bridge)) == 2, lambda: str(bridge.told))
            assert await bridge.stop() == 0
        assert "no link at port 3" in requests(bridge)[0]
        assert bridge.told[-1]["taken"] == 1, "the trap; the inform's sender keeps it"
        assert not hooks.record


@pytest.mark.shows("connector:snmp", "kill")
async def test_an_inform_told_twice_is_one_event_also_after_a_kill(tmp_path: Path) -> None:
    """Its sender did not hear that it was kept, for the bridge was killed, and says it again in the same words."""
    async with SimulatedWebhook() as hooks:
        port = prepared(tmp_path, hooks)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.connect(("127.0.0.1", port))
            for _ in range(2):
                async with running(tmp_path) as bridge:
                    for _ in range(2):
                        sender.send(datagram(7, INFORM, COMMUNITY.encode()))
                        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sender, 4096), 20)
                    status = await bridge.status()
                    bridge.signal(signal.SIGKILL)
                    await bridge.ends()
        assert status["events"] == 1
        assert status["messages"] == 4


async def test_a_reload_with_other_settings_hears_on_the_same_port(tmp_path: Path) -> None:
    async with SimulatedWebhook() as hooks:
        port = prepared(tmp_path, hooks)
        async with running(tmp_path) as bridge:
            await net_snmp(tmp_path, port, "snmptrap", *V2, told=on_port(1))
            await shown(hooks, 1, bridge)
            write_secrets(tmp_path / "secrets", {"newer": "another-one"})
            site = tmp_path / "site.yaml"
            site.write_text(site.read_text().replace("[secret:traps]", "[secret:traps, secret:newer]"))
            bridge.signal(signal.SIGHUP)
            await bridge.says("reloaded:")
            await net_snmp(tmp_path, port, "snmptrap", "-v2c", "-c", "another-one", told=on_port(2))
            await net_snmp(tmp_path, port, "snmptrap", *V2, told=on_port(3))
            said = await shown(hooks, 3, bridge)
    assert sorted(said) == [f"127.0.0.1: no link at port {each}" for each in (1, 2, 3)]


async def test_a_ups_that_is_asked_begins_and_ends_what_its_traps_would(tmp_path: Path) -> None:
    """The trap came, the one that takes it back did not: the next answer does."""
    async with SimulatedWebhook() as hooks, answering({OUTPUT_SOURCE: number(3)}) as ups:
        port = prepared(tmp_path, hooks)
        site = tmp_path / "site.yaml"
        asked = (
            f"  asked: {{type: snmp-poll, host: 127.0.0.1, port: {ups.port}, community: secret:read, every: 200 ms, "
            f'get: ["{OUTPUT_SOURCE}"], walk: ["{ALARMS}"]}}\nsensors:'
        )
        here = "{agent: 127.0.0.1}, also: {asked: }"
        site.write_text(site.read_text().replace("sensors:", asked, 1).replace("{agent: 192.168.7.5}", here))
        write_secrets(tmp_path / "secrets", {"traps": COMMUNITY, "auth": AUTH, "priv": PRIV, "read": "public-not"})
        fan = "1.3.6.1.2.1.33.1.6.3.16"
        async with running(tmp_path) as bridge:
            told = ("4200", "1.3.6.1.2.1.33.2.3", f"{ALARMS}.1.7", "i", "7", f"{ALARMS}.2.7", "o", fan)
            ups.tell(f"{ALARMS}.2.7", oid(fan))
            await net_snmp(tmp_path, port, "snmptrap", *V2, told=told)
            await shown(hooks, 1, bridge)
            ups.tell(OUTPUT_SOURCE, number(5))
            await shown(hooks, 2, bridge)
            del ups.values[f"{ALARMS}.2.7"]
            ups.tell(OUTPUT_SOURCE, number(3))
            await shown(hooks, 4, bridge)
            found = [(event["type"], event["state"]) for event in events(hooks)]
    assert sorted(found[:2]) == [("power.failed", "active"), ("power.warning", "active")]
    assert sorted(found[2:]) == [("power.failed", "restored"), ("power.warning", "restored")]


async def test_an_inform_the_journal_had_no_room_for_is_answered_once_it_has(tmp_path: Path) -> None:
    disk = Disk()
    async with SimulatedWebhook() as hooks:
        port = prepared(tmp_path, hooks)
        async with service_on(disk, tmp_path / "site.yaml") as (service, _):
            disk.free = RESERVE // 8
            refused = asyncio.create_task(
                net_snmp(tmp_path, port, "snmpinform", "-t", "1", "-r", "20", *V3, told=on_port(1))
            )
            await until(lambda: service.intake.refused, lambda: str(service.conditions.held()))
            assert not refused.done()
            disk.free = PLENTY
            assert await refused == 0, "it came again, and was answered"
            await until(lambda: hooks.record, lambda: str(service.conditions.held()))
            status = await service.status()
    assert status.events == 1
    assert titles(hooks) == ["127.0.0.1: no link at port 1"]
