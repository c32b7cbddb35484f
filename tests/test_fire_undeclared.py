"""``fire`` looks first: an event of a type that its camera's VMS does not know would park the camera for real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.config.load import load
from bridge.config.secrets import SecretStores
from bridge.model import CameraId, ReceiptKind, SensorId
from bridge.service import Service
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg

SITE = """\
version: 1
site: {{name: Yard}}
vms:
  cloud: {{type: vxg, url: "{url}", allow_http: true, timeout: 2 s, declare_types: {declares}}}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  lpr: {{profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate], rules: [{rules}]}}
"""
LPR = SensorId("lpr")


@asynccontextmanager
async def served(folder: Path, vms: SimulatedVxg, declares: str = "false", rules: str = "") -> AsyncIterator[Service]:
    (folder / "site.yaml").write_text(SITE.format(url=vms.base_url, declares=declares, rules=rules))
    write_secrets(folder / "secrets", {"gate": vms.tokens[4711]})
    service = await Service.start(load(folder / "site.yaml"), SecretStores.beside(folder / "site.yaml"))
    running = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        await service.stop(5.0)
        await running


async def test_a_type_that_is_not_declared_there_is_not_raised(tmp_path: Path) -> None:
    async with SimulatedVxg(1, declared=["vehicle_identified"]) as vms, served(tmp_path, vms) as service:
        receipt = await service.fire(LPR, None, {}, None)
        assert receipt.kind is ReceiptKind.UNKNOWN
        assert "bridge.test is not declared on gate" in receipt.why
        assert "vms-bridge apply" in receipt.why
        assert (await service.fire(LPR, "vehicle.identified", {}, None)).kind is ReceiptKind.ACCEPTED
        async with asyncio.timeout(30):
            while not vms.record:
                await asyncio.sleep(0.01)
        status = await service.status()
        assert (status.events, status.parked) == (1, [])


async def test_what_a_rule_calls_it_is_what_counts(tmp_path: Path) -> None:
    rules = "{set: {type: vehicle.identified}}"
    async with SimulatedVxg(1, declared=["vehicle_identified"]) as vms, served(tmp_path, vms, rules=rules) as service:
        assert (await service.fire(LPR, None, {}, None)).kind is ReceiptKind.ACCEPTED


@pytest.mark.parametrize("declares", ["false", "true"])
async def test_a_vms_that_is_away_is_asked_where_nobody_declares(tmp_path: Path, declares: str) -> None:
    async with SimulatedVxg(1, declared=["bridge_test"]) as vms, served(tmp_path, vms, declares) as service:
        await vms.go_away()
        receipt = await service.fire(LPR, None, {}, None)
        if declares == "true":
            assert receipt.kind is ReceiptKind.ACCEPTED, "it waits, and is declared on its way"
        else:
            assert "could not be found out" in receipt.why


async def test_what_was_reloaded_while_a_vms_was_asked_is_not_fired_by_the_old_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SimulatedVxg(1, declared=["bridge_test"]) as vms, served(tmp_path, vms) as service:

        async def reloaded_meanwhile(*asked: object) -> list[CameraId]:
            (tmp_path / "site.yaml").write_text(
                SITE.format(url=vms.base_url, declares="false", rules="").replace("/gate", "/door")
            )
            await service.reload(load(tmp_path / "site.yaml"))
            return []

        async with asyncio.timeout(30):
            while service.state != "running":
                await asyncio.sleep(0.01)
        monkeypatch.setattr("bridge.service.firing.undeclared", reloaded_meanwhile)
        assert (await service.fire(LPR, None, {}, None)).kind is ReceiptKind.LATER
        monkeypatch.undo()
        assert (await service.fire(LPR, None, {}, None)).kind is ReceiptKind.ACCEPTED
