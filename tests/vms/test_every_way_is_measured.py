"""No target is left out of ``make bench ARGS=targets``, and none of its sites is one that ``run`` would refuse."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from bridge.config.load import load
from tests.benchmarks.simulated import WAYS, Counted
from tests.benchmarks.targets import write_site


def test_every_target_is_among_the_ways() -> None:
    declared = {each.name for each in entry_points(group="vms_bridge.vms")}
    assert declared == {way.partition("-")[0] for way in WAYS}


@pytest.mark.parametrize("way", WAYS)
async def test_the_site_of_a_way_is_whole(way: str, tmp_path: Path) -> None:
    async with WAYS[way](Counted()) as place:
        site = load(write_site(tmp_path, place, 8080, len(place.cameras), sensors=2))
    assert len(site.cameras) == 4
    assert {len(each.cameras) for each in site.sensors.values()} == {4}
