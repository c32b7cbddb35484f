"""``apply`` does what ``plan`` says, after which there is nothing to do; and a reload is whole or none at all."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bridge.simulator.faults import Fault, Kind
from bridge.simulator.http_client import HttpClient
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.end_to_end.bridge_process import command, running, until
from tests.end_to_end.passes import bare, post, said
from tests.free_port import free_port

SITE = """\
version: 1
site: {{name: Plan yard, faults: {{cameras: [gate-in]}}}}
vms:
  cloud: {{type: vxg, url: "{url}", allow_http: true, timeout: 2 s}}
cameras:
  gate-in: {{vms: cloud, id: 4711, token: secret:gate-in}}
  gate-out: {{vms: cloud, id: 4712, token: secret:gate-out}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:{port}"}}
sensors:
  gate: {{profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate-in]}}
"""
VEHICLES = {"vehicle_identified", "vehicle_unidentified"}
EXIT = "  exit: {profile: cammra, connector: lpr, address: {path: /exit}, cameras: [gate-out]}\n"


@contextmanager
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def prepared(folder: Path, vms: SimulatedVxg, port: int = 0) -> Path:
    write_secrets(folder / "secrets", {"gate-in": vms.tokens[4711], "gate-out": vms.tokens[4712]})
    site = folder / "site.yaml"
    site.write_text(SITE.format(url=vms.base_url, port=port))
    return site


def types(vms: SimulatedVxg, camera: int) -> set[str]:
    return set(vms.cloud.store.cameras[camera].types)


async def asked(*words: str | Path) -> tuple[int, dict[str, Any]]:
    code, printed = await command(*map(str, words), "--json")
    answer: dict[str, Any] = json.loads(printed)
    assert answer["code"] == code
    return code, answer


async def test_apply_does_what_plan_says_and_then_there_is_nothing_to_do(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        async with running(tmp_path) as bridge:
            reader = HttpClient(*bridge.bound("lpr"))
            assert (await reader.send(post("/gate", bare(said(1))))).status == 200
            await until(lambda: len(vms.events_of(4711)) == 1, lambda: str(vms.record))
            site.write_text(site.read_text() + EXIT)

            code, plan = await asked("plan", site)
            assert code == 5
            (cloud,) = plan["vms"]
            wanted: dict[int, set[str]] = {4711: set(), 4712: set()}
            for each in cloud["missing"]:
                wanted[4711 if each["camera"] == "gate-in" else 4712].add(each["name"])
            assert "link_down" in wanted[4711], "faults are told on the fault camera"
            assert wanted[4712] == VEHICLES
            assert not wanted[4712] & types(vms, 4712), "plan changes nothing"
            assert plan["service"]["difference"]["sensors"]["added"] == ["exit"]
            assert plan["to_do"] == len(cloud["missing"]) + 1
            code, printed = await command("plan", str(site))
            assert code == 5
            text = printed.decode()
            assert f"+ {site}:7: cameras.gate-out: declare vehicle_identified, vehicle_unidentified (of exit)\n" in text
            assert f"+ {site}:12: sensors.exit" in text
            assert f"vms-bridge apply {site}" in text

            before = {4711: types(vms, 4711), 4712: types(vms, 4712)}
            code, done = await asked("apply", site, "--yes")
            assert code == 0, done
            assert all(each["ok"] for each in done["declared"])
            assert len(done["declared"]) == len(cloud["missing"])
            assert {camera: types(vms, camera) - before[camera] for camera in wanted} == wanted
            assert done["reloaded"]["sensors"]["added"] == ["exit"]

            assert (await reader.send(post("/exit", bare(said(2))))).status == 200
            await until(lambda: len(vms.events_of(4712)) == 1, lambda: str(vms.record))
            assert reader.connects == 1, "the connection did not outlive the reload"
            code, after = await asked("plan", site)
            assert (code, after["to_do"], after["wrong"]) == (0, 0, 0)
            code, printed = await command("plan", str(site))
            assert (code, printed.decode().splitlines()[-1]) == (0, "nothing to do")
            reader.close()
            assert await bridge.stop() == 0


async def test_without_a_service_the_types_are_declared_and_nothing_is_reloaded(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        code, printed = await command("plan", str(site))
        assert (code, b"no service is running" in printed) == (5, True)
        code, done = await asked("apply", site, "--yes")
        assert (code, done["reloaded"]) == (0, None)
        assert "vehicle_identified" in types(vms, 4711)
        assert (await asked("plan", site))[0] == 0


async def test_with_the_vms_away_the_site_is_taken_over_and_the_rest_told_and_done_the_next_time(
    tmp_path: Path,
) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        async with running(tmp_path) as bridge:
            site.write_text(site.read_text() + EXIT)
            await vms.go_away()
            code, done = await asked("apply", site, "--yes")
            assert code == 1
            (trouble,) = done["vms"][0]["troubles"]
            assert trouble["cameras"] == ["gate-in", "gate-out"]
            assert done["reloaded"]["sensors"]["added"] == ["exit"], "what waits for the VMS waits in the journal"
            assert (await bridge.post(post("/exit", bare(said(1))))).status == 200
            await vms.come_back()
            assert (await asked("apply", site, "--yes"))[0] == 0
            assert (await asked("plan", site))[0] == 0
            await until(lambda: len(vms.events_of(4712)) == 1, lambda: str(vms.record))
            assert await bridge.stop() == 0


async def test_what_fails_on_one_camera_is_told_stops_no_other_and_is_done_the_next_time(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        site.write_text(site.read_text() + EXIT)
        vms.faults.add(Fault(kind=Kind.UNAVAILABLE, method="POST", path="/cameras/4712/event_processing/"))
        code, done = await asked("apply", site, "--yes")
        assert code == 1
        assert {each["where"] for each in done["declared"] if not each["ok"]} == {"camera gate-out"}
        assert {each["where"] for each in done["declared"] if each["ok"]} == {"camera gate-in"}
        code, printed = await command("apply", str(site), "--yes")
        assert code == 1
        assert "NOT declared: camera gate-out: vehicle_identified:" in printed.decode()
        vms.faults.clear()
        code, plan = await asked("plan", site)
        assert {each["camera"] for each in plan["vms"][0]["missing"]} == {"gate-out"}
        assert {each["name"] for each in plan["vms"][0]["missing"]} == VEHICLES
        assert (await asked("apply", site, "--yes"))[0] == 0
        assert (await asked("plan", site))[0] == 0


async def test_a_camera_that_its_vms_refuses_is_named_with_its_place(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        vms.rotate(4712)
        code, printed = await command("plan", str(site))
        assert code == 1
        assert f"! {site}:7: cameras.gate-out: the token is refused (401" in printed.decode()
        assert vms.tokens[4711].encode() not in printed


async def test_nobody_there_to_ask_means_that_nothing_is_done(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        before = types(vms, 4711)
        code, printed = await command("apply", str(site))
        assert (code, b"--yes" in printed) == (2, True)
        assert types(vms, 4711) == before


async def test_a_port_in_use_leaves_the_old_site_running_entirely(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        port = free_port()
        site = prepared(tmp_path, vms, port)
        good = site.read_text()
        async with running(tmp_path) as bridge:
            digest = (await bridge.status())["digest"]
            reader = HttpClient("127.0.0.1", port)
            assert (await reader.send(post("/gate", bare(said(1))))).status == 200
            with taken_port() as taken:
                for other in (
                    good.replace("sensors:", f'  yard: {{type: http, bind: "127.0.0.1:{taken}"}}\nsensors:'),
                    good.replace(f":{port}", f":{taken}"),
                    good
                    + f'endpoints: {{feed: {{type: websocket, bind: "127.0.0.1:{taken}", token: secret:gate-in}}}}\n',
                    good + f'observe: {{bind: "127.0.0.1:{taken}"}}\n',
                ):
                    site.write_text(other.replace("cameras: [gate-in]}\n", "cameras: [gate-out]}\n"))
                    code, done = await asked("apply", site, "--yes")
                    assert (code, done["reloaded"]) == (4, None), other
                    assert f"cannot listen on 127.0.0.1:{taken}" in done["refused"]
                    status = await bridge.status()
                    assert status["digest"] == digest
                    assert [(each["name"], each["up"]) for each in status["connectors"]] == [("lpr", True)]
                    assert not status["conditions"]
            assert (await reader.send(post("/gate", bare(said(2))))).status == 200
            assert reader.connects == 1, "not even a connection was touched"
            await until(lambda: len(vms.events_of(4711)) == 2, lambda: str(vms.record))
            assert not vms.events_of(4712)
            reader.close()
            assert await bridge.stop() == 0


async def test_one_that_cannot_begin_in_its_old_place_gives_it_back(tmp_path: Path) -> None:
    """The same port, now with a certificate that is not there: the old one has to go before the new one can try."""
    async with SimulatedVxg(2) as vms:
        port = free_port()
        site = prepared(tmp_path, vms, port)
        good = site.read_text()
        async with running(tmp_path) as bridge:
            digest = (await bridge.status())["digest"]
            tls = f'"127.0.0.1:{port}", tls: {{certificate: nowhere.pem, key: nowhere.key}}'
            site.write_text(good.replace(f'"127.0.0.1:{port}"', tls))
            code, done = await asked("apply", site, "--yes")
            assert (code, "nowhere.pem" in done["refused"]) == (4, True), done
            assert (await bridge.status())["digest"] == digest
            assert (await bridge.post(post("/gate", bare(said(1))))).status == 200
            await until(lambda: len(vms.events_of(4711)) == 1, lambda: str(vms.record))
            site.write_text(good)
            assert (await asked("apply", site, "--yes"))[0] == 0
            assert await bridge.stop() == 0


async def test_a_site_changed_after_it_was_looked_at_is_not_taken_over(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        async with running(tmp_path) as bridge:
            site.write_text(site.read_text() + EXIT)
            answer = await bridge.ask("POST", "/reload", b'{"digest": "another"}')
            assert b" 422 " in answer.splitlines()[0]
            assert b"plan again" in answer
            assert "exit" not in (await bridge.status())["sensors"]
            assert await bridge.stop() == 0


async def test_a_service_that_reads_another_file_is_said_and_not_reloaded(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        async with running(tmp_path) as bridge:
            other = tmp_path / "other.yaml"
            other.write_text(site.read_text() + EXIT)
            site.write_text(site.read_text().replace("/gate", "/door"))  # which a reload would take over
            code, plan = await asked("plan", other)
            assert (code, plan["service"]["other_file"], plan["service"]["reload"]) == (1, True, False)
            code, done = await asked("apply", other, "--yes")
            assert (code, done["reloaded"]) == (1, None)
            assert await bridge.stop() == 0


async def test_what_only_a_restart_can_take_over_is_left_to_people(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = prepared(tmp_path, vms)
        async with running(tmp_path) as bridge:
            site.write_text(site.read_text() + "journal: {limit: 1 GiB}\n")
            assert (await asked("apply", site, "--yes"))[0] == 5
            code, printed = await command("plan", str(site))
            assert (code, b"by hand: the journal's settings change" in printed) == (5, True)
            assert await bridge.stop() == 0
