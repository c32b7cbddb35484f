"""All probes of a site together: what depends on what, what is left untried, and that all of it ends in time."""

from __future__ import annotations

import asyncio
import socket
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.cli.proving import probing
from bridge.config.secrets import SecretStores
from bridge.model import CameraId
from bridge.proving import disk, online, routes
from bridge.proving.bounded import bounded
from bridge.proving.lines import Grade, Line, Topic
from bridge.proving.online import Proving
from bridge.proving.running import Told, Way
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.proving.conftest import Authority, Written, black_hole, closed_port, of, one, web, written


async def proven(there: Written) -> tuple[Line, ...]:
    proving = Proving(there.site, there.path, SecretStores.beside(there.path), there.path.parent / "control.sock")
    try:
        return await proving.online()
    finally:
        await proving.close()


def beside(folder: Path, vms: SimulatedVxg, **secrets: str) -> Written:
    write_secrets(folder / "secrets", {"gate": vms.tokens[4711], **secrets})
    return written(folder, f'{{type: vxg, url: "{vms.base_url}", allow_http: true, timeout: 2 s}}')


async def test_a_site_as_it_should_be_has_nothing_wrong_and_leaves_no_trace(tmp_path: Path) -> None:
    async with SimulatedVxg(1) as vms:
        there = beside(tmp_path, vms)
        before = sorted(tmp_path.rglob("*"))
        lines = await proven(there)
        assert not vms.record
    assert {line.topic for line in lines if line.grade is Grade.WRONG} <= {Topic.DISK}  # it may be memory, or slow
    assert {line.topic for line in lines} >= {Topic.ROUTES, Topic.DISK, Topic.PORTS, Topic.SECRETS, Topic.CAMERAS}
    assert "event types are not declared" in one(lines, Topic.EVENT_TYPES, Grade.OK).what
    assert sorted(tmp_path.rglob("*")) == before


async def test_a_refused_token_is_wrong_at_its_camera(tmp_path: Path) -> None:
    async with SimulatedVxg(1) as vms:
        there = beside(tmp_path, vms)
        vms.rotate(4711)
        line = one(await proven(there), Topic.CAMERAS, Grade.WRONG)
    assert "the token is refused" in line.what
    assert line.where == f"{there.path}:6: cameras.gate"
    assert "secret gate" in line.remedy


async def test_a_token_of_another_camera_is_wrong(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        there = beside(tmp_path, vms, gate=vms.tokens[4712])
        assert "camera 4712" in one(await proven(there), Topic.CAMERAS, Grade.WRONG).what


async def test_types_that_the_service_may_not_declare_are_wrong(tmp_path: Path) -> None:
    async with SimulatedVxg(1, declared=["vehicle_identified"]) as vms:
        write_secrets(tmp_path / "secrets", {"gate": vms.tokens[4711]})
        there = written(tmp_path, f'{{type: vxg, url: "{vms.base_url}", allow_http: true, declare_types: false}}')
        line = one(await proven(there), Topic.EVENT_TYPES, Grade.WRONG)
    assert "vehicle.unidentified" in line.what
    assert "vehicle.identified" not in line.what


async def test_a_vms_that_cannot_be_reached_is_said_once_and_its_cameras_are_not_tried(tmp_path: Path) -> None:
    write_secrets(tmp_path / "secrets", {"gate": "x"})
    there = written(tmp_path, f'{{type: vxg, url: "https://127.0.0.1:{closed_port()}"}}')
    lines = await proven(there)
    assert one(lines, Topic.ROUTES, Grade.WRONG).where == f"{there.path}:4: vms.cloud.url"
    assert "not tried" in one(lines, Topic.CAMERAS, Grade.UNKNOWN).what
    assert not of(lines, Topic.TLS)


async def test_an_untrusted_certificate_keeps_the_tokens_at_home(tmp_path: Path, authority: Authority) -> None:
    write_secrets(tmp_path / "secrets", {"gate": "x"})
    async with web(authority.make()) as port:
        lines = await proven(written(tmp_path, f'{{type: vxg, url: "https://127.0.0.1:{port}"}}'))
    assert "signed itself" in one(lines, Topic.TLS, Grade.WRONG).what
    assert one(lines, Topic.CAMERAS, Grade.UNKNOWN)


async def test_a_pinned_vms_with_a_wrong_clock_has_both_said(tmp_path: Path, authority: Authority) -> None:
    write_secrets(tmp_path / "secrets", {"gate": "x"})
    made = authority.make(timedelta(days=3))
    async with web(made, clock=timedelta(minutes=-10)) as port:
        vms = f'{{type: vxg, url: "https://127.0.0.1:{port}", tls: {{fingerprint: "{made.fingerprint}"}}}}'
        lines = await proven(written(tmp_path, vms))
    assert "ends in 2 days" in one(lines, Topic.TLS, Grade.WARN).what
    assert "behind ours" in one(lines, Topic.CLOCKS, Grade.WRONG).what


async def test_where_the_token_says_where_the_vms_is_that_is_tried(tmp_path: Path) -> None:
    async with SimulatedVxg(1) as vms:
        write_secrets(tmp_path / "secrets", {"gate": vms.tokens[4711]})
        lines = await proven(written(tmp_path, "{type: vxg, allow_http: true}"))
        port = vms.base_url.rpartition(":")[2]
    assert f"127.0.0.1:{port}" in one(lines, Topic.ROUTES, Grade.OK).what


async def test_a_device_that_is_asked_is_tried_and_one_that_speaks_is_not(tmp_path: Path) -> None:
    async with SimulatedVxg(1) as vms:
        there = beside(tmp_path, vms)
        url = f"http://127.0.0.1:{closed_port()}/events"
        poller = f'{{type: websocket, url: "{url.replace("http", "ws")}"}}'
        text = (
            there.path.read_text().replace('{type: http, bind: "127.0.0.1:0"}', poller).replace("{path: /gate}", "{}")
        )
        there.path.write_text(text)
        again = written_again(there)
        lines = await proven(again)
    assert "cannot be reached" in one(lines, Topic.SENSORS, Grade.WRONG).what
    assert one(lines, Topic.ROUTES, Grade.WRONG).where.endswith("connectors.lpr.url")
    assert not of(lines, Topic.PORTS)


def written_again(there: Written) -> Written:
    from bridge.config.load import load
    from bridge.config.places import Places

    return Written(there.path, load(there.path), Places(there.path))


# ------------------------------------------------------------------------------------------------------------- bounds


async def test_a_machine_that_swallows_everything_ends_within_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_secrets(tmp_path / "secrets", {"gate": "x"})
    monkeypatch.setattr(routes, "CONNECT", 0.3)
    with black_hole() as port:
        lines = await proven(written(tmp_path, f'{{type: vxg, url: "https://127.0.0.1:{port}"}}'))
    assert "no answer" in one(lines, Topic.ROUTES, Grade.WRONG).what


async def test_a_vms_that_takes_questions_and_never_answers_ends_within_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online, "VMS", 0.4)
    monkeypatch.setattr("bridge.proving.clocks.ASK", 0.2)
    never = asyncio.Event()
    server = await asyncio.start_server(lambda *_: never.wait(), "127.0.0.1", 0)
    async with SimulatedVxg(1) as vms:
        write_secrets(tmp_path / "secrets", {"gate": vms.tokens[4711]})
    port = server.sockets[0].getsockname()[1]
    lines = await proven(written(tmp_path, f'{{type: vxg, url: "http://127.0.0.1:{port}", allow_http: true}}'))
    never.set()
    server.close()
    assert "1 of 1 cameras were not tried" in one(lines, Topic.CAMERAS, Grade.WRONG).what


