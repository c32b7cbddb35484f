"""A reload is whole or none at all, whatever breaks in the middle of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.clock import SystemClock
from bridge.config.load import load
from bridge.config.secrets import SecretStores
from bridge.config.site import Site
from bridge.model import ConnectorId, Message, Origin, Position, Receipt, ReceiptKind
from bridge.service import ReloadRefused, Service
from bridge.simulator.http_client import Cut, HttpClient
from bridge.ways_in import Gate
from tests.end_to_end.passes import bare, post, said
from tests.free_port import free_port

SITE = """\
version: 1
site: {name: Yard}
vms:
  cloud: {type: vxg, url: "http://127.0.0.1:9", allow_http: true}
  board: {type: webhook, url: "http://127.0.0.1:9/hook", allow_http: true}
cameras:
  gate-in: {vms: cloud, id: 4711, token: secret:gate-in}
  wall: {vms: board}
connectors:
  lpr: {type: http, bind: "127.0.0.1:0"}
sensors:
  gate: {profile: cammra, connector: lpr, address: {path: /gate}, cameras: [gate-in]}
"""
EXIT = "  exit: {profile: cammra, connector: lpr, address: {path: /exit}, cameras: [wall]}\n"

MakeSite = Callable[..., Site]


@pytest.fixture
def site(tmp_path: Path) -> MakeSite:
    def make(*changes: tuple[str, str], more: str = "") -> Site:
        text = SITE + more
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        path = tmp_path / "site.yaml"
        path.write_text(text)
        return load(path)

    return make


@pytest.fixture
async def service(site: MakeSite) -> AsyncIterator[Service]:
    started = await Service.start(site(), SecretStores())
    running = asyncio.create_task(started.run())
    await _up(started)
    yield started
    await started.stop(1.0)
    async with asyncio.timeout(20):
        await running


async def _up(service: Service) -> None:
    async with asyncio.timeout(30):
        while not all(each.up for each in service.links) or not service.links:
            await asyncio.sleep(0.01)


def bound(service: Service, name: str = "lpr") -> tuple[str, int]:
    host, _, port = next(each.bound for each in service.links if each.name == name).rpartition(":")
    return host, int(port)


async def works_as_before(service: Service, before: Site, reader: HttpClient) -> None:
    assert service.site is before
    assert service.intake.site is before
    assert set(service.deliveries._outlets) == set(before.vms)
    assert [each.name for each in service.links] == list(before.connectors)
    assert not [each.key for each in service.conditions.held() if each.key.startswith("connector")]
    working = [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("connector ")]
    assert working == [f"connector {name}" for name in before.connectors], "nothing new is left behind"
    messages = (await service.status()).messages
    assert (await reader.send(post("/gate", bare(said(3))))).status == 200
    assert (await service.status()).messages == messages + 1
    assert (await service.status()).items.get("unknown", 0) == 0


async def test_a_vms_that_cannot_be_built_leaves_everything_as_it_was(
    service: Service, site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bridge.service.targets
    from bridge.vms.vxg import VxgTarget

    closed: list[str] = []

    class Counted(VxgTarget):
        async def close(self) -> None:
            closed.append(self.name)
            await super().close()

    def broken(type: str) -> Any:
        if type == "webhook":
            raise RuntimeError("no such library")
        return Counted

    reader = HttpClient(*bound(service))
    assert (await reader.send(post("/gate", bare(said(1))))).status == 200
    before = service.site
    monkeypatch.setattr(bridge.service.targets, "vms_class", broken)
    changes = (("9/hook", "9/other"), ("4711", "4713"), ("path: /gate", "path: /door"))
    with pytest.raises(ReloadRefused, match="VMS board cannot be built: no such library"):
        await service.reload(site(*changes, more=EXIT))
    assert closed == ["cloud"], "what was built for nothing is closed"
    await works_as_before(service, before, reader)
    assert reader.connects == 1
    reader.close()


async def test_what_a_connector_counts_stands_on_the_page_of_metrics_and_in_the_status(service: Service) -> None:
    reader, writer = await asyncio.open_connection(*bound(service))
    writer.write(b"POST /gate HTTP/1.1\r\nHost: here\r\n\r\n")
    async with asyncio.timeout(30):
        assert b" 411 " in await reader.readline()
    writer.close()
    assert (
        b'vms_bridge_connector_counts_total{connector="lpr",what="no_length"} 1\n' in await service.observing.metrics()
    )
    (told,) = [each for each in (await service.status()).connectors if each.name == "lpr"]
    assert told.counts == {"no_length": 1}


async def test_a_connector_that_cannot_be_built_leaves_everything_as_it_was(
    service: Service, site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bridge.ways_in.ways

    def broken(type: str) -> Any:
        raise RuntimeError("no such library")

    reader = HttpClient(*bound(service))
    assert (await reader.send(post("/gate", bare(said(1))))).status == 200
    before = service.site
    monkeypatch.setattr(bridge.ways_in.ways, "connector_class", broken)
    yard = ("sensors:", '  yard: {type: http, bind: "127.0.0.1:0"}\nsensors:')
    with pytest.raises(ReloadRefused, match="connector yard cannot be built: no such library"):
        await service.reload(site(yard, ("4711", "4713")))
    await works_as_before(service, before, reader)
    assert reader.connects == 1
    reader.close()


@pytest.mark.parametrize("room", ["intake", "deliveries", "endpoints", "observing", "people", "trouble", "supervisor"])
async def test_a_room_that_fails_half_way_takes_the_whole_change_back(
    service: Service, site: MakeSite, monkeypatch: pytest.MonkeyPatch, room: str
) -> None:
    import bridge.service.targets
    from bridge.config.registry import vms_class

    opened: list[str] = []

    def counted(type: str) -> Any:
        class Counted(vms_class(type)):  # type: ignore[misc]
            def __init__(self, *words: Any) -> None:
                super().__init__(*words)
                self.closes = 0
                opened.append(self.name)

            async def close(self) -> None:
                if not self.closes:
                    opened.remove(self.name)
                self.closes += 1
                await super().close()

        return Counted

    monkeypatch.setattr(bridge.service.targets, "vms_class", counted)
    before = service.site
    made = getattr(service, room).replace
    calls = []

    def once(*words: Any) -> Any:
        calls.append(words)
        if len(calls) == 1:
            raise RuntimeError("half-way")
        return made(*words)

    monkeypatch.setattr(getattr(service, room), "replace", once)
    changes = (
        ("4711", "4713"),
        ("  board: {type: webhook", "  other: {type: webhook"),
        ("vms: board", "vms: other"),
        ('http, bind: "127.0.0.1:0"', 'http, bind: "127.0.0.1:0", max_body: 3 MiB'),
        ("sensors:", '  yard: {type: http, bind: "127.0.0.1:0"}\nsensors:'),
    )
    with pytest.raises(ReloadRefused, match="half-way"):
        await service.reload(site(*changes))
    await _up(service)
    reader = HttpClient(*bound(service))
    await works_as_before(service, before, reader)
    reader.close()
    await service.reload(site(*changes))  # and nothing of the failure stays
    assert [each.name for each in service.links] == ["lpr", "yard"]
    async with asyncio.timeout(30):
        while sorted(opened) != ["cloud", "other"]:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("taken_over", [True, False])
async def test_what_comes_before_its_site_decides_waits_and_is_decided_by_that_site_or_stays_with_its_sender(
    service: Service, site: MakeSite, monkeypatch: pytest.MonkeyPatch, taken_over: bool
) -> None:
    """A new connector works before the intake knows its sensors."""
    arrived, go_on = asyncio.Event(), asyncio.Event()
    submit, gone_over = Gate.submit, service.endpoints.replace

    async def submitted(self: Gate, message: Message) -> Receipt:
        arrived.set()
        return await submit(self, message)

    async def replaced(other: Site) -> None:
        if not go_on.is_set():
            await go_on.wait()
            if not taken_over:
                raise RuntimeError("half-way")
        await gone_over(other)

    monkeypatch.setattr(Gate, "submit", submitted)
    monkeypatch.setattr(service.endpoints, "replace", replaced)
    yard = ("sensors:", '  yard: {type: http, bind: "127.0.0.1:0"}\nsensors:')
    reloading = asyncio.create_task(service.reload(site(yard, more=EXIT.replace("lpr", "yard"))))
    async with asyncio.timeout(30):
        while not (begun := [way for way in service.ways._beginning if way.status.up]):
            await asyncio.sleep(0.01)
        host, _, port = begun[0].status.bound.rpartition(":")
        reader = HttpClient(host, int(port))
        sent = asyncio.create_task(reader.send(post("/exit", bare(said(1)))))
        await arrived.wait()
        assert not sent.done()
        go_on.set()
        await asyncio.wait([reloading])
        assert (await sent).status == (200 if taken_over else 503)
    assert (reloading.exception() is None) is taken_over
    status = await service.status()
    assert (status.messages, status.events) == ((1, 1) if taken_over else (0, 0))
    assert status.items.get("unknown", 0) == 0
    reader.close()


async def test_whoever_asked_may_leave_and_the_reload_goes_on_to_its_end(
    service: Service, site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_way, go_on = asyncio.Event(), asyncio.Event()
    gone_over = service.endpoints.replace

    async def replaced(other: Site) -> None:
        half_way.set()
        await go_on.wait()
        await gone_over(other)

    monkeypatch.setattr(service.endpoints, "replace", replaced)
    new = site(("sensors:", '  yard: {type: http, bind: "127.0.0.1:0"}\nsensors:'), more=EXIT.replace("lpr", "yard"))
    asked = asyncio.create_task(service.reload(new))
    await half_way.wait()
    asked.cancel()
    await asyncio.wait([asked])
    go_on.set()
    async with asyncio.timeout(30):
        while len(service.links) < 2:
            await asyncio.sleep(0.01)
    reader = HttpClient(*bound(service, "yard"))
    assert (await reader.send(post("/exit", bare(said(1))))).status == 200
    assert (await service.status()).events == 1
    reader.close()


async def test_a_service_that_stops_while_it_reloads_ends_all_the_same(
    site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await Service.start(site(), SecretStores())
    running = asyncio.create_task(service.run())
    await _up(service)
    spoken = asyncio.Event()

    async def until_it_stops(ways: object) -> None:
        spoken.set()
        while not service.ways._stopping:
            await asyncio.sleep(0)

    monkeypatch.setattr("bridge.ways_in.ways._spoken", until_it_stops)
    yard = ("sensors:", '  yard: {type: http, bind: "127.0.0.1:0"}\nsensors:')
    reloading = asyncio.create_task(service.reload(site(yard)))
    await spoken.wait()
    await service.stop(1.0)
    with pytest.raises(ReloadRefused, match="stopping"):
        await reloading
    async with asyncio.timeout(30):
        await running


async def test_what_is_acknowledged_while_sites_come_and_are_refused_is_kept_once(site: MakeSite) -> None:
    """A reader sends on and on, and again what was not acknowledged, while its connector restarts in its place, is
    refused and comes back, four times over."""
    port = free_port()
    here = ("127.0.0.1:0", f"127.0.0.1:{port}")
    service = await Service.start(site(here), SecretStores())
    running = asyncio.create_task(service.run())
    await _up(service)
    over = asyncio.Event()
    acknowledged = 0

    async def send_on() -> None:
        nonlocal acknowledged
        while not over.is_set():
            reader = HttpClient("127.0.0.1", port)
            try:
                while not over.is_set():
                    answered = await reader.send(post("/gate", bare(said(acknowledged + 1))))
                    acknowledged += answered.status == 200
            except Cut:  # it restarts: the same again on a new connection
                await asyncio.sleep(0.005)
            finally:
                reader.close()

    sending = asyncio.create_task(send_on())
    no_certificate = ('"}\nsensors', '", tls: {certificate: nowhere.pem, key: nowhere.key}}\nsensors')
    for size in (3, 4, 5, 6):
        await service.reload(site(here, ('"}\nsensors', f'", max_body: {size} MiB}}\nsensors')))
        with pytest.raises(ReloadRefused, match=r"nowhere\.pem"):
            await service.reload(site(here, no_certificate))
        sent = acknowledged
        async with asyncio.timeout(30):
            while acknowledged < sent + 5:
                await asyncio.sleep(0.005)
    over.set()
    await sending
    status = await service.status()
    assert (status.events, status.items.get("unknown", 0)) == (acknowledged, 0)
    await service.stop(1.0)
    async with asyncio.timeout(30):
        await running


async def test_nothing_begins_any_more_once_the_service_stops(site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops while the old connector ends whose place the new one is to have."""
    service = await Service.start(site(), SecretStores())
    running = asyncio.create_task(service.run())
    await _up(service)
    leave = service.ways._leave

    async def and_stop(names: Any) -> Any:
        left = await leave(names)
        await service.stop(1.0)
        return left

    monkeypatch.setattr(service.ways, "_leave", and_stop)
    monkeypatch.setattr("bridge.ways_in.ways._may_begin_beside", lambda *_: False)
    with pytest.raises(ReloadRefused, match="stopping"):
        await service.reload(site(('http, bind: "127.0.0.1:0"', 'http, bind: "127.0.0.1:0", max_body: 3 MiB')))
    async with asyncio.timeout(30):
        await running


class _Taking:
    """An intake that takes everything."""

    async def submit(self, message: Message) -> Receipt:
        return Receipt(ReceiptKind.ACCEPTED)

    async def position(self, name: str) -> Position | None:
        return None


async def test_what_waits_at_a_gate_that_is_shut_stays_with_its_sender() -> None:
    gate = Gate(_Taking())
    message = Message(connector=ConnectorId("lpr"), origin=Origin("x"), body=b"", arrived=SystemClock().now())
    waiting = asyncio.create_task(gate.submit(message))
    await asyncio.sleep(0)
    gate.shut("refused")
    assert (await waiting).kind is ReceiptKind.LATER
    assert not (await gate.submit(message)).kept
