"""The page says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bridge.config.pictures import FetchSettings
from bridge.endpoints.document import event_document, gap_document, position_document
from bridge.endpoints.settings import EventFilter, WebhookEndpoint, WebSocketEndpoint
from bridge.journal.contract import Fed, FeedGap
from tests.journal.making import decision

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "endpoints.md").read_text("utf-8")


def test_every_setting_is_on_the_page() -> None:
    for model in (EventFilter, WebSocketEndpoint, WebhookEndpoint, FetchSettings):
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in PAGE or name in ("type", "filter"), f"{model.__name__}.{name}"


def test_the_objects_on_the_page_have_the_keys_of_the_real_ones() -> None:
    found = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    event, gap, position = (
        json.loads(each) for each in re.findall(r"\{\"version\".*?\}(?=\n\{\"v|\n$)", found[1], re.S)
    )
    made = decision(pictures=(b"x",)).events[0]
    real = json.loads(event_document(Fed(position="p", event=made, cameras=())))
    assert list(event) == list(real)
    assert list(event["event"]) == list(real["event"])
    assert list(event["sensor"]) == list(real["sensor"])
    assert list(event["event"]["media"][0]) == list(real["event"]["media"][0])
    assert list(gap) == list(json.loads(gap_document(FeedGap("a", "b", "why"))))
    assert list(position) == list(json.loads(position_document("p")))
