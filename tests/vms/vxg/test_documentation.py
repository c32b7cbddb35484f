"""What ``docs/vms`` shows is what is sent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.model import CameraId, Media, MediaId, SensorEvent, Urgency
from tests.vms.conftest import event
from tests.vms.vxg.conftest import delivery, target
from tests.vms.webhook import test_webhook as webhook

DOCS = Path(__file__).parents[3] / "docs" / "vms"


def plate() -> SensorEvent:
    """The event of both pages."""
    return event(
        id="0197c3d2-5.0",
        message="0197c3d2-5",
        type="vehicle.identified",
        sensor="gate-lpr",
        sensor_name="Gate plate reader",
        kind="lpr",
        title="1AB 2345 CZE in",
        urgency=Urgency.ALARM,
        fields={"plate": "1AB2345", "country": "CZE", "direction": "in", "confidence": 0.91, "make": "Skoda"},
        detail=b'{"carState":"reliable","plateUTF8":"1AB 2345"}',
        media=(Media(MediaId("0197c3d2-5.0-0"), "image/jpeg", 48213, "vehicle"),),
    )


def blocks(page: str) -> list[str]:
    return re.findall(r"```http\n(.*?)\n```", (DOCS / page).read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize(("page", "ours"), [("vxg.md", target()), ("webhook.md", webhook.target())])
def test_the_requests_on_the_page_are_those_that_are_sent(page: str, ours) -> None:  # type: ignore[no-untyped-def]
    told = delivery(plate(), camera=CameraId("gate-in"))
    sent = [ours.shown(request).decode().replace("\r\n", "\n").rstrip("\n") for request in ours.render(told)]
    assert [re.sub(r",\n +", ",", block) for block in blocks(page)] == sent


@pytest.mark.parametrize(("page", "ours"), [("vxg.md", target()), ("webhook.md", webhook.target())])
def test_every_setting_of_its_own_stands_on_the_page(page: str, ours) -> None:  # type: ignore[no-untyped-def]
    text = (DOCS / page).read_text("utf-8")
    for model in (ours.Settings, ours.Camera):
        for name in model.model_fields:
            assert f"`{name}`" in text, name
