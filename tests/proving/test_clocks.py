"""Clocks that differ are said with how much, and only as exactly as can be known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bridge.config.secrets import SecretStores
from bridge.model import VmsId
from bridge.proving import clocks
from bridge.proving.destinations import Destination, destinations
from bridge.proving.lines import Grade, Line, Topic
from bridge.vms.http import split_url
from bridge.vms.vxg import VxgTarget
from bridge.vms.webhook.settings import WebhookSettings
from tests.proving.conftest import Written, closed_port, one, web, written


async def asked(port: int, folder: Path) -> list[Line]:
    there = written(folder, f'{{type: vxg, url: "http://127.0.0.1:{port}", allow_http: true}}')
    (vms,) = there.site.vms.values()
    origin = split_url(f"http://127.0.0.1:{port}")[0]
    where = Destination(part="vms.cloud", where="site.yaml:4", host="127.0.0.1", port=port, origin=origin)
    return await clocks.of_vms(where, vms.settings, SecretStores(None, environment={}))


async def test_a_vms_whose_clock_agrees_is_as_it_should_be(tmp_path: Path) -> None:
    async with web() as port:
        assert "agrees with ours" in one(await asked(port, tmp_path), Topic.CLOCKS, Grade.OK).what


@pytest.mark.parametrize(("ahead", "words"), [(-90.0, "behind ours"), (90.0, "ahead of ours")])
async def test_a_vms_whose_clock_is_far_off_is_wrong(tmp_path: Path, ahead: float, words: str) -> None:
    async with web(clock=timedelta(seconds=ahead)) as port:
        line = one(await asked(port, tmp_path), Topic.CLOCKS, Grade.WRONG)
    assert words in line.what
    assert "same time server" in line.remedy


def test_what_cannot_be_known_exactly_is_given_the_benefit_of_the_doubt() -> None:
    assert clocks.vms_line("x", 2.4, 0.5, "").grade is Grade.OK
    assert clocks.vms_line("x", 2.6, 0.5, "").grade is Grade.WARN
    assert clocks.vms_line("x", -5.4, 0.5, "").grade is Grade.WARN
    assert clocks.vms_line("x", -5.6, 0.5, "").grade is Grade.WRONG


async def test_a_vms_that_tells_no_time_is_unknown_and_not_wrong(tmp_path: Path) -> None:
    async with web(clock=None) as port:
        assert "no Date header" in one(await asked(port, tmp_path), Topic.CLOCKS, Grade.UNKNOWN).what
    assert one(await asked(closed_port(), tmp_path), Topic.CLOCKS, Grade.UNKNOWN)


async def test_a_vms_behind_a_proxy_is_asked_through_it(tmp_path: Path) -> None:
    async with web(clock=timedelta(seconds=-90)) as proxy:
        vms = f'{{type: vxg, url: "http://vms.invalid", allow_http: true, proxy: {{url: "http://127.0.0.1:{proxy}"}}}}'
        there = written(tmp_path, vms)
        secrets = SecretStores(None, environment={})
        target = VxgTarget(VmsId("cloud"), there.site.vms[VmsId("cloud")].settings, {}, secrets)
        (found,), _ = destinations(there.site, there.places, {VmsId("cloud"): target})
        assert (found.host, found.port, found.proxied) == ("127.0.0.1", proxy, True)
        line = one(
            await clocks.of_vms(found, there.site.vms[VmsId("cloud")].settings, secrets), Topic.CLOCKS, Grade.WRONG
        )
    assert "vms.invalid" in line.what


async def test_a_receiver_that_might_take_any_request_for_an_event_is_not_asked() -> None:
    destination = Destination(part="vms.hook", where="", host="127.0.0.1", port=closed_port())
    settings = WebhookSettings(type="webhook", url="http://127.0.0.1/in")
    assert await clocks.of_vms(destination, settings, SecretStores(None, environment={})) == []


def test_this_machine_is_judged_by_its_kernel() -> None:
    assert clocks.of_host(clocks.Kernel(True, 0.002)).grade is Grade.OK
    assert clocks.of_host(clocks.Kernel(False)).grade is Grade.WARN
    assert clocks.of_host(clocks.Kernel(True, 16.0)).grade is Grade.WARN
    assert clocks.of_host(clocks.Kernel(None)).grade is Grade.UNKNOWN
    assert clocks.of_host(clocks.kernel()).what  # the real one answers something


@pytest.fixture
def yard(tmp_path: Path) -> Written:
    return written(tmp_path)


def test_sensors_are_judged_by_the_middle_of_what_was_measured(yard: Written) -> None:
    def judged(offsets: list[float], wrong: tuple[str, ...] = ()) -> Line:
        (line,) = clocks.of_sensors(yard.site, yard.places, {"gate-lpr": offsets}, wrong, "measured")
        return line

    assert judged([0.1, 0.2, 3000.0]).grade is Grade.OK
    assert judged([-40.0, -41.0, 0.0]).grade is Grade.WRONG
    assert judged([1.0], ("gate-lpr",)).grade is Grade.WRONG  # the service has seen more than these
    assert "site.yaml:" in judged([1.0]).where
    assert judged([]).grade is Grade.UNKNOWN
