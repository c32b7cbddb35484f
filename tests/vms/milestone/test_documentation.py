"""What ``docs/vms/milestone.md`` shows is what is sent."""

from __future__ import annotations

import re
from pathlib import Path

from tests.vms.milestone.conftest import WAYS, delivery, target
from tests.vms.vxg.test_documentation import plate

TEXT = (Path(__file__).parents[3] / "docs" / "vms" / "milestone.md").read_text("utf-8")


def test_the_requests_on_the_page_are_those_that_are_sent() -> None:
    shown = []
    for way in WAYS:
        ours = target(way)
        shown += [ours.shown(request).decode() for request in ours.render(delivery(plate()))]
    blocks = re.findall(r"```http\n(.*?)\n```", TEXT, re.DOTALL)
    assert blocks == [each.replace("\r\n", "\n").rstrip("\n") for each in shown]


def test_every_setting_of_its_own_stands_on_the_page() -> None:
    for model in (target().Settings, target().Camera):
        for name in model.model_fields:
            assert f"`{name}`" in TEXT, name