async def test_a_disk_that_hangs_is_said_and_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(online, "LOCAL", 0.2)
    monkeypatch.setattr(disk, "measured", lambda folder: release.wait(30))
    async with SimulatedVxg(1) as vms:
        lines = await proven(beside(tmp_path, vms))
    release.set()
    assert "nothing was found out within 0.2 s" in next(line.what for line in of(lines, Topic.DISK))


def test_a_name_server_that_hangs_does_not_keep_the_command_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """It hangs in a thread, which nobody can stop: the command leaves it behind."""
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(60))
    monkeypatch.setattr(routes, "RESOLVE", 0.1)
    from bridge.proving.destinations import Destination

    there = Destination(part="vms.cloud", where="", host="slow.example", port=443)
    lines, _ = probing(lambda: routes.resolved(there))
    still_hanging = not release.is_set()
    release.set()
    assert still_hanging
    assert one(lines, Topic.NAMES, Grade.WRONG)


async def test_a_probe_that_fails_for_a_fault_of_ours_is_not_hidden() -> None:
    async def broken() -> list[Line]:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await bounded(broken(), 1.0, Topic.DISK, "", "")


async def test_what_waits_on_a_refused_camera_is_known_to_the_round_trips(tmp_path: Path) -> None:
    async with SimulatedVxg(1) as vms:
        there = beside(tmp_path, vms)
        vms.rotate(4711)
        proving = Proving(there.site, there.path, SecretStores.beside(there.path), tmp_path / "control.sock")
        try:
            await proving.online()
            assert CameraId("gate") in (await proving.harm()).refused
        finally:
            await proving.close()


async def test_a_test_event_that_would_park_its_camera_is_foreseen(tmp_path: Path) -> None:
    async with SimulatedVxg(1) as vms:
        write_secrets(tmp_path / "secrets", {"gate": vms.tokens[4711]})
        there = written(tmp_path, f'{{type: vxg, url: "{vms.base_url}", allow_http: true, declare_types: false}}')
        proving = Proving(there.site, there.path, SecretStores.beside(there.path), tmp_path / "control.sock")
        try:
            await proving.online()
            assert CameraId("gate") in (await proving.harm()).parks
        finally:
            await proving.close()


async def test_a_device_the_running_service_has_is_not_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many take one client alone, and drop the first when a second comes."""
    taken: list[object] = []
    server = await asyncio.start_server(lambda *both: taken.append(both), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    there = written(tmp_path)
    text = there.path.read_text()
    for old, new in (
        ('{type: vxg, url: "https://127.0.0.1:9"}', '{type: webhook, url: "http://127.0.0.1:9/x"}'),
        ("id: 4711, token: secret:gate", "id: x"),
        ('{type: http, bind: "127.0.0.1:0"}', f'{{type: websocket, url: "ws://127.0.0.1:{port}/events"}}'),
        ("{path: /gate}", "{}"),
    ):
        text = text.replace(old, new)
    there.path.write_text(text)
    there = written_again(there)
    way = Way(name="lpr", type="websocket", up=True, why="connected")
    told = Told(
        site="x", digest=there.site.digest, pid=1, mode="take", connectors=[way], sensors={}, conditions=[], parked=[]
    )

    async def status(control: Path) -> tuple[Told, list[Line]]:
        return told, []

    monkeypatch.setattr("bridge.proving.running.status", status)
    lines = await proven(there)
    assert "the running service says: connected" in one(lines, Topic.SENSORS, Grade.OK).what
    assert not taken
    way.up = False
    way.why = "connection refused"
    assert "is down" in one(await proven(there), Topic.SENSORS, Grade.WRONG).what
    server.close()
