"""What ``docs/vms/genetec.md`` shows is what is sent."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.vms.genetec.settings import SendingSettings
from tests.vms.genetec.conftest import EVERY_WAY, delivery, target
from tests.vms.vxg.test_documentation import plate

TEXT = (Path(__file__).parents[3] / "docs" / "vms" / "genetec.md").read_text("utf-8")


def test_the_requests_on_the_page_are_those_that_are_sent() -> None:
    ours = target(**{**EVERY_WAY, "ways": ["bookmark", "event", "alarm"]})
    shown = [ours.shown(request).decode().replace("\r\n", "\n") for request in ours.render(delivery(plate()))]
    assert re.findall(r"```http\n(.*?)\n```", TEXT, re.DOTALL) == [each.rstrip("\n") for each in shown]


def test_every_setting_of_its_own_stands_on_the_page() -> None:
    for model in (target().Settings, target().Camera, SendingSettings):
        for name in model.model_fields:
            assert f"`{name}`" in TEXT, name
