"""Where each VMS's clock is asked: at an end of it that takes nothing for an event; where there is none, it is said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.config.load import load
from bridge.config.places import Places
from bridge.config.registry import vms_class
from bridge.config.secrets import SecretStores
from bridge.model import VmsId
from bridge.proving.clocks import of_vms
from bridge.proving.destinations import Destination, destinations
from bridge.proving.lines import Grade, Line, Topic
from bridge.simulator.milestone.state import DOCK
from bridge.vms.base import VmsTarget
from tests.cli.every_target import NOBODY, SITE, TARGETS, Target
from tests.proving.conftest import of, one, web

NO_SECRETS = SecretStores(None, environment={})


def ends(folder: Path, text: str) -> tuple[Mapping[VmsId, VmsTarget], tuple[Destination, ...], list[Line]]:
    path = folder / "site.yaml"
    path.write_text(text)
    site = load(path)
    targets: dict[VmsId, VmsTarget] = {}
    for name, vms in site.vms.items():
        cameras = {each.id: each.settings for each in site.cameras.values()}
        targets[name] = vms_class(vms.settings.type)(name, vms.settings, cameras, NO_SECRETS)
    return targets, *destinations(site, Places(path), targets)


@pytest.mark.parametrize("target", TARGETS, ids=[each.name for each in TARGETS])
def test_it_is_asked_once_or_it_is_said_that_it_is_not(target: Target, tmp_path: Path) -> None:
    _, found, lines = ends(tmp_path, target.site(NOBODY))
    assert found
    assert len([each for each in found if each.origin is not None]) == int(target.timed)
    assert len(of(lines, Topic.CLOCKS, Grade.UNKNOWN)) == int(not target.timed)


def milestone(events: int, gateway: int, more: str = "") -> str:
    vms = (
        f'type: milestone, event_server: "http://127.0.0.1:{events}", gateway: "http://127.0.0.1:{gateway}", '
        f"user: bridge, password: secret:yard, allow_http: true{more}"
    )
    return SITE.format(vms=vms, camera="dock", more=f", id: {DOCK}")


async def test_of_two_ends_the_one_is_asked_that_takes_no_events(tmp_path: Path) -> None:
    async with web(clock=timedelta(0)) as events, web(clock=timedelta(seconds=-90)) as gateway:
        targets, found, _ = ends(tmp_path, milestone(events, gateway))
        settings = load(tmp_path / "site.yaml").vms[VmsId("yard")].settings
        said = [line for each in found for line in await of_vms(each, settings, NO_SECRETS)]
        assert list(targets) == ["yard"]
    line = one(said, Topic.CLOCKS, Grade.WRONG)
    assert f":{gateway} is" in line.what
    assert line.where.endswith("vms.yard.gateway")


async def test_behind_a_proxy_it_is_asked_through_it_and_once(tmp_path: Path) -> None:
    async with web(clock=timedelta(seconds=-90)) as proxy:
        _, found, _ = ends(tmp_path, milestone(9, 10, f', proxy: {{url: "http://127.0.0.1:{proxy}"}}'))
        (end,) = found
        settings = load(tmp_path / "site.yaml").vms[VmsId("yard")].settings
        (line,) = await of_vms(end, settings, NO_SECRETS)
    assert (end.port, end.proxied) == (proxy, True)
    assert "127.0.0.1:10 is" in line.what
