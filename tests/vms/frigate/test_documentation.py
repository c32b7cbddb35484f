"""What ``docs/vms/frigate.md`` shows is what is sent."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.model import EventId, State
from bridge.vms.frigate.settings import Scores
from tests.vms.conftest import event
from tests.vms.frigate.conftest import delivery, target
from tests.vms.vxg.test_documentation import plate

TEXT = (Path(__file__).parents[3] / "docs" / "vms" / "frigate.md").read_text("utf-8")


def test_the_requests_on_the_page_are_those_that_are_sent() -> None:
    over = event(id="0197c3d2-9.0", state=State.RESTORED, condition="leak", closes=EventId("0197c3d2-7.0"))
    ours, open_ended = target(labels={"vehicle.identified": "plate"}), target(open_ended=True)
    shown = [ours.shown(each).decode() for each in ours.render(delivery(plate()))]
    shown += [open_ended.shown(each).decode() for each in open_ended.render(delivery(over))[:2]]
    blocks = re.findall(r"```http\n(.*?)\n```", TEXT, re.DOTALL)
    assert blocks == [each.replace("\r\n", "\n").rstrip("\n") for each in shown]


def test_every_setting_of_its_own_stands_on_the_page() -> None:
    for model in (target().Settings, target().Camera, Scores):
        for name in model.model_fields:
            assert f"`{name}`" in TEXT or f"{name} " in TEXT, name
