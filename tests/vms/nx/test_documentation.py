"""What ``docs/vms/nx.md`` shows is what is sent."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.model import Action
from bridge.vms.nx.settings import CloudSettings
from tests.vms.conftest import event
from tests.vms.nx.conftest import delivery, target
from tests.vms.vxg.test_documentation import plate

TEXT = (Path(__file__).parents[3] / "docs" / "vms" / "nx.md").read_text("utf-8")
AMENDED = delivery(
    event(id="0197c3d2-5.0", revision=1, title="1AB 2345 CZE in", detail=b"", fields={"plate": "1AB2345"}),
    Action.AMEND,
    remote_id="9b1c2d3e-0000-4000-8000-000000000001_a7e0c1f2-0000-4000-8000-000000007001",
)


def test_the_requests_on_the_page_are_those_that_are_sent() -> None:
    told = [
        (target(), delivery(plate())),
        (target(way="event"), delivery(plate())),
        (target(way="event", call="createEvent"), delivery(plate())),
        (target(), AMENDED),
    ]
    shown = [ours.shown(request).decode() for ours, what in told for request in ours.render(what)]
    blocks = re.findall(r"```http\n(.*?)\n```", TEXT, re.DOTALL)
    assert blocks == [each.replace("\r\n", "\n").rstrip("\n") for each in shown]


def test_every_setting_of_its_own_stands_on_the_page() -> None:
    for model in (target().Settings, target().Camera, CloudSettings):
        for name in model.model_fields:
            assert f"`{name}`" in TEXT, name
