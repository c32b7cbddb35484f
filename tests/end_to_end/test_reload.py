"""SIGHUP: what differs is taken over, what does not is not touched, and a broken site changes nothing at all."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from bridge.simulator.faults import Fault, Kind
from bridge.simulator.http_client import HttpClient
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.end_to_end.bridge_process import Bridge, running, until
from tests.end_to_end.passes import bare, post, said

SITE = """\
version: 1
site: {{name: Reload yard}}
vms:
  cloud: {{type: vxg, url: "{url}", allow_http: true, timeout: 2 s}}
cameras:
  gate-in: {{vms: cloud, id: 4711, token: secret:gate-in}}
  gate-out: {{vms: cloud, id: 4712, token: secret:gate-out}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
  cable: {{type: tcp, bind: "127.0.0.1:0"}}
sensors:
  gate: {{profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate-in]}}
  weighbridge: {{profile: cammra, connector: cable, cameras: [gate-out]}}
"""
EXIT = "  exit: {profile: cammra, connector: lpr, address: {path: /exit}, cameras: [gate-out]}\n"
GUARDED = "{path: /exit, basic: secret:reader}"
READER = "cam:Sesame-7391"


def prepared(folder: Path, vms: SimulatedVxg) -> Path:
    write_secrets(folder / "secrets", {"gate-in": vms.tokens[4711], "gate-out": vms.tokens[4712], "reader": READER})
    site = folder / "site.yaml"
    site.write_text(SITE.format(url=vms.base_url))
    return site


async def reloaded(bridge: Bridge, site: Path, text: str) -> None:
    """The log says so once for each time."""
    before = bridge.said().count("reloaded:")
    site.write_text(text)
    bridge.signal(signal.SIGHUP)
    await until(lambda: bridge.said().count("reloaded:") > before, bridge.said)


def listener(port: int) -> str:
    """The kernel's number of the socket that listens on a loopback port (proc(5), /proc/net/tcp)."""
    wanted = f"0100007F:{port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = [words[9] for words in lines if words[1] == wanted and words[3] == "0A"]
    return inode


async def arrived(vms: SimulatedVxg, camera: int, count: int) -> None:
    await until(lambda: len(vms.events_of(camera)) >= count, lambda: f"{camera} has {vms.events_of(camera)}")
    assert len(vms.events_of(camera)) == count


async def test_a_difference_is_taken_over_and_the_untouched_connector_never_notices(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        async with running(tmp_path) as bridge:
            lpr, cable = bridge.bound("lpr"), bridge.bound("cable")
            sockets = listener(lpr[1]), listener(cable[1])
            reader = HttpClient(*lpr)
            _, wire = await asyncio.open_connection(*cable)
            assert (await reader.send(post("/gate", bare(said(1))))).status == 200
            wire.write(bare(said(2))[:100])  # half an object waits in the connection
            await wire.drain()

            await reloaded(bridge, site, site.read_text() + EXIT.replace("{path: /exit}", GUARDED))
            assert (await reader.send(post("/exit", bare(said(3))))).status == 401
            assert (await reader.send(post("/exit", bare(said(3)), READER))).status == 200
            other = site.read_text().replace("name: Reload yard", "name: Reload yard, id: reload-yard")
            await reloaded(bridge, site, other.replace("cameras: [gate-in]", "cameras: [gate-in, gate-out]"))
            assert (await reader.send(post("/gate", bare(said(4))))).status == 200
            wire.write(bare(said(2))[100:])
            await wire.drain()

            await arrived(vms, 4711, 2)
            await arrived(vms, 4712, 3)
            assert reader.connects == 1, "the connection did not outlive the reload"
            assert (listener(lpr[1]), listener(cable[1])) == sockets
            reader.close()
            wire.close()
            assert await bridge.stop() == 0


async def test_what_is_added_listens_and_what_is_removed_does_not(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        async with running(tmp_path) as bridge:
            lpr, cable = bridge.bound("lpr"), bridge.bound("cable")
            socket = listener(lpr[1])
            lines = [line for line in site.read_text().splitlines(True) if "cable" not in line]
            lines.insert(lines.index("sensors:\n"), '  yard: {type: http, bind: "127.0.0.1:0"}\n')
            await reloaded(bridge, site, "".join(lines) + EXIT.replace("connector: lpr", "connector: yard"))
            ways = {each["name"]: each["bound"] for each in (await bridge.status())["connectors"]}
            assert set(ways) == {"lpr", "yard"}
            await until(lambda: not _listens(cable[1]), lambda: "the removed connector still listens")
            assert listener(lpr[1]) == socket
            host, _, port = ways["yard"].rpartition(":")
            yard = HttpClient(host, int(port))
            assert (await yard.send(post("/exit", bare(said(1))))).status == 200
            yard.close()
            await arrived(vms, 4712, 1)
            assert await bridge.stop() == 0


def _listens(port: int) -> bool:
    try:
        return bool(listener(port))
    except ValueError:
        return False


async def test_a_broken_site_is_refused_as_a_whole_with_every_mistake_in_its_place(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        good = site.read_text()
        async with running(tmp_path) as bridge:
            reader = HttpClient(*bridge.bound("lpr"))
            broken = good.replace("profile: cammra, connector: cable", "profile: camra, connector: cabel")
            site.write_text(broken.replace("gate-in]", "gate-inn]") + EXIT)
            bridge.signal(signal.SIGHUP)
            await bridge.says("reload refused")
            said_ = bridge.said()
            for place, words in (
                ("site.yaml:12:", "did you mean gate-in?"),
                ("site.yaml:13:", "did you mean cammra?"),
                ("site.yaml:13:", "did you mean cable?"),
            ):
                assert any(place in line and words in line for line in said_.splitlines()), said_
            assert (await reader.send(post("/exit", bare(said(1))))).status == 200  # nobody's: quarantined
            assert (await reader.send(post("/gate", bare(said(2))))).status == 200
            await arrived(vms, 4711, 1)
            assert not vms.events_of(4712)
            await reloaded(bridge, site, good + EXIT)
            assert (await reader.send(post("/exit", bare(said(3))))).status == 200
            await arrived(vms, 4712, 2)  # with the one that was nobody's until now
            assert reader.connects == 1
            reader.close()
            assert await bridge.stop() == 0


async def test_a_changed_token_lets_a_parked_camera_go_on(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        async with running(tmp_path) as bridge:
            fresh = vms.rotate(4711)
            for number in (1, 2, 3):
                await bridge.post(post("/gate", bare(said(number))))
            await bridge.says("camera gate-in: the token is refused")
            assert any("gate-in" in each for each in (await bridge.status())["parked"])
            write_secrets(tmp_path / "secrets", {"gate-in": fresh})
            await bridge.says("camera gate-in: its secret was changed")  # at once, not with a later probe
            await arrived(vms, 4711, 3)
            assert not (await bridge.status())["parked"]

            # The same through the site: it names another secret.
            vms.faults.add(Fault(kind=Kind.UNAUTHORIZED, method="POST", path="/storage/events/", next=1))
            await bridge.post(post("/gate", bare(said(4))))
            await until(lambda: bridge.said().count("camera gate-in: the token is refused") == 2, bridge.said)
            write_secrets(tmp_path / "secrets", {"gate-new": fresh})
            await reloaded(bridge, site, site.read_text().replace("secret:gate-in", "secret:gate-new"))
            await arrived(vms, 4711, 4)
            assert [event.meta["plate"] for event in vms.events_of(4711)] == [
                str(said(n)["plateUTF8"]) for n in (1, 2, 3, 4)
            ]
            assert await bridge.stop() == 0
