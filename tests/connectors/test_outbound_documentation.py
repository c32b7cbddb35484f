"""The pages of the connectors that connect out: what they show works, and no setting is missing on them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.config.load import load
from bridge.config.site import Site
from connectors.http_poll import HttpPollSettings
from connectors.http_poll.settings import CursorSettings, PagesSettings
from connectors.mqtt import MqttSettings
from connectors.mqtt.settings import Availability
from connectors.websocket import WebSocketSettings

DOCS = Path(__file__).resolve().parents[2] / "docs" / "connectors"
SITE = """\
version: 1
site: {name: Documentation}
vms:
  alarms: {type: webhook, url: "http://127.0.0.1:8084/alarms"}
cameras:
  lobby: {vms: alarms}
"""
SENSOR = """
sensors:
  any: {profile: cammra, connector: gate-memory, cameras: [lobby]}
"""


def shown(page: str, tmp_path: Path, more: str) -> Site:
    """The site made of the first sample on a page."""
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    (tmp_path / "site.yaml").write_text(SITE + blocks[0] + more)
    return load(tmp_path / "site.yaml")


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_the_samples_are_right(tmp_path: Path) -> None:
    poll = shown("http-poll.md", tmp_path, SENSOR)
    assert {str(connector) for connector in poll.connectors} == {"gate-memory", "omni-events"}
    assert shown("mqtt.md", _folder(tmp_path / "mqtt"), "").sensors.keys() == {"cellar-leak", "yard-reviews"}
    poller = "  omni-events: {type: http-poll, url: 'http://127.0.0.1/x'}\n"
    text = (DOCS / "websocket.md").read_text("utf-8")
    assert "connectors:\n" in text
    (tmp_path / "websocket").mkdir()
    block = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]
    (tmp_path / "websocket" / "site.yaml").write_text(SITE + block.replace("connectors:\n", f"connectors:\n{poller}"))
    assert load(tmp_path / "websocket" / "site.yaml").sensors


@pytest.mark.parametrize(
    ("page", "model"),
    [
        ("websocket.md", WebSocketSettings),
        ("mqtt.md", MqttSettings),
        ("mqtt.md", Availability),
        ("http-poll.md", HttpPollSettings),
        ("http-poll.md", CursorSettings),
        ("http-poll.md", PagesSettings),
    ],
)
def test_every_setting_stands_on_its_page(page: str, model: type) -> None:
    text = (DOCS / page).read_text("utf-8")
    keys = [field.alias or name for name, field in model.model_fields.items()]  # type: ignore[attr-defined]
    missing = [key for key in keys if re.search(rf"\b{key}\b", text) is None]
    assert missing == []
